//! Picture files: JPEG and PNG to frames, and frames' overlays to PNG.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use crate::picture::frame::{Frame, Size};
use crate::picture::jpeg;

/// Longest side of a picture that is read.
const MAX_SIDE_PX: u32 = 16_384;

#[derive(Debug, Error)]
pub enum PictureError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no JPEG or PNG picture{found}")]
    UnknownKind { path: PathBuf, found: &'static str },
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
        other => return Err(PictureError::UnknownKind { path: path.into(), found: in_words(other.ok(), bytes) }),
    };
    let broken = |problem: String| PictureError::Broken { path: path.into(), problem };
    // The decoder fills what is missing with grey.
    if format == ImageFormat::Jpeg && jpeg::Walker::default().walk(bytes) == jpeg::Extent::Unfinished {
        return Err(broken(jpeg::JpegError::Cut.to_string()));
    }
    let pixels = decode_upright(bytes, format).map_err(|e| broken(e.to_string()))?.into_rgb8();
    let size = Size { width: pixels.width(), height: pixels.height() };
    Frame::from_rgb(size, pixels.into_raw()).map_err(|e| broken(e.to_string()))
}

/// What a file is that is none of ours, as the end of a message.
fn in_words(format: Option<ImageFormat>, bytes: &[u8]) -> &'static str {
    match format {
        Some(ImageFormat::WebP) => ": it is a WebP; convert it to .png",
        Some(ImageFormat::Gif) => ": it is a GIF; convert it to .png",
        Some(ImageFormat::Bmp) => ": it is a BMP; convert it to .png",
        Some(ImageFormat::Tiff) => ": it is a TIFF; convert it to .png",
        Some(ImageFormat::Avif) => ": it is an AVIF; convert it to .png",
        _ if bytes.is_empty() => ": it is empty",
        _ if bytes.get(4..8) == Some(b"ftyp") => ": it is a HEIC or a film; convert it to .png",
        _ => "",
    }
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

#[cfg(test)]
mod tests {
    use image::RgbImage;

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
            assert_eq!(frame.size, Size { width: 40, height: 30 });
            let last = &frame.bytes[frame.bytes.len() - 3..];
            assert!(last.iter().zip([234, 232, 90]).all(|(a, b)| a.abs_diff(b) < 12), "{last:?}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let [jpeg, png] = [ImageFormat::Jpeg, ImageFormat::Png].map(encoded);
        let with_thumbnail = with_thumbnail(&jpeg, &jpeg);
        // The last chunk of a PNG carries no pixels.
        for (name, bytes, end) in [("JPEG", &jpeg, 0), ("PNG", &png, 12), ("with thumbnail", &with_thumbnail, 0)] {
            assert!(decode(bytes, Path::new("a")).is_ok(), "{name}");
            for length in 0..bytes.len() - end {
                assert!(decode(&bytes[..length], Path::new("a")).is_err(), "{name} cut at {length} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let error = decode(b"hello", Path::new("notes.txt")).unwrap_err().to_string();
        assert_eq!(error, "notes.txt is no JPEG or PNG picture");
        for (bytes, expected) in [
            (&b""[..], "a.jpg is no JPEG or PNG picture: it is empty"),
            (b"RIFF\x20\0\0\0WEBPVP8 ", "a.jpg is no JPEG or PNG picture: it is a WebP; convert it to .png"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "a.jpg is no JPEG or PNG picture: it is a HEIC or a film; convert it to .png"),
        ] {
            assert_eq!(decode(bytes, Path::new("a.jpg")).unwrap_err().to_string(), expected);
        }
        let error = decode(&encoded(ImageFormat::Png)[..60], Path::new("a.png")).unwrap_err().to_string();
        assert!(error.starts_with("a.png is a broken picture: ") && !error.contains('\n'), "{error}");
    }
}
