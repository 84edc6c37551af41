//! The pixels of a row, each made of neighbours in another row.

use super::Mean;

/// For each pixel, which pixels of the other row count, and how much. Each has equally many, some
/// of weight 0 perhaps.
#[derive(Debug, Default)]
pub struct Columns {
    pub(super) first: Vec<u32>,
    pub(super) weights: Vec<u16>,
    pub(super) taps: usize,
    /// Up to the last pixel of the other row that counts.
    width: usize,
}

impl Columns {
    /// `first` has the first pixel that counts, for each; `weights` as many for each.
    ///
    /// # Panics
    /// When there are not equally many weights for each pixel.
    pub fn new(first: Vec<u32>, weights: Vec<u16>) -> Columns {
        let taps = weights.len() / first.len().max(1);
        assert_eq!(weights.len(), taps * first.len(), "weights of {} pixels", first.len());
        let width = first.iter().max().map_or(0, |last| *last as usize + taps);
        Columns { first, weights, taps, width }
    }

    /// How many pixels they make.
    pub fn count(&self) -> usize {
        self.first.len()
    }

    /// How many numbers the other row has at least: three for each pixel up to the last one that
    /// counts, and one more, as a pixel is read by four.
    pub fn numbers(&self) -> usize {
        self.width * 3 + 1
    }

    /// Makes as many pixels as there are, of the red, green and blue of each pixel in `row`.
    ///
    /// # Panics
    /// When `row` has fewer than [`Columns::numbers`], or `rgb` fewer pixels than
    /// [`Columns::count`].
    pub fn means(&self, row: &[u32], mean: Mean, rgb: &mut [[u8; 3]]) {
        let rgb = &mut rgb[..self.first.len()];
        assert!(row.len() >= self.numbers(), "{} numbers in a row; expected {}", row.len(), self.numbers());
        #[cfg(target_arch = "aarch64")]
        // SAFETY: the row is as long as has to be, and every AArch64 machine has NEON.
        unsafe {
            super::neon::means_of_columns(self, row, mean, rgb);
        }
        #[cfg(target_arch = "x86_64")]
        if super::avx2::is_supported() {
            // SAFETY: the row is as long as has to be, and the machine has AVX2.
            return unsafe { super::avx2::means_of_columns(self, row, mean, rgb) };
        }
        #[cfg(not(target_arch = "aarch64"))]
        self.plain_means(row, mean, rgb);
    }

    /// The definition of [`Columns::means`].
    #[cfg_attr(all(target_arch = "aarch64", not(test)), expect(dead_code, reason = "the tests compare with it"))]
    pub(super) fn plain_means(&self, row: &[u32], mean: Mean, rgb: &mut [[u8; 3]]) {
        let row = row.as_chunks::<3>().0;
        for ((rgb, &first), weights) in rgb.iter_mut().zip(&self.first).zip(self.weights.chunks(self.taps.max(1))) {
            let mut sums = [0u32; 3];
            for (pixel, &weight) in row[first as usize..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += value * u32::from(weight);
                }
            }
            *rgb = sums.map(|sum| mean.round(sum));
        }
    }
}
