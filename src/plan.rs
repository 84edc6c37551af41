//! From the command line to opened and checked parts, so that what follows need not check again.

use crate::board::{self, Board};
use crate::capture::v4l2::Aim;
use crate::capture::{Camera, CameraWish, CaptureError, Source};
use crate::cli::{CameraArgs, FollowArgs, LogArgs, RunArgs, ScreenArgs};
use crate::face::{Observer, Options, zoo};
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::metrics_file::MetricsFile;
use crate::record::storage::Disk;
use crate::record::{RecordChoice, RecordError};
use crate::screen::{Screen, ScreenError, ScreenSettings, View};

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

impl FollowArgs {
    fn options(&self, threads: usize) -> Options {
        Options { threads, smoothing: self.smoothing, faces: self.faces }
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
        for (i, record) in records.iter().enumerate() {
            if records[..i].contains(record) {
                return Err(RecordError::Twice(record.path().into()));
            }
        }
        records.iter().map(|record| Log::open(Disk, record.path(), self.options())).collect()
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
        let observer =
            Observer::new(&zoo::shipped(zoo::FACES)?.load()?, &landmarks, &args.follow.options(board.threads))?;
        let settings = args.screen.settings(&board.screen_settings);
        let view = args.screen.open(&board, &settings)?.map(|screen| View::new(screen, observer.scheme(), &settings));
        let logs = args.log.open(&args.record)?;
        let metrics = args.metrics.as_deref().map(|path| MetricsFile::start(path, &logs)).transpose()?;
        Ok(RunPlan { source, observer, logs, metrics, view, frames: args.frames.map(u32::from) })
    }
}
