#![no_main]

#[path = "../src/report.rs"]
mod report;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| report::check(bytes));
