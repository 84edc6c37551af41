//! From the command line to opened and checked parts, so that what follows need not check again.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::board::Board;
use crate::capture::{CaptureError, Clip, Replay, Source};
use crate::cli::{LogArgs, RunArgs, ScreenArgs};
use crate::frame::Frame;
use crate::metrics_file::MetricsFile;
use crate::observe::Observer;
use crate::picture;
use crate::record::RecordError;
use crate::record::encode::Format;
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::storage::Disk;
use crate::screen::{Screen, ScreenError, ScreenSettings, View};
use crate::zoo;

const BUILT_IN_PICTURE: &[u8] = include_bytes!("../assets/eileen-collins.jpg");

/// The portrait that this binary carries.
pub fn built_in_picture() -> Frame {
    picture::decode(BUILT_IN_PICTURE, Path::new("the built-in picture")).expect("the built-in picture is a sound JPEG")
}

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum SourceChoice {
    /// A picture or a folder of pictures.
    Pictures(PathBuf),
}

/// A file that observations are recorded to; its extension is that of a known format.
#[derive(Debug, Clone)]
pub struct RecordChoice(PathBuf);

/// A value on the command line is not one that this version knows.
#[derive(Debug, Error)]
pub enum ChoiceError {
    #[error("cameras and pipes are not supported yet; expected a JPEG or PNG picture, or a folder of them")]
    Source,
    #[error("expected a file that ends in .csv, .jsonl or .mcap")]
    Record,
}

impl FromStr for SourceChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let live = text == "-" || text.starts_with("/dev/") || text == "v4l2" || text.starts_with("v4l2:");
        if live { Err(ChoiceError::Source) } else { Ok(SourceChoice::Pictures(text.into())) }
    }
}

/// As it is written on the command line.
impl std::fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceChoice::Pictures(path) => path.display().fmt(f),
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
    pub fn open(&self) -> Result<Box<dyn Source>, CaptureError> {
        match self {
            SourceChoice::Pictures(path) => Ok(Box::new(Replay::open(path)?)),
        }
    }
}

impl ScreenArgs {
    /// What the board's profile says, changed by what the command line says.
    pub fn settings(&self, profile: &ScreenSettings) -> ScreenSettings {
        ScreenSettings {
            rotation: self.rotate.unwrap_or(profile.rotation),
            mirror: self.mirror || profile.mirror,
            spi: profile.spi.clone(),
        }
    }

    /// `None` where nothing is to be shown, or nothing can be.
    pub fn open(&self, board: &Board, settings: &ScreenSettings) -> Result<Option<Box<dyn Screen>>, ScreenError> {
        self.screen.as_ref().unwrap_or(&board.screen).open(settings)
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
    pub view: Option<View>,
    pub frames: Option<u32>,
}

impl RunPlan {
    /// Opens what the run reads before what it writes, so that a mistake leaves no empty files behind.
    pub fn open(args: &RunArgs) -> anyhow::Result<RunPlan> {
        let board = Board::choose(args.board.board.as_ref())?;
        let source = match &args.source {
            Some(choice) => choice.open()?,
            None => Box::new(Clip::of(built_in_picture())),
        };
        let landmarks = args.model.as_ref().unwrap_or(&board.model).load()?;
        let observer = Observer::with_threads(&zoo::shipped(zoo::FACES)?.load()?, &landmarks, true, board.threads)?;
        let settings = args.screen.settings(&board.screen_settings);
        let view = args.screen.open(&board, &settings)?.map(|screen| View::new(screen, observer.scheme(), &settings));
        let logs = args.log.open(&args.record)?;
        let metrics = args.metrics.as_deref().map(|path| MetricsFile::start(path, &logs)).transpose()?;
        Ok(RunPlan { source, observer, logs, metrics, view, frames: args.frames.map(u32::from) })
    }
}
