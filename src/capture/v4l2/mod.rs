//! Cameras of Linux (Video4Linux 2).
//!
//! Opening, enumerating and the kernel's structures come from the crate `v4l`. Its streams are not
//! used: they hand out the whole buffer, and they panic when a camera that failed is closed.
//! `buffers` has our own.

mod answer;
mod buffers;
mod choice;
mod device;
mod first;
mod format;
mod identity;
mod offers;
mod planes;
mod start;
mod stream;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use thiserror::Error;

pub(crate) use answer::answered;
use answer::open_answering;
pub use choice::{Aim, CameraWish, ChosenMode, Interval, Mode};
pub use device::{Description, Device};
pub use format::{CameraFormat, UnknownFormat};
pub use identity::nodes;

use super::fault::{Fault, FlawWatch};
use super::returning::Returning;
use crate::picture::MAX_SIDE_PX;
use crate::picture::frame::Size;
use first::first;
pub use first::try_out;
use identity::Identity;
use start::start;
use stream::{V4l2, V4l2Stream};

/// A camera of V4L2. Its frames come as one sequence, however often it is unplugged.
pub type Camera = Returning<V4l2>;

impl Camera {
    /// Opens the camera at a path, or the first one that gives frames, and starts it.
    pub fn open(path: Option<&Path>, wish: CameraWish) -> Result<Self, CameraError> {
        let (identity, stream) = match path {
            None => first(&wish)?,
            Some(path) => {
                let device = open_answering(path)?;
                let identity = Identity::of(&device);
                let begin = move || Ok(V4l2Stream::new(start(device, &wish, &[])?, FlawWatch::default()));
                (identity, answered(path, begin)?)
            }
        };
        let name = format!("camera {}", identity.path().display());
        Ok(Returning::new(name, V4l2::new(identity, wish, &stream), stream))
    }
}

/// Why a camera gives no frames.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum CameraError {
    #[error("no camera was found (no /dev/video* gives pictures)")]
    None,
    #[error("there is no {path}; {}", in_words(.others))]
    NotThere { path: PathBuf, others: Vec<PathBuf> },
    #[error("{0} is no camera: it does not know V4L2, or gives no pictures")]
    NotACamera(PathBuf),
    #[error("{path} ({card}) is part of a pipeline that a media controller sets up, and gives no frames by itself")]
    InPipeline { path: PathBuf, card: String, way: OtherWay },
    #[error("no camera was found: {path} ({card}) looks like one, and gave no frame within {} s", .within.as_secs())]
    Silent { path: PathBuf, card: String, within: Duration },
    #[error("the driver of {path} gives no answer within {} s", .within.as_secs())]
    NoAnswer { path: PathBuf, within: Duration },
    #[error("{path} ({card}) gives frames of which none can be used: {fault}")]
    Damaged { path: PathBuf, card: String, fault: Fault },
    #[error("no camera was found that gives pictures: {}", each(.0))]
    NoneWorks(Vec<CameraError>),
    #[error(
        "no permission to open {0}; add the user to the group video: sudo usermod -aG video USER, and log in again"
    )]
    NoPermission(PathBuf),
    #[error("{0} is busy: another program uses it (fuser -v {0} says which)")]
    Busy(PathBuf),
    #[error("{path} offers {offers}, of which none is {}", formats())]
    NoFormat { path: PathBuf, offers: String, way: OtherWay },
    #[error("{path} offers {offers}, but in no size of 1x1 to {MAX_SIDE_PX}x{MAX_SIDE_PX}")]
    NoSize { path: PathBuf, offers: String, way: OtherWay },
    #[error("{path} does not offer {wish}; it offers {offers}")]
    NotOffered { path: PathBuf, wish: CameraWish, offers: String },
    #[error("{path} gave {found} when {asked} was set")]
    OtherFormat { path: PathBuf, asked: String, found: String },
    #[error("{path} refused to start in {format} {size}: {doing} failed: {}", why_refused(.refusal))]
    Refused {
        path: PathBuf,
        format: CameraFormat,
        size: Size,
        doing: &'static str,
        refusal: io::Error,
        offers_mjpeg: bool,
    },
    #[error("{path} gives the two fields of a frame {order}; expected whole frames")]
    Fields { path: PathBuf, order: &'static str },
    #[error("{path} was unplugged")]
    Unplugged { path: PathBuf },
    #[error("{path}: {doing} failed: {source}")]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
}

/// Which program can read a camera that gives no frames by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherWay {
    /// ffmpeg decodes what the camera at this path gives.
    Ffmpeg {
        /// The camera.
        path: PathBuf,
        /// As ffmpeg calls the format.
        format: &'static str,
    },
    /// `rpicam-vid` reads the ribbon camera of a Raspberry Pi.
    Rpicam,
    /// GStreamer with `nvarguscamerasrc` reads the ribbon camera of a Jetson.
    Nvargus,
    /// GStreamer with `v4l2src` converts what the camera at this path gives.
    V4l2src(PathBuf),
    /// GStreamer makes smaller what the camera at this path gives.
    Videoscale(PathBuf),
    /// GStreamer with `libcamerasrc`.
    Libcamera,
    /// None: it gives grey of more than 8 bits, or packed, as cameras for infrared and depth do.
    DeepGrey,
}

impl CameraError {
    /// Why a camera whose name is known is not there, in a few words.
    fn reason(&self) -> String {
        match self {
            CameraError::NotThere { .. } | CameraError::Unplugged { .. } => "unplugged".into(),
            CameraError::NoPermission(_) => "no permission".into(),
            CameraError::Busy(_) => "another program uses it".into(),
            CameraError::Io { doing, source, .. } => format!("{doing} failed: {source}"),
            CameraError::Refused { doing, refusal, .. } => format!("{doing} failed: {}", why_refused(refusal)),
            other => other.to_string(),
        }
    }

    /// The format in which it refused to start.
    fn format(&self) -> Option<CameraFormat> {
        match self {
            CameraError::Refused { format, .. } => Some(*format),
            _ => None,
        }
    }

    /// What an error of the system means for a camera that was to start in a mode.
    fn in_mode(self, mode: &ChosenMode, offers_mjpeg: bool) -> CameraError {
        let ChosenMode { format, size, .. } = *mode;
        match self {
            CameraError::Io { path, doing, source: refusal } => {
                CameraError::Refused { path, format, size, doing, refusal, offers_mjpeg }
            }
            other => other,
        }
    }

    /// What an error of the system means for a camera.
    fn from_io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT) => CameraError::NotThere { path, others: nodes() },
            Some(Errno::ACCESS | Errno::PERM) => CameraError::NoPermission(path),
            Some(Errno::BUSY) => CameraError::Busy(path),
            Some(Errno::NODEV | Errno::NXIO) => CameraError::Unplugged { path },
            _ => CameraError::Io { path, doing, source },
        }
    }
}

/// The system's words for a bus without room are those for a full disk.
fn why_refused(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => "the bus that it is plugged into has no room for its frames".into(),
        _ => error.to_string(),
    }
}

fn each(errors: &[CameraError]) -> String {
    errors.iter().map(CameraError::to_string).collect::<Vec<_>>().join("; ")
}

/// Those that are read, as words.
pub fn formats() -> String {
    CameraFormat::ALL.map(|format| format.to_string()).join(", ")
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
