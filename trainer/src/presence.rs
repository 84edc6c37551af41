//! Fits how models know a face: their `presence.csv`.
//!
//! Faces are shown as they may come, turned, blurred, dark, small and half covered, in crops as following makes them; what is to be
//! refused are crops too far from a face for following to mend, and faceless ones, there also the crops that the landmarks found
//! there would ask for next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use nalgebra::{Point2, Vector2};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};
use wingmark::dataset::degrade::Degradation;
use wingmark::dataset::metrics::normalised_mean_error;
use wingmark::dataset::{self, Sample, boxes};
use wingmark::face::look::{Landmarker, Look, LookTimings};
use wingmark::face::presence::{EVIDENCE, Evidence, PresenceModel, Unit};
use wingmark::face::zoo::{Choice, PRESENCE};
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::{Crop, Rect};

use crate::augment::{self, Strength, jitter, normal};
use crate::task::pictures;

/// Crops as following makes them.
const FOLLOWED: Strength = Strength { rotation_deg: 7.0, scale: 0.07, shift: 0.03, ..augment::NONE };
/// Off by less, in inter-ocular distances, the landmarks are the face's; by more than the second, they are not. Between them, and for
/// faces in good crops beyond, nobody can say.
const FOUND: f64 = 0.25;
const NOT_FOUND: f64 = 0.4;
/// What is kept around a face, in sides of its box.
const SURROUNDINGS: f32 = 2.2;
const SURROUNDINGS_PX: u32 = 256;
/// Crops at a place without a face: the place itself, and where its landmarks lead.
const FOLLOWED_LOOKS: usize = 2;
const UNITS: i64 = 24;
const STEPS: usize = 3000;
const BATCH: i64 = 256;
const DROPOUT: f64 = 0.1;
/// Of faceless crops that were held out, this share is taken for faces.
const ALARMS: f64 = 5e-4;
const SEED: u64 = 0xface;

#[derive(Args)]
pub struct Fit {
    /// Folders with model.onnx, card.toml and shape.csv; presence.csv is written there. May be given several times.
    #[arg(long, required = true)]
    model: Vec<PathBuf>,
    /// Folders with a `train` split. May be given several times.
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Folders with boxes.csv, in which every face is known, if not by it then by ignore.csv. May be given several times.
    #[arg(long, required = true)]
    scenes: Vec<PathBuf>,
    /// Faces of --data that are looked at, each in three crops, and as many faceless places.
    #[arg(long, default_value_t = 2000)]
    faces: usize,
}

/// A picture and the boxes in it that are faces, or may be.
struct Scene {
    picture: PathBuf,
    faces: Vec<Rect>,
}

/// What a look told, and whether it was at a face.
struct Example {
    evidence: Evidence,
    is_face: bool,
    /// Whether the picture shows no face.
    faceless: bool,
    held_out: bool,
}

pub fn fit(args: &Fit) -> Result<()> {
    let nets =
        args.model.iter().map(|folder| Ok(Choice::Folder(folder.clone()).load()?)).collect::<Result<Vec<_>>>()?;
    let landmarkers = nets.iter().map(|net| Ok(Landmarker::new(net, 1)?)).collect::<Result<Vec<_>>>()?;
    let mut gathering = Gathering { examples: landmarkers.iter().map(|_| Vec::new()).collect(), landmarkers };
    let mut rng = StdRng::seed_from_u64(SEED);

    let faces =
        args.data.iter().map(|folder| Ok(dataset::open_split(folder, Some("train"))?)).collect::<Result<Vec<_>>>()?;
    let mut faces = faces.concat();
    faces.shuffle(&mut rng);
    faces.truncate(args.faces);
    let scenes = args.scenes.iter().map(|folder| scenes(folder)).collect::<Result<Vec<_>>>()?;
    let bar = ProgressBar::new(2 * faces.len() as u64).with_message("looking");
    for face in &faces {
        gathering.look_at_face(face, &mut rng)?;
        bar.inc(1);
    }
    for number in 0..faces.len() {
        let scene = scenes[number % scenes.len()].choose(&mut rng).context("a folder of --scenes has no picture")?;
        gathering.look_at_nothing(scene, &mut rng)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (folder, examples) in args.model.iter().zip(&gathering.examples) {
        let model = train(examples);
        let path = folder.join(PRESENCE);
        std::fs::write(&path, model.to_csv()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}: {}", path.display(), told(&model, examples));
    }
    Ok(())
}

/// The pictures of a folder, with all boxes of both tables.
fn scenes(folder: &Path) -> Result<Vec<Scene>> {
    let mut boxes: BTreeMap<PathBuf, Vec<Rect>> = BTreeMap::new();
    for scene in boxes::open(folder)? {
        boxes.entry(scene.picture).or_default().extend(scene.faces);
    }
    let ignored = folder.join("ignore.csv");
    if ignored.exists() {
        let mut reader = csv::Reader::from_path(&ignored)?;
        for row in reader.deserialize() {
            let row: BTreeMap<String, String> = row?;
            let at = |name: &str| -> Result<f32> {
                let field = row.get(name).with_context(|| format!("{} has no column {name}", ignored.display()))?;
                field.parse().with_context(|| format!("{}: {field:?} is no number", ignored.display()))
            };
            let file = row.get("file").with_context(|| format!("{} has no column file", ignored.display()))?;
            let bounds = Rect::new(at("x0")?, at("y0")?, at("x1")?, at("y1")?);
            boxes.entry(folder.join("images").join(file)).or_default().push(bounds);
        }
    }
    ensure!(!boxes.is_empty(), "{} has no picture", folder.display());
    Ok(boxes.into_iter().map(|(picture, faces)| Scene { picture, faces }).collect())
}

struct Gathering {
    landmarkers: Vec<Landmarker>,
    /// Of each landmarker.
    examples: Vec<Vec<Example>>,
}

impl Gathering {
    /// Two good crops of a face, in two states, and a bad one.
    fn look_at_face(&mut self, face: &Sample, rng: &mut StdRng) -> Result<()> {
        let (frame, points) = surroundings(&pictures::read(&face.picture)?, face);
        let held_out = pictures::is_held_out(&face.file);
        for good in [true, true, false] {
            let (frame, points) = match degradation(rng) {
                Some(degradation) => degradation.apply(&frame, &points),
                None => (frame.clone(), points.clone()),
            };
            let seed = rng.random();
            for (landmarker, examples) in self.landmarkers.iter_mut().zip(&mut self.examples) {
                let mut rng = StdRng::seed_from_u64(seed);
                let right = landmarker.crop_around_points(&points);
                let crop = if good { jitter(&right, &FOLLOWED, &mut rng) } else { spoiled(&right, &mut rng) };
                let look = landmarker.look(&frame, &crop, &mut LookTimings::default())?;
                let error = normalised_mean_error(&IBUG_68, &points, &look.points());
                let is_face = error < FOUND;
                if let Some(&evidence) = landmarker.evidence().filter(|_| is_face || (!good && error > NOT_FOUND)) {
                    examples.push(Example { evidence, is_face, faceless: false, held_out });
                }
            }
        }
        Ok(())
    }

    /// A square without a face, and where its landmarks lead.
    fn look_at_nothing(&mut self, scene: &Scene, rng: &mut StdRng) -> Result<()> {
        let frame = pictures::read(&scene.picture)?;
        let Some((centre, side)) = empty_square(frame.size(), &scene.faces, rng) else { return Ok(()) };
        let roll = if rng.random_bool(0.5) { rng.random_range(-3.1..3.1) } else { 0.0 };
        let spread = side / 2.0;
        let about = [(-1.0, -1.0), (1.0, 1.0)].map(|(x, y)| centre + Vector2::new(x, y) * spread);
        let frame = match rng.random_range(0..5) {
            0 => Degradation::Blur(rng.random_range(0.5..4.0)).apply(&frame, &about).0,
            1 => Degradation::Dark(rng.random_range(2.0..18.0)).apply(&frame, &about).0,
            _ => frame,
        };
        let held_out = pictures::is_held_out(&scene.picture.file_name().unwrap_or_default().to_string_lossy());
        for (landmarker, examples) in self.landmarkers.iter_mut().zip(&mut self.examples) {
            let bounds = Rect { min: about[0], max: about[1] };
            let mut crop = landmarker.crop_around(&bounds, roll);
            for _ in 0..=FOLLOWED_LOOKS {
                let look: Look = landmarker.look(&frame, &crop, &mut LookTimings::default())?;
                if let Some(&evidence) = landmarker.evidence() {
                    examples.push(Example { evidence, is_face: false, faceless: true, held_out });
                }
                crop = landmarker.crop_around_points(&look.points());
                let (centre, side, _) = crop.square();
                if side < 12.0 || !is_empty(centre, side, &scene.faces) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The face and what is around it, small enough to be changed quickly.
fn surroundings(frame: &Frame, face: &Sample) -> (Frame, Vec<Point2<f32>>) {
    let bounds = face.bounds();
    let side = bounds.width().max(bounds.height()) * SURROUNDINGS;
    let crop = Crop::new(bounds.centre(), side, 0.0, SURROUNDINGS_PX);
    let mut image = CropImage::new(SURROUNDINGS_PX);
    image.fill(frame, &crop);
    let size = Size { width: SURROUNDINGS_PX, height: SURROUNDINGS_PX };
    let frame = Frame::from_rgb(size, image.rgb).expect("a crop is packed RGB");
    let crop_from_frame = crop.crop_from_frame();
    (frame, face.points.iter().map(|point| crop_from_frame * point).collect())
}

fn degradation(rng: &mut StdRng) -> Option<Degradation> {
    match rng.random_range(0..7) {
        0 => None,
        1 => Some(Degradation::Rotate(rng.random_range(-30.0..30.0))),
        2 | 3 => Some(Degradation::Blur(rng.random_range(1.0..4.5))),
        4 => Some(Degradation::Dark(rng.random_range(2.0..18.0))),
        5 => Some(Degradation::Cover(rng.random_range(20.0..55.0))),
        _ => Some(Degradation::FacePx(rng.random_range(18.0..64.0))),
    }
}

/// Turned, beside the face, or much too large or too small.
fn spoiled(crop: &Crop, rng: &mut StdRng) -> Crop {
    let (centre, side, roll) = crop.square();
    let mut off = |reach: f32| Vector2::new(rng.random_range(-reach..reach), rng.random_range(-reach..reach)) * side;
    let (near, far) = (off(0.3), off(1.0));
    let lean = roll + normal(rng) * 0.35;
    match rng.random_range(0..3) {
        0 => Crop::new(centre, side, roll + rng.random_range(0.7..5.58), crop.side_px),
        1 => Crop::new(centre + far, side, lean, crop.side_px),
        _ => {
            let factor = rng.random_range(0.3f32..1.4);
            let factor = if rng.random_bool(0.5) { factor } else { -factor };
            Crop::new(centre + near, side * factor.exp(), lean, crop.side_px)
        }
    }
}

/// Centre and side.
fn empty_square(size: Size, faces: &[Rect], rng: &mut StdRng) -> Option<(Point2<f32>, f32)> {
    let (width, height) = (size.width as f32, size.height as f32);
    let largest = (0.7 * width.min(height)).max(21.0);
    (0..10).find_map(|_| {
        let side = rng.random_range(20f32.ln()..largest.ln()).exp();
        let centre = Point2::new(rng.random_range(0.0..width), rng.random_range(0.0..height));
        is_empty(centre, side, faces).then_some((centre, side))
    })
}

/// Whether a square is clear of all faces that are not tiny beside it.
fn is_empty(centre: Point2<f32>, side: f32, faces: &[Rect]) -> bool {
    faces.iter().all(|face| {
        let extent = face.width().max(face.height());
        let apart = (face.centre() - centre).abs();
        extent < 0.1 * side || apart.x.max(apart.y) > 0.6 * side + 0.75 * extent
    })
}

/// One hidden layer, taught with as much weight on faces as on the rest; the alarms of held-out faceless crops set the bias.
fn train(examples: &[Example]) -> PresenceModel {
    tch::manual_seed(1);
    let taught: Vec<&Example> = examples.iter().filter(|example| !example.held_out).collect();
    let count = taught.len() as i64;
    let numbers: Vec<f32> = taught.iter().flat_map(|example| example.evidence).collect();
    let told = Tensor::from_slice(&numbers).view([count, EVIDENCE as i64]);
    let truth = Tensor::from_slice(&taught.iter().map(|e| f32::from(e.is_face)).collect::<Vec<_>>());
    let faces = truth.mean(Kind::Float).double_value(&[]);
    let weight = &truth * (0.5 / faces) + (&truth * -1.0 + 1.0) * (0.5 / (1.0 - faces));
    let mean = told.mean_dim([0i64].as_slice(), false, Kind::Float);
    let deviation = told.std_dim([0i64].as_slice(), true, false) + 1e-3;
    let told = (told - &mean) / &deviation;

    let store = nn::VarStore::new(Device::Cpu);
    let hidden = nn::linear(store.root() / "hidden", EVIDENCE as i64, UNITS, nn::LinearConfig::default());
    let out = nn::linear(store.root() / "out", UNITS, 1, nn::LinearConfig::default());
    let mut optimiser = nn::AdamW { wd: 0.05, ..nn::AdamW::default() }.build(&store, 3e-3).expect("there are weights");
    for step in 0..STEPS {
        optimiser.set_lr(3e-3 * (1.0 - step as f64 / STEPS as f64));
        let some = Tensor::randint(count, [BATCH], (Kind::Int64, Device::Cpu));
        let seen = told.index_select(0, &some).dropout(DROPOUT, true);
        let logits = out.forward(&hidden.forward(&seen).tanh()).squeeze_dim(1);
        let loss = logits.binary_cross_entropy_with_logits(
            &truth.index_select(0, &some),
            Some(&weight.index_select(0, &some)),
            None,
            Reduction::Mean,
        );
        optimiser.backward_step(&loss);
    }
    let numbers = |tensor: &Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).expect("floats");
    let weights = &hidden.ws / &deviation;
    let shift = weights.matmul(&mean);
    let biases = numbers(&(hidden.bs.as_ref().expect("it has a bias") - shift));
    let (weights, outs) = (numbers(&weights), numbers(&out.ws));
    let unit = |(i, row): (usize, &[f32; EVIDENCE])| Unit { out: outs[i], bias: biases[i], weights: Box::new(*row) };
    let units = weights.as_chunks().0.iter().enumerate().map(unit).collect();
    let mut model = PresenceModel { bias: 0.0, units };
    let mut alarms: Vec<f32> = held_out(examples, |example| example.faceless).map(|e| logit(&model, e)).collect();
    alarms.sort_unstable_by(|a, b| b.total_cmp(a));
    if let Some(limit) = alarms.get((ALARMS * alarms.len() as f64) as usize) {
        model.bias = -limit;
    }
    model
}

fn logit(model: &PresenceModel, example: &Example) -> f32 {
    let presence = model.of(&example.evidence).clamp(1e-7, 1.0 - 1e-7);
    (presence / (1.0 - presence)).ln()
}

fn held_out(examples: &[Example], which: impl Fn(&Example) -> bool) -> impl Iterator<Item = &Example> {
    examples.iter().filter(move |example| example.held_out && which(example))
}

/// What becomes of the held-out examples.
fn told(model: &PresenceModel, examples: &[Example]) -> String {
    let share = |which: fn(&Example) -> bool| {
        let (mut count, mut taken) = (0, 0);
        for example in held_out(examples, which) {
            count += 1;
            taken += usize::from(model.of(&example.evidence) >= wingmark::face::presence::IS_FACE);
        }
        format!("{taken} of {count}")
    };
    format!(
        "{} looks; taken for faces are, of those held out, {} at faces, {} at faces in bad crops, {} at none",
        examples.len(),
        share(|example| example.is_face),
        share(|example| !example.is_face && !example.faceless),
        share(|example| example.faceless),
    )
}
