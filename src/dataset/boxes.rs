//! Whole pictures with the boxes of faces: `boxes.csv` (columns `file`, `x0`, `y0`, `x1`, `y1`; a
//! row a face) and `images/`. A row without a box is a picture without any face.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::pictures::Pictures;
use super::text::{self, Table};
use super::{DatasetError, coordinate};
use crate::picture::geometry::Rect;

/// A picture and the faces in it that are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The file.
    pub picture: PathBuf,
    /// The picture's name as the data set writes it, but for backslashes.
    pub file: String,
    /// Boxes of the faces' landmarks, in pixels of the picture, pixel centres at whole numbers.
    /// Empty for a picture without any face.
    pub faces: Vec<Rect>,
    /// Boxes of what may be a face (`ignore.csv`, the same columns). A detection there counts
    /// neither as found nor as a false alarm.
    pub ignored: Vec<Rect>,
}

/// Whether the folder has this layout.
pub fn are_in(folder: &Path) -> bool {
    table(folder).is_file()
}

fn table(folder: &Path) -> PathBuf {
    folder.join("boxes.csv")
}

/// A data set, as far as it can be read.
#[derive(Debug)]
pub struct Scenes {
    /// In the order in which pictures first occur.
    pub scenes: Vec<Scene>,
    /// Rows that cannot be read. Their pictures are left out: what counts on one is not known.
    pub faults: Vec<DatasetError>,
    /// Boxes that a picture has twice; they count once.
    pub repeated: usize,
}

/// Reads the data set in `folder`. What cannot be read of it is said in the log.
pub fn open(folder: &Path) -> Result<Vec<Scene>, DatasetError> {
    let Scenes { scenes, faults, .. } = read(folder)?;
    faults.iter().for_each(|fault| log::error!("{fault}"));
    Ok(scenes)
}

/// Reads the data set in `folder`; a row that cannot be read costs its picture.
pub fn read(folder: &Path) -> Result<Scenes, DatasetError> {
    let table = table(folder);
    let mut pictures = Pictures::below([folder.join("images")]);
    let mut scenes: Vec<Scene> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut faults = Faults::default();
    let mut repeated = 0;
    for Row { line, file, bounds } in rows(&table)? {
        let known = places.get(&file).map(|place| &mut scenes[*place]);
        match (known, bounds) {
            (_, Err(problem)) => faults.add(&table, line, file, problem),
            (Some(scene), Ok(Some(face))) if scene.faces.contains(&face) => repeated += 1,
            (Some(scene), Ok(Some(face))) if !scene.faces.is_empty() => scene.faces.push(face),
            (Some(_), Ok(_)) => {
                let problem = format!("{file} has rows with and without a box");
                faults.add(&table, line, file, problem);
            }
            (None, Ok(face)) => {
                places.insert(file.clone(), scenes.len());
                let (picture, faces) = (pictures.find(&file), face.into_iter().collect());
                scenes.push(Scene { picture, file, faces, ignored: vec![] });
            }
        }
    }
    let ignored = folder.join("ignore.csv");
    if ignored.is_file() {
        for Row { line, file, bounds } in rows(&ignored)? {
            match (bounds, places.get(&file)) {
                (Err(problem), _) => faults.add(&ignored, line, file, problem),
                (Ok(bounds), Some(place)) => scenes[*place].ignored.extend(bounds),
                (Ok(_), None) => {}
            }
        }
    }
    scenes.retain(|scene| !faults.pictures.contains(&scene.file));
    Ok(Scenes { scenes, faults: faults.all, repeated })
}

/// What cannot be read, and the pictures that it is about.
#[derive(Default)]
struct Faults {
    all: Vec<DatasetError>,
    pictures: HashSet<String>,
}

impl Faults {
    fn add(&mut self, path: &Path, line: u64, picture: String, problem: String) {
        self.all.push(DatasetError::Malformed { path: path.into(), line, problem });
        self.pictures.insert(picture);
    }
}

/// A row of a table of boxes.
struct Row {
    line: u64,
    /// Empty where it cannot be told.
    file: String,
    /// `None` where all four fields are empty.
    bounds: Result<Option<Rect>, String>,
}

fn rows(path: &Path) -> Result<Vec<Row>, DatasetError> {
    let table = Table::read(path)?;
    let columns =
        Columns::of(&table).map_err(|problem| DatasetError::Malformed { path: path.into(), line: 1, problem })?;
    let row = |row: text::Row| match table.check(&row) {
        Ok(()) => {
            let file = row.fields[columns.file].replace('\\', "/");
            let bounds = if file.is_empty() { Err("it names no file".into()) } else { columns.bounds(&row) };
            Row { line: row.line, file, bounds }
        }
        // In a row of another length, no field is in its place.
        Err(problem) => Row { line: row.line, file: String::new(), bounds: Err(problem) },
    };
    Ok(table.rows().map(row).collect())
}

/// The places of the columns.
struct Columns {
    file: usize,
    corners: [usize; 4],
}

impl Columns {
    fn of(table: &Table) -> Result<Columns, String> {
        let [file, x0, y0, x1, y1] = ["file", "x0", "y0", "x1", "y1"].map(|name| table.column(name));
        Ok(Columns { file: file?, corners: [x0?, y0?, x1?, y1?] })
    }

    fn bounds(&self, row: &text::Row) -> Result<Option<Rect>, String> {
        if self.corners.iter().all(|&corner| row.fields[corner].is_empty()) {
            return Ok(None);
        }
        let corner = |i: usize| coordinate(&row.fields[self.corners[i]]);
        let face = Rect::new(corner(0)?, corner(1)?, corner(2)?, corner(3)?);
        if face.width() <= 0.0 || face.height() <= 0.0 {
            return Err("the box is empty; expected x0 < x1 and y0 < y1".into());
        }
        Ok(Some(face))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Scenes, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("boxes.csv"), text).unwrap();
        assert!(are_in(folder.path()));
        super::read(folder.path())
    }

    /// Of a table that is sound.
    fn read(text: &str) -> Result<Vec<Scene>, DatasetError> {
        let Scenes { scenes, faults, .. } = read_all(text)?;
        assert!(faults.is_empty(), "{faults:?}");
        Ok(scenes)
    }

    #[test]
    fn boxes_are_gathered_by_picture() {
        let scenes =
            read("file,width,height,x0,y0,x1,y1\na.jpg,9,9,1,2,3,4\nb.jpg,9,9,1,1,2,2\na.jpg,9,9,5,5,6,7\n").unwrap();
        assert_eq!(scenes.iter().map(|s| s.file.as_str()).collect::<Vec<_>>(), ["a.jpg", "b.jpg"]);
        assert_eq!(scenes[0].faces, [Rect::new(1.0, 2.0, 3.0, 4.0), Rect::new(5.0, 5.0, 6.0, 7.0)]);
        assert!(scenes[0].picture.ends_with("images/a.jpg"));
    }

    #[test]
    fn tables_are_read_as_spreadsheets_save_them() {
        let plain = read("file,x0,y0,x1,y1\na/b.jpg,1,2,3,4\n\"c, d.jpg\",,,,\n").unwrap();
        for text in [
            "\u{feff}file,x0,y0,x1,y1\r\na\\b.jpg,1,2,3,4\r\n\"c, d.jpg\",,,,\r\n",
            "File ; X0; Y0; X1; Y1\n\na/b.jpg ; 1 ; 2 ; 3 ; 4 \n \"c, d.jpg\";;;;\n\n",
            "file\tx0\ty0\tx1\ty1\ra/b.jpg\t1\t2\t3\t4\rc, d.jpg\t\t\t\t\r",
        ] {
            let scenes = read(text).unwrap();
            let facts = |scenes: &[Scene]| scenes.iter().map(|s| (s.file.clone(), s.faces.clone())).collect::<Vec<_>>();
            assert_eq!(facts(&scenes), facts(&plain), "{text:?}");
        }
    }

    #[test]
    fn a_row_without_a_box_is_a_picture_without_faces() {
        let scenes = read("file,x0,y0,x1,y1\nempty.jpg,,,,\na.jpg,1,2,3,4\n").unwrap();
        assert_eq!(scenes.iter().map(|s| s.faces.len()).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_box_counts_once() {
        let text = "file,x0,y0,x1,y1\na.jpg,1,2,3,4\na.jpg,1,2,3,5\na.jpg,1,2,3,4\nb.jpg,1,2,3,4\n";
        let Scenes { scenes, repeated, .. } = read_all(text).unwrap();
        assert_eq!((scenes[0].faces.len(), scenes[1].faces.len(), repeated), (2, 1, 1));
    }

    #[test]
    fn what_may_be_a_face_stands_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("boxes.csv"), "file,x0,y0,x1,y1\na.jpg,1,2,3,4\nb.jpg,1,2,3,4\n").unwrap();
        std::fs::write(folder.path().join("ignore.csv"), "file,x0,y0,x1,y1\nb.jpg,5,5,7,8\nc.jpg,1,1,2,2\n").unwrap();
        let scenes = open(folder.path()).unwrap();
        assert_eq!(scenes[0].ignored, []);
        assert_eq!(scenes[1].ignored, [Rect::new(5.0, 5.0, 7.0, 8.0)]);
    }

    #[test]
    fn a_bad_row_costs_its_picture_and_is_named() {
        let sound = "file,x0,y0,x1,y1\nb.jpg,1,2,3,4\na.jpg,1,2,3,4\n";
        for (row, problem) in [
            ("a.jpg,1,2,3,x", "expected a coordinate, found \"x\""),
            ("a.jpg,1,2,nan,4", "expected a coordinate, found \"nan\""),
            ("a.jpg,1,2,1,4", "the box is empty; expected x0 < x1 and y0 < y1"),
            ("a.jpg,,,3,", "expected a coordinate, found \"\""),
            ("a.jpg,,,,", "a.jpg has rows with and without a box"),
        ] {
            let Scenes { scenes, faults, .. } = read_all(&format!("{sound}{row}\nb.jpg,5,6,7,8\n")).unwrap();
            assert_eq!(scenes.iter().map(|s| (&*s.file, s.faces.len())).collect::<Vec<_>>(), [("b.jpg", 2)], "{row}");
            let said: Vec<String> = faults.iter().map(DatasetError::to_string).collect();
            assert!(said.len() == 1 && said[0].ends_with(&format!("boxes.csv, line 4: {problem}")), "{said:?}");
        }
        // Whose picture is not known.
        for row in ["a.jpg,1,2,3", ",1,2,3,4"] {
            let Scenes { scenes, faults, .. } = read_all(&format!("{sound}{row}\n")).unwrap();
            assert_eq!((scenes.len(), faults.len()), (2, 1), "{row}");
        }
    }

    #[test]
    fn a_head_without_its_columns_is_refused() {
        let error = read_all("file,x0,y0,x1\n").unwrap_err().to_string();
        assert!(error.ends_with("line 1: there is no column \"y1\""), "{error}");
    }
}
