//! Answers of any bytes: refused, or a body that ends.

use std::io::{Read, sink};

use wingmark::capture::http::{Answer, answer};

pub fn check(bytes: &[u8]) {
    if let Ok(Answer::Body(body)) = answer(bytes) {
        let read = std::io::copy(&mut body.take(bytes.len() as u64 + 1), &mut sink());
        assert!(read.is_err() || read.is_ok_and(|read| read <= bytes.len() as u64), "more than was there");
    }
}
