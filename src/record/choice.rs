//! Which file, and so which format, a text names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::Format;

/// A file that observations are recorded to; its extension is that of a known format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChoice(PathBuf);

/// The name is not that of a record.
#[derive(Debug, Error)]
#[error("expected a file that ends in .csv, .jsonl or .mcap")]
pub struct UnknownRecord;

impl RecordChoice {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for RecordChoice {
    type Err = UnknownRecord;

    fn from_str(text: &str) -> Result<Self, UnknownRecord> {
        let path = PathBuf::from(text);
        if Format::of(&path).is_some() { Ok(RecordChoice(path)) } else { Err(UnknownRecord) }
    }
}
