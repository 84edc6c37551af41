//! Annotated pictures in memory, and which of them are held out of training.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use indicatif::ProgressBar;
use nalgebra::{Point2, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
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
pub fn load(sets: &[Set]) -> Result<Faces> {
    let mut samples = Vec::new();
    for set in sets {
        samples.extend(set.samples()?);
    }
    if samples.is_empty() {
        bail!("there is nothing to train on; name at least one folder with a `train` split with --data");
    }
    let bar = ProgressBar::new(samples.len() as u64).with_message("reading pictures");
    let mut faces = Faces::default();
    for Annotated { sample, weights, times } in samples {
        let frame = Arc::new(read(&sample.picture)?);
        let face = Face { file: sample.file, frame, points: sample.points, weights, times };
        if photographs::OF_LANDMARKS.has(&face.file) {
            faces.held_out.push(face)
        } else {
            faces.train.push(face)
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(faces)
}

/// As the runtime reads it: turned as its EXIF says.
pub fn read(path: &Path) -> Result<Frame> {
    Ok(picture::read(path)?)
}

/// Standard deviation of a displaced point in x and in y, as a share of the inter-ocular distance.
const DISPLACED_BY: f32 = 0.2;

/// Displaces a `share` (0 to 1) of the points, the same ones in every run, as a poor annotator
/// might.
pub fn displace(faces: &mut [Face], share: f64) -> Result<()> {
    ensure!((0.0..=1.0).contains(&share), "a share of displaced points lies between 0 and 1, and {share} was given");
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use wingmark::picture::frame::Size;

    use super::*;

    #[test]
    fn the_asked_share_of_points_is_displaced_and_more_of_them_when_more_are_asked() {
        let size = Size { width: 2, height: 2 };
        let frame = Arc::new(Frame::from_rgb(size, vec![0; 12]).unwrap());
        let points: Vec<Point2<f32>> = (0..68).map(|i| Point2::new(i as f32, 0.0)).collect();
        let faces =
            vec![Face { file: "a.jpg".into(), frame, points: points.clone(), weights: vec![1.0; 68], times: 1 }; 100];
        let displaced = |share| {
            let mut faces = faces.clone();
            displace(&mut faces, share).unwrap();
            faces.iter().map(|face| face.points.clone()).collect::<Vec<_>>()
        };
        let moved =
            |share| displaced(share).iter().flatten().zip(points.iter().cycle()).filter(|(a, b)| a != b).count();
        assert_eq!(moved(0.0), 0);
        assert!((600..760).contains(&moved(0.1)), "{}", moved(0.1));
        assert_eq!(displaced(0.1), displaced(0.1));
        assert!(moved(0.2) > moved(0.1));
        assert!(displace(&mut [], 1.5).is_err());
    }
}
