//! The formats of a log.

use std::path::Path;

use super::csv::CsvEncoder;
use super::encode::Encoder;
use super::fields::Fields;
use super::gzip::GzipEncoder;
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
    /// [`Format::Csv`], packed by gzip a block.
    CsvGz,
    /// [`Format::Jsonl`], packed by gzip a block.
    JsonlGz,
}

impl Format {
    /// Those that are written.
    pub const ALL: [Format; 5] = [Format::Csv, Format::Jsonl, Format::Mcap, Format::CsvGz, Format::JsonlGz];

    /// The end of a file's name, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Mcap => "mcap",
            Format::CsvGz => "csv.gz",
            Format::JsonlGz => "jsonl.gz",
        }
    }

    /// The format that a file of this name has; `None` for an unknown extension.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let is_of = |format: &Format| {
            let stem = name.strip_suffix(format.extension()).and_then(|stem| stem.strip_suffix('.'));
            stem.is_some_and(|stem| !stem.is_empty())
        };
        Format::ALL.into_iter().find(is_of)
    }

    /// Goes on with a file; `None` where that cannot be.
    pub fn encoder_going_on(self, fields: Fields) -> Option<Box<dyn Encoder>> {
        match self {
            Format::Csv => Some(Box::new(CsvEncoder::going_on(fields))),
            Format::Jsonl => Some(Box::new(JsonlEncoder::new(fields))),
            // Its end is a summary of all of it.
            Format::Mcap => None,
            Format::CsvGz => Some(Box::new(GzipEncoder::of(CsvEncoder::going_on(fields)))),
            Format::JsonlGz => Some(Box::new(GzipEncoder::of(JsonlEncoder::new(fields)))),
        }
    }

    /// Begins a file.
    pub fn encoder(self, fields: Fields) -> Box<dyn Encoder> {
        match self {
            Format::Csv => Box::new(CsvEncoder::new(fields)),
            Format::Jsonl => Box::new(JsonlEncoder::new(fields)),
            Format::Mcap => Box::new(McapEncoder::new(fields)),
            Format::CsvGz => Box::new(GzipEncoder::of(CsvEncoder::new(fields))),
            Format::JsonlGz => Box::new(GzipEncoder::of(JsonlEncoder::new(fields))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_the_end_of_a_name() {
        for (name, format) in [
            ("a/faces.csv", Some(Format::Csv)),
            ("faces.CSV.gz", Some(Format::CsvGz)),
            ("faces.2026.jsonl.gz", Some(Format::JsonlGz)),
            ("faces.gz", None),
            (".csv", None),
            (".csv.gz", None),
            ("csv.gz", None),
            ("faces.mcap.gz", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
