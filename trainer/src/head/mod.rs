//! Fits a model's `head.csv` to training faces: heads in three dimensions from points, and how the
//! net sees them.

mod factorise;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use nalgebra::{Matrix2, Point2, SMatrix, SVector, Vector2};
use rand::SeedableRng;
use rand::rngs::StdRng;
use wingmark::face::Landmark;
use wingmark::face::fit::Fitted;
use wingmark::face::head::{BIAS_TERMS, HeadModel, HeadPoint, bias_terms};
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::pose::{FieldOfView, HeadPose, Pinhole, difference, upright};
use wingmark::face::zoo::{Choice, HEAD};
use wingmark::model::card::Task;
use wingmark::model::scheme::IBUG_68;

use crate::augment::{self, jitter, mirrored};
use crate::task::landmarks::upright_crop;
use crate::task::pictures::{self, Face};
use crate::task::sets::Set;

const SEED: u64 = 0x4ead;
/// Rounds of reweighting; the bias moves no more after four.
const ROUNDS: usize = 6;
/// The median of |error| of a normal distribution is this part of its standard deviation.
const MEDIAN_OF_NORMAL: f32 = 0.6745;

#[derive(Args)]
pub struct Fit {
    /// Folder with model.onnx and card.toml; head.csv is written there.
    #[arg(long)]
    model: PathBuf,
    /// Folders with a `train` split whose points lie on the head, hidden or not: the 3D scheme, and
    /// turned heads of its. May be given several times.
    #[arg(long, required = true)]
    data: Vec<Set>,
}

/// What a net made of a face whose pose is known, or of its mirror image.
struct Seen {
    landmarks: Vec<Landmark>,
    camera: Pinhole,
    truth: Fitted,
}

pub fn fit(args: &Fit) -> Result<()> {
    let mut net = Choice::Folder(args.model.clone()).load()?;
    net.head = None;
    let Task::Landmarks { crop_margin, ref calibration, .. } = net.card.task else {
        bail!("{} does not find landmarks", args.model.display());
    };
    // The factor for the pose's covariance would be that of covariances which are fitted later.
    let folder = args.model.display();
    ensure!(calibration.is_some(), "{folder} has no calibration; run tests/accuracy/calibrate.py on it before `head`");
    let side_px = net.card.input_px as usize;
    let faces = pictures::load(&args.data)?;
    let shapes: Vec<Vec<Point2<f32>>> = faces.train.iter().flat_map(|f| both(&f.points)).collect();
    let mut head = factorise::head(&shapes)?;

    let mut landmarker = Landmarker::new(&net, 1)?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut see = |face: &Face| -> Result<Vec<Seen>> {
        let crop = jitter(&upright_crop(face, crop_margin, side_px), &augment::FOLLOWED, &mut rng);
        let look = landmarker.look(&face.frame, &crop, &mut LookTimings::default())?;
        Ok(seen(&head, face, &look.landmarks))
    };
    let bar = ProgressBar::new((faces.train.len() + faces.held_out.len()) as u64).with_message("looking at faces");
    let mut all = |faces: &[Face]| -> Result<Vec<Seen>> {
        let mut found = Vec::new();
        for face in faces {
            found.extend(see(face)?);
            bar.inc(1);
        }
        Ok(found)
    };
    let (train, held_out) = (all(&faces.train)?, all(&faces.held_out)?);
    bar.finish_and_clear();
    let before = Errors::of(&head, &held_out);
    learn_bias(&mut head, &train);
    head.spread *= Errors::of(&head, &train).widening().powi(2);
    let path = args.model.join(HEAD);
    std::fs::write(&path, head.to_csv()).with_context(|| format!("cannot write {}", path.display()))?;
    let after = Errors::of(&head, &held_out);
    println!("{}: held-out faces, against the pose of their true points", path.display());
    println!("without the bias: {}\nwith the bias:    {}", before.line(), after.line());
    Ok(())
}

/// Points and their mirror image.
fn both(points: &[Point2<f32>]) -> [Vec<Point2<f32>>; 2] {
    [points.to_vec(), mirrored(points, 0.0, &IBUG_68)]
}

/// A face and its mirror image, where the true points have a pose.
fn seen(head: &HeadModel, face: &Face, landmarks: &[Landmark]) -> Vec<Seen> {
    let size = face.frame.size();
    let camera = Pinhole::of(size, FieldOfView::of_cut_outs());
    let sum = size.width as f32 - 1.0;
    let mirror = IBUG_68.flip.iter().map(|&i| {
        let Landmark { at, confidence, covariance: c } = landmarks[i];
        let covariance = Matrix2::new(c.m11, -c.m12, -c.m21, c.m22);
        Landmark { at: Point2::new(sum - at.x, at.y), confidence, covariance }
    });
    let pairs = [(face.points.clone(), landmarks.to_vec()), (mirrored(&face.points, sum, &IBUG_68), mirror.collect())];
    let with_truth = |(points, landmarks): (Vec<Point2<f32>>, Vec<Landmark>)| {
        let truth = head.fit(&exact(&points), &camera)?;
        Some(Seen { landmarks, camera, truth })
    };
    pairs.into_iter().filter_map(with_truth).collect()
}

/// Annotated points as landmarks that are off by some half a pixel.
fn exact(points: &[Point2<f32>]) -> Vec<Landmark> {
    let covariance = Matrix2::identity() * 0.5;
    points.iter().map(|&at| Landmark { at, confidence: 1.0, covariance }).collect()
}

/// Least squares of what the net is off at each landmark on where the head looks, outliers weighing
/// less.
fn learn_bias(head: &mut HeadModel, seen: &[Seen]) {
    let terms: Vec<SVector<f64, BIAS_TERMS>> = seen.iter().map(|s| bias_terms(looks(&s.truth.pose)).0.cast()).collect();
    for (i, point) in head.points.iter_mut().enumerate() {
        let errors: Vec<Vector2<f64>> = seen.iter().map(|s| off(point, &s.landmarks[i], s)).collect();
        let mut weights = vec![1.0; seen.len()];
        let mut bias = SMatrix::<f64, 2, BIAS_TERMS>::zeros();
        let mut deviation = 1.0;
        for _ in 0..ROUNDS {
            let mut square = SMatrix::<f64, BIAS_TERMS, BIAS_TERMS>::identity() * 1e-3;
            let mut cross = SMatrix::<f64, BIAS_TERMS, 2>::zeros();
            for ((terms, error), weight) in terms.iter().zip(&errors).zip(&weights) {
                square += terms * terms.transpose() * *weight;
                cross += terms * error.transpose() * *weight;
            }
            bias = square.cholesky().expect("a sum of squares with a diagonal").solve(&cross).transpose();
            let left: Vec<f64> = errors.iter().zip(&terms).map(|(e, t)| (e - bias * t).norm()).collect();
            let both = errors.iter().zip(&terms).flat_map(|(e, t)| (e - bias * t).abs().data.0[0]).collect();
            deviation = f64::from(median(both) / MEDIAN_OF_NORMAL).max(1e-3);
            weights = left.iter().map(|l| 1.0 / (1.0 + (l / (3.0 * deviation)).powi(2))).collect();
        }
        point.bias = bias.cast();
        point.rest = (deviation * deviation) as f32;
    }
}

fn looks(pose: &HeadPose) -> Vector2<f32> {
    pose.camera_from_head.matrix().fixed_view::<2, 1>(0, 2).into_owned()
}

/// How far the net's landmark is off where the head has it: millimetres at the head's distance, in
/// the head's upright.
fn off(point: &HeadPoint, found: &Landmark, seen: &Seen) -> Vector2<f64> {
    let Fitted { pose, deformation } = &seen.truth;
    let turn = pose.camera_from_head.matrix();
    let at = turn * (point.mean + point.modes * deformation) + pose.position;
    let expected = seen.camera.centre + at.xy() * (seen.camera.focal / at.z);
    let in_picture = (found.at - expected) * (pose.position.z / seen.camera.focal);
    (upright(turn).transpose() * in_picture).cast()
}

fn median(mut values: Vec<f64>) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1 as f32
}

/// How far turns are off, in radians, and the deviations that the fit gave them.
struct Errors(Vec<(f32, f32)>);

impl Errors {
    /// Three turns a face, about the camera's axes.
    fn of(head: &HeadModel, seen: &[Seen]) -> Self {
        let turns = seen.iter().filter_map(|s| {
            let pose = head.pose(&s.landmarks, &s.camera)?;
            let off = difference(&pose, &s.truth.pose);
            Some([0, 1, 2].map(|axis| (off[axis].abs(), pose.covariance[(axis, axis)].sqrt())))
        });
        Errors(turns.flatten().collect())
    }

    /// The factor by which deviations have to grow, so that 95 % of errors lie within 1.96 of them.
    fn widening(&self) -> f32 {
        let mut shares: Vec<f32> = self.0.iter().map(|(off, deviation)| off / deviation).collect();
        let at = shares.len() * 95 / 100;
        *shares.select_nth_unstable_by(at, f32::total_cmp).1 / 1.96
    }

    fn line(&self) -> String {
        let count = self.0.len() as f32;
        let mean = |axis: usize| {
            let of_axis = self.0.iter().skip(axis).step_by(3).map(|(off, _)| off.to_degrees());
            of_axis.sum::<f32>() / (count / 3.0)
        };
        let within = self.0.iter().filter(|(off, deviation)| *off <= 1.96 * deviation).count();
        format!(
            "mean turn about x {:.2}, y {:.2}, z {:.2} degrees; {:.1} % within 1.96 deviations",
            mean(0),
            mean(1),
            mean(2),
            100.0 * within as f32 / count
        )
    }
}
