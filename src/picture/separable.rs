//! Fills a crop that is not turned, in two passes: down the columns, then along the rows. What each
//! pixel weighs does not depend on the order of the sums, which are exact, so that the bytes are
//! those of [`super::crop`]'s other way.

use std::ops::Range;

use super::crop::OUTSIDE;
use super::frame::Size;
use super::pixels::Pixels;

/// What one axis of a crop takes from the frame.
pub(super) struct Axis {
    /// For each crop pixel, the first frame pixel that counts.
    first: Vec<i64>,
    /// What the pixels from there on weigh, `taps` for each crop pixel. A crop pixel's weights add
    /// up to 256 for each sample.
    weights: Vec<u32>,
    taps: usize,
}

impl Axis {
    /// `side` crop pixels of `samples` samples each; sample `i` lies at `origin + i * step`, in
    /// 1/65536 frame pixel, and is bilinear with weights of 1/256.
    pub(super) fn new(side: usize, samples: usize, origin: i64, step: i64) -> Axis {
        let places = |pixel: usize| (0..samples).map(move |i| origin + step * (pixel * samples + i) as i64);
        let first: Vec<i64> = (0..side).map(|pixel| places(pixel).next().unwrap_or(0) >> 16).collect();
        let span =
            |pixel: usize| places(pixel).next_back().map_or(0, |place| (place >> 16) + 2 - first[pixel]) as usize;
        let taps = (0..side).map(span).max().unwrap_or(0);
        let mut weights = vec![0; side * taps];
        for (pixel, weights) in weights.chunks_mut(taps.max(1)).enumerate() {
            for place in places(pixel) {
                let at = ((place >> 16) - first[pixel]) as usize;
                let share = (place >> 8 & 0xff) as u32;
                weights[at] += 256 - share;
                weights[at + 1] += share;
            }
        }
        Axis { first, weights, taps }
    }

    fn weights(&self, pixel: usize) -> &[u32] {
        &self.weights[pixel * self.taps..][..self.taps]
    }

    /// All frame pixels that count, those outside the frame too.
    fn reach(&self) -> Range<i64> {
        let from = self.first.iter().min().copied().unwrap_or(0);
        from..self.first.iter().max().map_or(from, |last| last + self.taps as i64)
    }
}

/// Fills `out`, `[row, column, channel]` with as many rows and columns as the axes have pixels.
pub(super) fn fill(out: &mut [u8], columns: &Axis, rows: &Axis, size: Size, pixels: &impl Pixels) {
    let samples: u32 = columns.weights(0).iter().sum::<u32>() / 256;
    let mean = Mean::of(samples);
    let reach = columns.reach();
    let width = (reach.end - reach.start) as usize;
    let inside = reach.start.clamp(0, i64::from(size.width))..reach.end.clamp(0, i64::from(size.width));
    let mut lines = Lines { bytes: vec![OUTSIDE; rows.taps * width * 3], held: vec![None; rows.taps], width };
    let mut sums = vec![0u32; width * 3];
    for (row, out) in out.chunks_mut(columns.first.len() * 3).enumerate() {
        sums.fill(0);
        for (y, &weight) in (rows.first[row]..).zip(rows.weights(row)).filter(|(_, weight)| **weight > 0) {
            let line = lines.get(y, |line| {
                let known = (0..i64::from(size.height)).contains(&y);
                line.fill(OUTSIDE);
                if known && !inside.is_empty() {
                    let within = (inside.start - reach.start) as usize..(inside.end - reach.start) as usize;
                    pixels.row(y as usize, inside.start as usize, &mut line.as_chunks_mut().0[within]);
                }
            });
            for (sum, &byte) in sums.iter_mut().zip(line) {
                *sum += weight * u32::from(byte);
            }
        }
        let sums = sums.as_chunks::<3>().0;
        for (column, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let from = (columns.first[column] - reach.start) as usize;
            let mut pixel = [0u32; 3];
            for (sum, &weight) in sums[from..].iter().zip(columns.weights(column)) {
                for (total, value) in pixel.iter_mut().zip(sum) {
                    *total += value * weight;
                }
            }
            *out = pixel.map(|total| mean.round(total));
        }
    }
}

/// The frame's rows that were read last, one for each tap.
struct Lines {
    bytes: Vec<u8>,
    held: Vec<Option<i64>>,
    width: usize,
}

impl Lines {
    /// Row `y`; `read` fills it where it is not held.
    fn get(&mut self, y: i64, read: impl FnOnce(&mut [u8])) -> &[u8] {
        let place = y.rem_euclid(self.held.len() as i64) as usize;
        let line = &mut self.bytes[place * self.width * 3..][..self.width * 3];
        if self.held[place] != Some(y) {
            read(line);
            self.held[place] = Some(y);
        }
        line
    }
}

/// Divides sums by what all their weights add up to, rounding half up.
struct Mean {
    half: u32,
    /// 2^20 / samples^2, rounded up: exact for quotients below 2^14 by at most 64.
    reciprocal: u32,
}

impl Mean {
    /// Of `samples` samples a side, at most 8.
    fn of(samples: u32) -> Mean {
        let count = samples * samples;
        Mean { half: count << 15, reciprocal: (1u32 << 20).div_ceil(count) }
    }

    fn round(&self, sum: u32) -> u8 {
        ((((sum + self.half) >> 16) * self.reciprocal) >> 20) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_a_division() {
        for samples in 1..=8u32 {
            let (mean, scale) = (Mean::of(samples), u64::from(samples * samples) << 16);
            for value in (0..=255 * scale).step_by(977) {
                let expected = (value + scale / 2) / scale;
                assert_eq!(u64::from(mean.round(value as u32)), expected, "{value} of {samples}");
            }
            assert_eq!(mean.round((255 * scale) as u32), 255);
        }
    }
}
