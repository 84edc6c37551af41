#![no_main]

#[path = "../src/past.rs"]
mod past;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| past::check(bytes));
