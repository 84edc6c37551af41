//! Writes what was seen to files.

mod csv;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use self::csv::CsvRecorder;
use crate::observe::Observation;

/// Somewhere observations go, one after the other.
pub trait Recorder {
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError>;
}

#[derive(Debug, Error)]
pub enum RecordError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}

impl RecordError {
    fn write(path: &Path, source: impl Into<std::io::Error>) -> Self {
        RecordError::Write { path: path.into(), source: source.into() }
    }
}
