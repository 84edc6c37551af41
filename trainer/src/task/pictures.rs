//! Annotated pictures in memory, and which of them are held out of training.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use nalgebra::Point2;
use wingmark::dataset::{self, Sample};
use wingmark::frame::{Frame, Size};

/// One of this many pictures is held out.
const HELD_OUT: u64 = 10;

/// A face in its picture.
#[derive(Debug, Clone)]
pub struct Face {
    pub file: String,
    pub frame: Arc<Frame>,
    pub points: Vec<Point2<f32>>,
}

#[derive(Debug, Default)]
pub struct Faces {
    pub train: Vec<Face>,
    pub held_out: Vec<Face>,
}

/// Reads the `train` split of each folder; folders without such a split are refused, so that no test picture slips in.
pub fn load(folders: &[PathBuf], keep: impl Fn(&Sample) -> bool) -> Result<Faces> {
    let mut samples = Vec::new();
    for folder in folders {
        samples.extend(dataset::open_split(folder, Some("train"))?.into_iter().filter(&keep));
    }
    if samples.is_empty() {
        bail!("there is nothing to train on; name at least one folder with a `train` split with --data");
    }
    let bar = ProgressBar::new(samples.len() as u64).with_message("reading pictures");
    let mut faces = Faces::default();
    for sample in samples {
        let face = Face { frame: Arc::new(read(&sample.picture)?), points: sample.points, file: sample.file };
        if is_held_out(&face.file) {
            faces.held_out.push(face)
        } else {
            faces.train.push(face)
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(faces)
}

pub fn read(path: &Path) -> Result<Frame> {
    let picture = image::open(path).with_context(|| format!("cannot read {}", path.display()))?.into_rgb8();
    let size = Size { width: picture.width(), height: picture.height() };
    Ok(Frame::from_rgb(size, picture.into_raw())?)
}

/// Chosen by the name of the photograph, so that all its faces go the same way, on every machine and in every run.
pub fn is_held_out(file: &str) -> bool {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let photograph = match stem.rsplit_once('_') {
        Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => stem,
    };
    // FNV-1a, finished with a multiplication: short names that differ in their last digit have to spread.
    let hash =
        photograph.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(HELD_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_is_held_out_and_faces_of_a_photograph_stay_together() {
        let held = (0..10_000).filter(|i| is_held_out(&format!("helen_{i}_1.jpg"))).count();
        assert!((900..1100).contains(&held), "{held}");
        for i in 0..100 {
            assert_eq!(is_held_out(&format!("afw_{i}_1.jpg")), is_held_out(&format!("afw_{i}_2.jpg")));
        }
    }
}
