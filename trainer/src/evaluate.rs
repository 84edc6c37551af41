//! Measures a float net, with the library's crop, decode and metrics.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use std::sync::Arc;
use tch::Device;
use wingmark::dataset::degrade::Degradation;
use wingmark::dataset::metrics::{FAILURE, Summary, cumulative_errors, normalised_mean_error};
use wingmark::dataset::{self, Sample};
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::geometry::{Crop, Rect};

use crate::checkpoint::Checkpoint;
use crate::loader::images_tensor;
use crate::net::{Phase, Precision, forward};
use crate::task::faces;
use crate::task::landmarks::{decode_maps, shown};
use crate::task::photographs;
use crate::task::pictures::{Face, said};

const BATCH: usize = 32;

/// What is measured on which pictures.
#[derive(Args)]
pub struct Evaluate {
    #[arg(long)]
    checkpoint: PathBuf,
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value = "train")]
    pub split: String,
    /// Only the pictures that training held out; of `train`.
    #[arg(long)]
    pub held_out: bool,
    /// Makes the pictures harder first, as `wingmark eval --degrade` does.
    #[arg(long)]
    degrade: Option<Degradation>,
    /// Writes the cumulative error distribution as SVG.
    #[arg(long)]
    ced: Option<PathBuf>,
}

pub fn run(args: &Evaluate) -> Result<()> {
    let Evaluate { checkpoint, data, split, held_out, degrade, ced } = args;
    let device = Device::cuda_if_available();
    let state = Checkpoint::load(checkpoint, device)?;
    if state.recipe.channels == faces::CHANNELS {
        bail!("{} detects faces; its recall is measured by `wingmark eval` once it is quantised", checkpoint.display());
    }
    let (graph, preset) = (state.recipe.graph()?, state.recipe.preset()?);
    let mut samples = dataset::open_split(data, Some(split))?;
    if *held_out {
        let told = photographs::OF_LANDMARKS.told(samples.iter().map(|sample| sample.file.as_str()));
        samples.retain(|sample| photographs::OF_LANDMARKS.has(&sample.file));
        ensure!(!samples.is_empty(), "{told}");
    }
    let bar = ProgressBar::new(samples.len() as u64);
    let _guard = tch::no_grad_guard();
    let mut errors = Vec::new();
    for samples in samples.chunks(BATCH) {
        let crop_of = |sample| {
            let face = face_of(sample, *degrade)?;
            let bounds = Rect::around(face.points.iter().copied()).expect("a sample has points");
            Ok(shown(&face, &Crop::around(&bounds, preset.margin, preset.input_px as u32)))
        };
        let crops: Vec<_> = samples.iter().filter_map(|sample| said(crop_of(sample))).collect();
        bar.inc(samples.len() as u64);
        if crops.is_empty() {
            continue;
        }
        let images = images_tensor(crops.iter().map(|(image, _)| image), device);
        let outputs = forward(&graph, &state.average, &images, Phase::Infer, Precision::F32);
        let maps = crate::net::plain(outputs.last().expect("a net has an output"));
        for (maps, (_, truth)) in maps.chunks(maps.len() / crops.len()).zip(&crops) {
            errors.push(normalised_mean_error(&IBUG_68, truth, &decode_maps(&preset, maps)));
        }
    }
    bar.finish_and_clear();
    ensure!(!errors.is_empty(), "the pictures of none of {} faces can be read", samples.len());
    println!("{}", serde_json::to_string(&Summary::of(&errors))?);
    if let Some(path) = ced {
        std::fs::write(path, ced_svg(&errors)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let unread = samples.len() - errors.len();
    ensure!(unread == 0, "{unread} of {} faces are not measured, whose pictures cannot be read", samples.len());
    Ok(())
}

/// A face in its picture, perhaps made harder.
fn face_of(sample: &Sample, degrade: Option<Degradation>) -> Result<Face, String> {
    let frame = sample.read_picture()?;
    let (frame, points) = match degrade {
        Some(degrade) => degrade.apply(&frame, &sample.points),
        None => (frame, sample.points.clone()),
    };
    let (frame, weights) = (Arc::new(frame), vec![1.0; IBUG_68.landmarks]);
    Ok(Face { file: sample.file.clone(), frame, points, weights, times: 1 })
}

/// The share of faces (upwards) within an error (to the right, up to 10 % of the inter-ocular
/// distance).
fn ced_svg(errors: &[f64]) -> String {
    let (left, bottom, width, height) = (50.0, 330.0, 500.0, 300.0);
    let mut path = String::new();
    for (error, share) in cumulative_errors(errors, FAILURE).into_iter().step_by(5) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        write!(path, "{command}{:.1} {:.1}", left + error / FAILURE * width, bottom - share * height)
            .expect("writing to memory");
    }
    let mut grid = String::new();
    for i in 0..=5 {
        let share = f64::from(i) / 5.0;
        let (x, y) = (left + share * width, bottom - share * height);
        write!(
            grid,
            "<path d='M{left} {y}h{width}M{x} {bottom}v-{height}' stroke='#ddd'/>\
             <text x='{}' y='{}' text-anchor='end'>{:.1}</text><text x='{x}' y='{}' text-anchor='middle'>{:.0} %</text>",
            left - 6.0, y + 4.0, share, bottom + 18.0, share * FAILURE * 100.0,
        )
        .expect("writing to memory");
    }
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='600' height='380' font-family='sans-serif' font-size='12'>\
         <rect width='600' height='380' fill='white'/>{grid}\
         <path d='{path}' fill='none' stroke='#0a6' stroke-width='2'/>\
         <text x='300' y='370' text-anchor='middle'>NME, inter-ocular; {} faces</text></svg>\n",
        errors.len(),
    )
}
