#![no_main]

#[path = "../src/mjpeg.rs"]
mod mjpeg;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mjpeg::check(bytes));
