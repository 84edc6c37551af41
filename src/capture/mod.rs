//! Where frames come from.

mod clip;
mod replay;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

pub use clip::Clip;
pub use replay::Replay;

use crate::frame::Frame;
use crate::picture::PictureError;

/// Frames a second of sources that have no clock of their own.
const NOMINAL_RATE: u32 = 30;

/// Something that gives one frame after the other.
pub trait Source {
    /// Overwrites `frame` with the next one. An error costs the frame it is about; the source can be asked again.
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError>;
}

/// What [`Source::capture_into`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    Frame,
    /// There are no more frames; the one given is as it was.
    End,
}

#[derive(Debug, Error)]
pub enum CaptureError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0} holds no picture; expected files named .jpg, .jpeg or .png")]
    NoPictures(PathBuf),
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// When a frame of a source without a clock was captured.
fn nominal_time(sequence: u32) -> Duration {
    Duration::from_secs(sequence.into()) / NOMINAL_RATE
}
