//! Entries to blocks to files: what the thread of a log does, without its clock and queue.

use std::path::PathBuf;
use std::sync::Arc;

use super::Format;
use super::encode::Encoder;
use super::entry::Entry;
use super::fields::Fields;
use super::journal::Journal;
use super::losses::{Cause, Tally, in_words};
use super::provenance::Provenance;
use super::storage::{Storage, Tampering};

pub struct Writer<S: Storage> {
    journal: Journal<S>,
    format: Format,
    fields: Fields,
    path: PathBuf,
    tally: Arc<Tally>,
    /// Said at the begin of each file.
    made_by: Option<Arc<Provenance>>,
    /// Of the file under way; none before its first entry.
    encoder: Option<Box<dyn Encoder>>,
    /// Those in the block under way.
    pending: Vec<Entry>,
    /// The last block was lost.
    failing: bool,
}

impl<S: Storage> Writer<S> {
    pub fn new(journal: Journal<S>, format: Format, fields: Fields, path: PathBuf, tally: Arc<Tally>) -> Self {
        Writer {
            journal,
            format,
            fields,
            path,
            tally,
            made_by: None,
            encoder: None,
            pending: Vec::new(),
            failing: false,
        }
    }

    /// Goes on with the file that is there, after its first `bytes` bytes. Where that cannot be,
    /// another one is begun.
    pub fn go_on(&mut self, bytes: u64) {
        let Some(encoder) = self.format.encoder_going_on(self.fields) else { return };
        match self.journal.go_on(bytes) {
            Ok(()) => self.encoder = Some(encoder),
            Err(e) => log::warn!("{}: not gone on with: {}", self.path.display(), in_words(&e)),
        }
    }

    /// Who makes the entries from here on.
    pub fn describe(&mut self, made_by: Arc<Provenance>) {
        self.encoder.iter_mut().for_each(|encoder| encoder.describe(&made_by));
        self.made_by = Some(made_by);
    }

    /// Entries in the block under way.
    pub fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Adds an entry. A block that fills its file is made safe at once, so that no file outgrows
    /// its limit by more than a record, however fast they come; whether that was so.
    pub fn add(&mut self, entry: Entry) -> bool {
        let mut encoder = self.encoder.take().unwrap_or_else(|| self.beginning());
        encoder.add(&entry);
        self.pending.push(entry);
        let is_full = self.journal.would_be_full(encoder.block_bytes());
        self.encoder = Some(encoder);
        if is_full {
            self.flush();
        }
        is_full
    }

    /// For a new file.
    fn beginning(&self) -> Box<dyn Encoder> {
        let mut encoder = self.format.encoder(self.fields);
        self.made_by.iter().for_each(|made_by| encoder.describe(made_by));
        encoder
    }

    /// Makes the block under way safe, or counts it as lost.
    pub fn flush(&mut self) {
        let Some(encoder) = self.encoder.as_mut().filter(|_| !self.pending.is_empty()) else { return };
        let mut block = encoder.take_block();
        let mut written = self.journal.append(&block);
        if let Err(found) = written.as_ref()
            && Tampering::is(found)
        {
            log::warn!("{}: {found}; a new file is begun", self.path.display());
            let mut encoder = self.beginning();
            self.pending.iter().for_each(|entry| encoder.add(entry));
            block = encoder.take_block();
            self.encoder = Some(encoder);
            written = self.journal.append(&block);
        }
        let entries = self.pending.len() as u64;
        self.pending.clear();
        match written {
            Ok(()) => {
                self.tally.count_written(entries);
                self.tally.count_written_bytes(block.len() as u64);
                if std::mem::take(&mut self.failing) {
                    log::warn!("{}: written to again", self.path.display());
                }
                if self.journal.is_full() {
                    self.end_file();
                }
            }
            Err(error) => {
                let cause = Cause::of(&error);
                self.tally.count_lost(entries, cause, &in_words(&error));
                self.tally.count_lost_bytes(block.len() as u64, cause);
                self.failing = true;
                // The next block begins a file, with a head.
                self.encoder = None;
            }
        }
    }

    /// Completes the file under way; the next entry begins another.
    pub fn close(&mut self) {
        self.flush();
        self.end_file();
    }

    fn end_file(&mut self) {
        let Some(mut encoder) = self.encoder.take() else { return };
        let tail = encoder.tail();
        match self.journal.finish(&tail) {
            Ok(()) => self.tally.count_written_bytes(tail.len() as u64),
            // Every record is there; an MCAP file lacks its index.
            Err(error) => log::warn!("{}: not completed: {}", self.path.display(), in_words(&error)),
        }
    }
}
