//! WFLW annotation lists: 98 points, a box, six attributes and the picture's name a line.

use std::path::Path;

use nalgebra::Point2;

use super::{DatasetError, Sample, coordinate, read_text};
use crate::model::scheme::IBUG_68_FROM_WFLW_98;

const POINTS: usize = 98;
/// x and y of each point, four numbers of the box, six attributes, the name.
const FIELDS: usize = 2 * POINTS + 4 + 6 + 1;

pub(super) fn is_list(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.starts_with("list_98pt_") && name.ends_with(".txt")
}

/// The split is the last word of the list's name: `train`, `test`, or a subset such as `largepose`.
pub(super) fn read(list: &Path) -> Result<Vec<Sample>, DatasetError> {
    let malformed = |line: u64, problem: String| DatasetError::Malformed { path: list.into(), line, problem };
    let pictures = list
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("WFLW_images"))
        .find(|folder| folder.is_dir())
        .ok_or_else(|| malformed(1, "there is no folder WFLW_images beside the list or above it".into()))?;
    let split = list.file_stem().and_then(|s| s.to_str()).and_then(|s| s.rsplit('_').next()).unwrap_or("all");
    let text = read_text(list)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = i as u64 + 1;
            if fields.len() != FIELDS {
                return Err(malformed(number, format!("expected {FIELDS} fields, found {}", fields.len())));
            }
            let points = IBUG_68_FROM_WFLW_98
                .iter()
                .map(|&p| Ok(Point2::new(coordinate(fields[2 * p])?, coordinate(fields[2 * p + 1])?)))
                .collect::<Result<_, String>>()
                .map_err(|problem| malformed(number, problem))?;
            let file = fields[FIELDS - 1];
            Ok(Sample { picture: pictures.join(file), file: file.into(), split: split.into(), points })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{open, open_split};

    #[test]
    fn a_list_is_reduced_to_68_points() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("WFLW_images/1--Parade")).unwrap();
        std::fs::create_dir_all(root.path().join("WFLW_annotations")).unwrap();
        let points: String = (0..98).map(|i| format!("{i}.25 {} ", 2 * i)).collect();
        let list = root.path().join("WFLW_annotations/list_98pt_rect_attr_test.txt");
        std::fs::write(&list, format!("{points}1 2 3 4 0 0 0 0 0 1 1--Parade/a.jpg\n")).unwrap();
        let samples = open_split(root.path(), Some("test")).unwrap();
        assert_eq!(samples[0].picture, root.path().join("WFLW_images/1--Parade/a.jpg"));
        // The outer corner of the left eye is point 72 of WFLW and 45 of iBUG.
        assert_eq!(samples[0].points[45], Point2::new(72.25, 144.0));
        std::fs::write(&list, "1 2 3\n").unwrap();
        let error = open(root.path()).unwrap_err().to_string();
        assert!(error.ends_with("line 1: expected 207 fields, found 3"), "{error}");
    }
}
