//! Annotated face pictures: which files there are and where their landmarks lie.
//!
//! Three layouts are read, told apart by what the folder holds:
//! * `points.csv` and `images/`: one row a face, columns `file`, `split` and `x0,y0 .. x67,y67`,
//!   pixel centres at whole numbers; columns `yaw` in degrees and `spread` may follow;
//! * iBUG: a `.pts` file beside each picture, in any depth of folders. Its first pixel is 1, and
//!   the folder is the split;
//! * WFLW: `list_98pt_rect_attr_{train,test}.txt` and `WFLW_images/`. Its 98 points are reduced to
//!   68.
//!
//! An item that cannot be read is left out and reported. `docs/datasets.md` says how each layout
//! may be written.

pub mod boxes;
mod csv_points;
pub mod degrade;
pub mod metrics;
mod pictures;
mod pts;
mod sample;
mod text;
mod wflw;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::Point2;
use thiserror::Error;

use crate::picture::folder;
use sample::coordinate;
pub use sample::{AnnotationLine, Sample};

/// A data set, as far as it can be read.
#[derive(Debug, Default)]
pub struct Dataset {
    /// In the order of the data set's files; of folders, in [`folder::natural_order`].
    pub samples: Vec<Sample>,
    /// Items that could not be read.
    pub faults: Vec<UnreadableItem>,
    /// The split of each face that it has twice; such a face is among the samples once.
    pub repeated: Vec<String>,
}

/// An item that cannot be read.
#[derive(Debug)]
pub struct UnreadableItem {
    /// Where it would belong; empty where that cannot be told.
    pub split: String,
    /// What is wrong with it.
    pub error: DatasetError,
}

/// What is wrong with a data set, or with an item of it.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum DatasetError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {problem}")]
    Malformed { path: PathBuf, line: u64, problem: String },
    #[error(
        "{0} holds none of the known layouts; expected points.csv or boxes.csv with images/, .pts files beside pictures, \
         or WFLW's list_98pt_rect_attr_*.txt with WFLW_images/"
    )]
    UnknownLayout(PathBuf),
    #[error(
        "{0} has boxes.csv: boxes of faces without points; expected a set with points, such as points.csv with images/"
    )]
    OnlyBoxes(PathBuf),
    #[error(
        "{folder} has no split {wanted:?}; it has {found}. A split is what the column split of points.csv says, the \
         folder below {folder} that .pts files lie in, or the last word of a WFLW list's name"
    )]
    NoSuchSplit { folder: PathBuf, wanted: String, found: String },
}

/// Reads the data set in `folder`, all splits.
pub fn open(folder: &Path) -> Result<Dataset, DatasetError> {
    let about = std::fs::metadata(folder).map_err(|source| DatasetError::Read { path: folder.into(), source })?;
    if !about.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotADirectory, "it is no folder; expected a data set's");
        return Err(DatasetError::Read { path: folder.into(), source });
    }
    let table = folder.join("points.csv");
    if table.is_file() {
        return open_table(&table);
    }
    let mut found = Collection::default();
    let mut files = Vec::new();
    files_below(folder, &mut HashSet::new(), &mut files, &mut found)?;
    let lists: Vec<&PathBuf> = files.iter().filter(|file| wflw::is_list(file)).collect();
    let annotations: Vec<&PathBuf> = files.iter().filter(|file| pts::is_one(file)).collect();
    if !lists.is_empty() {
        lists.into_iter().try_for_each(|list| wflw::read(list, &mut found))?;
    } else if !annotations.is_empty() {
        let neighbours = pts::neighbours(&files);
        annotations.into_iter().for_each(|path| pts::read(path, folder, &neighbours, &mut found));
    } else if boxes::are_in(folder) {
        return Err(DatasetError::OnlyBoxes(folder.into()));
    } else {
        return Err(DatasetError::UnknownLayout(folder.into()));
    }
    Ok(found.set)
}

/// Reads one table that is laid out as `points.csv`, beside `images/`, all splits.
pub fn open_table(table: &Path) -> Result<Dataset, DatasetError> {
    let mut found = Collection::default();
    csv_points::read(table, &mut found)?;
    Ok(found.set)
}

/// The samples of one split, or of all where none is named. What cannot be read is said in the log.
pub fn open_split(folder: &Path, split: Option<&str>) -> Result<Vec<Sample>, DatasetError> {
    let mut set = open(folder)?;
    if let Some(split) = split {
        set = set.only(split, folder)?;
    }
    set.faults.iter().for_each(|fault| log::error!("{}", fault.error));
    Ok(set.samples)
}

impl Dataset {
    /// One split, with the faults that may belong to it. Messages name `folder`, where it came
    /// from.
    pub fn only(mut self, split: &str, folder: &Path) -> Result<Dataset, DatasetError> {
        let splits = self.samples.iter().map(|s| &s.split).chain(self.faults.iter().map(|fault| &fault.split));
        let mut names: Vec<&str> = splits.map(String::as_str).filter(|name| !name.is_empty()).collect();
        if !names.contains(&split) && !names.is_empty() {
            names.sort_unstable();
            names.dedup();
            let (wanted, found) = (split.into(), names.join(", "));
            return Err(DatasetError::NoSuchSplit { folder: folder.into(), wanted, found });
        }
        self.samples.retain(|sample| sample.split == split);
        self.faults.retain(|fault| fault.split == split || fault.split.is_empty());
        self.repeated.retain(|of| of == split);
        Ok(self)
    }
}

/// A data set that is being read.
#[derive(Default)]
struct Collection {
    set: Dataset,
    /// The samples of each split that show a picture.
    of_picture: HashMap<(String, PathBuf), Vec<usize>>,
    /// The file that is being read, shared by the places in it.
    path: Option<Arc<Path>>,
}

/// A face as an annotation has it.
struct FoundFace {
    picture: PathBuf,
    /// The picture's name in the data set.
    file: String,
    points: Vec<Point2<f32>>,
    yaw_deg: Option<f32>,
    spread: Option<f32>,
}

impl FoundFace {
    /// One of which no more is known.
    fn of_points(picture: PathBuf, file: String, points: Vec<Point2<f32>>) -> FoundFace {
        FoundFace { picture, file, points, yaw_deg: None, spread: None }
    }
}

impl Collection {
    /// Takes a face, or a fault.
    fn add(&mut self, path: &Path, line: u64, split: String, face: Result<FoundFace, String>) {
        let checked = face.and_then(|face| sample::check(&face.points).map(|()| face));
        match checked {
            Ok(FoundFace { picture, file, points, yaw_deg, spread }) => {
                let place = AnnotationLine { path: self.shared(path), line };
                self.add_sample(Sample { picture, file, split, points, yaw_deg, spread, place });
            }
            Err(problem) => self.fail(split, DatasetError::Malformed { path: path.into(), line, problem }),
        }
    }

    fn add_sample(&mut self, sample: Sample) {
        let key = (sample.split.clone(), sample.picture.clone());
        let others = self.of_picture.entry(key).or_default();
        if others.iter().any(|&other| self.set.samples[other].is_same_face(&sample)) {
            self.set.repeated.push(sample.split);
            return;
        }
        others.push(self.set.samples.len());
        self.set.samples.push(sample);
    }

    fn fail(&mut self, split: String, error: DatasetError) {
        self.set.faults.push(UnreadableItem { split, error });
    }

    fn shared(&mut self, path: &Path) -> Arc<Path> {
        match &self.path {
            Some(shared) if shared.as_ref() == path => Arc::clone(shared),
            _ => Arc::clone(self.path.insert(path.into())),
        }
    }
}

/// All files below `folder`. A folder that links to one above it is not entered again.
fn files_below(
    folder: &Path,
    entered: &mut HashSet<PathBuf>,
    files: &mut Vec<PathBuf>,
    found: &mut Collection,
) -> Result<(), DatasetError> {
    let failed = |source| DatasetError::Read { path: folder.into(), source };
    if !entered.insert(folder.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    for path in folder::entries(folder).map_err(failed)? {
        if !path.is_dir() {
            files.push(path);
        } else if let Err(error) = files_below(&path, entered, files, found) {
            found.fail(String::new(), error);
        }
    }
    Ok(())
}
