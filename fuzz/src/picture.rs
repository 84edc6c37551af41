//! JPEG and PNG files of any bytes: decoded or refused.
use std::path::Path;

pub fn check(bytes: &[u8]) {
    if let Ok(frame) = wingmark::picture::decode(bytes, Path::new("fuzz")) {
        frame.to_rgb();
    }
}
