//! JPEGs: where one ends, and the pixels of one, as cameras write them and not only as they should
//! be.

mod extent;
mod reader;
mod restarts;
mod tables;

use std::borrow::Cow;
use std::fmt;

use image::metadata::Orientation;
use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

pub use extent::{Extent, Walker};

use reader::{Reader, Taken};
use restarts::Restarts;

use crate::picture::frame::{Frame, FrameError, PixelFormat, Size};
use crate::picture::{Bounds, TooLarge};

/// The bytes that every JPEG begins with: start of image, and the first byte of the next marker.
pub const START: [u8; 3] = [0xff, 0xd8, 0xff];
const END: [u8; 2] = [0xff, END_OF_IMAGE];

/// Of pixels that cannot be read.
const GREY: u8 = 128;

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const HUFFMAN_TABLES: u8 = 0xc4;
const JPEG_EXTENSIONS: u8 = 0xc8;
const ARITHMETIC_CONDITIONS: u8 = 0xcc;
const TEMPORARY: u8 = 0x01;

/// A run of ones, which is a code in no Huffman table (ITU-T T.81, annex C), as the data of a scan
/// have it: a decoder that is through with its data never needs it, and one whose data were cut
/// fails at it.
const NO_CODE: [u8; 16] = *b"\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0";

/// What is wrong with a JPEG.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum JpegError {
    #[error("it is cut short: its data end before its pixels do")]
    Cut,
    #[error("byte {0} should begin a marker segment and does not")]
    NoMarker(usize),
    #[error("{0}")]
    Size(#[from] TooLarge),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("its colours are {0:?}; expected grey, YCbCr, RGB or CMYK")]
    Colours(ColorSpace),
    #[error("it has {0}; expected a baseline or progressive JPEG of 8 bits")]
    Kind(&'static str),
    #[error("{0}")]
    Pixels(String),
}

impl JpegError {
    /// Whether there is nothing wrong with it but that it is not read here.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, JpegError::Size(_) | JpegError::Colours(_) | JpegError::Kind(_))
    }
}

impl From<DecodeErrors> for JpegError {
    /// The decoder's messages may have several lines.
    fn from(error: DecodeErrors) -> Self {
        JpegError::Pixels(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// What is wrong with a picture that is shown all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    NoEnd,
    BrokenScan,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::NoEnd => "has no end marker; its pixels are all there, and it is taken as it is",
            Flaw::BrokenScan => "is damaged within its data; it is shown as far as it can be read",
        })
    }
}

/// The bytes of the JPEG at the beginning of `bytes`, which may have padding after it.
pub fn at_start_of(bytes: &[u8]) -> Result<&[u8], JpegError> {
    match Walker::default().walk(bytes) {
        Extent::Whole(length) | Extent::Followed(length) => Ok(&bytes[..length]),
        Extent::Unfinished => Ok(bytes),
        Extent::Broken(at) => Err(JpegError::NoMarker(at)),
    }
}

/// Overwrites the frame's pixels with those of a JPEG within the bounds, grey or RGB as it is. What
/// it says of its orientation is ignored.
///
/// `jpeg` ends with its end marker; where it does not, the JPEG has none, and its last bytes may be
/// others. Huffman tables that are left out are the usual ones.
pub fn decode_into(jpeg: &[u8], frame: &mut Frame, bounds: Bounds) -> Result<Option<Flaw>, JpegError> {
    if let Some(kind) = other_kind(jpeg) {
        return Err(JpegError::Kind(kind));
    }
    let has_end = jpeg.ends_with(&END);
    let jpeg = &jpeg[last_start(jpeg)..];
    let restarts = Restarts::of(jpeg);
    let Guarded { bytes, data_end } = guarded(jpeg, has_end, &restarts);
    let taken = Taken::default();
    match decode(&bytes, &taken, frame, bounds, true) {
        Ok(()) if restarts.are_missing() => Ok(Some(Flaw::BrokenScan)),
        Ok(()) if !has_end => Ok(Some(Flaw::NoEnd)),
        Ok(()) => Ok(taken.left_data(&bytes[..data_end]).then_some(Flaw::BrokenScan)),
        Err(JpegError::Pixels(_)) if has_end && (restarts.is_disordered || taken.end() <= data_end) => {
            decode(&with_tables(jpeg), &taken, frame, bounds, false)?;
            Ok(Some(Flaw::BrokenScan))
        }
        Err(JpegError::Pixels(_)) => Err(JpegError::Cut),
        Err(e) => Err(e),
    }
}

/// Which way up a JPEG's Exif segment says that it is.
pub fn orientation(jpeg: &[u8]) -> Orientation {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options(false));
    let exif = decoder.decode_headers().ok().and_then(|()| decoder.exif());
    exif.and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms)
}

/// Whether an orientation is to be heeded where its pixels are to stand upright.
pub fn is_turned(jpeg: &[u8]) -> bool {
    orientation(jpeg) != Orientation::NoTransforms
}

/// The sizes that JPEGs can have are looked at here, and not in the decoder.
fn options(is_strict: bool) -> DecoderOptions {
    DecoderOptions::default().set_strict_mode(is_strict).set_max_width(usize::MAX).set_max_height(usize::MAX)
}

/// A strict decoder refuses damage in a scan, another one goes on with grey.
fn decode(jpeg: &[u8], taken: &Taken, frame: &mut Frame, bounds: Bounds, is_strict: bool) -> Result<(), JpegError> {
    let mut decoder = JpegDecoder::new_with_options(Reader::new(jpeg, taken), options(is_strict));
    decoder.decode_headers()?;
    taken.begin();
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let size = Size { width: width as u32, height: height as u32 };
    bounds.check(size)?;
    let (format, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (PixelFormat::Grey, ColorSpace::Luma),
        Some(ColorSpace::YCbCr | ColorSpace::RGB | ColorSpace::CMYK | ColorSpace::YCCK) => {
            (PixelFormat::Rgb24, ColorSpace::RGB)
        }
        other => return Err(JpegError::Colours(other.unwrap_or(ColorSpace::Unknown))),
    };
    decoder.set_options(options(is_strict).jpeg_set_out_colorspace(colours));
    let stride = format.row_bytes(size.width);
    frame.fill(format, size, stride as u32, |bytes| {
        bytes.resize(stride * height, GREY);
        if is_strict {
            return Ok(decoder.decode_into(bytes)?);
        }
        bytes.fill(GREY);
        // What was decoded before the error is there.
        let _ = decoder.decode_into(bytes);
        Ok(())
    })
}

/// A JPEG whose decoder fails where data are missing.
struct Guarded {
    bytes: Vec<u8>,
    /// Where the data end.
    data_end: usize,
}

/// The JPEG with what cameras leave out of it, and `NO_CODE` where its data have to be through:
/// before its end and its restart markers.
fn guarded(jpeg: &[u8], has_end: bool, restarts: &Restarts) -> Guarded {
    let mut bytes = Vec::with_capacity(
        jpeg.len() + tables::STANDARD.len() + (restarts.at.len() + 1) * NO_CODE.len() + END.len() + 1,
    );
    let mut from = jpeg.len().min(2);
    bytes.extend(&jpeg[..from]);
    if !has_tables(jpeg) {
        bytes.extend(tables::STANDARD);
    }
    for &at in &restarts.at {
        bytes.extend(&jpeg[from..at]);
        bytes.extend(NO_CODE);
        from = at;
    }
    bytes.extend(&jpeg[from..]);
    if has_end {
        bytes.truncate(bytes.len() - END.len());
    } else {
        trim_to_data(&mut bytes);
    }
    let data_end = bytes.len();
    bytes.extend(NO_CODE);
    bytes.extend(END);
    Guarded { bytes, data_end }
}

/// Drops zeros in place of the end marker, but for one that may be of the data.
fn trim_to_data(bytes: &mut Vec<u8>) {
    let data = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(data + 1);
    if bytes.last() == Some(&0xff) {
        bytes.push(0);
    }
}

/// The JPEG with Huffman tables.
fn with_tables(jpeg: &[u8]) -> Cow<'_, [u8]> {
    if has_tables(jpeg) {
        return Cow::Borrowed(jpeg);
    }
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    Cow::Owned([start, &tables::STANDARD, rest].concat())
}

/// Where the last of the starts is that follow each other.
fn last_start(jpeg: &[u8]) -> usize {
    let (mut start, mut at) = (0, 2);
    loop {
        match jpeg.get(at..at + 2) {
            Some([0xff, 0xff]) => at += 1,
            Some([0xff, START_OF_IMAGE]) => {
                start = at;
                at += 2;
            }
            _ => return start,
        }
    }
}

/// What a JPEG has that is not read: by its frame header (ITU-T T.81, table B.1).
fn other_kind(jpeg: &[u8]) -> Option<&'static str> {
    let jpeg = &jpeg[last_start(jpeg)..];
    let header = segments_before_scan(jpeg).find(|Segment { code, .. }| {
        (0xc0..=0xcf).contains(code) && ![HUFFMAN_TABLES, JPEG_EXTENSIONS, ARITHMETIC_CONDITIONS].contains(code)
    })?;
    match header.code {
        0xc0..=0xc2 if header.bytes.first().is_none_or(|bits| *bits == 8) => None,
        0xc0..=0xc2 => Some("samples of more than 8 bits"),
        0xc3 => Some("lossless coding"),
        0xc9 | 0xca => Some("arithmetic coding"),
        0xcb => Some("lossless arithmetic coding"),
        _ => Some("hierarchical coding"),
    }
}

/// A marker and what follows it up to the next one.
#[derive(Debug, Clone, Copy)]
struct Segment<'a> {
    /// Where its marker begins.
    at: usize,
    code: u8,
    /// Behind its length, as much as is there.
    bytes: &'a [u8],
}

/// The segments up to the start of the first scan; fewer where something else stands in a marker's
/// place.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut next = 2;
    std::iter::from_fn(move || {
        loop {
            let [0xff, code, high, low] = *jpeg.get(next..next + 4)? else { return None };
            if code == 0xff {
                next += 1;
                continue;
            }
            let (at, begin) = (next, next + 4);
            next += 2 + usize::from(u16::from_be_bytes([high, low]));
            let bytes = jpeg.get(begin..next).unwrap_or(&jpeg[begin..]);
            if code == START_OF_SCAN {
                next = jpeg.len();
            }
            return Some(Segment { at, code, bytes });
        }
    })
}

fn segments_before_scan(jpeg: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    segments(jpeg).take_while(|segment| segment.code != START_OF_SCAN)
}

/// Where the first scan begins; the end where there is none.
fn scan_start(jpeg: &[u8]) -> usize {
    segments(jpeg).find(|segment| segment.code == START_OF_SCAN).map_or(jpeg.len(), |scan| scan.at)
}

/// Whether there are Huffman tables before the first scan. Where no scan begins, nothing is known:
/// the decoder will say what is wrong.
fn has_tables(jpeg: &[u8]) -> bool {
    let either = segments(jpeg).find(|segment| [HUFFMAN_TABLES, START_OF_SCAN].contains(&segment.code));
    either.is_none_or(|segment| segment.code == HUFFMAN_TABLES)
}

#[cfg(test)]
pub(crate) mod tests {
    use image::codecs::jpeg::JpegEncoder;

    use super::*;
    use crate::picture::FRAME_BOUNDS;

    /// A JPEG of a colour that stays as it is.
    pub fn jpeg(width: u32, height: u32, grey: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels = vec![grey; (width * height * 3) as usize];
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    /// A JPEG with something in each of its blocks.
    pub fn busy_jpeg(width: u32, height: u32) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 60)
            .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    /// The JPEG with another one inside an APP1 segment, as cameras embed thumbnails.
    pub fn with_thumbnail(jpeg: &[u8], thumbnail: &[u8]) -> Vec<u8> {
        let length = (2 + thumbnail.len() as u16).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, thumbnail, &jpeg[2..]].concat()
    }

    fn decoded(bytes: &[u8]) -> Result<(Frame, Option<Flaw>), JpegError> {
        let mut frame = Frame::default();
        let flaw = at_start_of(bytes).and_then(|jpeg| decode_into(jpeg, &mut frame, FRAME_BOUNDS))?;
        Ok((frame, flaw))
    }

    /// As USB cameras send it, with their first segment and without tables.
    fn bare(full: &[u8], first_segment: &[u8]) -> Vec<u8> {
        let mut bare = [&full[..2], first_segment].concat();
        let mut at = 2;
        while full[at + 1] != START_OF_SCAN {
            let length = 2 + usize::from(u16::from_be_bytes([full[at + 2], full[at + 3]]));
            if !matches!(full[at + 1], HUFFMAN_TABLES | 0xe0) {
                bare.extend(&full[at..at + length]);
            }
            at += length;
        }
        bare.extend(&full[at..]);
        bare
    }

    #[test]
    fn colour_and_grey_become_frames() {
        let (frame, flaw) = decoded(&jpeg(5, 3, 77)).unwrap();
        assert_eq!((frame.format(), frame.size()), (PixelFormat::Rgb24, Size { width: 5, height: 3 }));
        assert!(flaw.is_none() && frame.bytes().iter().all(|b| b.abs_diff(77) < 3), "{:?}", frame.bytes());

        let mut grey = Vec::new();
        JpegEncoder::new(&mut grey).encode(&[200; 15], 5, 3, image::ExtendedColorType::L8).unwrap();
        let (frame, _) = decoded(&grey).unwrap();
        assert_eq!((frame.format(), frame.stride_bytes(), frame.bytes().len()), (PixelFormat::Grey, 5, 15));
    }

    #[test]
    fn huffman_tables_that_are_left_out_are_the_usual_ones() {
        let full = busy_jpeg(40, 24);
        let expected = decoded(&full).unwrap().0.into_bytes();
        let avi = |field| [b"\xff\xe0\x00\x10AVI1", &[field; 10][..]].concat();
        for first_segment in [avi(0), avi(1), Vec::new(), b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec()]
        {
            let bare = bare(&full, &first_segment);
            assert_eq!(decoded(&bare).unwrap().0.into_bytes(), expected, "{first_segment:x?}");
            assert_eq!(decoded(&bare[..bare.len() - 2]).unwrap().0.into_bytes(), expected, "{first_segment:x?}");
        }
    }

    #[test]
    fn without_an_end_marker_all_pixels_are_there_or_it_is_cut() {
        let mut sizes = Vec::new();
        for picture in [busy_jpeg(40, 24), jpeg(40, 24, 120), busy_jpeg(8, 8)] {
            let expected = decoded(&picture).unwrap().0.into_bytes();
            let data = &picture[..picture.len() - 2];
            for ending in [&b""[..], b"\0", b"\0\0\0\0", b"\xd9\0", b"\xff", b"\r\n--boundary\r\n"] {
                let (frame, flaw) = decoded(&[data, ending].concat()).unwrap();
                assert_eq!((frame.into_bytes(), flaw), (expected.clone(), Some(Flaw::NoEnd)), "{ending:x?}");
            }
            for length in 2..data.len() - 1 {
                assert!(decoded(&data[..length]).is_err(), "cut at {length} of {}", data.len());
            }
            sizes.push(picture.len());
        }
        assert!(sizes[0] > sizes[1]);
    }

    #[test]
    fn a_start_that_comes_twice_changes_nothing() {
        let picture = busy_jpeg(16, 16);
        let twice = [&[0xff, START_OF_IMAGE], &picture[..]].concat();
        let ((frame, flaw), expected) = (decoded(&twice).unwrap(), decoded(&picture).unwrap().0);
        assert_eq!((frame.bytes(), flaw), (expected.bytes(), None));
    }

    #[test]
    fn of_a_broken_scan_is_shown_what_can_be_read() {
        let picture = busy_jpeg(64, 64);
        let expected = decoded(&picture).unwrap().0;
        for damage in [[0xff, 0x3f], [0xff, 0xfe], [0xff, 0xc0], [0xff, 0xff]] {
            let mut damaged = picture.clone();
            let at = picture.len() * 3 / 4;
            damaged[at..at + 2].copy_from_slice(&damage);
            let (frame, flaw) = decoded(&damaged).unwrap();
            assert_eq!(frame.size(), expected.size());
            assert_eq!(frame.bytes()[..64 * 3 * 24], expected.bytes()[..64 * 3 * 24], "{damage:x?}");
            assert_eq!(flaw, Some(Flaw::BrokenScan), "{damage:x?}");
        }
    }

    #[test]
    fn kinds_that_are_not_read_are_named() {
        let picture = jpeg(8, 8, 3);
        let frame_header = picture.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        for (code, bits, expected) in [
            (0xc0, 12, "samples of more than 8 bits"),
            (0xc3, 8, "lossless coding"),
            (0xc9, 8, "arithmetic coding"),
            (0xc5, 8, "hierarchical coding"),
        ] {
            let mut other = picture.clone();
            (other[frame_header + 1], other[frame_header + 4]) = (code, bits);
            let error = decoded(&other).unwrap_err();
            assert!(error.is_refusal(), "{error}");
            assert!(error.to_string().starts_with(&format!("it has {expected}; expected")), "{error}");
        }
    }

    #[test]
    fn a_size_beyond_the_limit_takes_no_memory() {
        let mut picture = jpeg(8, 8, 3);
        let frame_header = picture.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        picture[frame_header + 5..][..4].copy_from_slice(&[0xff; 4]);
        let mut frame = Frame::default();
        let error = decode_into(&picture, &mut frame, FRAME_BOUNDS).unwrap_err().to_string();
        assert_eq!(error, "its size is 65535x65535; expected at most 4096x4096");
        assert_eq!(frame.into_bytes().capacity(), 1);
    }
}
