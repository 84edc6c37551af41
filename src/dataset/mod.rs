//! Annotated face pictures: which files there are and where their landmarks lie.
//!
//! Three layouts are read, told apart by what the folder holds:
//! * `points.csv` and `images/`: one row a face, columns `file`, `split` and `x0,y0 .. x67,y67`, pixel centres at whole numbers;
//! * iBUG: a `.pts` file beside each picture, in any depth of folders; its first pixel is 1, and the folder is the split;
//! * WFLW: `list_98pt_rect_attr_{train,test}.txt` and `WFLW_images/`; the 98 points are reduced to 68.

pub mod boxes;
mod csv_points;
pub mod degrade;
pub mod metrics;
mod pts;
mod wflw;

use std::path::{Path, PathBuf};

use nalgebra::Point2;
use thiserror::Error;

use crate::picture::geometry::Rect;

/// One annotated face. A picture with two faces gives two samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub picture: PathBuf,
    /// The picture's name as the data set writes it.
    pub file: String,
    pub split: String,
    /// 68 points in iBUG order, in pixels of the picture, pixel centres at whole numbers.
    pub points: Vec<Point2<f32>>,
}

impl Sample {
    /// The box of the landmarks.
    pub fn bounds(&self) -> Rect {
        Rect::around(self.points.iter().copied()).expect("a sample has points")
    }
}

#[derive(Debug, Error)]
pub enum DatasetError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {problem}")]
    Malformed { path: PathBuf, line: u64, problem: String },
    #[error(
        "{0} holds none of the known layouts; expected points.csv with images/, .pts files beside pictures, \
         or WFLW's list_98pt_rect_attr_*.txt with WFLW_images/"
    )]
    UnknownLayout(PathBuf),
    #[error("{folder} has no split {wanted:?}; it has {found}")]
    NoSuchSplit { folder: PathBuf, wanted: String, found: String },
}

/// Reads the data set in `folder`, all splits, in the order of its files.
pub fn open(folder: &Path) -> Result<Vec<Sample>, DatasetError> {
    if !folder.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotADirectory, "expected a folder");
        return Err(DatasetError::Read { path: folder.into(), source });
    }
    let table = folder.join("points.csv");
    if table.is_file() {
        return csv_points::read(&table, &folder.join("images"));
    }
    let files = files_below(folder)?;
    let lists: Vec<&PathBuf> = files.iter().filter(|f| wflw::is_list(f)).collect();
    if !lists.is_empty() {
        return lists.into_iter().map(|list| wflw::read(list)).collect::<Result<Vec<_>, _>>().map(|all| all.concat());
    }
    let annotations: Vec<&PathBuf> = files.iter().filter(|f| f.extension().is_some_and(|e| e == "pts")).collect();
    if annotations.is_empty() {
        return Err(DatasetError::UnknownLayout(folder.into()));
    }
    annotations.into_iter().map(|path| pts::read(path, folder)).collect()
}

/// The samples of one split, or of all where none is named.
pub fn open_split(folder: &Path, split: Option<&str>) -> Result<Vec<Sample>, DatasetError> {
    let all = open(folder)?;
    let Some(wanted) = split else { return Ok(all) };
    if !all.iter().any(|sample| sample.split == wanted) {
        let mut names: Vec<&str> = all.iter().map(|sample| sample.split.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        return Err(DatasetError::NoSuchSplit {
            folder: folder.into(),
            wanted: wanted.into(),
            found: names.join(", "),
        });
    }
    Ok(all.into_iter().filter(|sample| sample.split == wanted).collect())
}

fn read_text(path: &Path) -> Result<String, DatasetError> {
    let bytes = std::fs::read(path).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    // Only numbers and file names matter; a stray byte in a comment is no reason to stop.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All files below `folder`, in name order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let failed = |source| DatasetError::Read { path: folder.into(), source };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    entries.sort_unstable();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads a coordinate; infinities and NaN are refused.
fn coordinate(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("expected a coordinate, found {:?}", text.trim())),
    }
}
