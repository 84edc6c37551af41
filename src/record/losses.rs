//! Counts what could not be logged, and says so once a minute.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::text::files;
use crate::text::message::counted;
use crate::text::seldom::OnceAMinute;

/// Why an entry did not get where it was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The disk is full.
    Full,
    /// The file system is read-only.
    ReadOnly,
    /// The folder went.
    NoFolder,
    /// Who takes it is too slow.
    TooSlow,
    /// The thread that writes is gone.
    NoWriter,
    /// Another error.
    Failed,
    /// A newer one took its place.
    GaveWay,
    /// The receiver could not be reached.
    NotSent,
}

impl Cause {
    /// Those for which records are lost.
    pub const OF_RECORDS: [Cause; 6] =
        [Cause::Full, Cause::ReadOnly, Cause::NoFolder, Cause::TooSlow, Cause::NoWriter, Cause::Failed];
    /// Those for which a receiver of live output misses a frame.
    pub const OF_RECEIVERS: [Cause; 2] = [Cause::GaveWay, Cause::NotSent];
    const COUNT: usize = Cause::OF_RECORDS.len() + Cause::OF_RECEIVERS.len();

    /// As metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Full => "disk_full",
            Cause::ReadOnly => "read_only",
            Cause::NoFolder => "no_folder",
            Cause::TooSlow => "too_slow",
            Cause::NoWriter => "no_writer",
            Cause::Failed => "failed",
            Cause::GaveWay => "gave_way",
            Cause::NotSent => "not_sent",
        }
    }

    /// What an error of the file system comes to.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            _ if files::is_full_disk(error) => Cause::Full,
            io::ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
            io::ErrorKind::NotFound => Cause::NoFolder,
            _ => Cause::Failed,
        }
    }
}

/// Counted by the thread that writes, read by everybody.
#[derive(Debug, Default)]
pub struct Tally {
    written: AtomicU64,
    written_bytes: AtomicU64,
    /// By cause.
    lost: [AtomicU64; Cause::COUNT],
    lost_bytes: [AtomicU64; Cause::COUNT],
    /// Why the latest were lost.
    reason: Mutex<String>,
    /// Whether the thread that writes was given up: what it may do later has been counted.
    is_final: Mutex<bool>,
}

const UNPOISONED: &str = "nobody panics while holding it";

impl Tally {
    pub fn count_written(&self, entries: u64) {
        if !*self.is_final.lock().expect(UNPOISONED) {
            self.written.fetch_add(entries, Relaxed);
        }
    }

    /// Bytes that are safe on the medium.
    pub fn count_written_bytes(&self, bytes: u64) {
        self.written_bytes.fetch_add(bytes, Relaxed);
    }

    /// `reason` is what messages say.
    pub fn count_lost(&self, entries: u64, cause: Cause, reason: &str) {
        if !*self.is_final.lock().expect(UNPOISONED) {
            self.add_lost(entries, cause, reason);
        }
    }

    fn add_lost(&self, entries: u64, cause: Cause, reason: &str) {
        self.lost[cause as usize].fetch_add(entries, Relaxed);
        reason.clone_into(&mut self.reason.lock().expect(UNPOISONED));
    }

    /// Counts what was given to a thread that is gone or was given up, and that it neither wrote
    /// nor counted; `given` is all that it was ever given. What it counts from now on is in that.
    pub fn count_left_behind(&self, given: u64, cause: Cause, reason: &str) {
        let mut is_final = self.is_final.lock().expect(UNPOISONED);
        *is_final = true;
        self.add_lost(given.saturating_sub(self.written() + self.lost()), cause, reason);
    }

    /// Entries that are safe on the medium.
    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Relaxed)
    }

    /// Bytes that were to be written and are not.
    pub fn count_lost_bytes(&self, bytes: u64, cause: Cause) {
        self.lost_bytes[cause as usize].fetch_add(bytes, Relaxed);
    }

    /// For whatever cause.
    pub fn lost(&self) -> u64 {
        self.lost.iter().map(|lost| lost.load(Relaxed)).sum()
    }

    pub fn lost_by(&self, cause: Cause) -> u64 {
        self.lost[cause as usize].load(Relaxed)
    }

    pub fn lost_bytes_by(&self, cause: Cause) -> u64 {
        self.lost_bytes[cause as usize].load(Relaxed)
    }

    /// Why the latest were lost.
    pub fn reason(&self) -> String {
        self.reason.lock().expect(UNPOISONED).clone()
    }
}

/// Turns a tally into sentences.
#[derive(Debug)]
pub struct LossReport {
    path: PathBuf,
    said: u64,
    seldom: OnceAMinute,
}

impl LossReport {
    pub fn new(path: PathBuf) -> Self {
        LossReport { path, said: 0, seldom: OnceAMinute::default() }
    }

    /// A sentence about what was lost since the last one: the first at once, then one a minute at
    /// most.
    pub fn due(&mut self, tally: &Tally, now: Instant) -> Option<String> {
        let total = tally.lost();
        if total == self.said || !self.seldom.due(now) {
            return None;
        }
        let new = total - std::mem::replace(&mut self.said, total);
        let new = counted(new, "record", "records");
        Some(format!("{}: {new} lost ({}); {total} since the start", self.path.display(), tally.reason()))
    }
}

/// The kind of an I/O error in few words, without the number that differs between machines.
pub fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::NotFound => "the folder does not exist".into(),
        io::ErrorKind::AlreadyExists => "a folder or a link to nothing has its name".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_cause_has_its_own_count_and_name() {
        let tally = Tally::default();
        let all = Cause::OF_RECORDS.into_iter().chain(Cause::OF_RECEIVERS);
        for (cause, count) in all.clone().zip(1..) {
            tally.count_lost(count, cause, "");
            tally.count_lost_bytes(count * 10, cause);
        }
        for (cause, count) in all.clone().zip(1..) {
            assert_eq!((tally.lost_by(cause), tally.lost_bytes_by(cause)), (count, count * 10));
        }
        assert_eq!(tally.lost(), 36);
        let mut names: Vec<_> = all.map(Cause::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Cause::COUNT);
    }

    #[test]
    fn what_a_thread_does_that_was_given_up_is_counted_already() {
        let tally = Tally::default();
        tally.count_written(5);
        tally.count_left_behind(8, Cause::NotSent, "late");
        tally.count_written(1);
        tally.count_lost(1, Cause::NotSent, "late");
        assert_eq!((tally.written(), tally.lost()), (5, 3));
        tally.count_left_behind(9, Cause::NotSent, "late");
        assert_eq!((tally.written(), tally.lost()), (5, 4));
    }

    #[test]
    fn a_loss_is_said_at_once_and_then_once_a_minute() {
        let (tally, start) = (Tally::default(), Instant::now());
        let mut report = LossReport::new("faces.csv".into());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(report.due(&tally, start), None);
        tally.count_lost(3, Cause::Full, "the disk is full");
        let first = "faces.csv: 3 records lost (the disk is full); 3 since the start";
        assert_eq!(report.due(&tally, after(1)).as_deref(), Some(first));
        tally.count_lost(1, Cause::TooSlow, "the queue is full");
        assert_eq!(report.due(&tally, after(60)), None);
        let second = "faces.csv: 1 record lost (the queue is full); 4 since the start";
        assert_eq!(report.due(&tally, after(61)).as_deref(), Some(second));
        assert_eq!(report.due(&tally, after(200)), None);
    }
}
