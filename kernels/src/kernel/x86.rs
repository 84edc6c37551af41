//! What the x86-64 sets share: the tile, and what follows the dot products on 256 bits. A set
//! brings its dot product.

// One index walks registers, pixels and weights alike.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

#[cfg(doc)]
use super::Corrections;
use super::{Convolve, Pixel};
use crate::fuse::Sum;
use crate::graph::Addition;
use crate::tensor::BLOCK;

/// Sums of one pixel's block of 16 output channels.
pub(super) trait Sums: Copy {
    /// Rounds them to stored values and writes these, the channels from `channel` on.
    ///
    /// # Safety
    /// As for [`super::InstructionSet::convolve`].
    unsafe fn write(self, convolve: &Convolve, channel: usize, pixel: &Pixel);

    /// The same, with the operands of [`Convolve::sums`] added.
    ///
    /// # Safety
    /// As for [`super::InstructionSet::convolve`].
    unsafe fn write_with_operands(self, convolve: &Convolve, channel: usize, pixel: &Pixel);
}

/// How a set computes [`Sums`].
pub(super) trait Dot {
    type Sums: Sums;
    /// Whether [`super::InstructionSet::prepare`] makes [`Corrections`].
    const CORRECTS: bool = false;

    /// Sums that start with 16 biases.
    ///
    /// # Safety
    /// The set is supported and the biases can be read.
    unsafe fn start(bias: *const i32) -> Self::Sums;

    /// Adds four values times 64 weights `[16 output channels, 4 bytes]`.
    ///
    /// # Safety
    /// The set is supported; values and weights can be read.
    unsafe fn add(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums;

    /// Adds eight values times weights `[2, 16 output channels, 4 bytes]` that
    /// [`Corrections::by_two`] allows.
    ///
    /// # Safety
    /// The set is supported; values and weights can be read.
    #[inline(always)]
    unsafe fn add_two(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe { Self::add(Self::add(sums, values, weights), values.add(4), weights.add(4 * BLOCK)) }
    }
}

/// `B` blocks from `block` on, of `P` pixels. To be inlined into a function that enables the set's
/// features.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`], on a machine with AVX2 and FMA.
#[inline(always)]
pub(super) unsafe fn tile<D: Dot, const P: usize, const B: usize>(convolve: &Convolve, block: usize, pixels: &[Pixel]) {
    let weights = &convolve.weights;
    // SAFETY: the caller's; a block of weights holds 64 bytes for each four bytes of a window's
    // rows.
    unsafe {
        let mut sums: [[D::Sums; B]; P] = std::array::from_fn(|p| {
            std::array::from_fn(|b| D::start(pixels[p].bias.add((block + b) * convolve.bias_pitch)))
        });
        let windows: [*const u8; P] = std::array::from_fn(|p| pixels[p].window);
        let mut weight = weights.bytes.as_ptr().cast::<i8>().add(block * weights.block_bytes);
        for row in (0..convolve.window_rows).map(|row| row * convolve.input_row_pitch) {
            let pairs = if D::CORRECTS && convolve.corrections.by_two { weights.row_bytes / 8 } else { 0 };
            for pair in 0..pairs {
                for p in 0..P {
                    let values = windows[p].add(row + 8 * pair);
                    for b in 0..B {
                        sums[p][b] = D::add_two(sums[p][b], values, weight.add(b * weights.block_bytes));
                    }
                }
                weight = weight.add(8 * BLOCK);
            }
            for byte in (8 * pairs..weights.row_bytes).step_by(4) {
                for p in 0..P {
                    let values = windows[p].add(row + byte);
                    for b in 0..B {
                        sums[p][b] = D::add(sums[p][b], values, weight.add(b * weights.block_bytes));
                    }
                }
                weight = weight.add(4 * BLOCK);
            }
        }
        if D::CORRECTS {
            for b in 0..B {
                for correction in convolve.corrections.of(block + b) {
                    let weight = convolve.corrections.weights[correction].as_ptr();
                    for p in 0..P {
                        let values = windows[p].add(convolve.corrections.offsets[correction]);
                        sums[p][b] = D::add(sums[p][b], values, weight);
                    }
                }
            }
        }
        if convolve.sums.is_empty() {
            for b in 0..B {
                for p in 0..P {
                    sums[p][b].write(convolve, (block + b) * BLOCK, &pixels[p]);
                }
            }
            return;
        }
        // A copy for a loop that is not unrolled: its index would keep the sums in memory from the
        // start.
        let sums = sums;
        for b in 0..B {
            for p in 0..P {
                sums[p][b].write_with_operands(convolve, (block + b) * BLOCK, &pixels[p]);
            }
        }
    }
}

/// Channels 0 to 7, and 8 to 15.
impl Sums for [__m256i; 2] {
    #[inline(always)]
    unsafe fn write(self, convolve: &Convolve, channel: usize, pixel: &Pixel) {
        // SAFETY: the caller's.
        unsafe { _mm_storeu_si128(pixel.output.add(channel).cast(), rounded(convolve, channel, self)) }
    }

    #[inline(always)]
    unsafe fn write_with_operands(self, convolve: &Convolve, channel: usize, pixel: &Pixel) {
        // SAFETY: the caller's.
        unsafe {
            let mut values = to_floats(rounded(convolve, channel, self));
            for (sum, operand) in convolve.sums.iter().zip(pixel.operands) {
                values = apply(sum, values, load(operand.add(channel)));
            }
            store(pixel.output.add(channel), values);
        }
    }
}

/// Sums as stored values.
///
/// # Safety
/// The biases are added, and the multipliers of 16 channels from `channel` on can be read, on a
/// machine with AVX2.
#[inline(always)]
unsafe fn rounded(convolve: &Convolve, channel: usize, sums: [__m256i; 2]) -> __m128i {
    // SAFETY: the caller's.
    unsafe {
        let multipliers = convolve.multipliers.as_ptr().add(channel);
        let mut rounded = [_mm256_setzero_si256(); 2];
        for half in 0..2 {
            let product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[half]), _mm256_loadu_ps(multipliers.add(8 * half)));
            // Beyond i32 the conversion gives its smallest value, which is right below and wrong
            // above.
            rounded[half] = _mm256_cvtps_epi32(_mm256_min_ps(product, _mm256_set1_ps(f32::from(i16::MAX))));
        }
        let zero_point = _mm256_set1_epi16(i16::from(convolve.output_zero_point));
        let words = _mm256_adds_epi16(_mm256_packs_epi32(rounded[0], rounded[1]), zero_point);
        in_order(words)
    }
}

/// # Safety
/// The machine has AVX2 and FMA.
#[inline(always)]
unsafe fn apply(sum: &Sum, result: [__m256; 2], operand: [__m256; 2]) -> [__m256; 2] {
    let (a, b) = if sum.operand_is_a { (operand, result) } else { (result, operand) };
    // SAFETY: the caller's.
    unsafe { add(a, b, &sum.addition) }
}

/// `round(a * a_ratio + (b * b_ratio + offset))`, clamped.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[inline(always)]
unsafe fn add(a: [__m256; 2], b: [__m256; 2], addition: &Addition) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let mut values = [_mm256_setzero_ps(); 2];
        for half in 0..2 {
            let inner = _mm256_fmadd_ps(b[half], _mm256_set1_ps(addition.b_ratio), _mm256_set1_ps(addition.offset));
            let outer = _mm256_fmadd_ps(a[half], _mm256_set1_ps(addition.a_ratio), inner);
            let clamped = _mm256_min_ps(_mm256_max_ps(outer, _mm256_setzero_ps()), _mm256_set1_ps(255.0));
            values[half] = round(clamped);
        }
        values
    }
}

/// 16 biases, eight a register.
///
/// # Safety
/// The biases can be read, on a machine with AVX2.
#[inline(always)]
pub(super) unsafe fn load_sums(bias: *const i32) -> [__m256i; 2] {
    // SAFETY: the caller's.
    unsafe { [_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(8).cast())] }
}

/// Four values in each 32 bits.
///
/// # Safety
/// The values can be read, on a machine with AVX2.
#[inline(always)]
pub(super) unsafe fn broadcast(values: *const u8) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_set1_epi32(values.cast::<i32>().read_unaligned()) }
}

/// # Safety
/// The machine has AVX.
#[inline(always)]
unsafe fn round(values: __m256) -> __m256 {
    // SAFETY: the caller's.
    unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(values) }
}

/// # Safety
/// 16 bytes can be read, on a machine with AVX2.
#[inline(always)]
unsafe fn load(bytes: *const u8) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe { to_floats(_mm_loadu_si128(bytes.cast())) }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn to_floats(bytes: __m128i) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let high = _mm_unpackhi_epi64(bytes, bytes);
        [_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(high))]
    }
}

/// Whole numbers from 0 to 255.
///
/// # Safety
/// 16 bytes can be written, on a machine with AVX2.
#[inline(always)]
unsafe fn store(output: *mut u8, values: [__m256; 2]) {
    // SAFETY: the caller's.
    unsafe {
        let words = _mm256_packs_epi32(_mm256_cvtps_epi32(values[0]), _mm256_cvtps_epi32(values[1]));
        _mm_storeu_si128(output.cast(), in_order(words));
    }
}

/// 16 words as `_mm256_packs_epi32` leaves them, clamped to bytes, in the channels' order.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn in_order(words: __m256i) -> __m128i {
    // SAFETY: the caller's.
    unsafe {
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
    }
}

/// [`super::InstructionSet::add`].
///
/// # Safety
/// As for [`super::InstructionSet::add`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn add_bytes(addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
    for i in (0..bytes).step_by(BLOCK) {
        // SAFETY: the caller's.
        unsafe {
            store(output.add(i), add(load(a.add(i)), load(b.add(i)), addition));
        }
    }
}

/// Runs `tile` on as many pixels at a time as the counts say, the largest first.
macro_rules! by_pixels {
    ($dot:ty, $blocks:literal, $convolve:expr, $block:expr, $pixels:expr, [$($count:literal)*]) => {{
        let mut left: &[Pixel] = $pixels;
        $(while left.len() >= $count {
            tile::<$dot, $count, $blocks>($convolve, $block, left);
            left = &left[$count..];
        })*
    }};
}
pub(super) use by_pixels;
