//! Y4M streams of any bytes: their frames can be read, and they end.
#![no_main]

use wingmark::capture::Y4m;
use wingmark::frame::Frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut y4m) = Y4m::open(bytes) else { return };
    let mut frame = Frame::default();
    while let Ok(true) = y4m.read_into(&mut frame) {
        frame.check().expect("a frame that was read fits its description");
        frame.to_rgb();
    }
});
