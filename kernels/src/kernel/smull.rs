//! NEON `SMULL`, `SMLAL2` and `SADALP` (Cortex-A53, A57, A72): two products in 16 bits, then added
//! to 32. Two products with a weight of -128 could leave 16 bits, so a unit of such a weight moves
//! into a correction.

// One index walks registers, pixels and weights alike.
#![allow(clippy::needless_range_loop)]

use std::arch::aarch64::*;
use std::arch::asm;
use std::ops::Range;

use super::neon::{self, load_signed};
use super::smull_winograd::NeonWinograd;
use super::{Convolve, Corrections, InstructionSet, Pixel, Tile};
use crate::graph::Addition;
use crate::pack::{Layout, PackedWeights};
use crate::tensor::BLOCK;
use crate::winograd::{Winograd, cheapest};

pub(super) struct Smull {
    name: &'static str,
    winograd: Option<Winograd>,
}

impl Smull {
    /// Every convolution by its definition, for comparison.
    pub(super) const DIRECT: Smull = Smull { name: "smull-direct", winograd: None };

    pub(super) const WITH_WINOGRAD: Smull =
        Smull { name: "smull", winograd: Some(Winograd { arithmetic: &NeonWinograd, choose: cheapest }) };
}

/// Output channels whose sums fit into registers.
const HALF: usize = BLOCK / 2;

impl InstructionSet for Smull {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_supported(&self) -> bool {
        std::arch::is_aarch64_feature_detected!("neon")
    }

    fn layout(&self) -> Layout {
        Layout::Sixteens
    }

    /// The registers hold the sums of two pixels; more share the call and the search for their
    /// pointers.
    fn tile(&self) -> Tile {
        Tile { pixels: 8, blocks: 2 }
    }

    fn macs_a_cycle(&self) -> u64 {
        4
    }

    fn value_offset(&self) -> i32 {
        neon::VALUE_OFFSET
    }

    fn prepare(&self, weights: &mut PackedWeights, window_rows: usize, input_row_pitch: usize) -> Corrections {
        let mut corrections = Corrections::default();
        let (row_bytes, block_bytes) = (weights.row_bytes, weights.block_bytes);
        for block in weights.bytes.as_mut_slice().chunks_exact_mut(block_bytes) {
            let first = corrections.offsets.len();
            for (i, weight) in block.iter_mut().enumerate().filter(|(_, weight)| **weight as i8 == i8::MIN) {
                *weight = -127i8 as u8;
                let (group, byte) = (i / (HALF * 16), i % 16);
                let lane = group / (window_rows * row_bytes / 16) * HALF + i / 16 % HALF;
                let group = group % (window_rows * row_bytes / 16);
                let (row, byte) = (group * 16 / row_bytes, group * 16 % row_bytes + byte);
                let mut excess = [0; 4 * BLOCK];
                excess[4 * lane + byte % 4] = -1;
                corrections.offsets.push(row * input_row_pitch + byte / 4 * 4);
                corrections.weights.push(excess);
            }
            corrections.blocks.push(first..corrections.offsets.len());
        }
        corrections
    }

    fn winograd(&self) -> Option<Winograd> {
        self.winograd
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        for block in blocks {
            let (pairs, left) = pixels.as_chunks::<2>();
            // SAFETY: the caller's.
            unsafe {
                for [a, b] in pairs {
                    let [sums_a, sums_b] = tile(convolve, block, a, b);
                    finish(convolve, block, a, sums_a);
                    finish(convolve, block, b, sums_b);
                }
                if let [pixel] = left {
                    finish(convolve, block, pixel, tile(convolve, block, pixel, pixel)[0]);
                }
            }
        }
    }

    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { neon::add_bytes(addition, a, b, output, bytes) }
    }
}

/// Sums of products of a block for two pixels.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile(convolve: &Convolve, block: usize, a: &Pixel, b: &Pixel) -> [[int32x4_t; 4]; 2] {
    // SAFETY: the caller's.
    let [low, high] = unsafe { [half_tile(convolve, block, 0, a, b), half_tile(convolve, block, 1, a, b)] };
    std::array::from_fn(|p| [low[p][0], low[p][1], high[p][0], high[p][1]])
}

/// Adds biases and corrections, rounds and writes.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn finish(convolve: &Convolve, block: usize, pixel: &Pixel, mut sums: [int32x4_t; 4]) {
    // SAFETY: the caller's.
    unsafe {
        for n in 0..4 {
            sums[n] = vaddq_s32(sums[n], vld1q_s32(pixel.bias.add(block * convolve.bias_pitch + 4 * n)));
        }
        if !convolve.corrections.of(block).is_empty() {
            correct(convolve, block, pixel, &mut sums);
        }
        neon::finish(convolve, block * BLOCK, std::slice::from_ref(pixel), [sums]);
    }
}

/// Adds the products that weights of -128 leave over: no trained net of ours has any.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[cold]
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn correct(convolve: &Convolve, block: usize, pixel: &Pixel, sums: &mut [int32x4_t; 4]) {
    for correction in convolve.corrections.of(block) {
        let weights = &convolve.corrections.weights[correction];
        let mut excess = [0i32; BLOCK];
        for (lane, excess) in excess.iter_mut().enumerate() {
            for byte in 0..4 {
                // SAFETY: the caller's; corrections lie inside the window.
                let value = unsafe { *pixel.window.add(convolve.corrections.offsets[correction] + byte) };
                *excess += (i32::from(value) - neon::VALUE_OFFSET) * i32::from(weights[4 * lane + byte]);
            }
        }
        for (n, sum) in sums.iter_mut().enumerate() {
            // SAFETY: four of sixteen numbers.
            *sum = vaddq_s32(*sum, unsafe { vld1q_s32(excess.as_ptr().add(4 * n)) });
        }
    }
}

/// Sums of half a block for two pixels; `[pixel][channels 0 to 3, 4 to 7]`. Not inlined: the loop
/// needs all registers.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn half_tile(convolve: &Convolve, block: usize, half: usize, a: &Pixel, b: &Pixel) -> [[int32x4_t; 2]; 2] {
    let weights = &convolve.weights;
    // SAFETY: the caller's; half a block of weights holds 128 bytes for each 16 bytes of a window's
    // rows.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); HALF]; 2];
        let mut weight = weights.bytes.as_ptr().cast::<i8>().add(block * weights.block_bytes);
        weight = weight.add(half * weights.block_bytes / 2);
        for row in 0..convolve.window_rows {
            let row = row * convolve.input_row_pitch;
            let (mut a, mut b) = (a.window.add(row), b.window.add(row));
            for _ in 0..weights.row_bytes / 16 {
                let (va, vb) = (load_signed(a), load_signed(b));
                (a, b) = (a.add(16), b.add(16));
                for n in (0..HALF).step_by(2) {
                    let (w0, w1) = (vld1q_s8(weight.add(n * 16)), vld1q_s8(weight.add(n * 16 + 16)));
                    let (mut s0, mut s1, mut s2, mut s3) = (sums[0][n], sums[1][n], sums[0][n + 1], sums[1][n + 1]);
                    // Four chains side by side, for cores that execute in order.
                    asm!("smull {t0:v}.8h, {a:v}.8b, {w0:v}.8b", "smull {t1:v}.8h, {b:v}.8b, {w0:v}.8b",
                         "smull {t2:v}.8h, {a:v}.8b, {w1:v}.8b", "smull {t3:v}.8h, {b:v}.8b, {w1:v}.8b",
                         "smlal2 {t0:v}.8h, {a:v}.16b, {w0:v}.16b", "smlal2 {t1:v}.8h, {b:v}.16b, {w0:v}.16b",
                         "smlal2 {t2:v}.8h, {a:v}.16b, {w1:v}.16b", "smlal2 {t3:v}.8h, {b:v}.16b, {w1:v}.16b",
                         "sadalp {s0:v}.4s, {t0:v}.8h", "sadalp {s1:v}.4s, {t1:v}.8h",
                         "sadalp {s2:v}.4s, {t2:v}.8h", "sadalp {s3:v}.4s, {t3:v}.8h",
                         t0 = out(vreg) _, t1 = out(vreg) _, t2 = out(vreg) _, t3 = out(vreg) _,
                         a = in(vreg) va, b = in(vreg) vb, w0 = in(vreg) w0, w1 = in(vreg) w1,
                         s0 = inout(vreg) s0, s1 = inout(vreg) s1, s2 = inout(vreg) s2, s3 = inout(vreg) s3,
                         options(pure, nomem, nostack, preserves_flags));
                    (sums[0][n], sums[1][n], sums[0][n + 1], sums[1][n + 1]) = (s0, s1, s2, s3);
                }
                weight = weight.add(16 * HALF);
            }
        }
        let mut totals = [[vdupq_n_s32(0); 2]; 2];
        for p in 0..2 {
            for quarter in 0..2 {
                let s = &sums[p][4 * quarter..];
                totals[p][quarter] = vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3]));
            }
        }
        totals
    }
}
