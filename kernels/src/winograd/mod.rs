//! Winograd's minimal filtering (Lavin and Gray, "Fast algorithms for convolutional neural
//! networks", 2016) for windows of 3x3 and stride 1, in whole numbers: the sums are those of the
//! definition, to the last bit.
//!
//! [`form`] has the arithmetic and its proof, [`choice`] says which layers are computed this way,
//! [`job`] walks over a layer's tiles. What touches many numbers is an [`Arithmetic`] of an
//! instruction set.

// Only the kernels of AArch64 compute so; tests do on any machine.
#![cfg_attr(not(any(test, target_arch = "aarch64")), allow(dead_code))]

mod choice;
mod form;
mod job;
#[cfg(test)]
pub(crate) mod plain;

pub(crate) use choice::Layer;
#[cfg(target_arch = "aarch64")]
pub(crate) use choice::cheapest;
pub(crate) use form::Form;
pub(crate) use job::{WinogradJob, form};

use crate::kernel::{Convolve, Pixel};

/// How an instruction set computes layers by Winograd's algorithm.
#[derive(Clone, Copy)]
pub(crate) struct Winograd {
    pub arithmetic: &'static dyn Arithmetic,
    /// The form for a layer, among those that are exact for it; `None` where the direct way is as
    /// good.
    pub choose: fn(&Layer, &[Form]) -> Option<Form>,
}

/// Tiles whose products are computed together: their sums fill half of the registers.
pub(crate) const STRIP_TILES: usize = 8;

/// Output channels that are computed together: their weights lie side by side.
pub(crate) const GROUP: usize = 8;

/// Some neighbouring tiles and the memory in which they are computed.
pub(crate) struct Strip {
    pub form: Form,
    /// At most [`STRIP_TILES`].
    pub tiles: usize,
    /// Input channels, a multiple of 16.
    pub channels: usize,
    /// Transformed input, layout `[position, group of 8 channels, tile, 8 channels]`.
    pub values: *mut i16,
    /// Sums of products of [`GROUP`] output channels, layout
    /// `[tile, 4 outputs of them, position, 4 outputs]`.
    pub products: *mut i32,
}

/// Where a tile's results go. Pixel `[row][column]` is at `row * outputs + column`.
#[derive(Clone, Copy)]
pub(crate) struct TilePixels {
    pub pixels: [Pixel; 16],
    /// Those that lie inside the layer's output.
    pub rows: usize,
    pub columns: usize,
}

impl TilePixels {
    const NONE: TilePixels = TilePixels { pixels: [Pixel::NONE; 16], rows: 0, columns: 0 };
}

/// The three parts of the algorithm that an instruction set provides.
pub(crate) trait Arithmetic: Send + Sync {
    /// Transforms tile number `tile` of the strip. Its value `[row][column]` lies `columns[column]`
    /// bytes behind `rows[row]`.
    ///
    /// # Safety
    /// The set is supported, the strip's channels can be read at each value, and its memory is the
    /// caller's alone.
    unsafe fn transform(&self, strip: &Strip, tile: usize, rows: &[*const u8; 6], columns: &[usize; 6]);

    /// Products of all tiles for [`GROUP`] output channels: their `weights` in the layout of
    /// [`form::transform_weights`] and their `starts`, which the sums of position [1][1] begin
    /// with.
    ///
    /// # Safety
    /// As for [`Self::transform`].
    unsafe fn multiply(&self, strip: &Strip, weights: *const i16, starts: *const i32);

    /// Transforms the products of a tile back and writes [`GROUP`] output channels from `channel`
    /// on.
    ///
    /// # Safety
    /// As for [`Self::transform`], and all pointers of the pixels inside are good for what the
    /// convolution reads and writes.
    unsafe fn finish(&self, strip: &Strip, tile: usize, convolve: &Convolve, channel: usize, to: &TilePixels);
}

#[cfg(test)]
mod tests;
