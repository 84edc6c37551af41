//! Cuts a crop out of a frame: any pixel format to the square RGB picture that a net reads.
//!
//! The arithmetic is integer after the transform is rounded once to 1/65536 pixel, so that every
//! machine, and the reference in the tests, gives the same bytes. Where the crop is smaller than
//! what it shows, each crop pixel is the mean of n x n samples of the frame, n being the scale
//! rounded to the nearest whole number; each sample is bilinear with weights of 1/256. Outside the
//! frame the picture is mid grey.

use std::cell::RefCell;
use std::ops::Range;

use nalgebra::Point2;
use wingmark_kernels::pixels::{Mean, Piece, Sampling};

use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Crop;
pub use crate::picture::pixels::OUTSIDE;
use crate::picture::pixels::{PixelReader, Pixels, row_and_outside};
use crate::picture::separable::{self, Axis};

/// The unit of sampling points.
const ONE_PIXEL: i64 = 1 << 16;

/// More samples than this a side change nothing that a net can see.
const MAX_SAMPLES: i64 = 8;

/// Samples that lie farther apart than this, in 1/65536 pixel, are taken one by one: reading all
/// pixels between them would take longer.
const FARTHEST: i64 = ONE_PIXEL * 5 / 2;

/// A crop is filled square by square, each of about so many frame pixels a side, which stay in the
/// first cache.
const PIECE_PX: i64 = 48;

thread_local! {
    /// Kept from crop to crop, so that a frame allocates nothing for it.
    static PIECE: RefCell<Piece> = RefCell::default();
}

/// A square RGB picture for a net. Layout `[row, column, channel]`, one byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CropImage {
    /// Width and height.
    pub side_px: u32,
    /// `[row, column, channel]`: red, green, blue, `side_px * side_px * 3` bytes.
    pub rgb: Vec<u8>,
}

impl CropImage {
    /// A grey one.
    pub fn new(side_px: u32) -> Self {
        CropImage { side_px, rgb: vec![OUTSIDE; side_px as usize * side_px as usize * 3] }
    }

    /// Fills the picture with what `crop` shows of `frame`.
    ///
    /// # Panics
    /// When `crop.side_px` is another than this picture's.
    pub fn fill(&mut self, frame: &Frame, crop: &Crop) {
        assert_eq!(crop.side_px, self.side_px, "a crop fills a picture of its own size");
        frame.read_pixels(Fill { rgb: &mut self.rgb, crop });
    }

    /// The mean of each pixel's channels, row by row.
    pub fn greys(&self) -> impl Iterator<Item = f32> + Clone + '_ {
        let grey = |pixel: &[u8; 3]| pixel.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0;
        self.rgb.as_chunks::<3>().0.iter().map(grey)
    }

    /// A frame of its own that shows the same.
    pub fn to_frame(&self) -> Frame {
        let size = Size { width: self.side_px, height: self.side_px };
        Frame::from_rgb(size, self.rgb.clone()).expect("a crop has the bytes of its pixels")
    }
}

struct Fill<'a> {
    rgb: &'a mut [u8],
    crop: &'a Crop,
}

impl PixelReader for Fill<'_> {
    type Output = ();

    fn read(self, size: Size, pixels: impl Pixels) {
        let grid = Grid::new(self.crop);
        let side = self.crop.side_px as usize;
        if let Some((columns, rows)) = grid.axes(side) {
            separable::fill(self.rgb, columns, &rows, size, &pixels);
        } else if grid.farthest() <= FARTHEST {
            PIECE.with_borrow_mut(|piece| grid.fill_in_pieces(piece, self.rgb, side, size, &pixels));
        } else {
            grid.fill_one_by_one(self.rgb, side, size, &pixels);
        }
    }
}

/// The sampling points of a crop in the frame, in 1/65536 pixel.
struct Grid {
    /// Samples a side in one crop pixel.
    samples: i64,
    origin: [i64; 2],
    /// How far the point moves from one sample to the next, along a row and down a column.
    along: [i64; 2],
    down: [i64; 2],
}

impl Grid {
    fn new(crop: &Crop) -> Self {
        let map = crop.frame_from_crop;
        let samples = (map.scaling().round() as i64).clamp(1, MAX_SAMPLES);
        let step = 1.0 / samples as f32;
        let first = Point2::new((step - 1.0) / 2.0, (step - 1.0) / 2.0);
        let at = |column: f32, row: f32| map * Point2::new(first.x + column, first.y + row);
        let fixed = |v: f32| (f64::from(v) * 65_536.0).round() as i64;
        let origin = at(0.0, 0.0);
        let along = map * nalgebra::Vector2::new(step, 0.0);
        let down = map * nalgebra::Vector2::new(0.0, step);
        Grid {
            samples,
            origin: [fixed(origin.x), fixed(origin.y)],
            along: [fixed(along.x), fixed(along.y)],
            down: [fixed(down.x), fixed(down.y)],
        }
    }

    /// Columns and rows, where they do not depend on one another, as the crop is not turned. Of a
    /// crop so small that its samples pass over pixels, reading every pixel would take longer.
    fn axes(&self, side: usize) -> Option<(Axis, Axis)> {
        let axis = |i: usize, step: i64| Axis::new(side, self.samples as usize, self.origin[i], step);
        let near = 1..=ONE_PIXEL * 3 / 2;
        let upright = self.along[1] == 0 && self.down[0] == 0;
        let upright = upright && near.contains(&self.along[0]) && near.contains(&self.down[1]);
        upright.then(|| (axis(0, self.along[0]), axis(1, self.down[1])))
    }

    fn at(&self, column: i64, row: i64) -> [i64; 2] {
        [0, 1].map(|i| self.origin[i] + self.along[i] * column + self.down[i] * row)
    }

    /// How far two neighbouring samples lie apart, along the axis on which that is most.
    fn farthest(&self) -> i64 {
        self.along.into_iter().chain(self.down).map(i64::saturating_abs).max().unwrap_or(0)
    }

    /// Takes the frame's pixels out piece by piece, and samples those.
    fn fill_in_pieces(&self, piece: &mut Piece, rgb: &mut [u8], side: usize, size: Size, pixels: &impl Pixels) {
        let tile = ((PIECE_PX << 16) / (self.farthest() * self.samples).max(1)).clamp(1, side as i64) as usize;
        let out = rgb.as_chunks_mut::<3>().0;
        for (top, left) in (0..side).step_by(tile).flat_map(|top| (0..side).step_by(tile).map(move |left| (top, left)))
        {
            let (columns, rows) = (left..side.min(left + tile), top..side.min(top + tile));
            let [from, to] = self.reach(&columns, &rows);
            let [width, height] = [0, 1].map(|i| (to[i] - from[i]) as usize);
            piece.fill(width, height, |y, row| {
                row_and_outside(pixels, size, from[1] + y as i64, from[0], row);
            });
            for row in rows {
                let first = self.at(columns.start as i64 * self.samples, row as i64 * self.samples);
                let sampling = Sampling {
                    samples: self.samples as u32,
                    origin: [0, 1].map(|i| (first[i] - (from[i] << 16)) as i32),
                    along: self.along.map(|step| step as i32),
                    down: self.down.map(|step| step as i32),
                };
                piece.means(&sampling, &mut out[row * side..][columns.clone()]);
            }
        }
    }

    /// The frame's pixels between which the samples of these crop pixels lie: the first column and
    /// row, and those behind the last.
    fn reach(&self, columns: &Range<usize>, rows: &Range<usize>) -> [[i64; 2]; 2] {
        let ends = |range: &Range<usize>| [range.start as i64 * self.samples, range.end as i64 * self.samples - 1];
        let ([left, right], [top, bottom]) = (ends(columns), ends(rows));
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)].map(|(x, y)| self.at(x, y));
        let on = |i: usize| corners.map(|corner| corner[i] >> 16);
        let first = |places: [i64; 4]| places.into_iter().min().unwrap_or(0);
        let behind = |places: [i64; 4]| places.into_iter().max().unwrap_or(0) + 2;
        [[first(on(0)), first(on(1))], [behind(on(0)), behind(on(1))]]
    }

    fn fill_one_by_one(&self, rgb: &mut [u8], side: usize, size: Size, pixels: &impl Pixels) {
        let mean = Mean::of(self.samples as u32);
        let (width, height) = (i64::from(size.width), i64::from(size.height));
        let pixel = |x: i64, y: i64| {
            let inside = (0..width).contains(&x) && (0..height).contains(&y);
            if inside { pixels.at(x as usize, y as usize) } else { [OUTSIDE; 3] }
        };
        for (index, out) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (row, column) = ((index / side) as i64, (index % side) as i64);
            let mut sums = [0u32; 3];
            for (sub_row, sub_column) in (0..self.samples).flat_map(|r| (0..self.samples).map(move |c| (r, c))) {
                let [x, y] = self.at(column * self.samples + sub_column, row * self.samples + sub_row);
                let (x0, y0) = (x >> 16, y >> 16);
                let (u, v) = ((x >> 8 & 0xff) as u32, (y >> 8 & 0xff) as u32);
                let (top, bottom) = ([pixel(x0, y0), pixel(x0 + 1, y0)], [pixel(x0, y0 + 1), pixel(x0 + 1, y0 + 1)]);
                for (c, sum) in sums.iter_mut().enumerate() {
                    let along = |[left, right]: [[u8; 3]; 2]| u32::from(left[c]) * (256 - u) + u32::from(right[c]) * u;
                    *sum += along(top) * (256 - v) + along(bottom) * v;
                }
            }
            *out = sums.map(|sum| mean.round(sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector2;

    use super::*;

    /// A frame whose red is the column, green the row and blue their sum.
    fn ramp(width: u32, height: u32) -> Frame {
        let bytes = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, (x + y) as u8])).collect();
        Frame::from_rgb(Size { width, height }, bytes).unwrap()
    }

    fn crop_of(frame: &Frame, crop: &Crop) -> CropImage {
        let mut image = CropImage::new(crop.side_px);
        image.fill(frame, crop);
        image
    }

    #[test]
    fn a_crop_of_the_whole_frame_is_the_frame() {
        let frame = ramp(16, 16);
        let crop = Crop::new(Point2::new(7.5, 7.5), 16.0, 0.0, 16);
        assert_eq!(crop_of(&frame, &crop).rgb, frame.bytes());
    }

    #[test]
    fn a_smaller_crop_averages_what_it_shows() {
        let frame = ramp(16, 16);
        let image = crop_of(&frame, &Crop::new(Point2::new(7.5, 7.5), 16.0, 0.0, 8));
        // Mean of columns 0 and 1 is 0.5, rounded up; of rows likewise; the sum of both is 1.
        assert_eq!(image.rgb[..6], [1, 1, 1, 3, 1, 3]);
    }

    #[test]
    fn a_quarter_turn_moves_columns_to_rows() {
        let frame = ramp(16, 16);
        let image = crop_of(&frame, &Crop::new(Point2::new(7.5, 7.5), 16.0, std::f32::consts::FRAC_PI_2, 16));
        // The crop's first row shows the frame's last column, from top to bottom.
        for x in 0..16u8 {
            let p = &image.rgb[usize::from(x) * 3..][..2];
            assert!(p[0].abs_diff(15) <= 1 && p[1].abs_diff(x) <= 1, "{p:?} at {x}");
        }
    }

    #[test]
    fn outside_the_frame_is_grey() {
        let frame = ramp(4, 4);
        let image = crop_of(&frame, &Crop::new(Point2::new(100.0, -50.0), 8.0, 0.3, 8));
        assert!(image.rgb.iter().all(|&v| v == OUTSIDE));
    }

    proptest::proptest! {
        /// The slow way, in rational numbers: every sample weighed with exact integers of 1/256.
        #[test]
        fn agrees_with_an_independent_reference(
            x in -5.0f32..20.0, y in -5.0f32..20.0, side in 3.0f32..200.0, roll in -3.1f32..3.1, upright: bool, seed in 0u32..1000,
        ) {
            let mut noise = seed.wrapping_mul(2_654_435_761) | 1;
            let mut next = || { noise ^= noise << 13; noise ^= noise >> 17; noise ^= noise << 5; (noise >> 24) as u8 };
            let bytes: Vec<u8> = (0..13 * 11 * 3).map(|_| next()).collect();
            let frame = Frame::from_rgb(Size { width: 13, height: 11 }, bytes.clone()).unwrap();
            let crop = Crop::new(Point2::new(x, y), side, if upright { 0.0 } else { roll }, 9);
            let found = crop_of(&frame, &crop);
            let n = (crop.frame_from_crop.scaling().round() as i64).clamp(1, 8);
            let m = crop.frame_from_crop.to_homogeneous();
            let fixed = |v: f32| (f64::from(v) * 65536.0).round() as i64;
            let step = 1.0 / n as f32;
            let start = crop.frame_from_crop * Point2::new((step - 1.0) / 2.0, (step - 1.0) / 2.0);
            // A product of three f32 depends on their order, by a 65536th where it lies between
            // two: the order is the code's.
            let along = crop.frame_from_crop * Vector2::new(step, 0.0);
            let down = crop.frame_from_crop * Vector2::new(0.0, step);
            for (taken, entry) in [(along.x, (0, 0)), (along.y, (1, 0)), (down.x, (0, 1)), (down.y, (1, 1))] {
                proptest::prop_assert!((fixed(taken) - fixed(m[entry] * step)).abs() <= 1);
            }
            for row in 0..9i64 { for column in 0..9i64 { for c in 0..3 {
                let mut sum = 0i64;
                for i in 0..n { for j in 0..n {
                    let (a, b) = (column * n + j, row * n + i);
                    let sx = fixed(start.x) + a * fixed(along.x) + b * fixed(down.x);
                    let sy = fixed(start.y) + a * fixed(along.y) + b * fixed(down.y);
                    let (px, py) = (sx.div_euclid(65536), sy.div_euclid(65536));
                    let (u, v) = (sx.rem_euclid(65536) / 256, sy.rem_euclid(65536) / 256);
                    for (dx, dy, w) in [(0, 0, (256 - u) * (256 - v)), (1, 0, u * (256 - v)), (0, 1, (256 - u) * v), (1, 1, u * v)] {
                        let (qx, qy) = (px + dx, py + dy);
                        let inside = qx >= 0 && qy >= 0 && qx < 13 && qy < 11;
                        let value = if inside { bytes[((qy * 13 + qx) * 3 + c) as usize] } else { OUTSIDE };
                        sum += w * i64::from(value);
                    }
                } }
                let expected = (2 * sum + n * n * 65536).div_euclid(2 * n * n * 65536);
                proptest::prop_assert_eq!(i64::from(found.rgb[((row * 9 + column) * 3 + c) as usize]), expected);
            } } }
        }
    }
}
