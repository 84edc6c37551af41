//! What is wrong with a frame.

use thiserror::Error;

use crate::picture::JpegError;
use crate::picture::frame::FrameError;
use crate::picture::jpeg::Flaw;

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

/// Says what is wrong with pictures that are shown all the same, each kind once.
#[derive(Debug, Default)]
pub struct FlawWatch {
    said: Vec<Flaw>,
}

impl FlawWatch {
    /// `name` is what a message calls a picture.
    pub fn say(&mut self, flaw: Option<Flaw>, name: impl FnOnce() -> String) {
        let Some(flaw) = flaw.filter(|flaw| !self.said.contains(flaw)) else { return };
        self.said.push(flaw);
        log::warn!("{} {flaw}; said once", name());
    }
}
