//! JPEGs: where one ends, and the pixels of one that a camera or a stream gave.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder, ImageError};
use thiserror::Error;

use crate::picture::MAX_SIDE_PX;
use crate::picture::frame::{Frame, PixelFormat, Size};

/// The bytes that every JPEG begins with: start of image, and the first byte of the next marker.
pub const START: [u8; 3] = [0xff, 0xd8, 0xff];

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const TEMPORARY: u8 = 0x01;

#[derive(Debug, Error)]
pub enum JpegError {
    #[error("it is cut short, there is no end-of-image marker")]
    Cut,
    #[error("byte {0} should begin a marker segment and does not")]
    NoMarker(usize),
    #[error("its size is {0}; expected at most {MAX_SIDE_PX}x{MAX_SIDE_PX}")]
    Size(Size),
    #[error("its colours are {0:?}; expected grey or YCbCr")]
    Colours(ColorType),
    #[error("{0}")]
    Pixels(#[from] ImageError),
}

/// How far a JPEG reaches into bytes that begin with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes.
    Whole(usize),
    /// Farther than all of them.
    Unfinished,
    /// At this byte there should be a marker and is none, or one that cannot be there.
    Broken(usize),
}

/// Follows a JPEG's marker segments to its end-of-image marker, so that the thumbnails in its APP segments, which are JPEGs
/// themselves, are passed over. Goes on where it was when more bytes are there.
#[derive(Debug, Default)]
pub struct Walker {
    at: usize,
    /// Whether [`Self::at`] is in the data that follow a start-of-scan segment.
    in_scan: bool,
}

impl Walker {
    /// `bytes` are those of the call before, and more.
    pub fn walk(&mut self, bytes: &[u8]) -> Extent {
        loop {
            let Some(rest) = bytes.get(self.at..) else { return Extent::Unfinished };
            if self.in_scan {
                let Some(next) = rest.iter().position(|&byte| byte == 0xff) else {
                    self.at = bytes.len();
                    return Extent::Unfinished;
                };
                self.at += next;
                match rest.get(next + 1) {
                    None => return Extent::Unfinished,
                    // A stuffed byte of data, or a restart marker between two runs of them.
                    Some(0x00 | 0xd0..=0xd7) => self.at += 2,
                    Some(0xff) => self.at += 1,
                    Some(_) => self.in_scan = false,
                }
                continue;
            }
            match *rest {
                [] | [0xff] => return Extent::Unfinished,
                [0xff, 0xff, ..] => self.at += 1,
                [0xff, START_OF_IMAGE, ..] if self.at == 0 => self.at = 2,
                [0xff, ..] if self.at == 0 => return Extent::Broken(0),
                [0xff, END_OF_IMAGE, ..] => return Extent::Whole(self.at + 2),
                [0xff, TEMPORARY | 0xd0..=0xd7, ..] => self.at += 2,
                [0xff, 0x00 | START_OF_IMAGE, ..] => return Extent::Broken(self.at),
                [0xff, code, high, low, ..] => {
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    if length < 2 {
                        return Extent::Broken(self.at);
                    }
                    self.at += 2 + length;
                    self.in_scan = code == START_OF_SCAN;
                }
                [0xff, ..] => return Extent::Unfinished,
                _ => return Extent::Broken(self.at),
            }
        }
    }
}

/// The JPEG at the beginning of `bytes`, which may have padding after it.
pub fn whole(bytes: &[u8]) -> Result<&[u8], JpegError> {
    match Walker::default().walk(bytes) {
        Extent::Whole(length) => Ok(&bytes[..length]),
        Extent::Unfinished => Err(JpegError::Cut),
        Extent::Broken(at) => Err(JpegError::NoMarker(at)),
    }
}

/// Overwrites the frame's pixels with those of a whole JPEG, grey or RGB as it is. What it says of its orientation is not
/// heeded.
pub fn decode_into(jpeg: &[u8], frame: &mut Frame) -> Result<(), JpegError> {
    let decoder = JpegDecoder::new(Cursor::new(jpeg))?;
    let (width, height) = decoder.dimensions();
    let size = Size { width, height };
    if width.max(height) > MAX_SIDE_PX {
        return Err(JpegError::Size(size));
    }
    let format = match decoder.color_type() {
        ColorType::L8 => PixelFormat::Grey,
        ColorType::Rgb8 => PixelFormat::Rgb24,
        other => return Err(JpegError::Colours(other)),
    };
    frame.format = format;
    frame.size = size;
    frame.stride_bytes = format.row_bytes(width) as u32;
    frame.bytes.resize(decoder.total_bytes() as usize, 0);
    Ok(decoder.read_image(&mut frame.bytes)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use image::codecs::jpeg::JpegEncoder;

    use super::*;

    /// A JPEG of a colour that stays as it is.
    pub fn jpeg(width: u32, height: u32, grey: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels = vec![grey; (width * height * 3) as usize];
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    /// The JPEG with another one inside an APP1 segment, as cameras embed thumbnails.
    pub fn with_thumbnail(jpeg: &[u8], thumbnail: &[u8]) -> Vec<u8> {
        let length = (2 + thumbnail.len() as u16).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, thumbnail, &jpeg[2..]].concat()
    }

    #[test]
    fn a_jpeg_ends_where_it_ends_and_not_in_its_thumbnail() {
        let picture = with_thumbnail(&jpeg(40, 30, 120), &jpeg(8, 8, 90));
        let followed = [&picture[..], &jpeg(8, 8, 1)].concat();
        assert_eq!(Walker::default().walk(&followed), Extent::Whole(picture.len()));
        assert_eq!(whole(&followed).unwrap(), picture);
    }

    #[test]
    fn the_end_is_found_however_the_bytes_arrive() {
        let picture = with_thumbnail(&jpeg(40, 30, 120), &jpeg(8, 8, 90));
        let mut walker = Walker::default();
        for end in 0..picture.len() {
            assert_eq!(walker.walk(&picture[..end]), Extent::Unfinished, "at {end} of {}", picture.len());
        }
        assert_eq!(walker.walk(&picture), Extent::Whole(picture.len()));
    }

    #[test]
    fn what_is_no_marker_is_found() {
        let picture = jpeg(8, 8, 3);
        assert_eq!(Walker::default().walk(b"\xff\xd9"), Extent::Broken(0));
        assert_eq!(Walker::default().walk(b"hello"), Extent::Broken(0));
        // A JPEG that was cut within its segments, with the next one after it.
        let first_length = 4 + usize::from(u16::from_be_bytes([picture[4], picture[5]]));
        let cut = [&picture[..first_length], &picture].concat();
        assert_eq!(Walker::default().walk(&cut), Extent::Broken(first_length));
        assert!(matches!(whole(&picture[..picture.len() - 1]), Err(JpegError::Cut)));
    }

    #[test]
    fn colour_and_grey_become_frames() {
        let mut frame = Frame::default();
        decode_into(&jpeg(5, 3, 77), &mut frame).unwrap();
        frame.check().unwrap();
        assert_eq!((frame.format, frame.size), (PixelFormat::Rgb24, Size { width: 5, height: 3 }));
        assert!(frame.bytes.iter().all(|b| b.abs_diff(77) < 3), "{:?}", frame.bytes);

        let mut grey = Vec::new();
        JpegEncoder::new(&mut grey).encode(&[200; 15], 5, 3, image::ExtendedColorType::L8).unwrap();
        decode_into(&grey, &mut frame).unwrap();
        frame.check().unwrap();
        assert_eq!((frame.format, frame.stride_bytes, frame.bytes.len()), (PixelFormat::Grey, 5, 15));
    }

    #[test]
    fn a_jpeg_without_huffman_tables_has_the_usual_ones() {
        // As USB cameras send it: an AVI1 segment, and no tables.
        let full = jpeg(16, 16, 140);
        let mut bare = [&full[..2], b"\xff\xe0\x00\x10AVI1\0\0\0\0\0\0\0\0\0\0"].concat();
        let mut at = 2;
        while full[at + 1] != START_OF_SCAN {
            let length = 2 + usize::from(u16::from_be_bytes([full[at + 2], full[at + 3]]));
            if !matches!(full[at + 1], 0xc4 | 0xe0) {
                bare.extend(&full[at..at + length]);
            }
            at += length;
        }
        bare.extend(&full[at..]);
        let mut frame = Frame::default();
        decode_into(&bare, &mut frame).unwrap();
        assert!(frame.bytes.iter().all(|b| b.abs_diff(140) < 3), "{:?}", &frame.bytes[..12]);
    }
}
