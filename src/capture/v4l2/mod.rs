//! Cameras of Linux (Video4Linux 2).
//!
//! Opening, enumerating and the kernel's structures come from the crate `v4l`. Its streams do not: they hand out the
//! whole buffer and panic when a camera that failed is closed. [`buffers`] is ours for that reason.

mod buffers;
mod camera;
mod choice;
mod device;
mod format;
mod identity;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use camera::Camera;
pub use choice::{Aim, CameraWish, Choice, Interval, Mode};
pub use device::{Description, Device};
pub use format::{CameraFormat, UnknownFormat};
pub use identity::nodes;

// Values of errno, which are the same on all machines that Linux runs on here.
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const ENXIO: i32 = 6;

#[derive(Debug, Error)]
pub enum CameraError {
    #[error(
        "no camera was found (no /dev/video* gives pictures); give --source PATH for pictures and video, or try \
         `wingmark demo`, which needs no camera"
    )]
    None,
    #[error("there is no {path}; {}", in_words(.others))]
    NotThere { path: PathBuf, others: Vec<PathBuf> },
    #[error("{0} is no camera: it does not know V4L2, or gives no pictures")]
    NotACamera(PathBuf),
    #[error(
        "{0} gives pictures by V4L2's multi-planar interface alone, which this program does not know; let another one read it: \
         gst-launch-1.0 -q v4l2src device={0} ! videoconvert ! y4menc ! fdsink | wingmark run --source - --live"
    )]
    MultiPlanar(PathBuf),
    #[error(
        "no permission to open {0}; add the user to the group video: sudo usermod -aG video USER, and log in again"
    )]
    NoPermission(PathBuf),
    #[error("{0} is busy: another program uses it (fuser -v {0} says which)")]
    Busy(PathBuf),
    #[error(
        "{path} offers {offers}, of which none is YUYV, NV12, RGB3, BGR3, GREY, MJPG or JPEG; \
             a CSI camera's pictures come from rpicam-vid or gst-launch-1.0 by --source -"
    )]
    NoFormat { path: PathBuf, offers: String },
    #[error("{path} does not offer {wish}; it offers {offers}")]
    NotOffered { path: PathBuf, wish: CameraWish, offers: String },
    #[error("{path} gave {found} when {asked} was set")]
    OtherFormat { path: PathBuf, asked: String, found: String },
    #[error("{path} was unplugged")]
    Unplugged { path: PathBuf },
    #[error("{path}: {doing} failed: {source}")]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
}

impl CameraError {
    /// Why a camera whose name is known is not there, in a few words.
    fn reason(&self) -> String {
        match self {
            CameraError::NotThere { .. } | CameraError::Unplugged { .. } => "unplugged".into(),
            CameraError::NoPermission(_) => "no permission".into(),
            CameraError::Busy(_) => "another program uses it".into(),
            CameraError::Io { doing, source, .. } => format!("{doing} failed: {source}"),
            other => other.to_string(),
        }
    }

    /// What an error of the system means for a camera.
    fn from_io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.raw_os_error() {
            Some(ENOENT) => CameraError::NotThere { path, others: nodes() },
            Some(EACCES | EPERM) => CameraError::NoPermission(path),
            Some(EBUSY) => CameraError::Busy(path),
            Some(ENODEV | ENXIO) => CameraError::Unplugged { path },
            _ => CameraError::Io { path, doing, source },
        }
    }
}

fn in_words(nodes: &[PathBuf]) -> String {
    match nodes {
        [] => "no camera is here at all".into(),
        nodes => {
            let names: Vec<_> = nodes.iter().map(|path| path.display().to_string()).collect();
            format!("cameras may be at {}", names.join(", "))
        }
    }
}
