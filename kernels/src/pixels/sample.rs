//! Samples between the pixels of a piece of a picture.

use super::Mean;

/// Longest side of a [`Piece`], so that a place in it fits into 16 bits and a fraction.
const MAX_SIDE: usize = 1 << 14;

/// A piece of a picture in packed RGB, row by row.
#[derive(Debug, Default)]
pub struct Piece {
    /// Of a width of 3 bytes a pixel, and [`Piece::SLACK`] after the last row.
    pub(super) bytes: Vec<u8>,
    pub(super) width: usize,
    height: usize,
}

/// Where a piece is sampled, in 1/65536 pixel: each pixel that is made of it is the mean of
/// `samples` x `samples` samples, each bilinear with weights of 1/256.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Samples a side in one pixel, 1 to 8.
    pub samples: u32,
    /// Column and row of the first sample.
    pub origin: [i32; 2],
    /// How far the place moves from one sample to the next, along a row
    pub along: [i32; 2],
    /// and down a column.
    pub down: [i32; 2],
}

impl Piece {
    /// So that the last two pixels can be read by eight bytes.
    const SLACK: usize = 2;

    /// Takes another size, and its rows from `fill`, which is called with the number of each and
    /// finds its pixels as they were.
    ///
    /// # Panics
    /// When a side is longer than 16384.
    pub fn fill(&mut self, width: usize, height: usize, mut fill: impl FnMut(usize, &mut [[u8; 3]])) {
        assert!(width.max(height) <= MAX_SIDE, "a piece of {width}x{height} pixels");
        (self.width, self.height) = (width, height);
        self.bytes.resize(width * height * 3 + Piece::SLACK, 0);
        let rows = self.bytes[..width * height * 3].as_chunks_mut().0.chunks_exact_mut(width.max(1));
        rows.enumerate().for_each(|(y, row)| fill(y, row));
    }

    /// A row of pixels: those of `sampling`, and to the right of them.
    ///
    /// # Panics
    /// When a sample lies outside the piece: each needs the pixel it lies in and those at its right
    /// and below.
    pub fn means(&self, sampling: &Sampling, rgb: &mut [[u8; 3]]) {
        let Some(last) = rgb.len().checked_sub(1) else { return };
        assert!((1..=8).contains(&sampling.samples), "{} samples a side", sampling.samples);
        assert!(self.holds(sampling, last), "{sampling:?} leaves a piece of {}x{} pixels", self.width, self.height);
        #[cfg(target_arch = "aarch64")]
        // SAFETY: all samples lie inside, and every AArch64 machine has NEON.
        unsafe {
            super::neon::means(self, sampling, rgb);
        }
        #[cfg(target_arch = "x86_64")]
        if super::avx2::is_supported() {
            // SAFETY: all samples lie inside, and the machine has AVX2.
            return unsafe { super::avx2::means(self, sampling, rgb) };
        }
        #[cfg(not(target_arch = "aarch64"))]
        self.plain_means(sampling, rgb);
    }

    /// The definition of [`Piece::means`].
    #[cfg_attr(all(target_arch = "aarch64", not(test)), expect(dead_code, reason = "the tests compare with it"))]
    pub(super) fn plain_means(&self, sampling: &Sampling, rgb: &mut [[u8; 3]]) {
        let mean = Mean::of(sampling.samples);
        for (pixel, rgb) in rgb.iter_mut().enumerate() {
            let mut sums = [0; 3];
            for row in 0..sampling.samples as i32 {
                for column in 0..sampling.samples as i32 {
                    let [x, y] = sampling.at(pixel as i32 * sampling.samples as i32 + column, row);
                    self.add_sample(x, y, &mut sums);
                }
            }
            *rgb = sums.map(|sum| mean.round(sum));
        }
    }

    fn add_sample(&self, x: i32, y: i32, sums: &mut [u32; 3]) {
        let (u, v) = (x as u32 >> 8 & 0xff, y as u32 >> 8 & 0xff);
        let first = ((y >> 16) as usize * self.width + (x >> 16) as usize) * 3;
        let (top, bottom) = (&self.bytes[first..][..6], &self.bytes[first + self.width * 3..][..6]);
        for (c, sum) in sums.iter_mut().enumerate() {
            let between = |at: usize| u32::from(top[at]) * (256 - v) + u32::from(bottom[at]) * v;
            *sum += between(c) * (256 - u) + between(c + 3) * u;
        }
    }

    /// Whether all samples of a row of pixels up to number `last` lie inside: those at its corners
    /// do.
    fn holds(&self, sampling: &Sampling, last: usize) -> bool {
        let samples = i64::from(sampling.samples);
        let (columns, rows) = (samples * (last as i64 + 1) - 1, samples - 1);
        let inside = |axis: usize, length: usize| {
            let ends = [(0, 0), (columns, 0), (0, rows), (columns, rows)].map(|(column, row)| {
                i64::from(sampling.origin[axis])
                    + i64::from(sampling.along[axis]) * column
                    + i64::from(sampling.down[axis]) * row
            });
            ends.iter().all(|end| *end >= 0 && (end >> 16) + 1 < length as i64)
        };
        inside(0, self.width) && inside(1, self.height)
    }
}

impl Sampling {
    /// Goes through the samples of each pixel: `add` adds one to sums that begin with `start`, and
    /// `round` makes the pixel of them. Places are counted up, and not multiplied.
    #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn fill<S: Copy>(
        &self,
        rgb: &mut [[u8; 3]],
        start: S,
        add: impl Fn([i32; 2], S) -> S,
        round: impl Fn(S) -> [u8; 3],
    ) {
        let moved = |[x, y]: [i32; 2], [dx, dy]: [i32; 2]| [x.wrapping_add(dx), y.wrapping_add(dy)];
        let mut first = self.origin;
        for rgb in rgb {
            let (mut row, mut sums) = (first, start);
            for _ in 0..self.samples {
                let mut at = row;
                for _ in 0..self.samples {
                    sums = add(at, sums);
                    at = moved(at, self.along);
                }
                row = moved(row, self.down);
            }
            first = moved(first, self.along.map(|step| step * self.samples as i32));
            *rgb = round(sums);
        }
    }

    fn at(&self, column: i32, row: i32) -> [i32; 2] {
        [0, 1].map(|axis| self.origin[axis] + self.along[axis] * column + self.down[axis] * row)
    }
}
