//! The command line.

use std::error::Error;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::board;
use crate::capture::SourceChoice;
use crate::capture::v4l2::CameraFormat;
use crate::dataset::degrade::Degradation;
use crate::doctor::Purpose;
use crate::face::pose::FOV_DEG;
use crate::face::{Options, Smoothing, zoo};
use crate::machine::{COMMIT, VERSION};
use crate::picture::frame::Size;
use crate::publish::Target;
use crate::record::fields::Fields;
use crate::record::selection::{Every, When};
use crate::record::{RecordChoice, limits};
use crate::screen::ScreenChoice;
use crate::screen::settings::Rotation;

/// Face landmarks in real time on small boards.
///
/// Results go to standard output, messages to standard error (RUST_LOG=info says more). The exit code is 0 when all was
/// done, 1 when something failed, 2 when the command line is wrong.
#[derive(Debug, Parser)]
#[command(version, long_version = long_version(), max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line; where it is wrong, says why and ends the process with code 2.
    pub fn read(arguments: Vec<OsString>) -> Self {
        let cli = Cli::parse_from(arguments);
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
    /// A file in TOML with what else this command line might say, by the same names: record = ["faces.csv"], faces = 2. What the
    /// command line says goes before it. Without it, /etc/wingmark.toml where it is there; none for no file.
    #[arg(long, value_name = "FILE|none")]
    pub settings: Option<PathBuf>,

    /// A camera (/dev/video0; rpicam or rpicam:N, by rpicam-vid; gst:"PIPELINE ! fdsink", by GStreamer; http://HOST/PATH, MJPEG
    /// of one on the network), a picture (JPEG, PNG), a folder of pictures and films in natural order (img2 before img10),
    /// video (Y4M, MJPEG, films by ffmpeg) in a file or a pipe, - for video on standard input, or clip: the built-in picture
    /// moving about for ten seconds. Without it, the first camera that gives frames.
    #[arg(long, value_name = "SOURCE", value_parser = os::<SourceChoice>())]
    pub source: Option<SourceChoice>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// Video on standard input or in a pipe comes from a camera: the newest frame is taken, others are dropped and counted,
    /// and time is that of arrival. Otherwise every frame is taken, and who writes to the pipe has to wait.
    #[arg(long)]
    pub live: bool,

    #[command(flatten)]
    pub screen: ScreenArgs,

    /// Record the landmarks: .csv (OpenFace's columns), .jsonl (an object a frame) or .mcap (for Foxglove), .csv.gz and .jsonl.gz
    /// packed; - for a line of
    /// JSON a frame on standard output, at once. May be given several times. A file that is there already is renamed, not
    /// overwritten.
    #[arg(long, value_name = "FILE|-", value_parser = os::<RecordChoice>())]
    pub record: Vec<RecordChoice>,

    /// Go on with a run over files that was interrupted: what the records hold of them is passed over, and the rest is added.
    #[arg(long, requires_all = ["record", "source"], conflicts_with_all = ["record_every", "record_when"])]
    pub resume: bool,

    #[command(flatten)]
    pub log: LogArgs,

    /// Send what is seen to a program that listens: `mqtt://[USER[:PASSWORD]@]HOST[:1883][/PREFIX]` (a broker, and Home
    /// Assistant), `opentrack://HOST[:4242]`, `openseeface://HOST[:11573]` or `udp://HOST:PORT` (an object of JSON a face).
    /// May be given several times. Nothing waits for it: docs/live.md.
    #[arg(long, value_name = "URL")]
    pub publish: Vec<Target>,

    /// How often a broker gets the state in a second; it gets events at once.
    #[arg(long, value_name = "N", default_value = "5", value_parser = publish_rate)]
    pub publish_rate: f64,

    #[command(flatten)]
    pub password: PasswordArgs,

    #[command(flatten)]
    pub serve: ServeArgs,

    /// Write what the run came to, and who made it, to this file at the end, as one JSON object; - for standard output, where
    /// the closing line otherwise is.
    #[arg(long, value_name = "FILE|-")]
    pub json_summary: Option<PathBuf>,

    /// Write figures to this file again and again, in the text format of Prometheus: docs/metrics.md.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics: Option<PathBuf>,

    /// How often the figures are written.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limits::interval, requires = "metrics")]
    pub metrics_every: Duration,

    /// The landmark model: the name of a shipped one, or a folder with model.onnx and card.toml. Without it, the one in the
    /// board's profile.
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
/// The model is loaded and checked while frames go on. Where it or the settings file is wrong, all stays as it was, and the
/// run's log says why.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The process, where there are several. Without it, the one that is `wingmark run`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: Option<i32>,
}

/// Where the password of an MQTT user is.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// The password of an MQTT user whose URL has none is the first line of this file; without it, what the environment's
    /// WINGMARK_MQTT_PASSWORD says.
    #[arg(long, value_name = "FILE")]
    pub publish_password_file: Option<PathBuf>,
}

/// Remove what a broker keeps of a run, and its device in Home Assistant.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The broker, as for `run --publish`: `mqtt://[USER[:PASSWORD]@]HOST[:1883][/PREFIX]`.
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

fn publish_rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "expected messages a second, such as 5")?;
    if (0.01..=100.0).contains(&rate) { Ok(rate) } else { Err("expected 0.01 to 100 messages a second") }
}

/// The page for a browser.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Show what is seen on a page for a browser, on this machine alone; with an address (0.0.0.0:8080), to others too, who
    /// need the token. Also /events (the JSON of --record -), /metrics (Prometheus) and /healthz: docs/live.md.
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
    /// How much points are steadied: off gives them as they are found, for who smooths them himself; 2 holds them stiller
    /// and later than 1, 0.5 less so.
    #[arg(long, value_name = "off|N", default_value_t)]
    pub smoothing: Smoothing,

    /// Follow at most so many faces at once; each costs a run of the landmark net a frame.
    #[arg(long, value_name = "N", default_value_t = Options::default().faces, value_parser = faces)]
    pub faces: NonZeroUsize,
}

fn faces(text: &str) -> Result<NonZeroUsize, &'static str> {
    let faces: NonZeroU32 = count(text)?;
    NonZeroUsize::try_from(faces).map_err(|_| "expected fewer faces")
}

/// Where pictures are shown.
#[derive(Debug, Args)]
pub struct ScreenArgs {
    /// drm or drm:/dev/dri/card1 (a display, without a desktop), fb or fb:/dev/fb1 (a framebuffer), spi (the panel of the
    /// board's profile), window (on a desktop, if built with it), png:DIR (a file a frame), none; or auto, the first of
    /// drm, fb, spi and window that works. Without it, what the board's profile says.
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
    /// The board's profile: a name such as pi-4, or a file such as boards/pi-4.toml. Without it, the board is
    /// recognised. What the command line says goes before what a profile says.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub board: Option<board::BoardChoice>,
}

/// What to take from a camera. What is not given is chosen from what it offers, near 640x480 at 30 frames a second.
#[derive(Debug, Args)]
pub struct CameraArgs {
    /// YUYV, UYVY, NV12, YU12, MJPG, GREY, RGB3 or BGR3.
    #[arg(id = "camera_format", long = "camera-format", value_name = "FORMAT")]
    pub format: Option<CameraFormat>,

    /// Such as 640x480.
    #[arg(id = "camera_size", long = "camera-size", value_name = "WxH")]
    pub size: Option<Size>,

    /// Frames a second; also of pictures and of MJPEG in a file or a pipe, which have no times of their own.
    #[arg(id = "camera_rate", long = "camera-rate", value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,

    /// What the camera sees from the left to the right edge of its picture, for head pose; 60 where neither this nor the
    /// board's profile says it.
    #[arg(long, value_name = "DEGREES", value_parser = fov)]
    pub fov: Option<f32>,
}

fn fov(text: &str) -> Result<f32, &'static str> {
    let degrees: f32 = text.parse().map_err(|_| "expected degrees, such as 60")?;
    if FOV_DEG.contains(&degrees) { Ok(degrees) } else { Err("expected 5 to 150 degrees") }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "expected frames a second, such as 30")?;
    if (0.01..=1000.0).contains(&rate) { Ok(rate) } else { Err("expected 0.01 to 1000 frames a second") }
}

/// How records are kept. Sizes: 500K, 64M, 2G, 1T; times: 500ms, 90s, 15m, 1h, 7d; or "none". A unit is needed.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A power cut costs at most the records of this time.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = limits::interval)]
    pub flush_every: Duration,

    /// Begin another file when one has this size; the full one gets a number and the UTC time in its name.
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub rotate_size: limits::Size,

    /// Begin another file when one is this old.
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub rotate_every: limits::Time,

    /// Keep the files of each record within this size together, removing the oldest; one file takes a quarter of it at
    /// most.
    #[arg(long, value_name = "SIZE", default_value = "none")]
    pub keep: limits::Size,

    /// Record one frame in N, or the first in each interval of so long (500ms, 1s, 5m). A frame with an event, such as a
    /// blink, is recorded whatever its number. Files only; what is published or written to standard output is every frame.
    #[arg(long, value_name = "N|TIME", requires = "record")]
    pub record_every: Option<Every>,

    /// Record frames with a face only, or those in which faces came, went or did something; otherwise one a minute.
    #[arg(long, value_name = "WHEN", value_enum, requires = "record")]
    pub record_when: Option<When>,

    /// Record only these parts of a face: points, pose, eyes (and mouth), confidence and covariance (of each point), with commas
    /// between them; or none. Its id, box, confidence and events are always there. Files only.
    #[arg(long, value_name = "FIELDS", default_value = "points,pose,eyes,confidence,covariance", requires = "record")]
    pub record_fields: Fields,
}

/// Show a card that reveals what is wrong with a screen's settings; boards/TESTCARD.md says which setting each fault means.
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
/// Landmarks (points.csv with images/, iBUG .pts files, WFLW lists) give NME, failure rate and AUC for each split; boxes
/// (boxes.csv with images/) give the recall of the face detector.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The data set's folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// Only this split.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,

    /// The model: the name of a shipped one, or a folder with model.onnx and card.toml. Without it, the shipped one for
    /// what the data set holds. In pictures without faces, a landmark model says what it takes for one.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<zoo::Choice>,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write what is found to a CSV file, a row a face of the data set: file, points (x0, y0 ..), their confidence (p0 ..)
    /// and covariance (xx0, xy0, yy0 ..).
    #[arg(long, value_name = "FILE.csv")]
    pub predictions: Option<PathBuf>,

    /// Make the pictures harder first: rotate:DEGREES, blur:PER_CENT_OF_FACE, dark:FACTOR, face:PIXELS or
    /// cover:PER_CENT.
    #[arg(long, value_name = "KIND:AMOUNT")]
    pub degrade: Option<Degradation>,

    /// Find the faces as `run` does, instead of taking their boxes from the true points. Found is a face whose landmarks' box
    /// overlaps that of the true points by more than 0.3 (IoU).
    #[arg(long)]
    pub detect: bool,

    /// What the pictures' camera saw from left to right, for head pose. Without it, 15: pictures of faces are mostly cut from
    /// photographs that were taken from afar.
    #[arg(long, value_name = "DEGREES", value_parser = fov)]
    pub fov: Option<f32>,

    /// Turn the crop with the face, as following does. Without it, crops from the true points stand upright, however a face leans.
    #[arg(long, conflicts_with = "detect")]
    pub upright: bool,
}

/// Measure how fast models are on this machine, each stage of a frame and the whole of it.
///
/// Frames go the way they go in `run`: found, followed, drawn, presented (into memory), recorded (into a temporary file).
/// The table goes to standard output.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// A landmark model: the name of a shipped one, or a folder with model.onnx and card.toml. May be given several times.
    /// Without it, all shipped ones.
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Vec<zoo::Choice>,

    /// Where frames come from, as for `run`; over and over where they end. Without it, the built-in picture moves about.
    #[arg(long, value_name = "PATH|-|clip", value_parser = os::<SourceChoice>())]
    pub source: Option<SourceChoice>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// How long each model is measured, after a fifth of that for warming up.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub seconds: f64,

    /// Threads that share the nets' work; several numbers, as 1,2,4, are measured one after the other. Without it, as many
    /// as the board's profile says.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Vec<u16>,

    /// Take frames at the source's rate, as from a camera, instead of as fast as possible: clocks and caches then are
    /// those of real use.
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
/// The exit code is 1 when the second report of a machine has a time above the first by more than 5 % and twice the noise,
/// or 2 % more instructions.
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

/// Measure the time from a picture handed to a screen to a camera's frame that shows it: glass to glass.
///
/// Point the camera at the screen, which then flips between black and white at varying times, and keep both still. A minute
/// gives about 80 flips.
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
/// Board, CPU, clock, heat, cameras, screens, permissions, models and disk. The exit code is 1 when something is in the way.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub board: BoardArgs,

    /// What for: run (camera, display and rights of this user), service (the systemd unit) or bench (no camera, no display).
    /// The exit code is 1 when something is in the way of that.
    #[arg(long = "for", value_name = "PURPOSE", default_value = "run")]
    pub purpose: Purpose,

    /// Check this model alone, and whole: its card, its hash, and what it makes of its golden sample. The exit code is 1 when it
    /// is not to be used.
    #[arg(long, value_name = "NAME|DIR", conflicts_with_all = ["board", "purpose"])]
    pub model: Option<zoo::Choice>,

    /// Write everything as one JSON object instead of as a table.
    #[arg(long)]
    pub json: bool,
}
