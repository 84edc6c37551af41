//! Pictures with the faces that are known in them, and where others may be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use nalgebra::Point2;
use wingmark::dataset;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture;
use wingmark::picture::frame::{Frame, Size};
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
///
/// # Errors
/// When none of the pictures is held out, or all are.
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
    let count = entries.len();
    let bar = ProgressBar::new(count as u64).with_message("reading pictures");
    let (mut pictures, mut files, mut left_out) = (Pictures::default(), Vec::new(), Vec::new());
    for entry in bar.wrap_iter(entries.into_iter()) {
        let frame = match entry.read() {
            Ok(frame) => Arc::new(frame),
            Err(problem) => {
                left_out.push(problem);
                continue;
            }
        };
        let Entry { file, faces, unsure, is_scene, times, .. } = entry;
        let picture = Picture { frame, faces, unsure, is_scene, times };
        let held_out = photographs::OF_DETECTOR.has(&file);
        if held_out { &mut pictures.held_out } else { &mut pictures.train }.push(picture);
        files.push(file);
    }
    pictures::say_left_out(&left_out, count, "pictures")?;
    photographs::OF_DETECTOR.check(files.iter().map(String::as_str))?;
    Ok(pictures)
}

impl Entry {
    /// Its picture, if its faces can be in it.
    fn read(&self) -> Result<Frame, String> {
        let frame = picture::read(&self.path).map_err(|e| e.to_string())?;
        let Size { width, height } = frame.size();
        let whole = Rect::new(0.0, 0.0, width as f32, height as f32);
        match self.faces.iter().map(Known::bounds).find(|face| face.iou(&whole) <= 0.0) {
            None => Ok(frame),
            Some(face) => Err(format!(
                "{}: a face lies about ({:.0}, {:.0}), outside of the picture of {}",
                self.path.display(),
                face.centre().x,
                face.centre().y,
                frame.size()
            )),
        }
    }
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

/// A picture has all faces whose points are known.
fn portraits(set: &Set) -> Result<Vec<Entry>> {
    let mut seen = detected::read(&set.folder)?.unwrap_or_else(|| {
        let folder = set.folder.display();
        log::warn!("{folder} has no all_faces.csv; whatever is no face of points.csv is learned as background");
        HashMap::new()
    });
    let (samples, is_truth) = detected::labelled(&set.folder)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    for sample in samples {
        let place = *places.entry(sample.picture.clone()).or_insert(entries.len());
        if place == entries.len() {
            let (path, file) = (sample.picture.clone(), sample.file.clone());
            entries.push(Entry { path, file, faces: vec![], unsure: vec![], is_scene: false, times: 0 });
        }
        let entry = &mut entries[place];
        entry.times = entry.times.max(set.times_of(&sample));
        entry.faces.push(Known::of_landmarks(sample.points));
    }
    for entry in &mut entries {
        let rows = seen.remove(&entry.file).unwrap_or_default();
        let known = std::mem::take(&mut entry.faces);
        let bounds: Vec<Rect> = known.iter().map(Known::bounds).collect();
        for (own, bounds) in known.into_iter().zip(&bounds) {
            let agreed = rows.iter().any(|row| row.bounds().iou(bounds) >= AGREED_IOU && row.is_sure());
            if is_truth || agreed { entry.faces.push(own) } else { entry.unsure.push(*bounds) }
        }
        let is_other =
            |seen: &Rect| bounds.iter().all(|own| seen.iou(own) < OTHER_FACE_IOU && !contains(seen, own.centre()));
        for row in rows.iter().filter(|row| is_other(&row.bounds())) {
            if row.is_sure() { entry.faces.push(Known::of_box(row.bounds())) } else { entry.unsure.push(row.bounds()) }
        }
    }
    Ok(entries)
}

fn contains(rect: &Rect, p: Point2<f32>) -> bool {
    (rect.min.x..rect.max.x).contains(&p.x) && (rect.min.y..rect.max.y).contains(&p.y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dots;

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

    #[test]
    fn no_face_that_is_known_is_background() {
        let folder = tempfile::tempdir().unwrap();
        dots::write_set(folder.path(), [("a.png", "train"), ("a.png", "train"), ("b.png", "train")]);
        let set = folder.path().to_str().unwrap().parse().unwrap();
        // The second face of a.png lies below the first, and to its right.
        let table = folder.path().join("points.csv");
        let moved = |text: &str| text.parse::<f32>().map_or(text.into(), |at| (at + 200.0).to_string());
        let text = std::fs::read_to_string(&table).unwrap();
        let lines = text.lines().enumerate().map(|(number, line)| {
            if number == 2 { line.split(',').map(moved).collect::<Vec<_>>().join(",") } else { line.into() }
        });
        std::fs::write(&table, lines.collect::<Vec<String>>().join("\n")).unwrap();
        let faces = |entries: Vec<Entry>| entries.iter().map(|entry| entry.faces.len()).collect::<Vec<_>>();
        assert_eq!(faces(portraits(&set).unwrap()), [2, 1]);
        // Both were seen, and a third one.
        let [first, second, third] = [20, 220, 500].map(|at| format!("a.png,{at},{at},{0},{0},0.9,2", at + 200));
        let seen = ["file,x0,y0,x1,y1,score,views".into(), first, second, third].join("\n");
        std::fs::write(folder.path().join("all_faces.csv"), seen).unwrap();
        assert_eq!(faces(portraits(&set).unwrap()), [3, 1]);
    }
}
