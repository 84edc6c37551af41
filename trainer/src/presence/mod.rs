//! Fits how models know a face: their `presence.csv`.
//!
//! Faces are shown as they may come, turned, blurred, dark, small and half covered, in crops as
//! following makes them. What is to be refused is what following cannot mend (crops far from a
//! face, and parts of one), what the shipped detector takes for a face where none is, and faceless
//! squares, all there also in the crops that the landmarks found there would ask for next.

mod gather;
mod perceptron;
mod scenes;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use wingmark::dataset;
use wingmark::face::detect::Detector;
use wingmark::face::look::Landmarker;
use wingmark::face::presence::{IS_FACE, IS_NEW_FACE, PresenceModel};
use wingmark::face::zoo::{self, Choice, PRESENCE};
use wingmark::model::card::Task;

use crate::numbers::within;
use crate::task::photographs;
use gather::{Example, Gathering, Shows};

/// The detector searches for what may be mistaken for a face with this score.
const SEARCH_SCORE: f32 = 0.1;
const SEED: u64 = 0xface;

#[derive(Args)]
pub struct Fit {
    /// Folders with model.onnx, card.toml and shape.csv; presence.csv is written there. May be
    /// given several times.
    #[arg(long, required = true)]
    model: Vec<PathBuf>,
    /// Folders with a `train` split, whose faces are to be taken for faces. May be given several
    /// times.
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Folders in which every face is known, of boxes.csv and ignore.csv or of points and
    /// all_faces.csv. May be given several times.
    #[arg(long, required = true)]
    scenes: Vec<PathBuf>,
    /// Faces of --data that are looked at, each in three crops, and pictures of --scenes that are
    /// searched.
    #[arg(long, default_value = "3000")]
    faces: NonZeroUsize,
    /// Raises the fitted bias, so that fewer faces are refused and more is taken for one; for each
    /// --model in its order.
    #[arg(long, value_parser = within(-10.0..=10.0f32))]
    raise_bias: Vec<f32>,
}

pub fn fit(args: &Fit) -> Result<()> {
    let (raised, models) = (args.raise_bias.len(), args.model.len());
    ensure!(
        raised == 0 || raised == models,
        "{raised} times --raise-bias, and {models} times --model; give one for each"
    );
    let nets =
        args.model.iter().map(|folder| Ok(Choice::Folder(folder.clone()).load()?)).collect::<Result<Vec<_>>>()?;
    let landmarkers = nets.iter().map(|net| Ok(Landmarker::new(net, 1)?)).collect::<Result<Vec<_>>>()?;
    let mut gathering = Gathering::new(keen_detector()?, landmarkers);
    let mut rng = StdRng::seed_from_u64(SEED);

    let faces =
        args.data.iter().map(|folder| Ok(dataset::open_split(folder, Some("train"))?)).collect::<Result<Vec<_>>>()?;
    let mut faces = faces.concat();
    faces.shuffle(&mut rng);
    let looked_at = args.faces.get();
    faces.truncate(looked_at);
    photographs::OF_LANDMARKS.check(faces.iter().map(|face| face.file.as_str()))?;
    let scenes = args.scenes.iter().map(|folder| scenes::open(folder)).collect::<Result<Vec<_>>>()?;
    let bar = ProgressBar::new((faces.len() + looked_at) as u64).with_message("looking");
    for face in &faces {
        gathering.look_at_face(face, &mut rng)?;
        bar.inc(1);
    }
    for number in 0..looked_at {
        let scene = scenes[number % scenes.len()].choose(&mut rng).context("a folder of --scenes has no picture")?;
        gathering.search(scene, &mut rng)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let raises = args.raise_bias.iter().copied().chain(std::iter::repeat(0.0));
    for ((folder, examples), raise) in args.model.iter().zip(&gathering.examples).zip(raises) {
        let mut model = perceptron::train(examples);
        if raise != 0.0 {
            println!("{}, before its bias is raised by {raise}: {}", folder.display(), told(&model, examples));
            model.bias += raise;
        }
        let path = folder.join(PRESENCE);
        std::fs::write(&path, model.to_csv()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}: {}", path.display(), told(&model, examples));
    }
    Ok(())
}

/// The shipped detector, which sees faces where there may be one.
fn keen_detector() -> Result<Detector> {
    let mut net = zoo::shipped(zoo::FACES)?.load()?;
    if let Task::Faces { score, .. } = &mut net.card.task {
        *score = SEARCH_SCORE;
    }
    Ok(Detector::new(&net, 1)?)
}

/// What becomes of the held-out examples.
fn told(model: &PresenceModel, examples: &[Example]) -> String {
    let counts = [
        ("faces", Shows::Face),
        ("faces in bad crops", Shows::FaceBadly),
        ("what the detector mistook", Shows::Mistaken),
        ("faceless squares", Shows::Nothing),
    ]
    .map(|(name, shows)| {
        let held_out = || examples.iter().filter(|example| example.held_out && example.shows == shows);
        let taken = |limit: f32| held_out().filter(|example| model.of(&example.features) >= limit).count();
        format!("{} ({}) of {} {name}", taken(IS_FACE), taken(IS_NEW_FACE), held_out().count())
    });
    format!("{} looks; of those held out are taken for faces (for new ones) {}", examples.len(), counts.join(", "))
}
