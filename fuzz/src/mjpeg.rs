//! MJPEG of any bytes: pictures that fit their descriptions and errors, then an end.

use wingmark::capture::{Mjpeg, Pace};
use wingmark::picture::frame::Frame;

pub fn check(bytes: &[u8]) {
    let mut video = Mjpeg::new(bytes, Pace::default());
    let mut frame = Frame::default();
    // A picture or an error takes at least a byte.
    for _ in 0..=bytes.len() {
        match video.read_into(&mut frame) {
            Ok(true) => drop(frame.to_rgb()),
            Ok(false) => return,
            Err(_) => {}
        }
    }
    panic!("it does not end");
}
