//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::plan::{RecordChoice, ScreenChoice, SourceChoice};
use crate::record::limits;
use crate::zoo;

/// Face landmarks in real time on small boards.
///
/// Results go to standard output, messages to standard error (RUST_LOG=info says more). The exit code is 0 when all was
/// done, 1 when something failed, 2 when the command line is wrong.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(DemoArgs),
    Run(RunArgs),
    Eval(EvalArgs),
}

/// Find the landmarks in the built-in picture, while it moves about; needs no file.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the pictures with the overlay and landmarks.csv.
    #[arg(long, value_name = "DIR", default_value = "wingmark-demo")]
    pub out: PathBuf,
}

/// Follow faces in pictures and video; show them, record them, or both.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A picture (JPEG, PNG), a folder of pictures in name order, video (Y4M, MJPEG) in a file or a pipe, - for video on
    /// standard input, or clip: the built-in picture moving about for ten seconds, which is what is taken without this.
    #[arg(long, value_name = "PATH|-|clip")]
    pub source: Option<SourceChoice>,

    /// Video comes from a camera: the newest frame is taken, others are dropped and counted, and time is that of arrival.
    /// Otherwise every frame is taken, and who writes to the pipe has to wait.
    #[arg(long)]
    pub live: bool,

    /// Where to show the overlay: auto, png:DIR (a file a frame), none.
    #[arg(long, value_name = "SCREEN", default_value = "auto")]
    pub screen: ScreenChoice,

    /// Record the landmarks: .csv (OpenFace's columns), .jsonl (an object a frame) or .mcap (for Foxglove). May be given
    /// several times. A file that is there already is renamed, not overwritten.
    #[arg(long, value_name = "FILE")]
    pub record: Vec<RecordChoice>,

    #[command(flatten)]
    pub log: LogArgs,

    /// Write figures to this file every ten seconds, in the text format of Prometheus.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics: Option<PathBuf>,

    /// The landmark model: the name of a shipped one, or a folder with model.onnx and card.toml.
    #[arg(long, value_name = "NAME|DIR", default_value = zoo::DEFAULT_LANDMARKS)]
    pub model: zoo::Choice,

    /// Stop after this many frames.
    #[arg(long, value_name = "N")]
    pub frames: Option<NonZeroU32>,
}

/// How records are kept. Sizes: 500K, 64M, 2G; times: 500ms, 90s, 15m, 1h, 7d; or "none".
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A power cut costs at most the records of this time.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = limits::interval)]
    pub flush_every: Duration,

    /// Begin another file when one has this size; the full one gets a number and the UTC time in its name.
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub rotate_size: limits::Size,

    /// Begin another file when one is this old.
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub rotate_every: limits::Time,

    /// Keep the files of each record within this size together, removing the oldest; one file takes a quarter of it at
    /// most.
    #[arg(long, value_name = "SIZE", default_value = "none")]
    pub keep: limits::Size,
}

/// Measure a model on annotated pictures.
///
/// Landmarks (points.csv with images/, iBUG .pts files, WFLW lists) give NME, failure rate and AUC for each split; boxes
/// (boxes.csv with images/) give the recall of the face detector.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The data set's folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// Only this split.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,

    /// The model: the name of a shipped one, or a folder with model.onnx and card.toml. Without it, the shipped one for
    /// what the data set holds.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<zoo::Choice>,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write the points found to a CSV file: file, x0, y0 .. x67, y67; a row a face of the data set.
    #[arg(long, value_name = "FILE.csv")]
    pub predictions: Option<PathBuf>,

    /// Find the faces with the detector instead of taking their boxes from the true points.
    #[arg(long)]
    pub detect: bool,
}
