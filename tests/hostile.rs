//! Every parser of bytes from outside, on the inputs of its fuzz target (fuzz/inputs) and on
//! damaged copies of them.
//!
//! `PROPTEST_CASES=1000000 cargo test --release --test hostile` tries more than the usual few.

#[path = "../fuzz/src/board.rs"]
mod board;
#[path = "../fuzz/src/card.rs"]
mod card;
#[path = "../fuzz/src/dataset.rs"]
mod dataset;
#[path = "../fuzz/src/folder.rs"]
mod folder;
#[path = "../fuzz/src/frame.rs"]
mod frame;
#[path = "../fuzz/src/http.rs"]
mod http;
#[path = "../fuzz/src/mjpeg.rs"]
mod mjpeg;
#[path = "../fuzz/src/model.rs"]
mod model;
#[path = "../fuzz/src/past.rs"]
mod past;
#[path = "../fuzz/src/picture.rs"]
mod picture;
#[path = "../fuzz/src/report.rs"]
mod report;
#[path = "../fuzz/src/settings.rs"]
mod settings;
#[path = "../fuzz/src/shape.rs"]
mod shape;
#[path = "../fuzz/src/y4m.rs"]
mod y4m;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

#[test]
fn boards() {
    check("board", board::check);
}

#[test]
fn cards() {
    check("card", card::check);
}

#[test]
fn data_sets() {
    check("dataset", dataset::check);
}

#[test]
fn folders_of_logs() {
    check("folder", folder::check);
}

#[test]
fn frames() {
    check("frame", frame::check);
}

#[test]
fn http_answers() {
    check("http", http::check);
}

#[test]
fn mjpeg_video() {
    check("mjpeg", mjpeg::check);
}

#[test]
fn models() {
    check("model", model::check);
}

#[test]
fn records() {
    check("past", past::check);
}

#[test]
fn pictures() {
    check("picture", picture::check);
}

#[test]
fn reports() {
    check("report", report::check);
}

#[test]
fn settings_files() {
    check("settings", settings::check);
}

#[test]
fn shapes() {
    check("shape", shape::check);
}

#[test]
fn y4m_video() {
    check("y4m", y4m::check);
}

/// Checks each input of a fuzz target, then many damaged copies.
fn check(target: &str, check: fn(&[u8])) {
    let inputs = inputs(target);
    inputs.iter().for_each(|input| check(input));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let damaged = (select(inputs), vec(damage(), 1..6)).prop_map(|(input, all)| all.iter().fold(input, Damage::apply));
    let outcome = TestRunner::new(config).run(&damaged, |bytes| {
        check(&bytes);
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{target}: {e}"));
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/inputs").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    /// Takes so many bytes away.
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    /// Writes so many bytes once more, behind themselves.
    Repeat(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let telling = select(b"\0\x01\x7f\x80\xff\n ,-.\"{}9".as_slice());
    let number = select(vec![0_u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX]);
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), telling).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        at().prop_map(Damage::Cut),
        (at(), 1..40_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), number).prop_map(|(at, number)| Damage::Insert(at, number.to_le_bytes().into())),
        (at(), 1..40_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

impl Damage {
    fn apply(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
        let (Damage::Set(at, _)
        | Damage::Flip(at, _)
        | Damage::Cut(at)
        | Damage::Remove(at, _)
        | Damage::Insert(at, _)
        | Damage::Repeat(at, _)) = damage;
        if bytes.is_empty() {
            return bytes;
        }
        let at = at.index(bytes.len());
        let end = |length: usize| (at + length).min(bytes.len());
        match *damage {
            Damage::Set(_, byte) => bytes[at] = byte,
            Damage::Flip(_, bit) => bytes[at] ^= 1 << bit,
            Damage::Cut(_) => bytes.truncate(at),
            Damage::Remove(_, length) => drop(bytes.drain(at..end(length))),
            Damage::Insert(_, ref inserted) => drop(bytes.splice(at..at, inserted.iter().copied())),
            Damage::Repeat(_, length) => {
                let repeated = bytes[at..end(length)].to_vec();
                bytes.splice(at..at, repeated);
            }
        }
        bytes
    }
}
