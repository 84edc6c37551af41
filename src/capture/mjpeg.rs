//! MJPEG: JPEGs one after the other, as `rpicam-vid --codec mjpeg -o -` and `ffmpeg -f mjpeg -`
//! write them.

use std::io::{ErrorKind, Read};

use thiserror::Error;

use super::{Flaw, FlawWatch, Pace};
use crate::picture::FRAME_BOUNDS;
use crate::picture::frame::Frame;
use crate::picture::jpeg::{self, Extent, JpegError, Walker};
use crate::text::message::{in_one_line, shortened};

/// No picture takes more bytes.
const MAX_PICTURE_BYTES: usize = 32 << 20;
/// Parts without a JPEG that may follow each other: some cameras send texts between pictures.
const OTHER_PARTS: u32 = 4;
/// What stands before the type of a part (RFC 2046), in lower case.
const PART_TYPE: &[u8] = b"content-type:";
/// Read at once: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

/// What is wrong with MJPEG video.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum MjpegError {
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error("no JPEG begins in it")]
    NoPicture,
    #[error("no JPEG begins in its first {} MiB", .0 >> 20)]
    NoPictureSoFar(usize),
    #[error("its parts are {0}; expected JPEG (image/jpeg)")]
    Parts(String),
    #[error("picture {0} takes more than {MAX_PICTURE_BYTES} bytes")]
    TooLong(u32),
    #[error("picture {number} is broken: {source}")]
    Picture { number: u32, source: JpegError },
}

/// Whether there is a picture and none after it.
pub(super) fn is_single(reader: impl Read) -> std::io::Result<bool> {
    let mut mjpeg = Mjpeg::new(reader, Pace::default());
    let is_single = match mjpeg.find_picture() {
        Ok(Some(length)) => {
            mjpeg.drop_picture(length);
            loop {
                match mjpeg.pass_to_start() {
                    Ok(false) => {}
                    found => break found.map(|_| false),
                }
                match mjpeg.read_more() {
                    Ok(true) => {}
                    ended => break ended.map(|_| true),
                }
            }
        }
        found => found.map(|_| false),
    };
    match is_single {
        Err(MjpegError::Read(e)) => Err(e),
        other => Ok(other.unwrap_or(false)),
    }
}

/// A reader of MJPEG. What stands between two pictures is passed over.
pub struct Mjpeg<R> {
    reader: R,
    /// What was read and not used, from the start of a picture on once one was found.
    buffer: Vec<u8>,
    /// How far [`Self::buffer`] was searched for the end of its picture.
    walker: Walker,
    next: u32,
    /// Bytes before the first picture.
    passed: usize,
    /// Parts since the last picture.
    parts: u32,
    pace: Pace,
    ended: bool,
    flaws: FlawWatch,
}

impl<R: Read> Mjpeg<R> {
    /// Pictures that `reader` gives one after the other, timed by `pace`.
    pub fn new(reader: R, pace: Pace) -> Self {
        Mjpeg::watched(reader, pace, FlawWatch::default())
    }

    /// What is wrong with its pictures is said by `flaws`.
    pub(super) fn watched(reader: R, pace: Pace, flaws: FlawWatch) -> Self {
        let (buffer, walker) = (Vec::new(), Walker::default());
        Mjpeg { reader, buffer, walker, next: 0, passed: 0, parts: 0, pace, ended: false, flaws }
    }

    /// Reads to the start of the first picture, so that bytes of another kind are an error.
    pub fn begin(&mut self) -> Result<(), MjpegError> {
        while !self.pass_to_start()? {
            if self.passed > MAX_PICTURE_BYTES {
                return Err(MjpegError::NoPictureSoFar(MAX_PICTURE_BYTES));
            }
            if !self.read_more()? {
                return Err(MjpegError::NoPicture);
            }
        }
        Ok(())
    }

    /// Overwrites `frame` with the next picture, whose time is that of the pace; `false` after the
    /// last one. A broken picture is an error for its turn, and takes a number; the one after it
    /// follows.
    pub fn read_into(&mut self, frame: &mut Frame) -> Result<bool, MjpegError> {
        let Some(length) = self.find_picture()? else { return Ok(false) };
        let number = self.take_number();
        let decoded = jpeg::decode_into(&self.buffer[..length], frame, FRAME_BOUNDS);
        // One look costs nothing, and all pictures of a stream come from one camera.
        let turned = (number == 0 && jpeg::is_turned(&self.buffer[..length])).then_some(Flaw::Turned);
        self.drop_picture(length);
        let flaw = decoded.map_err(|source| MjpegError::Picture { number, source })?;
        self.flaws.say(flaw.map(Flaw::Jpeg), || format!("picture {number}"));
        self.flaws.say(turned, || format!("picture {number}"));
        frame.stamp(number, self.pace.time(number));
        Ok(true)
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }

    /// Reads until a picture is at the front of the buffer, and gives its length. The last one of a
    /// stream may lack its end.
    fn find_picture(&mut self) -> Result<Option<usize>, MjpegError> {
        while !self.pass_to_start()? {
            if !self.read_more()? {
                self.buffer.clear();
                return Ok(None);
            }
        }
        loop {
            match self.walker.walk(&self.buffer) {
                Extent::Whole(length) | Extent::Followed(length) => return Ok(Some(length)),
                Extent::Broken(at) => {
                    self.drop_picture(at.max(1));
                    let number = self.take_number();
                    return Err(MjpegError::Picture { number, source: JpegError::NoMarker(at) });
                }
                Extent::Unfinished if self.buffer.len() > MAX_PICTURE_BYTES => {
                    self.drop_picture(self.buffer.len());
                    return Err(MjpegError::TooLong(self.take_number()));
                }
                Extent::Unfinished => {
                    if !self.read_more()? {
                        return Ok(Some(self.buffer.len()));
                    }
                }
            }
        }
    }

    /// Drops a picture from the front of the buffer.
    fn drop_picture(&mut self, length: usize) {
        self.buffer.drain(..length);
        self.walker = Walker::default();
    }

    /// Drops what is before the start of a picture; whether there is one. An error where a stream
    /// of parts has none for long.
    fn pass_to_start(&mut self) -> Result<bool, MjpegError> {
        let start = self.buffer.windows(jpeg::START.len()).position(|window| window == jpeg::START);
        // Without one, its first bytes may be the last ones here.
        let before = start.unwrap_or(self.buffer.len().saturating_sub(jpeg::START.len() - 1));
        let (parts, last) = types_of_parts(&self.buffer[..before]);
        self.parts = if start.is_some() { 0 } else { self.parts.saturating_add(parts) };
        self.buffer.drain(..before);
        self.passed = self.passed.saturating_add(before);
        match last {
            Some(kind) if self.parts > OTHER_PARTS => {
                self.buffer.clear();
                self.ended = true;
                Err(MjpegError::Parts(kind))
            }
            _ => Ok(start.is_some()),
        }
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

/// How many parts begin in the bytes, and the type of the last one.
fn types_of_parts(bytes: &[u8]) -> (u32, Option<String>) {
    let is_name = |window: &[u8]| window.eq_ignore_ascii_case(PART_TYPE);
    let ends = bytes.windows(PART_TYPE.len()).enumerate().filter(|(_, window)| is_name(window));
    ends.fold((0, None), |(count, _), (at, _)| {
        let line = bytes[at + PART_TYPE.len()..].split(|byte| b"\r\n;".contains(byte)).next().unwrap_or_default();
        let kind = in_one_line(String::from_utf8_lossy(line).trim());
        (count + 1, Some(shortened(&kind)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::{busy_jpeg, jpeg, with_thumbnail};

    /// The grey of each picture, or why it cannot be read.
    fn read_all(bytes: impl Read) -> Vec<Result<(u32, u8), String>> {
        let mut mjpeg = Mjpeg::new(bytes, Pace::default());
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        loop {
            match mjpeg.read_into(&mut frame) {
                Ok(true) => seen.push(Ok((frame.sequence(), frame.bytes()[0]))),
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
    fn parts_between_pictures_are_passed_over_and_a_stream_of_others_is_an_error() {
        let part =
            |kind: &str, body: &[u8]| [format!("--x\r\ncontent-type: {kind}; a=b\r\n\r\n").as_bytes(), body].concat();
        let (text, picture) = (part("application/json", b"{}\r\n").repeat(3), part("image/jpeg", &jpeg(8, 8, 1)));
        let mixed = [&text[..], &picture].concat().repeat(3);
        assert_eq!(read_all(&mixed[..]), [Ok((0, 1)), Ok((1, 1)), Ok((2, 1))]);
        let other = [picture, part("image/webp", b"RIFF").repeat(9)].concat();
        let expected = "its parts are image/webp; expected JPEG (image/jpeg)";
        assert_eq!(read_all(&other[..]), [Ok((0, 1)), Err(expected.to_owned())]);
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
        let picture = busy_jpeg(16, 16);
        let stream = [&picture[..], &picture].concat();
        for end in picture.len() + jpeg::START.len()..stream.len() - 3 {
            let seen = read_all(&stream[..end]);
            assert!(matches!(&seen[..], [Ok((0, _)), Err(_)]), "cut at {end}: {seen:?}");
            assert!(seen[1].as_ref().unwrap_err().starts_with("picture 1 is broken: "), "{seen:?}");
        }
    }

    #[test]
    fn pictures_without_an_end_marker_are_whole() {
        let picture = jpeg(16, 16, 10);
        let data = &picture[..picture.len() - 2];
        for ending in [&b""[..], b"\0\0", b"\xd9\0", b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n"] {
            let stream = [data, ending].concat().repeat(3);
            let expected = [Ok((0, 10)), Ok((1, 10)), Ok((2, 10))];
            assert_eq!(read_all(&stream[..]), expected, "{ending:x?}");
            assert_eq!(read_all(Drip(&stream)), expected, "{ending:x?}");
        }
    }

    #[test]
    fn a_stream_that_is_joined_late_goes_on_at_its_next_picture() {
        let (first, second) = (busy_jpeg(32, 32), jpeg(16, 16, 10));
        for start in [1, 2, 30, first.len() / 2, first.len() - 1] {
            let seen = read_all(&[&first[start..], &second, &second].concat()[..]);
            assert_eq!(seen, [Ok((0, 10)), Ok((1, 10))], "from byte {start}");
        }
        assert_eq!(read_all(&[b"\r\n", &second[..]].concat()[..]), [Ok((0, 10))]);
    }

    #[test]
    fn a_broken_picture_costs_no_other_one_and_no_number() {
        let (picture, busy) = (jpeg(16, 16, 10), busy_jpeg(64, 64));
        // Cut within its segments, or within its data.
        for length in [10, 30, 100, 300, busy.len() / 2, busy.len() - 20] {
            let seen = read_all(&[&picture[..], &busy[..length], &picture, &picture].concat()[..]);
            assert!(matches!(&seen[..], [Ok((0, 10)), Err(_), Ok((2, 10)), Ok((3, 10))]), "cut at {length}: {seen:?}");
        }
        // What is damaged within its data is shown as far as it goes.
        for damage in [[0xff, 0x3f], [0xff, 0xda], [0xff, 0xc4], [0xff, 0xfe], [0xff, 0x02]] {
            let mut damaged = busy.clone();
            damaged[busy.len() / 2..][..2].copy_from_slice(&damage);
            let seen = read_all(&[&picture[..], &damaged, &picture, &picture].concat()[..]);
            assert!(matches!(&seen[..], [Ok((0, 10)), Ok((1, _)), Ok((2, 10)), Ok((3, 10))]), "{damage:x?}: {seen:?}");
        }
        let twice = [&[0xff, 0xd8], &picture[..]].concat();
        assert_eq!(read_all(&[&picture[..], &twice, &picture].concat()[..]), [Ok((0, 10)), Ok((1, 10)), Ok((2, 10))]);
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
