//! Which file, and so which format, a text names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::Format;

/// Where observations are recorded to; a file's extension is that of a known format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChoice {
    /// JSON Lines on standard output.
    Stdout,
    /// A file, whose name says its format.
    File(PathBuf),
}

/// The name is not that of a record.
#[derive(Debug, Error)]
#[error("expected a file that ends in .csv, .jsonl, .mcap, .csv.gz or .jsonl.gz, or - for standard output")]
pub struct UnknownRecord;

impl RecordChoice {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            RecordChoice::Stdout => None,
            RecordChoice::File(path) => Some(path),
        }
    }
}

impl FromStr for RecordChoice {
    type Err = UnknownRecord;

    fn from_str(text: &str) -> Result<Self, UnknownRecord> {
        if text == "-" {
            return Ok(RecordChoice::Stdout);
        }
        let path = PathBuf::from(text);
        if Format::of(&path).is_some() { Ok(RecordChoice::File(path)) } else { Err(UnknownRecord) }
    }
}
