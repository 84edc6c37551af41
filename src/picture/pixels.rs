//! Read access to a frame's pixels, whatever its format.

use wingmark_kernels::pixels::{Pair, pair_from_yuv, pairs_from_nv12, pairs_from_yuyv};

use super::size::Size;

/// What a crop shows outside the frame.
pub const OUTSIDE: u8 = 128;

/// Something that reads a frame's pixels; see
/// [`Frame::read_pixels`](super::frame::Frame::read_pixels).
pub trait PixelReader {
    /// What is made of the pixels.
    type Output;
    /// Reads; `pixels` are those of a frame of `size`.
    fn read(self, size: Size, pixels: impl Pixels) -> Self::Output;
}

/// The pixels of a frame, as red, green, blue. Those outside its size are not to be read: that may
/// panic.
pub trait Pixels {
    /// The pixel at a column and a row.
    fn at(&self, x: usize, y: usize) -> [u8; 3];

    /// Fills `out` with the pixels of row `y`, from column `from` on.
    fn row(&self, y: usize, from: usize, out: &mut [[u8; 3]]) {
        for (x, out) in (from..).zip(out) {
            *out = self.at(x, y);
        }
    }
}

/// Fills `out` with row `y` of a frame of `size` from column `from` on, and with [`OUTSIDE`] where
/// the frame has no pixels.
pub(super) fn row_and_outside(pixels: &impl Pixels, size: Size, y: i64, from: i64, out: &mut [[u8; 3]]) {
    let is_row = (0..i64::from(size.height)).contains(&y);
    let length = out.len() as i64;
    let start = (-from).clamp(0, length);
    let end = if is_row { (i64::from(size.width) - from).clamp(start, length) } else { start };
    let (before, rest) = out.split_at_mut(start as usize);
    let (inside, after) = rest.split_at_mut((end - start) as usize);
    before.fill([OUTSIDE; 3]);
    after.fill([OUTSIDE; 3]);
    if !inside.is_empty() {
        pixels.row(y as usize, (from + start) as usize, inside);
    }
}

/// Bytes in rows.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Row `y`, from byte `from` on.
    fn from(&self, y: usize, from: usize) -> &'a [u8] {
        &self.bytes[y * self.stride + from..]
    }
}

pub(super) struct Rgb24<'a>(pub Rows<'a>);

impl Pixels for Rgb24<'_> {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let p = self.0.from(y, x * 3);
        [p[0], p[1], p[2]]
    }

    fn row(&self, y: usize, from: usize, out: &mut [[u8; 3]]) {
        let out = out.as_flattened_mut();
        out.copy_from_slice(&self.0.from(y, from * 3)[..out.len()]);
    }
}

pub(super) struct Bgr24<'a>(pub Rows<'a>);

impl Pixels for Bgr24<'_> {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let p = self.0.from(y, x * 3);
        [p[2], p[1], p[0]]
    }
}

pub(super) struct Grey<'a>(pub Rows<'a>);

impl Pixels for Grey<'_> {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        [self.0.from(y, x)[0]; 3]
    }

    fn row(&self, y: usize, from: usize, out: &mut [[u8; 3]]) {
        for (out, &luma) in out.iter_mut().zip(self.0.from(y, from)) {
            *out = [luma; 3];
        }
    }
}

pub(super) struct Yuyv<'a>(pub Rows<'a>);

impl Pixels for Yuyv<'_> {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let p = self.0.from(y, (x & !1) * 2);
        rgb_from_yuv(p[(x & 1) * 2], p[1], p[3])
    }

    fn row(&self, y: usize, from: usize, out: &mut [[u8; 3]]) {
        in_pairs(self, y, from, out, |pair, out| {
            let yuyv = self.0.from(y, pair * 2).as_chunks().0;
            pairs_from_yuyv(&yuyv[..out.len()], out);
        });
    }
}

pub(super) struct Nv12<'a> {
    pub luma: Rows<'a>,
    /// Cb and Cr in turn, a pair for two columns and two rows.
    pub chroma: Rows<'a>,
}

impl Pixels for Nv12<'_> {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let c = self.chroma.from(y / 2, x & !1);
        rgb_from_yuv(self.luma.from(y, x)[0], c[0], c[1])
    }

    fn row(&self, y: usize, from: usize, out: &mut [[u8; 3]]) {
        in_pairs(self, y, from, out, |pair, out| {
            let luma = self.luma.from(y, pair).as_chunks().0;
            let chroma = self.chroma.from(y / 2, pair).as_chunks().0;
            pairs_from_nv12(&luma[..out.len()], &chroma[..out.len()], out);
        });
    }
}

/// Fills a row of pixels that share their colour two by two: `fill` writes whole pairs from an even
/// column on.
fn in_pairs(pixels: &impl Pixels, y: usize, from: usize, out: &mut [[u8; 3]], fill: impl FnOnce(usize, &mut [Pair])) {
    let (odd, out) = out.split_at_mut((from % 2).min(out.len()));
    if let [first] = odd {
        *first = pixels.at(from, y);
    }
    let from = from.next_multiple_of(2);
    let (pairs, last) = out.as_chunks_mut();
    let end = from + pairs.len() * 2;
    fill(from, pairs);
    if let [last] = last {
        *last = pixels.at(end, y);
    }
}

/// BT.601 limited range to RGB.
pub(crate) fn rgb_from_yuv(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    pair_from_yuv([y, y], cb, cr)[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame::{Frame, PixelFormat};

    #[test]
    fn colours_follow_bt601() {
        // The colour bars of BT.601 at 100 %: red, green, blue as Y, Cb, Cr.
        for ([y, cb, cr], rgb) in
            [([81, 90, 240], [255, 0, 0]), ([145, 54, 34], [0, 255, 0]), ([41, 240, 110], [0, 0, 255])]
        {
            let found = rgb_from_yuv(y, cb, cr);
            assert!(found.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 2), "{found:?} is not {rgb:?}");
        }
    }

    /// Rows, from each column on and of each length, hold the pixels that are read one by one.
    struct RowsAndPixels;

    impl PixelReader for RowsAndPixels {
        type Output = ();

        fn read(self, size: Size, pixels: impl Pixels) {
            let (width, height) = (size.width as usize, size.height as usize);
            for (y, from, to) in
                (0..height).flat_map(|y| (0..=width).flat_map(move |from| (from..=width).map(move |to| (y, from, to))))
            {
                let mut row = vec![[1, 2, 3]; to - from];
                pixels.row(y, from, &mut row);
                let expected: Vec<_> = (from..to).map(|x| pixels.at(x, y)).collect();
                assert_eq!(row, expected, "row {y}, columns {from} to {to}");
            }
        }
    }

    #[test]
    fn rows_hold_the_pixels_that_are_read_one_by_one() {
        let noise: Vec<u8> = (0..400u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for format in [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Grey, PixelFormat::Yuyv, PixelFormat::Nv12]
        {
            for size in [Size { width: 1, height: 1 }, Size { width: 7, height: 3 }, Size { width: 8, height: 4 }] {
                let stride = format.row_bytes(size.width) as u32 + 2;
                Frame::new(format, size, stride, noise.clone()).unwrap().read_pixels(RowsAndPixels);
            }
        }
    }
}
