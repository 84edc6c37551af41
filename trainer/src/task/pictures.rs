//! Annotated pictures in memory, and which of them are held out of training.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use indicatif::ProgressBar;
use nalgebra::{Point2, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wingmark::dataset;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture;
use wingmark::picture::frame::Frame;

use crate::augment::normal;
use crate::task::photographs;
use crate::task::sets::{Annotated, Set};

/// A face in its picture.
#[derive(Debug, Clone)]
pub struct Face {
    pub file: String,
    pub frame: Arc<Frame>,
    pub points: Vec<Point2<f32>>,
    /// What each point counts, from 0 to 1.
    pub weights: Vec<f32>,
    /// How often an epoch shows it.
    pub times: usize,
}

#[derive(Debug, Default)]
pub struct Faces {
    pub train: Vec<Face>,
    pub held_out: Vec<Face>,
}

/// Reads the `train` split of each set.
///
/// # Errors
/// When none of its faces is held out, or all are.
pub fn load(sets: &[Set]) -> Result<Faces> {
    let mut faces = Faces::default();
    let all = read_all(samples_of(sets)?)?;
    photographs::OF_LANDMARKS.check(all.iter().map(|face| face.file.as_str()))?;
    for face in all {
        if photographs::OF_LANDMARKS.has(&face.file) { faces.held_out.push(face) } else { faces.train.push(face) }
    }
    Ok(faces)
}

/// Reads the faces of sets of which none is held out, but those of photographs that `sets` hold out
/// or have in a split that is not trained on.
pub fn load_also(also: &[Set], sets: &[Set]) -> Result<Vec<Face>> {
    if also.is_empty() {
        return Ok(vec![]);
    }
    let mut kept_back = HashSet::new();
    for set in sets {
        let samples = dataset::open(&set.folder)?.samples;
        let unseen = samples.iter().filter(|s| s.split != "train" || photographs::OF_LANDMARKS.has(&s.file));
        kept_back.extend(unseen.flat_map(|sample| photographs_of(&sample.file)));
    }
    let mut samples = samples_of(also)?;
    let found = samples.len();
    samples.retain(|face| photographs_of(&face.sample.file).iter().all(|name| !kept_back.contains(name)));
    let left_out = found - samples.len();
    log::info!("--also has {found} faces; {left_out} are left out, of photographs that --data keeps from training");
    read_all(samples)
}

/// Its names by either rule, since sets name the same photograph differently.
fn photographs_of(file: &str) -> [String; 2] {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    [photographs::OF_LANDMARKS, photographs::OF_DETECTOR].map(|rule| rule.photograph(name).into())
}

fn samples_of(sets: &[Set]) -> Result<Vec<Annotated>> {
    let mut samples = Vec::new();
    for set in sets {
        samples.extend(set.samples()?);
    }
    if samples.is_empty() {
        bail!("there is nothing to train on; name at least one folder with a `train` split with --data");
    }
    Ok(samples)
}

/// Faces whose pictures cannot be read, or cannot be theirs, are left out and named. The faces of a
/// picture share it.
fn read_all(samples: Vec<Annotated>) -> Result<Vec<Face>> {
    let count = samples.len();
    let bar = ProgressBar::new(count as u64).with_message("reading pictures");
    let (mut faces, mut left_out) = (Vec::with_capacity(count), Vec::new());
    let mut frames: HashMap<PathBuf, Arc<Frame>> = HashMap::new();
    for Annotated { sample, weights, times } in samples {
        let frame = match frames.get(&sample.picture) {
            Some(frame) => sample.check_in(frame.size()).map(|()| Arc::clone(frame)),
            None => sample.read_picture().map(Arc::new),
        };
        match frame {
            Ok(frame) => {
                frames.insert(sample.picture, Arc::clone(&frame));
                faces.push(Face { file: sample.file, frame, points: sample.points, weights, times });
            }
            Err(problem) => left_out.push(problem),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    say_left_out(&left_out, count, "faces")?;
    Ok(faces)
}

/// What was read. What was not is said in the log.
pub fn said<T>(read: Result<T, String>) -> Option<T> {
    read.inspect_err(|problem| log::error!("{problem}")).ok()
}

/// Names what cannot be learned from.
///
/// # Errors
/// When nothing else is there.
pub fn say_left_out(problems: &[String], count: usize, what: &str) -> Result<()> {
    problems.iter().for_each(|problem| log::error!("{problem}"));
    let left_out = problems.len();
    ensure!(left_out == 0 || left_out < count, "none of {count} {what} can be learned from, as was said above");
    if left_out > 0 {
        log::warn!("{left_out} of {count} {what} are left out, as was said above");
    }
    Ok(())
}

/// As the runtime reads it: turned as its EXIF says.
pub fn read(path: &Path) -> Result<Frame> {
    Ok(picture::read(path)?)
}

/// Standard deviation of a displaced point in x and in y, as a share of the inter-ocular distance.
const DISPLACED_BY: f32 = 0.2;

/// Displaces a `share` (0 to 1) of the points, the same ones in every run, as a poor annotator
/// might.
pub fn displace(faces: &mut [Face], share: f64) {
    let mut rng = StdRng::seed_from_u64(0);
    for face in faces {
        let [right, left] = IBUG_68.outer_eye_corners;
        let spread = DISPLACED_BY * (face.points[left] - face.points[right]).norm();
        for point in &mut face.points {
            let by = Vector2::new(normal(&mut rng), normal(&mut rng)) * spread;
            if rng.random_bool(share) {
                *point += by;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wingmark::picture::frame::Size;

    use super::*;
    use crate::dots;

    #[test]
    fn the_asked_share_of_points_is_displaced_and_more_of_them_when_more_are_asked() {
        let size = Size { width: 2, height: 2 };
        let frame = Arc::new(Frame::from_rgb(size, vec![0; 12]).unwrap());
        let points: Vec<Point2<f32>> = (0..68).map(|i| Point2::new(i as f32, 0.0)).collect();
        let faces =
            vec![Face { file: "a.jpg".into(), frame, points: points.clone(), weights: vec![1.0; 68], times: 1 }; 100];
        let displaced = |share| {
            let mut faces = faces.clone();
            displace(&mut faces, share);
            faces.iter().map(|face| face.points.clone()).collect::<Vec<_>>()
        };
        let moved =
            |share| displaced(share).iter().flatten().zip(points.iter().cycle()).filter(|(a, b)| a != b).count();
        assert_eq!(moved(0.0), 0);
        assert!((600..760).contains(&moved(0.1)), "{}", moved(0.1));
        assert_eq!(displaced(0.1), displaced(0.1));
        assert!(moved(0.2) > moved(0.1));
    }
    #[test]
    fn nothing_that_is_held_out_is_learned_by_another_name() {
        let (data, also) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // AFW's 156474078 is held out, and 5452623 is not.
        let own = [
            ("afw_156474078_1.png", "train"),
            ("afw_5452623_1.png", "train"),
            ("wflw_12_Group_Group_12_Group_Group_12_100_4.png", "hard"),
        ];
        dots::write_set(data.path(), own);
        let others = [
            "afw_156474078_2.png",
            "afw_5452623_2.png",
            "wider_12_Group_Group_12_Group_Group_12_100_0.png",
            "wider_12_Group_Group_12_Group_Group_12_101_0.png",
        ];
        dots::write_set(also.path(), others.map(|file| (file, "train")));
        let sets = [&data, &also].map(|folder| folder.path().to_str().unwrap().parse::<Set>().unwrap());
        let files = |faces: &[Face]| faces.iter().map(|face| face.file.clone()).collect::<Vec<_>>();
        let Faces { train, held_out } = load(&sets[..1]).unwrap();
        assert_eq!((files(&train), files(&held_out)), (vec![own[1].0.into()], vec![own[0].0.into()]));
        assert_eq!(files(&load_also(&sets[1..], &sets[..1]).unwrap()), [others[1], others[3]]);
    }
}
