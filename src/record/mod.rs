//! Records observations in files that survive a power cut.
//!
//! A power cut or `kill -9` loses at most the records of the last flush interval (1 s by default).
//! Every record that is read back is whole.
//!
//! That holds where the medium takes a block within a quarter of the interval (else a warning says
//! so) and keeps what it confirmed. The records of one interval are a block: one write, then
//! `fdatasync`. `docs/records.md` and [`mod@mcap`] say how a reader tells a torn record. Files
//! that end in `.gz` are packed block by block, and a torn block is lost whole. Files can be read
//! while they are written.

mod annotations;
mod choice;
mod claim;
pub mod csv;
mod destination;
mod encode;
#[doc(hidden)]
pub mod entry;
#[doc(hidden)]
pub mod fields;
mod format;
mod gzip;
#[doc(hidden)]
pub mod journal;
pub mod jsonl;
#[cfg(feature = "program")]
pub(crate) mod limits;
pub mod log;
#[doc(hidden)]
pub mod losses;
pub mod mcap;
#[doc(hidden)]
pub mod metrics;
#[cfg(feature = "program")]
pub(crate) mod metrics_file;
#[doc(hidden)]
pub mod past;
mod pipe;
mod plain;
#[doc(hidden)]
pub mod provenance;
#[cfg(feature = "program")]
pub(crate) mod selection;
#[doc(hidden)]
pub mod storage;
#[doc(hidden)]
pub mod writer;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

pub use choice::{RecordChoice, UnknownRecord};
pub use format::Format;
pub use plain::PlainFile;

use crate::face::Observation;
use crate::text::message::counted;

/// Somewhere observations go, one after the other.
pub trait Recorder {
    /// Takes what was seen in one frame. An error says that it, or an earlier one, is lost.
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError>;
}

/// Why something was not recorded.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum RecordError {
    #[error("{0}: unknown kind of record; expected a name that ends in .csv, .jsonl, .mcap, .csv.gz or .jsonl.gz")]
    UnknownFormat(PathBuf),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{0:?}: the name of a record file has to be valid UTF-8")]
    NameNotText(PathBuf),
    #[error("cannot start a thread to write records: {0}")]
    Thread(std::io::Error),
    #[error(
        "{path}: {} lost ({reason}), {}",
        counted(*lost, "record was", "records were"),
        counted(*written, "was written", "were written")
    )]
    Lost { path: PathBuf, lost: u64, written: u64, reason: String },
    #[error(
        "{path}: the thread that writes panicked; {} lost, {}",
        counted(*lost, "record was", "records were"),
        counted(*written, "was written", "were written")
    )]
    Panicked { path: PathBuf, lost: u64, written: u64 },
    #[error("cannot write {path}: {problem}")]
    Unwritable { path: PathBuf, problem: String },
    #[error("cannot go on with {path}: {source}")]
    Resume { path: PathBuf, source: std::io::Error },
    #[error("{path}: {taker} did not take the last records within {} ms", within.as_millis())]
    NotFinished { path: PathBuf, within: Duration, taker: log::Taker },
}
