//! Which file, and so which format, a text names.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
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

    fn file_at(path: PathBuf) -> Result<Self, UnknownRecord> {
        // What ends in a slash is a folder.
        let is_file = !path.as_os_str().as_bytes().ends_with(b"/");
        if is_file && Format::of(&path).is_some() { Ok(RecordChoice::File(path)) } else { Err(UnknownRecord) }
    }
}

impl FromStr for RecordChoice {
    type Err = UnknownRecord;

    fn from_str(text: &str) -> Result<Self, UnknownRecord> {
        if text == "-" {
            return Ok(RecordChoice::Stdout);
        }
        RecordChoice::file_at(text.into())
    }
}

impl TryFrom<OsString> for RecordChoice {
    type Error = UnknownRecord;

    /// Names of files need not be text.
    fn try_from(name: OsString) -> Result<Self, UnknownRecord> {
        name.into_string().map_or_else(|name| RecordChoice::file_at(name.into()), |text| text.parse())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn files_are_told_from_what_is_none() {
        let file = |name: &[u8]| RecordChoice::try_from(OsString::from_vec(name.into()));
        assert_eq!(file(b"-").unwrap(), RecordChoice::Stdout);
        for name in [&b"a.csv"[..], b"-.jsonl", b"A B/c.MCAP", b"\xff/a.csv"] {
            assert!(file(name).unwrap().file().is_some(), "{name:?}");
        }
        for name in [&b""[..], b"a", b".csv", b"a.csv/", b"a.txt", b"csv"] {
            assert!(file(name).is_err(), "{name:?}");
        }
    }
}
