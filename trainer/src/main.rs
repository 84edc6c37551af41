//! Trains, quantises and exports the models of wingmark.

mod augment;
mod checkpoint;
mod command;
#[cfg(test)]
mod dots;
mod evaluate;
mod export;
mod graph;
mod head;
mod label;
mod lids;
mod loader;
mod loss;
mod net;
mod numbers;
mod onnx;
mod optimiser;
mod presence;
mod presets;
mod quantise;
mod release;
mod shape;
mod sheet;
mod start;
mod targets;
mod task;
mod train;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use checkpoint::Recipe;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use loss::Loss;
use net::Precision;
use numbers::{above_zero, within};
use presets::{PRESETS, Preset};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use task::landmarks::{Landmarks, Method};
use task::sets::Set;
use task::teacher::Teacher;
use task::{Task, faces, pictures};
use tch::Device;
use wingmark::face::zoo::Choice;

#[derive(Parser)]
#[command(name = "wingmark-trainer", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the presets with their arithmetic and size.
    Presets {
        /// Landmarks of the scheme, 68 or more; one more map is the boundary.
        #[arg(long, default_value_t = 68, value_parser = clap::value_parser!(u16).range(68..))]
        landmarks: u16,
    },
    /// Trains a net, or goes on where it was stopped.
    Train(TrainArgs),
    /// Measures a checkpoint's float net on a split, boxes from the true points.
    Evaluate(evaluate::Evaluate),
    /// Writes a checkpoint's float net as ONNX.
    Export {
        #[arg(long)]
        checkpoint: PathBuf,
        #[arg(long)]
        out: PathBuf,
    },
    /// Quantises a checkpoint to int8 ONNX with its card.
    Quantise(release::Quantise),
    /// Fits the shapes of faces, and the bias of a quantised net on them.
    Shape(shape::Fit),
    /// Fits what heads look like in three dimensions, and how a quantised net sees them.
    Head(head::Fit),
    /// Fits how quantised nets know a face, and their own landmarks.
    Presence(presence::Fit),
    /// Fits how a model draws eyes anew: lids.csv in its folder
    Lids(lids::Fit),
    /// Writes the points that models see on pictures without any, for `train --also`.
    Label(label::Label),
    /// Writes a contact sheet of training pictures as the net sees them.
    Sheet {
        #[command(flatten)]
        what: Learn,
        #[arg(long, default_value = "sheet.png")]
        out: PathBuf,
    },
}

/// What is learned from which pictures.
#[derive(Args)]
struct Learn {
    /// `faces` learns to detect faces, the others landmarks.
    #[arg(long, value_parser = PossibleValuesParser::new(PRESETS.map(|preset| preset.name)))]
    preset: String,
    /// Folders with a `train` split, each perhaps with how its points were made and what they
    /// count: `DIR[:OPTION[,OPTION]..]`, options `3d`, `masked`, `weight=W`, `times=N`,
    /// `closed=N`, `turned=N` (docs/training.md). May be given several times.
    #[arg(long, required = true)]
    data: Vec<Set>,
    /// Sets whose faces are learned too, and none of which is held out, such as those that `label`
    /// made; of landmarks only. May be given several times.
    #[arg(long)]
    also: Vec<Set>,
    /// awl, wing, mse, l1 or smooth-l1; this and the parts of the method are of landmarks only.
    #[arg(long, default_value = "awl")]
    loss: Loss,
    /// Leaves out the weighted loss map.
    #[arg(long)]
    no_weight_map: bool,
    /// Leaves out the boundary map.
    #[arg(long)]
    no_boundary: bool,
    /// Leaves out CoordConv.
    #[arg(long)]
    no_coordinates: bool,
    /// How far faces are turned, scaled, shifted and covered at random, as a multiple of the usual;
    /// of landmarks only.
    #[arg(long, default_value_t = 1.0, value_parser = within(0.0..=4.0f32))]
    strength: f32,
    /// The share of training points that are displaced for good, by a fifth of the inter-ocular
    /// distance (standard deviation in x and in y); of landmarks only.
    #[arg(long, default_value_t = 0.0, value_parser = within(0.0..=1.0f64))]
    displaced: f64,
    /// A model, by its name or its folder, whose heatmaps make up half of the targets; of landmarks
    /// only.
    #[arg(long)]
    teacher: Option<Choice>,
}

#[derive(Args)]
struct TrainArgs {
    #[command(flatten)]
    learn: Learn,
    /// The state of training; written each minute, and when Ctrl-C or SIGTERM ends it.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Starts with the weights of this model, by its name or its folder, and not with random ones,
    /// where there is no checkpoint yet.
    #[arg(long)]
    from: Option<Choice>,
    #[arg(long, default_value_t = 60.0, value_parser = above_zero)]
    epochs: f64,
    /// How many steps, in place of how many epochs.
    #[arg(long, conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    #[arg(long, default_value = "32")]
    batch: NonZeroUsize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-3, value_parser = above_zero)]
    rate: f64,
    /// Weight decay.
    #[arg(long, default_value_t = 1e-2, value_parser = within(0.0..=100.0f64))]
    decay: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Processor threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Judges on held-out faces each so many steps.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    judge_every: u64,
}

impl Learn {
    fn preset(&self) -> Result<Preset> {
        let known = PRESETS.map(|p| p.name).join(", ");
        let mut preset = Preset::named(&self.preset)
            .with_context(|| format!("unknown preset {:?}; expected one of {known}", self.preset))?;
        preset.coordinates &= !self.no_coordinates;
        Ok(preset)
    }

    fn method(&self) -> Method {
        Method { loss: self.loss, weight_map: !self.no_weight_map, boundary: !self.no_boundary }
    }

    fn task(&self) -> Result<Arc<dyn Task>> {
        let preset = self.preset()?;
        if preset.name == "faces" {
            return Ok(Arc::new(faces::Scenes::load(preset, &self.data)?));
        }
        let strength = augment::LANDMARKS.times(self.strength);
        let mut faces = pictures::load(&self.data)?;
        faces.train.extend(pictures::load_also(&self.also, &self.data)?);
        pictures::displace(&mut faces.train, self.displaced);
        let teacher = self.teacher.as_ref().map(|choice| Teacher::load(choice, &preset)).transpose()?;
        Ok(Arc::new(Landmarks::new(preset, self.method(), strength, teacher, faces)))
    }
}

fn main() -> Result<()> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(told) = contradiction(&cli, &matches) {
        Cli::command().error(ErrorKind::ArgumentConflict, told).exit();
    }
    match cli.command {
        Command::Presets { landmarks } => {
            for preset in PRESETS {
                let channels = if preset.name == "faces" { faces::CHANNELS } else { usize::from(landmarks) + 1 };
                let graph = preset.graph(channels);
                let (gmac, millions) = (graph.macs() as f64 / 1e9, graph.parameters() as f64 / 1e6);
                let (input, map) = (preset.input_px, preset.map_side());
                println!(
                    "{:6} input {input} px, maps {map}x{map}, {gmac:7.3} GMAC, {millions:6.2} M parameters",
                    preset.name
                );
            }
            Ok(())
        }
        Command::Train(args) => run_training(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Export { checkpoint, out } => release::export(&checkpoint, &out),
        Command::Quantise(args) => release::quantise(&args),
        Command::Shape(args) => shape::fit(&args),
        Command::Head(args) => head::fit(&args),
        Command::Presence(args) => presence::fit(&args),
        Command::Lids(args) => lids::fit(&args),
        Command::Label(args) => label::run(&args),
        Command::Sheet { what, out } => sheet::write(&*what.task()?, &out),
    }
}

/// Options of [`Learn`] that a detector does not read.
const OF_LANDMARKS: [&str; 8] =
    ["also", "loss", "no_weight_map", "no_boundary", "no_coordinates", "strength", "displaced", "teacher"];

/// What is wrong with options each of which is right.
fn contradiction(cli: &Cli, matches: &ArgMatches) -> Option<String> {
    let (_, given) = matches.subcommand()?;
    match &cli.command {
        Command::Train(TrainArgs { learn, .. }) | Command::Sheet { what: learn, .. } if learn.preset == "faces" => {
            let swallowed = |name: &&str| given.value_source(name) == Some(ValueSource::CommandLine);
            let names: Vec<String> = OF_LANDMARKS
                .iter()
                .filter(|name| swallowed(name))
                .map(|name| format!("--{}", name.replace('_', "-")))
                .collect();
            (!names.is_empty()).then(|| format!("--preset faces learns no landmarks; leave out {}", names.join(", ")))
        }
        Command::Evaluate(evaluate::Evaluate { held_out: true, split, .. }) if split != "train" => {
            Some(format!("--held-out is of the split train, which training read; {split:?} was asked for"))
        }
        _ => None,
    }
}

fn run_training(args: &TrainArgs) -> Result<()> {
    let task = args.learn.task()?;
    let recipe = Recipe {
        preset: args.learn.preset.clone(),
        channels: task.channels(),
        method: args.learn.method(),
        coordinates: args.learn.preset()?.coordinates,
        steps: args.steps.unwrap_or((args.epochs * task.len() as f64 / args.batch.get() as f64) as u64),
        batch_size: args.batch.get(),
        rate: args.rate,
        decay: args.decay,
        seed: args.seed,
        command: command::kept(std::env::args().skip(1)),
    };
    ensure!(
        recipe.steps > 0,
        "{} epochs of {} examples are no step of --batch {}; ask for more --epochs",
        args.epochs,
        task.len(),
        args.batch
    );
    let settings = train::Settings {
        recipe,
        checkpoint: args.checkpoint.clone(),
        from: args.from.clone(),
        precision: args.precision,
        threads: args.threads.into(),
        device: Device::cuda_if_available(),
        judge_every: args.judge_every,
    };
    train::train(task, &settings, &*stop_at_signal()?)
}

/// Set by SIGINT and SIGTERM; a second SIGINT ends the process at once.
fn stop_at_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::<AtomicBool>::default();
    // The order matters: at the first SIGINT the flag is not set yet.
    flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop))?;
    for signal in [SIGTERM, SIGINT] {
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the command line is refused, and with which words.
    fn refused(line: &str) -> Option<String> {
        let words = std::iter::once("wingmark-trainer").chain(line.split(' '));
        match Cli::command().try_get_matches_from(words) {
            Ok(matches) => contradiction(&Cli::from_arg_matches(&matches).unwrap(), &matches),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn a_detector_swallows_no_option_of_landmarks() {
        let train = "train --checkpoint a --data a --preset";
        assert_eq!(refused(&format!("{train} faces --rate 1e-4")), None);
        for option in ["--also b", "--strength 1", "--displaced 0.5", "--loss wing", "--no-boundary", "--teacher base"]
        {
            let told = refused(&format!("{train} faces {option}")).unwrap();
            let name = option.split(' ').next().unwrap();
            assert_eq!(told, format!("--preset faces learns no landmarks; leave out {name}"));
            assert_eq!(refused(&format!("{train} tiny {option}")), None);
        }
        assert!(refused("sheet --preset faces --data a --also b").is_some());
    }

    #[test]
    fn numbers_lie_within_their_bounds() {
        let train = "train --checkpoint a --data a --preset tiny";
        assert_eq!(refused(train), None);
        for wrong in [
            "--strength=-1",
            "--strength nan",
            "--displaced 7",
            "--epochs 0",
            "--epochs nan",
            "--steps 0",
            "--rate=-1",
            "--rate inf",
            "--decay=-1",
            "--judge-every 0",
            "--threads 0",
            "--threads 3000000000",
            "--batch 0",
        ] {
            assert!(refused(&format!("{train} {wrong}")).is_some(), "{wrong}");
        }
        let label = "label --pictures a --out b --model nano";
        assert_eq!(refused(label), None);
        for wrong in ["--spread nan", "--confidence 2", "--looks 0"] {
            assert!(refused(&format!("{label} {wrong}")).is_some(), "{wrong}");
        }
        assert!(refused("evaluate --checkpoint a --data b --split common --held-out").is_some());
        assert_eq!(refused("evaluate --checkpoint a --data b --split train --held-out"), None);
        let presence = "presence --model a --data b --scenes c";
        assert_eq!(refused(presence), None);
        for wrong in ["--faces 0", "--raise-bias nan"] {
            assert!(refused(&format!("{presence} {wrong}")).is_some(), "{wrong}");
        }
        assert!(refused("train --checkpoint a --data a --preset huge").unwrap().contains("tiny"));
    }
}
