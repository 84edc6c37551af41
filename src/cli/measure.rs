//! Options of the commands that measure models.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

use super::apart;
use super::named::{NamedFiles, Role};
use super::shared::{BoardArgs, CameraArgs, landmark_model, os, result_file, result_named};
use crate::capture::SourceChoice;
use crate::dataset::degrade::Degradation;
use crate::face::pose::FieldOfView;
use crate::face::zoo;
use crate::report::chart;
use crate::text::files;

/// Measure a model on annotated pictures.
///
/// Data sets of landmarks (points.csv with images/, iBUG .pts files, WFLW lists) give NME, failure
/// rate and AUC for each split. Data sets of boxes (boxes.csv with images/) give the recall of the
/// face detector.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The data set's folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// Only this split.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,

    /// The model: the name of a shipped one, or a folder with model.onnx and card.toml. Without it,
    /// the shipped one for the kind of data set. On pictures without faces, a landmark model is
    /// counted by its false alarms.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<zoo::Choice>,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE", value_parser = result_file())]
    pub json: Option<PathBuf>,

    /// Write what is found to a CSV file, a row for each face of the data set: file, points (x0, y0
    /// ..), their confidence (p0 ..) and covariance (xx0, xy0, yy0 ..), and the numbers of the
    /// points that the picture does not show (guessed). Of a detector, a row for each detection:
    /// file, box (x0, y0, x1, y1), score and roll_degrees.
    #[arg(long, value_name = "FILE.csv", value_parser = result_file())]
    pub predictions: Option<PathBuf>,

    /// Make the pictures harder first: rotate:DEGREES, blur:PER_CENT_OF_FACE (0 to 100),
    /// dark:FACTOR, face:PIXELS or cover:PER_CENT.
    #[arg(long, value_name = "KIND:AMOUNT")]
    pub degrade: Option<Degradation>,

    /// Find the faces as `run` does, instead of taking their boxes from the true points. A face
    /// counts as found where the box of its landmarks overlaps that of the true points by more than
    /// 0.3 (IoU).
    #[arg(long)]
    pub detect: bool,

    /// The horizontal field of view of the pictures, for head pose. Without it, 15: most pictures
    /// of faces are cut from photographs taken from afar.
    #[arg(long, value_name = "DEGREES")]
    pub fov: Option<FieldOfView>,

    /// Turn the crops from the true points so that faces stand upright in them, as following does.
    /// Without it, crops are not turned.
    #[arg(long, conflicts_with = "detect")]
    pub upright: bool,
}

/// Measure how fast models are on this machine, each stage of a frame and the whole of it.
///
/// Frames take the way they take in `run`: faces are found and followed, drawn, presented (into
/// memory) and recorded (into a temporary file). The table goes to standard output.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// A landmark model: the name of a shipped one, or a folder with model.onnx and card.toml. May
    /// be given several times. Without it, all shipped ones.
    #[arg(long, value_name = "NAME|DIR", value_parser = landmark_model)]
    pub model: Vec<zoo::Choice>,

    /// Where frames come from, as for `run`, but for standard input: the source starts again where
    /// it ends. Without it, the built-in picture moves about.
    #[arg(long, value_name = "PATH|clip", value_parser = source_again())]
    pub source: Option<SourceChoice>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// How long each model is measured, after a fifth of that for warming up.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub seconds: f64,

    /// Threads that share the nets' work, 64 at most. Several numbers, as 1,2,4, are measured one
    /// after the other. Without it, as many as the board's profile says.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = threads)]
    pub threads: Vec<u16>,

    /// Take frames at the source's rate, as from a camera, instead of as fast as possible. Clocks
    /// and caches then behave as in real use.
    #[arg(long)]
    pub paced: bool,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Time another ONNX file too, as tract runs it by itself. May be given several times.
    #[arg(long, value_name = "FILE.onnx")]
    pub against: Vec<PathBuf>,

    /// Write the report to this file, anew after each model. boards/results/SCHEMA.md describes it.
    #[arg(long, value_name = "FILE", value_parser = result_file())]
    pub json: Option<PathBuf>,
}

/// A source that can be read again.
fn source_again() -> impl TypedValueParser<Value = SourceChoice> {
    os::<SourceChoice>().try_map(|source| match source {
        SourceChoice::Stdin => Err("standard input cannot be read again; save it to a file and name that"),
        source => Ok(source),
    })
}

fn threads(text: &str) -> Result<u16, &'static str> {
    const EXPECTED: &str = "expected 1 to 64 threads, or several such numbers with commas, such as 1,2,4";
    text.parse().ok().filter(|threads| (1..=64).contains(threads)).ok_or(EXPECTED)
}

fn seconds(text: &str) -> Result<f64, String> {
    // From a tenth of a second to a day.
    const LEAST: f64 = 0.1;
    const MOST: f64 = 86_400.0;
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_string())?;
    if (LEAST..=MOST).contains(&seconds) { Ok(seconds) } else { Err(format!("expected {LEAST} to {MOST} seconds")) }
}

/// Show reports of `bench` side by side; with two of one machine, tell whether it became slower.
///
/// The exit code is 1 when the second report of a machine is slower than the first: a time that is
/// above by more than 5 % and by more than twice the noise, or 2 % more instructions.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// What `bench --json` wrote.
    #[arg(value_name = "REPORT.json", required = true)]
    pub reports: Vec<PathBuf>,

    /// Write the tables as Markdown.
    #[arg(long, value_name = "FILE.md", value_parser = result_named(&["md"]))]
    pub markdown: Option<PathBuf>,

    /// Write charts and tables as one page that opens without a network.
    #[arg(long, value_name = "FILE.html", value_parser = result_named(&["html", "htm"]))]
    pub html: Option<PathBuf>,

    /// Write the charts, accuracy.svg and stages.svg, into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

impl EvalArgs {
    pub(super) fn files(&self) -> NamedFiles {
        NamedFiles::default()
            .and("--data", Role::Read, [&self.data])
            .and("--model", Role::Read, self.model.as_ref().and_then(zoo::Choice::folder))
            .and("--json", Role::Result, &self.json)
            .and("--predictions", Role::Result, &self.predictions)
    }
}

impl BenchArgs {
    /// What it would measure twice, or which file it would write that it reads.
    pub(super) fn contradiction(&self) -> Option<String> {
        let is_one_file = |one: &PathBuf, other: &PathBuf| files::of_one_name(one) == files::of_one_name(other);
        let is_one_model = |one: &zoo::Choice, other: &zoo::Choice| match (one.folder(), other.folder()) {
            (Some(one), Some(other)) => files::of_one_name(one) == files::of_one_name(other),
            (one_folder, other_folder) => one_folder == other_folder && one.to_string() == other.to_string(),
        };
        apart::repeated("--threads", &self.threads, u16::eq, u16::to_string)
            .or_else(|| apart::repeated("--model", &self.model, is_one_model, zoo::Choice::to_string))
            .or_else(|| apart::repeated("--against", &self.against, is_one_file, |file| file.display().to_string()))
            .or_else(|| self.files().fault())
    }

    pub(super) fn files(&self) -> NamedFiles {
        NamedFiles::default()
            .and("--model", Role::Read, self.model.iter().filter_map(zoo::Choice::folder))
            .and("--against", Role::Read, &self.against)
            .and("--source", Role::Read, self.source.as_ref().and_then(SourceChoice::path))
            .and("--board", Role::Read, self.board.file())
            .and("--json", Role::Result, &self.json)
    }
}

impl CompareArgs {
    pub(super) fn files(&self) -> NamedFiles {
        let charts = self.svg.iter().flat_map(|folder| chart::FILES.map(|name| folder.join(name)));
        NamedFiles::default()
            .and("REPORT.json", Role::Read, &self.reports)
            .and("--markdown", Role::Result, &self.markdown)
            .and("--html", Role::Result, &self.html)
            .and("--svg", Role::Result, charts)
    }
}
