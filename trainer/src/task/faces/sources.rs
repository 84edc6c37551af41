//! Pictures with the faces that are known in them, and where others may be.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use nalgebra::Point2;
use wingmark::dataset;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::Rect;

use crate::task::sets::Set;
use crate::task::{detected, photographs, pictures};

/// Whole photographs are few, and every one is many different frames.
const SCENE_REPEATS: usize = 4;
/// A detection that overlaps the known face less is of another one.
const OTHER_FACE_IOU: f32 = 0.2;
/// Points that nobody checked count where a detector agrees with their box this well.
const AGREED_IOU: f32 = 0.5;

/// A face whose place is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its landmarks, or the corners of their box where only that is known.
    pub outline: Outline,
    /// How it leans, as far as it is known. Radians, positive clockwise on the screen.
    pub roll: f32,
}

#[derive(Debug, Clone)]
pub enum Outline {
    Landmarks(Vec<Point2<f32>>),
    Box(Rect),
}

impl Known {
    fn of_landmarks(points: Vec<Point2<f32>>) -> Known {
        Known { roll: IBUG_68.roll(&points), outline: Outline::Landmarks(points) }
    }

    fn of_box(bounds: Rect) -> Known {
        Known { roll: 0.0, outline: Outline::Box(bounds) }
    }

    pub fn bounds(&self) -> Rect {
        match &self.outline {
            Outline::Landmarks(points) => Rect::around(points.iter().copied()).expect("a face has points"),
            Outline::Box(bounds) => *bounds,
        }
    }
}

pub struct Picture {
    pub frame: Arc<Frame>,
    pub faces: Vec<Known>,
    /// What may be a face, or is too small to be seen: neither face nor background.
    pub unsure: Vec<Rect>,
    /// A whole photograph with people in it, and not one that was cut around a face.
    pub is_scene: bool,
    /// How often an epoch begins a frame with it.
    pub times: usize,
}

#[derive(Default)]
pub struct Pictures {
    pub train: Vec<Picture>,
    pub held_out: Vec<Picture>,
}

/// A picture's name and what is known of it, before it is read.
struct Entry {
    path: PathBuf,
    file: String,
    faces: Vec<Known>,
    unsure: Vec<Rect>,
    is_scene: bool,
    times: usize,
}

/// Reads the training pictures of all folders: whole pictures with `boxes.csv` and `ignore.csv`,
/// and pictures with points (`points.csv`, splits `train` and `unlabelled`), whose other faces
/// `all_faces.csv` tells. AFW's pictures are left out, since detectors are measured on them.
pub fn load(sets: &[Set]) -> Result<Pictures> {
    let mut entries = Vec::new();
    for set in sets {
        let (folder, has_boxes) = (set.folder.display(), dataset::boxes::are_in(&set.folder));
        ensure!(!set.counts_points(), "{folder}: a detector learns no points; leave out 3d, masked and weight=W");
        ensure!(
            !(has_boxes && set.chooses_faces()),
            "{folder} has boxes.csv, no points; leave out closed=N and turned=N"
        );
        if has_boxes {
            entries.extend(scenes(set)?);
        } else {
            entries.extend(portraits(set)?);
        }
    }
    ensure!(!entries.is_empty(), "there is nothing to train on; name at least one folder with --data");
    let bar = ProgressBar::new(entries.len() as u64).with_message("reading pictures");
    let mut pictures = Pictures::default();
    for Entry { path, file, faces, unsure, is_scene, times } in bar.wrap_iter(entries.into_iter()) {
        let picture = Picture { frame: Arc::new(pictures::read(&path)?), faces, unsure, is_scene, times };
        let held_out = photographs::OF_DETECTOR.has(&file);
        if held_out { &mut pictures.held_out } else { &mut pictures.train }.push(picture);
    }
    Ok(pictures)
}

fn scenes(set: &Set) -> Result<Vec<Entry>> {
    let entry = |scene: dataset::boxes::Scene| Entry {
        unsure: scene.ignored,
        path: scene.picture,
        file: scene.file,
        faces: scene.faces.into_iter().map(Known::of_box).collect(),
        is_scene: true,
        times: SCENE_REPEATS * set.times,
    };
    Ok(dataset::boxes::open(&set.folder)?.into_iter().map(entry).collect())
}

fn portraits(set: &Set) -> Result<Vec<Entry>> {
    let mut seen = detected::read(&set.folder)?.unwrap_or_default();
    let (samples, is_truth) = detected::labelled(&set.folder)?;
    let entries = samples.into_iter().map(|sample| {
        let times = set.times_of(&sample);
        let own = Known::of_landmarks(sample.points);
        let bounds = own.bounds();
        let rows = seen.remove(&sample.file).unwrap_or_default();
        let agreed = rows.iter().any(|row| row.bounds().iou(&bounds) >= AGREED_IOU && row.is_sure());
        let (mut faces, mut unsure) = (Vec::new(), Vec::new());
        if is_truth || agreed {
            faces.push(own)
        } else {
            unsure.push(bounds)
        }
        let others = rows
            .iter()
            .filter(|row| row.bounds().iou(&bounds) < OTHER_FACE_IOU && !contains(&row.bounds(), bounds.centre()));
        for row in others {
            if row.is_sure() { faces.push(Known::of_box(row.bounds())) } else { unsure.push(row.bounds()) }
        }
        Entry { path: sample.picture, file: sample.file, faces, unsure, is_scene: false, times }
    });
    Ok(entries.collect())
}

fn contains(rect: &Rect, p: Point2<f32>) -> bool {
    (rect.min.x..rect.max.x).contains(&p.x) && (rect.min.y..rect.max.y).contains(&p.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_set_says_to_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("boxes.csv"), "").unwrap();
        for option in ["3d", "masked", "weight=0.5", "closed=2", "turned=3"] {
            let set = format!("{}:{option}", folder.path().display()).parse().unwrap();
            let told = load(&[set]).err().unwrap().to_string();
            assert!(told.contains("; leave out "), "{option}: {told}");
        }
    }
}
