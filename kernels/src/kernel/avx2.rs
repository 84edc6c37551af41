//! AVX2: `vpmaddubsw` adds two products u8 * s8 in 16 bits and saturates. Two of its results are
//! added before they are widened, which saves every second `vpmaddwd`: both instructions need the
//! multipliers, which are what runs short. Where four weights could leave 16 bits, some of them
//! move into a correction, so that the sums stay exact. That is rare with weights of seven bits: 4
//! % of the pairs of quads of `small`.

use std::arch::x86_64::*;
use std::ops::Range;

use super::x86::{self, Dot, broadcast, by_pixels, load_sums, tile};
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

    fn macs_a_cycle(&self) -> u64 {
        16
    }

    fn prepare(&self, weights: &mut PackedWeights, window_rows: usize, input_row_pitch: usize) -> Corrections {
        let (by_two, quads) = correct(weights, window_rows, input_row_pitch, 2);
        // Two quads together cost three multiplications and not four; a correction costs two.
        if 4 * by_two.offsets.len() <= weights.bytes.len() / QUAD {
            return by_two;
        }
        for (first, excess) in quads.into_iter().zip(&by_two.weights) {
            let quad = &mut weights.bytes.as_mut_slice()[first..][..QUAD];
            quad.iter_mut().zip(excess).for_each(|(weight, excess)| *weight = weight.wrapping_add_signed(*excess));
        }
        correct(weights, window_rows, input_row_pitch, 1).0
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

/// Bytes of the weights that meet four values: `[16 output channels, 4 bytes]`.
const QUAD: usize = 4 * BLOCK;

/// Makes the weights such that the products of `together` quads of a row can be added in 16 bits.
/// Returns what is taken out of them, and where each of these quads begins.
fn correct(
    weights: &mut PackedWeights,
    window_rows: usize,
    input_row_pitch: usize,
    together: usize,
) -> (Corrections, Vec<usize>) {
    let mut corrections = Corrections { by_two: together == 2, ..Corrections::default() };
    let mut begins = Vec::new();
    let (row_bytes, block_bytes) = (weights.row_bytes, weights.block_bytes);
    for (number, block) in weights.bytes.as_mut_slice().chunks_exact_mut(block_bytes).enumerate() {
        let first = corrections.offsets.len();
        for (row, weights) in block.chunks_exact_mut(row_bytes * BLOCK).enumerate().take(window_rows) {
            for (group, quads) in weights.chunks_mut(together * QUAD).enumerate() {
                for (quad, excess) in take_excess(quads) {
                    let quad = together * group + quad;
                    corrections.offsets.push(row * input_row_pitch + 4 * quad);
                    corrections.weights.push(excess);
                    begins.push(number * block_bytes + row * row_bytes * BLOCK + quad * QUAD);
                }
            }
        }
        corrections.blocks.push(first..corrections.offsets.len());
    }
    (corrections, begins)
}

/// Products of 255 with weights that add up to more than this leave 16 bits.
const MAX_SUM: u16 = 128;

/// For each pair of bytes of the quads, whether the sum of its products with any values, taken in
/// any order, can leave 16 bits. Every weight is looked at when a net is loaded, so this is written
/// for instructions that work on sixteen bytes.
fn saturates(quads: &[u8]) -> [bool; QUAD / 2] {
    let (mut most, mut least) = ([0u16; QUAD / 2], [0u16; QUAD / 2]);
    for quad in quads.as_chunks::<QUAD>().0 {
        let add_pairs = |sums: &mut [u16; QUAD / 2], bytes: [u8; QUAD]| {
            for (sum, pair) in sums.iter_mut().zip(bytes.as_chunks::<2>().0) {
                let pair = u16::from_le_bytes(*pair);
                *sum += (pair & 0xff) + (pair >> 8);
            }
        };
        add_pairs(&mut most, quad.map(|weight| weight.cast_signed().max(0).cast_unsigned()));
        add_pairs(&mut least, quad.map(|weight| weight.cast_signed().min(0).unsigned_abs()));
    }
    std::array::from_fn(|pair| most[pair].max(least[pair]) > MAX_SUM)
}

/// Takes weights out of one quad, or two that are added in 16 bits, until no sum can saturate.
/// Returns what was taken: the quad, and weights that cannot saturate on their own.
fn take_excess(quads: &mut [u8]) -> Vec<(usize, [i8; QUAD])> {
    let mut taken = Vec::new();
    for quad in (0..quads.len() / QUAD).rev() {
        loop {
            let together = saturates(quads);
            if !together.contains(&true) {
                return taken;
            }
            let mut excess = [0; QUAD];
            let own = &mut quads[quad * QUAD..][..QUAD];
            let alone = saturates(own);
            for (i, (weight, excess)) in own.iter_mut().zip(&mut excess).enumerate().filter(|(i, _)| together[i / 2]) {
                *excess = *weight as i8 / if alone[i / 2] { 2 } else { 1 };
                *weight = (*weight as i8 - *excess) as u8;
            }
            if excess == [0; QUAD] {
                break;
            }
            taken.push((quad, excess));
        }
    }
    taken
}

/// # Safety
/// As for [`super::InstructionSet::convolve`].
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
    const CORRECTS: bool = true;

    #[inline(always)]
    unsafe fn start(bias: *const i32) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe { load_sums(bias) }
    }

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe {
            let (values, ones) = (broadcast(values), _mm256_set1_epi16(1));
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
    unsafe fn add_two(sums: Self::Sums, values: *const u8, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller's.
        unsafe {
            let (values, ones) = ([broadcast(values), broadcast(values.add(4))], _mm256_set1_epi16(1));
            let mut next = sums;
            for half in 0..2 {
                let weights = weights.add(32 * half).cast::<__m256i>();
                let first = _mm256_maddubs_epi16(values[0], _mm256_loadu_si256(weights));
                let second = _mm256_maddubs_epi16(values[1], _mm256_loadu_si256(weights.byte_add(QUAD)));
                next[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(_mm256_add_epi16(first, second), ones));
            }
            next
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether quads whose products are added in 16 bits cannot saturate.
    fn cannot_saturate(quads: &[&[i8]]) -> bool {
        (0..QUAD).step_by(2).all(|at| {
            let weights = || quads.iter().flat_map(|quad| &quad[at..at + 2]).map(|w| i32::from(*w));
            let (most, least): (i32, i32) = (weights().map(|w| w.max(0)).sum(), weights().map(|w| w.min(0)).sum());
            255 * most <= i32::from(i16::MAX) && 255 * least >= i32::from(i16::MIN)
        })
    }

    fn check(quads: &[[i8; QUAD]]) {
        let mut kept: Vec<u8> = quads.concat().into_iter().map(|w| w as u8).collect();
        let taken = take_excess(&mut kept);
        let kept: Vec<i8> = kept.into_iter().map(|w| w as i8).collect();
        assert!(cannot_saturate(&kept.chunks(QUAD).collect::<Vec<_>>()), "{quads:?}");
        let mut sums: Vec<i32> = kept.into_iter().map(i32::from).collect();
        for (quad, excess) in &taken {
            assert!(cannot_saturate(&[excess]), "{quads:?}");
            for (sum, w) in sums[quad * QUAD..].iter_mut().zip(excess) {
                *sum += i32::from(*w);
            }
        }
        assert_eq!(sums, quads.concat().into_iter().map(i32::from).collect::<Vec<_>>());
    }

    #[test]
    #[cfg_attr(miri, ignore = "tries 86,000 weights, and has no unsafe code")]
    fn no_sum_of_products_can_saturate_and_no_weight_is_lost() {
        let extremes = [-128, -127, -65, -64, -63, -1, 0, 1, 63, 64, 65, 127];
        for a in i8::MIN..=i8::MAX {
            for b in i8::MIN..=i8::MAX {
                let mut quad = [0; QUAD];
                (quad[6], quad[7]) = (a, b);
                check(&[quad]);
            }
        }
        for i in 0..extremes.len().pow(4) {
            let weight = |digit: u32| extremes[i / extremes.len().pow(digit) % extremes.len()];
            let mut quads = [[0; QUAD]; 2];
            (quads[0][20], quads[0][21], quads[1][20], quads[1][21]) = (weight(0), weight(1), weight(2), weight(3));
            check(&quads);
        }
    }

    #[test]
    fn weights_of_seven_bits_need_one_correction_at_most() {
        assert_eq!(take_excess(&mut [63; 2 * QUAD]).len(), 1);
        assert_eq!(take_excess(&mut [32; 2 * QUAD]).len(), 0);
    }
}
