//! What a detector saw in the pictures of a set, beside the face whose points are known:
//! `all_faces.csv` (columns `file`, `x0`, `y0`, `x1`, `y1`, `score`, and how many of two `views`
//! showed it).

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use wingmark::dataset::{self, Sample};
use wingmark::picture::geometry::Rect;

/// A box counts as a face from this score on, if the detector saw it in two views.
const SURE_SCORE: f32 = 0.75;
/// Pictures that detectors are measured on.
const AFW: &str = "afw_";

/// A box as a face's landmarks would have it.
#[derive(Debug, Deserialize)]
pub struct Detected {
    file: String,
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
    score: f32,
    views: u32,
}

impl Detected {
    pub fn bounds(&self) -> Rect {
        Rect::new(self.x0, self.y0, self.x1, self.y1)
    }

    pub fn is_sure(&self) -> bool {
        self.score >= SURE_SCORE && self.views >= 2
    }
}

/// What was seen in each picture of a folder, by the picture's name; `None` where no detector was
/// asked.
pub fn read(folder: &Path) -> Result<Option<HashMap<String, Vec<Detected>>>> {
    let table = folder.join("all_faces.csv");
    if !table.is_file() {
        return Ok(None);
    }
    let mut seen: HashMap<String, Vec<Detected>> = HashMap::new();
    let failed = || table.display().to_string();
    for row in csv::Reader::from_path(&table).with_context(failed)?.deserialize() {
        let row: Detected = row.with_context(failed)?;
        seen.entry(row.file.clone()).or_default().push(row);
    }
    Ok(Some(seen))
}

/// The faces with points of a folder, AFW's left out, and whether their points are the truth (split
/// `train`) or an opinion (`unlabelled`).
pub fn labelled(folder: &Path) -> Result<(Vec<Sample>, bool)> {
    let train = dataset::open_split(folder, Some("train"));
    let is_truth = train.is_ok();
    let mut samples = train.or_else(|_| dataset::open_split(folder, Some("unlabelled")))?;
    samples.retain(|sample| !sample.file.starts_with(AFW));
    Ok((samples, is_truth))
}
