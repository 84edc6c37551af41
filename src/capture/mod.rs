//! Where frames come from.

mod choice;
mod clip;
mod clock;
mod fault;
mod ffmpeg;
pub(crate) mod film;
#[doc(hidden)]
pub mod http;
mod kind;
mod levels;
mod lines;
mod mjpeg;
mod origin;
mod piped;
mod program;
mod recipe;
mod replay;
mod returning;
mod status;
mod stream;
mod tied;
pub mod v4l2;
mod y4m;

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

pub use choice::{SourceChoice, SourceError};
pub use clip::Clip;
pub use fault::Fault;
pub use film::{Film, NoDecoder};
pub use http::{HttpError, HttpUrl};
pub use mjpeg::{Mjpeg, MjpegError};
pub use origin::Origin;
pub use program::{StreamProgram, end_all};
pub use replay::{Begun, Replay, Resume, is_shown};
pub use status::Status;
pub use stream::Stream;
pub use v4l2::{Camera, CameraError, CameraWish, OtherWay};
pub use y4m::{Y4m, Y4mError};

use fault::{Flaw, FlawWatch};

pub use crate::picture::JpegError;
use crate::picture::PictureError;
use crate::picture::frame::{Frame, FrameError};

/// Frames a second of sources that have no clock of their own, unless told otherwise.
const NOMINAL_RATE: u32 = 30;
/// Frames a second of all sources.
const RATES: RangeInclusive<f64> = 0.01..=1000.0;

/// When frames of a source without a clock are captured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Frames a second.
    rate: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { rate: NOMINAL_RATE.into() }
    }
}

impl Pace {
    /// Of so many frames a second; `None` is thirty.
    ///
    /// # Errors
    /// With a rate below 0.01 or above 1000.
    pub fn of(rate: Option<f64>) -> Result<Self, CaptureError> {
        match rate {
            None => Ok(Pace::default()),
            Some(rate) if RATES.contains(&rate) => Ok(Pace { rate }),
            Some(rate) => Err(CaptureError::Rate(rate)),
        }
    }

    /// From the first frame to the one of this number. Exact for whole rates.
    fn time(self, sequence: u32) -> Duration {
        if self.rate.fract() == 0.0 {
            return Duration::from_secs(sequence.into()) / self.rate as u32;
        }
        Duration::from_secs_f64(f64::from(sequence) / self.rate)
    }
}

/// Something that gives one frame after the other.
pub trait Source: Send {
    /// Overwrites `frame` with the next one. An error costs the frame it is about, and leaves
    /// `frame` with no particular content; the source can be asked again.
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError>;

    /// Whether frames come at their own time, so that one that is not taken in time is of no more
    /// use.
    fn is_live(&self) -> bool {
        false
    }

    /// The camera that frames come from, as it is now; `None` where they come from none.
    fn origin(&self) -> Option<Origin> {
        None
    }
}

/// What [`Source::capture_into`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// The frame was overwritten with the next one.
    Frame,
    /// A damaged frame came, which has a number of its own. Its bytes are not to be read.
    Damaged,
    /// No frame came for a moment, and the source's state has not changed. A moment is a quarter of
    /// a second, or as long as it takes to open a source that was gone.
    Nothing,
    /// No frame came for a moment, and the source's state is another one now. The next frame ends
    /// that state.
    Waiting(Status),
    /// There are no more frames; the one given is as it was.
    End,
}

/// Why a source gives no frame.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum CaptureError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "there is no {0}; expected a file, a folder, a camera (/dev/video0, rpicam, gst:\"..\", http://..), - or clip"
    )]
    NotThere(PathBuf),
    #[error(
        "{folder} holds no picture; expected files named .jpg, .jpeg or .png, or films such as .mp4 and .y4m{hint}"
    )]
    NoPictures { folder: PathBuf, hint: String },
    #[error("{0} is no file; only a run over files can go on where one stopped")]
    NotResumable(String),
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("{name} is neither a picture (JPEG, PNG) nor a stream (Y4M, MJPEG){hint}")]
    UnknownKind { name: String, hint: String },
    #[error("{name} is a film ({kind}), which ffmpeg makes readable: {way}")]
    Film { name: String, kind: &'static str, way: String },
    #[error("{name} is a film ({kind}), and {fault}")]
    NoDecoder { name: String, kind: &'static str, fault: NoDecoder },
    #[error("{name} is read by {program}, which {problem}")]
    Program { name: String, program: String, problem: String },
    #[error("{url}: {problem}")]
    Http { url: String, problem: String },
    #[error("{name}: {source}")]
    Y4m { name: String, source: Y4mError },
    #[error("{name}: {source}")]
    Mjpeg { name: String, source: MjpegError },
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// A source made a frame whose size, stride and number of bytes do not fit together.
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("a rate of {0}; expected {least} to {most} frames a second", least = RATES.start(), most = RATES.end())]
    Rate(f64),
    #[error("the thread that captures panicked")]
    Panicked,
}

impl CaptureError {
    /// Whether one picture is lost by it. By any other one more may be missing of a video, or all.
    pub fn is_of_a_picture(&self) -> bool {
        match self {
            CaptureError::Picture(_) | CaptureError::Frame(_) => true,
            CaptureError::Mjpeg { source, .. } => matches!(source, MjpegError::Picture { .. } | MjpegError::TooLong(_)),
            _ => false,
        }
    }

    /// Whether bytes came that are of no form that is read; not where some are missing at the end.
    fn is_of_form(&self) -> bool {
        match self {
            CaptureError::Film { .. } => true,
            CaptureError::UnknownKind { hint, .. } => !hint.is_empty() && hint != stream::EMPTY,
            CaptureError::Y4m { source, .. } => !source.is_early_end() && !matches!(source, Y4mError::Read(_)),
            CaptureError::Mjpeg { source, .. } => !matches!(source, MjpegError::Read(_)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_that_is_taken_has_a_time_for_every_frame() {
        for rate in [0.01, 0.5, 29.97, 30.0, 1000.0] {
            let pace = Pace::of(Some(rate)).unwrap();
            assert!(pace.time(0).is_zero() && pace.time(u32::MAX) > pace.time(1));
        }
        for rate in [0.0, -0.0, -1.0, 1e-300, 0.009, 1001.0, f64::INFINITY, f64::NAN] {
            let error = Pace::of(Some(rate)).unwrap_err().to_string();
            assert_eq!(error, format!("a rate of {rate}; expected 0.01 to 1000 frames a second"));
        }
    }
}
