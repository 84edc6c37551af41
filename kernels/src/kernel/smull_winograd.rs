//! Winograd's algorithm in NEON without dot products: `SMLAL` by a lane, four products of 16 bits
//! in one instruction.

// One index walks registers, tiles and positions alike.
#![allow(clippy::needless_range_loop)]

use std::arch::aarch64::*;
use std::arch::asm;

use super::neon;
use super::{Convolve, Pixel};
use crate::winograd::{Arithmetic, Form, GROUP, Strip, TilePixels};

pub(crate) struct NeonWinograd;

impl Arithmetic for NeonWinograd {
    unsafe fn transform(&self, strip: &Strip, tile: usize, rows: &[*const u8; 6], columns: &[usize; 6]) {
        // SAFETY: the caller's; values are eight 16-bit numbers a tile.
        unsafe {
            let values = strip.values.add(tile * 8);
            for channel in (0..strip.channels).step_by(8) {
                let values = values.add(channel * strip.tiles);
                let (at, pitch) = (rows.map(|row| row.wrapping_add(channel)), strip.channels * strip.tiles);
                match strip.form {
                    Form::Two => transform_two(&at, columns, values, pitch),
                    Form::Four => transform_four(&at, columns, values, pitch),
                }
            }
        }
    }

    unsafe fn multiply(&self, strip: &Strip, weights: *const i16, starts: *const i32) {
        // SAFETY: the caller's; products lie behind the values, and spare bytes behind the weights.
        unsafe {
            match strip.tiles {
                1 => multiply_1(strip, weights, starts),
                2 => multiply_2(strip, weights, starts),
                3 => multiply_3(strip, weights, starts),
                4 => multiply_4(strip, weights, starts),
                5 => multiply_5(strip, weights, starts),
                6 => multiply_6(strip, weights, starts),
                7 => multiply_7(strip, weights, starts),
                _ => multiply_8(strip, weights, starts),
            }
        }
    }

    unsafe fn finish(&self, strip: &Strip, tile: usize, convolve: &Convolve, channel: usize, to: &TilePixels) {
        // SAFETY: the caller's.
        unsafe {
            let products = strip.products.add(tile * GROUP * strip.form.positions());
            match strip.form {
                Form::Two => finish_two(products, convolve, channel, to),
                Form::Four => finish_four(products, convolve, channel, to),
            }
        }
    }
}

/// A row of the first transform: eight channels of six values that are bytes.
#[inline]
#[target_feature(enable = "neon")]
fn six_bytes(d: [uint8x8_t; 6]) -> [int16x8_t; 6] {
    let (signed, four) = (vreinterpretq_s16_u16, vdup_n_u8(4));
    let difference = |a, b| vreinterpretq_s16_u16(vsubl_u8(a, b));
    let even = signed(vsubw_u8(vshll_n_u8::<2>(d[2]), d[4]));
    let odd = vsubw_u8(vshll_n_u8::<2>(d[1]), d[3]);
    let last = signed(vmlsl_u8(vaddw_u8(odd, d[5]), d[3], four));
    let (odd, step, twice) = (signed(odd), difference(d[4], d[2]), difference(d[3], d[1]));
    let twice = vaddq_s16(twice, twice);
    let first = signed(vmlsl_u8(vmlal_u8(vreinterpretq_u16_s16(step), d[0], four), d[2], four));
    [first, vaddq_s16(odd, even), vsubq_s16(odd, even), vaddq_s16(step, twice), vsubq_s16(step, twice), last]
}

/// A row of the second transform.
#[inline]
#[target_feature(enable = "neon")]
fn six_words(d: [int16x8_t; 6]) -> [int16x8_t; 6] {
    let even = vsubq_s16(vshlq_n_s16::<2>(d[2]), d[4]);
    let odd = vsubq_s16(vshlq_n_s16::<2>(d[1]), d[3]);
    let (step, once) = (vsubq_s16(d[4], d[2]), vsubq_s16(d[3], d[1]));
    let twice = vaddq_s16(once, once);
    let first = vaddq_s16(step, vshlq_n_s16::<2>(vsubq_s16(d[0], d[2])));
    let last = vsubq_s16(vsubq_s16(d[5], d[3]), vaddq_s16(twice, twice));
    [first, vaddq_s16(odd, even), vsubq_s16(odd, even), vaddq_s16(step, twice), vsubq_s16(step, twice), last]
}

/// # Safety
/// Eight bytes can be read at each of 6x6 values, and 16 written at each of 36 positions, `pitch`
/// numbers apart.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn transform_four(rows: &[*const u8; 6], columns: &[usize; 6], values: *mut i16, pitch: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut lines = [[vdupq_n_s16(0); 6]; 6];
        for x in 0..6 {
            let column = columns[x];
            let at = |y: usize| vld1_u8(rows[y].add(column));
            let line = six_bytes([at(0), at(1), at(2), at(3), at(4), at(5)]);
            for y in 0..6 {
                lines[y][x] = line[y];
            }
        }
        for y in 0..6 {
            for (x, value) in six_words(lines[y]).into_iter().enumerate() {
                vst1q_s16(values.add((y * 6 + x) * pitch), value);
            }
        }
    }
}

/// # Safety
/// As for [`transform_four`], of 4x4 values and 16 positions.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn transform_two(rows: &[*const u8; 6], columns: &[usize; 6], values: *mut i16, pitch: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut lines = [[vdupq_n_s16(0); 4]; 4];
        for x in 0..4 {
            let column = columns[x];
            let at = |y: usize| vld1_u8(rows[y].add(column));
            let d = [at(0), at(1), at(2), at(3)];
            let words = [vsubl_u8(d[0], d[2]), vaddl_u8(d[1], d[2]), vsubl_u8(d[2], d[1]), vsubl_u8(d[1], d[3])];
            for y in 0..4 {
                lines[y][x] = vreinterpretq_s16_u16(words[y]);
            }
        }
        for y in 0..4 {
            let d = lines[y];
            let words = [vsubq_s16(d[0], d[2]), vaddq_s16(d[1], d[2]), vsubq_s16(d[2], d[1]), vsubq_s16(d[1], d[3])];
            for (x, value) in words.into_iter().enumerate() {
                vst1q_s16(values.add((y * 4 + x) * pitch), value);
            }
        }
    }
}

/// Products of channel `$k` of eight, its weights in register `$w`, for a tile with its values in
/// `$t` and the sums of four outputs in `$sums`.
macro_rules! low {
    ($k:literal $w:literal $t:literal $sums:literal) => {
        concat!("smlal v", $sums, ".4s, v", $w, ".4h, v", $t, ".h[", $k, "]")
    };
}

/// The same for the other four outputs.
macro_rules! high {
    ($k:literal $w:literal $t:literal $sums:literal) => {
        concat!("smlal2 v", $sums, ".4s, v", $w, ".8h, v", $t, ".h[", $k, "]")
    };
}

/// The first half of a register, and the second half of the register loaded before.
macro_rules! load {
    ($register:literal, $from:literal $at:literal, $before:literal) => {
        concat!("ldr d", $register, ", [{", $from, "}, #16 * ", $at, "]\n", "ins v", $before, ".d[1], {half}")
    };
}

/// The second half, which [`load`] moves to its place.
macro_rules! load_half {
    ($from:literal $at:literal) => {
        concat!("ldr {half}, [{", $from, "}, #16 * ", $at, " + 8]")
    };
}

/// Products of channel `$k` for all tiles, during which the weights in `$next` are loaded.
macro_rules! channel {
    ($k:literal $w:literal, $next:literal $at:literal $before:literal,
     [$t0:literal $l0:literal $h0:literal] $([$t:literal $l:literal $h:literal $($_:literal)*])*) => {
        concat!(
            low!($k $w $t0 $l0), "\n", load!($next, "weights" $at, $before), "\n",
            high!($k $w $t0 $h0), "\n", load_half!("weights" $at),
            $("\n", low!($k $w $t $l), "\n", high!($k $w $t $h)),*
        )
    };
}

/// `$name` is [`Arithmetic::multiply`] for `$tiles` tiles: their values at a position meet the
/// weights of [`GROUP`] outputs there, and two vectors of sums a tile go to the products. What is
/// read at one position ends where the next one's begins.
///
/// A tile is
/// `[its values, its sums, its sums, values to be loaded beside it, register loaded before those]`;
/// the first is without the last two, which follow all tiles.
///
/// Arranged for the Cortex-A53, which executes in order. There a vector load of 128 bits keeps
/// multiplications waiting for two cycles and one of 64 bits for one, while a load into a general
/// register is free beside a multiplication, and moving that into the other half of a vector is
/// free beside the next load (ncnn, `arm-a53-a55-dual-issue.md`). Values and weights are loaded a
/// group of channels ahead. Cores that execute out of order are held up by the multiplier alone.
macro_rules! multiplier {
    ($name:ident $tiles:literal, [$($first:literal)*] $([$t:literal $l:literal $h:literal $next:literal $before:literal])*,
     $last:literal $before_last:literal) => {
        /// # Safety
        /// As for [`Arithmetic::multiply`]; behind the values and the weights those of eight
        /// channels more can be read.
        #[target_feature(enable = "neon")]
        unsafe fn $name(strip: &Strip, mut weights: *const i16, starts: *const i32) {
            let positions = strip.form.positions();
            let mut values: *const i16 = strip.values;
            for position in 0..positions {
                let is_start = position == strip.form.inputs() + 1;
                // SAFETY: the caller's.
                unsafe {
                    asm!(
                        "ldp q16, q17, [{starts}]",
                        $(concat!("ldp q", $l, ", q", $h, ", [{starts}]"),)*
                        "ldp q8, q9, [{weights}]",
                        "ldp q10, q11, [{weights}, #32]",
                        "ldp q12, q13, [{weights}, #64]",
                        "ldr q14, [{weights}, #96]",
                        "ldr q0, [{values}]",
                        $(concat!("ldr q", $t, ", [{values}, #16 * ", $t, "]"),)*
                        load_half!("values" $last),
                        "2:",
                        channel!(0 8, 15 7 $last, [$($first)*] $([$t $l $h])*),
                        "add {weights}, {weights}, #128",
                        channel!(1 9, 8 0 15, [$($first)*] $([$t $l $h])*),
                        channel!(2 10, 9 1 8, [$($first)*] $([$t $l $h])*),
                        channel!(3 11, 10 2 9, [$($first)*] $([$t $l $h])*),
                        channel!(4 12, 11 3 10, [$($first)*] $([$t $l $h])*),
                        channel!(5 13, 12 4 11, [$($first)*] $([$t $l $h])*),
                        channel!(6 14, 13 5 12, [$($first)*] $([$t $l $h])*),
                        "add {values}, {values}, #{stride}",
                        channel!(7 15, 14 6 13, [$($first)*]),
                        $(
                            low!(7 15 $t $l),
                            load!($next, "values" $next, $before),
                            high!(7 15 $t $h),
                            load_half!("values" $next),
                        )*
                        "subs {groups}, {groups}, #1",
                        load!($last, "values" $last, $before_last),
                        load_half!("values" $last),
                        "b.ne 2b",
                        "st1 {{v16.4s}}, [{products}], {pitch}",
                        "st1 {{v17.4s}}, [{products}], {pitch}",
                        $(
                            concat!("st1 {{v", $l, ".4s}}, [{products}], {pitch}"),
                            concat!("st1 {{v", $h, ".4s}}, [{products}], {pitch}"),
                        )*
                        starts = in(reg) if is_start { starts } else { ZEROES.as_ptr() },
                        values = inout(reg) values, weights = inout(reg) weights,
                        groups = inout(reg) strip.channels / 8 => _,
                        products = inout(reg) strip.products.add(position * 4) => _,
                        pitch = in(reg) positions * 4 * size_of::<i32>(), half = out(reg) _, stride = const 16 * $tiles,
                        out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                        out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _,
                        out("v14") _, out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _,
                        out("v20") _, out("v21") _, out("v22") _, out("v23") _, out("v24") _, out("v25") _,
                        out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

multiplier!(multiply_1 1, [0 16 17], 0 14);
multiplier!(multiply_2 2, [0 16 17] [1 18 19 0 14], 1 0);
multiplier!(multiply_3 3, [0 16 17] [1 18 19 0 14] [2 20 21 1 0], 2 1);
multiplier!(multiply_4 4, [0 16 17] [1 18 19 0 14] [2 20 21 1 0] [3 22 23 2 1], 3 2);
multiplier!(multiply_5 5, [0 16 17] [1 18 19 0 14] [2 20 21 1 0] [3 22 23 2 1] [4 24 25 3 2], 4 3);
multiplier!(multiply_6 6, [0 16 17] [1 18 19 0 14] [2 20 21 1 0] [3 22 23 2 1] [4 24 25 3 2] [5 26 27 4 3], 5 4);
multiplier!(multiply_7 7, [0 16 17] [1 18 19 0 14] [2 20 21 1 0] [3 22 23 2 1] [4 24 25 3 2] [5 26 27 4 3]
    [6 28 29 5 4], 6 5);
multiplier!(multiply_8 8, [0 16 17] [1 18 19 0 14] [2 20 21 1 0] [3 22 23 2 1] [4 24 25 3 2] [5 26 27 4 3]
    [6 28 29 5 4] [7 30 31 6 5], 7 6);

/// What all sums but those of one position begin with.
static ZEROES: [i32; GROUP] = [0; GROUP];

/// Scaled sums of four channels as stored values before the zero point, which is [`Form::inverse`]
/// and [`Form::shift`] undone and [`crate::reference::requantise`].
#[inline]
#[target_feature(enable = "neon")]
fn round<const SHIFT: i32>(scaled: int32x4_t, inverse: int32x4_t, multipliers: float32x4_t) -> int16x4_t {
    // 2^shift times the sum is a fixed-point number: that the conversion divides and rounds it,
    // once, is exact.
    let sum = vcvtq_n_f32_s32::<SHIFT>(vmulq_s32(scaled, inverse));
    vqmovn_s32(vcvtnq_s32_f32(vmulq_f32(sum, multipliers)))
}

/// A row of the inverse transform.
#[inline]
#[target_feature(enable = "neon")]
fn four_sums(m: [int32x4_t; 6]) -> [int32x4_t; 4] {
    let (even, odd) = (vaddq_s32(m[1], m[2]), vsubq_s32(m[1], m[2]));
    let (even_two, odd_two) = (vaddq_s32(m[3], m[4]), vsubq_s32(m[3], m[4]));
    let twice = vaddq_s32(odd_two, odd_two);
    let last = vaddq_s32(m[5], vaddq_s32(twice, twice));
    [
        vaddq_s32(m[0], vaddq_s32(even, even_two)),
        vaddq_s32(odd, twice),
        vaddq_s32(even, vshlq_n_s32::<2>(even_two)),
        vaddq_s32(odd, vaddq_s32(last, last)),
    ]
}

/// [`Arithmetic::finish`] for F(4,3); `products` are those of the tile.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`]: the pointers are good for what the transform reads
/// and writes.
#[target_feature(enable = "neon")]
unsafe fn finish_four(products: *const i32, convolve: &Convolve, channel: usize, to: &TilePixels) {
    let mut words = [[0i16; GROUP]; 16];
    // SAFETY: the caller's.
    unsafe {
        let inverse = vdupq_n_s32(Form::Four.inverse());
        for half in 0..2 {
            let at = |position: usize| vld1q_s32(products.add((half * 36 + position) * 4));
            let multipliers = vld1q_f32(convolve.multipliers.as_ptr().add(channel + half * 4));
            let mut lines = [[vdupq_n_s32(0); 6]; 4];
            for x in 0..6 {
                let line = four_sums([at(x), at(6 + x), at(12 + x), at(18 + x), at(24 + x), at(30 + x)]);
                for y in 0..4 {
                    lines[y][x] = line[y];
                }
            }
            for y in 0..4 {
                for (x, sum) in four_sums(lines[y]).into_iter().enumerate() {
                    let word = round::<{ Form::Four.shift() as i32 }>(sum, inverse, multipliers);
                    vst1_s16(words[y * 4 + x].as_mut_ptr().add(half * 4), word);
                }
            }
        }
        store::<4>(&words, convolve, channel, to);
    }
}

/// [`Arithmetic::finish`] for F(2,3); `products` are those of the tile.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`]: the pointers are good for what the transform reads
/// and writes.
#[target_feature(enable = "neon")]
unsafe fn finish_two(products: *const i32, convolve: &Convolve, channel: usize, to: &TilePixels) {
    let mut words = [[0i16; GROUP]; 16];
    let two = |m: [int32x4_t; 4]| [vaddq_s32(vaddq_s32(m[0], m[1]), m[2]), vsubq_s32(vsubq_s32(m[1], m[2]), m[3])];
    // SAFETY: the caller's.
    unsafe {
        let inverse = vdupq_n_s32(Form::Two.inverse());
        for half in 0..2 {
            let at = |position: usize| vld1q_s32(products.add((half * 16 + position) * 4));
            let multipliers = vld1q_f32(convolve.multipliers.as_ptr().add(channel + half * 4));
            let mut lines = [[vdupq_n_s32(0); 4]; 2];
            for x in 0..4 {
                let line = two([at(x), at(4 + x), at(8 + x), at(12 + x)]);
                lines[0][x] = line[0];
                lines[1][x] = line[1];
            }
            for y in 0..2 {
                for (x, sum) in two(lines[y]).into_iter().enumerate() {
                    let word = round::<{ Form::Two.shift() as i32 }>(sum, inverse, multipliers);
                    vst1_s16(words[y * 2 + x].as_mut_ptr().add(half * 4), word);
                }
            }
        }
        store::<2>(&words, convolve, channel, to);
    }
}

/// Adds the zero point and the operands and writes the pixels inside, of a tile of `SIDE` x `SIDE`.
///
/// # Safety
/// As for [`super::InstructionSet::convolve`]: the pointers are good for what the transform reads
/// and writes.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store<const SIDE: usize>(words: &[[i16; GROUP]; 16], convolve: &Convolve, channel: usize, to: &TilePixels) {
    let zero_point = vdupq_n_s16(i16::from(convolve.output_zero_point));
    for y in 0..to.rows {
        for x in 0..to.columns {
            let pixel: &Pixel = &to.pixels[y * SIDE + x];
            let words = words[y * SIDE + x].as_ptr();
            // SAFETY: the caller's.
            unsafe {
                neon::store_eight(convolve, channel, pixel, vld1q_s16(words), zero_point);
            }
        }
    }
}
