//! A log that never holds up who writes to it: entries go through a bounded queue to a thread of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::encode::Format;
use super::entry::Entry;
use super::journal::{Journal, Limits};
use super::losses::{LossReport, Tally};
use super::storage::Storage;
use super::writer::Writer;
use super::{RecordError, Recorder};
use crate::face::Observation;

/// Half a minute at 30 frames a second, 2 MB with one face in each. Entries that find the queue full are lost.
const QUEUE: usize = 1024;

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// An entry is safe on the medium this long after it was made, at the latest.
    pub flush_interval: Duration,
    pub limits: Limits,
}

enum Message {
    Entry(Entry),
    Reopen,
}

/// Records observations in a file and its successors.
pub struct Log {
    path: PathBuf,
    queue: SyncSender<Message>,
    done: Receiver<()>,
    tally: Arc<Tally>,
    report: LossReport,
}

impl Log {
    /// Starts a log in the file `path`, whose extension names the format. The file is made with the first entry; that
    /// it cannot be is a loss like any other, since the disk may yet come.
    pub fn open<S: Storage + Send + 'static>(
        storage: S,
        path: &Path,
        options: LogOptions,
    ) -> Result<Self, RecordError> {
        let format = Format::of(path).ok_or_else(|| RecordError::UnknownFormat(path.into()))?;
        if path.file_name().is_none_or(|name| name.to_str().is_none()) {
            return Err(RecordError::NameNotText(path.into()));
        }
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let (finished, done) = mpsc::channel();
        let tally = Arc::new(Tally::default());
        let writer_tally = Arc::clone(&tally);
        let owned_path = path.to_path_buf();
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || {
                let journal = Journal::new(storage, &owned_path, options.limits);
                let mut writer = Writer::new(journal, format, owned_path, writer_tally);
                write_all(&messages, &mut writer, options.flush_interval);
                // Nobody listens any more if the time to finish ran out.
                let _ = finished.send(());
            })
            .map_err(RecordError::Thread)?;
        Ok(Log { path: path.into(), queue, done, tally, report: LossReport::new(path.into()) })
    }

    /// The file under way.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written and lost so far.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Completes the file under way and begins another with the next entry, for programs that move log files away.
    pub fn reopen(&self) {
        if self.queue.try_send(Message::Reopen).is_err() {
            log::warn!("{}: too busy to be opened anew", self.path.display());
        }
    }

    /// Makes safe what was recorded and completes the file, waiting no longer than `within`.
    pub fn finish(self, within: Duration) -> Result<(), RecordError> {
        let Log { path, queue, done, tally, .. } = self;
        drop(queue);
        if done.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            return Err(RecordError::NotFinished { path, within });
        }
        match tally.lost() {
            0 => Ok(()),
            lost => Err(RecordError::Lost { path, lost, written: tally.written() }),
        }
    }
}

impl Recorder for Log {
    /// Never waits and never fails: what cannot be kept is counted, and said once a minute.
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError> {
        match self.queue.try_send(Message::Entry(Entry::now(seen.clone()))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.tally.count_lost(1, "the disk is too slow"),
            Err(TrySendError::Disconnected(_)) => self.tally.count_lost(1, "the thread that writes is gone"),
        }
        if let Some(loss) = self.report.due(&self.tally, Instant::now()) {
            log::error!("{loss}");
        }
        Ok(())
    }
}

/// Writes what comes through the queue until its other end is dropped.
fn write_all<S: Storage>(messages: &Receiver<Message>, writer: &mut Writer<S>, flush_interval: Duration) {
    // The last quarter of the interval is for the medium to take the block.
    let gather = flush_interval * 3 / 4;
    let mut lateness = Lateness { flush_interval, said_at: None };
    let mut oldest: Option<Instant> = None;
    loop {
        let message = match oldest {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => messages.recv_timeout((at + gather).saturating_duration_since(Instant::now())),
        };
        // What waited in the queue while a block was written all goes into the next one, up to the queue's length.
        let flush = match message {
            Ok(Message::Entry(entry)) => {
                writer.add(&entry);
                oldest.get_or_insert(entry.at);
                writer.pending() >= QUEUE as u64
            }
            Ok(Message::Reopen) => {
                writer.close();
                oldest = None;
                false
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if flush {
            writer.flush();
            lateness.check(oldest.take());
        }
    }
    writer.close();
}

/// Says, once a minute at most, that the medium is too slow for the flush interval.
struct Lateness {
    flush_interval: Duration,
    said_at: Option<Instant>,
}

impl Lateness {
    fn check(&mut self, oldest: Option<Instant>) {
        let Some(age) = oldest.map(|at| at.elapsed()).filter(|age| *age > self.flush_interval) else { return };
        if self.said_at.is_none_or(|at| at.elapsed() >= Duration::from_secs(60)) {
            self.said_at = Some(Instant::now());
            log::warn!(
                "the disk is slow: records were {} ms old when they were safe, not {} ms",
                age.as_millis(),
                self.flush_interval.as_millis()
            );
        }
    }
}
