//! Picture files: JPEG and PNG to frames, and frames' overlays to PNG.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use crate::frame::{Frame, Size};

/// Longest side of a picture that is read.
const MAX_SIDE_PX: u32 = 16_384;

#[derive(Debug, Error)]
pub enum PictureError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no JPEG or PNG picture")]
    UnknownKind { path: PathBuf },
    #[error("{path} is a broken picture: {problem}")]
    Broken { path: PathBuf, problem: String },
}

/// Whether the name ends in .jpg, .jpeg or .png, in any case.
pub fn is_named_like_one(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| ["jpg", "jpeg", "png"].iter().any(|known| known.eq_ignore_ascii_case(e)))
}

/// Reads a picture file, turned the way its EXIF orientation says.
pub fn read(path: &Path) -> Result<Frame, PictureError> {
    let bytes = std::fs::read(path).map_err(|source| PictureError::Read { path: path.into(), source })?;
    decode(&bytes, path)
}

/// Decodes a picture file's bytes; `path` is what messages call it.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Frame, PictureError> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err(PictureError::UnknownKind { path: path.into() }),
    };
    let broken = |problem: String| PictureError::Broken { path: path.into(), problem };
    if format == ImageFormat::Jpeg && jpeg_is_cut_short(bytes) {
        return Err(broken("it is cut short, there is no end-of-image marker".into()));
    }
    let pixels = decode_upright(bytes, format).map_err(|e| broken(e.to_string()))?.into_rgb8();
    let size = Size { width: pixels.width(), height: pixels.height() };
    Frame::from_rgb(size, pixels.into_raw()).map_err(|e| broken(e.to_string()))
}

fn decode_upright(bytes: &[u8], format: ImageFormat) -> image::ImageResult<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut pixels = DynamicImage::from_decoder(decoder)?;
    pixels.apply_orientation(orientation);
    Ok(pixels)
}

/// The decoder fills what is missing of a truncated JPEG with grey, so it is found here: the scan data after the last
/// start-of-scan marker can contain an end-of-image marker only at its end.
fn jpeg_is_cut_short(bytes: &[u8]) -> bool {
    let marker = |code: u8| move |pair: &[u8]| pair == [0xff, code];
    let Some(scan) = bytes.windows(2).rposition(marker(0xda)) else { return true };
    !bytes[scan..].windows(2).any(marker(0xd9))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

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
            assert_eq!(frame.size, Size { width: 40, height: 30 });
            let last = &frame.bytes[frame.bytes.len() - 3..];
            assert!(last.iter().zip([234, 232, 90]).all(|(a, b)| a.abs_diff(b) < 12), "{last:?}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encoded(format);
            // The last chunk of a PNG (12 bytes) and the marker of a JPEG (2 bytes) carry no pixels.
            for end in 0..bytes.len() - 16 {
                assert!(decode(&bytes[..end], Path::new("a")).is_err(), "{format:?} cut at {end} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let error = decode(b"hello", Path::new("notes.txt")).unwrap_err().to_string();
        assert_eq!(error, "notes.txt is no JPEG or PNG picture");
        let error = decode(&encoded(ImageFormat::Png)[..60], Path::new("a.png")).unwrap_err().to_string();
        assert!(error.starts_with("a.png is a broken picture: ") && !error.contains('\n'), "{error}");
    }
}
