//! Reports as files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::error::Category;
use thiserror::Error;

use super::{Report, SCHEMA, check};
use crate::text::files;
use crate::text::message::in_one_line;

/// A report has some tens of KiB.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Debug, Error)]
pub enum ReportError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{0} is cut short; expected a whole report")]
    Truncated(PathBuf),
    #[error("{path} is not JSON ({source}); expected a report")]
    NotJson { path: PathBuf, source: serde_json::Error },
    #[error("{0} has no schema number; expected a report")]
    NoSchema(PathBuf),
    #[error("{path} has schema {found}; this version of wingmark reads schema {SCHEMA}, so measure again with it")]
    OtherSchema { path: PathBuf, found: Value },
    #[error("{path} is not a report of schema {SCHEMA}: {}", in_one_line(&source.to_string()))]
    Shape { path: PathBuf, source: serde_json::Error },
    #[error("{path}: {key} is {found}; expected {expected}")]
    Value { path: PathBuf, key: String, found: String, expected: String },
}

impl Report {
    pub fn read(path: &Path) -> Result<Report, ReportError> {
        let bytes = files::read(path, MAX_BYTES).map_err(|source| ReportError::Read { path: path.into(), source })?;
        Report::parse(&bytes, path)
    }

    /// Reads the bytes of the file `path`, which messages name.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Report, ReportError> {
        let path = || path.to_path_buf();
        // Some editors put a byte order mark first.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|source| match source.classify() {
            Category::Eof => ReportError::Truncated(path()),
            _ => ReportError::NotJson { path: path(), source },
        })?;
        match value.get("schema") {
            None => return Err(ReportError::NoSchema(path())),
            Some(number) if *number == SCHEMA => {}
            Some(other) => return Err(ReportError::OtherSchema { path: path(), found: other.clone() }),
        }
        // From the text again, so that a message has line and column.
        let report: Report =
            serde_json::from_slice(bytes).map_err(|source| ReportError::Shape { path: path(), source })?;
        match check::first_wrong(&report) {
            None => Ok(report),
            Some(check::Wrong { key, found, expected }) => {
                Err(ReportError::Value { path: path(), key, found, expected })
            }
        }
    }

    /// Replaces the file as a whole.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = serde_json::to_string_pretty(self).expect("a report has text keys") + "\n";
        files::replace(path, &text).map_err(|source| ReportError::Write { path: path.into(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn error(text: &str) -> String {
        Report::parse(text.as_bytes(), Path::new("a.json")).unwrap_err().to_string()
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        sample::report().write(&path).unwrap();
        assert_eq!(Report::read(&path).unwrap(), sample::report());
        let marked = [b"\xef\xbb\xbf".to_vec(), std::fs::read(&path).unwrap()].concat();
        assert_eq!(Report::parse(&marked, &path).unwrap(), sample::report());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_report_cut_anywhere_is_said_to_be_cut_short() {
        let text = serde_json::to_string_pretty(&sample::report()).unwrap();
        for length in 0..text.len() {
            let message = error(&text[..length]);
            assert!(message.starts_with("a.json is cut short"), "{length}: {message}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused_in_one_line() {
        let text = serde_json::to_string_pretty(&sample::report()).unwrap();
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{from} is not in {text}");
            error(&text.replacen(from, to, 1))
        };
        assert!(error("# notes").starts_with("a.json is not JSON (expected value at line 1 column 1)"));
        assert!(error("[1, 2]").starts_with("a.json has no schema number"));
        assert!(error("{\"nme_percent\": 3}").starts_with("a.json has no schema number"));
        assert!(changed("\"schema\": 2", "\"schema\": 7").starts_with("a.json has schema 7; this version"));
        assert!(changed("\"schema\": 2", "\"schema\": \"1\"").starts_with("a.json has schema \"1\"; this version"));
        assert!(changed("\"wingmark\"", "\"winkmark\"").contains("unknown field `winkmark`"));
        assert!(changed("\"net\": {", "\"nets\": {").contains("unknown variant `nets`"));
        assert!(changed("\"wingmark\"", "\"wing\\nmark\"").contains("unknown field `wing mark`"));
        assert!(changed("\"min_us\": 4000.0", "\"min_us\": \"fast\"").contains("line "));
        assert!(changed("\"min_us\": 4000.0", "\"min_us\": 1e400").contains("number out of range"));
        for (from, to, expected) in [
            ("\"min_us\": 4000.0", "\"min_us\": -1", "models[0].frame.min_us is -1; expected 0 to 1e12"),
            ("\"min_us\": 4000.0", "\"min_us\": 1e300", "models[0].frame.min_us is 1e300; expected 0 to 1e12"),
            ("\"min_us\": 4000.0", "\"min_us\": 9000", "models[0].frame is not in order"),
            ("\"count\": 1000", "\"count\": 0", "models[0].stages.capture.count is 0; expected at least 1"),
            ("\"min_us\": 3200.0", "\"min_us\": 0", "models[0].stages.net.min_us is 0; expected more than 0"),
            ("\"threads\": 1", "\"threads\": 0", "models[0].threads is 0; expected 1 to 1024"),
            ("\"name\": \"small\"", "\"name\": \"\\u001b[2J\"", "models[0].name"),
        ] {
            let message = changed(from, to);
            assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
        }
    }
}
