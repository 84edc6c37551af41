//! Each call to the file system fails in turn: nothing written earlier is damaged, the loss is
//! counted, and writing goes on.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use wingmark::record::Format;
use wingmark::record::journal::Limits;
use wingmark::record::losses::Cause;
use wingmark::record::storage::{Disk, Storage};
use wingmark::record::writer::Writer;

use crate::meddled::{Call, Meddled};
use crate::read_back::{frames, frames_of_log};
use crate::sample::{NO_LIMITS, entries, packed, write, writer};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;

/// A disk on which the calls with these numbers fail; a write that fails leaves half of its bytes.
/// `calls` counts all.
fn faulty(
    calls: &Rc<Cell<usize>>,
    failing: Range<usize>,
    error: i32,
) -> Meddled<impl FnMut(Call<'_>) -> io::Result<()> + use<>> {
    let calls = Rc::clone(calls);
    Meddled(move |call| {
        if !failing.contains(&calls.replace(calls.get() + 1)) {
            return Ok(());
        }
        if let Call::Append(file, bytes) = call {
            Disk.append(file, &bytes[..bytes.len() / 2])?;
        }
        Err(io::Error::from_raw_os_error(error))
    })
}

struct Outcome {
    calls: usize,
    written: u64,
    lost: u64,
    read: Vec<u32>,
    bytes: u64,
}

const FRAMES: u32 = 24;
const BLOCK: usize = 2;

/// A log of 24 frames in blocks of two and files of a few blocks, beside the file of an earlier
/// run.
fn run(format: Format, limits: Limits, failing: Range<usize>, error: i32) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces").with_extension(format.extension());
    let entries = entries(FRAMES);
    let (mut earlier, _) = writer(Meddled(|_| Ok(())), &path, NO_LIMITS);
    write(&mut earlier, &entries[..BLOCK], BLOCK);
    let calls = Rc::default();
    let (mut log, tally) = writer(faulty(&calls, failing, error), &path, limits);
    write(&mut log, &entries[BLOCK..], BLOCK);
    let bytes = Disk.list(folder.path()).unwrap().iter().map(|file| file.bytes).sum();
    Outcome { calls: calls.get(), written: tally.written(), lost: tally.lost(), read: frames_of_log(&path), bytes }
}

fn small_files(format: Format, total_bytes: Option<u64>) -> Limits {
    Limits { file_bytes: Some(packed(format, 5_000)), total_bytes, file_age: None }
}

#[test]
fn any_one_call_may_fail() {
    for format in Format::ALL {
        let calls = run(format, small_files(format, None), 0..0, 0).calls;
        assert!(calls > 40, "{format:?} made {calls} calls");
        for (number, error) in (0..calls).flat_map(|n| [ENOSPC, EIO, EROFS].map(|error| (n, error))) {
            let Outcome { written, lost, read, .. } = run(format, small_files(format, None), number..number + 1, error);
            let case = format!("{format:?}, call {number}, error {error}: {read:?}");
            assert!(lost <= BLOCK as u64, "{case}: {lost} lost");
            assert_eq!(written + lost, u64::from(FRAMES) - BLOCK as u64, "{case}");
            // What is counted as lost is not there; all else is, in order.
            assert_eq!(read.len() as u64, u64::from(FRAMES) - lost, "{case}");
            assert!(read.is_sorted_by(|a, b| a < b), "{case}");
        }
    }
}

#[test]
fn from_any_call_on_many_may_fail() {
    for format in Format::ALL {
        let calls = run(format, small_files(format, None), 0..0, 0).calls;
        for number in 0..calls {
            let Outcome { written, lost, read, .. } =
                run(format, small_files(format, None), number..number + 10, ENOSPC);
            let case = format!("{format:?}, calls from {number}: {read:?}");
            assert_eq!(written + lost, u64::from(FRAMES) - BLOCK as u64, "{case}");
            // Where cutting off the torn block failed too, whole records of it are read besides
            // those counted.
            assert!(read.len() as u64 >= BLOCK as u64 + written, "{case}: {written} written");
            assert!(read.is_sorted_by(|a, b| a < b), "{case}");
            // Each block that is lost uses up a failing call at least; those after them are
            // written.
            assert!(lost <= 10 * BLOCK as u64 && written > 0, "{case}: {lost} lost");
        }
    }
}

#[test]
fn the_cap_holds_and_keeps_the_latest() {
    for format in Format::ALL {
        // An MCAP file has 10 kB of schemas at its start and again at its end.
        let cap = if format == Format::Mcap { 100_000 } else { packed(format, 30_000) };
        let whole = run(format, small_files(format, Some(cap)), 0..0, 0);
        assert!(whole.bytes <= cap && whole.bytes > cap / 2, "{format:?}: {} bytes", whole.bytes);
        assert!(whole.read.len() < FRAMES as usize && whole.lost == 0, "{format:?}: {:?}", whole.read);
        for number in 0..whole.calls {
            let outcome = run(format, small_files(format, Some(cap)), number..number + 1, EIO);
            let case = format!("{format:?}, call {number}: {:?}", outcome.read);
            assert!(outcome.read.is_sorted_by(|a, b| a < b), "{case}");
            // The last block may be the one that was lost.
            let lost = if outcome.lost == 0 { 0 } else { BLOCK as u32 };
            assert!(outcome.read.last() >= Some(&(FRAMES - 1 - lost)), "{case}");
        }
    }
}

/// What somebody does to the file under way.
type Tampers = fn(&Path);

const TAMPERS: [(&str, Tampers); 3] = [
    ("removes", |path| std::fs::remove_file(path).unwrap()),
    ("empties", |path| cut(path, 0)),
    ("cuts", |path| cut(path, 100)),
];

fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn a_file_that_somebody_removes_or_cuts_short_costs_no_later_record() {
    for (format, (name, tamper)) in Format::ALL.into_iter().flat_map(|format| TAMPERS.map(|tamper| (format, tamper))) {
        let case = format!("{format:?}, somebody {name} it");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let (mut log, tally) = writer(Disk, &path, NO_LIMITS);
        let entries = entries(8);
        let add = |log: &mut Writer<Disk>, range: Range<usize>| {
            entries[range].iter().for_each(|entry| {
                log.add(entry.clone());
            });
        };
        let in_file = || frames(format, &std::fs::read(&path).unwrap());
        add(&mut log, 0..2);
        log.flush();
        tamper(&path);
        add(&mut log, 2..3);
        log.flush();
        assert_eq!((tally.written(), tally.lost(), in_file()), (3, 0, vec![2]), "{case}");
        // While a block is gathered, too: that becomes the beginning of a file.
        add(&mut log, 3..5);
        tamper(&path);
        add(&mut log, 5..6);
        log.flush();
        assert_eq!((tally.written(), tally.lost(), in_file()), (6, 0, vec![3, 4, 5]), "{case}");
        add(&mut log, 6..8);
        log.close();
        assert_eq!((tally.written(), tally.lost(), in_file()), (8, 0, vec![3, 4, 5, 6, 7]), "{case}");
        // What was cut before the end stays as it is.
        tamper(&path);
        log.close();
        assert!(path.metadata().map_or(0, |about| about.len()) <= 100, "{case}");
    }
}

#[test]
fn a_block_that_somebody_cuts_off_is_written_once_more() {
    for (times, lost) in [(1, 0), (2, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.csv");
        let mut left = times;
        let emptied = Meddled(|call| match call {
            Call::Sync(file) if left > 0 => {
                left -= 1;
                Disk.truncate(file, 0)
            }
            _ => Ok(()),
        });
        let (mut log, tally) = writer(emptied, &path, NO_LIMITS);
        write(&mut log, &entries(6), 2);
        assert_eq!((tally.written(), tally.lost_by(Cause::Failed)), (6 - lost, lost));
        assert_eq!(tally.reason(), if lost == 0 { "" } else { "somebody cut it short" });
        assert_eq!(frames_of_log(&path).len() as u64, 6 - lost);
    }
}
