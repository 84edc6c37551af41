//! MJPEG streams of any bytes: pictures and errors take turns, and they end.
#![no_main]

use wingmark::capture::Mjpeg;
use wingmark::frame::Frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut mjpeg = Mjpeg::new(bytes);
    let mut frame = Frame::default();
    for _ in 0..=bytes.len() {
        match mjpeg.read_into(&mut frame) {
            Ok(true) => frame.check().expect("a picture that was read fits its description"),
            Ok(false) => return,
            Err(_) => {}
        }
    }
    panic!("{} bytes gave more pictures and errors than bytes", bytes.len());
});
