//! Whole pictures with the boxes of faces: `boxes.csv` (columns `file`, `x0`, `y0`, `x1`, `y1`; a
//! row a face) and `images/`. A row without a box is a picture without any face.

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

/// Reads the data set in `folder`, in the order in which pictures first occur.
pub fn open(folder: &Path) -> Result<Vec<Scene>, DatasetError> {
    let table = table(folder);
    let mut pictures = Pictures::below([folder.join("images")]);
    let mut scenes: Vec<Scene> = Vec::new();
    for Row { line, file, bounds } in rows(&table)? {
        match (scenes.iter_mut().find(|scene| scene.file == file), bounds) {
            (Some(scene), Some(face)) if !scene.faces.is_empty() => scene.faces.push(face),
            (Some(_), _) => {
                let problem = format!("{file} has rows with and without a box");
                return Err(DatasetError::Malformed { path: table, line, problem });
            }
            (None, face) => scenes.push(Scene {
                picture: pictures.find(&file),
                file,
                faces: face.into_iter().collect(),
                ignored: vec![],
            }),
        }
    }
    let ignored = folder.join("ignore.csv");
    if ignored.is_file() {
        for Row { file, bounds, .. } in rows(&ignored)? {
            if let Some(scene) = scenes.iter_mut().find(|scene| scene.file == file) {
                scene.ignored.extend(bounds);
            }
        }
    }
    Ok(scenes)
}

/// A row of a table of boxes.
struct Row {
    line: u64,
    file: String,
    /// `None` where all four fields are empty.
    bounds: Option<Rect>,
}

fn rows(path: &Path) -> Result<Vec<Row>, DatasetError> {
    let malformed = |line: u64, problem: String| DatasetError::Malformed { path: path.into(), line, problem };
    let table = Table::read(path)?;
    let column = |name: &str| table.column(name).map_err(|problem| malformed(1, problem));
    let file = column("file")?;
    let corners = [column("x0")?, column("y0")?, column("x1")?, column("y1")?];
    let mut rows = Vec::new();
    for row in table.rows() {
        let text::Row { line, fields } = &row;
        table.check(&row).map_err(|problem| malformed(*line, problem))?;
        let corner = |i: usize| coordinate(&fields[corners[i]]).map_err(|problem| malformed(*line, problem));
        let bounds = if corners.iter().all(|&corner| fields[corner].is_empty()) {
            None
        } else {
            let face = Rect::new(corner(0)?, corner(1)?, corner(2)?, corner(3)?);
            if face.width() <= 0.0 || face.height() <= 0.0 {
                return Err(malformed(*line, "the box is empty; expected x0 < x1 and y0 < y1".into()));
            }
            Some(face)
        };
        rows.push(Row { line: *line, file: fields[file].replace('\\', "/"), bounds });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Scene>, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("boxes.csv"), text).unwrap();
        assert!(are_in(folder.path()));
        open(folder.path())
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
        let error = read("file,x0,y0,x1,y1\na.jpg,1,2,3,4\na.jpg,,,,\n").unwrap_err().to_string();
        assert!(error.ends_with("line 3: a.jpg has rows with and without a box"), "{error}");
        assert!(read("file,x0,y0,x1,y1\na.jpg,,,3,\n").is_err());
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
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text| read(text).unwrap_err().to_string();
        assert!(error("file,x0,y0,x1\n").ends_with("line 1: there is no column \"y1\""));
        assert!(error("file,x0,y0,x1,y1\na,1,2,3,x\n").ends_with("line 2: expected a coordinate, found \"x\""));
        assert!(
            error("file,x0,y0,x1,y1\na,1,2,1,4\n").ends_with("line 2: the box is empty; expected x0 < x1 and y0 < y1")
        );
        assert!(error("file,x0,y0,x1,y1\na,1,2,1\n").contains("line 2"));
    }
}
