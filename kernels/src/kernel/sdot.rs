//! NEON `SDOT` (Cortex-A76 and later): four products a lane in one instruction.

// One index walks registers, pixels and weights alike.
#![allow(clippy::needless_range_loop)]

use std::arch::aarch64::*;
use std::arch::asm;
use std::ops::Range;

use super::neon::{self, load_signed};
use super::{Convolve, InstructionSet, Pixel, Tile};
use crate::graph::Addition;
use crate::pack::Layout;
use crate::tensor::BLOCK;

pub(super) struct Sdot;

impl InstructionSet for Sdot {
    fn name(&self) -> &'static str {
        "sdot"
    }

    fn is_supported(&self) -> bool {
        std::arch::is_aarch64_feature_detected!("dotprod")
    }

    fn layout(&self) -> Layout {
        Layout::Quads { row_multiple: 16 }
    }

    fn tile(&self) -> Tile {
        Tile { pixels: 4, blocks: 1 }
    }

    fn value_offset(&self) -> i32 {
        neon::VALUE_OFFSET
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        for block in blocks {
            // SAFETY: the caller's.
            unsafe {
                let fours = pixels.chunks_exact(4);
                let left = fours.remainder();
                fours.for_each(|pixels| tile::<4>(convolve, block, pixels));
                left.chunks_exact(1).for_each(|pixel| tile::<1>(convolve, block, pixel));
            }
        }
    }

    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { neon::add_bytes(addition, a, b, output, bytes) }
    }
}

/// Adds the products of four channels' weights with four values, number `LANE` of four in `values`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot<const LANE: i32>(mut sums: int32x4_t, weights: int8x16_t, values: int8x16_t) -> int32x4_t {
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{lane}]", inout(vreg) sums, in(vreg) weights, in(vreg) values,
             lane = const LANE, options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// One block of `P` pixels.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<const P: usize>(convolve: &Convolve, block: usize, pixels: &[Pixel]) {
    let weights = &convolve.weights;
    // SAFETY: the caller's; a block of weights holds 256 bytes for each 16 bytes of a window's rows.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 4]; P];
        for p in 0..P {
            for n in 0..4 {
                sums[p][n] = vld1q_s32(pixels[p].bias.add(block * convolve.bias_pitch + 4 * n));
            }
        }
        let mut weight = weights.bytes.as_ptr().cast::<i8>().add(block * weights.block_bytes);
        for row in 0..convolve.window_rows {
            let mut windows = [std::ptr::null::<u8>(); P];
            for p in 0..P {
                windows[p] = pixels[p].window.add(row * convolve.input_row_pitch);
            }
            for _ in 0..weights.row_bytes / 16 {
                let mut values = [vdupq_n_s8(0); P];
                for p in 0..P {
                    values[p] = load_signed(windows[p]);
                    windows[p] = windows[p].add(16);
                }
                macro_rules! quad {
                    ($lane:literal) => {
                        for n in 0..4 {
                            let weights = vld1q_s8(weight.add($lane * 64 + n * 16));
                            for p in 0..P {
                                sums[p][n] = dot::<$lane>(sums[p][n], weights, values[p]);
                            }
                        }
                    };
                }
                quad!(0);
                quad!(1);
                quad!(2);
                quad!(3);
                weight = weight.add(16 * BLOCK);
            }
        }
        for p in 0..P {
            neon::finish(convolve, block * BLOCK, &pixels[p], sums[p]);
        }
    }
}
