//! Options that several commands have, and how their values are read.

use std::error::Error;
use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::board;
use crate::capture::Pace;
use crate::capture::v4l2::CameraFormat;
use crate::face::pose::FieldOfView;
use crate::face::{Options, Smoothing, zoo};
use crate::picture::frame::Size;
use crate::record::fields::Fields;
use crate::record::limits;
use crate::record::selection::{Every, When};
use crate::screen::ScreenChoice;
use crate::screen::settings::Rotation;

/// Values that may be names of files, which need not be text.
pub(super) fn os<T>() -> impl TypedValueParser<Value = T>
where
    T: TryFrom<OsString, Error: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    OsStringValueParser::new().try_map(T::try_from)
}

/// A file for results, beside what goes to standard output.
pub(super) fn result_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| {
        if name == "-" { Err("the table goes to standard output; expected a file") } else { Ok(PathBuf::from(name)) }
    })
}

/// A file for results that has one of these endings, so that a name which was left out does not let
/// the next file be written over.
pub(super) fn result_named(endings: &'static [&'static str]) -> impl TypedValueParser<Value = PathBuf> {
    result_file().try_map(move |path| {
        let has = |ending: &&str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
        if endings.iter().any(has) {
            Ok(path)
        } else {
            Err(format!("expected a file that ends in .{}", endings.join(" or .")))
        }
    })
}

/// A whole number from 1 on.
pub(super) fn count<T: TryFrom<u32>>(text: &str) -> Result<T, &'static str> {
    const EXPECTED: &str = "expected a whole number from 1 on";
    let number = text.parse().ok().filter(|number| *number > 0).ok_or(EXPECTED)?;
    T::try_from(number).map_err(|_| EXPECTED)
}

/// A model that finds landmarks, as far as its name tells.
pub(super) fn landmark_model(text: &str) -> Result<zoo::Choice, String> {
    let known = || zoo::landmark_models().map(|model| model.to_string()).collect::<Vec<_>>().join(", ");
    let expected = || format!("expected one of {}, or a folder with model.onnx and card.toml", known());
    match text.parse::<zoo::Choice>() {
        Ok(model) if model.is_shipped_detector() => Err(format!("it finds faces, not landmarks; {}", expected())),
        Ok(model) => Ok(model),
        Err(_) => Err(format!("there is no such model; {}", expected())),
    }
}

/// How faces are followed.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// How much points are smoothed. off gives them as they are found. 2: less jitter and more lag
    /// than 1; 0.5: the opposite.
    #[arg(long, value_name = "off|N", default_value_t)]
    pub smoothing: Smoothing,

    /// Follow at most so many faces at once; each costs a run of the landmark net a frame.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_faces, value_parser = faces)]
    pub faces: NonZeroUsize,

    /// The camera's horizontal field of view, for head pose. Without it, what the board's profile
    /// says, or else 60.
    #[arg(long, value_name = "DEGREES")]
    pub fov: Option<FieldOfView>,
}

fn faces(text: &str) -> Result<NonZeroUsize, &'static str> {
    let faces: NonZeroU32 = count(text)?;
    NonZeroUsize::try_from(faces).map_err(|_| "expected fewer faces")
}

/// Where pictures are shown.
#[derive(Debug, Args)]
pub struct ScreenArgs {
    /// Where to show the overlay. drm or drm:/dev/dri/card1: a display without a desktop. fb or
    /// fb:/dev/fb1: a framebuffer. spi: the panel of the board's profile. window: on a desktop, if
    /// built with it. png:DIR: a file a frame, in a folder that has none. none: nowhere. auto: the
    /// first of drm, fb, spi and window that works. Without it, what the board's profile says.
    #[arg(long, value_name = "SCREEN")]
    pub screen: Option<ScreenChoice>,

    /// Turn everything clockwise by 90, 180 or 270 degrees, for a screen that is mounted turned.
    #[arg(long, value_name = "DEGREES")]
    pub rotate: Option<Rotation>,
}

/// Which board this is.
#[derive(Debug, Args)]
pub struct BoardArgs {
    /// The board's profile: a name such as pi-4, or a file such as boards/pi-4.toml. Without it,
    /// the board is recognised. The command line overrides the profile.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub board: Option<board::BoardChoice>,
}

impl BoardArgs {
    /// The profile, where it is a file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.board.as_ref().and_then(board::BoardChoice::file)
    }
}

/// What to take from a camera. What is not given is chosen from its modes, near 640x480 at 30
/// frames a second.
#[derive(Debug, Args)]
pub struct CameraArgs {
    /// YUYV, UYVY, NV12, YU12, MJPG, GREY, RGB3 or BGR3.
    #[arg(id = "camera_format", long = "camera-format", value_name = "FORMAT")]
    pub format: Option<CameraFormat>,

    /// Such as 640x480.
    #[arg(id = "camera_size", long = "camera-size", value_name = "WxH")]
    pub size: Option<Size>,

    /// Frames a second. It also holds for pictures and for MJPEG from a file or a pipe, which carry
    /// no times.
    #[arg(id = "camera_rate", long = "camera-rate", value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
}

fn rate(text: &str) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let rate = text.parse().map_err(|_| "expected frames a second, such as 30")?;
    Pace::of(Some(rate))?;
    Ok(rate)
}

const FLUSH_EVERY: &str = "1s";
const ROTATE_SIZE: &str = "256M";
const RECORD_FIELDS: &str = "points,pose,eyes,confidence,covariance";

/// How records are kept. Sizes: 500K, 64M, 2G, 1T; times: 500ms, 90s, 15m, 1h, 7d; or "none". The
/// unit must be given.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A power cut costs at most the records of this time.
    #[arg(long, value_name = "TIME", default_value = FLUSH_EVERY, value_parser = limits::interval, requires = "record")]
    pub flush_every: Duration,

    /// Start a new file at this size. The full one gets a number and the UTC time in its name.
    #[arg(long, value_name = "SIZE", default_value = ROTATE_SIZE, requires = "record")]
    pub rotate_size: limits::ByteLimit,

    /// Begin another file when one is this old.
    #[arg(long, value_name = "TIME", default_value = "none", requires = "record")]
    pub rotate_every: limits::AgeLimit,

    /// Keep the files of each record within this total size: remove the oldest. One file takes a
    /// quarter of it at most.
    #[arg(long, value_name = "SIZE", default_value = "none", requires = "record")]
    pub keep: limits::ByteLimit,

    /// Record one frame in N, or the first one in each interval (500ms, 1s, 5m). A frame with an
    /// event, such as a blink, is always recorded. It concerns files only: every frame is published
    /// and written to standard output.
    #[arg(long, value_name = "N|TIME", requires = "record")]
    pub record_every: Option<Every>,

    /// Record only frames with a face, or only frames in which faces came, went or did something.
    /// Of the other frames, one a minute is recorded.
    #[arg(long, value_name = "WHEN", value_enum, requires = "record")]
    pub record_when: Option<When>,

    /// Record only these parts of a face, with commas between them: points, pose, eyes (and mouth),
    /// confidence and covariance (of each point); or none. Id, box, confidence and events of a face
    /// are always there. It concerns files only.
    #[arg(long, value_name = "FIELDS", default_value = RECORD_FIELDS, requires = "record")]
    pub record_fields: Fields,
}

impl LogArgs {
    /// The options that are given, and not as they are by default.
    pub fn given(&self) -> Vec<&'static str> {
        let options = [
            ("--flush-every", Ok(self.flush_every) != limits::interval(FLUSH_EVERY)),
            ("--rotate-size", Ok(self.rotate_size) != ROTATE_SIZE.parse()),
            ("--rotate-every", self.rotate_every.0.is_some()),
            ("--keep", self.keep.0.is_some()),
            ("--record-every", self.record_every.is_some()),
            ("--record-when", self.record_when.is_some()),
            ("--record-fields", Ok(self.record_fields) != RECORD_FIELDS.parse()),
        ];
        options.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }
}
