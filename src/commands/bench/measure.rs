//! One landmark model, measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::looped::Looped;
use super::noise::NoiseMeter;
use super::process;
use super::rig::{Rig, Turn};
use crate::capture::{CameraWish, SourceChoice};
use crate::cli::BenchArgs;
use crate::face::zoo::{self, Net};
use crate::face::{Observer, Options};
use crate::machine::{Frequency, Meter, Metering, Tree, slow_clock};
use crate::model::card;
use crate::report::durations::Latencies;
use crate::report::{Accuracy, Measured, Quantiles, Stage};
use crate::text::message::counted;

/// This share of the time measured goes before it, until caches and clock are as they will be.
pub const WARM_UP: f64 = 0.2;
/// Measured at least, however slow the machine.
const FEWEST_FRAMES: usize = 10;
/// Noise is measured after one frame of this many.
const FRAMES_A_NOISE: usize = 5;
/// With fewer, the slowest in a hundred is one frame.
const FRAMES_FOR_P99: usize = 200;
/// Above this the figures tell more of what else the machine does.
const NOISY: f64 = 0.1;

/// Measures a landmark model; the second value says why its figures are not to be trusted.
pub fn landmark_model(
    choice: &zoo::Choice,
    threads: usize,
    args: &BenchArgs,
    wish: CameraWish,
    bar: &ProgressBar,
) -> anyhow::Result<(Measured, Vec<String>)> {
    process::restart_peak();
    let started = Instant::now();
    let faces = zoo::shipped(zoo::FACES)?.load()?;
    let landmarks = choice.load()?;
    let observer = Observer::new(&faces, &landmarks, &Options { threads, ..Options::default() })?;
    let mut rig = Rig::new(source(args, wish)?, observer, args.paced)?;

    let measured_for = Duration::from_secs_f64(args.seconds);
    let mut samples = Samples::default();
    let mut first_landmarks = None;
    for_at_least(measured_for.mul_f64(WARM_UP), FEWEST_FRAMES / 2, bar, || {
        let turn = rig.turn()?;
        if first_landmarks.is_none() && turn.faces > 0 {
            first_landmarks = Some(started.elapsed());
        }
        Ok(())
    })?;
    // Where frames are waited for, the governor may slow the cores down.
    let clock = || Frequency::here(&Tree::here()).filter(|_| !args.paced);
    let warm = clock();
    let metering = Metering::start(Meter::all(&Tree::here()));
    let (allocations, waited, begun) = (process::allocations(), process::waited(), Instant::now());
    for_at_least(measured_for, FEWEST_FRAMES, bar, || {
        samples.count(&rig.turn()?);
        Ok(())
    })?;
    let slow_clock = clock().and_then(|end| slow_clock(warm.as_ref(), &end));
    let allocations = process::allocations().zip(allocations).map(|(after, before)| after - before);
    let waited = process::waited().zip(waited).map(|(after, before)| after - before);
    let waited_share = waited.map(|waited| waited.as_secs_f64() / begun.elapsed().as_secs_f64());
    let energy = metering.map(Metering::finish).unwrap_or_default();
    let lost = rig.finish();

    let measured = Measured {
        stages: samples.stages(),
        frame: Quantiles::of(&samples.frames),
        noise: samples.noise.noise(waited_share),
        first_landmarks_ms: first_landmarks.map(|took| took.as_secs_f64() * 1e3),
        peak_memory_bytes: process::peak_bytes(),
        allocations_a_frame: allocations.map(|count| count as f64 / samples.frames.count() as f64),
        energy,
        ..described(&landmarks, threads)
    };
    let warnings = warnings(&measured, &samples, lost, slow_clock);
    Ok((measured, warnings))
}

/// What is known of a model before it is measured.
fn described(net: &Net, threads: usize) -> Measured {
    let is_compared = |a: &&card::Accuracy| (&*a.data, &*a.split, &*a.measure) == ("300-W", "common", "nme_percent");
    let nme = net.card.accuracy.iter().find(is_compared);
    Measured {
        name: net.card.name.clone(),
        threads,
        kernel: net.model.kernel_name().into(),
        input_px: net.card.input_px,
        gmac: net.card.gmac,
        accuracy: nme.map(|nme| Accuracy { data: nme.data.clone(), split: nme.split.clone(), nme_percent: nme.int8 }),
        ..Measured::default()
    }
}

/// The source of the command line, over and over.
fn source(args: &BenchArgs, wish: CameraWish) -> anyhow::Result<Looped> {
    let choice = args.source.clone().unwrap_or(SourceChoice::Clip);
    Ok(Looped::open(Box::new(move || choice.open(false, wish)))?)
}

/// Takes turns for this long, and at least so many. The bar moves on with the time.
fn for_at_least(
    duration: Duration,
    turns: usize,
    bar: &ProgressBar,
    mut turn: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (start, begun_at) = (Instant::now(), bar.position());
    let mut taken = 0;
    while taken < turns || start.elapsed() < duration {
        turn()?;
        taken += 1;
        bar.set_position(begun_at + start.elapsed().min(duration).as_millis() as u64);
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Samples {
    stages: [Latencies; Stage::ALL.len()],
    frames: Latencies,
    without_face: usize,
    noise: NoiseMeter,
}

impl Samples {
    fn count(&mut self, turn: &Turn) {
        for (stage, took) in self.stages.iter_mut().zip(turn.stages) {
            // What did not run took no time at all.
            if !took.is_zero() {
                stage.push(took);
            }
        }
        self.frames.push(turn.total);
        self.without_face += usize::from(turn.faces == 0);
        if self.frames.count().is_multiple_of(FRAMES_A_NOISE) {
            self.noise.measure();
        }
    }

    fn stages(&self) -> BTreeMap<Stage, Quantiles> {
        let timed = Stage::ALL.into_iter().zip(&self.stages);
        timed.filter_map(|(stage, latencies)| Some((stage, Quantiles::of(latencies)?))).collect()
    }
}

fn warnings(measured: &Measured, samples: &Samples, lost: u64, slow_clock: Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    let frames = samples.frames.count();
    if frames < FRAMES_FOR_P99 {
        let frames = counted(frames as u64, "frame", "frames");
        found.push(format!("only {frames}, too few for a p99; measure for longer (--seconds)"));
    }
    if samples.without_face > 0 {
        let frames = counted(frames as u64, "frame", "frames");
        found.push(format!("{} of {frames} without a face, which take less time", samples.without_face));
    }
    if let Some(share) = measured.noise.map(|noise| noise.share()).filter(|share| *share > NOISY) {
        found.push(format!("noise of {:.0} %: the machine does other work, or its clock changes", share * 1e2));
    }
    found.extend(slow_clock);
    if lost > 0 {
        let lost = counted(lost, "record", "records");
        found.push(format!("the log lost {lost}, which makes recording look faster"));
    }
    found.iter().map(|warning| format!("{}, threads {}: {warning}", measured.name, measured.threads)).collect()
}
