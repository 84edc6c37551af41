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
        Layout::Quads { row_multiple: 4 }
    }

    fn tile(&self) -> Tile {
        Tile { pixels: 10, blocks: 4 }
    }

    fn macs_a_cycle(&self) -> u64 {
        16
    }

    fn value_offset(&self) -> i32 {
        neon::VALUE_OFFSET
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        for block in blocks {
            // SAFETY: the caller's.
            unsafe {
                let mut left = pixels;
                while !left.is_empty() {
                    // Five fill the registers.
                    let count = match left.len() {
                        4 | 8 => tile::<4>(convolve, block, left),
                        5.. => tile::<5>(convolve, block, left),
                        _ => tile::<1>(convolve, block, left),
                    };
                    left = &left[count..];
                }
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

/// Adds to `P` pixels' sums the products of a quad: 16 output channels with the four values at
/// `LANE`.
///
/// # Safety
/// 64 weights can be read.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add_quad<const LANE: i32, const P: usize>(
    sums: &mut [[int32x4_t; 4]; P],
    values: &[int8x16_t; P],
    weights: *const i8,
) {
    // SAFETY: the caller's.
    let int8x16x4_t(w0, w1, w2, w3) = unsafe { vld1q_s8_x4(weights.add(LANE as usize * 4 * BLOCK)) };
    for (n, weights) in [w0, w1, w2, w3].into_iter().enumerate() {
        for p in 0..P {
            sums[p][n] = dot::<LANE>(sums[p][n], weights, values[p]);
        }
    }
}

/// One block of the first `P` pixels; gives `P`.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<const P: usize>(convolve: &Convolve, block: usize, pixels: &[Pixel]) -> usize {
    let weights = &convolve.weights;
    // SAFETY: the caller's; a block of weights holds 64 bytes for each four bytes of a window's
    // rows, and behind every tensor there are bytes to be read.
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
            let mut values = [vdupq_n_s8(0); P];
            let end = weight.add(weights.row_bytes / 16 * (16 * BLOCK));
            while weight != end {
                for p in 0..P {
                    values[p] = load_signed(windows[p]);
                    windows[p] = windows[p].add(16);
                }
                add_quad::<0, P>(&mut sums, &values, weight);
                add_quad::<1, P>(&mut sums, &values, weight);
                add_quad::<2, P>(&mut sums, &values, weight);
                add_quad::<3, P>(&mut sums, &values, weight);
                weight = weight.add(16 * BLOCK);
            }
            let quads_left = weights.row_bytes % 16 / 4;
            if quads_left > 0 {
                for p in 0..P {
                    values[p] = load_signed(windows[p]);
                }
                add_quad::<0, P>(&mut sums, &values, weight);
                if quads_left > 1 {
                    add_quad::<1, P>(&mut sums, &values, weight);
                }
                if quads_left > 2 {
                    add_quad::<2, P>(&mut sums, &values, weight);
                }
                weight = weight.add(quads_left * 4 * BLOCK);
            }
        }
        neon::finish(convolve, block * BLOCK, pixels, sums);
    }
    P
}
