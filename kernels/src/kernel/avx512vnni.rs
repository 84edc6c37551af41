//! AVX512-VNNI: `vpdpbusd` on 512 bits, a block a register.

use std::arch::x86_64::*;
use std::ops::Range;

use super::x86::{self, Dot, by_pixels, tile};
use super::{Convolve, InstructionSet, Pixel, Tile};
use crate::graph::Addition;
use crate::pack::Layout;

pub(super) struct Avx512Vnni;

const TILE: Tile = Tile { pixels: 8, blocks: 2 };

impl InstructionSet for Avx512Vnni {
    fn name(&self) -> &'static str {
        "avx512vnni"
    }

    fn is_supported(&self) -> bool {
        (cfg!(vnni_trapped) || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni"))
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
    }

    fn layout(&self) -> Layout {
        Layout::Quads { row_multiple: 4 }
    }

    fn tile(&self) -> Tile {
        TILE
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

#[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
unsafe fn run(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
    // SAFETY: the caller's.
    unsafe { run_with::<Vnni512Dot>(convolve, blocks, pixels) }
}

#[inline(always)]
unsafe fn run_with<D: Dot>(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
    // SAFETY: the caller's.
    unsafe {
        if blocks.len() == TILE.blocks {
            by_pixels!(D, 2, convolve, blocks.start, pixels, [8 4 1])
        } else {
            by_pixels!(D, 1, convolve, blocks.start, pixels, [8 4 1])
        }
    }
}

struct Vnni512Dot;

impl Dot for Vnni512Dot {
    type Sums = __m512i;

    #[inline(always)]
    unsafe fn start(bias: *const i32) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe { _mm512_loadu_si512(bias.cast()) }
    }

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe {
            let values = _mm512_set1_epi32(values.cast::<i32>().read_unaligned());
            _mm512_dpbusd_epi32(sums, values, _mm512_loadu_si512(weights.cast()))
        }
    }

    #[inline(always)]
    unsafe fn halves(sums: Self::Sums) -> [__m256i; 2] {
        // SAFETY: the caller's.
        unsafe { [_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums)] }
    }
}

/// The same tiles with `vpdpbusd` in plain Rust, so that a machine with AVX2 tests all but that instruction.
#[cfg(test)]
pub(super) mod emulated {
    use super::*;

    pub(crate) struct Emulated;

    impl InstructionSet for Emulated {
        fn name(&self) -> &'static str {
            "avx512vnni emulated"
        }

        fn is_supported(&self) -> bool {
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
        }

        fn layout(&self) -> Layout {
            Avx512Vnni.layout()
        }

        fn tile(&self) -> Tile {
            TILE
        }

        unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
            // SAFETY: the caller's.
            unsafe { run_emulated(convolve, blocks, pixels) }
        }

        unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
            // SAFETY: the caller's.
            unsafe { x86::add_bytes(addition, a, b, output, bytes) }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn run_emulated(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        // SAFETY: the caller's.
        unsafe { run_with::<EmulatedDot>(convolve, blocks, pixels) }
    }

    struct EmulatedDot;

    impl Dot for EmulatedDot {
        type Sums = [i32; 16];

        unsafe fn start(bias: *const i32) -> Self::Sums {
            // SAFETY: the caller's.
            unsafe { bias.cast::<[i32; 16]>().read() }
        }

        unsafe fn add(mut sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
            // SAFETY: the caller's.
            let (weights, values) =
                unsafe { (weights.cast::<[[i8; 4]; 16]>().read(), values.cast::<[u8; 4]>().read()) };
            let values = values.map(i32::from);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let products = values.iter().zip(weights).map(|(value, weight)| value * i32::from(weight));
                *sum = sum.wrapping_add(products.sum());
            }
            sums
        }

        unsafe fn halves(sums: Self::Sums) -> [__m256i; 2] {
            // SAFETY: 64 bytes are two vectors of 32.
            unsafe { std::mem::transmute(sums) }
        }
    }
}
