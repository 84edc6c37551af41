//! Options of `run`, and of the commands around it.

use std::error::Error;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command};

use super::apart;
use super::named::{NamedFiles, Role};
use super::shared::{BoardArgs, CameraArgs, FollowArgs, LogArgs, ScreenArgs, count, landmark_model, os};
use crate::capture::SourceChoice;
use crate::face::zoo;
use crate::publish::{Target, TargetError, without_password};
use crate::record::{RecordChoice, limits};
use crate::screen::ScreenChoice;

/// Find the landmarks in the built-in picture, while it moves about; needs no file.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the pictures with the overlay and landmarks.csv. Files that are there are
    /// replaced in wingmark-demo alone; another folder that has some is refused.
    #[arg(long, value_name = "DIR", default_value = DemoArgs::FOLDER)]
    pub out: PathBuf,
}

impl DemoArgs {
    /// The demo's own folder.
    pub const FOLDER: &str = "wingmark-demo";
}

/// Follow faces in pictures and video; show them, record them, or both.
#[derive(Debug, Args)]
#[command(mut_arg("publish_password_file", |arg| arg.requires("publish")))]
pub struct RunArgs {
    /// A TOML file with more options by the same names: record = ["faces.csv"], faces = 2. The
    /// command line overrides it. Without this option, /etc/wingmark.toml is read where it exists.
    /// none reads no file.
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

    /// Show the camera's picture as a mirror would.
    #[arg(long)]
    pub mirror: bool,

    /// Record the landmarks: .csv (OpenFace's columns), .jsonl (an object a frame) or .mcap (for
    /// Foxglove). .csv.gz and .jsonl.gz are packed. - writes a line of JSON a frame to standard
    /// output, at once. May be given several times. A file that exists is renamed, not overwritten:
    /// it gets a number and the UTC time in its name.
    #[arg(long, value_name = "FILE|-", value_parser = os::<RecordChoice>())]
    pub record: Vec<RecordChoice>,

    /// Continue an interrupted run over files: skip what the records hold and add the rest.
    #[arg(long, requires_all = ["record", "source"], conflicts_with_all = ["record_every", "record_when", "keep"])]
    pub resume: bool,

    #[command(flatten)]
    pub log: LogArgs,

    /// Send observations to another program: `mqtt://[USER[:PASSWORD]@]HOST[:1883][/PREFIX]` (a
    /// broker, and Home Assistant; `mqtts://` by TLS, with the feature `tls`),
    /// `opentrack://HOST[:4242]`, `openseeface://HOST[:11573]` or `udp://HOST:PORT` (a JSON object a
    /// face). May be given several times. Frames never wait for a receiver: docs/live.md.
    #[arg(long, value_name = "URL", value_parser = Receivers { that_retain: false })]
    pub publish: Vec<Target>,

    /// How often a broker gets the state in a second, 5 without it; it gets events at once.
    #[arg(long, value_name = "N", value_parser = publish_rate, requires = "publish")]
    pub publish_rate: Option<Duration>,

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
    #[arg(long, value_name = "FILE.prom", value_parser = metrics_file())]
    pub metrics: Option<PathBuf>,

    /// How often the figures are written.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limits::interval, requires = "metrics")]
    pub metrics_every: Duration,

    /// The landmark model: the name of a shipped one, or a folder with model.onnx and card.toml.
    /// Without it, the one in the board's profile.
    #[arg(long, value_name = "NAME|DIR", value_parser = landmark_model)]
    pub model: Option<zoo::Choice>,

    #[command(flatten)]
    pub follow: FollowArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Stop after this many frames.
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>)]
    pub frames: Option<NonZeroU32>,
}

impl RunArgs {
    /// Which options contradict each other, where a parser of single options cannot know.
    pub(crate) fn contradiction(&self) -> Option<(ErrorKind, String)> {
        let to_stdout = self.record.iter().filter(|record| **record == RecordChoice::Stdout).count();
        if to_stdout > 1 {
            return Some((ErrorKind::ArgumentConflict, "--record - is given twice; give it once".into()));
        }
        if to_stdout > 0
            && let Some(path) = self.json_summary.as_deref().filter(|path| is_stdout(path))
        {
            let path = path.display();
            let words =
                format!("--json-summary {path} and --record - cannot share standard output; give the summary a file");
            return Some((ErrorKind::ArgumentConflict, words));
        }
        if self.resume && !self.record.is_empty() && self.record.iter().all(|record| record.file().is_none()) {
            let words = "--resume goes on with files, and --record - is none; give --record FILE";
            return Some((ErrorKind::ArgumentConflict, words.into()));
        }
        if let Some(words) = apart::repeated("--publish", &self.publish, Target::is_same_place, Target::to_string) {
            return Some((ErrorKind::ArgumentConflict, words));
        }
        if let Some(words) = self.named_twice(self.screen.screen.as_ref().unwrap_or(&ScreenChoice::None)) {
            return Some((ErrorKind::ArgumentConflict, words));
        }
        if let Some(source) = self.source.as_ref().filter(|source| self.resume && source.file().is_none()) {
            let words = format!("--resume goes on with files, and {source} is none; leave --resume out");
            return Some((ErrorKind::ArgumentConflict, words));
        }
        if let Some(source) = self.source.as_ref().filter(|source| self.live && source.waits()) {
            let words = format!("--live is for video from standard input or a pipe; every frame of {source} is taken");
            return Some((ErrorKind::ArgumentConflict, words));
        }
        match self.serve {
            ServeArgs { serve: Some(at), token_file: None, .. } if !at.ip().is_loopback() => {
                let words = format!("--serve {at} is open to other machines; give --token-file FILE with it");
                Some((ErrorKind::MissingRequiredArgument, words))
            }
            _ => None,
        }
    }

    /// The options that change only what a screen shows.
    pub(crate) fn given_for_screens(&self) -> Vec<&'static str> {
        let options = [("--rotate", self.screen.rotate.is_some()), ("--mirror", self.mirror)];
        options.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }

    /// The files that it names, with this screen.
    pub(crate) fn files(&self, screen: &ScreenChoice) -> NamedFiles {
        let summary = self.json_summary.as_deref().filter(|file| file.as_os_str() != "-");
        NamedFiles::default()
            .and("--source", Role::Read, self.source.as_ref().and_then(SourceChoice::path))
            .and("--settings", Role::Read, self.settings.as_deref().filter(|file| file.as_os_str() != "none"))
            .and("--model", Role::Read, self.model.as_ref().and_then(zoo::Choice::folder))
            .and("--board", Role::Read, self.board.file())
            .and("--publish-password-file", Role::Secret, &self.password.publish_password_file)
            .and("--token-file", Role::Secret, &self.serve.token_file)
            .and("--record", Role::Record, self.record.iter().filter_map(RecordChoice::file))
            .and("--json-summary", Role::Result, summary)
            .and("--metrics", Role::Result, &self.metrics)
            .and("--screen", Role::Pictures, screen.folder())
    }

    /// Which file that the run writes is another one, what it reads, or a picture that is there. A
    /// run that goes on draws its last frames again.
    pub(crate) fn shared_file(&self, screen: &ScreenChoice) -> Option<String> {
        self.named_twice(screen).or_else(|| screen.overwritten().filter(|_| !self.resume))
    }

    fn named_twice(&self, screen: &ScreenChoice) -> Option<String> {
        self.files(screen).fault().or_else(|| {
            let (source, overlays) = (self.source.as_ref()?.path()?.canonicalize().ok()?, screen.folder()?);
            let folder = overlays.display();
            overlays.canonicalize().is_ok_and(|to| to == source).then(|| {
                format!("--screen png:{folder} would put pictures among those that are read; give another folder")
            })
        })
    }
}

/// Whether it is where standard output goes, by whatever name. What keeps nothing can be shared.
pub(crate) fn is_stdout(path: &Path) -> bool {
    let file = |path: &Path| path.metadata().ok().map(|about| (about.dev(), about.ino()));
    let is = |name: &str| file(path).is_some() && file(path) == file(Path::new(name));
    path.as_os_str() == "-" || is("/dev/stdout") && !is("/dev/null")
}

/// Have a run on this machine take its model and settings anew, and begin new logs, as SIGHUP does.
///
/// The model is loaded and checked while frames go on. Where the model or the settings file is
/// wrong, nothing changes. Says what became of it: exit code 0 where both are taken, 1 where not.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The process, where there are several. Without it, the one that is `wingmark run`.
    #[arg(long, value_name = "N", value_parser = process)]
    pub pid: Option<i32>,

    /// How long to wait for what becomes of it. The run goes on with it afterwards.
    #[arg(long, value_name = "TIME", default_value = "50s", value_parser = limits::interval)]
    pub within: Duration,
}

fn process(text: &str) -> Result<i32, &'static str> {
    text.parse().ok().filter(|pid| *pid > 0).ok_or("expected the number of a process, such as 1234")
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
    /// The broker, as for `run --publish`: `mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX]`. The
    /// device goes while Home Assistant runs; otherwise remove it there by hand.
    #[arg(long, value_name = "URL", required = true, value_parser = Receivers { that_retain: true })]
    pub forget: Vec<Target>,

    #[command(flatten)]
    pub password: PasswordArgs,
}

impl PublishArgs {
    /// What it would forget twice.
    pub(super) fn contradiction(&self) -> Option<String> {
        apart::repeated("--forget", &self.forget, Target::is_same_place, Target::to_string)
    }
}

/// Reads a target. What is said of a wrong one has no password in it.
#[derive(Clone)]
struct Receivers {
    /// Of those alone that keep what was sent.
    that_retain: bool,
}

impl TypedValueParser for Receivers {
    type Value = Target;

    fn parse_ref(&self, command: &Command, option: Option<&Arg>, value: &OsStr) -> Result<Target, clap::Error> {
        let that_retain = self.that_retain;
        let parser = StringValueParser::new().try_map(move |text| match text.parse::<Target>() {
            Ok(target) if that_retain && !target.is_retained() => {
                Err("it keeps nothing; only a broker does: mqtt://HOST/PREFIX".into())
            }
            Err(TargetError::Unknown) if that_retain => {
                Err("expected a broker: mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX]".into())
            }
            target => target.map_err(Box::<dyn Error + Send + Sync>::from),
        });
        parser.parse_ref(command, option, value).map_err(|mut error| {
            let shown = without_password(&value.to_string_lossy());
            error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
            error
        })
    }
}

/// Of other files in its folder, node_exporter reads none.
fn metrics_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| {
        let is_read = name.as_bytes().ends_with(b".prom");
        if is_read {
            Ok(PathBuf::from(name))
        } else {
            Err("expected a file that ends in .prom, as node_exporter reads them")
        }
    })
}

/// From one message to the next.
fn publish_rate(text: &str) -> Result<Duration, String> {
    const LEAST: f64 = 0.01;
    const MOST: f64 = 100.0;
    let rate: f64 = text.parse().map_err(|_| "expected messages a second, such as 5")?;
    if !(LEAST..=MOST).contains(&rate) {
        return Err(format!("expected {LEAST} to {MOST} messages a second"));
    }
    Ok(Duration::from_secs_f64(1.0 / rate))
}

/// The page for a browser.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Serve a page for a browser on this machine alone. With an address (0.0.0.0:8080) other
    /// machines reach it, too, and need the token. It also serves /events (the JSON of --record -),
    /// /metrics (Prometheus) and /healthz: docs/live.md.
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = page_address)]
    pub serve: Option<SocketAddr>,

    /// The page's password is the first line of this file, of 8 to 1000 letters.
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
    let address = port.or_else(|_| text.parse()).ok().filter(|address| address.port() > 0);
    address.ok_or_else(|| {
        "expected a port from 1 on, such as 8080, or an address in numbers with one, such as 0.0.0.0:8080 or [::1]:8080"
            .into()
    })
}
