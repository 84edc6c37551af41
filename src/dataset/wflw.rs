//! WFLW annotation lists, a face a line: x and y of 98 points, then the four numbers of a box, six
//! attributes, the picture's name. Box and attributes may be left out.

use std::path::Path;

use nalgebra::Point2;

use super::pictures::Pictures;
use super::sample::coordinate;
use super::{Collection, DatasetError, FoundFace, text};
use crate::model::scheme::IBUG_68_FROM_WFLW_98;

const COORDINATES: usize = 2 * 98;
/// Numbers between points and name: a box and attributes, a box, or nothing.
const MORE_NUMBERS: [usize; 3] = [10, 4, 0];

pub(super) fn is_list(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.starts_with("list_98pt_") && name.ends_with(".txt")
}

/// The split is the last word of the list's name: `train`, `test`, or a subset such as `largepose`.
pub(super) fn read(list: &Path, found: &mut Collection) -> Result<(), DatasetError> {
    let pictures = list.ancestors().skip(1).map(|folder| folder.join("WFLW_images")).find(|folder| folder.is_dir());
    let problem = "there is no folder WFLW_images beside the list or above it";
    let malformed = || DatasetError::Malformed { path: list.into(), line: 1, problem: problem.into() };
    let mut pictures = Pictures::below([pictures.ok_or_else(malformed)?]);
    let split = list.file_stem().and_then(|s| s.to_str()).and_then(|s| s.rsplit('_').next()).unwrap_or("all");
    for (line, number) in text::read(list)?.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let face = face(line).map(|(file, points)| FoundFace::of_points(pictures.find(&file), file, points));
        found.add(list, number, split.to_lowercase(), face);
    }
    Ok(())
}

fn face(line: &str) -> Result<(String, Vec<Point2<f32>>), String> {
    let fields: Vec<&str> = line.split([' ', '\t', ',']).filter(|field| !field.is_empty()).collect();
    if fields.len() <= COORDINATES {
        let longest = COORDINATES + MORE_NUMBERS[0] + 1;
        return Err(format!("expected {longest} fields, found {}", fields.len()));
    }
    let (coordinates, rest) = fields.split_at(COORDINATES);
    let is_number = |field: &&str| field.parse::<f32>().is_ok();
    let numbers = rest[..rest.len() - 1].iter().take_while(|field| is_number(field)).count();
    // As many fields as a whole line has, so that one that is no number is no part of a name.
    if rest.len() == MORE_NUMBERS[0] + 1 && numbers < MORE_NUMBERS[0] {
        return Err(format!("expected a number of the box or an attribute, found {:?}", rest[numbers]));
    }
    // A name may have blanks in it, and begin with a number.
    let more = MORE_NUMBERS.into_iter().find(|more| *more <= numbers).expect("the last one is 0");
    let points = IBUG_68_FROM_WFLW_98
        .iter()
        .map(|&p| Ok(Point2::new(coordinate(coordinates[2 * p])?, coordinate(coordinates[2 * p + 1])?)));
    Ok((rest[more..].join(" "), points.collect::<Result<_, String>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{open, open_split};

    /// The archive's folders, with a list of each name and text.
    fn archive(lists: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("WFLW_images/1--Parade")).unwrap();
        for (list, text) in lists {
            let list = root.path().join("WFLW_annotations").join(list);
            std::fs::create_dir_all(list.parent().unwrap()).unwrap();
            std::fs::write(list, text).unwrap();
        }
        root
    }

    fn points(x: f32) -> String {
        (0..98).map(|i| format!("{:.6} {:.6} ", x + i as f32, 2 * i)).collect()
    }

    #[test]
    fn a_list_is_reduced_to_68_points() {
        for rest in ["1 2 3 4 0 0 0 0 0 1 ", "1 2 3 4 ", ""] {
            let text = format!("{}{rest}1--Parade/a.jpg\n", points(0.25));
            let root = archive(&[("list_98pt_rect_attr_test.txt", &text)]);
            let samples = open_split(root.path(), Some("test")).unwrap();
            assert_eq!(samples[0].picture, root.path().join("WFLW_images/1--Parade/a.jpg"), "{rest:?}");
            // The outer corner of the left eye is point 72 of WFLW and 45 of iBUG.
            assert_eq!(samples[0].points[45], Point2::new(72.25, 144.0));
        }
    }

    #[test]
    fn a_bad_line_costs_itself() {
        let good = format!("{}1 2 3 4 0 0 0 0 0 1 1--Parade/a b.jpg\r\n", points(0.25));
        let no_number = good.replace("a b", "d").replace(" 3 4 ", " 3 x ");
        let text =
            ["1 2 3\r\n", &good, &good.replacen("0.250000", "x", 1), "\r\n", &good.replace("a b", "c"), &no_number]
                .concat();
        let set = open(archive(&[("list_98pt_rect_attr_test.txt", &text)]).path()).unwrap();
        let files: Vec<&str> = set.samples.iter().map(|sample| sample.file.as_str()).collect();
        assert_eq!(files, ["1--Parade/a b.jpg", "1--Parade/c.jpg"]);
        let errors: Vec<String> = set.faults.iter().map(|fault| fault.error.to_string()).collect();
        assert!(errors[0].ends_with("line 1: expected 207 fields, found 3"), "{errors:?}");
        assert!(errors[1].ends_with("line 3: expected a coordinate, found \"x\""), "{errors:?}");
        assert!(errors[2].ends_with("line 6: expected a number of the box or an attribute, found \"x\""), "{errors:?}");
    }

    #[test]
    fn the_whole_archive_counts_each_face_once() {
        let rest = "1 2 3 4 1 0 0 0 0 0 1--Parade/a.jpg\n";
        // Two faces of one picture, and what the second list makes of the numbers.
        let test = [points(0.25) + rest, points(300.0) + rest].concat();
        let again = [points(0.250001) + rest, points(300.0) + "1--Parade/a.jpg\n"].concat();
        let set = open(
            archive(&[
                ("list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt", &test),
                ("list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt", &(points(9.0) + rest)),
                ("list_98pt_test/list_98pt_test.txt", &again),
                ("list_98pt_test/list_98pt_test_largepose.txt", &(points(0.25) + rest)),
                ("list_98pt_test/README", "Lists of subsets."),
            ])
            .path(),
        )
        .unwrap();
        let of = |split: &str| set.samples.iter().filter(|sample| sample.split == split).count();
        assert_eq!((of("test"), of("train"), of("largepose"), set.repeated.len()), (2, 1, 1, 2));
        assert!(set.faults.is_empty(), "{:?}", set.faults);
    }
}
