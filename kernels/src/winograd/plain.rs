//! The algorithm in plain Rust, by the matrices: what tests on any machine run, and what vector
//! code is compared with.

use super::{Arithmetic, GROUP, Strip, TilePixels};
use crate::kernel::Convolve;
use crate::reference;

pub(crate) struct Plain;

/// Modulo 2^16 or 2^32, as vector instructions do it.
fn multiply_matrices<const N: usize, const P: usize>(
    left: impl Fn(usize, usize) -> i32,
    middle: &[[i32; P]; P],
    sides: usize,
) -> [[i32; N]; N] {
    let mut result = [[0i32; N]; N];
    for (y, x) in (0..N).flat_map(|y| (0..N).map(move |x| (y, x))) {
        for (i, j) in (0..sides).flat_map(|i| (0..sides).map(move |j| (i, j))) {
            let factor = left(y, i).wrapping_mul(left(x, j));
            result[y][x] = result[y][x].wrapping_add(factor.wrapping_mul(middle[i][j]));
        }
    }
    result
}

/// Where a value of a strip stands.
fn value_at(strip: &Strip, position: usize, channel: usize, tile: usize) -> usize {
    (position * strip.channels / 8 + channel / 8) * strip.tiles * 8 + tile * 8 + channel % 8
}

/// Where a product of a strip stands.
fn product_at(strip: &Strip, tile: usize, output: usize, position: usize) -> usize {
    ((tile * GROUP / 4 + output / 4) * strip.form.positions() + position) * 4 + output % 4
}

impl Arithmetic for Plain {
    unsafe fn transform(&self, strip: &Strip, tile: usize, rows: &[*const u8; 6], columns: &[usize; 6]) {
        let (n, b) = (strip.form.inputs(), strip.form.matrices().b);
        for channel in 0..strip.channels {
            let mut values = [[0; 6]; 6];
            for (y, x) in (0..n).flat_map(|y| (0..n).map(move |x| (y, x))) {
                // SAFETY: the caller's.
                values[y][x] = i32::from(unsafe { *rows[y].add(columns[x] + channel) });
            }
            let transformed: [[i32; 6]; 6] = multiply_matrices(|i, j| i32::from(b[i][j]), &values, n);
            for position in 0..n * n {
                // SAFETY: the caller's.
                unsafe {
                    *strip.values.add(value_at(strip, position, channel, tile)) =
                        transformed[position / n][position % n] as i16;
                }
            }
        }
    }

    unsafe fn multiply(&self, strip: &Strip, weights: *const i16, starts: *const i32) {
        let (positions, channels) = (strip.form.positions(), strip.channels);
        for (position, output) in (0..positions).flat_map(|p| (0..GROUP).map(move |output| (p, output))) {
            for tile in 0..strip.tiles {
                // SAFETY: the caller's.
                unsafe {
                    let mut sum = if position == strip.form.inputs() + 1 { *starts.add(output) } else { 0i32 };
                    for channel in 0..channels {
                        let place = position * channels + channel;
                        let weight = i32::from(*weights.add(place * GROUP + output));
                        let value = i32::from(*strip.values.add(value_at(strip, position, channel, tile)));
                        sum = sum.wrapping_add(weight * value);
                    }
                    *strip.products.add(product_at(strip, tile, output, position)) = sum;
                }
            }
        }
    }

    unsafe fn finish(&self, strip: &Strip, tile: usize, convolve: &Convolve, channel: usize, to: &TilePixels) {
        let Strip { form, products, .. } = *strip;
        let (n, a) = (form.inputs(), form.matrices().a);
        for lane in 0..GROUP {
            let product = |position: usize| {
                // SAFETY: the caller's.
                unsafe { *products.add(product_at(strip, tile, lane, position)) }
            };
            let mut values = [[0; 6]; 6];
            for position in 0..n * n {
                values[position / n][position % n] = product(position);
            }
            let scaled: [[i32; 4]; 4] = multiply_matrices(|i, j| a[i][j], &values, n);
            for (y, x) in (0..to.rows).flat_map(|y| (0..to.columns).map(move |x| (y, x))) {
                let sum = scaled[y][x].wrapping_mul(form.inverse()) >> form.shift();
                let channel = channel + lane;
                let mut value = reference::requantise(sum, convolve.multipliers[channel], convolve.output_zero_point);
                let pixel = &to.pixels[y * form.outputs() + x];
                for (sum, operand) in convolve.sums.iter().zip(pixel.operands) {
                    // SAFETY: the caller's.
                    value = sum.apply(value, unsafe { *operand.add(channel) });
                }
                // SAFETY: the caller's.
                unsafe { *pixel.output.add(channel) = value }
            }
        }
    }
}
