//! Pictures in which every face is known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wingmark::dataset::{self, boxes};
use wingmark::picture::geometry::Rect;

/// A detector's box of `all_faces.csv` is a face from this score on, if the detector saw it in two
/// views.
const SURE_SCORE: f32 = 0.75;

/// Pictures that detectors are measured on.
const AFW: &str = "afw_";

/// A picture and the boxes in it that are faces, or may be.
pub struct Scene {
    pub picture: PathBuf,
    /// Boxes of the landmarks of faces.
    pub faces: Vec<Rect>,
    /// What may be a face.
    pub unsure: Vec<Rect>,
}

impl Scene {
    /// Boxes of all that are faces, or may be.
    pub fn known(&self) -> impl Iterator<Item = &Rect> + Clone {
        self.faces.iter().chain(&self.unsure)
    }
}

#[derive(Deserialize)]
struct Seen {
    file: String,
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
    score: f32,
    views: u32,
}

/// The pictures of a folder: with boxes.csv and perhaps ignore.csv, or with points (split `train`
/// or `unlabelled`) and all_faces.csv, which a detector wrote.
pub fn open(folder: &Path) -> Result<Vec<Scene>> {
    let scenes = if boxes::are_in(folder) {
        let scene =
            |boxes::Scene { picture, faces, ignored, .. }: boxes::Scene| Scene { picture, faces, unsure: ignored };
        boxes::open(folder)?.into_iter().map(scene).collect()
    } else {
        with_points(folder)?
    };
    ensure!(!scenes.is_empty(), "{} has no picture", folder.display());
    Ok(scenes)
}

fn with_points(folder: &Path) -> Result<Vec<Scene>> {
    let table = folder.join("all_faces.csv");
    let mut reader = csv::Reader::from_path(&table)
        .with_context(|| format!("{}: every face has to be known to tell what is none", table.display()))?;
    let train = dataset::open_split(folder, Some("train"));
    let checked = train.is_ok();
    let samples = train.or_else(|_| dataset::open_split(folder, Some("unlabelled")))?;
    let mut scenes: BTreeMap<String, Scene> = BTreeMap::new();
    for sample in samples.into_iter().filter(|sample| !sample.file.starts_with(AFW)) {
        let bounds = sample.bounds();
        let empty = Scene { picture: sample.picture, faces: vec![], unsure: vec![] };
        let scene = scenes.entry(sample.file).or_insert(empty);
        if checked { scene.faces.push(bounds) } else { scene.unsure.push(bounds) }
    }
    for row in reader.deserialize() {
        let Seen { file, x0, y0, x1, y1, score, views }: Seen = row.with_context(|| table.display().to_string())?;
        if let Some(scene) = scenes.get_mut(&file) {
            let is_sure = score >= SURE_SCORE && views >= 2;
            if is_sure { &mut scene.faces } else { &mut scene.unsure }.push(Rect::new(x0, y0, x1, y1));
        }
    }
    Ok(scenes.into_values().collect())
}
