//! The log as the pipeline sees it: never waiting, whatever the disk does.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use wingmark::record::fields::Fields;
use wingmark::record::log::{Log, LogOptions};
use wingmark::record::storage::Disk;
use wingmark::record::{RecordError, Recorder};

use crate::meddled::{Call, Meddled};
use crate::read_back::{files, frames_of_log};
use crate::sample::{NO_LIMITS, made_by, observation};

const OPTIONS: LogOptions =
    LogOptions { flush_interval: Duration::from_millis(100), limits: NO_LIMITS, fields: Fields::ALL };

/// A disk on which something else happens at each sync.
fn at_sync(mut does: impl FnMut()) -> Meddled<impl FnMut(Call<'_>) -> io::Result<()>> {
    Meddled(move |call| {
        if let Call::Sync(_) = call {
            does();
        }
        Ok(())
    })
}

/// A disk that hangs in each sync as long as it is told to.
fn hanging(hangs: &Arc<AtomicBool>) -> Meddled<impl FnMut(Call<'_>) -> io::Result<()> + use<>> {
    let hangs = Arc::clone(hangs);
    at_sync(move || {
        while hangs.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn a_disk_that_hangs_costs_records_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let hangs = Arc::new(AtomicBool::new(true));
    let mut log = Log::open(hanging(&hangs), &path, OPTIONS).unwrap();
    // Until a block is under way, entries go into it instead of the queue.
    log.record(&observation(0)).unwrap();
    while files(&path).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    (1..3000).for_each(|i| log.record(&observation(i)).unwrap());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let tally = Arc::clone(log.tally());
    assert!(tally.lost() > 1900, "{} lost", tally.lost());
    hangs.store(false, SeqCst);
    let error = log.finish(Duration::from_secs(20)).unwrap_err();
    assert!(matches!(error, RecordError::Lost { .. }), "{error}");
    assert_eq!(tally.written() + tally.lost(), 3000);
    assert_eq!(frames_of_log(&path).len() as u64, tally.written());
}

#[test]
fn finishing_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let hangs = Arc::new(AtomicBool::new(true));
    let mut log = Log::open(hanging(&hangs), &path, OPTIONS).unwrap();
    log.record(&observation(1)).unwrap();
    let error = log.finish(Duration::from_millis(50)).unwrap_err().to_string();
    // A busy machine comes back later than it was asked to.
    let expected =
        error.contains("faces.csv: the disk did not take the last records within ") && error.ends_with(" ms");
    assert!(expected, "{error}");
    hangs.store(false, SeqCst);
}

#[test]
fn a_writer_that_panics_counts_all_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let mut log = Log::open(at_sync(|| panic!("broken")), &path, OPTIONS).unwrap();
    (0..5).for_each(|i| log.record(&observation(i)).unwrap());
    let tally = Arc::clone(log.tally());
    let error = log.finish(Duration::from_secs(20)).unwrap_err().to_string();
    let expected = "faces.csv: the thread that writes panicked; 5 records were lost, 0 were written";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(tally.lost(), 5);
}

#[test]
fn a_writer_that_panics_lets_a_run_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let mut log = Log::open(at_sync(|| panic!("broken")), &path, OPTIONS).unwrap();
    let tally = Arc::clone(log.tally());
    let mut given = 0;
    // More than have room in its queue.
    while given < 2000 || tally.lost() == 0 {
        log.record(&observation(given)).unwrap();
        given += 1;
        std::thread::sleep(Duration::from_micros(200));
    }
    assert!(log.has_room());
    assert_eq!(tally.lost(), u64::from(given));
    assert!(matches!(log.finish(Duration::from_secs(20)), Err(RecordError::Panicked { .. })));
}

#[test]
fn a_busy_log_is_opened_anew_and_described_before_its_next_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let hangs = Arc::new(AtomicBool::new(true));
    let mut log = Log::open(hanging(&hangs), &path, OPTIONS).unwrap();
    (0..3000).for_each(|i| log.record(&observation(i)).unwrap());
    log.reopen();
    log.describe(&made_by().into());
    hangs.store(false, SeqCst);
    let mut sequence = 3000;
    while !log.has_room() {
        log.record(&observation(sequence)).unwrap();
        sequence += 1;
        std::thread::sleep(Duration::from_micros(100));
    }
    (sequence..sequence + 10).for_each(|i| log.record(&observation(i)).unwrap());
    assert!(matches!(log.finish(Duration::from_secs(20)), Err(RecordError::Lost { .. })));
    let read = |file: &Path| std::fs::read_to_string(file).unwrap();
    let files = files(&path);
    assert_eq!(files.len(), 2, "{files:?}");
    let (before, after) = (read(&files[0]), read(&files[1]));
    assert!(!before.contains("made_by"));
    assert!(after.lines().next().unwrap().contains("made_by") && after.lines().count() >= 10);
}

#[test]
fn records_are_on_the_disk_within_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let interval = Duration::from_secs(1);
    let mut log = Log::open(Disk, &path, LogOptions { flush_interval: interval, ..OPTIONS }).unwrap();
    log.record(&observation(1)).unwrap();
    assert!(files(&path).is_empty());
    std::thread::sleep(interval);
    assert_eq!(frames_of_log(&path), [1]);
    log.finish(interval).unwrap();
}

#[test]
fn a_folder_that_went_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usb-stick/faces.mcap");
    let mut log = Log::open(Disk, &path, OPTIONS).unwrap();
    // It is made, and then the stick is pulled out.
    std::fs::remove_dir(path.parent().unwrap()).unwrap();
    log.record(&observation(1)).unwrap();
    while log.tally().lost() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    log.record(&observation(2)).unwrap();
    let error = log.finish(Duration::from_secs(5)).unwrap_err().to_string();
    assert!(error.ends_with("faces.mcap: 1 record was lost (the folder does not exist), 1 was written"), "{error}");
    assert_eq!(frames_of_log(&path), [2]);
}

#[test]
fn reopening_makes_room_for_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let mut log = Log::open(Disk, &path, OPTIONS).unwrap();
    log.record(&observation(1)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    // As logrotate does it: away with the file, then the signal.
    let elsewhere = folder.path().join("moved.csv");
    std::fs::rename(&path, &elsewhere).unwrap();
    log.reopen();
    log.record(&observation(2)).unwrap();
    log.finish(Duration::from_secs(5)).unwrap();
    assert_eq!((frames_of_log(&elsewhere), frames_of_log(&path)), (vec![1], vec![2]));
}

#[test]
fn only_known_formats_are_recorded() {
    let error = Log::open(Disk, Path::new("faces.txt"), OPTIONS).err().unwrap().to_string();
    assert_eq!(
        error,
        "faces.txt: unknown kind of record; expected a name that ends in .csv, .jsonl, .mcap, .csv.gz or .jsonl.gz"
    );
}
