//! Counts what could not be logged, and says so once a minute.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::text::message::counted;

/// How often a loss that goes on is said.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Counted by the thread that writes, read by everybody.
#[derive(Debug, Default)]
pub struct Tally {
    written: AtomicU64,
    lost: AtomicU64,
    /// Why the latest were lost.
    reason: Mutex<String>,
}

impl Tally {
    pub fn count_written(&self, entries: u64) {
        self.written.fetch_add(entries, Relaxed);
    }

    pub fn count_lost(&self, entries: u64, reason: &str) {
        self.lost.fetch_add(entries, Relaxed);
        reason.clone_into(&mut self.reason.lock().expect("nobody panics while holding the reason"));
    }

    /// Entries that are safe on the medium.
    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Why the latest were lost.
    pub fn reason(&self) -> String {
        self.reason.lock().expect("nobody panics while holding the reason").clone()
    }
}

/// Turns a tally into sentences.
#[derive(Debug)]
pub struct LossReport {
    path: PathBuf,
    said: u64,
    said_at: Option<Instant>,
}

impl LossReport {
    pub fn new(path: PathBuf) -> Self {
        LossReport { path, said: 0, said_at: None }
    }

    /// A sentence about what was lost since the last one: the first at once, then one a minute at
    /// most.
    pub fn due(&mut self, tally: &Tally, now: Instant) -> Option<String> {
        let total = tally.lost();
        let quiet = self.said_at.is_some_and(|at| now.saturating_duration_since(at) < SAY_EVERY);
        if total == self.said || quiet {
            return None;
        }
        let new = total - self.said;
        (self.said, self.said_at) = (total, Some(now));
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
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_said_at_once_and_then_once_a_minute() {
        let (tally, start) = (Tally::default(), Instant::now());
        let mut report = LossReport::new("faces.csv".into());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(report.due(&tally, start), None);
        tally.count_lost(3, "the disk is full");
        let first = "faces.csv: 3 records lost (the disk is full); 3 since the start";
        assert_eq!(report.due(&tally, after(1)).as_deref(), Some(first));
        tally.count_lost(1, "the queue is full");
        assert_eq!(report.due(&tally, after(60)), None);
        let second = "faces.csv: 1 record lost (the queue is full); 4 since the start";
        assert_eq!(report.due(&tally, after(61)).as_deref(), Some(second));
        assert_eq!(report.due(&tally, after(200)), None);
    }
}
