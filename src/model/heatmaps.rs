//! What a net gives: one map of heat for each landmark (or other channel).

/// A cell's heat as a net stores it; `u8` for the int8 nets.
pub trait Heat: Copy + PartialOrd {
    /// The number itself, for formulas.
    fn to_f32(self) -> f32;

    /// The smallest value that is not below `limit`.
    fn at_least(limit: f32) -> Self;
}

impl Heat for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn at_least(limit: f32) -> Self {
        limit.ceil() as u8
    }
}

impl Heat for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn at_least(limit: f32) -> Self {
        limit
    }
}

/// Where the heat of one channel is highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Heat of the hottest cell.
    pub heat: f32,
    /// Row and column of the peak's cell: of the cells that have at least three quarters of that
    /// heat, the one with most heat around, summed over 3x3 cells weighted 1, 2, 1 each way. On a
    /// long ridge, or with two maxima beside each other, that is a steadier place than the hottest
    /// cell. Among equals, the first in reading order.
    pub cell: (usize, usize),
    /// The weighted sum, above the stored zero.
    around: f32,
}

/// Heatmaps, layout `[row, column, channel]`. The real value of a cell is
/// `(q - zero_point) * scale`, 1 at a landmark of which the net is sure and 0 away from it.
#[derive(Debug, Clone, Copy)]
pub struct Heatmaps<'a, T = u8> {
    /// Row by row, the channels of a cell beside each other: `[row, column, channel]`.
    pub cells: &'a [T],
    /// Height of a map, in cells.
    pub rows: usize,
    /// Width of a map, in cells.
    pub columns: usize,
    /// How many maps there are.
    pub channels: usize,
    /// Distance between neighbouring cells of one channel; at least `channels` (kernels pad to
    /// whole vectors).
    pub pitch: usize,
    /// Heat a step.
    pub scale: f32,
    /// The value of no heat.
    pub zero_point: f32,
}

impl<'a, T: Heat> Heatmaps<'a, T> {
    /// Maps without padding between the cells.
    ///
    /// # Panics
    /// When `cells` does not hold `rows * columns * channels` values.
    pub fn packed(cells: &'a [T], [rows, columns, channels]: [usize; 3], scale: f32, zero_point: f32) -> Self {
        assert_eq!(cells.len(), rows * columns * channels, "cells of {rows}x{columns}x{channels}");
        Heatmaps { cells, rows, columns, channels, pitch: channels, scale, zero_point }
    }

    /// The stored value, comparable within these maps.
    pub fn stored(&self, row: usize, column: usize, channel: usize) -> T {
        self.cells[(row * self.columns + column) * self.pitch + channel]
    }

    /// The real value.
    pub fn heat(&self, row: usize, column: usize, channel: usize) -> f32 {
        (self.stored(row, column, channel).to_f32() - self.zero_point) * self.scale
    }

    /// The peak of each channel.
    pub fn peaks(&self) -> Vec<Peak> {
        let cells = || self.cells.chunks(self.pitch).map(|cell| &cell[..self.channels]);
        let mut hottest = self.cells[..self.channels].to_vec();
        for cell in cells() {
            for (hottest, &value) in hottest.iter_mut().zip(cell) {
                *hottest = if value > *hottest { value } else { *hottest };
            }
        }
        // Differences of stored bytes are whole numbers, and so exact.
        let above_zero = |value: T| value.to_f32() - self.zero_point;
        let cold = |&value: &T| Peak { heat: above_zero(value) * self.scale, cell: (0, 0), around: f32::MIN };
        let mut peaks: Vec<Peak> = hottest.iter().map(cold).collect();
        let mut warm = hottest;
        for value in &mut warm {
            let above = above_zero(*value);
            *value = T::at_least(self.zero_point + (0.75 * above).min(above));
        }
        for (index, cell) in cells().enumerate() {
            // Most cells are cold in all channels, which is seen faster in all than in one.
            if !cell.iter().zip(&warm).fold(false, |any, (value, warm)| any | (value >= warm)) {
                continue;
            }
            let (row, column) = (index / self.columns, index % self.columns);
            for (channel, peak) in peaks.iter_mut().enumerate().filter(|(channel, _)| cell[*channel] >= warm[*channel])
            {
                let value = |row, column| above_zero(self.stored(row, column, channel));
                let around = self.around(row, column, value);
                if around > peak.around {
                    *peak = Peak { cell: (row, column), around, ..*peak };
                }
            }
        }
        peaks
    }

    /// Sum over 3x3 cells, weighted 1, 2, 1 each way. Cells at the border count once more for those
    /// beyond.
    fn around(&self, row: usize, column: usize, value: impl Fn(usize, usize) -> f32) -> f32 {
        let near = |at: usize, count: usize| [(at.saturating_sub(1), 1.0), (at, 2.0), ((at + 1).min(count - 1), 1.0)];
        let columns = near(column, self.columns);
        let line = |row: usize| columns.iter().map(|&(column, weight)| weight * value(row, column)).sum::<f32>();
        near(row, self.rows).iter().map(|&(row, weight)| weight * line(row)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(lines: [[u8; 6]; 3]) -> Peak {
        Heatmaps::packed(lines.as_flattened(), [3, 6, 1], 0.01, 20.0).peaks()[0]
    }

    #[test]
    fn a_ridge_is_taken_where_it_is_broadest() {
        let lines = [[20, 20, 20, 60, 60, 20], [20, 100, 20, 95, 95, 90], [20, 20, 20, 20, 20, 20]];
        let peak = peak(lines);
        assert!((peak.heat - 0.8).abs() < 1e-6, "{peak:?}");
        assert_eq!(peak.cell, (1, 4));
    }

    #[test]
    fn a_much_hotter_cell_is_taken_alone() {
        assert_eq!(peak([[20; 6], [20, 140, 20, 95, 95, 90], [20; 6]]).cell, (1, 1));
    }

    #[test]
    fn the_border_is_no_worse_than_the_middle() {
        assert_eq!(peak([[90, 80, 60, 40, 30, 20]; 3]).cell, (0, 0));
    }

    #[test]
    fn maps_below_zero_have_a_peak_too() {
        assert_eq!(peak([[10; 6], [10, 10, 10, 15, 10, 10], [10; 6]]).cell, (1, 3));
    }

    #[test]
    fn channels_and_padding_do_not_mix() {
        // Two channels and a byte of padding in each cell; the second channel's peak is the first
        // one's mirror image.
        let mut cells = [255; 8 * 3];
        for (i, cell) in cells.chunks_exact_mut(3).enumerate() {
            cell[..2].copy_from_slice(&[[20, 90, 30, 20, 20, 20, 20, 20][i], [20, 20, 20, 20, 20, 30, 99, 20][i]]);
        }
        let maps =
            Heatmaps { cells: &cells, rows: 2, columns: 4, channels: 2, pitch: 3, scale: 0.01, zero_point: 20.0 };
        let peaks = maps.peaks();
        assert_eq!((peaks[0].cell, peaks[1].cell), ((0, 1), (1, 2)));
        assert!((peaks[1].heat - 0.79).abs() < 1e-6, "{peaks:?}");
    }
}
