//! Which source a text names.

use std::convert::Infallible;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Camera, CameraWish, CaptureError, Clip, Pace, Replay, Resume, Source, Stream};
use crate::picture::built_in_picture;

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum SourceChoice {
    /// The built-in picture, moving about.
    Clip,
    /// A stream from standard input.
    Stdin,
    /// A camera, a picture, a folder of pictures, or a stream in a file or a pipe.
    Path(PathBuf),
}

impl FromStr for SourceChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" => SourceChoice::Stdin,
            "clip" => SourceChoice::Clip,
            _ => SourceChoice::Path(text.into()),
        })
    }
}

/// As it is written on the command line.
impl std::fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceChoice::Clip => f.write_str("clip"),
            SourceChoice::Stdin => f.write_str("-"),
            SourceChoice::Path(path) => path.display().fmt(f),
        }
    }
}

impl SourceChoice {
    /// Opens it; streams are `live` or not, and cameras are asked for what is wished. The wished rate is also that of frames
    /// without one of their own.
    pub fn open(&self, live: bool, wish: CameraWish) -> Result<Box<dyn Source>, CaptureError> {
        let pace = Pace::of(wish.rate);
        match self {
            SourceChoice::Clip => Ok(Box::new(Clip::of(built_in_picture()))),
            SourceChoice::Stdin => Ok(Box::new(Stream::stdin(live, pace))),
            SourceChoice::Path(path) if is_device(path) => Ok(Box::new(Camera::open(Some(path), wish)?)),
            SourceChoice::Path(path) if is_pipe(path) => Ok(Box::new(Stream::pipe(path, live, pace))),
            SourceChoice::Path(path) => Ok(Box::new(Replay::open(path, live, pace, &Resume::default())?)),
        }
    }

    /// Opens files of which some frames were recorded earlier.
    pub fn resume(&self, live: bool, wish: CameraWish, resume: &Resume) -> Result<Box<dyn Source>, CaptureError> {
        match self {
            SourceChoice::Path(path) if !is_device(path) && !is_pipe(path) => {
                Ok(Box::new(Replay::open(path, live, Pace::of(wish.rate), resume)?))
            }
            _ => Err(CaptureError::NotResumable(self.to_string())),
        }
    }
}

/// Whether a path is that of a named pipe, or of something else that is no file.
fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// Whether a path is, or by its name would be, that of a device.
fn is_device(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(metadata) => metadata.file_type().is_char_device(),
        Err(_) => path.starts_with("/dev"),
    }
}
