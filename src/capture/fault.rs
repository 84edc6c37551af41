//! What is wrong with a frame.

use std::mem::discriminant;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::picture::frame::{FrameError, Size};
use crate::picture::{JpegError, jpeg};

/// Why a frame cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum Fault {
    #[error("its driver flags them as broken")]
    Flagged,
    #[error("they have no bytes")]
    Empty,
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("of a JPEG, {0}")]
    Jpeg(#[from] JpegError),
}

/// What is wrong with pictures that are shown all the same.
#[derive(Debug, Error)]
pub enum Flaw {
    #[error("{0}")]
    Jpeg(jpeg::Flaw),
    #[error("says that it is turned (Exif), which is not heeded in a stream; pictures in files are turned")]
    Turned,
    #[error("has {found} where {set} was set, and is taken as it is")]
    Size { found: Size, set: Size },
    #[error("{0}")]
    Rate(String),
    #[error("{0}")]
    PixelAspect(String),
}

impl Flaw {
    /// Whether both are of one kind, whatever their figures.
    fn is_like(&self, other: &Flaw) -> bool {
        match (self, other) {
            (Flaw::Jpeg(one), Flaw::Jpeg(other)) => one == other,
            _ => discriminant(self) == discriminant(other),
        }
    }
}

/// Says what is wrong with pictures that are shown all the same, each kind once. Its clones know
/// what was said, so that a source that is opened anew does not say it again.
#[derive(Debug, Default, Clone)]
pub struct FlawWatch {
    said: Arc<Mutex<Vec<Flaw>>>,
}

impl FlawWatch {
    /// `name` is what a message calls a picture.
    pub fn say(&self, flaw: Option<Flaw>, name: impl FnOnce() -> String) {
        let Some(flaw) = flaw else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.iter().any(|said| said.is_like(&flaw)) {
            log::warn!("{} {flaw}; said once", name());
            said.push(flaw);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_once_whatever_its_figures() {
        let watch = FlawWatch::default();
        let set = Size { width: 640, height: 480 };
        for width in 1..=100 {
            watch.say(Some(Flaw::Size { found: Size { width, height: 8 }, set }), || "a picture".into());
            for flaw in [jpeg::Flaw::NoEnd, jpeg::Flaw::BrokenScan] {
                watch.clone().say(Some(Flaw::Jpeg(flaw)), || "a picture".into());
            }
        }
        assert_eq!(watch.said.lock().unwrap().len(), 3);
    }
}
