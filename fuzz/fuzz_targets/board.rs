#![no_main]

#[path = "../src/board.rs"]
mod board;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| board::check(bytes));
