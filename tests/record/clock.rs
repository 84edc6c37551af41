//! A wall clock that jumps neither reorders records nor loses any.

use std::time::{Duration, SystemTime};

use wingmark::record::Format;
use wingmark::record::fields::Fields;
use wingmark::record::journal::Limits;
use wingmark::record::storage::Disk;

use crate::read_back::{files, frames_of_log, frames_of_mcap};
use crate::sample::{NO_LIMITS, entries, write, writer};

#[test]
fn log_times_follow_the_monotonic_clock() {
    let mut entries = entries(6);
    entries[2].wall -= Duration::from_secs(86_400);
    entries[3].wall += Duration::from_secs(86_400 * 365 * 30);
    entries[4].wall = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let mut encoder = Format::Mcap.encoder(Fields::ALL);
    entries.iter().for_each(|entry| encoder.add(entry));
    let found = frames_of_mcap(&[encoder.take_block(), encoder.tail()].concat());
    let start = 1_795_000_000_000_000_000;
    let expected: Vec<(u32, u64)> = (0..6).map(|i| (i, start + u64::from(i) * 40_000_000)).collect();
    assert_eq!(found, expected);
}

#[test]
fn archives_are_numbered_whatever_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let entries = entries(9);
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    for (some, modified) in entries.chunks(3).zip([now, now - 400 * day, SystemTime::UNIX_EPOCH + day]) {
        let (mut log, _) = writer(Disk, &path, NO_LIMITS);
        write(&mut log, some, 1);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
    // One more run sets the third file aside. The cap has room for its own file and little else.
    let limits = Limits { total_bytes: Some(25_000), ..NO_LIMITS };
    let (mut log, _) = writer(Disk, &path, limits);
    write(&mut log, &entries[..2], 1);
    let names: Vec<String> =
        files(&path).iter().map(|file| file.file_name().unwrap().to_str().unwrap().into()).collect();
    assert_eq!(names.last().unwrap(), "faces.jsonl");
    assert!(names.contains(&"faces-000003-19700102T000000Z.jsonl".into()), "{names:?}");
    assert_eq!(frames_of_log(&path)[..3], [3, 4, 5], "the first run's file was the one to go: {names:?}");
}
