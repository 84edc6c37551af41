//! The loops over samples and columns with AVX2.

use std::arch::x86_64::*;

use super::{Columns, Mean, Piece, Sampling};

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// [`Piece::means`].
///
/// # Safety
/// The machine has AVX2, and all samples lie inside the piece.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn means(piece: &Piece, sampling: &Sampling, rgb: &mut [[u8; 3]]) {
    let mean = Mean::of(sampling.samples);
    // What all samples of a pixel lack by `add_sample`.
    let lacking = _mm_set1_epi32((sampling.samples * sampling.samples) as i32 * (SIGN * 256));
    // SAFETY: the caller's.
    let add = |at, sums| unsafe { add_sample(piece, at, sums) };
    sampling.fill(rgb, lacking, add, |sums| round(sums, mean));
}

/// [`Columns::means`].
///
/// # Safety
/// The machine has AVX2, and the row has [`Columns::numbers`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn means_of_columns(columns: &Columns, row: &[u32], mean: Mean, rgb: &mut [[u8; 3]]) {
    let weights = columns.weights.chunks_exact(columns.taps.max(1));
    for ((rgb, &first), weights) in rgb.iter_mut().zip(&columns.first).zip(weights) {
        let (mut sums, mut pixel) = (_mm_setzero_si128(), row.as_ptr().wrapping_add(first as usize * 3));
        for &weight in weights {
            // SAFETY: the caller's.
            let colours = unsafe { _mm_loadu_si128(pixel.cast()) };
            sums = _mm_add_epi32(sums, _mm_mullo_epi32(colours, _mm_set1_epi32(weight.into())));
            pixel = pixel.wrapping_add(3);
        }
        *rgb = round(sums, mean);
    }
}

/// The means of red, green and blue; the fourth sum means nothing.
#[inline]
#[target_feature(enable = "avx2")]
fn round(sums: __m128i, mean: Mean) -> [u8; 3] {
    let shift = _mm_cvtsi32_si128(mean.shift as i32);
    let quotients = _mm_srl_epi32(_mm_add_epi32(sums, _mm_set1_epi32(mean.half as i32)), shift);
    let means = _mm_srli_epi32::<20>(_mm_mullo_epi32(quotients, _mm_set1_epi32(mean.reciprocal as i32)));
    let words = _mm_packus_epi32(means, means);
    let [r, g, b, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
    [r, g, b]
}

/// What is taken from numbers of 16 bits, so that they fit with a sign.
const SIGN: i32 = 1 << 15;

/// Adds a sample less [`SIGN`] * 256 to the sums of red, green and blue; the fourth means nothing.
///
/// # Safety
/// The place is inside the piece, with a pixel at its right and below.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_sample(piece: &Piece, [x, y]: [i32; 2], sums: __m128i) -> __m128i {
    let stride = piece.width * 3;
    let first = (y >> 16) as u32 as usize * stride + (x >> 16) as u32 as usize * 3;
    // SAFETY: the caller's; the second row is in the piece, and two bytes come after its last
    // pixel.
    let (top, bottom) = unsafe {
        let top = piece.bytes.as_ptr().add(first);
        (_mm_loadl_epi64(top.cast()), _mm_loadl_epi64(top.add(stride).cast()))
    };
    let (u, v) = (i32::from((x >> 8) as u8), i16::from((y >> 8) as u8));
    // Red, green, blue of two pixels, at most 255 * 256.
    let between = _mm_add_epi16(
        _mm_mullo_epi16(_mm_cvtepu8_epi16(top), _mm_set1_epi16(256 - v)),
        _mm_mullo_epi16(_mm_cvtepu8_epi16(bottom), _mm_set1_epi16(v)),
    );
    let signed = _mm_xor_si128(between, _mm_set1_epi16(i16::MIN));
    // Each colour of the first pixel beside that of the second.
    let pairs = _mm_unpacklo_epi16(signed, _mm_srli_si128::<6>(signed));
    _mm_add_epi32(sums, _mm_madd_epi16(pairs, _mm_set1_epi32((256 - u) | (u << 16))))
}
