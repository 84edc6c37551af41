#![no_main]

#[path = "../src/card.rs"]
mod card;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| card::check(bytes));
