//! Plain Rust.

use std::ops::Range;

use super::{Convolve, InstructionSet, Pixel, Tile};
use crate::fuse::Sum;
use crate::graph::Addition;
use crate::pack::Layout;
use crate::reference;
use crate::tensor::BLOCK;

pub(super) struct Portable;

impl InstructionSet for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn is_supported(&self) -> bool {
        true
    }

    fn layout(&self) -> Layout {
        Layout::Quads { row_multiple: 4 }
    }

    fn tile(&self) -> Tile {
        Tile { pixels: 1, blocks: 1 }
    }

    fn macs_a_cycle(&self) -> u64 {
        1
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        for block in blocks {
            for pixel in pixels {
                // SAFETY: the caller's.
                unsafe { convolve_pixel(convolve, block, pixel) }
            }
        }
    }

    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
        for i in 0..bytes {
            // SAFETY: the caller's.
            unsafe { *output.add(i) = reference::add(*a.add(i), *b.add(i), addition) }
        }
    }
}

/// # Safety
/// As for [`super::InstructionSet::convolve`].
unsafe fn convolve_pixel(convolve: &Convolve, block: usize, pixel: &Pixel) {
    let weights = &convolve.weights;
    // SAFETY: the caller's; a block of weights holds 64 bytes for each four bytes of a window's
    // rows.
    unsafe {
        let mut sums = [0i32; BLOCK];
        sums.copy_from_slice(std::slice::from_raw_parts(pixel.bias.add(block * convolve.bias_pitch), BLOCK));
        let mut weight = weights.bytes.as_ptr().cast::<[i8; 4]>().add(block * weights.block_bytes / 4);
        for row in 0..convolve.window_rows {
            let values = pixel.window.add(row * convolve.input_row_pitch).cast::<[u8; 4]>();
            for quad in 0..weights.row_bytes / 4 {
                let values = (*values.add(quad)).map(i32::from);
                let quads = &*weight.cast::<[[i8; 4]; BLOCK]>();
                for (sum, w) in sums.iter_mut().zip(quads) {
                    let products = values.iter().zip(w).map(|(value, w)| value * i32::from(*w));
                    *sum = sum.wrapping_add(products.sum());
                }
                weight = weight.add(BLOCK);
            }
        }
        for (lane, sum) in sums.into_iter().enumerate() {
            let channel = block * BLOCK + lane;
            let mut value = reference::requantise(sum, convolve.multipliers[channel], convolve.output_zero_point);
            for (sum, operand) in convolve.sums.iter().zip(pixel.operands) {
                value = sum.apply(value, *operand.add(channel));
            }
            *pixel.output.add(channel) = value;
        }
    }
}

impl Sum {
    pub(crate) fn apply(&self, result: u8, operand: u8) -> u8 {
        let (a, b) = if self.operand_is_a { (operand, result) } else { (result, operand) };
        reference::add(a, b, &self.addition)
    }
}
