//! Fits how a model draws eyes anew: its `lids.csv`.
//!
//! Faces are shown as following and the detector show them, as they are and degraded, and each eye
//! a little beside where its points were found. Closed eyes are few, and count more often.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use nalgebra::{Similarity2, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};
use wingmark::dataset;
use wingmark::dataset::Sample;
use wingmark::dataset::degrade::Degradation;
use wingmark::face::layers::Layer;
use wingmark::face::lids::{EYES, EyeReader, Inputs, LAYERS, LidModel, Offsets, PLACES, TENTHS};
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::zoo::{Choice, LIDS};

use crate::augment::{self, Strength, jitter, normal};
use crate::task::photographs;
use crate::task::pictures::said;

/// How far a crop is off, and an eye from where it was found: in degrees, in the logarithm of the
/// size, and in roots of the area of the face's box.
const CROP: Strength = Strength { rotation_deg: 7.0, scale: 0.07, shift: 0.03, ..augment::NONE };
const EYE_TURN: f32 = 0.07;
const EYE_SCALE: f32 = 0.06;
const EYE_SHIFT: f32 = 0.012;
/// Looks at a face, the last of them degraded, and cuts of each eye in each.
const LOOKS: usize = 4;
const CUTS: usize = 3;
/// Eyes whose true ratio of height to width is below count so often.
const CLOSED: [(f32, f32); 2] = [(0.17, 6.0), (0.2, 2.0)];
/// Where the net is off by more in the mean, in roots of the area of the face's box, it sees
/// something else.
const LOST: f32 = 0.12;

const STEPS: usize = 6000;
const BATCH: i64 = 256;
const RATE: f64 = 2e-3;
const DECAY: f64 = 0.3;
const DROPOUT: f64 = 0.3;
/// Standard deviation of what is added to the patch.
const NOISE: f64 = 0.4;
/// What the last layer's numbers are measured in, and the ratio in the loss.
const STEP: f64 = 0.02;
const RATIO_STEP: f64 = 0.125;
const SEED: u64 = 0x11d5;

#[derive(Args)]
pub struct Fit {
    /// Folder with model.onnx, card.toml and shape.csv; lids.csv is written there
    #[arg(long)]
    model: PathBuf,
    /// Folders with a `train` split, of which one photograph in ten is held out. May be given
    /// several times
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
}

/// An eye as it was found, and how far its points are off.
struct Example {
    inputs: Inputs,
    offsets: Offsets,
    held_out: bool,
}

impl Example {
    /// Height over width of the eye where its points are moved from where they were found.
    fn ratio_moved_by(&self, offsets: &Offsets) -> f32 {
        let found = &self.inputs[PLACES];
        let points: Offsets = std::array::from_fn(|i| found[i] / TENTHS + offsets[i]);
        let (points, _) = points.as_chunks::<2>();
        let apart = |a: usize, b: usize| (points[a][0] - points[b][0]).hypot(points[a][1] - points[b][1]);
        (apart(1, 5) + apart(2, 4)) / 2.0 / apart(0, 3)
    }

    /// By the true points.
    fn ratio(&self) -> f32 {
        self.ratio_moved_by(&self.offsets)
    }

    /// How often it counts.
    fn times(&self) -> f32 {
        let ratio = self.ratio();
        CLOSED.iter().find(|(limit, _)| ratio < *limit).map_or(1.0, |(_, times)| *times)
    }
}

pub fn fit(args: &Fit) -> Result<()> {
    let mut net = Choice::Folder(args.model.clone()).load()?;
    net.lids = None;
    let mut landmarker = Landmarker::new(&net, 1)?;
    let faces =
        args.data.iter().map(|folder| Ok(dataset::open_split(folder, Some("train"))?)).collect::<Result<Vec<_>>>()?;
    let faces = faces.concat();
    photographs::OF_LANDMARKS.check(faces.iter().map(|face| face.file.as_str()))?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut examples = Vec::new();
    let bar = ProgressBar::new(faces.len() as u64).with_message("looking");
    for face in &faces {
        look_at(face, &mut landmarker, &mut examples, &mut rng)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (held_out, taught): (Vec<_>, Vec<_>) = examples.into_iter().partition(|example| example.held_out);
    ensure!(!taught.is_empty() && !held_out.is_empty(), "too few faces: expected some to learn from and some held out");
    let model = train(&taught);
    let path = args.model.join(LIDS);
    std::fs::write(&path, model.to_csv()).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: {}", path.display(), told(&model, &held_out));
    Ok(())
}

fn look_at(face: &Sample, landmarker: &mut Landmarker, examples: &mut Vec<Example>, rng: &mut StdRng) -> Result<()> {
    let Some(picture) = said(face.read_picture()) else { return Ok(()) };
    let held_out = photographs::OF_LANDMARKS.has(&face.file);
    let mut reader = EyeReader::default();
    for look in 0..LOOKS {
        let (frame, points) = if look + 1 == LOOKS {
            degradation(rng).apply(&picture, &face.points)
        } else {
            (picture.clone(), face.points.clone())
        };
        let crop = jitter(&landmarker.crop_around_points(&points), &CROP, rng);
        let found = landmarker.look(&frame, &crop, &mut LookTimings::default())?.landmarks;
        for eye in &EYES {
            let Some(place) = eye.frame_from_eye(&found, crop.square().2) else { continue };
            for _ in 0..CUTS {
                let shift = Vector2::new(normal(rng), normal(rng)) * EYE_SHIFT;
                let beside = Similarity2::new(shift, normal(rng) * EYE_TURN, (normal(rng) * EYE_SCALE).exp());
                let place = place * beside;
                let inputs = reader.read(&frame, eye, &found, &place);
                let offsets = eye.offsets(&found, &points, &place);
                let off = offsets.as_chunks::<2>().0.iter().map(|[x, y]| x.hypot(*y)).sum::<f32>();
                if off / (offsets.len() / 2) as f32 <= LOST {
                    examples.push(Example { inputs, offsets, held_out });
                }
            }
        }
    }
    Ok(())
}

fn degradation(rng: &mut StdRng) -> Degradation {
    match rng.random_range(0..3) {
        0 => Degradation::Blur(rng.random_range(0.7..3.0)),
        1 => Degradation::Dark(rng.random_range(2.0..10.0)),
        _ => Degradation::FacePx(rng.random_range(24.0..64.0)),
    }
}

fn train(examples: &[Example]) -> LidModel {
    tch::manual_seed(1);
    let rows = |numbers: Vec<f32>, columns: usize| Tensor::from_slice(&numbers).view([-1, columns as i64]);
    let [(_, inputs, units), (_, _, outputs)] = LAYERS;
    let all = rows(examples.iter().flat_map(|example| example.inputs).collect(), inputs);
    let truth = rows(examples.iter().flat_map(|example| example.offsets).collect(), outputs);
    let times = Tensor::from_slice(&examples.iter().map(Example::times).collect::<Vec<_>>());

    let store = nn::VarStore::new(Device::Cpu);
    let hidden = nn::linear(store.root() / "hidden", inputs as i64, units as i64, nn::LinearConfig::default());
    let zero = nn::LinearConfig { ws_init: nn::Init::Const(0.0), bs_init: Some(nn::Init::Const(0.0)), bias: true };
    let last = nn::linear(store.root() / "offsets", units as i64, outputs as i64, zero);
    let mut optimiser = nn::AdamW { wd: DECAY, ..nn::AdamW::default() }.build(&store, RATE).expect("there are weights");
    let patch = PLACES.start as i64;
    for step in 0..STEPS {
        optimiser.set_lr(RATE * (1.0 - step as f64 / STEPS as f64));
        let some = times.multinomial(BATCH, true);
        let seen = all.index_select(0, &some);
        let points = seen.narrow(1, patch, outputs as i64) / f64::from(TENTHS);
        let pixels = seen.narrow(1, 0, patch);
        let pixels = pixels.dropout(DROPOUT, true) + pixels.randn_like() * NOISE;
        let seen = Tensor::cat(&[pixels, seen.narrow(1, patch, inputs as i64 - patch)], 1);
        let found = seen.apply(&hidden).tanh().apply(&last);
        let expected = truth.index_select(0, &some);
        let of_points = found.smooth_l1_loss(&(&expected / STEP), Reduction::Mean, 1.0);
        let of_ratio = (ratio(&(&points + found * STEP)) / RATIO_STEP).smooth_l1_loss(
            &(ratio(&(points + expected)) / RATIO_STEP),
            Reduction::Mean,
            1.0,
        );
        optimiser.backward_step(&(of_points + of_ratio));
    }
    LidModel::new([layer(&hidden, 1.0), layer(&last, STEP)])
}

/// Height over width of eyes, `[eye, x and y of a point]`.
fn ratio(points: &Tensor) -> Tensor {
    let points = points.view([-1, 6, 2]);
    let apart = |a: i64, b: i64| {
        (points.select(1, a) - points.select(1, b))
            .square()
            .sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
            .sqrt()
    };
    (apart(1, 5) + apart(2, 4)) / 2.0 / apart(0, 3).clamp_min(0.02)
}

fn layer(linear: &nn::Linear, factor: f64) -> Layer {
    let numbers = |tensor: Tensor| {
        let scaled: Tensor = tensor.detach() * factor;
        Vec::<f32>::try_from(scaled.contiguous().flatten(0, -1)).expect("floats")
    };
    let bias = linear.bs.as_ref().expect("it has a bias");
    Layer { bias: numbers(bias.shallow_clone()), weights: numbers(linear.ws.tr()) }
}

/// What becomes of the held-out eyes.
fn told(model: &LidModel, examples: &[Example]) -> String {
    let mean = |of: &dyn Fn(&Example) -> f32| examples.iter().map(of).sum::<f32>() / examples.len() as f32;
    let length = |offsets: &Offsets| offsets.as_chunks::<2>().0.iter().map(|[x, y]| x.hypot(*y)).sum::<f32>() / 6.0;
    let before = mean(&|example| length(&example.offsets));
    let after = mean(&|example| {
        let found = model.offsets(&example.inputs);
        length(&std::array::from_fn(|i| example.offsets[i] - found[i]))
    });
    let closed: Vec<&Example> = examples.iter().filter(|example| example.ratio() < CLOSED[0].0).collect();
    let mean =
        |of: &dyn Fn(&Example) -> f32| closed.iter().map(|example| of(example)).sum::<f32>() / closed.len() as f32;
    format!(
        "{} held-out eyes, off by {:.2} % of the root of the box before, {:.2} % after; {} closed ones have a ratio of \
         {:.3} before, {:.3} after, in truth {:.3}",
        examples.len(),
        100.0 * before,
        100.0 * after,
        closed.len(),
        mean(&|example| example.ratio_moved_by(&Offsets::default())),
        mean(&|example| example.ratio_moved_by(&model.offsets(&example.inputs))),
        mean(&|example| example.ratio()),
    )
}
