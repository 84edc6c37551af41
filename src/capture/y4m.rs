//! Y4M: uncompressed video with a line of text before it and before each frame, as
//! `ffmpeg -f yuv4mpegpipe -` writes it.
//!
//! The format is that of mjpegtools' yuv4mpeg(5), with 8 bits a sample. Where chroma is sited
//! changes nothing that a net can see.

use std::io::{BufRead, Read};
use std::time::Duration;

use thiserror::Error;

use super::NOMINAL_RATE;
use super::levels::Levels;
use super::recipe::by_ffmpeg;
use crate::picture::MAX_SIDE_PX;
use crate::picture::frame::{Frame, FrameError, PixelFormat, Size};
use crate::picture::pixels::rgb_from_yuv;
use crate::text::message::counted;

/// What every stream begins with.
pub const MAGIC: &[u8] = b"YUV4MPEG2 ";
/// Frames a second of the fastest stream: records have whole microseconds.
const MAX_RATE: u32 = 1_000_000;
/// Longest line that is read. ffmpeg's take a hundred bytes.
const MAX_LINE_BYTES: u64 = 4096;

/// How chroma may be sampled, as headers say it.
pub(super) const EXPECTED_CHROMA: &str = "C420jpeg, C420mpeg2, C420paldv, C420, C422, C444 or Cmono, of 8 bits";

/// What is wrong with Y4M video.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum Y4mError {
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error("it does not begin with a line YUV4MPEG2 of less than {MAX_LINE_BYTES} bytes")]
    NoHeader,
    #[error("its header lacks {0}")]
    Missing(&'static str),
    #[error("{found:?} in its header is wrong; expected {expected}")]
    Parameter { found: String, expected: String },
    #[error(
        "{0:?} in its header is wrong; expected {EXPECTED_CHROMA}, which ffmpeg writes: {recipe}",
        recipe = by_ffmpeg("FILE")
    )]
    Chroma(String),
    #[error("it ends before its first frame")]
    NoFrame,
    #[error("frame {0} does not begin with a line FRAME")]
    NoFrameHeader(u32),
    #[error("another stream begins after {} of it; expected a file or a pipe for each", counted(*.0, "frame", "frames"))]
    Joined(u32),
    #[error("it ends in the middle of frame {number}, after {found} of {expected} bytes")]
    Cut { number: u32, found: usize, expected: usize },
}

impl Y4mError {
    /// Whether all is well but that bytes are missing at the end.
    pub fn is_early_end(&self) -> bool {
        matches!(self, Y4mError::NoFrame | Y4mError::Cut { .. })
    }
}

/// How chroma is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chroma {
    Mono,
    /// Half as many columns and rows.
    C420,
    /// Half as many columns.
    C422,
    C444,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    size: Size,
    chroma: Chroma,
    /// Samples use 0 to 255, not 16 to 235 (luma) and 240 (chroma).
    full_range: bool,
    /// Frames a second, as numerator and denominator.
    rate: (u32, u32),
    /// How wide and how high a pixel is, where that is not the same.
    aspect: Option<(u32, u32)>,
}

impl Header {
    fn parse(line: &[u8]) -> Result<Self, Y4mError> {
        let text = line.strip_prefix(MAGIC).ok_or(Y4mError::NoHeader)?;
        let (mut width, mut height) = (None, None);
        let (mut chroma, mut full_range, mut rate) = (Chroma::C420, false, (NOMINAL_RATE, 1));
        let mut aspect = None;
        for parameter in String::from_utf8_lossy(text).split_ascii_whitespace() {
            let wrong = |expected: &str| Y4mError::Parameter { found: parameter.into(), expected: expected.into() };
            let side = |text: &str| match text.parse() {
                Ok(side @ 1..=MAX_SIDE_PX) => Ok(Some(side)),
                _ => Err(wrong(&format!(
                    "a width (W) and a height (H) of 1 to {MAX_SIDE_PX}; larger ones are made smaller by ffmpeg's -vf \
                     scale=1920:-2"
                ))),
            };
            let Some((kind, value)) = parameter.split_at_checked(1) else { continue };
            match kind {
                "W" => width = side(value)?,
                "H" => height = side(value)?,
                "C" => {
                    chroma = match value {
                        "mono" => Chroma::Mono,
                        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Chroma::C420,
                        "422" => Chroma::C422,
                        "444" => Chroma::C444,
                        _ => {
                            return Err(Y4mError::Chroma(parameter.into()));
                        }
                    }
                }
                "F" => {
                    let fraction = value.split_once(':').and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)));
                    match fraction.ok_or_else(|| wrong("a rate such as F30:1"))? {
                        // Unknown.
                        (0, _) | (_, 0) => {}
                        // Frames would share their times.
                        (n, d) if u64::from(n) > u64::from(MAX_RATE) * u64::from(d) => {
                            return Err(wrong("a rate such as F30:1"));
                        }
                        known => rate = known,
                    }
                }
                "X" => full_range |= value == "COLORRANGE=FULL",
                "A" => {
                    let parts = value.split_once(':').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                    aspect = parts.filter(|(w, h): &(u32, u32)| *w != *h && *w != 0 && *h != 0);
                }
                // Interlacing, and what is not known.
                _ => {}
            }
        }
        let width = width.ok_or(Y4mError::Missing("a width (W)"))?;
        let height = height.ok_or(Y4mError::Missing("a height (H)"))?;
        Ok(Header { size: Size { width, height }, chroma, full_range, rate, aspect })
    }

    /// Width and height of each of the two planes of chroma.
    fn chroma_size(&self) -> (usize, usize) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        match self.chroma {
            Chroma::Mono => (0, 0),
            Chroma::C420 => (width.div_ceil(2), height.div_ceil(2)),
            Chroma::C422 => (width.div_ceil(2), height),
            Chroma::C444 => (width, height),
        }
    }

    fn frame_bytes(&self) -> usize {
        let (width, height) = self.chroma_size();
        self.size.width as usize * self.size.height as usize + 2 * width * height
    }

    fn time(&self, sequence: u32) -> Duration {
        let (numerator, denominator) = self.rate;
        let nanos = u128::from(sequence) * u128::from(denominator) * 1_000_000_000 / u128::from(numerator);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A reader of Y4M.
pub struct Y4m<R> {
    reader: R,
    header: Header,
    /// The planes of a frame as they were read: luma, Cb, Cr.
    planes: Vec<u8>,
    next: u32,
    ended: bool,
}

impl<R: BufRead> Y4m<R> {
    /// Reads the header.
    pub fn open(mut reader: R) -> Result<Self, Y4mError> {
        let Line::Whole(line) = read_line(&mut reader)? else { return Err(Y4mError::NoHeader) };
        Ok(Y4m { reader, header: Header::parse(&line)?, planes: Vec::new(), next: 0, ended: false })
    }

    /// What is to be said of pixels that are not square: they are shown as if they were.
    pub fn odd_pixels(&self) -> Option<String> {
        let (width, height) = self.header.aspect?;
        let way = "ffmpeg's -vf scale=iw*sar:ih,setsar=1 makes them so";
        Some(format!("has pixels of {width}:{height}, which are taken as square ones; {way}"))
    }

    /// Overwrites `frame` with the next one; `false` after the last one, and after an error.
    pub fn read_into(&mut self, frame: &mut Frame) -> Result<bool, Y4mError> {
        if self.ended {
            return Ok(false);
        }
        let number = self.next;
        let read = self.read_planes(number);
        self.ended = !matches!(read, Ok(true));
        if self.ended {
            return read;
        }
        self.next = number.wrapping_add(1);
        frame.stamp(number, self.header.time(number));
        pack(&self.header, &self.planes, frame);
        Ok(true)
    }

    fn read_planes(&mut self, number: u32) -> Result<bool, Y4mError> {
        let expected = self.header.frame_bytes();
        match read_line(&mut self.reader)? {
            Line::None if number == 0 => return Err(Y4mError::NoFrame),
            Line::None => return Ok(false),
            Line::Whole(line) if line == b"FRAME" || line.starts_with(b"FRAME ") => {}
            Line::Endless(start) if b"FRAME".starts_with(&start) => {
                return Err(Y4mError::Cut { number, found: 0, expected });
            }
            Line::Whole(line) if line.starts_with(MAGIC) => return Err(Y4mError::Joined(number)),
            Line::Whole(_) | Line::Endless(_) => return Err(Y4mError::NoFrameHeader(number)),
        }
        self.planes.clear();
        // Grows with what there is, whatever the header says there will be.
        let found = (&mut self.reader).take(expected as u64).read_to_end(&mut self.planes)?;
        if found < expected { Err(Y4mError::Cut { number, found, expected }) } else { Ok(true) }
    }
}

enum Line {
    /// There are no more bytes.
    None,
    /// Without the byte that ends it.
    Whole(Vec<u8>),
    /// The bytes end before the line does, or it is too long.
    Endless(Vec<u8>),
}

fn read_line(reader: &mut impl BufRead) -> Result<Line, std::io::Error> {
    let mut line = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        None => Line::None,
        Some(b'\n') => Line::Whole(line),
        Some(last) => {
            line.push(last);
            Line::Endless(line)
        }
    })
}

/// Brings planes into the nearest format that a frame has: 4:2:0 becomes NV12, 4:2:2 YUYV, 4:4:4
/// RGB, luma alone grey.
fn pack(header: &Header, planes: &[u8], frame: &mut Frame) {
    let Header { size, chroma, full_range, .. } = *header;
    let width = size.width as usize;
    let (luma, rest) = planes.split_at(width * size.height as usize);
    let (cb, cr) = rest.split_at(rest.len() / 2);
    let chroma_width = header.chroma_size().0.max(1);
    let luma_rows = luma.chunks_exact(width);
    let chroma_rows = cb.chunks_exact(chroma_width).zip(cr.chunks_exact(chroma_width));
    let levels = if full_range { Levels::from_full() } else { Levels::SAME };
    let y = |sample: &u8| levels.luma[usize::from(*sample)];
    let c = |sample: &u8| levels.chroma[usize::from(*sample)];

    let padding = width % 2;
    let (format, stride) = match chroma {
        Chroma::Mono => (PixelFormat::Grey, width),
        Chroma::C420 => (PixelFormat::Nv12, width + padding),
        Chroma::C422 => (PixelFormat::Yuyv, 4 * chroma_width),
        Chroma::C444 => (PixelFormat::Rgb24, 3 * width),
    };
    let write = |out: &mut Vec<u8>| match chroma {
        Chroma::Mono => {
            // The samples of a grey frame are brightness, of full range.
            let brightness = |sample: &u8| rgb_from_yuv(*sample, 128, 128)[0];
            out.extend(luma.iter().map(|sample| if full_range { *sample } else { brightness(sample) }));
        }
        Chroma::C420 => {
            for row in luma_rows {
                out.extend(row.iter().map(y).chain([0].into_iter().take(padding)));
            }
            for (cb, cr) in chroma_rows {
                out.extend(cb.iter().zip(cr).flat_map(|(cb, cr)| [c(cb), c(cr)]));
            }
        }
        Chroma::C422 => {
            for (row, (cb, cr)) in luma_rows.zip(chroma_rows) {
                for (pair, (cb, cr)) in row.chunks(2).zip(cb.iter().zip(cr)) {
                    out.extend([y(&pair[0]), c(cb), pair.get(1).map_or(0, y), c(cr)]);
                }
            }
        }
        Chroma::C444 => {
            let samples = luma.iter().zip(cb.iter().zip(cr));
            out.extend(samples.flat_map(|(luma, (cb, cr))| rgb_from_yuv(y(luma), c(cb), c(cr))));
        }
    };
    let filled: Result<(), FrameError> = frame.fill(format, size, stride as u32, |out| {
        out.clear();
        write(out);
        Ok(())
    });
    filled.expect("there are as many samples as the header says");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of frames of the given planes.
    fn stream(header: &str, frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("YUV4MPEG2 {header}\n").into_bytes();
        for planes in frames {
            bytes.extend(b"FRAME\n");
            bytes.extend(*planes);
        }
        bytes
    }

    fn first_frame(header: &str, planes: &[u8]) -> Frame {
        let bytes = stream(header, &[planes]);
        let mut frame = Frame::default();
        assert!(Y4m::open(&bytes[..]).unwrap().read_into(&mut frame).unwrap());
        frame
    }

    fn error_of(bytes: &[u8]) -> String {
        let mut frame = Frame::default();
        let read = Y4m::open(bytes).and_then(|mut y4m| {
            while y4m.read_into(&mut frame)? {}
            Ok(())
        });
        read.unwrap_err().to_string()
    }

    #[test]
    fn every_sampling_gives_the_same_picture() {
        // 3x2 pixels, red (81, 90, 240), of odd width.
        let red = [254, 0, 0];
        let mut seen = Vec::new();
        for (header, luma, chroma) in
            [("W3 H2 C420jpeg", 6, 2), ("W3 H2", 6, 2), ("W3 H2 C422", 6, 4), ("H2 W3 C444", 6, 6)]
        {
            let planes = [vec![81; luma], vec![90; chroma], vec![240; chroma]].concat();
            let frame = first_frame(header, &planes);
            assert!(frame.to_rgb().chunks(3).all(|p| p.iter().zip(red).all(|(a, b)| a.abs_diff(b) <= 1)), "{header}");
            seen.push(frame.format());
        }
        assert_eq!(seen, [PixelFormat::Nv12, PixelFormat::Nv12, PixelFormat::Yuyv, PixelFormat::Rgb24]);
    }

    #[test]
    fn samples_stay_where_they_are() {
        let nv12 = first_frame("W3 H3 C420", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!(nv12.bytes(), [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 50, 20, 60, 30, 70, 40, 80]);
        let yuyv = first_frame("W3 H2 C422", &[1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!(yuyv.bytes(), [1, 10, 2, 50, 3, 20, 0, 60, 4, 30, 5, 70, 6, 40, 0, 80]);
    }

    #[test]
    fn both_ranges_reach_black_and_white() {
        for (range, black, white) in [("", 16, 235), (" XCOLORRANGE=LIMITED", 16, 235), (" XCOLORRANGE=FULL", 0, 255)] {
            for (sampling, chroma) in [("Cmono", 0), ("C420", 2), ("C444", 4)] {
                let planes = [vec![black, white], vec![128; chroma]].concat();
                let frame = first_frame(&format!("W2 H1 {sampling}{range}"), &planes);
                assert_eq!(frame.to_rgb(), [0, 0, 0, 255, 255, 255], "{sampling}{range}");
            }
        }
    }

    #[test]
    fn pixels_that_are_not_square_are_said_to_be() {
        let said = |aspect: &str| {
            let bytes = stream(&format!("W1 H1 Cmono{aspect}"), &[&[1]]);
            Y4m::open(&bytes[..]).unwrap().odd_pixels()
        };
        for square in ["", " A1:1", " A0:0", " A3:3", " Aodd"] {
            assert_eq!(said(square), None, "{square}");
        }
        assert!(said(" A64:45").unwrap().starts_with("has pixels of 64:45"));
    }

    #[test]
    fn time_follows_the_rate() {
        let bytes = stream("W1 H1 F30000:1001 Ip A1:1 Cmono", &[&[1], &[2], &[3]]);
        let mut y4m = Y4m::open(&bytes[..]).unwrap();
        let mut frame = Frame::default();
        let mut times = Vec::new();
        while y4m.read_into(&mut frame).unwrap() {
            times.push((frame.sequence(), frame.captured_at().as_micros()));
        }
        assert_eq!(times, [(0, 0), (1, 33_366), (2, 66_733)]);
        let unknown = stream("W1 H1 F0:0 Cmono", &[&[1], &[2]]);
        let mut y4m = Y4m::open(&unknown[..]).unwrap();
        while y4m.read_into(&mut frame).unwrap() {}
        assert_eq!(frame.captured_at().as_millis(), 33);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_its_whole_frames_and_one_error() {
        let bytes = stream("W2 H2 Cmono", &[&[1, 2, 3, 4], &[5, 6, 7, 8]]);
        let second = bytes.len() - "FRAME\n1234".len();
        for end in second + 1..bytes.len() {
            let mut y4m = Y4m::open(&bytes[..end]).unwrap();
            let mut frame = Frame::default();
            assert!(y4m.read_into(&mut frame).unwrap());
            let error = y4m.read_into(&mut frame).unwrap_err().to_string();
            let found = (end - second).saturating_sub("FRAME\n".len());
            assert_eq!(error, format!("it ends in the middle of frame 1, after {found} of 4 bytes"));
            assert!(!y4m.read_into(&mut frame).unwrap());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (bytes, expected) in [
            (&b"YUV4MPEG2 W2 H2"[..], "does not begin with a line YUV4MPEG2"),
            (b"YUV4MPEG2 W2\n", "lacks a height"),
            (b"YUV4MPEG2 W99999999 H2\n", "\"W99999999\" in its header is wrong; expected a width"),
            (b"YUV4MPEG2 W0 H2\n", "\"W0\""),
            (b"YUV4MPEG2 W2 H2 F4294967295:1\n", "\"F4294967295:1\" in its header is wrong; expected a rate"),
            (b"YUV4MPEG2 W2 H2 C420p10\n", "\"C420p10\" in its header is wrong; expected C420jpeg"),
            (b"YUV4MPEG2 W2 H2 F30\n", "expected a rate such as F30:1"),
            (b"YUV4MPEG2 W2 H2 Cmono\nFRAM\n1234", "frame 0 does not begin with a line FRAME"),
        ] {
            let error = error_of(bytes);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_large_frame_that_is_not_there_takes_no_memory() {
        let mut y4m = Y4m::open(&b"YUV4MPEG2 W4096 H4096 C444\nFRAME\n12345"[..]).unwrap();
        assert!(matches!(y4m.read_into(&mut Frame::default()), Err(Y4mError::Cut { found: 5, .. })));
        assert!(y4m.planes.capacity() < 1 << 16);
    }

    proptest::proptest! {
        #[test]
        fn any_header_and_bytes_are_read_or_refused(
            width in 0u32..9, height in 0u32..9, sampling in "C(420|422|444|mono|42[0-9a-z])", bytes: Vec<u8>,
        ) {
            let bytes = stream(&format!("W{width} H{height} {sampling}"), &[&bytes]);
            if let Ok(mut y4m) = Y4m::open(&bytes[..]) {
                let mut frame = Frame::default();
                while let Ok(true) = y4m.read_into(&mut frame) {
                                proptest::prop_assert_eq!(frame.size(), Size { width, height });
                    frame.to_rgb();
                }
            }
        }
    }
}
