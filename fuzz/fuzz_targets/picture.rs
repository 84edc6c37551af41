//! JPEG and PNG files of any bytes: decoded or refused.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = wingmark::picture::decode(bytes, Path::new("fuzz")) {
        frame.check().expect("a decoded picture fits its description");
    }
});
