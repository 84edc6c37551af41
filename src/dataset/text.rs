//! Text as people's programs save it, and rows of it.

use std::path::Path;

use super::DatasetError;
use crate::text::files;

/// No list of annotations is longer; the largest that are about have a twentieth of it.
const MAX_BYTES: u64 = 1 << 30;

/// A file's text with `\n` at the ends of its lines. Reads UTF-8 with or without its mark, and
/// UTF-16 with one; line ends of Unix, Windows and the old Mac.
pub(super) fn read(path: &Path) -> Result<String, DatasetError> {
    let bytes = files::read(path, MAX_BYTES).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    Ok(decoded(&bytes).replace("\r\n", "\n").replace('\r', "\n"))
}

/// Only numbers and file names matter; a stray byte in a comment is no reason to stop.
fn decoded(bytes: &[u8]) -> String {
    let utf16 = |pairs: &[u8], unit: fn([u8; 2]) -> u16| {
        String::from_utf16_lossy(&pairs.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect::<Vec<_>>())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        [0xff, 0xfe, pairs @ ..] => utf16(pairs, u16::from_le_bytes),
        [0xfe, 0xff, pairs @ ..] => utf16(pairs, u16::from_be_bytes),
        text => String::from_utf8_lossy(text).into_owned(),
    }
}

/// A table of text: its first line names the columns. Each line is read by itself, so that a stray
/// quotation mark costs no more than its row.
pub(super) struct Table {
    columns: Vec<String>,
    separator: char,
    text: String,
}

/// A row and the number of its line, from 1.
pub(super) struct Row {
    pub line: u64,
    pub fields: Vec<String>,
}

impl Table {
    /// Fields are parted by commas, semicolons or tabs, whichever the first line has most of.
    pub fn read(path: &Path) -> Result<Table, DatasetError> {
        let text = read(path)?;
        let head = text.lines().next().unwrap_or_default();
        let count = |separator: &char| head.matches(*separator).count();
        let separator = ['\t', ';', ','].into_iter().max_by_key(count).expect("there are three");
        Ok(Table { columns: fields(head, separator), separator, text })
    }

    /// The place of a column, named in any case.
    pub fn column(&self, name: &str) -> Result<usize, String> {
        let place = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        place.ok_or_else(|| format!("there is no column {name:?}"))
    }

    /// The name of a column.
    pub fn name(&self, place: usize) -> Option<&str> {
        self.columns.get(place).map(String::as_str)
    }

    /// All rows that are not blank.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let lines = self.text.lines().zip(1..).skip(1).filter(|(line, _)| !line.trim().is_empty());
        lines.map(|(line, number)| Row { line: number, fields: fields(line, self.separator) })
    }

    /// Whether a row has as many fields as there are columns; separators at its end do no harm.
    pub fn check(&self, row: &Row) -> Result<(), String> {
        let (expected, found) = (self.columns.len(), row.fields.len());
        if found < expected || row.fields[expected..].iter().any(|field| !field.is_empty()) {
            return Err(format!("expected {expected} fields, found {found}"));
        }
        Ok(())
    }
}

/// The fields of a line, without blanks around them. A quoted field may stand after blanks, which
/// crate csv does not read.
fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        let (field, after) = first_field(text, separator);
        fields.push(field);
        rest = after;
    }
    fields
}

/// The first field of a text, and what follows its separator. One whose quotation does not end is
/// all of the text.
fn first_field(text: &str, separator: char) -> (String, Option<&str>) {
    let text = text.trim_start_matches(' ');
    let Some(mut rest) = text.strip_prefix('"') else {
        let (field, after) = parted(text, separator);
        return (field.trim().into(), after);
    };
    let mut field = String::new();
    while let Some((part, after)) = rest.split_once('"') {
        field += part;
        // Two quotation marks stand for one.
        let Some(after_two) = after.strip_prefix('"') else { return (field, parted(after, separator).1) };
        field.push('"');
        rest = after_two;
    }
    (field + rest, None)
}

/// What stands before the first separator, and after it.
fn parted(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(field, after)| (field, Some(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_line_ends_of_all_systems_are_read() {
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            [&mark[..], &"a\r\nb".encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        for bytes in [
            b"a\nb".to_vec(),
            b"a\r\nb".to_vec(),
            b"a\rb".to_vec(),
            "\u{feff}a\nb".into(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), "a\nb", "{bytes:?}");
        }
    }

    #[test]
    fn rows_stand_for_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for separator in [",", "; ", "\t", " , "] {
            let lines = [
                ["File", "x"].join(separator),
                String::new(),
                [" \"a, \"\"b\"\"; c.jpg\" ", "1"].join(separator),
                ["\"torn", "2"].join(separator),
                ["c.jpg", " 3", ""].join(separator),
            ];
            std::fs::write(&path, lines.join("\n")).unwrap();
            let table = Table::read(&path).unwrap();
            assert_eq!((table.column("file"), table.column("X")), (Ok(0), Ok(1)));
            let rows: Vec<Row> = table.rows().collect();
            assert_eq!((rows[0].line, &rows[0].fields[..]), (3, &["a, \"b\"; c.jpg".to_owned(), "1".into()][..]));
            assert!(table.check(&rows[0]).is_ok() && table.check(&rows[2]).is_ok());
            assert_eq!(table.check(&rows[1]).unwrap_err(), "expected 2 fields, found 1");
            assert_eq!(rows[2].fields, ["c.jpg", "3", ""]);
        }
    }
}
