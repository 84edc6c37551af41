//! The log as the pipeline sees it: never waiting, whatever the disk does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use wingmark::record::fields::Fields;
use wingmark::record::log::{Log, LogOptions};
use wingmark::record::storage::{Disk, Listed, Storage};
use wingmark::record::{RecordError, Recorder};

use crate::read_back::{files, frames_of_log};
use crate::sample::{NO_LIMITS, observation};

const OPTIONS: LogOptions =
    LogOptions { flush_interval: Duration::from_millis(100), limits: NO_LIMITS, fields: Fields::ALL };

/// A disk that hangs in each sync as long as it is told to.
struct Hanging(Arc<AtomicBool>);

impl Storage for Hanging {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        Disk.create(path)
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        Disk.open(path)
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        Disk.append(file, bytes)
    }

    fn truncate(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        Disk.truncate(file, bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        while self.0.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Disk.sync(file)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        Disk.sync_folder(folder)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<Listed>> {
        Disk.list(folder)
    }
}

#[test]
fn a_disk_that_hangs_costs_records_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let hanging = Arc::new(AtomicBool::new(true));
    let mut log = Log::open(Hanging(Arc::clone(&hanging)), &path, OPTIONS).unwrap();
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
    hanging.store(false, SeqCst);
    let error = log.finish(Duration::from_secs(20)).unwrap_err();
    assert!(matches!(error, RecordError::Lost { .. }), "{error}");
    assert_eq!(tally.written() + tally.lost(), 3000);
    assert_eq!(frames_of_log(&path).len() as u64, tally.written());
}

#[test]
fn finishing_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let hanging = Arc::new(AtomicBool::new(true));
    let mut log = Log::open(Hanging(Arc::clone(&hanging)), &path, OPTIONS).unwrap();
    log.record(&observation(1)).unwrap();
    let error = log.finish(Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().ends_with("faces.csv: the disk did not take the last records within 50 ms"), "{error}");
    hanging.store(false, SeqCst);
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
