//! `points.csv`: a row a face.

use std::path::Path;

use nalgebra::Point2;

use super::{DatasetError, Sample, coordinate};
use crate::model::scheme::IBUG_68;

pub(super) fn read(table: &Path, images: &Path) -> Result<Vec<Sample>, DatasetError> {
    let malformed = |line: u64, problem: String| DatasetError::Malformed { path: table.into(), line, problem };
    let mut reader = csv::Reader::from_path(table).map_err(|e| malformed(1, e.to_string()))?;
    let header = reader.headers().map_err(|e| malformed(1, e.to_string()))?.clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| malformed(1, format!("there is no column {name:?}")))
    };
    let (file, split, first) = (column("file")?, column("split")?, column("x0")?);
    for i in 0..IBUG_68.landmarks {
        for (axis, offset) in [('x', 0), ('y', 1)] {
            if header.get(first + 2 * i + offset) != Some(&format!("{axis}{i}")) {
                return Err(malformed(
                    1,
                    format!("expected columns x0,y0 .. x67,y67 in order, {axis}{i} is not in its place"),
                ));
            }
        }
    }
    let mut samples = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| malformed(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let points = (0..IBUG_68.landmarks)
            .map(|i| Ok(Point2::new(coordinate(&record[first + 2 * i])?, coordinate(&record[first + 2 * i + 1])?)))
            .collect::<Result<_, String>>()
            .map_err(|problem| malformed(line, problem))?;
        samples.push(Sample {
            picture: images.join(&record[file]),
            file: record[file].into(),
            split: record[split].into(),
            points,
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::open_split;

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
        assert!(missing.ends_with("has no split \"test\"; it has common, train"), "{missing}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let folder = folder_with(&table(&[("a.jpg", "train", 0.0), ("b.jpg", "train", 1.0)]).replace("7.5", "nan"));
        let error = open_split(folder.path(), None).unwrap_err().to_string();
        assert!(error.ends_with("points.csv, line 2: expected a coordinate, found \"nan\""), "{error}");
        let folder = folder_with("file,split\n");
        assert!(
            open_split(folder.path(), None).unwrap_err().to_string().ends_with("line 1: there is no column \"x0\"")
        );
    }
}
