//! From the command line to opened and checked parts, so that what follows need not check again.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::capture::{self, CaptureError, Clip, Source, Stream};
use crate::cli::{LogArgs, RunArgs};
use crate::frame::Frame;
use crate::metrics_file::MetricsFile;
use crate::observe::Observer;
use crate::picture;
use crate::record::RecordError;
use crate::record::encode::Format;
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::storage::Disk;
use crate::screen::{PngFolder, Screen, ScreenError};
use crate::zoo;

const BUILT_IN_PICTURE: &[u8] = include_bytes!("../assets/eileen-collins.jpg");

/// The portrait that this binary carries.
pub fn built_in_picture() -> Frame {
    picture::decode(BUILT_IN_PICTURE, Path::new("the built-in picture")).expect("the built-in picture is a sound JPEG")
}

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum SourceChoice {
    /// The built-in picture, moving about.
    Clip,
    /// A stream from standard input.
    Stdin,
    /// A picture, a folder of pictures, or a stream in a file or a pipe.
    Path(PathBuf),
}

/// Where the overlay goes.
#[derive(Debug, Clone)]
pub enum ScreenChoice {
    /// The first kind of screen that works here.
    Auto,
    Png(PathBuf),
    None,
}

/// A file that observations are recorded to; its extension is that of a known format.
#[derive(Debug, Clone)]
pub struct RecordChoice(PathBuf);

/// A value on the command line is not one that this version knows.
#[derive(Debug, Error)]
pub enum ChoiceError {
    #[error("expected auto, png:DIR or none; other screens are not supported yet")]
    Screen,
    #[error("expected a file that ends in .csv, .jsonl or .mcap")]
    Record,
}

impl FromStr for SourceChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" => SourceChoice::Stdin,
            "clip" => SourceChoice::Clip,
            _ => SourceChoice::Path(text.into()),
        })
    }
}

impl FromStr for ScreenChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text.split_once(':') {
            None if text == "auto" => Ok(ScreenChoice::Auto),
            None if text == "none" => Ok(ScreenChoice::None),
            Some(("png", folder)) if !folder.is_empty() => Ok(ScreenChoice::Png(folder.into())),
            _ => Err(ChoiceError::Screen),
        }
    }
}

impl FromStr for RecordChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let path = PathBuf::from(text);
        if Format::of(&path).is_some() { Ok(RecordChoice(path)) } else { Err(ChoiceError::Record) }
    }
}

impl SourceChoice {
    /// Opens it; streams are `live` or not.
    pub fn open(&self, live: bool) -> Result<Box<dyn Source>, CaptureError> {
        match self {
            SourceChoice::Clip => Ok(Box::new(Clip::of(built_in_picture()))),
            SourceChoice::Stdin => Ok(Box::new(Stream::stdin(live))),
            SourceChoice::Path(path) => capture::open_path(path, live),
        }
    }
}

impl ScreenChoice {
    /// `None` where nothing is to be shown, or nothing can be.
    pub fn open(&self) -> Result<Option<Box<dyn Screen>>, ScreenError> {
        match self {
            ScreenChoice::Png(folder) => Ok(Some(Box::new(PngFolder::create(folder)?))),
            ScreenChoice::Auto | ScreenChoice::None => Ok(None),
        }
    }
}

impl LogArgs {
    fn options(&self) -> LogOptions {
        let quarter = self.keep.0.map(|total| total / 4);
        let limits = Limits {
            file_bytes: self.rotate_size.0.into_iter().chain(quarter).min(),
            file_age: self.rotate_every.0,
            total_bytes: self.keep.0,
        };
        LogOptions { flush_interval: self.flush_every, limits }
    }

    fn open(&self, records: &[RecordChoice]) -> Result<Vec<Log>, RecordError> {
        for (i, RecordChoice(path)) in records.iter().enumerate() {
            if records[..i].iter().any(|RecordChoice(earlier)| earlier == path) {
                return Err(RecordError::Twice(path.clone()));
            }
        }
        records.iter().map(|RecordChoice(path)| Log::open(Disk, path, self.options())).collect()
    }
}

/// A run with all its parts open.
pub struct RunPlan {
    pub source: Box<dyn Source>,
    pub observer: Observer,
    pub logs: Vec<Log>,
    pub metrics: Option<MetricsFile>,
    pub screen: Option<Box<dyn Screen>>,
    pub frames: Option<u32>,
}

impl RunPlan {
    /// Opens what the run reads before what it writes, so that a mistake leaves no empty files behind.
    pub fn open(args: &RunArgs) -> anyhow::Result<RunPlan> {
        let source = args.source.as_ref().unwrap_or(&SourceChoice::Clip).open(args.live)?;
        let observer = Observer::new(&zoo::shipped(zoo::FACES)?.load()?, &args.model.load()?, true)?;
        let screen = args.screen.open()?;
        let logs = args.log.open(&args.record)?;
        let metrics = args.metrics.as_deref().map(|path| MetricsFile::start(path, &logs)).transpose()?;
        Ok(RunPlan { source, observer, logs, metrics, screen, frames: args.frames.map(u32::from) })
    }
}
