//! Where in a TOML text something stands.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A line of a profile, and the key there if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileLine {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// With the tables that it is in: `screen.spi.data_pin`.
    pub key: Option<String>,
}

impl fmt::Display for ProfileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        self.key.iter().try_for_each(|key| write!(f, ", {key}"))
    }
}

impl ProfileLine {
    /// Of a range of bytes. One that holds several keys, or nothing, has none.
    pub fn at(file: &str, text: &str, range: Range<usize>) -> ProfileLine {
        let document = DeTable::parse(text).ok();
        let key = document.and_then(|document| key_at(document.get_ref(), &range));
        ProfileLine { file: file.into(), line: line(text, range.start), key }
    }

    /// Of a key; the first line where it is not there.
    pub fn of(file: &str, text: &str, key: &str) -> ProfileLine {
        let document = DeTable::parse(text).ok();
        let offset = document.and_then(|document| offset_of(document.get_ref(), key)).unwrap_or(0);
        ProfileLine { file: file.into(), line: line(text, offset), key: Some(key.into()) }
    }
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn key_at(table: &DeTable<'_>, range: &Range<usize>) -> Option<String> {
    let covers = |key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>| {
        !range.is_empty() && key.span().start <= range.start && range.end <= value.span().end.max(key.span().end)
    };
    table.iter().find_map(|(key, value)| {
        let inner = value.get_ref().as_table().and_then(|table| key_at(table, range));
        match inner {
            Some(inner) => Some(format!("{}.{inner}", key.get_ref())),
            None => covers(key, value).then(|| key.get_ref().to_string()),
        }
    })
}

fn offset_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let inner = value.get_ref().as_table().filter(|_| !rest.is_empty());
    Some(inner.and_then(|table| offset_of(table, rest)).unwrap_or(key.span().start))
}
