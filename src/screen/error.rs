use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::settings::Pin;

/// Why a picture cannot be shown.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum ScreenError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("there is no {0}; expected a display whose driver is loaded")]
    NoDevice(&'static str),
    #[error("cannot open {path}: {source}")]
    Open { path: PathBuf, source: io::Error },
    #[error(
        "no permission for {path}; expected a user in its group: sudo usermod -aG {group} $USER, then log in again"
    )]
    NotPermitted { path: PathBuf, group: &'static str },
    #[error("{0} is taken by another program, a desktop most likely; stop it: sudo systemctl isolate multi-user")]
    Taken(PathBuf),
    #[error("no display is connected to {path}; expected one at {outputs}")]
    NoDisplay { path: PathBuf, outputs: String },
    #[error("{path} has {found}; expected {expected}")]
    Unsupported { path: PathBuf, found: String, expected: String },
    #[error("{path} cannot {task}: {source}")]
    Device { path: PathBuf, task: &'static str, source: io::Error },
    #[error("{0} did not show the last picture within a second")]
    Stuck(PathBuf),
    #[error("no panel is described; expected [screen.spi] in the board's profile")]
    NoPanel,
    #[error("cannot use {pin}: {problem}")]
    Pin { pin: Pin, problem: String },
    #[error("cannot send to the panel on {device}: {problem}")]
    Panel { device: PathBuf, problem: String },
    #[error("this program was built without windows; build it with `cargo build --features window`")]
    WindowNotBuilt,
    #[error("there is no desktop for a window; expected DISPLAY or WAYLAND_DISPLAY to be set")]
    NoDesktop,
    #[error("cannot open a window: {0}")]
    Window(String),
    #[error("the thread of the screen panicked, which is a fault of this program; its message stands above")]
    Panicked,
    #[error("the window was closed")]
    WindowClosed,
}

impl ScreenError {
    /// The device could not be opened by a user who would have to be in this group.
    pub(super) fn opening(path: &Path, group: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => ScreenError::NotPermitted { path: path.into(), group },
            _ => ScreenError::Open { path: path.into(), source },
        }
    }
}
