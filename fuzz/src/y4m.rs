//! Y4M of any bytes: frames that fit their descriptions, then an end.

use wingmark::capture::Y4m;
use wingmark::picture::frame::Frame;

pub fn check(bytes: &[u8]) {
    let Ok(mut video) = Y4m::open(bytes) else { return };
    let mut frame = Frame::default();
    while let Ok(true) = video.read_into(&mut frame) {
        frame.to_rgb();
    }
    assert!(matches!(video.read_into(&mut frame), Ok(false)), "there is more after the end");
}
