//! Fits a model's `shape.csv` to training faces: what they look like, and how far the net is off on
//! all of them.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use nalgebra::{DMatrix, Point2, SMatrix, Similarity2, Vector2};
use rand::SeedableRng;
use rand::rngs::StdRng;
use wingmark::dataset::metrics::{Summary, normalised_mean_error};
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::shape::{MODES, Point, ShapeModel};
use wingmark::face::zoo::{Choice, Net, SHAPE};
use wingmark::model::card::Task;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::geometry::{Crop, align};

use crate::augment::{self, jitter, mirrored};
use crate::task::landmarks::upright_crop;
use crate::task::pictures::{self, Face};
use crate::task::sets::Set;

/// Of each training face the net sees so many crops.
const LOOKS: usize = 2;
const SEED: u64 = 0x5a;
/// Times the mean face is made anew of faces laid over it; it moves no more after three.
const ROUNDS: usize = 5;

#[derive(Args)]
pub struct Fit {
    /// Folder with model.onnx and card.toml; shape.csv is written there.
    #[arg(long)]
    model: PathBuf,
    /// Folders with a `train` split, as `train --data` takes them. May be given several times.
    #[arg(long, required = true)]
    data: Vec<Set>,
}

type Shape = Vec<Point2<f32>>;

pub fn fit(args: &Fit) -> Result<()> {
    let mut net = Choice::Folder(args.model.clone()).load()?;
    (net.shape, net.lids) = (None, None);
    let Task::Landmarks { crop_margin, .. } = net.card.task else {
        bail!("{} does not find landmarks", args.model.display());
    };
    let side_px = net.card.input_px as usize;
    let crop = |face: &Face| upright_crop(face, crop_margin, side_px);
    let faces = pictures::load(&args.data)?;

    let (mean, aligned) = mean_face(&faces.train);
    let (modes, rest) = components(&mean, &aligned);
    let bias = bias(&net, &mean, &faces.train, crop)?;
    let points = (0..mean.len()).map(|i| Point::new(mean[i].coords, bias[i], rest[i], &modes[i]));
    let shape = ShapeModel::new(points.collect())?;
    let path = args.model.join(SHAPE);
    std::fs::write(&path, shape.to_csv()).with_context(|| format!("cannot write {}", path.display()))?;

    let before = held_out_error(&net, &faces.held_out, crop)?;
    net.shape = Some(shape);
    let after = held_out_error(&net, &faces.held_out, crop)?;
    println!("{}: held-out NME {before:.3} % without it, {after:.3} % with it", path.display());
    Ok(())
}

fn mean_from(shape: &[Point2<f32>], mean: &[Point2<f32>]) -> Similarity2<f32> {
    align(shape.iter().zip(mean).map(|(&from, &to)| (from, to, 1.0))).expect("a face has an extent")
}

/// The mean of all faces and their mirror images, and these laid over it (generalised Procrustes
/// analysis; Gower 1975).
fn mean_face(faces: &[Face]) -> (Shape, Vec<Shape>) {
    let mut shapes: Vec<Shape> = faces.iter().map(|face| face.points.clone()).collect();
    shapes.extend(faces.iter().map(|face| mirrored(&face.points, 0.0, &IBUG_68)));
    let mut mean = shapes[0].clone();
    for _ in 0..ROUNDS {
        lay_over(&mean, &mut shapes);
        let count = shapes.len() as f32;
        let average = |i: usize| Point2::from(shapes.iter().map(|s| s[i].coords).sum::<Vector2<f32>>() / count);
        mean = upright_and_of_radius_one((0..mean.len()).map(average).collect());
    }
    lay_over(&mean, &mut shapes);
    (mean, shapes)
}

fn lay_over(mean: &[Point2<f32>], shapes: &mut [Shape]) {
    for shape in shapes {
        let mean_from_shape = mean_from(shape, mean);
        shape.iter_mut().for_each(|point| *point = mean_from_shape * *point);
    }
}

fn upright_and_of_radius_one(shape: Shape) -> Shape {
    let count = shape.len() as f32;
    let centroid = shape.iter().map(|p| p.coords).sum::<Vector2<f32>>() / count;
    let radius = (shape.iter().map(|p| (p.coords - centroid).norm_squared()).sum::<f32>() / count).sqrt();
    let upright = nalgebra::UnitComplex::new(-IBUG_68.roll(&shape));
    shape.iter().map(|p| Point2::from(upright * ((p.coords - centroid) / radius))).collect()
}

/// For each landmark, how the first principal components move it, and the variance that they leave
/// along each axis.
fn components(mean: &[Point2<f32>], shapes: &[Shape]) -> (Vec<SMatrix<f32, 2, MODES>>, Vec<f32>) {
    let side = 2 * mean.len();
    let offset = |shape: &Shape, i: usize| f64::from((shape[i / 2] - mean[i / 2])[i % 2]);
    let offsets = DMatrix::from_fn(side, shapes.len(), |i, shape| offset(&shapes[shape], i));
    let covariance = &offsets * offsets.transpose() / shapes.len() as f64;
    let eigen = covariance.clone().symmetric_eigen();
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let modes = DMatrix::from_fn(side, MODES, |i, mode| {
        eigen.eigenvectors[(i, order[mode])] * eigen.eigenvalues[order[mode]].max(0.0).sqrt()
    });
    let rest = |i: usize| covariance[(i, i)] - modes.row(i).norm_squared();
    (0..mean.len())
        .map(|l| {
            let modes = SMatrix::from_fn(|axis, mode| modes[(2 * l + axis, mode)] as f32);
            (modes, ((rest(2 * l) + rest(2 * l + 1)) / 2.0) as f32)
        })
        .unzip()
}

/// The median of what the net is off, for each landmark and axis, in the frame of the mean face; of
/// faces whose points all count whole. Others tell what faces look like, but were annotated by
/// another habit, or no two agree on them.
fn bias(net: &Net, mean: &[Point2<f32>], faces: &[Face], crop: impl Fn(&Face) -> Crop) -> Result<Vec<Vector2<f32>>> {
    let mut landmarker = Landmarker::new(net, 1)?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut errors = vec![[vec![], vec![]]; mean.len()];
    let faces: Vec<&Face> = faces.iter().filter(|face| face.weights.iter().all(|&counts| counts == 1.0)).collect();
    ensure!(!faces.is_empty(), "no set has faces whose points all count whole, to fit the net's bias on");
    let bar = ProgressBar::new((faces.len() * LOOKS) as u64).with_message("looking at faces");
    for face in faces {
        let mean_from_frame = mean_from(&face.points, mean);
        for _ in 0..LOOKS {
            let crop = jitter(&crop(face), &augment::FOLLOWED, &mut rng);
            let look = landmarker.look(&face.frame, &crop, &mut LookTimings::default())?;
            for ((landmark, truth), errors) in look.landmarks.iter().zip(&face.points).zip(&mut errors) {
                let error = mean_from_frame * (landmark.at - truth);
                errors[0].push(error.x);
                errors[1].push(error.y);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(errors.into_iter().map(|[x, y]| Vector2::new(median(x), median(y))).collect())
}

fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Mean NME of the held-out faces, boxes from the true points.
fn held_out_error(net: &Net, faces: &[Face], crop: impl Fn(&Face) -> Crop) -> Result<f64> {
    let mut landmarker = Landmarker::new(net, 1)?;
    let errors = faces.iter().map(|face| {
        let look = landmarker.look(&face.frame, &crop(face), &mut LookTimings::default())?;
        Ok(normalised_mean_error(&IBUG_68, &face.points, &look.points()))
    });
    Ok(Summary::of(&errors.collect::<Result<Vec<_>>>()?).nme_percent)
}
