//! Cameras that another program reads: `rpicam-vid` on a Raspberry Pi, a GStreamer pipeline
//! elsewhere.

use std::fmt;
use std::io::{self, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::lines::lines;
use super::piped::{Piped, Upstream};
use super::returning::{Lost, Opener, Returning};
use super::v4l2::CameraFormat;
use super::y4m::EXPECTED_CHROMA;
use super::{CameraWish, CaptureError, FlawWatch, Origin, Y4mError, tied};
use crate::text::message::{in_one_line, shortened, without_passwords};
use crate::text::words::words;
use crate::threads;

/// A program's first frame is waited for so long, so that one that fails at once fails the run.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(5);
/// A program that is asked to end and does not within this time is ended.
const END_WITHIN: Duration = Duration::from_millis(150);
/// Both names of the program that reads a Raspberry Pi's ribbon cameras, the newer one first.
const RPICAM: [&str; 2] = ["rpicam-vid", "libcamera-vid"];
const GSTREAMER: &str = "gst-launch-1.0";

/// Programs that run, for an end of the process that drops nothing.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
const UNPOISONED: &str = "nobody panics while holding it";

/// Ends all programs that give frames: for a process that ends while it opens its source.
pub fn end_all() {
    let running = RUNNING.lock().expect(UNPOISONED).clone();
    let kill_all = |signal| {
        for pid in &running {
            // What fails here fails because the program is gone.
            let _ = kill_process(*pid, signal);
        }
    };
    kill_all(Signal::TERM);
    let is_gone = |pid: &Pid| !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None));
    let deadline = Instant::now() + END_WITHIN;
    while Instant::now() < deadline {
        if running.iter().all(is_gone) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_all(Signal::KILL);
}

/// Which program gives frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamProgram {
    /// `rpicam-vid` with the camera of this number.
    Rpicam(u32),
    /// `gst-launch-1.0` with a pipeline that ends in `fdsink`.
    Gstreamer(String),
}

/// As it is written on the command line, but for passwords.
impl fmt::Display for StreamProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamProgram::Rpicam(0) => f.write_str("rpicam"),
            StreamProgram::Rpicam(number) => write!(f, "rpicam:{number}"),
            StreamProgram::Gstreamer(pipeline) => write!(f, "gst:{}", without_passwords(pipeline)),
        }
    }
}

impl StreamProgram {
    /// Starts it, and again whenever it ends, until the source is dropped. One that ends before its
    /// first frame is an error.
    pub fn open(&self, wish: CameraWish) -> Result<Returning<Restarting>, CaptureError> {
        let failed =
            |problem| CaptureError::Program { name: self.to_string(), program: self.program().into(), problem };
        if let (StreamProgram::Rpicam(_), Some(format)) = (self, wish.format)
            && !matches!(format, CameraFormat::Mjpeg | CameraFormat::Jpeg)
        {
            return Err(failed(format!("gives MJPG; {format} can be had of cameras at /dev/video*")));
        }
        if let StreamProgram::Gstreamer(pipeline) = self
            && without_passwords(pipeline) != *pipeline
        {
            log::warn!(
                "{GSTREAMER} has the pipeline's password on its command line, which is seen by everybody on this machine \
                 (ps), unless /proc is mounted with hidepid=2"
            );
        }
        let mut opener = Restarting { program: self.clone(), wish, was_started: false, flaws: FlawWatch::default() };
        let mut stream = opener.start().map_err(failed)?;
        stream.wait_for_first(FIRST_FRAME_WITHIN).map_err(|Lost(reason)| failed(reason))?;
        Ok(Returning::new(format!("camera {self}"), opener, stream))
    }

    /// Programs that do this, the best one first.
    pub(super) fn names(&self) -> &'static [&'static str] {
        match self {
            StreamProgram::Rpicam(_) => &RPICAM,
            StreamProgram::Gstreamer(_) => &[GSTREAMER],
        }
    }

    fn program(&self) -> &'static str {
        self.names()[0]
    }

    /// What Debian calls the package that they are in.
    pub(super) fn package(&self) -> &'static str {
        match self {
            StreamProgram::Rpicam(_) => "rpicam-apps",
            StreamProgram::Gstreamer(_) => "gstreamer1.0-tools",
        }
    }

    /// They, and what they are called with.
    fn commands(&self, wish: &CameraWish) -> Vec<Command> {
        match self {
            StreamProgram::Rpicam(number) => {
                let (size, rate) = (wish.size_near(), wish.rate_near());
                let all = RPICAM.map(|name| {
                    let mut command = Command::new(name);
                    command.args([
                        "--camera",
                        &number.to_string(),
                        "--timeout",
                        "0",
                        "--nopreview",
                        "--codec",
                        "mjpeg",
                    ]);
                    command.args(["--width", &size.width.to_string(), "--height", &size.height.to_string()]);
                    command.args(["--framerate", &rate.to_string(), "--flush", "--output", "-"]);
                    command
                });
                all.into()
            }
            StreamProgram::Gstreamer(pipeline) => {
                let mut command = Command::new(GSTREAMER);
                command.arg("-q").args(pipeline_words(pipeline));
                vec![command]
            }
        }
    }
}

/// A pipeline as people have tried it in a shell: without the call before it, and without options
/// that write messages between the frames. Others are GStreamer's to read.
fn pipeline_words(text: &str) -> Vec<String> {
    const TALKATIVE: [&str; 6] = ["-v", "--verbose", "-t", "--tags", "-m", "--messages"];
    let mut words = words(text);
    if words.first().is_some_and(|word| Path::new(word).file_name().is_some_and(|name| name == GSTREAMER)) {
        words.remove(0);
    }
    let options = words.iter().take_while(|word| word.starts_with('-')).count();
    let rest = words.split_off(options);
    words.retain(|option| !TALKATIVE.contains(&&**option));
    words.extend(rest);
    words
}

/// Starts a program again and again.
pub struct Restarting {
    program: StreamProgram,
    wish: CameraWish,
    /// One that ends is started again and again, which is said the first time.
    was_started: bool,
    flaws: FlawWatch,
}

impl Restarting {
    fn start(&mut self) -> Result<Piped<Running>, String> {
        for mut command in self.program.commands(&self.wish) {
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let level = if self.was_started { log::Level::Debug } else { log::Level::Info };
            log::log!(level, "starting {}", without_passwords(&format!("{command:?}")));
            match tied::spawn(command) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(format!("cannot be started: {e}")),
                Ok(child) => {
                    self.was_started = true;
                    let flaws = self.flaws.clone();
                    return listen(child, self.program.to_string(), flaws).map_err(|e| format!("failed: {e}"));
                }
            }
        }
        Err(format!("is not installed here; on Debian it is in the package {}", self.program.package()))
    }
}

impl Opener for Restarting {
    type Stream = Piped<Running>;

    fn open(&mut self) -> Result<Piped<Running>, Lost> {
        self.start().map_err(Lost)
    }

    fn origin(&self) -> Origin {
        match &self.program {
            StreamProgram::Rpicam(_) => Origin {
                name: self.program.to_string(),
                format: Some(CameraFormat::Mjpeg),
                size: Some(self.wish.size_near()),
                rate: Some(self.wish.rate_near()),
                ..Origin::default()
            },
            StreamProgram::Gstreamer(_) => Origin { name: GSTREAMER.into(), ..Origin::default() },
        }
    }
}

/// A program that runs, until this is dropped.
pub struct Running {
    child: Child,
    /// The first error that it said, or else its last line.
    last_words: Arc<Mutex<String>>,
    /// Ends when there are no more lines.
    messages: Option<JoinHandle<()>>,
}

fn listen(mut child: Child, name: String, flaws: FlawWatch) -> io::Result<Piped<Running>> {
    let (stdout, stderr) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
    RUNNING.lock().expect(UNPOISONED).push(Pid::from_child(&child));
    // From here on whatever fails ends the program.
    let mut running = Running { child, last_words: Arc::default(), messages: None };
    let said = Arc::clone(&running.last_words);
    let keep_words = move || {
        for line in lines(BufReader::new(stderr)) {
            let line = as_message(&line);
            log::debug!("{line}");
            keep(line, &mut said.lock().expect(UNPOISONED));
        }
    };
    let thread = Builder::new().name("messages".into());
    running.messages = Some(threads::start_beside(thread, "what a program says is not read any more", keep_words)?);
    Piped::start(running, Box::new(stdout), name, in_words, flaws)
}

/// What comes after an error says where it was met, and that the program ends.
fn keep(line: String, kept: &mut String) {
    if !line.is_empty() && !kept.starts_with("ERROR") {
        *kept = line;
    }
}

/// A line of a program's messages, for ours. It is cut only when no password is left in it.
fn as_message(line: &[u8]) -> String {
    shortened(&without_passwords(&in_one_line(&String::from_utf8_lossy(line))))
}

/// What is wrong with what a program writes, after "which".
fn in_words(error: CaptureError) -> String {
    match error {
        CaptureError::Film { kind, .. } => {
            format!("writes {kind}; expected MJPEG or Y4M, as GStreamer's jpegenc and y4menc make them")
        }
        CaptureError::UnknownKind { hint, .. } => format!("writes neither MJPEG nor Y4M{hint}"),
        CaptureError::Y4m { source: Y4mError::Chroma(found), .. } => format!(
            "writes Y4M with {found:?} in its header; expected {EXPECTED_CHROMA}, as video/x-raw,format=I420 ! y4menc \
             makes it"
        ),
        CaptureError::Y4m { source, .. } => format!("writes Y4M that cannot be read: {source}"),
        CaptureError::Mjpeg { source, .. } => format!("writes MJPEG that cannot be read: {source}"),
        other => other.to_string(),
    }
}

impl Running {
    /// How it ended, if it does within the time.
    fn ended_within(&mut self, time: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() >= deadline {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Upstream for Running {
    fn why_ended(&mut self) -> Option<String> {
        let status = self.ended_within(END_WITHIN)?;
        // What it said last may not have been read yet; what it has started may go on talking.
        let deadline = Instant::now() + END_WITHIN;
        while self.messages.as_ref().is_some_and(|messages| !messages.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = self.last_words.lock().expect(UNPOISONED).clone();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Some(format!("ended ({status}){said}"))
    }
}

impl Drop for Running {
    /// Asked first, so that it can put its camera in order.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // What fails here fails because the program is gone.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            if self.ended_within(END_WITHIN).is_none() {
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
        RUNNING.lock().expect(UNPOISONED).retain(|pid| *pid != Pid::from_child(&self.child));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame::Size;

    #[test]
    fn a_pipeline_may_be_the_whole_call() {
        let program = StreamProgram::Gstreamer("gst-launch-1.0 -v videotestsrc ! fdsink".into());
        let command = &program.commands(&CameraWish::default())[0];
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["-q", "videotestsrc", "!", "fdsink"]);
        let options = "/usr/bin/gst-launch-1.0 -v -e --gst-debug-level 3 a ! b -v";
        assert_eq!(pipeline_words(options), ["-e", "--gst-debug-level", "3", "a", "!", "b", "-v"]);
    }

    #[test]
    fn an_error_is_kept_and_not_what_follows_it() {
        let mut kept = String::new();
        let mut said = |line: &str| {
            keep(line.into(), &mut kept);
            kept.clone()
        };
        assert_eq!(said("Setting pipeline to PAUSED ..."), "Setting pipeline to PAUSED ...");
        let error = "ERROR: from element /GstPipeline:pipeline0/GstV4l2Src:v4l2src0: Cannot identify device";
        assert_eq!([said(error), said("Additional debug info:"), said("Freeing pipeline ...")], [error; 3]);
    }

    #[test]
    fn a_message_is_cut_only_when_its_password_is_gone() {
        for before in 280..300 {
            let line = format!("{} rtsp://me:secretsecret@camera/1", "x".repeat(before));
            assert!(!as_message(line.as_bytes()).contains("se"), "{}", as_message(line.as_bytes()));
        }
    }

    #[test]
    fn rpicam_is_asked_for_the_cameras_size_and_rate() {
        let wish = CameraWish { size: Some(Size { width: 320, height: 240 }), ..CameraWish::default() };
        let command = &StreamProgram::Rpicam(1).commands(&wish)[0];
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let expected = "--camera 1 --timeout 0 --nopreview --codec mjpeg --width 320 --height 240 --framerate 30 --flush \
                        --output -";
        assert_eq!(words.join(" "), expected);
    }
}
