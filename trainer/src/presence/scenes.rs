//! Pictures in which every face is known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wingmark::dataset::boxes;
use wingmark::picture::geometry::Rect;

use crate::task::detected;

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
    let seen = detected::read(folder)?.with_context(|| {
        format!("{} has no all_faces.csv: every face has to be known to tell what is none", folder.display())
    })?;
    let (samples, is_truth) = detected::labelled(folder)?;
    let mut scenes: BTreeMap<String, Scene> = BTreeMap::new();
    for sample in samples {
        let bounds = sample.bounds();
        let empty = Scene { picture: sample.picture, faces: vec![], unsure: vec![] };
        let scene = scenes.entry(sample.file).or_insert(empty);
        if is_truth { scene.faces.push(bounds) } else { scene.unsure.push(bounds) }
    }
    for (file, rows) in seen {
        let Some(scene) = scenes.get_mut(&file) else { continue };
        for row in rows {
            if row.is_sure() { &mut scene.faces } else { &mut scene.unsure }.push(row.bounds());
        }
    }
    Ok(scenes.into_values().collect())
}
