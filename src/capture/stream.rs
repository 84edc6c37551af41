//! Streams of frames in a file, a pipe or standard input: Y4M or MJPEG, told by what they begin
//! with.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::kind::{H26X, HEAD_BYTES, MP4, StreamKind, TRANSPORT};
use super::recipe::by_ffmpeg;
use super::{CaptureError, Captured, Film, Flaw, FlawWatch, Mjpeg, MjpegError, Pace, Source, Y4m, Y4mError, y4m};
use crate::picture::frame::Frame;
use crate::text::message::quoted;

/// What messages call standard input.
const STDIN: &str = "standard input";
/// What is said of a stream without a byte.
pub(super) const EMPTY: &str = ": it is empty";

/// What films are called that ffmpeg decodes.
pub(super) const DECODED: [&str; 23] = [
    "mp4", "m4v", "mkv", "webm", "avi", "mov", "mpg", "mpeg", "ts", "mts", "m2ts", "wmv", "flv", "3gp", "ogv", "h264",
    "264", "hevc", "h265", "ivf", "mxf", "dv", "vob",
];

/// A film in a file, which `live` is about; `pace` is that of films without a rate of their own.
/// One that has to be decoded goes through ffmpeg, where that is installed, as does one that is a
/// film by its name alone.
pub(super) fn open_film(path: &Path, pace: Pace) -> Result<Box<dyn Source>, CaptureError> {
    let mut stream = Stream::new(Some(path.into()), false, pace);
    match stream.open().map_err(|e| film_by_name(path, e)) {
        Err(CaptureError::Film { kind, .. }) => Ok(Box::new(Film::open(path, kind)?)),
        opened => opened.map(|()| Box::new(stream) as Box<dyn Source>),
    }
}

/// Whether a file has the name of a film that ffmpeg decodes.
fn is_called_like_a_film(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    DECODED.iter().any(|name| extension.eq_ignore_ascii_case(name))
}

/// What cannot be told by its first bytes, and is called like a film, is one.
fn film_by_name(path: &Path, error: CaptureError) -> CaptureError {
    match error {
        CaptureError::UnknownKind { name, hint } if hint.is_empty() && is_called_like_a_film(path) => {
            CaptureError::Film { kind: "by its name", way: way(&name, ""), name }
        }
        error => error,
    }
}

/// A stream of frames. It is opened with the first frame, since that may take as long as whoever
/// writes it likes.
pub struct Stream {
    /// `None` is standard input.
    path: Option<PathBuf>,
    live: bool,
    pace: Pace,
    reader: Option<Reader>,
    opened_at: Instant,
    /// Whether it could not be opened.
    failed: bool,
}

/// A reader of frames, whose kind was told by its first bytes.
pub(super) enum Reader {
    Y4m(Y4m<Input>),
    Mjpeg(Mjpeg<Input>),
}

type Input = BufReader<Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>>;

impl Reader {
    /// `name` is what messages call the stream. Returns when its first bytes are there.
    pub(super) fn open(
        mut reader: Box<dyn Read + Send>,
        name: &str,
        pace: Pace,
        flaws: FlawWatch,
    ) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Read { path: name.into(), source };
        let mut head = Vec::new();
        // A Y4M header is told at once: its writer may wait for us before the frames.
        for most in [y4m::MAGIC.len(), HEAD_BYTES] {
            if StreamKind::of(&head) != StreamKind::Y4m {
                (&mut reader).take((most - head.len()) as u64).read_to_end(&mut head).map_err(failed)?;
            }
        }
        let kind = StreamKind::of(&head);
        let input = BufReader::new(Cursor::new(head).chain(reader));
        match kind {
            StreamKind::Y4m => {
                let y4m = Y4m::open(input).map_err(|source| y4m_error(name, source))?;
                flaws.say(y4m.odd_pixels().map(Flaw::PixelAspect), || name.into());
                Ok(Reader::Y4m(y4m))
            }
            StreamKind::Mjpeg => {
                let mut mjpeg = Mjpeg::watched(input, pace, flaws);
                mjpeg.begin().map_err(|source| mjpeg_error(name, source))?;
                Ok(Reader::Mjpeg(mjpeg))
            }
            StreamKind::Film(kind) => Err(CaptureError::Film { name: name.into(), kind, way: way(name, kind) }),
            StreamKind::Picture(kind) => {
                let hint = match kind {
                    "PNG" => ": it is a PNG picture, which is read from a file alone, by itself or in a folder".into(),
                    kind => format!(": it is {kind}; convert it to .png or .jpg"),
                };
                Err(CaptureError::UnknownKind { name: name.into(), hint })
            }
            StreamKind::Other(what) => {
                Err(CaptureError::UnknownKind { name: name.into(), hint: format!(": it is {what}") })
            }
            StreamKind::Empty => Err(CaptureError::UnknownKind { name: name.into(), hint: EMPTY.into() }),
        }
    }

    /// Overwrites `frame` with the next one; `false` after the last one.
    pub(super) fn read_into(&mut self, frame: &mut Frame, name: &str) -> Result<bool, CaptureError> {
        match self {
            Reader::Y4m(y4m) => y4m.read_into(frame).map_err(|source| y4m_error(name, source)),
            Reader::Mjpeg(mjpeg) => mjpeg.read_into(frame).map_err(|source| mjpeg_error(name, source)),
        }
    }
}

fn mjpeg_error(name: &str, source: MjpegError) -> CaptureError {
    match source {
        MjpegError::NoPicture => CaptureError::UnknownKind { name: name.into(), hint: String::new() },
        MjpegError::NoPictureSoFar(_) => CaptureError::UnknownKind { name: name.into(), hint: format!(": {source}") },
        source => CaptureError::Mjpeg { name: name.into(), source },
    }
}

fn y4m_error(name: &str, source: Y4mError) -> CaptureError {
    CaptureError::Y4m { name: name.into(), source }
}

/// The command that has ffmpeg decode a film.
fn way(name: &str, kind: &str) -> String {
    let command = match name {
        STDIN => format!(".. | {}", by_ffmpeg("-")),
        // That has no end, unlike files that a server has.
        url if url.starts_with("http://") && kind == TRANSPORT => format!("{} --live", by_ffmpeg(&quoted(url))),
        url if url.starts_with("http://") => by_ffmpeg(&quoted(url)),
        // What stands before a colon would be a protocol.
        file if file.contains(':') => by_ffmpeg(&quoted(&format!("file:{file}"))),
        file => by_ffmpeg(&quoted(file)),
    };
    match (name, kind) {
        // Most have their index at the end, which a pipe does not reach.
        (STDIN, MP4) => format!("save it to a file and name that by --source, or {command}"),
        (STDIN, H26X) => format!("{command}; rpicam-vid --codec mjpeg writes what is read by itself"),
        _ => command,
    }
}

impl Stream {
    /// Frames from standard input. They count as captured when they arrive if they are `live`, and
    /// otherwise when the stream's own rate says, or the pace where it has none.
    pub fn stdin(live: bool, pace: Pace) -> Self {
        Stream::new(None, live, pace)
    }

    /// Frames from a pipe, which is opened when somebody writes to it.
    pub fn pipe(path: &Path, live: bool, pace: Pace) -> Self {
        Stream::new(Some(path.into()), live, pace)
    }

    fn new(path: Option<PathBuf>, live: bool, pace: Pace) -> Self {
        Stream { path, live, pace, reader: None, opened_at: Instant::now(), failed: false }
    }

    /// What messages call it.
    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| STDIN.into(), |path| path.display().to_string())
    }

    fn open(&mut self) -> Result<(), CaptureError> {
        let failed = |source| CaptureError::Read { path: self.name().into(), source };
        let reader: Box<dyn Read + Send> = match &self.path {
            None => Box::new(Blocking(io::stdin())),
            Some(path) => Box::new(Blocking(File::open(path).map_err(failed)?)),
        };
        self.reader = Some(Reader::open(reader, &self.name(), self.pace, FlawWatch::default())?);
        self.opened_at = Instant::now();
        Ok(())
    }
}

/// A reader that waits for bytes. Whoever shares standard input may have set it not to block, as
/// some programs and remote shells do.
struct Blocking<R>(R);

impl<R: Read + AsFd> Read for Blocking<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let polled = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None);
                    if let Err(e) = polled
                        && e != Errno::INTR
                    {
                        return Err(e.into());
                    }
                }
                done => return done,
            }
        }
    }
}

impl Source for Stream {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        if self.failed {
            return Ok(Captured::End);
        }
        if self.reader.is_none() {
            self.failed = true;
            self.open()?;
            self.failed = false;
        }
        let name = self.name();
        let more = self.reader.as_mut().expect("it was opened").read_into(frame, &name)?;
        if self.live && more {
            frame.stamp(frame.sequence(), self.opened_at.elapsed());
        }
        Ok(if more { Captured::Frame } else { Captured::End })
    }

    fn is_live(&self) -> bool {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::jpeg;

    fn saved(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn streams_are_told_by_their_content() {
        let y4m = b"YUV4MPEG2 W2 H1 Cmono XCOLORRANGE=FULL\nFRAME\n12FRAME\n34";
        let mjpeg = [jpeg(8, 8, b'1'), jpeg(8, 8, b'3')].concat();
        for bytes in [&y4m[..], &mjpeg] {
            let (_folder, path) = saved("video", bytes);
            let mut source = open_film(&path, Pace::default()).unwrap();
            let mut frame = Frame::default();
            let mut seen = Vec::new();
            while source.capture_into(&mut frame).unwrap() == Captured::Frame {
                seen.push((frame.sequence(), frame.bytes()[0], frame.captured_at().as_millis()));
            }
            assert_eq!(seen, [(0, b'1', 0), (1, b'3', 33)]);
        }
    }

    #[test]
    fn a_pipe_that_does_not_block_is_waited_for() {
        use std::io::Write;
        let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        let picture = jpeg(8, 8, 1);
        let write = std::thread::spawn(move || {
            for part in [&picture[..3], &picture[3..]].repeat(2) {
                std::thread::sleep(std::time::Duration::from_millis(20));
                writer.write_all(part).unwrap();
            }
        });
        let mut bytes = Vec::new();
        assert!(Blocking(reader).read_to_end(&mut bytes).is_ok_and(|read| read == bytes.len()));
        write.join().unwrap();
        assert_eq!(bytes, jpeg(8, 8, 1).repeat(2));
    }

    #[test]
    fn a_stream_without_a_rate_has_the_pace() {
        let (_folder, path) = saved("video", &jpeg(8, 8, 1).repeat(3));
        for (rate, expected) in [(None, 66_666), (Some(10.0), 200_000), (Some(0.5), 4_000_000)] {
            let mut source = open_film(&path, Pace::of(rate).unwrap()).unwrap();
            let mut frame = Frame::default();
            while source.capture_into(&mut frame).unwrap() == Captured::Frame {}
            assert_eq!(frame.captured_at().as_micros(), expected);
        }
    }

    /// What is said of bytes on standard input, or else the numbers of their frames.
    fn said(bytes: &[u8]) -> Result<Vec<u32>, String> {
        let input = Box::new(Cursor::new(bytes.to_vec()));
        let mut reader =
            Reader::open(input, STDIN, Pace::default(), FlawWatch::default()).map_err(|e| e.to_string())?;
        let mut frame = Frame::default();
        let mut numbers = Vec::new();
        while reader.read_into(&mut frame, STDIN).map_err(|e| e.to_string())? {
            numbers.push(frame.sequence());
        }
        Ok(numbers)
    }

    #[test]
    fn what_is_no_stream_is_refused_with_what_may_help() {
        for (bytes, expected) in [
            (&b"hello, world"[..], "is neither a picture (JPEG, PNG) nor a stream (Y4M, MJPEG)"),
            (b"", "(Y4M, MJPEG): it is empty"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "(Y4M, MJPEG): it is WebP; convert it to .png or .jpg"),
            (b"\x89PNG\r\n\x1a\n", "it is a PNG picture, which is read from a file alone, by itself or in a folder"),
            (b"<html>", "(Y4M, MJPEG): it is a page of HTML, as servers send in place of a file"),
            (b"YUV4MPEG2 W2 H1 Cmono\n", "standard input: it ends before its first frame"),
            (
                b"\0\0\0\x20ftypisom",
                "standard input is a film (MP4 or QuickTime), which ffmpeg makes readable: save it to a file and name that by \
                 --source, or .. | ffmpeg -v error -i - -pix_fmt yuv420p -f yuv4mpegpipe - | wingmark run --source -",
            ),
            (
                b"\0\0\0\x01\x27\x64\0\x28\xac\x2b",
                "standard input is a film (H.264 or H.265), which ffmpeg makes readable: .. | ffmpeg -v error -i - -pix_fmt \
                 yuv420p -f yuv4mpegpipe - | wingmark run --source -; rpicam-vid --codec mjpeg writes what is read by \
                 itself",
            ),
        ] {
            let error = said(bytes).unwrap_err();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn what_is_called_like_a_film_is_one() {
        let error = |name: &str, bytes: &[u8]| {
            let input = Box::new(Cursor::new(bytes.to_vec()));
            let error =
                Reader::open(input, name, Pace::default(), FlawWatch::default()).err().expect("it is of no kind");
            film_by_name(Path::new(name), error).to_string()
        };
        let film = error("it's a.MTS", b"no bytes that are known");
        assert!(
            film.contains(r"is a film (by its name), which ffmpeg makes readable: ffmpeg -v error -i 'it'\''s"),
            "{film}"
        );
        let film = error("2026-11-28T18:30.MTS", b"no bytes that are known");
        assert!(film.contains("ffmpeg -v error -i 'file:2026-11-28T18:30.MTS'"), "{film}");
        let film = error("http://10.0.0.7/a.mp4", b"no bytes that are known");
        assert!(film.contains("http://10.0.0.7/a.mp4") && !film.contains("file:"), "{film}");
        assert!(!error("a.txt", b"no bytes that are known").contains("film"));
        assert!(!error("a.mp4", b"").contains("film"));
    }

    #[test]
    fn a_stream_may_be_joined_late_or_come_over_http() {
        let picture = jpeg(32, 32, 10);
        let part = [&b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: 99\r\n\r\n"[..], &picture, b"\r\n"].concat();
        let head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n";
        for stream in [
            [&picture[20..], &picture.repeat(3)].concat(),
            [b"\r\n", &picture.repeat(3)[..]].concat(),
            part.repeat(3),
            [&head[..], &part.repeat(3)].concat(),
        ] {
            assert_eq!(said(&stream), Ok(vec![0, 1, 2]));
        }
    }

    #[test]
    fn a_live_stream_tells_when_frames_arrived() {
        let (_folder, path) = saved("video", b"YUV4MPEG2 W2 H1 Cmono F1:1000\nFRAME\n12FRAME\n34");
        let mut source = Stream::pipe(&path, true, Pace::default());
        let mut frame = Frame::default();
        for _ in 0..2 {
            source.capture_into(&mut frame).unwrap();
        }
        assert!(
            source.is_live() && frame.captured_at() < std::time::Duration::from_secs(60),
            "{:?}",
            frame.captured_at()
        );
    }
}
