//! What is wrong with a frame.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::picture::JpegError;
use crate::picture::frame::FrameError;

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

/// Says what is wrong with pictures that are shown all the same, each kind once. Its clones know
/// what was said, so that a source that is opened anew does not say it again.
#[derive(Debug, Default, Clone)]
pub struct FlawWatch {
    said: Arc<Mutex<Vec<String>>>,
}

impl FlawWatch {
    /// `name` is what a message calls a picture.
    pub fn say(&self, flaw: Option<impl Display>, name: impl FnOnce() -> String) {
        let Some(flaw) = flaw.map(|flaw| flaw.to_string()) else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&flaw) {
            log::warn!("{} {flaw}; said once", name());
            said.push(flaw);
        }
    }
}
