//! Which source a text names.

use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::recipe::by_ffmpeg;
use super::{
    Camera, CameraWish, CaptureError, Clip, HttpError, HttpUrl, Pace, Replay, Resume, Source, Stream, StreamProgram,
};
use crate::picture::built_in_picture;
use crate::text::message::{quoted, without_passwords};

/// Names of standard input, which is read on, and not opened anew.
const STDIN: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum SourceChoice {
    /// The built-in picture, moving about.
    Clip,
    /// A stream from standard input.
    Stdin,
    /// A camera that another program reads.
    Program(StreamProgram),
    /// A camera on the network.
    Http(HttpUrl),
    /// A camera, a picture, a folder of pictures, or a stream in a file or a pipe.
    Path(PathBuf),
}

impl SourceChoice {
    /// Whether its frames wait for the program: files, and the built-in clip.
    pub fn waits(&self) -> bool {
        match self {
            SourceChoice::Clip => true,
            SourceChoice::Path(path) => std::fs::metadata(path).is_ok_and(|about| about.is_file() || about.is_dir()),
            SourceChoice::Stdin | SourceChoice::Program(_) | SourceChoice::Http(_) => false,
        }
    }

    /// The file, folder or node, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            SourceChoice::Path(path) => Some(path),
            _ => None,
        }
    }
}

/// A text names no source.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum SourceError {
    #[error("expected a camera, a file, a folder, - or clip")]
    Empty,
    #[error("there is no such file; cameras are named by their nodes, such as /dev/video{0}")]
    Number(u32),
    #[error("cameras and files are named by their paths: {0}")]
    Path(String),
    #[error("a ribbon camera is named rpicam (Raspberry Pi), or gst:\"nvarguscamerasrc ! .. ! fdsink\" (Jetson)")]
    Ribbon,
    #[error("expected rpicam, or rpicam:N for the camera of number N")]
    Rpicam,
    #[error(
        "expected gst:\"PIPELINE\" with a pipeline that ends in fdsink, such as gst:\"v4l2src ! jpegenc ! fdsink\""
    )]
    Gstreamer,
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(
        "only http:// is read by itself; ffmpeg makes video of this one: {} --live",
        by_ffmpeg(&quoted(&without_passwords(.0)))
    )]
    Protocol(String),
}

impl FromStr for SourceChoice {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some((protocol, rest)) = text.split_once("://")
            && is_protocol(protocol)
            && !Path::new(text).exists()
        {
            return match &*protocol.to_ascii_lowercase() {
                "http" => Ok(SourceChoice::Http(format!("http://{rest}").parse()?)),
                "file" | "v4l2" | "v4l" => Err(SourceError::Path(rest.into())),
                "csi" | "libcamera" | "argus" => Err(SourceError::Ribbon),
                _ => Err(SourceError::Protocol(text.into())),
            };
        }
        if let Some(pipeline) = text.strip_prefix("gst:") {
            let last = pipeline.rsplit('!').next().unwrap_or_default();
            let ends_in_fdsink = last.split_whitespace().next() == Some("fdsink") && pipeline.contains('!');
            let program = ends_in_fdsink.then(|| StreamProgram::Gstreamer(pipeline.into()));
            return program.map(SourceChoice::Program).ok_or(SourceError::Gstreamer);
        }
        if let Some(number) = text.strip_prefix("rpicam:") {
            let number = number.parse().map_err(|_| SourceError::Rpicam)?;
            return Ok(SourceChoice::Program(StreamProgram::Rpicam(number)));
        }
        // What other programs call cameras.
        if let Ok(number) = text.strip_prefix("video").unwrap_or(text).parse()
            && !Path::new(text).exists()
        {
            return Err(SourceError::Number(number));
        }
        Ok(match text {
            "" => return Err(SourceError::Empty),
            name if STDIN.contains(&name) => SourceChoice::Stdin,
            "clip" => SourceChoice::Clip,
            "rpicam" => SourceChoice::Program(StreamProgram::Rpicam(0)),
            _ => SourceChoice::Path(text.into()),
        })
    }
}

impl TryFrom<OsString> for SourceChoice {
    type Error = SourceError;

    /// Names of files need not be text.
    fn try_from(name: OsString) -> Result<Self, SourceError> {
        name.into_string().map_or_else(|name| Ok(SourceChoice::Path(name.into())), |text| text.parse())
    }
}

/// Whether a text is what stands before `://`.
fn is_protocol(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_known)
}

/// As it is written on the command line, but for passwords.
impl std::fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceChoice::Clip => f.write_str("clip"),
            SourceChoice::Stdin => f.write_str("-"),
            SourceChoice::Program(program) => program.fmt(f),
            SourceChoice::Http(url) => url.fmt(f),
            SourceChoice::Path(path) => path.display().fmt(f),
        }
    }
}

impl SourceChoice {
    /// Opens it; streams in pipes are `live` or not, and cameras are asked for what is wished. The
    /// wished rate is also that of frames without one of their own.
    pub fn open(&self, live: bool, wish: CameraWish) -> Result<Box<dyn Source>, CaptureError> {
        let pace = Pace::of(wish.rate)?;
        self.warn_of_ignored(&wish);
        match self {
            SourceChoice::Clip => Ok(Box::new(Clip::of(built_in_picture()))),
            SourceChoice::Stdin => Ok(Box::new(Stream::stdin(live, pace))),
            SourceChoice::Program(program) => Ok(Box::new(program.open(wish)?)),
            SourceChoice::Http(url) => Ok(Box::new(url.open()?)),
            SourceChoice::Path(path) if is_device(path) => Ok(Box::new(Camera::open(Some(path), wish)?)),
            SourceChoice::Path(path) if is_pipe(path) => Ok(Box::new(Stream::pipe(path, live, pace))),
            SourceChoice::Path(path) => Ok(Box::new(Replay::open(path, pace, &Resume::default())?)),
        }
    }

    /// The camera's node, where it is one of V4L2.
    pub fn device(&self) -> Option<&Path> {
        match self {
            SourceChoice::Path(path) if is_device(path) => Some(path),
            _ => None,
        }
    }

    /// The file or the folder of files, where it is one, or none is there.
    pub fn file(&self) -> Option<&Path> {
        self.path().filter(|path| !is_device(path) && !is_pipe(path))
    }

    /// The programs of which one reads the camera, and the package that they are in.
    pub fn programs(&self) -> Option<(&'static [&'static str], &'static str)> {
        match self {
            SourceChoice::Program(program) => Some((program.names(), program.package())),
            _ => None,
        }
    }

    fn warn_of_ignored(&self, wish: &CameraWish) {
        let ignored = self.ignored(wish);
        if !ignored.is_empty() {
            log::warn!("not used: the camera's {}; frames of {self} are taken as they are", ignored.join(", "));
        }
    }

    /// What is wished of a camera and makes no difference to this source.
    fn ignored(&self, wish: &CameraWish) -> Vec<&'static str> {
        let has_its_own_rate = match self {
            SourceChoice::Program(StreamProgram::Rpicam(_)) => return Vec::new(),
            SourceChoice::Path(path) if is_device(path) => return Vec::new(),
            SourceChoice::Clip | SourceChoice::Program(StreamProgram::Gstreamer(_)) | SourceChoice::Http(_) => true,
            SourceChoice::Stdin | SourceChoice::Path(_) => false,
        };
        let given = [
            ("format", wish.format.is_some()),
            ("size", wish.size.is_some()),
            ("rate", wish.rate.is_some() && has_its_own_rate),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(wish, _)| wish).collect()
    }

    /// Opens files of which some frames were recorded earlier.
    pub fn resume(&self, wish: CameraWish, resume: &Resume) -> Result<Box<dyn Source>, CaptureError> {
        let path = self.file().ok_or_else(|| CaptureError::NotResumable(self.to_string()))?;
        self.warn_of_ignored(&wish);
        Ok(Box::new(Replay::open(path, Pace::of(wish.rate)?, resume)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_shown_as_they_are_written() {
        for text in [
            "-",
            "clip",
            "rpicam",
            "rpicam:1",
            "gst:videotestsrc ! jpegenc ! fdsink fd=1",
            "http://cam/x",
            "/dev/video0",
            "a folder/with: //odd/0",
        ] {
            assert_eq!(text.parse::<SourceChoice>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn standard_input_is_the_same_by_every_name() {
        for name in STDIN {
            assert!(matches!(name.parse(), Ok(SourceChoice::Stdin)), "{name}");
            assert!(matches!(SourceChoice::try_from(OsString::from(name)), Ok(SourceChoice::Stdin)), "{name}");
        }
    }

    #[test]
    fn what_names_no_source_is_refused_with_what_does() {
        for (text, expected) in [
            ("rpicam:", "rpicam:N"),
            ("rpicam:front", "rpicam:N"),
            ("gst:videotestsrc", "ends in fdsink"),
            ("gst:videotestsrc ! autovideosink", "ends in fdsink"),
            ("http://", "http://HOST/PATH"),
            ("http://::1/x", "an IPv6 address stands in brackets"),
            ("http://cam:x/", "a port is a number of 1 to 65535"),
            ("", "expected a camera, a file, a folder"),
            ("0", "such as /dev/video0"),
            ("HTTPS://cam/x", "ffmpeg -v error -i 'HTTPS://cam/x'"),
            ("v4l2:///dev/video0", "named by their paths: /dev/video0"),
            ("file:///a/film.mp4", "named by their paths: /a/film.mp4"),
            ("csi://0", "a ribbon camera is named rpicam"),
            (
                "https://cam/x",
                "ffmpeg -v error -i 'https://cam/x' -pix_fmt yuv420p -f yuv4mpegpipe - | wingmark run --source - --live",
            ),
            ("rtsp://cam/x", "ffmpeg -v error -i 'rtsp://cam/x'"),
            ("rtsp://me:se/cret@cam/x", "ffmpeg -v error -i 'rtsp://me:***@cam/x'"),
        ] {
            let error = text.parse::<SourceChoice>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn wishes_that_change_nothing_are_known() {
        let size = Some(crate::picture::frame::Size { width: 320, height: 240 });
        let wish = CameraWish { size, rate: Some(15.0), ..CameraWish::default() };
        for (source, expected) in [
            ("rpicam", &[][..]),
            ("/dev/video0", &[]),
            ("-", &["size"]),
            ("film.mp4", &["size"]),
            ("http://cam/x", &["size", "rate"]),
            ("gst:videotestsrc ! jpegenc ! fdsink", &["size", "rate"]),
        ] {
            let source: SourceChoice = source.parse().unwrap();
            assert_eq!(source.ignored(&wish), expected, "{source}");
            assert!(source.ignored(&CameraWish::default()).is_empty());
        }
    }

    #[test]
    fn names_that_are_no_text_and_other_spellings_of_http_are_taken() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(b"a\xff.jpg".into());
        assert!(matches!(SourceChoice::try_from(name.clone()), Ok(SourceChoice::Path(path)) if path == name));
        assert_eq!("HTTP://cam/x".parse::<SourceChoice>().unwrap().to_string(), "http://cam/x");
    }
}
