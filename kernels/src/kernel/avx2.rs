//! AVX2: `vpmaddubsw` adds two products u8 * s8 in 16 bits and saturates. Where two neighbouring weights could make it
//! saturate, half of both moves into a correction, so that the sums stay exact.

use std::arch::x86_64::*;
use std::ops::Range;

use super::x86::{self, Dot, by_pixels, tile};
use super::{Convolve, Corrections, InstructionSet, Pixel, Tile};
use crate::graph::Addition;
use crate::pack::{Layout, PackedWeights};
use crate::tensor::BLOCK;

pub(super) struct Avx2;

impl InstructionSet for Avx2 {
    fn name(&self) -> &'static str {
        "avx2"
    }

    fn is_supported(&self) -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    fn layout(&self) -> Layout {
        Layout::Quads { row_multiple: 4 }
    }

    fn tile(&self) -> Tile {
        Tile { pixels: 4, blocks: 1 }
    }

    fn prepare(&self, weights: &mut PackedWeights, window_rows: usize, input_row_pitch: usize) -> Corrections {
        let mut corrections = Corrections::default();
        let (row_bytes, block_bytes) = (weights.row_bytes, weights.block_bytes);
        for block in weights.bytes.as_mut_slice().chunks_exact_mut(block_bytes) {
            let first = corrections.offsets.len();
            for (quad, weights) in block.chunks_exact_mut(4 * BLOCK).enumerate().take(window_rows * row_bytes / 4) {
                if let Some(excess) = take_excess(weights) {
                    let (row, byte) = (quad * 4 / row_bytes, quad * 4 % row_bytes);
                    corrections.offsets.push(row * input_row_pitch + byte);
                    corrections.weights.push(excess);
                }
            }
            corrections.blocks.push(first..corrections.offsets.len());
        }
        corrections
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        // SAFETY: the caller's.
        unsafe { run(convolve, blocks, pixels) }
    }

    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { x86::add_bytes(addition, a, b, output, bytes) }
    }
}

/// Two products of 255 with weights whose sum is beyond this leave 16 bits.
const MAX_PAIR: i32 = 128;

/// Halves the pairs of weights that could saturate, and returns the other halves.
fn take_excess(weights: &mut [u8]) -> Option<[i8; 4 * BLOCK]> {
    let mut excess = None;
    for (i, pair) in weights.chunks_exact_mut(2).enumerate() {
        let (a, b) = (pair[0] as i8, pair[1] as i8);
        let same_sign = (a < 0) == (b < 0);
        if same_sign && (i32::from(a) + i32::from(b)).abs() > MAX_PAIR {
            let excess = excess.get_or_insert([0; 4 * BLOCK]);
            (excess[2 * i], excess[2 * i + 1]) = (a / 2, b / 2);
            pair.copy_from_slice(&[(a - a / 2) as u8, (b - b / 2) as u8]);
        }
    }
    excess
}

#[target_feature(enable = "avx2,fma")]
unsafe fn run(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
    for block in blocks {
        // SAFETY: the caller's.
        unsafe { by_pixels!(Avx2Dot, 1, convolve, block, pixels, [4 1]) }
    }
}

struct Avx2Dot;

impl Dot for Avx2Dot {
    type Sums = [__m256i; 2];

    #[inline(always)]
    unsafe fn start(bias: *const i32) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe { [_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(8).cast())] }
    }

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, values: i32, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe {
            let (values, ones) = (_mm256_set1_epi32(values), _mm256_set1_epi16(1));
            let mut next = sums;
            for half in 0..2 {
                let weights = _mm256_loadu_si256(weights.add(32 * half).cast());
                let pairs = _mm256_maddubs_epi16(values, weights);
                next[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(pairs, ones));
            }
            next
        }
    }

    #[inline(always)]
    unsafe fn halves(sums: Self::Sums) -> [__m256i; 2] {
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pair_of_weights_can_saturate_and_none_is_lost() {
        for a in i8::MIN..=i8::MAX {
            for b in i8::MIN..=i8::MAX {
                let mut weights = [0; 4 * BLOCK];
                (weights[6], weights[7]) = (a as u8, b as u8);
                let excess = take_excess(&mut weights).unwrap_or([0; 4 * BLOCK]);
                let kept = [weights[6] as i8, weights[7] as i8];
                for [a, b] in [kept, [excess[6], excess[7]]].map(|pair| pair.map(i32::from)) {
                    assert!(255 * (a.max(0) + b.max(0)) <= i32::from(i16::MAX), "{a} {b}");
                    assert!(255 * (a.min(0) + b.min(0)) >= i32::from(i16::MIN), "{a} {b}");
                }
                assert_eq!([kept[0] + excess[6], kept[1] + excess[7]], [a, b]);
            }
        }
    }
}
