//! MJPEG: JPEGs one after the other, as `rpicam-vid --codec mjpeg -o -` and `ffmpeg -f mjpeg -` write them.

use std::io::{ErrorKind, Read};

use thiserror::Error;

use super::Pace;
use crate::picture::frame::Frame;
use crate::picture::jpeg::{self, Extent, JpegError, Walker};

/// A picture that takes more bytes is none.
const MAX_PICTURE_BYTES: usize = 32 << 20;
/// Read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Debug, Error)]
pub enum MjpegError {
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error("it ends in the middle of picture {0}")]
    Cut(u32),
    #[error("picture {0} takes more than {MAX_PICTURE_BYTES} bytes")]
    TooLong(u32),
    #[error("picture {number} is broken: {source}")]
    Picture { number: u32, source: JpegError },
}

/// A reader of MJPEG. What stands between two pictures is passed over.
pub struct Mjpeg<R> {
    reader: R,
    /// What was read and not used, from the start of a picture on once one was found.
    buffer: Vec<u8>,
    next: u32,
    pace: Pace,
    ended: bool,
}

impl<R: Read> Mjpeg<R> {
    pub fn new(reader: R, pace: Pace) -> Self {
        Mjpeg { reader, buffer: Vec::new(), next: 0, pace, ended: false }
    }

    /// Overwrites `frame` with the next picture, whose time is that of the pace; `false` after the last one. A broken picture is an error for
    /// its turn, and takes a number; the one after it follows.
    pub fn read_into(&mut self, frame: &mut Frame) -> Result<bool, MjpegError> {
        let Some(length) = self.find_picture()? else { return Ok(false) };
        let number = self.take_number();
        let decoded = jpeg::decode_into(&self.buffer[..length], frame);
        self.buffer.drain(..length);
        decoded.map_err(|source| MjpegError::Picture { number, source })?;
        frame.sequence = number;
        frame.captured_at = self.pace.time(number);
        Ok(true)
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }

    /// Reads until a whole picture is at the front of the buffer, and gives its length.
    fn find_picture(&mut self) -> Result<Option<usize>, MjpegError> {
        while !self.pass_to_start() {
            if !self.read_more()? {
                self.buffer.clear();
                return Ok(None);
            }
        }
        let mut walker = Walker::default();
        loop {
            match walker.walk(&self.buffer) {
                Extent::Whole(length) => return Ok(Some(length)),
                Extent::Broken(at) => {
                    self.buffer.drain(..at.max(1));
                    let number = self.take_number();
                    return Err(MjpegError::Picture { number, source: JpegError::NoMarker(at) });
                }
                Extent::Unfinished if self.buffer.len() > MAX_PICTURE_BYTES => {
                    self.buffer.clear();
                    return Err(MjpegError::TooLong(self.take_number()));
                }
                Extent::Unfinished => {
                    if !self.read_more()? {
                        self.buffer.clear();
                        return Err(MjpegError::Cut(self.take_number()));
                    }
                }
            }
        }
    }

    /// Drops what is before the start of a picture; whether there is one.
    fn pass_to_start(&mut self) -> bool {
        let start = self.buffer.windows(jpeg::START.len()).position(|window| window == jpeg::START);
        // Without one, its first bytes may be the last ones here.
        let before = start.unwrap_or(self.buffer.len().saturating_sub(jpeg::START.len() - 1));
        self.buffer.drain(..before);
        start.is_some()
    }

    /// Waits for bytes; `false` where there are no more.
    fn read_more(&mut self) -> Result<bool, MjpegError> {
        let used = self.buffer.len();
        self.buffer.resize(used + CHUNK_BYTES, 0);
        let read = loop {
            if self.ended {
                break Ok(0);
            }
            match self.reader.read(&mut self.buffer[used..]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                done => break done,
            }
        };
        self.buffer.truncate(used + *read.as_ref().unwrap_or(&0));
        self.ended = !matches!(read, Ok(1..));
        Ok(read? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::{jpeg, with_thumbnail};

    /// The grey of each picture, or the error of each that is none.
    fn read_all(bytes: impl Read) -> Vec<Result<(u32, u8), String>> {
        let mut mjpeg = Mjpeg::new(bytes, Pace::default());
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        loop {
            match mjpeg.read_into(&mut frame) {
                Ok(true) => seen.push(Ok((frame.sequence, frame.bytes[0]))),
                Ok(false) => return seen,
                Err(e) => seen.push(Err(e.to_string())),
            }
        }
    }

    /// Gives one byte a call.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn pictures_follow_each_other_whatever_is_inside_and_between_them() {
        let stream = [
            &jpeg(16, 16, 10)[..],
            &with_thumbnail(&jpeg(16, 16, 20), &jpeg(8, 8, 99)),
            b"--boundary\r\nContent-Type: image/jpeg\r\n\r\n",
            &jpeg(24, 8, 30),
            b"\0\0\0",
        ]
        .concat();
        let expected = [Ok((0, 10)), Ok((1, 20)), Ok((2, 30))];
        assert_eq!(read_all(&stream[..]), expected);
        assert_eq!(read_all(Drip(&stream)), expected);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_its_whole_pictures_and_one_error() {
        let picture = jpeg(16, 16, 10);
        let stream = [&picture[..], &picture].concat();
        for end in picture.len() + jpeg::START.len()..stream.len() {
            let seen = read_all(&stream[..end]);
            assert_eq!(seen, [Ok((0, 10)), Err("it ends in the middle of picture 1".into())], "cut at {end}");
        }
    }

    #[test]
    fn after_a_broken_picture_the_next_one_is_found() {
        let picture = jpeg(16, 16, 10);
        // Without the end of its scan.
        let cut = &picture[..picture.len() - 4];
        let seen = read_all(&[cut, &picture].concat()[..]);
        assert!(seen[0].as_ref().unwrap_err().starts_with("picture 0 is broken: byte "), "{seen:?}");
        assert_eq!(seen[1..], [Ok((1, 10))]);
        // A segment that is cut takes bytes of the next picture, which is lost with it: its start may be a thumbnail's.
        let seen = read_all(&[&picture[..30], &picture, &picture].concat()[..]);
        assert!(seen[0].is_err(), "{seen:?}");
        assert_eq!(seen[1..], [Ok((1, 10))]);
    }

    #[test]
    fn a_picture_without_an_end_is_given_up() {
        // Data of a scan for ever.
        let picture = jpeg(16, 16, 10);
        let start = &picture[..picture.len() - 2];
        let seen = read_all(start.chain(std::io::repeat(0x11)).take(3 * MAX_PICTURE_BYTES as u64));
        assert_eq!(seen, [Err("picture 0 takes more than 33554432 bytes".into())]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>, pictures in 0usize..3, at: proptest::sample::Index) {
            let mut stream = jpeg(16, 16, 10).repeat(pictures);
            let at = at.index(stream.len() + 1);
            stream.splice(at..at, bytes);
            let seen = read_all(&stream[..]);
            // Each picture and each error takes the bytes of a start at least.
            proptest::prop_assert!(seen.len() <= stream.len() / jpeg::START.len() + 1);
        }
    }
}
