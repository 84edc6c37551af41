#![no_main]

#[path = "../src/folder.rs"]
mod folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folder::check(bytes));
