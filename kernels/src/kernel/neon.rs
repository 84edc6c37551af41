//! What the AArch64 sets share: everything after the dot products. Values are read as `s8`, that is
//! less 128, which the biases make up for ([`super::InstructionSet::value_offset`]).

// One index walks registers, pixels and weights alike.
#![allow(clippy::needless_range_loop)]

use std::arch::aarch64::*;

use super::{Convolve, Pixel};
use crate::fuse::Sum;
use crate::graph::Addition;
use crate::tensor::BLOCK;

/// What is taken off the values.
pub(super) const VALUE_OFFSET: i32 = 128;

/// 16 values, less 128.
///
/// # Safety
/// `bytes` can be read.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_signed(bytes: *const u8) -> int8x16_t {
    // SAFETY: the caller's.
    unsafe { vreinterpretq_s8_u8(veorq_u8(vld1q_u8(bytes), vdupq_n_u8(0x80))) }
}

/// Rounds the sums of `P` pixels to stored values, adds the operands and writes 16 channels from
/// `channel` on.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`], and there are `P` pixels.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn finish<const P: usize>(
    convolve: &Convolve,
    channel: usize,
    pixels: &[Pixel],
    sums: [[int32x4_t; 4]; P],
) {
    // SAFETY: the caller's.
    unsafe {
        // Once for all pixels: what is written might be these, for all that the compiler knows.
        let float32x4x4_t(m0, m1, m2, m3) = vld1q_f32_x4(convolve.multipliers.as_ptr().add(channel));
        let zero_point = vdupq_n_s16(i16::from(convolve.output_zero_point));
        for p in 0..P {
            let round = |sums, multipliers| vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), multipliers));
            let [s0, s1, s2, s3] = sums[p];
            let low = vqmovn_high_s32(vqmovn_s32(round(s0, m0)), round(s1, m1));
            let high = vqmovn_high_s32(vqmovn_s32(round(s2, m2)), round(s3, m3));
            store_words(convolve, channel, &pixels[p], [low, high], zero_point);
        }
    }
}

/// Adds the zero point and the operands to rounded values and writes 16 channels from `channel` on.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn store_words(
    convolve: &Convolve,
    channel: usize,
    pixel: &Pixel,
    words: [int16x8_t; 2],
    zero_point: int16x8_t,
) {
    let [low, high] = words.map(|half| vqaddq_s16(half, zero_point));
    let bytes = vqmovun_high_s16(vqmovun_s16(low), high);
    // SAFETY: the caller's.
    unsafe {
        if convolve.sums.is_empty() {
            vst1q_u8(pixel.output.add(channel), bytes);
        } else {
            store_with_operands(convolve, channel, pixel, bytes);
        }
    }
}

/// [`store_words`] for eight channels.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn store_eight(
    convolve: &Convolve,
    channel: usize,
    pixel: &Pixel,
    words: int16x8_t,
    zero_point: int16x8_t,
) {
    let mut bytes = vqmovun_s16(vqaddq_s16(words, zero_point));
    // SAFETY: the caller's.
    unsafe {
        if let Some((last, others)) = convolve.sums.split_last() {
            let mut values = eight_floats(bytes);
            for (sum, operand) in others.iter().zip(pixel.operands) {
                values = clamp(apply(sum, values, eight_floats(vld1_u8(operand.add(channel)))));
            }
            let operand = eight_floats(vld1_u8(pixel.operands[others.len()].add(channel)));
            let [low, high] = apply(last, values, operand).map(|values| vcvtnq_s32_f32(values));
            bytes = vqmovun_s16(vqmovn_high_s32(vqmovn_s32(low), high));
        }
        vst1_u8(pixel.output.add(channel), bytes);
    }
}

/// Adds the operands to a convolution's result and writes 16 channels from `channel` on.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store_with_operands(convolve: &Convolve, channel: usize, pixel: &Pixel, bytes: uint8x16_t) {
    let Some((last, others)) = convolve.sums.split_last() else { return };
    // SAFETY: the caller's.
    unsafe {
        let mut values = to_floats(bytes);
        for (sum, operand) in others.iter().zip(pixel.operands) {
            values = clamp(apply(sum, values, to_floats(vld1q_u8(operand.add(channel)))));
        }
        let operand = to_floats(vld1q_u8(pixel.operands[others.len()].add(channel)));
        store(pixel.output.add(channel), apply(last, values, operand));
    }
}

/// The sum of a convolution's result and an operand.
#[inline]
#[target_feature(enable = "neon")]
fn apply<const N: usize>(sum: &Sum, result: [float32x4_t; N], operand: [float32x4_t; N]) -> [float32x4_t; N] {
    let (a, b) = if sum.operand_is_a { (operand, result) } else { (result, operand) };
    add(a, b, &sum.addition)
}

/// `a * a_ratio + (b * b_ratio + offset)`, yet to be rounded.
#[inline]
#[target_feature(enable = "neon")]
fn add<const N: usize>(a: [float32x4_t; N], b: [float32x4_t; N], addition: &Addition) -> [float32x4_t; N] {
    let mut values = [vdupq_n_f32(0.0); N];
    for i in 0..N {
        let inner = vfmaq_f32(vdupq_n_f32(addition.offset), b[i], vdupq_n_f32(addition.b_ratio));
        values[i] = vfmaq_f32(inner, a[i], vdupq_n_f32(addition.a_ratio));
    }
    values
}

/// Rounded to stored values.
#[inline]
#[target_feature(enable = "neon")]
fn clamp<const N: usize>(values: [float32x4_t; N]) -> [float32x4_t; N] {
    let mut rounded = values;
    for i in 0..N {
        let positive = vmaxq_f32(values[i], vdupq_n_f32(0.0));
        rounded[i] = vrndnq_f32(vminq_f32(positive, vdupq_n_f32(255.0)));
    }
    rounded
}

#[inline]
#[target_feature(enable = "neon")]
fn to_floats(bytes: uint8x16_t) -> [float32x4_t; 4] {
    let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
    let words =
        [vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)];
    [vcvtq_f32_u32(words[0]), vcvtq_f32_u32(words[1]), vcvtq_f32_u32(words[2]), vcvtq_f32_u32(words[3])]
}

#[inline]
#[target_feature(enable = "neon")]
fn eight_floats(bytes: uint8x8_t) -> [float32x4_t; 2] {
    let words = vmovl_u8(bytes);
    [vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_high_u16(words))]
}

/// Rounds, half to even, and writes: narrowing saturates to 0..=255.
///
/// # Safety
/// 16 bytes can be written.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(output: *mut u8, values: [float32x4_t; 4]) {
    let round = |quarter: usize| vcvtnq_s32_f32(values[quarter]);
    let low = vqmovn_high_s32(vqmovn_s32(round(0)), round(1));
    let high = vqmovn_high_s32(vqmovn_s32(round(2)), round(3));
    // SAFETY: the caller's.
    unsafe { vst1q_u8(output, vqmovun_high_s16(vqmovun_s16(low), high)) }
}

/// [`super::InstructionSet::add`].
///
/// # Safety
/// As for [`super::InstructionSet::add`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn add_bytes(addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
    for i in (0..bytes).step_by(BLOCK) {
        // SAFETY: the caller's.
        unsafe {
            let (a, b) = (to_floats(vld1q_u8(a.add(i))), to_floats(vld1q_u8(b.add(i))));
            store(output.add(i), add(a, b, addition));
        }
    }
}
