//! From a checkpoint to the files that the runtime ships: `model.onnx`, `card.toml` and a golden
//! input.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::{ExtendedColorType, save_buffer};
use tch::Device;
use wingmark::face::golden;
use wingmark::face::zoo::{HEAD, LIDS, PRESENCE, SHAPE};
use wingmark::model::card::{self, ModelCard};
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::crop::CropImage;
use wingmark::picture::exposure::show;
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::{Crop, Rect};

use crate::augment;
use crate::checkpoint::Checkpoint;
use crate::export::{float_onnx, folded_convs};
use crate::loader::{self, images_tensor};
use crate::numbers::within;
use crate::presets::Preset;
use crate::quantise;
use crate::task::faces::{self, Scenes};
use crate::task::landmarks::Landmarks;
use crate::task::sets::Set;
use crate::task::{Task, pictures};

/// Heat from which a peak is a face.
const FACE_SCORE: f32 = 0.25;
const CALIBRATION_SEED: u64 = 0x0c;

#[derive(Args)]
pub struct Quantise {
    #[arg(long)]
    checkpoint: PathBuf,
    /// Name of the model; its files go into a folder of this name.
    #[arg(long, value_parser = name_of_folder)]
    name: String,
    #[arg(long, default_value = "models")]
    out: PathBuf,
    /// Folders whose training pictures the scales come from, as `train --data` takes them.
    #[arg(long, required = true)]
    data: Vec<Set>,
    #[arg(long, default_value = "320")]
    pictures: NonZeroUsize,
    /// Largest weight; more than 63 makes processors without an int8 dot product slower, and some
    /// of other runtimes wrong.
    #[arg(long, default_value_t = 63, value_parser = clap::value_parser!(u8).range(1..=127))]
    weight_limit: u8,
    /// What the model was trained on, for its card.
    #[arg(long)]
    trained_on: String,
    /// Who may use the model for what, for its card.
    #[arg(long, default_value = "Not stated: ask whoever trained it.")]
    licence: String,
    /// Anything else a user has to know, for the card.
    #[arg(long, default_value = "")]
    notes: String,
    /// A picture for the golden sample.
    #[arg(long)]
    golden: PathBuf,
    /// Box of the landmarks in it: x0 y0 x1 y1. The whole picture where it is left out.
    #[arg(long, num_args = 4, value_parser = within(-1e5..=1e5f32))]
    golden_box: Option<Vec<f32>>,
}

/// A name that is one folder's, in the folder of the models.
fn name_of_folder(text: &str) -> Result<String, String> {
    match Path::new(text).file_name() {
        Some(name) if name == text => Ok(text.into()),
        _ => Err("expected a name without /, as the folder's in --out".into()),
    }
}

/// Landmarks, or heat and size; what only training needs is left out.
fn kept_channels(channels: usize) -> usize {
    if channels == faces::CHANNELS { channels } else { IBUG_68.landmarks }
}

pub fn export(checkpoint: &Path, out: &Path) -> Result<()> {
    let state = Checkpoint::load(checkpoint, Device::Cpu)?;
    let channels = kept_channels(state.recipe.channels);
    let bytes = float_onnx(&state.recipe.preset, &state.recipe.graph()?, &state.average, channels);
    fs::write(out, bytes).with_context(|| format!("cannot write {}", out.display()))
}

/// Tables that are fitted to a net would be taken for those of another one.
fn ensure_without_tables(folder: &Path) -> Result<()> {
    let tables: Vec<&str> =
        [SHAPE, HEAD, PRESENCE, LIDS].into_iter().filter(|table| folder.join(table).exists()).collect();
    ensure!(
        tables.is_empty(),
        "{} has {} of another net; name another --out or remove them, and fit this net's own (docs/training.md)",
        folder.display(),
        tables.join(", ")
    );
    Ok(())
}

/// What was recorded of another net, which this one would be checked by.
fn forget_recorded(folder: &Path) -> Result<()> {
    for path in golden::RECORDED.map(|file| folder.join(file)).iter().filter(|path| path.exists()) {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

pub fn quantise(args: &Quantise) -> Result<()> {
    let folder = args.out.join(&args.name);
    ensure_without_tables(&folder)?;
    let picture = pictures::read(&args.golden)?;
    let state = Checkpoint::load(&args.checkpoint, Device::Cpu)?;
    ensure!(
        state.is_finite(),
        "{} has weights that are no numbers: its training has diverged; train anew with a lower --rate",
        args.checkpoint.display()
    );
    let (graph, preset) = (state.recipe.graph()?, state.recipe.preset()?);
    let detects = state.recipe.channels == faces::CHANNELS;
    let task: Box<dyn Task> = if detects {
        Box::new(Scenes::load(preset, &args.data)?)
    } else {
        let faces = pictures::load(&args.data)?;
        Box::new(Landmarks::new(preset, state.recipe.method, augment::LANDMARKS, None, faces))
    };
    let examples = loader::examples(&*task, args.pictures.get(), CALIBRATION_SEED, 0);
    let calibration: Vec<_> =
        examples.chunks(32).map(|part| images_tensor(part.iter().map(|e| &e.image), Device::Cpu)).collect();
    let channels = kept_channels(state.recipe.channels);
    let net = quantise::quantise(&args.name, &graph, &state.average, channels, &calibration, args.weight_limit)?;

    fs::create_dir_all(folder.join("golden"))?;
    forget_recorded(&folder)?;
    fs::write(folder.join("model.onnx"), &net.onnx)?;
    let task = if detects {
        card::Task::Faces { smallest_px: faces::SMALLEST_PX, octaves: faces::OCTAVES, score: FACE_SCORE }
    } else {
        card::Task::Landmarks {
            scheme: &IBUG_68,
            crop_margin: preset.margin,
            calibration: None,
            visibility: None,
            eyes: None,
        }
    };
    let (shipped, _) = folded_convs(&graph, &state.average, channels);
    let card = ModelCard {
        name: args.name.clone(),
        input_px: preset.input_px as u32,
        stride: preset.stride() as u32,
        sha256: ModelCard::sha256_of(&net.onnx),
        gmac: (shipped.macs() as f64 / 1e6).round() / 1e3,
        parameters: shipped.parameters(),
        date: today()?,
        task,
        heat: card::Quantisation { scale: net.heat.scale, zero_point: net.heat.zero_point },
        about: card::About {
            trained_on: args.trained_on.clone(),
            licence: args.licence.clone(),
            notes: args.notes.clone(),
            recipe: format!("wingmark-trainer {}", state.recipe.command),
        },
        accuracy: vec![],
    };
    fs::write(folder.join("card.toml"), card.to_toml())?;
    write_golden_input(&picture, args.golden_box.as_deref(), &preset, &folder.join(golden::INPUT))?;
    println!("{}: {:.3} GMAC, {} bytes", folder.display(), card.gmac, net.onnx.len());
    Ok(())
}

fn write_golden_input(frame: &Frame, bounds: Option<&[f32]>, preset: &Preset, path: &Path) -> Result<()> {
    let side_px = preset.input_px as u32;
    let crop = match bounds {
        Some(&[x0, y0, x1, y1]) => Crop::around(&Rect::new(x0, y0, x1, y1), preset.margin, side_px),
        _ => {
            let (width, height) = (frame.size().width as f32, frame.size().height as f32);
            Crop::around(&Rect::new(-0.5, -0.5, width - 0.5, height - 0.5), 1.0, side_px)
        }
    };
    let mut image = CropImage::new(side_px);
    show(&mut image, frame, &crop);
    save_buffer(path, &image.rgb, side_px, side_px, ExtendedColorType::Rgb8)?;
    Ok(())
}

fn today() -> Result<String> {
    let output = std::process::Command::new("date").arg("+%F").output().context("cannot run `date`")?;
    ensure!(output.status.success(), "`date +%F` failed");
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_does_not_inherit_what_was_fitted_to_another_one() {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("mine");
        fs::create_dir(&folder).unwrap();
        for kept in ["model.onnx", SHAPE, LIDS] {
            fs::write(folder.join(kept), kept).unwrap();
        }
        let args = Quantise {
            checkpoint: "none.ckpt".into(),
            name: "mine".into(),
            out: out.path().into(),
            data: vec![],
            pictures: NonZeroUsize::MIN,
            weight_limit: 63,
            trained_on: String::new(),
            licence: String::new(),
            notes: String::new(),
            golden: "none.jpg".into(),
            golden_box: None,
        };
        let error = quantise(&args).unwrap_err().to_string();
        assert!(error.contains("mine has shape.csv, lids.csv of another net"), "{error}");
        assert_eq!(fs::read_to_string(folder.join("model.onnx")).unwrap(), "model.onnx");

        fs::create_dir(folder.join("golden")).unwrap();
        for kept in [golden::RECORDED[0], golden::INPUT] {
            fs::write(folder.join(kept), kept).unwrap();
        }
        forget_recorded(&folder).unwrap();
        assert!(!folder.join(golden::RECORDED[0]).exists() && folder.join(golden::INPUT).exists());
    }

    #[test]
    fn a_name_is_one_folders() {
        assert_eq!(name_of_folder("mine").as_deref(), Ok("mine"));
        for wrong in ["", ".", "..", "/", "a/b", "a/", "../a"] {
            assert!(name_of_folder(wrong).is_err(), "{wrong}");
        }
    }
}
