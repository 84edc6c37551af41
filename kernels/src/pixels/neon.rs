//! The loops in NEON.

use std::arch::aarch64::*;

use super::convert::{BLUE_CB, GREEN_CB, GREEN_CR, HALF, LUMA, Pair, RED_CR};
use super::{Columns, Mean, Piece, Sampling};

/// Pairs of pixels at once.
pub(super) const PAIRS: usize = 8;

/// For at least [`PAIRS`], and as many of one as of the other.
#[target_feature(enable = "neon")]
pub(super) fn pairs_from_yuyv(yuyv: &[[u8; 4]], rgb: &mut [Pair]) {
    for first in firsts(rgb.len()) {
        let (yuyv, rgb) = (&yuyv[first..][..PAIRS], &mut rgb[first..][..PAIRS]);
        // SAFETY: eight pairs are 32 bytes of YUYV and 48 of RGB.
        unsafe {
            let uint8x8x4_t(even, cb, odd, cr) = vld4_u8(yuyv.as_ptr().cast());
            vst3q_u8(rgb.as_mut_ptr().cast(), rgb_from_yuv([even, odd], cb, cr));
        }
    }
}

/// For at least [`PAIRS`], and as many of each.
#[target_feature(enable = "neon")]
pub(super) fn pairs_from_nv12(luma: &[[u8; 2]], chroma: &[[u8; 2]], rgb: &mut [Pair]) {
    for first in firsts(rgb.len()) {
        let (luma, chroma) = (&luma[first..][..PAIRS], &chroma[first..][..PAIRS]);
        let rgb = &mut rgb[first..][..PAIRS];
        // SAFETY: eight pairs are 16 bytes of luma and of chroma, and 48 of RGB.
        unsafe {
            let (uint8x8x2_t(even, odd), uint8x8x2_t(cb, cr)) =
                (vld2_u8(luma.as_ptr().cast()), vld2_u8(chroma.as_ptr().cast()));
            vst3q_u8(rgb.as_mut_ptr().cast(), rgb_from_yuv([even, odd], cb, cr));
        }
    }
}

/// Where runs of [`PAIRS`] begin that cover `count`; the last two may share some.
fn firsts(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(PAIRS).map(move |first| first.min(count - PAIRS))
}

/// Sixteen pixels: their lumas in even and odd columns, and the colour of each two.
#[inline]
#[target_feature(enable = "neon")]
fn rgb_from_yuv(luma: [uint8x8_t; 2], cb: uint8x8_t, cr: uint8x8_t) -> uint8x16x3_t {
    let less = |bytes: uint8x8_t, offset: u8| {
        let words = vreinterpretq_s16_u16(vsubl_u8(bytes, vdup_n_u8(offset)));
        [vmovl_s16(vget_low_s16(words)), vmovl_high_s16(words)]
    };
    let (cb, cr) = (less(cb, 128), less(cr, 128));
    let luma = luma.map(|bytes| less(bytes, 16).map(|y| vmlaq_n_s32(vdupq_n_s32(HALF), y, LUMA)));
    let channel = |colour: [int32x4_t; 2]| {
        // Narrowing to 16 and to 8 bits saturates to 0..=255.
        let [even, odd] = luma.map(|[low, high]| {
            let low = vqshrun_n_s32::<16>(vaddq_s32(low, colour[0]));
            vqmovn_u16(vqshrun_high_n_s32::<16>(low, vaddq_s32(high, colour[1])))
        });
        vcombine_u8(vzip1_u8(even, odd), vzip2_u8(even, odd))
    };
    let green = |half: usize| vmlaq_n_s32(vmulq_n_s32(cb[half], GREEN_CB), cr[half], GREEN_CR);
    uint8x16x3_t(
        channel(cr.map(|cr| vmulq_n_s32(cr, RED_CR))),
        channel([green(0), green(1)]),
        channel(cb.map(|cb| vmulq_n_s32(cb, BLUE_CB))),
    )
}

/// [`Piece::means`].
///
/// # Safety
/// All samples lie inside the piece.
#[target_feature(enable = "neon")]
pub(super) unsafe fn means(piece: &Piece, sampling: &Sampling, rgb: &mut [[u8; 3]]) {
    let mean = Mean::of(sampling.samples);
    // SAFETY: the caller's.
    let add = |at, sums| unsafe { add_sample(piece, at, sums) };
    sampling.fill(rgb, vdupq_n_u32(0), add, |sums| round(sums, mean));
}

/// [`Columns::means`].
///
/// # Safety
/// The row has [`Columns::numbers`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn means_of_columns(columns: &Columns, row: &[u32], mean: Mean, rgb: &mut [[u8; 3]]) {
    let weights = columns.weights.chunks_exact(columns.taps.max(1));
    for ((rgb, &first), weights) in rgb.iter_mut().zip(&columns.first).zip(weights) {
        let (mut sums, mut pixel) = (vdupq_n_u32(0), row.as_ptr().wrapping_add(first as usize * 3));
        for &weight in weights {
            // SAFETY: the caller's.
            sums = vmlaq_n_u32(sums, unsafe { vld1q_u32(pixel) }, u32::from(weight));
            pixel = pixel.wrapping_add(3);
        }
        *rgb = round(sums, mean);
    }
}

/// The means of red, green and blue; the fourth sum means nothing.
#[inline]
#[target_feature(enable = "neon")]
fn round(sums: uint32x4_t, mean: Mean) -> [u8; 3] {
    let quotients = vshlq_u32(vaddq_u32(sums, vdupq_n_u32(mean.half)), vdupq_n_s32(-(mean.shift as i32)));
    let means = vmovn_u32(vshrq_n_u32::<20>(vmulq_n_u32(quotients, mean.reciprocal)));
    let bytes = vget_lane_u32::<0>(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(means, means))));
    let [r, g, b, _] = bytes.to_le_bytes();
    [r, g, b]
}

/// Adds a sample to the sums of red, green and blue; the fourth means nothing.
///
/// # Safety
/// The place is inside the piece, with a pixel at its right and below.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn add_sample(piece: &Piece, [x, y]: [i32; 2], sums: uint32x4_t) -> uint32x4_t {
    let stride = piece.width * 3;
    let first = (y >> 16) as u32 as usize * stride + (x >> 16) as u32 as usize * 3;
    // SAFETY: the caller's; the second row is in the piece, and two bytes come after its last
    // pixel.
    let (top, bottom) = unsafe {
        let top = piece.bytes.as_ptr().add(first);
        (vld1_u8(top), vld1_u8(top.add(stride)))
    };
    let (u, v) = (u16::from((x >> 8) as u8), vdup_n_u8((y >> 8) as u8));
    // Red, green, blue of two pixels, at most 255 * 256; the sum in the middle may wrap, and the
    // difference comes back.
    let between = vmlsl_u8(vmlal_u8(vshll_n_u8::<8>(top), bottom, v), top, v);
    let second = vget_low_u16(vextq_u16::<3>(between, between));
    vmlal_n_u16(vmlal_n_u16(sums, vget_low_u16(between), 256 - u), second, u)
}
