//! A camera's frame from the driver's memory into one of ours: the one copy, in which its samples
//! take the order that a [`Frame`] has them in.

use super::CameraFormat;
use crate::capture::levels::Levels;
use crate::picture::frame::{Frame, FrameError, PixelFormat, Size};

/// No format of ours has more.
pub const MAX_PLANES: usize = 3;

/// How a camera's frames lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub format: CameraFormat,
    pub size: Size,
    /// Distance between the starts of two rows of each plane, as far as the driver says; of no
    /// meaning for JPEGs.
    pub stride_bytes: [u32; MAX_PLANES],
    /// Samples of luma and chroma use 0 to 255.
    pub is_full_range: bool,
}

impl Layout {
    /// What a frame of this format becomes; `None` where it is compressed.
    pub fn pixels(&self) -> Option<PixelFormat> {
        match self.format {
            CameraFormat::Yuyv | CameraFormat::Uyvy => Some(PixelFormat::Yuyv),
            CameraFormat::Nv12 | CameraFormat::Nv12Apart | CameraFormat::Yu12 | CameraFormat::Yu12Apart => {
                Some(PixelFormat::Nv12)
            }
            CameraFormat::Rgb24 => Some(PixelFormat::Rgb24),
            CameraFormat::Bgr24 => Some(PixelFormat::Bgr24),
            CameraFormat::Grey => Some(PixelFormat::Grey),
            CameraFormat::Mjpeg | CameraFormat::Jpeg => None,
        }
    }

    /// Overwrites the frame with what the driver gave, which may be too little: that is an error.
    /// Compressed frames are not for this.
    pub fn copy_into(&self, planes: &[&[u8]], frame: &mut Frame) -> Result<(), FrameError> {
        let Some(format) = self.pixels() else { return Ok(()) };
        let row = format.row_bytes(self.size.width);
        // Some drivers say nothing, or something that cannot be. No row follows a single one.
        let rows_from = if self.size.height == 1 { row } else { (self.stride_bytes[0] as usize).max(row) };
        let is_yu12 = matches!(self.format, CameraFormat::Yu12 | CameraFormat::Yu12Apart);
        // A row of pairs is a byte longer than one of luma where that is odd.
        let stride = if is_yu12 { rows_from.max(2 * self.chroma_width()) } else { rows_from };
        // The first plane, whose last row may lack its padding: what is said of the others follows
        // from it, and memory is taken for no more than is there.
        let first = planes.first().map_or(0, |plane| plane.len());
        let before_last = rows_from.saturating_mul(self.size.height.saturating_sub(1) as usize);
        let expected = before_last.saturating_add(row);
        let stride_bytes = u32::try_from(stride).unwrap_or(u32::MAX);
        frame.fill(format, self.size, stride_bytes, |out| {
            out.clear();
            if first < expected {
                let (size, found) = (self.size, first);
                return Err(FrameError::TooFewBytes { format, size, stride_bytes, found, expected });
            }
            self.copy(planes, rows_from, Packed { out, stride });
            if self.is_full_range {
                self.limit_range(format, stride, out);
            }
            Ok(())
        })
    }

    /// `stride` lies between the rows of the first plane.
    fn copy(&self, planes: &[&[u8]], stride: usize, to: Packed) {
        let first = planes.first().copied().unwrap_or_default();
        match self.format {
            CameraFormat::Uyvy => {
                to.out.extend_from_slice(first);
                pairs_of_rows(to.out, stride).for_each(|pair| pair.swap(0, 1));
            }
            CameraFormat::Nv12Apart => self.pack_nv12(first, planes, to),
            CameraFormat::Yu12 => {
                // The planes of chroma follow the one of luma, with rows of half its length.
                let (luma, chroma) = first.split_at(first.len().min(stride * self.size.height as usize));
                let half = (stride / 2).max(self.chroma_width());
                let (cb, cr) = chroma.split_at(chroma.len().min(half * self.chroma_rows()));
                self.pack_yu12([luma, cb, cr], [stride, half, half], to);
            }
            CameraFormat::Yu12Apart => {
                let [cb, cr] = [1, 2].map(|i| planes.get(i).copied().unwrap_or_default());
                let strides = [1, 2].map(|i| (self.stride_bytes[i] as usize).max(self.chroma_width()));
                self.pack_yu12([first, cb, cr], [stride, strides[0], strides[1]], to);
            }
            _ => to.out.extend_from_slice(first),
        }
    }

    /// Frames have samples of limited range.
    fn limit_range(&self, format: PixelFormat, stride: usize, out: &mut [u8]) {
        let Levels { luma, chroma } = Levels::from_full();
        let limit = |samples: &mut [u8], levels: &[u8; 256]| {
            samples.iter_mut().for_each(|sample| *sample = levels[usize::from(*sample)]);
        };
        match format {
            PixelFormat::Yuyv => {
                pairs_of_rows(out, stride).for_each(|[y, c]| {
                    (*y, *c) = (luma[usize::from(*y)], chroma[usize::from(*c)]);
                });
            }
            PixelFormat::Nv12 => {
                let (first, second) = out.split_at_mut(out.len().min(stride * self.size.height as usize));
                limit(first, &luma);
                limit(second, &chroma);
            }
            _ => {}
        }
    }

    fn chroma_width(&self) -> usize {
        self.size.width.div_ceil(2) as usize
    }

    fn chroma_rows(&self) -> usize {
        self.size.height.div_ceil(2) as usize
    }

    /// Luma, as long as a frame has it. A last row may lack its padding.
    fn pack_luma(&self, luma: &[u8], to: &mut Packed) {
        let whole = to.stride * self.size.height as usize;
        to.out.extend_from_slice(&luma[..luma.len().min(whole)]);
        if to.out.len() + to.stride >= whole + self.size.width as usize {
            to.out.resize(whole, 0);
        }
    }

    fn pack_nv12(&self, luma: &[u8], planes: &[&[u8]], mut to: Packed) {
        let chroma = planes.get(1).copied().unwrap_or_default();
        self.pack_luma(luma, &mut to);
        let row = 2 * self.chroma_width();
        let stride = (self.stride_bytes[1] as usize).max(row);
        if stride == to.stride {
            return to.out.extend_from_slice(chroma);
        }
        for samples in chroma.chunks(stride.max(1)).take(self.chroma_rows()) {
            let start = to.out.len();
            to.out.extend_from_slice(&samples[..samples.len().min(row).min(to.stride)]);
            if samples.len() >= row.min(to.stride) {
                to.out.resize(start + to.stride, 0);
            }
        }
    }

    fn pack_yu12(&self, [luma, cb, cr]: [&[u8]; 3], [stride, cb_stride, cr_stride]: [usize; 3], mut to: Packed) {
        let width = self.chroma_width();
        if stride < to.stride {
            let padded = luma.chunks(stride.max(1)).take(self.size.height as usize);
            to.out.extend(padded.flat_map(|row| row.iter().copied().chain([0])));
        } else {
            self.pack_luma(luma, &mut to);
        }
        for (cb, cr) in cb.chunks(cb_stride.max(1)).zip(cr.chunks(cr_stride.max(1))).take(self.chroma_rows()) {
            let start = to.out.len();
            to.out.extend(cb.iter().zip(cr).take(width).flat_map(|(cb, cr)| [*cb, *cr]));
            if cb.len().min(cr.len()) >= width {
                to.out.resize(start + to.stride, 0);
            }
        }
    }
}

/// Luma and chroma of each sample, row by row, which may have an odd number of bytes.
fn pairs_of_rows(samples: &mut [u8], stride: usize) -> impl Iterator<Item = &mut [u8; 2]> {
    samples.chunks_mut(stride.max(1)).flat_map(|row| row.as_chunks_mut().0)
}

/// A frame's memory while it is filled.
struct Packed<'a> {
    out: &'a mut Vec<u8>,
    stride: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(format: CameraFormat, width: u32, height: u32, stride_bytes: [u32; MAX_PLANES]) -> Layout {
        Layout { format, size: Size { width, height }, stride_bytes, is_full_range: false }
    }

    fn copied(layout: Layout, planes: &[&[u8]]) -> Result<Frame, FrameError> {
        let mut frame = Frame::new(PixelFormat::Grey, Size { width: 7, height: 1 }, 7, vec![99; 7]).unwrap();
        layout.copy_into(planes, &mut frame)?;
        Ok(frame)
    }

    /// 4x2 pixels, red on the left and blue on the right.
    #[test]
    fn every_format_gives_the_same_picture() {
        use CameraFormat::{Nv12, Nv12Apart, Uyvy, Yu12, Yu12Apart, Yuyv};
        let luma = [81, 81, 41, 41, 81, 81, 41, 41];
        let (cb, cr) = ([90, 240], [240, 110]);
        let pairs = [90, 240, 240, 110];
        let yuyv = [81, 90, 81, 240, 41, 240, 41, 110].repeat(2);
        let uyvy = [90, 81, 240, 81, 240, 41, 110, 41].repeat(2);
        let together = |chroma: &[u8]| [&luma[..], chroma].concat();
        // Rows of 6 bytes of luma, of 8 of pairs, of 5 and 3 of chroma.
        let padded = [81, 81, 41, 41, 0, 0, 81, 81, 41, 41];
        let seen = [
            copied(layout(Yuyv, 4, 2, [8, 0, 0]), &[&yuyv]),
            copied(layout(Uyvy, 4, 2, [8, 0, 0]), &[&uyvy]),
            copied(layout(Uyvy, 4, 2, [9, 0, 0]), &[&[&uyvy[..8], &[0], &uyvy[8..]].concat()]),
            copied(layout(Nv12, 4, 2, [4, 0, 0]), &[&together(&pairs)]),
            copied(layout(Yu12, 4, 2, [4, 0, 0]), &[&together(&[90, 240, 240, 110])]),
            copied(layout(Nv12Apart, 4, 2, [4, 4, 0]), &[&luma, &pairs]),
            copied(layout(Nv12Apart, 4, 2, [6, 8, 0]), &[&padded, &[90, 240, 240, 110, 0, 0, 0, 0]]),
            copied(layout(Nv12Apart, 4, 2, [6, 4, 0]), &[&padded, &pairs]),
            copied(layout(Yu12Apart, 4, 2, [4, 2, 2]), &[&luma, &cb, &cr]),
            copied(layout(Yu12Apart, 4, 2, [6, 5, 3]), &[&padded, &[90, 240, 0, 0, 0], &[240, 110, 0]]),
            copied(layout(Yu12Apart, 4, 2, [0, 0, 0]), &[&luma, &cb, &cr]),
        ];
        for (i, frame) in seen.iter().enumerate() {
            let rgb = frame.as_ref().unwrap_or_else(|e| panic!("{i}: {e}")).to_rgb();
            for (pixel, expected) in rgb.chunks(6).zip([[254, 0, 0], [0, 0, 255]].iter().cycle()) {
                assert!(pixel[..3].iter().zip(expected).all(|(a, b)| a.abs_diff(*b) < 3), "{i}: {rgb:?}");
            }
        }
    }

    #[test]
    fn samples_of_full_range_reach_black_and_white() {
        use CameraFormat::{Grey, Nv12, Uyvy, Yu12, Yu12Apart, Yuyv};
        let whole: [&[u8]; 3] = [&[0, 255, 0, 255, 128, 128], &[128], &[128]];
        for (format, planes) in [
            (Yuyv, &[&[0, 128, 255, 128, 0, 128, 255, 128][..]][..]),
            (Uyvy, &[&[128, 0, 128, 255, 128, 0, 128, 255]]),
            (Yuyv, &[&[0, 128, 255, 128, 7, 0, 128, 255, 128]]),
            (Nv12, &whole[..1]),
            (Yu12, &whole[..1]),
            (Yu12Apart, &[&[0, 255, 0, 255], &[128], &[128]]),
            (Grey, &[&[0, 255, 0, 255]]),
        ] {
            // Of pairs, a row may have a byte more.
            let stride_bytes = if planes[0].len() == 9 { [5, 0, 0] } else { [0; 3] };
            let frame = copied(Layout { is_full_range: true, ..layout(format, 2, 2, stride_bytes) }, planes).unwrap();
            assert_eq!(frame.to_rgb(), [0, 0, 0, 255, 255, 255].repeat(2), "{format}");
        }
    }

    #[test]
    fn odd_sides_are_rounded_up() {
        let frame = copied(
            layout(CameraFormat::Yu12, 3, 3, [4, 0, 0]),
            &[&[1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 20, 30, 40, 50, 60, 70, 80]],
        );
        assert_eq!(frame.unwrap().bytes(), [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 50, 20, 60, 30, 70, 40, 80]);
        let packed = copied(layout(CameraFormat::Yu12, 3, 2, [3, 0, 0]), &[&[1, 2, 3, 4, 5, 6, 10, 20, 50, 60]]);
        assert_eq!(packed.unwrap().bytes(), [1, 2, 3, 0, 4, 5, 6, 0, 10, 50, 20, 60]);
    }

    #[test]
    fn an_impossible_pitch_takes_no_memory() {
        let samples = vec![7; 16 * 24];
        let planes: [&[u8]; 3] = [&samples, &samples, &samples];
        for format in CameraFormat::ALL.into_iter().chain([CameraFormat::Nv12Apart, CameraFormat::Yu12Apart]) {
            for height in [1, 2, 16] {
                let mut frame = Frame::default();
                let layout = layout(format, 16, height, [u32::MAX; MAX_PLANES]);
                let copied = layout.copy_into(&planes, &mut frame);
                let takes_any = height == 1 || layout.pixels().is_none();
                assert!(
                    copied.is_ok() || !takes_any || format == CameraFormat::Yu12Apart,
                    "{format} {height}: {copied:?}"
                );
                assert!(copied.is_err() || height == 1 || layout.pixels().is_none(), "{format} {height}");
                assert!(frame.into_bytes().capacity() < 1 << 16, "{format} {height}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_driver_gives_is_a_frame_or_refused(
            format in 0..CameraFormat::ALL.len() + 2, width in 0u32..9, height in 0u32..9, strides: [u8; 3],
            planes in proptest::collection::vec(proptest::collection::vec(0u8.., 0..200), 0..4),
        ) {
            let apart = [CameraFormat::Nv12Apart, CameraFormat::Yu12Apart];
            let format = CameraFormat::ALL.into_iter().chain(apart).nth(format).unwrap();
            let planes: Vec<&[u8]> = planes.iter().map(Vec::as_slice).collect();
            let frame = copied(layout(format, width, height, strides.map(|stride| u32::from(stride % 40))), &planes);
            if let Ok(frame) = frame {
                frame.to_rgb();
            }
        }
    }
}
