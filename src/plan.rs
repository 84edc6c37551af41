//! From the command line to opened and checked parts, so that what follows need not check again.

use std::convert::Infallible;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::board::{self, Board};
use crate::capture::v4l2::Aim;
use crate::capture::{self, Camera, CameraWish, CaptureError, Clip, Source, Stream};
use crate::cli::{CameraArgs, LogArgs, RunArgs, ScreenArgs};
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
    /// The built-in picture, moving about.
    Clip,
    /// A stream from standard input.
    Stdin,
    /// A camera, a picture, a folder of pictures, or a stream in a file or a pipe.
    Path(PathBuf),
}

/// A file that observations are recorded to; its extension is that of a known format.
#[derive(Debug, Clone)]
pub struct RecordChoice(PathBuf);

/// A value on the command line is not one that this version knows.
#[derive(Debug, Error)]
pub enum ChoiceError {
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

impl FromStr for RecordChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let path = PathBuf::from(text);
        if Format::of(&path).is_some() { Ok(RecordChoice(path)) } else { Err(ChoiceError::Record) }
    }
}

impl SourceChoice {
    /// Opens it; streams are `live` or not, and cameras are asked for what is wished.
    pub fn open(&self, live: bool, wish: CameraWish) -> Result<Box<dyn Source>, CaptureError> {
        match self {
            SourceChoice::Clip => Ok(Box::new(Clip::of(built_in_picture()))),
            SourceChoice::Stdin => Ok(Box::new(Stream::stdin(live))),
            SourceChoice::Path(path) if is_device(path) => Ok(Box::new(Camera::open(Some(path), wish)?)),
            SourceChoice::Path(path) => capture::open_path(path, live),
        }
    }
}

/// Whether a path is, or by its name would be, that of a device.
fn is_device(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(metadata) => metadata.file_type().is_char_device(),
        Err(_) => path.starts_with("/dev"),
    }
}

impl CameraArgs {
    /// What the command line asks for has to be had; what the board's profile says is aimed at.
    pub fn wish(&self, profile: &board::Camera) -> CameraWish {
        let any = Aim::default();
        let aim = Aim {
            format: profile.format,
            size: profile.size.unwrap_or(any.size),
            rate: profile.rate.map_or(any.rate, f64::from),
        };
        CameraWish { format: self.format, size: self.size, rate: self.rate, aim }
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
        let wish = args.camera.wish(&board.camera);
        let source = match &args.source {
            Some(choice) => choice.open(args.live, wish)?,
            None => Box::new(Camera::open(board.camera.device.as_deref(), wish).map_err(CaptureError::from)?),
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
