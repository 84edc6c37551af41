//! iBUG `.pts` files: `version: 1`, `n_points: 68`, then one `x y` a line in braces; the first
//! pixel is (1, 1).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nalgebra::Point2;

use super::sample::coordinate;
use super::{Collection, FoundFace, text};
use crate::model::scheme::IBUG_68;
use crate::picture;

pub(super) fn is_one(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pts"))
}

/// The files of a data set by their paths without extension.
pub(super) type Neighbours = HashMap<PathBuf, Vec<PathBuf>>;

pub(super) fn neighbours(files: &[PathBuf]) -> Neighbours {
    let mut neighbours = Neighbours::new();
    for file in files {
        neighbours.entry(file.with_extension("")).or_default().push(file.clone());
    }
    neighbours
}

/// Reads the annotation `path` of the data set `root`.
pub(super) fn read(path: &Path, root: &Path, neighbours: &Neighbours, found: &mut Collection) {
    let inside = |p: &Path| p.strip_prefix(root).unwrap_or(p).to_string_lossy().into_owned();
    let split = match path.parent().map(inside) {
        Some(folder) if !folder.is_empty() => folder,
        _ => "all".into(),
    };
    let text = match text::read(path) {
        Ok(text) => text,
        Err(error) => return found.fail(split, error),
    };
    let face = parse(&text).and_then(|points| {
        let picture = picture_beside(path, neighbours).map_err(|problem| (1, problem))?;
        Ok((inside(&picture), picture, points))
    });
    match face {
        Ok((file, picture, points)) => found.add(path, 1, split, Ok(FoundFace::of_points(picture, file, points))),
        Err((line, problem)) => found.add(path, line, split, Err(problem)),
    }
}

/// The picture of the same name, whose extension is written in any way.
fn picture_beside(path: &Path, neighbours: &Neighbours) -> Result<PathBuf, String> {
    let beside = || neighbours.get(&path.with_extension("")).into_iter().flatten().filter(|file| !is_one(file));
    match (beside().find(|file| picture::is_named_like_one(file)), beside().next()) {
        (Some(picture), _) => Ok(picture.clone()),
        (None, Some(other)) => {
            let name = other.file_name().unwrap_or_default().display();
            Err(format!("there is {name} beside it, which is no JPEG or PNG; convert it to .png"))
        }
        (None, None) => Err("there is no .jpg or .png of the same name beside it".into()),
    }
}

/// The points, or the line of what is wrong and the problem.
fn parse(text: &str) -> Result<Vec<Point2<f32>>, (u64, String)> {
    if text.contains('\0') {
        return Err((1, "it is no text; expected \"version: 1\", \"n_points: 68\" and the points in braces".into()));
    }
    let mut inside = false;
    let mut points = Vec::with_capacity(IBUG_68.landmarks);
    for (line, number) in text.lines().zip(1..) {
        let mut line = without_comment(line);
        if !inside {
            let Some((_, after)) = line.split_once('{') else { continue };
            (inside, line) = (true, after);
        }
        let (numbers, is_last) = line.split_once('}').map_or((line, false), |(numbers, _)| (numbers, true));
        if let Some(point) = point(numbers).map_err(|problem| (number, problem))? {
            points.push(point);
        }
        if is_last {
            return match points.len() {
                found if found == IBUG_68.landmarks => Ok(points),
                found => Err((number, format!("expected {} points, found {found}", IBUG_68.landmarks))),
            };
        }
    }
    let lines = (text.lines().count() as u64).max(1);
    if inside {
        Err((lines, "there is no closing brace".into()))
    } else {
        Err((1, "there is no line with an opening brace".into()))
    }
}

fn without_comment(line: &str) -> &str {
    let end = ["#", "//"].iter().filter_map(|mark| line.find(mark)).min();
    line[..end.unwrap_or(line.len())].trim()
}

/// Nothing on a blank line.
fn point(text: &str) -> Result<Option<Point2<f32>>, String> {
    let mut fields = text.split([' ', '\t', ',', ';']).filter(|field| !field.is_empty());
    match (fields.next(), fields.next(), fields.next()) {
        (None, ..) => Ok(None),
        (Some(x), Some(y), None) => Ok(Some(Point2::new(coordinate(x)? - 1.0, coordinate(y)? - 1.0))),
        _ => Err(format!("expected x and y, found {:?}", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, open};

    fn file(points: usize) -> String {
        let rows: String = (0..points).map(|i| format!("{}.5 {}\n", i + 1, 10)).collect();
        format!("version: 1\nn_points:  {points}\n{{\n{rows}}}\n")
    }

    /// A data set of these files.
    fn set(files: &[(&str, &str)]) -> Dataset {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        open(root.path()).unwrap()
    }

    #[test]
    fn a_folder_is_read_with_its_subfolders_as_splits() {
        let set = set(&[("helen/testset/a_1.pts", &file(68)), ("helen/testset/a_1.jpg", "")]);
        let sample = &set.samples[0];
        assert_eq!((sample.split.as_str(), sample.file.as_str()), ("helen/testset", "helen/testset/a_1.jpg"));
        assert_eq!(sample.points[0], Point2::new(0.5, 9.0));
    }

    #[test]
    fn the_spellings_that_are_about_are_read() {
        let plain = file(68);
        let expected = parse(&plain).unwrap();
        for text in [
            plain.replace("version: 1\n", "# by hand\nversion: 1\n"),
            plain.replace("68\n{", "68 {"),
            plain.replace("{\n", "{"),
            plain.replace("\n}", " }"),
            plain.replace("{\n", "{\n# jaw\n\n// and more\n"),
            plain.replace(" 10\n", "\t10 # by hand\n"),
            plain.replace(" 10\n", ", 10\n"),
            plain.replace(" 10\n", ";10 \n"),
            plain.replace(" 10\n", " 1.0e+01\n"),
            plain.trim_end().into(),
        ] {
            assert_eq!(parse(&text), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn odd_files_are_refused_with_their_line() {
        assert_eq!(parse(&file(67)).unwrap_err(), (71, "expected 68 points, found 67".into()));
        assert_eq!(parse("version: 1\n{\n1 2 3\n}").unwrap_err(), (3, "expected x and y, found \"1 2 3\"".into()));
        assert_eq!(parse("{\n1 2").unwrap_err().1, "there is no closing brace");
        assert_eq!(parse("").unwrap_err(), (1, "there is no line with an opening brace".into()));
        assert!(parse("\0\0\u{fffd}?").unwrap_err().1.starts_with("it is no text"));
    }

    #[test]
    fn one_bad_item_costs_itself() {
        let good = file(68);
        let places = "5 5\n".repeat(68);
        let missing = file(68).replacen("\n2.5 10", "\n-1 -1", 1).replacen("\n7.5 10", "\n-1 -1", 1);
        let one_place = format!("{{\n{places}}}");
        let set = set(&[
            ("a.PTS", &good),
            ("a.Jpg", ""),
            ("b.pts", &good.replacen("1.5", "nan", 1)),
            ("b.jpg", ""),
            ("c.pts", &good),
            ("d.pts", &good),
            ("d.bmp", ""),
            ("e.pts", &file(39)),
            ("e.jpg", ""),
            ("f.pts", &one_place),
            ("f.jpg", ""),
            ("g.pts", &missing),
            ("g.jpg", ""),
            ("__MACOSX/._a.pts", "\0\u{5}\u{16}\u{7}"),
            ("._a.pts", "\0\u{5}\u{16}\u{7}"),
        ]);
        assert_eq!(set.samples.iter().map(|sample| sample.file.as_str()).collect::<Vec<_>>(), ["a.Jpg"]);
        let errors: Vec<String> = set.faults.iter().map(|fault| fault.error.to_string()).collect();
        for (error, expected) in errors.iter().zip([
            "b.pts, line 4: expected a coordinate, found \"nan\"",
            "c.pts, line 1: there is no .jpg or .png of the same name beside it",
            "d.pts, line 1: there is d.bmp beside it, which is no JPEG or PNG; convert it to .png",
            "e.pts, line 43: expected 68 points, found 39",
            "f.pts, line 1: its points all lie in one place",
            "g.pts, line 1: 2 of its points stand before the picture's corner, as missing ones do; expected all",
        ]) {
            assert!(error.ends_with(expected), "{error}");
        }
        assert_eq!(errors.len(), 6, "{errors:?}");
    }
}
