//! The command line.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::board;
use crate::capture::v4l2::CameraFormat;
use crate::capture::{Pace, SourceChoice};
use crate::dataset::degrade::Degradation;
use crate::doctor::Purpose;
use crate::face::pose::FieldOfView;
use crate::face::{Options, Smoothing, zoo};
use crate::machine::{COMMIT, VERSION};
use crate::picture::frame::Size;
use crate::publish::Target;
use crate::record::fields::Fields;
use crate::record::selection::{Every, When};
use crate::record::{RecordChoice, limits};
use crate::screen::ScreenChoice;
use crate::screen::settings::Rotation;
use crate::text::message::without_passwords_of;

/// Face landmarks in real time on small boards.
///
/// Results go to standard output, messages to standard error. RUST_LOG=info says more. Exit codes:
/// 0 when all was done, 1 when something failed, 2 when the command line is wrong.
#[derive(Debug, Parser)]
#[command(version, long_version = long_version(), max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line; where it is wrong, says why and ends the process with code 2.
    pub fn read(arguments: Vec<OsString>) -> Self {
        let cli = Cli::try_parse_from(&arguments).unwrap_or_else(|error| refuse(&error, &arguments));
        if let Command::Run(RunArgs { json_summary: Some(path), record, .. }) = &cli.command
            && path.as_os_str() == "-"
            && record.contains(&RecordChoice::Stdout)
        {
            let words = "--json-summary - and --record - cannot share standard output; give the summary a file";
            Cli::command().error(ErrorKind::ArgumentConflict, words).exit();
        }
        if let Command::Run(RunArgs { serve: ServeArgs { serve: Some(at), token_file: None, .. }, .. }) = &cli.command
            && !at.ip().is_loopback()
        {
            let words = format!("--serve {at} is open to other machines; give --token-file FILE with it");
            Cli::command().error(ErrorKind::MissingRequiredArgument, words).exit();
        }
        cli
    }
}

/// Says what is wrong and ends the process as clap does, without the passwords in what was given.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ! {
    let said = error.render().to_string();
    let clean = without_passwords_of(arguments, said.clone());
    if clean == said {
        error.exit();
    }
    // Where standard error is closed, nobody reads it.
    let _ = std::io::stderr().write_all(clean.as_bytes());
    std::process::exit(error.exit_code())
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is matched once")]
pub enum Command {
    Demo(DemoArgs),
    Run(RunArgs),
    Eval(EvalArgs),
    Testcard(TestcardArgs),
    Bench(BenchArgs),
    Compare(CompareArgs),
    Latency(LatencyArgs),
    Doctor(DoctorArgs),
    Publish(PublishArgs),
    Reload(ReloadArgs),
}

/// Version, commit, features and models of this binary.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let features = [
            ("base", cfg!(feature = "base")),
            ("float", cfg!(feature = "float")),
            ("page", cfg!(feature = "page")),
            ("tls", cfg!(feature = "tls")),
            ("window", cfg!(feature = "window")),
        ];
        let features: Vec<&str> = features.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name).collect();
        let model = |shipped: &zoo::Shipped| match shipped.card() {
            Ok(card) => format!("{} ({}, {:.8})", shipped.name, card.date, card.sha256),
            Err(_) => shipped.name.into(),
        };
        let models: Vec<String> = zoo::SHIPPED.iter().map(model).collect();
        format!(
            "{VERSION}\ncommit: {COMMIT}\nfeatures: {}\nmodels: {}",
            if features.is_empty() { "none".into() } else { features.join(", ") },
            models.join(", ")
        )
    });
    &TEXT
}

/// Find the landmarks in the built-in picture, while it moves about; needs no file.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the pictures with the overlay and landmarks.csv.
    #[arg(long, value_name = "DIR", default_value = "wingmark-demo")]
    pub out: PathBuf,
}

/// Follow faces in pictures and video; show them, record them, or both.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A TOML file with more options by the same names: record = ["faces.csv"], faces = 2. The
    /// command line goes before it. Without this option, /etc/wingmark.toml is read where it
    /// exists. none reads no file.
    #[arg(long, value_name = "FILE|none")]
    pub settings: Option<PathBuf>,

    /// What to read. A camera: /dev/video0; rpicam or rpicam:N (by rpicam-vid); gst:"PIPELINE !
    /// fdsink" (by GStreamer); http://HOST/PATH (MJPEG over the network). A picture (JPEG, PNG). A
    /// folder of pictures and films, in natural order (img2 before img10). Video (Y4M, MJPEG, films
    /// by ffmpeg) in a file or a pipe; - reads video from standard input. clip: the built-in
    /// picture moves for ten seconds. Without it, the first camera that gives frames.
    #[arg(long, value_name = "SOURCE", value_parser = os::<SourceChoice>())]
    pub source: Option<SourceChoice>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// Treat video from standard input or a pipe as a camera: take the newest frame, drop and count
    /// the others, and use the time of arrival. Otherwise every frame is taken, and the writer
    /// waits.
    #[arg(long)]
    pub live: bool,

    #[command(flatten)]
    pub screen: ScreenArgs,

    /// Record the landmarks: .csv (OpenFace's columns), .jsonl (an object a frame) or .mcap (for
    /// Foxglove). .csv.gz and .jsonl.gz are packed. - writes a line of JSON a frame to standard
    /// output, at once. May be given several times. A file that exists is renamed, not overwritten.
    #[arg(long, value_name = "FILE|-", value_parser = os::<RecordChoice>())]
    pub record: Vec<RecordChoice>,

    /// Continue an interrupted run over files: skip what the records hold and add the rest.
    #[arg(long, requires_all = ["record", "source"], conflicts_with_all = ["record_every", "record_when"])]
    pub resume: bool,

    #[command(flatten)]
    pub log: LogArgs,

    /// Send observations to another program: `mqtt://[USER[:PASSWORD]@]HOST[:1883][/PREFIX]` (a
    /// broker, and Home Assistant; `mqtts://` by TLS, with the feature `tls`),
    /// `opentrack://HOST[:4242]`, `openseeface://HOST[:11573]` or `udp://HOST:PORT` (a JSON object a
    /// face). May be given several times. Frames never wait for a receiver: docs/live.md.
    #[arg(long, value_name = "URL")]
    pub publish: Vec<Target>,

    /// How often a broker gets the state in a second; it gets events at once.
    #[arg(long, value_name = "N", default_value = "5", value_parser = publish_rate)]
    pub publish_rate: Duration,

    #[command(flatten)]
    pub password: PasswordArgs,

    #[command(flatten)]
    pub serve: ServeArgs,

    /// Write a summary of the run, and who made it, to this file at the end, as one JSON object. -
    /// writes it to standard output, in place of the closing line.
    #[arg(long, value_name = "FILE|-")]
    pub json_summary: Option<PathBuf>,

    /// Write metrics to this file at an interval, in the text format of Prometheus:
    /// docs/metrics.md.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics: Option<PathBuf>,

    /// How often the figures are written.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limits::interval, requires = "metrics")]
    pub metrics_every: Duration,

    /// The landmark model: the name of a shipped one, or a folder with model.onnx and card.toml.
    /// Without it, the one in the board's profile.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<zoo::Choice>,

    #[command(flatten)]
    pub follow: FollowArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Stop after this many frames.
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>)]
    pub frames: Option<NonZeroU32>,
}

/// Have a run on this machine take its model and settings anew, and begin new logs, as SIGHUP does.
///
/// The model is loaded and checked while frames go on. Where the model or the settings file is
/// wrong, nothing changes. Says what became of it: exit code 0 where both are taken, 1 where not.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The process, where there are several. Without it, the one that is `wingmark run`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: Option<i32>,

    /// How long to wait for what becomes of it. The run goes on with it afterwards.
    #[arg(long, value_name = "TIME", default_value = "50s", value_parser = limits::interval)]
    pub within: Duration,
}

/// Where the password of an MQTT user is.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// The first line of this file is the password of an MQTT user whose URL has none. Without it,
    /// the environment variable WINGMARK_MQTT_PASSWORD is used.
    #[arg(long, value_name = "FILE")]
    pub publish_password_file: Option<PathBuf>,
}

/// Remove what a broker keeps of a run, and its device in Home Assistant.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The broker, as for `run --publish`: `mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX]`.
    #[arg(long, value_name = "URL", required = true)]
    pub forget: Vec<Target>,

    #[command(flatten)]
    pub password: PasswordArgs,
}

/// Values that may be names of files, which need not be text.
fn os<T>() -> impl TypedValueParser<Value = T>
where
    T: TryFrom<OsString, Error: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    OsStringValueParser::new().try_map(T::try_from)
}

/// A whole number from 1 on.
fn count<T: TryFrom<u32>>(text: &str) -> Result<T, &'static str> {
    const EXPECTED: &str = "expected a whole number from 1 on";
    let number = text.parse().ok().filter(|number| *number > 0).ok_or(EXPECTED)?;
    T::try_from(number).map_err(|_| EXPECTED)
}

/// From one message to the next.
fn publish_rate(text: &str) -> Result<Duration, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "expected messages a second, such as 5")?;
    let is_sound = (0.01..=100.0).contains(&rate);
    if is_sound { Ok(Duration::from_secs_f64(1.0 / rate)) } else { Err("expected 0.01 to 100 messages a second") }
}

/// The page for a browser.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Serve a page for a browser on this machine alone. With an address (0.0.0.0:8080) other
    /// machines reach it, too, and need the token. It also serves /events (the JSON of --record -),
    /// /metrics (Prometheus) and /healthz: docs/live.md.
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = page_address)]
    pub serve: Option<SocketAddr>,

    /// The page's password is the first line of this file, of eight letters or more.
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub token_file: Option<PathBuf>,

    /// Show the camera's pictures on the page too; never otherwise.
    #[arg(long, requires = "serve")]
    pub serve_video: bool,
}

/// A port of this machine alone, or an address with a port.
fn page_address(text: &str) -> Result<SocketAddr, String> {
    if !cfg!(feature = "page") {
        return Err("this binary has no page; build it with --features page".into());
    }
    let port = text.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse())
        .map_err(|_| "expected a port, such as 8080, or an address with one, such as 0.0.0.0:8080".into())
}

/// How faces are followed.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// How much points are smoothed. off gives them as they are found. 2 holds them stiller and
    /// later than 1; 0.5 less so.
    #[arg(long, value_name = "off|N", default_value_t)]
    pub smoothing: Smoothing,

    /// Follow at most so many faces at once; each costs a run of the landmark net a frame.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_faces, value_parser = faces)]
    pub faces: NonZeroUsize,
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
    /// built with it. png:DIR: a file a frame. none: nowhere. auto: the first of drm, fb, spi and
    /// window that works. Without it, what the board's profile says.
    #[arg(long, value_name = "SCREEN")]
    pub screen: Option<ScreenChoice>,

    /// Turn everything clockwise by 90, 180 or 270 degrees, for a screen that is mounted turned.
    #[arg(long, value_name = "DEGREES")]
    pub rotate: Option<Rotation>,

    /// Show the camera's picture as a mirror would.
    #[arg(long)]
    pub mirror: bool,
}

/// Which board this is.
#[derive(Debug, Args)]
pub struct BoardArgs {
    /// The board's profile: a name such as pi-4, or a file such as boards/pi-4.toml. Without it,
    /// the board is recognised. The command line goes before the profile.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub board: Option<board::BoardChoice>,
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

    /// The camera's horizontal field of view, for head pose. Without it, what the board's profile
    /// says, or else 60.
    #[arg(long, value_name = "DEGREES")]
    pub fov: Option<FieldOfView>,
}

fn rate(text: &str) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let rate = text.parse().map_err(|_| "expected frames a second, such as 30")?;
    Pace::of(Some(rate))?;
    Ok(rate)
}

/// How records are kept. Sizes: 500K, 64M, 2G, 1T; times: 500ms, 90s, 15m, 1h, 7d; or "none". The
/// unit must be given.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A power cut costs at most the records of this time.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = limits::interval)]
    pub flush_every: Duration,

    /// Start a new file at this size. The full one gets a number and the UTC time in its name.
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub rotate_size: limits::Size,

    /// Begin another file when one is this old.
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub rotate_every: limits::Time,

    /// Keep the files of each record within this total size: remove the oldest. One file takes a
    /// quarter of it at most.
    #[arg(long, value_name = "SIZE", default_value = "none")]
    pub keep: limits::Size,

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
    #[arg(long, value_name = "FIELDS", default_value = "points,pose,eyes,confidence,covariance", requires = "record")]
    pub record_fields: Fields,
}

/// Show a test card. boards/TESTCARD.md says which setting is wrong by what the card shows.
#[derive(Debug, Args)]
pub struct TestcardArgs {
    #[command(flatten)]
    pub screen: ScreenArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Stop after so many seconds; without it, at Ctrl-C.
    #[arg(long, value_name = "N", value_parser = count::<u64>)]
    pub seconds: Option<u64>,
}

/// Measure a model on annotated pictures.
///
/// Data sets of landmarks (points.csv with images/, iBUG .pts files, WFLW lists) give NME, failure
/// rate and AUC for each split. Data sets of boxes (boxes.csv with images/) give the recall of the
/// face detector.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The data set's folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// Only this split.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,

    /// The model: the name of a shipped one, or a folder with model.onnx and card.toml. Without it,
    /// the shipped one for the kind of data set. On pictures without faces, a landmark model is
    /// counted by its false alarms.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<zoo::Choice>,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write what is found to a CSV file, a row for each face of the data set: file, points (x0, y0
    /// ..), their confidence (p0 ..) and covariance (xx0, xy0, yy0 ..).
    #[arg(long, value_name = "FILE.csv")]
    pub predictions: Option<PathBuf>,

    /// Make the pictures harder first: rotate:DEGREES, blur:PER_CENT_OF_FACE, dark:FACTOR,
    /// face:PIXELS or cover:PER_CENT.
    #[arg(long, value_name = "KIND:AMOUNT")]
    pub degrade: Option<Degradation>,

    /// Find the faces as `run` does, instead of taking their boxes from the true points. A face
    /// counts as found where the box of its landmarks overlaps that of the true points by more than
    /// 0.3 (IoU).
    #[arg(long)]
    pub detect: bool,

    /// The horizontal field of view of the pictures, for head pose. Without it, 15: most pictures
    /// of faces are cut from photographs taken from afar.
    #[arg(long, value_name = "DEGREES")]
    pub fov: Option<FieldOfView>,

    /// Turn the crop with the face, as following does. Without it, crops from the true points are
    /// upright.
    #[arg(long, conflicts_with = "detect")]
    pub upright: bool,
}

/// Measure how fast models are on this machine, each stage of a frame and the whole of it.
///
/// Frames take the way they take in `run`: faces are found and followed, drawn, presented (into
/// memory) and recorded (into a temporary file). The table goes to standard output.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// A landmark model: the name of a shipped one, or a folder with model.onnx and card.toml. May
    /// be given several times. Without it, all shipped ones.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Vec<zoo::Choice>,

    /// Where frames come from, as for `run`. The source starts again where it ends. Without it, the
    /// built-in picture moves about.
    #[arg(long, value_name = "PATH|-|clip", value_parser = os::<SourceChoice>())]
    pub source: Option<SourceChoice>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// How long each model is measured, after a fifth of that for warming up.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub seconds: f64,

    /// Threads that share the nets' work. Several numbers, as 1,2,4, are measured one after the
    /// other. Without it, as many as the board's profile says.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Vec<u16>,

    /// Take frames at the source's rate, as from a camera, instead of as fast as possible. Clocks
    /// and caches then behave as in real use.
    #[arg(long)]
    pub paced: bool,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Time another ONNX file too, as tract runs it by itself. May be given several times.
    #[arg(long, value_name = "FILE.onnx")]
    pub against: Vec<PathBuf>,

    /// Write the report to this file, anew after each model. boards/results/SCHEMA.md describes it.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Show reports of `bench` side by side; with two of one machine, tell whether it became slower.
///
/// The exit code is 1 when the second report of a machine is slower than the first: a time that is
/// above by more than 5 % and by more than twice the noise, or 2 % more instructions.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// What `bench --json` wrote.
    #[arg(value_name = "REPORT.json", required = true)]
    pub reports: Vec<PathBuf>,

    /// Write the tables as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Write charts and tables as one page that opens without a network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write the charts, accuracy.svg and stages.svg, into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

/// Measure the latency from a picture handed to a screen to the camera frame that shows it.
///
/// Point the camera at the screen and keep both still. The screen flips between black and white at
/// varying times. A minute gives about 80 flips.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// The camera, such as /dev/video0; or, as - for standard input, live video from one.
    #[arg(long, value_name = "PATH|-")]
    pub source: SourceChoice,

    #[command(flatten)]
    pub camera: CameraArgs,

    #[command(flatten)]
    pub screen: ScreenArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// How often the screen changes.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(10..))]
    pub flips: u16,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// From a tenth of a second to a day.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_string())?;
    if (0.1..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("expected 0.1 to 86400".into()) }
}

/// Look at this machine and say what is in the way of landmarks, and what to do about it.
///
/// It looks at board, CPU, clock, heat, cameras, screens, permissions, models and disk. The exit
/// code is 1 when something is in the way.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub board: BoardArgs,

    /// The purpose: run (camera, display and permissions of this user), service (the systemd unit)
    /// or bench (no camera, no display). The exit code is 1 when something is in the way of it.
    #[arg(long = "for", value_name = "PURPOSE", default_value = "run")]
    pub purpose: Purpose,

    /// Check only this model, and all of it: its card, its hash and its golden sample. The exit
    /// code is 1 when it is not to be used.
    #[arg(long, value_name = "NAME|DIR", conflicts_with_all = ["board", "purpose"])]
    pub model: Option<zoo::Choice>,

    /// Write everything as one JSON object instead of as a table.
    #[arg(long)]
    pub json: bool,
}
