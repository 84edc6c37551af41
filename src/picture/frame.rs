//! A camera frame as it leaves a source, and read access to its pixels whatever the format.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::pixels::{Bgr24, Grey, Nv12, PixelReader, Pixels, Rgb24, Rows, Yuyv};
pub use super::size::{Size, SizeError};

/// How pixels lie in [`Frame::bytes`]. Names follow V4L2's fourcc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PixelFormat {
    /// `RGB3`: red, green, blue, one byte each.
    #[default]
    Rgb24,
    /// `BGR3`: blue, green, red, one byte each.
    Bgr24,
    /// `GREY`: one byte of luma.
    Grey,
    /// `YUYV`: two pixels in four bytes, BT.601 limited range.
    Yuyv,
    /// `NV12`: a plane of luma, then one of interleaved Cb, Cr at half size; BT.601 limited range.
    Nv12,
}

/// V4L2's fourcc.
impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb24 => "RGB3",
            Self::Bgr24 => "BGR3",
            Self::Grey => "GREY",
            Self::Yuyv => "YUYV",
            Self::Nv12 => "NV12",
        })
    }
}

impl PixelFormat {
    /// Bytes that one row of the first plane needs at least.
    pub fn row_bytes(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::Rgb24 | Self::Bgr24 => width.saturating_mul(3),
            Self::Grey | Self::Nv12 => width,
            Self::Yuyv => width.div_ceil(2).saturating_mul(4),
        }
    }
}

/// One picture of a source: its pixels, and what is known of them. Reused from frame to frame, so
/// that its memory is allocated once.
///
/// Size, stride and number of bytes always fit together, so that no reader has to check them again.
/// A frame that nobody filled is one black pixel.
#[derive(Debug)]
pub struct Frame {
    sequence: u32,
    captured_at: Duration,
    source: Option<Arc<str>>,
    format: PixelFormat,
    size: Size,
    stride_bytes: u32,
    bytes: Vec<u8>,
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        let mut clone = Frame::default();
        clone.clone_from(self);
        clone
    }

    /// Keeps the memory of the frame before.
    fn clone_from(&mut self, other: &Self) {
        let Frame { sequence, captured_at, source, format, size, stride_bytes, bytes } = other;
        (self.sequence, self.captured_at) = (*sequence, *captured_at);
        (self.format, self.size, self.stride_bytes) = (*format, *size, *stride_bytes);
        self.source.clone_from(source);
        self.bytes.clone_from(bytes);
    }
}

impl Default for Frame {
    fn default() -> Self {
        let (format, size) = (PixelFormat::Grey, Size { width: 1, height: 1 });
        Frame { sequence: 0, captured_at: Duration::ZERO, source: None, format, size, stride_bytes: 1, bytes: vec![0] }
    }
}

/// Size, stride and number of bytes do not fit together.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A side is 0.
    #[error("a frame of {0} has no pixels; both sides have to be at least 1")]
    Empty(Size),
    /// Rows overlap.
    #[error("stride of {found} bytes is shorter than a row of {format} {size}, which takes {expected}")]
    StrideTooShort {
        /// Of the frame.
        format: PixelFormat,
        /// Of the frame.
        size: Size,
        /// The stride, in bytes.
        found: u32,
        /// The shortest stride, in bytes.
        expected: usize,
    },
    /// Pixels at the end have no bytes.
    #[error("{found} bytes are too few for {format} {size} with a stride of {stride_bytes}; expected {expected}")]
    TooFewBytes {
        /// Of the frame.
        format: PixelFormat,
        /// Of the frame.
        size: Size,
        /// Of the frame, in bytes.
        stride_bytes: u32,
        /// How many there are.
        found: usize,
        /// How many there have to be.
        expected: usize,
    },
}

impl Frame {
    /// Makes a frame of `bytes` in the layout of `format`, number 0 at time 0. `stride_bytes` lie
    /// between the starts of two rows of the first plane; the last row may lack its padding, and
    /// bytes may follow it.
    ///
    /// # Errors
    /// When size, stride and number of bytes do not fit together.
    pub fn new(format: PixelFormat, size: Size, stride_bytes: u32, bytes: Vec<u8>) -> Result<Self, FrameError> {
        check(format, size, stride_bytes, bytes.len())?;
        Ok(Frame { sequence: 0, captured_at: Duration::ZERO, source: None, format, size, stride_bytes, bytes })
    }

    /// Makes a frame of packed RGB bytes (row by row, no padding), number 0 at time 0.
    ///
    /// # Errors
    /// When there are fewer bytes than the size needs, or a side is 0.
    pub fn from_rgb(size: Size, bytes: Vec<u8>) -> Result<Self, FrameError> {
        Frame::new(PixelFormat::Rgb24, size, size.width.saturating_mul(3), bytes)
    }

    /// Overwrites the pixels in place, as [`Frame::new`] would have them: `write` finds the bytes
    /// of the frame before and leaves those of this one. Number, time and source stay.
    ///
    /// # Errors
    /// What `write` says, or when size, stride and number of bytes do not fit together. The frame
    /// is one black pixel then.
    pub fn fill<E: From<FrameError>>(
        &mut self,
        format: PixelFormat,
        size: Size,
        stride_bytes: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let written = write(&mut bytes);
        let fits = written.and_then(|()| Ok(check(format, size, stride_bytes, bytes.len())?));
        if fits.is_ok() {
            (self.format, self.size, self.stride_bytes) = (format, size, stride_bytes);
        } else {
            (self.format, self.size, self.stride_bytes) = (PixelFormat::Grey, Size { width: 1, height: 1 }, 1);
            bytes.clear();
            bytes.push(0);
        }
        self.bytes = bytes;
        fits
    }

    /// Says which frame of its source this is, and when it was captured.
    pub fn stamp(&mut self, sequence: u32, captured_at: Duration) {
        (self.sequence, self.captured_at) = (sequence, captured_at);
    }

    /// Says which file it is from.
    pub fn set_source(&mut self, source: Option<Arc<str>>) {
        self.source = source;
    }

    /// Its number; a source counts dropped frames too.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// When it was captured, since the source's start, monotonic.
    pub fn captured_at(&self) -> Duration {
        self.captured_at
    }

    /// The file that it is from, as records name it; none from a camera, a pipe or the built-in
    /// picture.
    pub fn source(&self) -> Option<&Arc<str>> {
        self.source.as_ref()
    }

    /// How its pixels lie in [`Frame::bytes`].
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width and height in pixels; neither is 0.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Distance between the starts of two rows of the first plane, in bytes.
    pub fn stride_bytes(&self) -> u32 {
        self.stride_bytes
    }

    /// The planes one after the other, each row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// To change pixels where they are; a frame keeps the number of its bytes.
    #[cfg(test)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes without the frame.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Calls `reader` with this frame's pixels, compiled once for each format.
    pub fn read_pixels<R: PixelReader>(&self, reader: R) -> R::Output {
        let (size, stride) = (self.size, self.stride_bytes as usize);
        let rows = Rows { bytes: &self.bytes, stride };
        match self.format {
            PixelFormat::Rgb24 => reader.read(size, Rgb24(rows)),
            PixelFormat::Bgr24 => reader.read(size, Bgr24(rows)),
            PixelFormat::Grey => reader.read(size, Grey(rows)),
            PixelFormat::Yuyv => reader.read(size, Yuyv(rows)),
            PixelFormat::Nv12 => {
                let (luma, chroma) = self.bytes.split_at(stride * size.height as usize);
                reader.read(size, Nv12 { luma: Rows { bytes: luma, stride }, chroma: Rows { bytes: chroma, stride } })
            }
        }
    }

    /// The whole frame as packed RGB.
    pub fn to_rgb(&self) -> Vec<u8> {
        struct Whole;
        impl PixelReader for Whole {
            type Output = Vec<u8>;
            fn read(self, size: Size, pixels: impl Pixels) -> Vec<u8> {
                let mut rgb = vec![[0; 3]; size.width as usize * size.height as usize];
                for (y, row) in rgb.chunks_exact_mut(size.width as usize).enumerate() {
                    pixels.row(y, 0, row);
                }
                rgb.into_flattened()
            }
        }
        self.read_pixels(Whole)
    }
}

/// Whether size, stride and number of bytes fit together, in the way that [`Frame::read_pixels`]
/// relies on.
fn check(format: PixelFormat, size: Size, stride_bytes: u32, found: usize) -> Result<(), FrameError> {
    if size.width == 0 || size.height == 0 {
        return Err(FrameError::Empty(size));
    }
    let row = format.row_bytes(size.width);
    // An NV12 chroma row holds a pair for each two columns, so an odd width needs one byte more.
    let row = if format == PixelFormat::Nv12 { row.saturating_add(row % 2) } else { row };
    if (stride_bytes as usize) < row {
        return Err(FrameError::StrideTooShort { format, size, found: stride_bytes, expected: row });
    }
    let rows = match format {
        PixelFormat::Nv12 => (size.height as usize).saturating_add(size.height.div_ceil(2) as usize),
        _ => size.height as usize,
    };
    // No memory holds as many bytes as sizes from outside can ask for.
    let expected = (rows - 1).saturating_mul(stride_bytes as usize).saturating_add(row);
    if found < expected {
        return Err(FrameError::TooFewBytes { format, size, stride_bytes, found, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(
        format: PixelFormat,
        width: u32,
        height: u32,
        stride_bytes: u32,
        bytes: Vec<u8>,
    ) -> Result<Frame, FrameError> {
        Frame::new(format, Size { width, height }, stride_bytes, bytes)
    }

    #[test]
    fn every_format_reads_the_same_grey_picture() {
        // Luma 16, 126, 235 are black, mid grey (128) and white in limited range.
        let yuyv = frame(PixelFormat::Yuyv, 3, 1, 8, vec![16, 128, 126, 128, 235, 128, 0, 128]);
        let nv12 = frame(PixelFormat::Nv12, 3, 1, 4, vec![16, 126, 235, 0, 128, 128, 128, 128]);
        let grey = frame(PixelFormat::Grey, 3, 1, 3, vec![0, 128, 255]);
        let bgr = frame(PixelFormat::Bgr24, 3, 1, 9, vec![0, 0, 0, 128, 128, 128, 255, 255, 255]);
        let expected = [0, 0, 0, 128, 128, 128, 255, 255, 255];
        for frame in [yuyv, nv12, grey, bgr] {
            let frame = frame.unwrap();
            assert_eq!(frame.to_rgb(), expected, "{:?}", frame.format);
        }
    }

    #[test]
    fn a_size_is_read_as_it_is_shown() {
        let size = Size { width: 640, height: 480 };
        assert_eq!(size.to_string().parse(), Ok(size));
        for text in
            ["", "640", "640x", "640x0", "640x480x3", "640 x 480", "-640x480", "15x480", "640x4097", "99999x99999"]
        {
            assert_eq!(text.parse::<Size>(), Err(SizeError), "{text}");
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_its_bytes_is_refused_in_words() {
        let short = frame(PixelFormat::Rgb24, 4, 2, 12, vec![0; 23]).unwrap_err();
        assert_eq!(short.to_string(), "23 bytes are too few for RGB3 4x2 with a stride of 12; expected 24");
        let narrow = frame(PixelFormat::Yuyv, 5, 1, 10, vec![0; 12]).unwrap_err();
        assert_eq!(narrow.to_string(), "stride of 10 bytes is shorter than a row of YUYV 5x1, which takes 12");
        assert!(frame(PixelFormat::Grey, 0, 1, 0, vec![]).is_err());
        let endless = frame(PixelFormat::Nv12, 4, u32::MAX, u32::MAX, vec![0; 12]);
        assert!(matches!(endless, Err(FrameError::TooFewBytes { .. })), "{endless:?}");
        // The last row need not be padded to the stride.
        frame(PixelFormat::Grey, 3, 2, 8, vec![0; 11]).unwrap();
    }

    #[test]
    fn a_copy_keeps_the_memory_of_the_one_before() {
        let from = frame(PixelFormat::Bgr24, 2, 1, 6, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let mut to = frame(PixelFormat::Rgb24, 4, 2, 12, vec![7; 24]).unwrap();
        let at = to.bytes.as_ptr();
        to.clone_from(&from);
        assert_eq!((to.bytes.as_ptr(), to.to_rgb()), (at, from.clone().to_rgb()));
        assert_eq!(format!("{to:?}"), format!("{from:?}"));
    }

    #[test]
    fn a_frame_is_a_picture_whatever_happens_to_it() {
        let size = Size { width: 3, height: 2 };
        let mut frame = Frame::default();
        assert_eq!(frame.to_rgb(), [0; 3]);
        let filled: Result<(), FrameError> = frame.fill(PixelFormat::Grey, size, 3, |bytes| {
            bytes.clear();
            bytes.extend([7; 6]);
            Ok(())
        });
        filled.unwrap();
        frame.stamp(5, Duration::from_secs(1));
        assert_eq!((frame.size(), frame.to_rgb()), (size, vec![7; 18]));
        let short: Result<(), FrameError> = frame.fill(PixelFormat::Rgb24, size, 9, |_| Ok(()));
        assert!(matches!(short, Err(FrameError::TooFewBytes { found: 6, .. })), "{short:?}");
        assert_eq!((frame.size(), frame.to_rgb()), (Size { width: 1, height: 1 }, vec![0; 3]));
        assert_eq!((frame.sequence(), frame.captured_at()), (5, Duration::from_secs(1)));
    }
}
