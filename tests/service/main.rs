//! The binary as a service: what it tells its manager, and what signals do to its files.

mod files;
mod process;
mod reload;
mod rollout;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use files::{Csv, broken_pictures, faces, jpeg, jsonl_rows, mcap_messages, metric};
use process::{Service, until};

const WATCHDOG: Duration = Duration::from_millis(200);

#[test]
fn the_first_frame_makes_it_ready_and_frames_feed_the_watchdog() {
    let folder = tempfile::tempdir().unwrap();
    faces(&folder.path().join("album"));
    let mut service = Service::start(folder.path(), WATCHDOG, &["--source", "album"]);
    assert_eq!(service.hear(), "READY=1\nWATCHDOG=1\n");
    let ready = Instant::now();
    for _ in 0..4 {
        assert_eq!(service.hear(), "WATCHDOG=1\n");
    }
    // One each quarter of the watchdog's time, and not one a frame.
    assert!(ready.elapsed() >= WATCHDOG * 3 / 4, "{:?}", ready.elapsed());
    service.send(Signal::TERM);
    until("STOPPING=1", || service.hear() == "STOPPING=1\n");
    assert_eq!(service.exit_code(), 0);
}

#[test]
fn pictures_that_cannot_be_read_make_nothing_ready_and_feed_no_watchdog() {
    let folder = tempfile::tempdir().unwrap();
    broken_pictures(&folder.path().join("album"));
    let mut service = Service::start(folder.path(), WATCHDOG, &["--source", "album"]);
    assert_eq!(service.hear(), "STOPPING=1\n");
    assert_eq!(service.exit_code(), 1);
    assert!(service.says_nothing_for(Duration::from_millis(1)));
}

#[test]
fn while_no_frame_comes_the_watchdog_goes_hungry_and_sigterm_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), WATCHDOG, &["--source", "-"]);
    assert!(service.says_nothing_for(WATCHDOG));
    service.feed(&jpeg());
    assert_eq!(service.hear(), "READY=1\nWATCHDOG=1\n");
    assert!(service.says_nothing_for(WATCHDOG));
    service.feed(&jpeg());
    assert_eq!(service.hear(), "WATCHDOG=1\n");
    service.send(Signal::TERM);
    assert_eq!(service.hear(), "STOPPING=1\n");
    assert_eq!(service.exit_code(), 0);
}

#[test]
fn sigterm_ends_it_within_a_second_with_complete_files() {
    // A busy machine may hold up a process, but not three in a row.
    let mut times = (0..3).map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let took = stopped(folder.path());
        check_files(folder.path());
        took
    });
    assert!(times.any(|took| took < Duration::from_secs(1)));
}

/// A file is there, empty, before its first record is.
fn has_records(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.len() > 0)
}

/// Records in all formats until the first files are there; gives how long it took to stop then.
fn stopped(folder: &Path) -> Duration {
    faces(&folder.join("album"));
    let records = ["--record", "a.csv", "--record", "a.jsonl", "--record", "a.mcap", "--flush-every", "100ms"];
    let arguments = [&["--source", "album", "--metrics", "a.prom"], &records[..]].concat();
    let mut service = Service::start(folder, WATCHDOG, &arguments);
    until("all files", || ["a.csv", "a.jsonl", "a.mcap"].iter().all(|name| has_records(&folder.join(name))));
    let sent = Instant::now();
    service.send(Signal::TERM);
    assert_eq!(service.exit_code(), 0);
    sent.elapsed()
}

#[test]
fn a_record_that_nobody_reads_takes_no_time_of_others() {
    // A busy machine may hold up a disk, but not three times in a row.
    assert!((0..3).any(|_| others_are_whole_beside_a_stuck_one()));
}

fn others_are_whole_beside_a_stuck_one() -> bool {
    let folder = tempfile::tempdir().unwrap();
    faces(&folder.path().join("album"));
    let fifo = folder.path().join("stuck.jsonl");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let arguments = "--source album --record stuck.jsonl --record a.csv --metrics a.prom --flush-every 10s";
    // Nobody hears what it tells its watchdog.
    let watchdog = Duration::from_secs(3600);
    let mut service = Service::start(folder.path(), watchdog, &Vec::from_iter(arguments.split(' ')));
    assert_eq!(service.hear(), "READY=1\nWATCHDOG=1\n");
    std::thread::sleep(Duration::from_secs(1));
    service.send(Signal::TERM);
    service.exit_code();
    let metrics = std::fs::read_to_string(folder.path().join("a.prom")).unwrap();
    let frames = metric(&metrics, "wingmark_frames_total");
    assert!(frames > 0);
    let lost = metric(&metrics, "wingmark_records_lost_total{file=\"stuck.jsonl\",cause=\"too_slow\"}");
    assert_eq!(lost + metric(&metrics, "wingmark_records_written_total{file=\"stuck.jsonl\"}"), frames);
    Csv::read(&folder.path().join("a.csv")).frames.len() as u64 == frames
}

/// Every frame is in every file, each file is complete, and the metrics say the same.
fn check_files(folder: &Path) {
    let metrics = std::fs::read_to_string(folder.join("a.prom")).unwrap();
    let table = Csv::read(&folder.join("a.csv"));
    let frames = table.frames.len() as u64;
    assert!(table.frames.iter().copied().eq(0..frames as u32), "{:?}", table.frames);
    assert_eq!(jsonl_rows(&folder.join("a.jsonl")), frames);
    // A message for the frame and one for Foxglove.
    assert_eq!(mcap_messages(&folder.join("a.mcap")), 2 * frames);
    assert_eq!(metric(&metrics, "wingmark_frames_total"), frames);
    assert_eq!(metric(&metrics, "wingmark_faces_seen_total"), table.faces);
    assert_eq!(metric(&metrics, "wingmark_stage_seconds_count{stage=\"total\"}"), frames);
    for name in ["a.csv", "a.jsonl", "a.mcap"] {
        let of_file = |family: &str| metric(&metrics, &format!("wingmark_{family}{{file=\"{name}\"}}"));
        assert_eq!(of_file("records_written_total"), frames, "{name}");
        assert_eq!(of_file("record_bytes_written_total"), folder.join(name).metadata().unwrap().len(), "{name}");
        let lost = format!("wingmark_records_lost_total{{file=\"{name}\",cause=\"disk_full\"}}");
        assert_eq!(metric(&metrics, &lost), 0, "{name}");
    }
}

#[test]
fn sighup_begins_another_file_where_one_was_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    faces(&folder.path().join("album"));
    let (path, moved) = (folder.path().join("a.csv"), folder.path().join("moved"));
    let arguments = ["--source", "album", "--record", "a.csv", "--flush-every", "100ms"];
    let mut service = Service::start(folder.path(), WATCHDOG, &arguments);
    until("the first file", || has_records(&path));
    std::fs::rename(&path, &moved).unwrap();
    service.send(Signal::HUP);
    until("the second file", || has_records(&path));
    service.send(Signal::TERM);
    assert_eq!(service.exit_code(), 0);
    let (first, second) = (Csv::read(&moved).frames, Csv::read(&path).frames);
    assert!(!first.is_empty() && !second.is_empty());
    let all = [first, second].concat();
    assert!(all.iter().copied().eq(0..all.len() as u32), "{all:?}");
}
