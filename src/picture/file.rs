//! Picture files: JPEG and PNG to frames, and frames' overlays to PNG.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};
use thiserror::Error;

use crate::picture::frame::{Frame, PixelFormat, Size};
use crate::picture::jpeg;
use crate::picture::{Bounds, JpegError, TooLarge};
use crate::text::{files, stand_in};

/// Of a picture that is read: as large as the largest cameras' ones.
const BOUNDS: Bounds = Bounds { side_px: 16_384, megapixels: 64 };
/// A picture's file has no more bytes: as many as its samples may take.
const MAX_FILE_BYTES: u64 = MAX_DECODED_MIB << 20;
/// What a picture's samples may take in memory: those of 8 bits of the largest picture.
const MAX_DECODED_MIB: u64 = 256;

/// What pictures of HEIF say that they are, behind `ftyp`.
pub const HEIF_BRANDS: [&[u8; 4]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"];
/// Of a PNG, the bytes that hold width and height, each in four, big endian.
const PNG_SIZE: std::ops::Range<usize> = 16..24;
/// A sample of each of four channels in 16 bits.
const MAX_PIXEL_BYTES: u64 = 8;
/// What a PNG may hold besides its pixels, as a colour profile, unpacked.
const MAX_EXTRA_BYTES: u64 = 4 << 20;

/// Why a file is no picture.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum PictureError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no JPEG or PNG picture{found}")]
    UnknownKind { path: PathBuf, found: String },
    #[error("{path} is a broken picture: {problem}")]
    Broken { path: PathBuf, problem: String },
    /// There is nothing wrong with it but that it is not read here.
    #[error("{path} is not read: {problem}")]
    Refused { path: PathBuf, problem: String },
}

/// Why a picture cannot be decoded.
enum Problem {
    Broken(String),
    Refused(String),
}

impl From<JpegError> for Problem {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::Kind(_) => Problem::Refused(format!("{error}; convert it to .png")),
            _ if error.is_refusal() => Problem::Refused(error.to_string()),
            _ => Problem::Broken(error.to_string()),
        }
    }
}

impl From<TooLarge> for Problem {
    fn from(TooLarge(problem): TooLarge) -> Self {
        Problem::Refused(problem)
    }
}

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        let text = error.to_string();
        match error {
            ImageError::Unsupported(_) | ImageError::Limits(_) => Problem::Refused(text),
            _ => Problem::Broken(text),
        }
    }
}

/// Whether the name ends in .jpg, .png or another name of these, in any case.
pub fn is_named_like_one(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| ["jpg", "jpeg", "jpe", "jfif", "png"].iter().any(|known| known.eq_ignore_ascii_case(e)))
}

/// Reads a picture file, turned the way its EXIF orientation says.
pub fn read(path: &Path) -> Result<Frame, PictureError> {
    let bytes = files::read(path, MAX_FILE_BYTES).map_err(|source| PictureError::Read { path: path.into(), source })?;
    decode(&bytes, path)
}

/// Decodes a picture file's bytes; `path` is what messages call it.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Frame, PictureError> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        other => return Err(PictureError::UnknownKind { path: path.into(), found: in_words(other.ok(), bytes) }),
    };
    let broken = |problem: String| PictureError::Broken { path: path.into(), problem };
    let decoded = if format == ImageFormat::Jpeg { decode_jpeg(bytes, path) } else { decode_png(bytes, path) };
    let (mut pixels, orientation) = decoded.map_err(|problem| match problem {
        Problem::Broken(problem) => broken(problem),
        Problem::Refused(problem) => PictureError::Refused { path: path.into(), problem },
    })?;
    pixels.apply_orientation(orientation);
    let pixels = pixels.into_rgb8();
    let size = Size { width: pixels.width(), height: pixels.height() };
    Frame::from_rgb(size, pixels.into_raw()).map_err(|e| broken(e.to_string()))
}

/// What a file is that is no JPEG or PNG, as the end of a message.
fn in_words(format: Option<ImageFormat>, bytes: &[u8]) -> String {
    let found = match format {
        Some(ImageFormat::WebP) => "a WebP; convert it to .png",
        Some(ImageFormat::Gif) => "a GIF; convert it to .png",
        Some(ImageFormat::Bmp) => "a BMP; convert it to .png",
        Some(ImageFormat::Tiff) => "a TIFF; convert it to .png",
        Some(ImageFormat::Avif) => "an AVIF; convert it to .png",
        _ if bytes.is_empty() => "empty",
        _ if HEIF_BRANDS.iter().any(|brand| bytes.get(8..12) == Some(&brand[..])) => "a HEIC; convert it to .png",
        _ if bytes.get(4..8) == Some(b"JXL ") || bytes.starts_with(b"\xff\x0a") => "a JPEG XL; convert it to .png",
        _ if bytes.get(4..8) == Some(b"jP  ") => "a JPEG 2000; convert it to .png",
        _ if bytes.get(4..8) == Some(b"ftyp") => "a film; name it .mp4, so that ffmpeg decodes it",
        _ if bytes.iter().all(|byte| *byte == 0) => "zeros alone; copy it again",
        _ => return stand_in::of(bytes).map(|other| format!(": it is {other}")).unwrap_or_default(),
    };
    format!(": it is {found}")
}

/// A file whose pixels are not all there is an error: nothing else shows that it was cut.
fn decode_jpeg(bytes: &[u8], path: &Path) -> Result<(DynamicImage, Orientation), Problem> {
    let bytes = jpeg::at_start_of(bytes)?;
    let mut frame = Frame::default();
    if let Some(flaw) = jpeg::decode_into(bytes, &mut frame, BOUNDS)? {
        log::warn!("{} {flaw}", path.display());
    }
    let Size { width, height } = frame.size();
    let pixels = match frame.format() {
        PixelFormat::Grey => GrayImage::from_raw(width, height, frame.into_bytes()).map(DynamicImage::ImageLuma8),
        _ => RgbImage::from_raw(width, height, frame.into_bytes()).map(DynamicImage::ImageRgb8),
    };
    let pixels = pixels.ok_or_else(|| Problem::Broken("its pixels do not fit its size".into()))?;
    Ok((pixels, jpeg::orientation(bytes)))
}

fn decode_png(bytes: &[u8], path: &Path) -> Result<(DynamicImage, Orientation), Problem> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(png_bytes(bytes));
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits)?;
    let (width, height) = decoder.dimensions();
    BOUNDS.check(Size { width, height })?;
    let decoded_mib = decoder.total_bytes() >> 20;
    if decoded_mib > MAX_DECODED_MIB {
        let limit = format!("expected at most {MAX_DECODED_MIB} MiB");
        return Err(Problem::Refused(format!("its samples take {decoded_mib} MiB in memory; {limit}")));
    }
    if decoder.is_apng()? {
        log::warn!("{} is animated; its first picture is taken alone", path.display());
    }
    let orientation = decoder.orientation()?;
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// What decoding a PNG may take in memory: as much as its pixels, and a little.
fn png_bytes(bytes: &[u8]) -> u64 {
    let sides = bytes.get(PNG_SIZE).unwrap_or_default().as_chunks().0;
    let pixels = sides.iter().fold(1, |pixels: u64, side| pixels.saturating_mul(u32::from_be_bytes(*side).into()));
    (pixels.saturating_mul(MAX_PIXEL_BYTES).min(MAX_DECODED_MIB << 20)) + MAX_EXTRA_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::with_thumbnail;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, 90]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn jpeg_and_png_become_rgb_frames() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let frame = decode(&encoded(format), Path::new("a")).unwrap();
            assert_eq!(frame.size(), Size { width: 40, height: 30 });
            let last = &frame.bytes()[frame.bytes().len() - 3..];
            assert!(last.iter().zip([234, 232, 90]).all(|(a, b)| a.abs_diff(b) < 12), "{last:?}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let [jpeg, png] = [ImageFormat::Jpeg, ImageFormat::Png].map(encoded);
        let with_thumbnail = with_thumbnail(&jpeg, &jpeg);
        // The last chunk of a PNG carries no pixels, nor does a JPEG's end marker.
        for (name, bytes, end) in [("JPEG", &jpeg, 2), ("PNG", &png, 12), ("with thumbnail", &with_thumbnail, 2)] {
            assert!(decode(bytes, Path::new("a")).is_ok(), "{name}");
            for length in 0..bytes.len() - end {
                assert!(decode(&bytes[..length], Path::new("a")).is_err(), "{name} cut at {length} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn a_jpeg_is_turned_the_way_its_exif_segment_says() {
        let jpeg = encoded(ImageFormat::Jpeg);
        // Big-endian TIFF with one entry: the orientation, 6 (turn it clockwise).
        let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let turned = decode(&[&jpeg[..2], exif, &jpeg[2..]].concat(), Path::new("a.jpg")).unwrap();
        assert_eq!(turned.size(), Size { width: 30, height: 40 });
    }

    /// A PNG's head, which says that it has pixels of 16 bits RGBA.
    fn large_png(width: u32, height: u32) -> Vec<u8> {
        let mut header = [&b"IHDR"[..], &width.to_be_bytes(), &height.to_be_bytes(), &[16, 6, 0, 0, 0]].concat();
        header.extend(crc32fast::hash(&header).to_be_bytes());
        [&b"\x89PNG\r\n\x1a\n\0\0\0\x0d"[..], &header, b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat()
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused_with_the_limit() {
        for (width, height, expected) in [
            (16_385, 1, "a.png is not read: its size is 16385x1; expected at most 16384x16384"),
            (16_384, 16_384, "its size is 16384x16384; expected at most 64 million pixels"),
            (8000, 8000, "its samples take 488 MiB in memory; expected at most 256 MiB"),
        ] {
            let error = decode(&large_png(width, height), Path::new("a.png")).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    /// A profile is of no use here, and a small file may hold a large one.
    #[test]
    fn what_a_png_holds_besides_its_pixels_takes_little_memory() {
        let png = encoded(ImageFormat::Png);
        let size = Size { width: 40, height: 30 };
        assert_eq!(png_bytes(&png), 40 * 30 * 8 + MAX_EXTRA_BYTES);
        assert_eq!(png_bytes(&png[..20]), 8 + MAX_EXTRA_BYTES);
        let mut profile = b"name\0\0".to_vec();
        let mut packed = flate2::write::ZlibEncoder::new(&mut profile, flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &vec![0; 64 << 20]).unwrap();
        packed.finish().unwrap();
        let mut chunk = [&(profile.len() as u32).to_be_bytes()[..], b"iCCP", &profile].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&chunk[4..]);
        chunk.extend(sum.sum().to_be_bytes());
        let with_profile = [&png[..33], &chunk, &png[33..]].concat();
        assert_eq!(decode(&with_profile, Path::new("a")).unwrap().size(), size);
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let error = decode(b"hello", Path::new("notes.txt")).unwrap_err().to_string();
        assert_eq!(error, "notes.txt is no JPEG or PNG picture");
        for (bytes, expected) in [
            (&b""[..], "a.jpg is no JPEG or PNG picture: it is empty"),
            (b"RIFF\x20\0\0\0WEBPVP8 ", "a.jpg is no JPEG or PNG picture: it is a WebP; convert it to .png"),
            (b"\xff\x0a\xfa", "a.jpg is no JPEG or PNG picture: it is a JPEG XL; convert it to .png"),
            (b"\0\0\0\x0cjP  \r\n", "a.jpg is no JPEG or PNG picture: it is a JPEG 2000; convert it to .png"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "a.jpg is no JPEG or PNG picture: it is a HEIC; convert it to .png"),
            (
                b"\0\0\0\x18ftypisom\0\0\0\0",
                "a.jpg is no JPEG or PNG picture: it is a film; name it .mp4, so that ffmpeg decodes it",
            ),
        ] {
            assert_eq!(decode(bytes, Path::new("a.jpg")).unwrap_err().to_string(), expected);
        }
        let error = decode(&encoded(ImageFormat::Png)[..60], Path::new("a.png")).unwrap_err().to_string();
        assert!(error.starts_with("a.png is a broken picture: ") && !error.contains('\n'), "{error}");
    }
}
