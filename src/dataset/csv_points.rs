//! `points.csv`: a row a face.

use std::path::Path;

use nalgebra::Point2;

use super::pictures::Pictures;
use super::sample::coordinate;
use super::text::{Row, Table};
use super::{Collection, DatasetError, FoundFace};
use crate::model::scheme::IBUG_68;

pub(super) fn read(path: &Path, found: &mut Collection) -> Result<(), DatasetError> {
    let table = Table::read(path)?;
    let columns =
        Columns::of(&table).map_err(|problem| DatasetError::Malformed { path: path.into(), line: 1, problem })?;
    let folder = path.parent().expect("a file lies in a folder");
    let mut pictures = Pictures::below([folder.join("images"), folder.into()]);
    for row in table.rows() {
        // In a row of another length, no field is in its place.
        let face = table.check(&row).map_err(|problem| (String::new(), problem));
        let face =
            face.and_then(|()| columns.face(&row, &mut pictures).map_err(|problem| (columns.split(&row), problem)));
        match face {
            Ok(face) => found.add(path, row.line, columns.split(&row), Ok(face)),
            Err((split, problem)) => found.add(path, row.line, split, Err(problem)),
        }
    }
    Ok(())
}

/// The places of the columns.
struct Columns {
    file: usize,
    split: usize,
    /// Of `x0`; the others follow.
    first: usize,
    yaw: Option<usize>,
    spread: Option<usize>,
}

impl Columns {
    fn of(table: &Table) -> Result<Columns, String> {
        let columns = Columns {
            file: table.column("file")?,
            split: table.column("split")?,
            first: table.column("x0")?,
            yaw: table.column("yaw").ok(),
            spread: table.column("spread").ok(),
        };
        for i in 0..IBUG_68.landmarks {
            for (axis, offset) in [("x", 0), ("y", 1)] {
                let expected = format!("{axis}{i}");
                let name = table.name(columns.first + 2 * i + offset);
                if !name.is_some_and(|name| name.eq_ignore_ascii_case(&expected)) {
                    return Err(format!("expected columns x0,y0 .. x67,y67 in order, {expected} is not in its place"));
                }
            }
        }
        Ok(columns)
    }

    fn split(&self, row: &Row) -> String {
        let split = &row.fields[self.split];
        if split.is_empty() { "all".into() } else { split.clone() }
    }

    fn face(&self, row: &Row, pictures: &mut Pictures) -> Result<FoundFace, String> {
        let file = row.fields[self.file].clone();
        if file.is_empty() {
            return Err("it names no file".into());
        }
        let points = row.fields[self.first..].chunks_exact(2).take(IBUG_68.landmarks);
        let points = points.map(|xy| Ok(Point2::new(coordinate(&xy[0])?, coordinate(&xy[1])?)));
        let field = |column: Option<usize>| column.map(|at| row.fields[at].as_str()).filter(|field| !field.is_empty());
        Ok(FoundFace {
            points: points.collect::<Result<_, String>>()?,
            yaw_deg: field(self.yaw).map(coordinate).transpose()?,
            spread: field(self.spread).map(spread).transpose()?,
            picture: pictures.find(&file),
            file,
        })
    }
}

fn spread(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=f32::MAX).contains(share));
    share.ok_or_else(|| format!("expected a spread of 0 or more, found {text:?}"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::{open, open_split};

    fn table(rows: &[(&str, &str, f32)]) -> String {
        let mut text = String::from("file,split,source");
        (0..68).for_each(|i| write!(text, ",x{i},y{i}").unwrap());
        for (file, split, start) in rows {
            write!(text, "\n{file},{split},helen").unwrap();
            (0..68).for_each(|i| write!(text, ",{},{}", start + i as f32, 7.5).unwrap());
        }
        text
    }

    fn folder_with(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("points.csv"), text).unwrap();
        folder
    }

    #[test]
    fn splits_are_kept_apart() {
        let folder = folder_with(&table(&[("a.jpg", "train", 0.0), ("b.jpg", "common", 1.0)]));
        let found = open_split(folder.path(), Some("common")).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].picture, folder.path().join("images/b.jpg"));
        assert_eq!((found[0].points[67].x, found[0].points[67].y), (68.0, 7.5));
        let missing = open_split(folder.path(), Some("test")).unwrap_err().to_string();
        assert!(missing.contains("has no split \"test\"; it has common, train. A split is what"), "{missing}");
    }

    #[test]
    fn a_bad_row_costs_itself_and_is_named() {
        let rows = table(&[("a.jpg", "train", 0.0), ("b.jpg", "train", 1.0), ("c.jpg", "common", 2.0)]);
        let short = rows.replacen("b.jpg,train,helen,1", "b.jpg,train,1", 1);
        let far = rows.replacen("b.jpg,train,helen,1", "b.jpg,train,helen,1e30", 1);
        let quoted = rows.replacen("b.jpg", "\"b.jpg", 1);
        for (text, problem) in [
            (rows.replacen(",1,7.5", ",nan,7.5", 2), "expected a coordinate, found \"nan\""),
            (far, "expected a coordinate, found \"1e30\""),
            (short, "expected 139 fields, found 138"),
            (quoted, "expected 139 fields, found 1"),
            (rows.replacen("b.jpg", "", 1), "it names no file"),
        ] {
            let folder = folder_with(&text);
            let set = open(folder.path()).unwrap();
            let errors: Vec<String> = set.faults.iter().map(|fault| fault.error.to_string()).collect();
            let named =
                |line| errors.iter().any(|error| error.ends_with(&format!("points.csv, line {line}: {problem}")));
            assert!(named(3), "{errors:?}");
            assert_eq!(set.samples.last().unwrap().file, "c.jpg", "{errors:?}");
            assert_eq!(set.samples.len() + errors.len(), 3);
        }
    }

    #[test]
    fn a_head_that_says_too_little_is_refused() {
        for (head, problem) in [
            ("file,split", "line 1: there is no column \"x0\""),
            ("file,split,x0,y0,x2", "line 1: expected columns x0,y0 .. x67,y67 in order, x1 is not in its place"),
        ] {
            let error = open(folder_with(head).path()).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn a_spread_is_read_where_it_is_said() {
        let rows = table(&[("a.jpg", "train", 0.0), ("b.jpg", "train", 1.0), ("c.jpg", "train", 2.0)]);
        let said = rows.replacen("source", "Spread", 1);
        let said = said.replacen("helen", "0.02", 1).replacen("helen", "", 1).replacen("helen", "much", 1);
        let set = open(folder_with(&said).path()).unwrap();
        assert_eq!(set.samples.iter().map(|sample| sample.spread).collect::<Vec<_>>(), [Some(0.02), None]);
        let error = set.faults[0].error.to_string();
        assert!(error.ends_with("line 4: expected a spread of 0 or more, found \"much\""), "{error}");
    }

    #[test]
    fn what_spreadsheets_make_of_a_table_is_read() {
        let plain = table(&[("a/b 1.jpg", "train", 0.0), ("c.jpg", "train", 1.0)]);
        let expected = open(folder_with(&plain).path()).unwrap().samples.into_iter().map(|s| s.points);
        let expected: Vec<_> = expected.collect();
        for text in [
            format!("\u{feff}{plain}"),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\r"),
            plain.replace(',', ", "),
            plain.replace(',', ";"),
            plain.replace('\n', ",,\n").replacen(",,\n", "\n\n", 1) + "\n",
            plain.replace("a/b", "a\\b"),
            plain.replacen("file,split", "File,Split", 1),
        ] {
            let set = open(folder_with(&text).path()).unwrap();
            assert!(set.faults.is_empty(), "{text:?}: {:?}", set.faults);
            assert!(set.samples.iter().map(|s| &s.points).eq(&expected), "{text:?}");
            assert!(set.samples[0].picture.ends_with("images/a/b 1.jpg"), "{text:?}");
        }
    }
}
