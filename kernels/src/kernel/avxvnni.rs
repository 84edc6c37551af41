//! AVX-VNNI: the AVX2 tile with `vpdpbusd`.

use std::arch::x86_64::*;
use std::ops::Range;

use super::x86::{self, Dot, broadcast, by_pixels, load_sums, tile};
use super::{Convolve, InstructionSet, Pixel, Tile};
use crate::graph::Addition;
use crate::pack::Layout;

pub(super) struct AvxVnni;

impl InstructionSet for AvxVnni {
    fn name(&self) -> &'static str {
        "avxvnni"
    }

    fn is_supported(&self) -> bool {
        (cfg!(vnni_trapped) || is_x86_feature_detected!("avxvnni"))
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
    }

    fn layout(&self) -> Layout {
        Layout::Quads { row_multiple: 4 }
    }

    fn tile(&self) -> Tile {
        Tile { pixels: 6, blocks: 1 }
    }

    fn macs_a_cycle(&self) -> u64 {
        24
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

/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn run(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
    for block in blocks {
        // SAFETY: the caller's.
        unsafe { by_pixels!(VnniDot, 1, convolve, block, pixels, [6 4 1]) }
    }
}

struct VnniDot;

impl Dot for VnniDot {
    type Sums = [__m256i; 2];

    #[inline(always)]
    unsafe fn start(bias: *const i32) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe { load_sums(bias) }
    }

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe {
            let values = broadcast(values);
            let low = _mm256_dpbusd_avx_epi32(sums[0], values, _mm256_loadu_si256(weights.cast()));
            let high = _mm256_dpbusd_avx_epi32(sums[1], values, _mm256_loadu_si256(weights.add(32).cast()));
            [low, high]
        }
    }
}
