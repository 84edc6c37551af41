//! What a net gives: one map of heat for each landmark (or other channel).

/// A cell's heat as a net stores it; `u8` for the int8 nets.
pub trait Heat: Copy + PartialOrd {
    fn to_f32(self) -> f32;
}

impl Heat for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}

impl Heat for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

/// Heatmaps, layout `[row, column, channel]`. The real value of a cell is `(q - zero_point) * scale`, 1 at a landmark
/// of which the net is sure and 0 away from it.
#[derive(Debug, Clone, Copy)]
pub struct Heatmaps<'a, T = u8> {
    pub cells: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    /// Distance between neighbouring cells of one channel; at least `channels` (kernels pad to whole vectors).
    pub pitch: usize,
    pub scale: f32,
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

    /// Row and column of a channel's hottest cell, the first in reading order among equals.
    pub fn hottest(&self, channel: usize) -> (usize, usize) {
        let mut best = (0, self.cells[channel]);
        for cell in 1..self.rows * self.columns {
            let value = self.cells[cell * self.pitch + channel];
            if value > best.1 {
                best = (cell, value);
            }
        }
        (best.0 / self.columns, best.0 % self.columns)
    }
}
