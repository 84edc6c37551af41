//! Where pictures go.

mod canvas;
mod png;

use std::path::PathBuf;

use thiserror::Error;

pub use canvas::Canvas;
pub use png::PngFolder;

use crate::frame::Size;

/// Something that shows a canvas.
pub trait Screen: Send {
    /// The size that a canvas should have; `None` where any will do.
    fn size(&self) -> Option<Size>;

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError>;
}

#[derive(Debug, Error)]
pub enum ScreenError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}
