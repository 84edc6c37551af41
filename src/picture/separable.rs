//! Fills a crop that is not turned, in two passes: down the columns, then along the rows. What each
//! pixel weighs does not depend on the order of the sums, which are exact, so that the bytes are
//! those of [`super::crop`]'s other way.

use std::ops::Range;

use wingmark_kernels::pixels::{Columns, Mean};

use super::frame::Size;
use super::pixels::{OUTSIDE, Pixels, row_and_outside};

/// What one axis of a crop takes from the frame.
pub(super) struct Axis {
    /// For each crop pixel, the first frame pixel that counts.
    first: Vec<i64>,
    /// What the pixels from there on weigh, `taps` for each crop pixel. A crop pixel's weights add
    /// up to 256 for each sample.
    weights: Vec<u16>,
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
                let share = (place >> 8 & 0xff) as u16;
                weights[at] += 256 - share;
                weights[at + 1] += share;
            }
        }
        Axis { first, weights, taps }
    }

    fn weights(&self, pixel: usize) -> &[u16] {
        &self.weights[pixel * self.taps..][..self.taps]
    }

    /// For rows that begin with frame pixel `start`.
    fn counted_from(self, start: i64) -> Columns {
        Columns::new(self.first.iter().map(|first| (first - start) as u32).collect(), self.weights)
    }

    /// All frame pixels that count, those outside the frame too.
    fn reach(&self) -> Range<i64> {
        let from = self.first.iter().min().copied().unwrap_or(0);
        from..self.first.iter().max().map_or(from, |last| last + self.taps as i64)
    }
}

/// Fills `out`, `[row, column, channel]` with as many rows and columns as the axes have pixels.
pub(super) fn fill(out: &mut [u8], columns: Axis, rows: &Axis, size: Size, pixels: &impl Pixels) {
    let samples = u32::from(columns.weights(0).iter().sum::<u16>()) / 256;
    let mean = Mean::of(samples);
    let reach = columns.reach();
    let width = (reach.end - reach.start) as usize;
    let columns = columns.counted_from(reach.start);
    let mut lines = Lines { bytes: vec![OUTSIDE; rows.taps * width * 3], held: vec![None; rows.taps], width };
    let mut sums = vec![0u32; columns.numbers()];
    for (row, out) in out.chunks_mut(columns.count() * 3).enumerate() {
        let first = rows.first[row];
        if first >= i64::from(size.height) || first + rows.taps as i64 <= 0 {
            out.fill(OUTSIDE);
            continue;
        }
        sums.fill(0);
        for (y, &weight) in (first..).zip(rows.weights(row)).filter(|(_, weight)| **weight > 0) {
            let line = lines.get(y, |line| row_and_outside(pixels, size, y, reach.start, line.as_chunks_mut().0));
            for (sum, &byte) in sums.iter_mut().zip(line) {
                *sum += u32::from(weight) * u32::from(byte);
            }
        }
        columns.means(&sums, mean, out.as_chunks_mut().0);
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
