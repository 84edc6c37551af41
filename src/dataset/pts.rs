//! iBUG `.pts` files: `version: 1`, `n_points: 68`, then one `x y` a line in braces; the first pixel is (1, 1).

use std::path::{Path, PathBuf};

use nalgebra::Point2;

use super::{DatasetError, Sample, coordinate, read_text};
use crate::model::scheme::IBUG_68;

const PICTURE_EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "JPG", "JPEG", "PNG"];

pub(super) fn read(path: &Path, root: &Path) -> Result<Sample, DatasetError> {
    let points = parse(&read_text(path)?).map_err(|(line, problem)| DatasetError::Malformed {
        path: path.into(),
        line,
        problem,
    })?;
    let picture = picture_beside(path).ok_or_else(|| DatasetError::Malformed {
        path: path.into(),
        line: 1,
        problem: "there is no .jpg or .png of the same name beside it".into(),
    })?;
    let inside = |p: &Path| p.strip_prefix(root).unwrap_or(p).to_string_lossy().into_owned();
    let split = match path.parent().map(inside) {
        Some(folder) if !folder.is_empty() => folder,
        _ => "all".into(),
    };
    Ok(Sample { file: inside(&picture), picture, split, points })
}

fn picture_beside(path: &Path) -> Option<PathBuf> {
    PICTURE_EXTENSIONS.iter().map(|e| path.with_extension(e)).find(|p| p.is_file())
}

fn parse(text: &str) -> Result<Vec<Point2<f32>>, (u64, String)> {
    let mut lines =
        text.lines().enumerate().map(|(i, line)| (i as u64 + 1, line.trim())).filter(|(_, l)| !l.is_empty());
    if !lines.by_ref().any(|(_, line)| line == "{") {
        return Err((1, "there is no line with an opening brace".into()));
    }
    let mut points = Vec::with_capacity(IBUG_68.landmarks);
    for (number, line) in lines {
        if line == "}" {
            let found = points.len();
            return if found == IBUG_68.landmarks {
                Ok(points)
            } else {
                Err((number, format!("expected 68 points, found {found}")))
            };
        }
        let mut fields = line.split_whitespace();
        let (Some(x), Some(y), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err((number, format!("expected x and y, found {line:?}")));
        };
        let at = |text| coordinate(text).map(|v| v - 1.0).map_err(|problem| (number, problem));
        points.push(Point2::new(at(x)?, at(y)?));
    }
    Err((text.lines().count() as u64, "there is no closing brace".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::open;

    fn file(points: usize) -> String {
        let rows: String = (0..points).map(|i| format!("{}.5 {}\n", i + 1, 10)).collect();
        format!("version: 1\nn_points:  {points}\n{{\n{rows}}}\n")
    }

    #[test]
    fn a_folder_is_read_with_its_subfolders_as_splits() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("helen/testset");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a_1.pts"), file(68)).unwrap();
        std::fs::write(folder.join("a_1.jpg"), []).unwrap();
        let samples = open(root.path()).unwrap();
        assert_eq!((samples[0].split.as_str(), samples[0].file.as_str()), ("helen/testset", "helen/testset/a_1.jpg"));
        assert_eq!(samples[0].points[0], Point2::new(0.5, 9.0));
    }

    #[test]
    fn odd_files_are_refused_with_their_line() {
        assert_eq!(parse(&file(67)).unwrap_err(), (71, "expected 68 points, found 67".into()));
        assert_eq!(parse("version: 1\n{\n1 2 3\n}").unwrap_err(), (3, "expected x and y, found \"1 2 3\"".into()));
        assert_eq!(parse("{\n1 2").unwrap_err().1, "there is no closing brace");
        assert!(parse("").is_err());
    }
}
