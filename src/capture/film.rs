//! Films that ffmpeg decodes, with the times that they have.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::Builder;
use std::time::Duration;

use thiserror::Error;

use super::ffmpeg::Messages;
use super::lines::lines;
use super::{CaptureError, Captured, Source, Y4m, Y4mError, tied};
use crate::machine::first_line;
use crate::picture::frame::Frame;
use crate::threads;

/// Names another program than `ffmpeg`; where it is empty, films are refused.
const ENVIRONMENT: &str = "WINGMARK_FFMPEG";
/// Has ffmpeg make the pixels square, by taking some away, and the colours those of BT.601 in the
/// limited range, which frames have.
const AS_OURS: &str = "scale=w=iw*min(sar\\,1):h=ih/max(sar\\,1):out_color_matrix=bt601:out_range=tv,setsar=1";
/// A frame's time is waited for so long. ffmpeg writes it before the frame, to another pipe.
const TIME_WITHIN: Duration = Duration::from_secs(10);
/// Which version it is, ffmpeg says within this time.
const VERSION_WITHIN: Duration = Duration::from_secs(10);

/// What is started where the environment names nothing.
const FFMPEG: &str = "ffmpeg";

/// The program that decodes films.
pub fn decoder() -> String {
    std::env::var(ENVIRONMENT).unwrap_or_else(|_| FFMPEG.into())
}

/// There is no program that decodes films.
#[derive(Debug, Error)]
#[error("{}; {}", self.what(), self.remedy())]
pub struct NoDecoder {
    /// The one that was looked for; empty where none was.
    pub program: String,
}

impl NoDecoder {
    /// What is missing.
    pub fn what(&self) -> String {
        match &*self.program {
            "" => format!("{ENVIRONMENT} names no program for it"),
            FFMPEG => "ffmpeg, which decodes films, is not installed".into(),
            program => format!("{program}, which {ENVIRONMENT} names, was not found"),
        }
    }

    /// What mends that.
    pub fn remedy(&self) -> String {
        match &*self.program {
            FFMPEG => "sudo apt-get install ffmpeg".into(),
            _ => format!("unset {ENVIRONMENT}, or name the path of an ffmpeg in it"),
        }
    }
}

/// A film in a file, read through ffmpeg.
pub struct Film {
    program: String,
    name: String,
    child: Child,
    frames: Option<Y4m<BufReader<ChildStdout>>>,
    /// What ffmpeg says: the time of each frame, and messages.
    times: Receiver<Said>,
    messages: Messages,
    last_time: Duration,
    ended: bool,
}

/// A line of ffmpeg's.
enum Said {
    /// Of a frame; `None` where the film has none for it.
    Time(Option<Duration>),
    Message(String),
}

impl Film {
    /// `kind` is said in messages.
    pub fn open(path: &Path, kind: &'static str) -> Result<Film, CaptureError> {
        let program = decoder();
        let name = path.display().to_string();
        let missing =
            || CaptureError::NoDecoder { name: name.clone(), kind, fault: NoDecoder { program: program.clone() } };
        if program.is_empty() {
            return Err(missing());
        }
        let failed = |problem: String| CaptureError::Program { name: name.clone(), program: program.clone(), problem };
        let version = match version(&program) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => return Err(failed(e.to_string())),
            found => found.map_err(|e| failed(format!("cannot be started: {e}")))?,
        };
        let all_frames = every_frame(&version);
        log::warn!("{name} is a film ({kind}); {program} decodes it");
        let mut command = Command::new(&program);
        command
            .args(["-hide_banner", "-nostdin", "-nostats", "-v", "level+info", "-i"])
            .arg(input(path))
            .args(["-map", "0:v:0", "-vf", &format!("settb=AVTB,showinfo=checksum=0,{AS_OURS}"), "-pix_fmt", "yuv420p"])
            .args(all_frames)
            .args(["-strict", "-1", "-f", "yuv4mpegpipe", "-"])
            // The levels of its messages are read.
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            .env_remove("AV_LOG_FORCE_COLOR")
            .env_remove("AV_LOG_FORCE_256COLOR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = tied::spawn(command).map_err(|e| failed(format!("cannot be started: {e}")))?;
        let stderr = child.stderr.take().expect("it is piped");
        let (say, times) = mpsc::channel();
        let mut sizes = Sizes { film: name.clone(), first: None, is_said: false };
        let listen = move || {
            for line in lines(BufReader::new(stderr)) {
                let line = String::from_utf8_lossy(&line);
                sizes.look_at(&line);
                if say.send(said(&line)).is_err() {
                    break;
                }
            }
        };
        threads::start_beside(Builder::new().name("film".into()), "a film's own times are not read any more", listen)
            .map_err(|e| failed(format!("cannot be listened to: {e}")))?;
        let messages = Messages::default();
        Ok(Film { program, name, child, frames: None, times, messages, last_time: Duration::ZERO, ended: false })
    }

    fn read(&mut self, frame: &mut Frame) -> Result<bool, CaptureError> {
        if self.frames.is_none() {
            let stdout = self.child.stdout.take().expect("it is piped, and taken once");
            let mut stdout = BufReader::new(stdout);
            // Without a byte, what ffmpeg said is the error.
            if stdout.fill_buf().is_ok_and(<[u8]>::is_empty) {
                return self.end();
            }
            self.frames = Some(Y4m::open(stdout).map_err(|source| self.failed(source))?);
        }
        match self.frames.as_mut().expect("it was opened").read_into(frame) {
            Ok(true) => {
                frame.stamp(frame.sequence(), self.next_time(frame.captured_at()));
                Ok(true)
            }
            Ok(false) => self.end(),
            // Why there is no more is what ffmpeg said, if it said so.
            Err(e) if e.is_early_end() => self.end().and_then(|_| Err(self.failed(e))),
            Err(e) => Err(self.failed(e)),
        }
    }

    fn failed(&self, source: Y4mError) -> CaptureError {
        CaptureError::Y4m { name: self.name.clone(), source }
    }

    /// The time of the next frame, or else that of a steady rate.
    fn next_time(&mut self, steady: Duration) -> Duration {
        loop {
            match self.times.recv_timeout(TIME_WITHIN) {
                Ok(Said::Time(time)) => {
                    self.last_time = time.unwrap_or(steady).max(self.last_time);
                    return self.last_time;
                }
                Ok(Said::Message(text)) => self.messages.add(&text),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return steady,
            }
        }
    }

    /// There are no more frames: because the film ends, or because ffmpeg failed. It goes on, and
    /// ends well, where a part of a film is missing.
    fn end(&mut self) -> Result<bool, CaptureError> {
        let status = self.child.wait();
        for said in self.times.iter() {
            if let Said::Message(text) = said {
                self.messages.add(&text);
            }
        }
        let problem = match status {
            Ok(status) if !status.success() => self.messages.failure(status),
            Ok(_) => match (self.messages.loss(), self.messages.errors()) {
                (Some(loss), _) => format!("lost a part of it: {loss}"),
                (None, errors) => {
                    if let Some(errors) = errors {
                        log::warn!("{}: {} met errors in it: {errors}", self.name, self.program);
                    }
                    return Ok(false);
                }
            },
            Err(source) => return Err(CaptureError::Read { path: self.name.clone().into(), source }),
        };
        Err(CaptureError::Program { name: self.name.clone(), program: self.program.clone(), problem })
    }
}

impl Source for Film {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        if self.ended {
            return Ok(Captured::End);
        }
        let read = self.read(frame);
        self.ended = !matches!(read, Ok(true));
        Ok(if read? { Captured::Frame } else { Captured::End })
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program says of its version, in a few lines, of which the first is given.
fn version(program: &str) -> io::Result<String> {
    let mut command = Command::new(program);
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    first_line(tied::spawn(command)?, VERSION_WITHIN)?.ok_or_else(|| {
        let words = format!("does not say its version within {} s", VERSION_WITHIN.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, words)
    })
}

/// The file as ffmpeg takes it: what stands before a colon in a bare name would be a protocol.
fn input(path: &Path) -> OsString {
    let mut input = OsString::from("file:");
    input.push(path);
    input
}

/// What has ffmpeg write each frame once, whatever the time between them; the option has another
/// name since version 5.1.
fn every_frame(version: &str) -> [&'static str; 2] {
    let number = version.strip_prefix("ffmpeg version ").unwrap_or_default();
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), minor) if (major, minor.unwrap_or_default()) < (5, 1) => ["-vsync", "passthrough"],
        _ => ["-fps_mode", "passthrough"],
    }
}

/// The filter `showinfo` writes lines such as
/// `[Parsed_showinfo_1 @ 0x5] n:   1 pts:  40000 pts_time:0.04  ..`, with `pts` in microseconds
/// after the filter `settb`. What it says in seconds has six digits only.
fn said(line: &str) -> Said {
    let time = line.contains("showinfo").then(|| line.split_once(" pts:")).flatten();
    match time {
        Some((_, rest)) => {
            let micros = rest.split_whitespace().next().and_then(|number| number.parse::<i64>().ok());
            Said::Time(micros.map(|micros| Duration::from_micros(micros.max(0).unsigned_abs())))
        }
        None if line.contains("showinfo") => Said::Message(String::new()),
        None => Said::Message(line.trim().into()),
    }
}

/// The sizes of a film's frames, all of which ffmpeg scales to the first one.
struct Sizes {
    film: String,
    first: Option<String>,
    is_said: bool,
}

impl Sizes {
    /// A line of `showinfo` has the size as `s:320x240`.
    fn look_at(&mut self, line: &str) {
        let Some((_, frame)) = line.split_once("pts_time:").filter(|_| line.contains("showinfo")) else { return };
        let Some(size) = frame.split_whitespace().find_map(|word| word.strip_prefix("s:")) else { return };
        let first = self.first.get_or_insert_with(|| size.into());
        if first != size && !self.is_said {
            log::warn!(
                "{} goes on in {size} after {first}; all its pictures are taken in {first}; said once",
                self.film
            );
            self.is_said = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_that_changes_its_size_is_noticed() {
        let mut sizes = Sizes { film: "a.h264".into(), first: None, is_said: false };
        let mut notices = |size: &str| {
            sizes.look_at(&format!(
                "[Parsed_showinfo_0 @ 0x5] [info] n: 0 pts:512 pts_time:0.04 fmt:yuv420p s:{size} i:P"
            ));
            sizes.look_at("[info] Stream #0:0: Video: h264, yuv420p, 64x64");
            sizes.is_said
        };
        assert_eq!(["320x240", "320x240", "64x64", "64x64"].map(&mut notices), [false, false, true, true]);
    }

    #[test]
    fn times_are_read_from_what_ffmpeg_says() {
        let time =
            |pts: &str| said(&format!("[Parsed_showinfo_1 @ 0x5603] n:   1 pts:{pts} duration: 512 fmt:yuv420p"));
        for (pts, expected) in [("  41667 pts_time:0.041667", 41_667), ("12345678901 pts_time:12345.7", 12_345_678_901)]
        {
            assert!(matches!(time(pts), Said::Time(Some(time)) if time == Duration::from_micros(expected)), "{pts}");
        }
        assert!(matches!(time("-40000 pts_time:-0.04"), Said::Time(Some(Duration::ZERO))));
        // A frame without a time is a frame all the same.
        assert!(matches!(
            said("[Parsed_showinfo_0 @ 0x5603] n: 0 pts:NOPTS pts_time:NOPTS duration:1"),
            Said::Time(None)
        ));
        assert!(
            matches!(said("[Parsed_showinfo_0 @ 0x5603] config in time_base: 1/90000"), Said::Message(text) if text.is_empty())
        );
        assert!(
            matches!(said("a.mp4: Invalid data found "), Said::Message(text) if text == "a.mp4: Invalid data found")
        );
    }

    #[test]
    fn a_name_with_a_colon_is_no_protocol() {
        assert_eq!(input(Path::new("2026-11-28T18:30.mp4")), "file:2026-11-28T18:30.mp4");
    }

    #[test]
    fn each_version_has_its_name_for_the_option() {
        for (version, expected) in [
            ("ffmpeg version 4.2.7-0ubuntu0.1 Copyright", "-vsync"),
            ("ffmpeg version 5.0.1", "-vsync"),
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright", "-fps_mode"),
            ("ffmpeg version 7.1", "-fps_mode"),
            ("ffmpeg version N-118000-g1234", "-fps_mode"),
        ] {
            assert_eq!(every_frame(version)[0], expected, "{version}");
        }
    }
}
