//! Raw frames of hostile sizes and strides: refused, or every pixel and every crop of them can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nalgebra::Point2;
use wingmark::convert::CropImage;
use wingmark::frame::{Frame, PixelFormat, Size};
use wingmark::geometry::Crop;

const FORMATS: [PixelFormat; 5] =
    [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Grey, PixelFormat::Yuyv, PixelFormat::Nv12];

fuzz_target!(|input: (u8, u32, u32, u32, [f32; 4], Vec<u8>)| {
    let (format, width, height, stride_bytes, [x, y, side, roll], bytes) = input;
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    let frame = Frame { format, size: Size { width, height }, stride_bytes, bytes, ..Frame::default() };
    if frame.check().is_ok() {
        assert_eq!(frame.to_rgb().len(), width as usize * height as usize * 3);
        CropImage::new(8).fill(&frame, &Crop::new(Point2::new(x, y), side, roll, 8));
    }
});
