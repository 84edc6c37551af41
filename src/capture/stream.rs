//! Streams of frames in a file, a pipe or standard input: Y4M or MJPEG, told by what they begin with.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{CaptureError, Captured, Mjpeg, Pace, Source, Y4m, y4m};
use crate::picture::frame::Frame;
use crate::picture::jpeg;

/// What raw H.264 and H.265 begin with.
const ANNEX_B: &[u8] = &[0, 0, 0, 1];

/// A film in a file, which `live` is about; `pace` is that of films without a rate of their own.
pub(super) fn open_film(path: &Path, live: bool, pace: Pace) -> Result<Box<dyn Source>, CaptureError> {
    let mut stream = Stream::new(Some(path.into()), live, pace);
    stream.open()?;
    Ok(Box::new(stream))
}

/// A stream of frames. It is opened with the first frame, since that may take as long as whoever writes it likes.
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

enum Reader {
    Y4m(Y4m<Input>),
    Mjpeg(Mjpeg<Input>),
}

type Input = BufReader<Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>>;

impl Stream {
    /// Frames from standard input. They count as captured when they arrive if they are `live`, and otherwise when the
    /// stream's own rate says, or the pace where it has none.
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
        self.path.as_ref().map_or_else(|| "standard input".into(), |path| path.display().to_string())
    }

    fn open(&mut self) -> Result<(), CaptureError> {
        let failed = |source| CaptureError::Read { path: self.name().into(), source };
        let mut reader: Box<dyn Read + Send> = match &self.path {
            None => Box::new(io::stdin()),
            Some(path) => Box::new(File::open(path).map_err(failed)?),
        };
        let mut head = Vec::new();
        (&mut reader).take(y4m::MAGIC.len() as u64).read_to_end(&mut head).map_err(failed)?;
        let is_y4m = head == y4m::MAGIC;
        let is_mjpeg = head.starts_with(&jpeg::START);
        if !is_y4m && !is_mjpeg {
            return Err(CaptureError::UnknownKind { name: self.name(), hint: hint(&head) });
        }
        let input = BufReader::new(Cursor::new(head).chain(reader));
        self.reader = Some(if is_y4m {
            Reader::Y4m(Y4m::open(input).map_err(|source| CaptureError::Y4m { name: self.name(), source })?)
        } else {
            Reader::Mjpeg(Mjpeg::new(input, self.pace))
        });
        self.opened_at = Instant::now();
        Ok(())
    }
}

/// What may help with a stream that begins like this.
fn hint(head: &[u8]) -> &'static str {
    match head {
        [] => ": it is empty",
        _ if head.starts_with(ANNEX_B) => ": it looks like H.264; let rpicam-vid write --codec mjpeg",
        _ => "",
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
        let more = match self.reader.as_mut().expect("it was opened") {
            Reader::Y4m(y4m) => {
                y4m.read_into(frame).map_err(|source| CaptureError::Y4m { name: self.name(), source })?
            }
            Reader::Mjpeg(mjpeg) => {
                mjpeg.read_into(frame).map_err(|source| CaptureError::Mjpeg { name: self.name(), source })?
            }
        };
        if self.live {
            frame.captured_at = self.opened_at.elapsed();
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
            let mut source = open_film(&path, false, Pace::default()).unwrap();
            let mut frame = Frame::default();
            let mut seen = Vec::new();
            while source.capture_into(&mut frame).unwrap() == Captured::Frame {
                seen.push((frame.sequence, frame.bytes[0], frame.captured_at.as_millis()));
            }
            assert_eq!(seen, [(0, b'1', 0), (1, b'3', 33)]);
        }
    }

    #[test]
    fn a_stream_without_a_rate_has_the_pace() {
        let (_folder, path) = saved("video", &jpeg(8, 8, 1).repeat(3));
        for (rate, expected) in [(None, 66_666), (Some(10.0), 200_000), (Some(0.5), 4_000_000)] {
            let mut source = open_film(&path, false, Pace::of(rate)).unwrap();
            let mut frame = Frame::default();
            while source.capture_into(&mut frame).unwrap() == Captured::Frame {}
            assert_eq!(frame.captured_at.as_micros(), expected);
        }
    }

    #[test]
    fn what_is_no_stream_is_refused_with_what_may_help() {
        for (bytes, expected) in [
            (&b"hello, world"[..], "is neither a picture (JPEG, PNG) nor a stream (Y4M, MJPEG)"),
            (b"", "(Y4M, MJPEG): it is empty"),
            (b"\0\0\0\x01\x27\x64\0\x28\xac\x2b", "let rpicam-vid write --codec mjpeg"),
        ] {
            let (_folder, path) = saved("video", bytes);
            let error = open_film(&path, false, Pace::default()).err().unwrap().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_live_stream_tells_when_frames_arrived() {
        let (_folder, path) = saved("video", b"YUV4MPEG2 W2 H1 Cmono F1:1000\nFRAME\n12FRAME\n34");
        let mut source = open_film(&path, true, Pace::default()).unwrap();
        let mut frame = Frame::default();
        for _ in 0..2 {
            source.capture_into(&mut frame).unwrap();
        }
        assert!(source.is_live() && frame.captured_at < std::time::Duration::from_secs(60), "{:?}", frame.captured_at);
    }
}
