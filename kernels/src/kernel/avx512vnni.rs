//! AVX512-VNNI: `vpdpbusd` on 512 bits, a block a register; what follows the dot products, too.

use std::arch::x86_64::*;
use std::ops::Range;

use super::x86::{self, Dot, Sums, by_pixels, tile};
use super::{Convolve, InstructionSet, Pixel, Tile};
use crate::fuse::Sum;
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

    fn macs_a_cycle(&self) -> u64 {
        48
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
#[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
unsafe fn run(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
    // SAFETY: the caller's.
    unsafe { run_with::<Vnni512Dot>(convolve, blocks, pixels) }
}

/// # Safety
/// As for [`super::InstructionSet::convolve`].
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
}

impl Sums for __m512i {
    #[inline(always)]
    unsafe fn write(self, convolve: &Convolve, channel: usize, pixel: &Pixel) {
        // SAFETY: the caller's.
        unsafe {
            let bytes = _mm512_cvtusepi32_epi8(rounded(convolve, channel, self));
            _mm_storeu_si128(pixel.output.add(channel).cast(), bytes);
        }
    }

    #[inline(always)]
    unsafe fn write_with_operands(self, convolve: &Convolve, channel: usize, pixel: &Pixel) {
        // SAFETY: the caller's.
        unsafe {
            let mut values = _mm512_min_epi32(rounded(convolve, channel, self), _mm512_set1_epi32(255));
            for (sum, operand) in convolve.sums.iter().zip(pixel.operands) {
                let operand = _mm512_cvtepu8_epi32(_mm_loadu_si128(operand.add(channel).cast()));
                values = add(sum, values, operand);
            }
            _mm_storeu_si128(pixel.output.add(channel).cast(), _mm512_cvtepi32_epi8(values));
        }
    }
}

/// Sums as stored values, which may still be above 255.
///
/// # Safety
/// The multipliers of 16 channels from `channel` on can be read, on a machine with AVX512F.
#[inline(always)]
unsafe fn rounded(convolve: &Convolve, channel: usize, sums: __m512i) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        let product =
            _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(convolve.multipliers.as_ptr().add(channel)));
        // Beyond i32 the conversion gives its smallest value, which is right below and wrong above.
        let whole = _mm512_cvtps_epi32(_mm512_min_ps(product, _mm512_set1_ps(f32::from(i16::MAX))));
        let stored = _mm512_add_epi32(whole, _mm512_set1_epi32(i32::from(convolve.output_zero_point)));
        _mm512_max_epi32(stored, _mm512_setzero_si512())
    }
}

/// A further sum of stored values, as [`Sum`] says.
///
/// # Safety
/// The machine has AVX512F.
#[inline(always)]
unsafe fn add(sum: &Sum, result: __m512i, operand: __m512i) -> __m512i {
    let Sum { addition, operand_is_a, .. } = sum;
    let (a, b) = if *operand_is_a { (operand, result) } else { (result, operand) };
    // SAFETY: the caller's.
    unsafe {
        let (a_ratio, b_ratio) = (_mm512_set1_ps(addition.a_ratio), _mm512_set1_ps(addition.b_ratio));
        let inner = _mm512_fmadd_ps(_mm512_cvtepi32_ps(b), b_ratio, _mm512_set1_ps(addition.offset));
        let outer = _mm512_fmadd_ps(_mm512_cvtepi32_ps(a), a_ratio, inner);
        let clamped = _mm512_min_ps(_mm512_max_ps(outer, _mm512_setzero_ps()), _mm512_set1_ps(255.0));
        _mm512_cvtps_epi32(clamped)
    }
}

/// The same tiles with `vpdpbusd` in plain Rust, so that a machine with AVX2 tests all but that
/// instruction.
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

        fn macs_a_cycle(&self) -> u64 {
            Avx512Vnni.macs_a_cycle()
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

    /// # Safety
    /// As for [`InstructionSet::convolve`], on a machine with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn run_emulated(convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
        // SAFETY: the caller's.
        unsafe { run_with::<EmulatedDot>(convolve, blocks, pixels) }
    }

    struct EmulatedDot;

    impl Dot for EmulatedDot {
        type Sums = [__m256i; 2];

        unsafe fn start(bias: *const i32) -> Self::Sums {
            // SAFETY: the caller's.
            unsafe { x86::load_sums(bias) }
        }

        unsafe fn add(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
            // SAFETY: the caller's; two vectors of 32 bytes are 16 sums.
            let (weights, values, mut sums) = unsafe {
                let weights = weights.cast::<[[i8; 4]; 16]>().read();
                (weights, values.cast::<[u8; 4]>().read(), std::mem::transmute::<Self::Sums, [i32; 16]>(sums))
            };
            let values = values.map(i32::from);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let products = values.iter().zip(weights).map(|(value, weight)| value * i32::from(weight));
                *sum = sum.wrapping_add(products.sum());
            }
            // SAFETY: as above.
            unsafe { std::mem::transmute(sums) }
        }
    }
}
