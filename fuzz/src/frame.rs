//! Raw frames of hostile sizes and strides: refused, or every pixel and every crop of them can be
//! read.

use nalgebra::Point2;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, PixelFormat, Size};
use wingmark::picture::geometry::Crop;

const FORMATS: [PixelFormat; 5] =
    [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Grey, PixelFormat::Yuyv, PixelFormat::Nv12];

/// The first byte chooses the format; then width, height, stride, and the crop's x, y, side and
/// roll, four bytes each; the rest is the frame.
pub fn check(bytes: &[u8]) {
    let Some((format, rest)) = bytes.split_first() else { return };
    let Some((head, bytes)) = rest.split_at_checked(7 * 4) else { return };
    let field = |i: usize| -> [u8; 4] { head[4 * i..][..4].try_into().expect("four bytes") };
    let [width, height, stride_bytes] = [0, 1, 2].map(|i| u32::from_le_bytes(field(i)));
    // Crops show at least a pixel, and landmarks lie not far from the frame.
    let [x, y, side, roll] = [3, 4, 5, 6].map(|i| f32::from_le_bytes(field(i)).clamp(-1e6, 1e6));
    let is_crop = [x, y, side, roll].iter().all(|value| value.is_finite());
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    if let Ok(frame) = Frame::new(format, Size { width, height }, stride_bytes, bytes.into()) {
        assert_eq!(frame.to_rgb().len(), width as usize * height as usize * 3);
        if is_crop {
            CropImage::new(8).fill(&frame, &Crop::new(Point2::new(x, y), side.max(1.0), roll, 8));
        }
    }
}
