//! The formats of a log.

use std::path::Path;

use super::csv::CsvEncoder;
use super::encode::Encoder;
use super::jsonl::JsonlEncoder;
use super::mcap::McapEncoder;

/// The formats of a log, told apart by the file's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows with OpenFace's columns and ours: [`mod@super::csv`].
    Csv,
    /// An object a line: [`super::jsonl`].
    Jsonl,
    /// Messages for Foxglove: [`mod@super::mcap`].
    Mcap,
}

impl Format {
    /// Those that are written.
    pub const ALL: [Format; 3] = [Format::Csv, Format::Jsonl, Format::Mcap];

    /// The end of a file's name, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Mcap => "mcap",
        }
    }

    /// The format that a file of this name has; `None` for an unknown extension.
    pub fn of(path: &Path) -> Option<Format> {
        let extension = path.extension()?;
        Format::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
    }

    /// Goes on with a file; `None` where that cannot be.
    pub fn encoder_going_on(self) -> Option<Box<dyn Encoder>> {
        match self {
            Format::Csv => Some(Box::new(CsvEncoder::going_on())),
            Format::Jsonl => Some(Box::new(JsonlEncoder::default())),
            // Its end is a summary of all of it.
            Format::Mcap => None,
        }
    }

    /// Begins a file.
    pub fn encoder(self) -> Box<dyn Encoder> {
        match self {
            Format::Csv => Box::new(CsvEncoder::new()),
            Format::Jsonl => Box::new(JsonlEncoder::default()),
            Format::Mcap => Box::new(McapEncoder::new()),
        }
    }
}
