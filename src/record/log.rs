//! A log that never holds up who writes to it: entries go through a bounded queue to a thread of
//! their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Format;
use super::claim::Claimed;
use super::destination::Destination;
use super::entry::Entry;
use super::fields::Fields;
use super::journal::{Journal, Limits};
use super::losses::{Cause, LossReport, Tally};
use super::past::Past;
use super::pipe::Pipe;
use super::provenance::Provenance;
use super::storage::Storage;
use super::writer::Writer;
use super::{RecordError, Recorder};
use crate::face::Observation;
use crate::text::seldom::OnceAMinute;
use crate::threads;

/// Half a minute at 30 frames a second, 2 MB with one face in each. Entries that find the queue
/// full are lost.
const QUEUE: usize = 1024;
const NO_WRITER: &str = "the thread that writes is gone";

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// An entry is safe on the medium this long after it was made, at the latest.
    pub flush_interval: Duration,
    /// When a file ends and the next one begins.
    pub limits: Limits,
    /// What is recorded of a face.
    pub fields: Fields,
}

enum Message {
    Orders(Orders),
    Entry(Box<Entry>),
}

/// What holds from the next entry on.
#[derive(Debug, Default)]
struct Orders {
    /// It begins another file.
    reopen: bool,
    /// Who makes it, where that is new.
    made_by: Option<Arc<Provenance>>,
}

/// Why a message did not get into the queue.
#[derive(Debug, Clone, Copy)]
enum Unsent {
    Full,
    NoWriter,
}

/// Records observations in a file and its successors, or in a pipe.
pub struct Log {
    path: PathBuf,
    /// Until it is closed.
    queue: Option<SyncSender<Message>>,
    /// Entries in the queue.
    queued: Arc<AtomicUsize>,
    closed_at: Option<Instant>,
    /// Entries that were to be recorded.
    given: u64,
    /// Those that found the queue full, and go before the next entry.
    orders: Orders,
    thread: JoinHandle<()>,
    done: Receiver<()>,
    tally: Arc<Tally>,
    report: LossReport,
    /// What takes the records.
    taker: Taker,
    /// What an earlier run recorded.
    past: Option<Past>,
}

/// What messages call who takes the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// A disk.
    Disk,
    /// Who reads a pipe.
    PipeReader,
}

impl std::fmt::Display for Taker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Taker::Disk => "the disk",
            Taker::PipeReader => "the pipe's reader",
        })
    }
}

impl Taker {
    fn is_too_slow(self) -> String {
        format!("{self} is too slow")
    }
}

impl Log {
    /// Whether a log can be started in the file or pipe `path`. Nothing is made.
    pub fn check(path: &Path) -> Result<(), RecordError> {
        Destination::find(path).map(drop)
    }

    /// Starts a log in the file or pipe `path`, whose extension names the format. The folder is
    /// made at once, and the file is taken: no other run gets it. A pipe and what is a device are
    /// written to as they are.
    pub fn to(path: &Path, options: LogOptions) -> Result<Self, RecordError> {
        match Destination::prepare(path)? {
            Destination::File(file) => Log::start(claim(path, &file)?, path, &file, options, None, Taker::Disk),
            Destination::Pipe(pipe) => {
                let options = LogOptions { limits: Limits::NONE, ..options };
                Log::start(Pipe::default(), path, &pipe, options, None, Taker::PipeReader)
            }
        }
    }

    /// Goes on with a log of which this was recorded: with the same file where its format lets us.
    pub fn resume(path: &Path, options: LogOptions, past: Past) -> Result<Self, RecordError> {
        match Destination::prepare(path)? {
            Destination::File(file) => Log::start(claim(path, &file)?, path, &file, options, Some(past), Taker::Disk),
            Destination::Pipe(_) => Log::to(path, options),
        }
    }

    /// Starts a log in the file `path` of a storage of one's own.
    pub fn open<S: Storage + Send + 'static>(
        storage: S,
        path: &Path,
        options: LogOptions,
    ) -> Result<Self, RecordError> {
        Destination::prepare(path)?;
        Log::start(storage, path, path, options, None, Taker::Disk)
    }

    /// `path` names the log and its format, `file` is what is written.
    fn start<S: Storage + Send + 'static>(
        storage: S,
        path: &Path,
        file: &Path,
        options: LogOptions,
        past: Option<Past>,
        taker: Taker,
    ) -> Result<Self, RecordError> {
        let format = Format::of(path).ok_or_else(|| RecordError::UnknownFormat(path.into()))?;
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let (finished, done) = mpsc::channel();
        let tally = Arc::new(Tally::default());
        let writer_tally = Arc::clone(&tally);
        let (owned_path, file) = (path.to_path_buf(), file.to_path_buf());
        let whole_bytes = past.as_ref().and_then(|past| past.whole_bytes);
        let queued = Arc::<AtomicUsize>::default();
        let writer_queued = Arc::clone(&queued);
        let thread = threads::start("log", move || {
            let journal = Journal::new(storage, &file, options.limits);
            let mut writer = Writer::new(journal, format, options.fields, owned_path, writer_tally);
            if let Some(bytes) = whole_bytes {
                writer.go_on(bytes);
            }
            write_all(&messages, &writer_queued, &mut writer, options.flush_interval, taker);
            drop(writer);
            // Nobody listens any more if the time to finish ran out.
            let _ = finished.send(());
        })
        .map_err(RecordError::Thread)?;
        Ok(Log {
            path: path.into(),
            queue: Some(queue),
            closed_at: None,
            queued,
            given: 0,
            orders: Orders::default(),
            thread,
            done,
            tally,
            report: LossReport::new(path.into()),
            taker,
            past,
        })
    }

    /// Who makes the records from here on: the next one says it, and the first one of each file.
    pub fn describe(&mut self, made_by: &Arc<Provenance>) {
        self.orders.made_by = Some(Arc::clone(made_by));
        // What finds no room goes before the next entry, or that one is lost.
        let _ = self.send_orders();
    }

    /// The file under way.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another entry can be taken. Who can wait asks before each frame, and nothing is
    /// lost.
    pub fn has_room(&self) -> bool {
        // The rest is for other messages. A writer that is gone lets nobody wait.
        self.queued.load(Relaxed) < QUEUE / 2 || self.thread.is_finished()
    }

    /// What was written and lost so far.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Completes the file under way and begins another with the next entry, for programs that move
    /// log files away.
    pub fn reopen(&mut self) {
        self.orders.reopen = true;
        // As for [`describe`](Self::describe).
        let _ = self.send_orders();
    }

    /// No more entries come: the writer makes safe what was recorded and completes the file.
    pub fn close(&mut self) {
        self.queue = None;
        self.closed_at.get_or_insert_with(Instant::now);
    }

    /// Whether the writer of a closed log has ended.
    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Makes safe what was recorded and completes the file, waiting no longer than `within`.
    pub fn finish(mut self, within: Duration) -> Result<(), RecordError> {
        self.close();
        let Log { path, given, done, tally, taker, closed_at, .. } = self;
        match done.recv_timeout(within) {
            Ok(()) if tally.lost() == 0 => Ok(()),
            Ok(()) => {
                Err(RecordError::Lost { path, lost: tally.lost(), written: tally.written(), reason: tally.reason() })
            }
            Err(RecvTimeoutError::Timeout) => {
                tally.count_left_behind(given, Cause::TooSlow, &taker.is_too_slow());
                let within = closed_at.map_or(within, |at| at.elapsed());
                Err(RecordError::NotFinished { path, within, taker })
            }
            Err(RecvTimeoutError::Disconnected) => {
                tally.count_left_behind(given, Cause::NoWriter, NO_WRITER);
                Err(RecordError::Panicked { path, lost: tally.lost(), written: tally.written() })
            }
        }
    }

    /// Takes what was seen and when. Never waits: what cannot be kept is counted, and said once a
    /// minute. What an earlier run recorded is not recorded again.
    pub fn add(&mut self, entry: &Entry) {
        if let (Some(past), Some(source)) = (&self.past, &entry.seen.source)
            && past.has(source, entry.seen.sequence)
        {
            return;
        }
        self.given += 1;
        match self.send_orders().and_then(|()| self.send_entry(entry)) {
            Ok(()) => {}
            Err(Unsent::Full) => self.tally.count_lost(1, Cause::TooSlow, &self.taker.is_too_slow()),
            Err(Unsent::NoWriter) => self.tally.count_left_behind(self.given, Cause::NoWriter, NO_WRITER),
        }
        if let Some(loss) = self.report.due(&self.tally, Instant::now()) {
            log::error!("{loss}");
        }
    }

    fn send_orders(&mut self) -> Result<(), Unsent> {
        if !self.orders.reopen && self.orders.made_by.is_none() {
            return Ok(());
        }
        let queue = self.queue.as_ref().ok_or(Unsent::NoWriter)?;
        match queue.try_send(Message::Orders(std::mem::take(&mut self.orders))) {
            Err(TrySendError::Full(Message::Orders(orders))) => {
                self.orders = orders;
                Err(Unsent::Full)
            }
            sent => sent.map_err(Unsent::from),
        }
    }

    fn send_entry(&self, entry: &Entry) -> Result<(), Unsent> {
        let queue = self.queue.as_ref().ok_or(Unsent::NoWriter)?;
        self.queued.fetch_add(1, Relaxed);
        let sent = queue.try_send(Message::Entry(Box::new(entry.clone())));
        if sent.is_err() {
            self.queued.fetch_sub(1, Relaxed);
        }
        Ok(sent?)
    }
}

/// `path` names the file.
fn claim(path: &Path, file: &Path) -> Result<Claimed, RecordError> {
    Claimed::take(file).map_err(|problem| RecordError::Unwritable { path: path.into(), problem: problem.to_string() })
}

impl From<TrySendError<Message>> for Unsent {
    fn from(error: TrySendError<Message>) -> Self {
        match error {
            TrySendError::Full(_) => Unsent::Full,
            TrySendError::Disconnected(_) => Unsent::NoWriter,
        }
    }
}

impl Recorder for Log {
    /// Never waits and never fails.
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError> {
        self.add(&Entry::now(seen.clone()));
        Ok(())
    }
}

/// Writes what comes through the queue until its other end is dropped.
fn write_all<S: Storage>(
    messages: &Receiver<Message>,
    queued: &AtomicUsize,
    writer: &mut Writer<S>,
    flush_interval: Duration,
    taker: Taker,
) {
    // The last quarter of the interval is for the medium to take the block.
    let gather = flush_interval * 3 / 4;
    let mut lateness = Lateness { flush_interval, taker, seldom: OnceAMinute::default() };
    let mut oldest: Option<Instant> = None;
    loop {
        let message = match oldest {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => messages.recv_timeout((at + gather).saturating_duration_since(Instant::now())),
        };
        // What waited in the queue while a block was written all goes into the next one, up to the
        // queue's length.
        let flush = match message {
            Ok(Message::Orders(Orders { reopen, made_by })) => {
                if reopen {
                    writer.close();
                    oldest = None;
                }
                made_by.into_iter().for_each(|made_by| writer.describe(made_by));
                false
            }
            Ok(Message::Entry(entry)) => {
                queued.fetch_sub(1, Relaxed);
                oldest.get_or_insert(entry.at);
                if writer.add(*entry) {
                    lateness.check(oldest.take());
                }
                writer.pending() >= QUEUE as u64
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
    taker: Taker,
    seldom: OnceAMinute,
}

impl Lateness {
    fn check(&mut self, oldest: Option<Instant>) {
        let Some(age) = oldest.map(|at| at.elapsed()).filter(|age| *age > self.flush_interval) else { return };
        if self.seldom.due(Instant::now()) {
            log::warn!(
                "{} is slow: records were {} ms old when they were safe, not {} ms",
                self.taker,
                // More than the limit in the same digits.
                age.as_nanos().div_ceil(1_000_000),
                self.flush_interval.as_millis()
            );
        }
    }
}
