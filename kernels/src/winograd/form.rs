//! The transforms as matrices of whole numbers, and why their result is exact.
//!
//! For a tile of input `x`, weights `w` of 3x3 and a tile of results `y`,
//!
//! ```text
//! scale * y = A ((G w G^T) . (B x B^T)) A^T      (. is the product of equal places, summed over input channels)
//! ```
//!
//! which the textbook has with fractions and `scale` 1. Here every row of G and A is multiplied
//! until it is whole.
//!
//! * `B x B^T` of bytes and `G w G^T` of any `s8` fit into 16 bits.
//! * Everything after is addition and multiplication modulo 2^32, so that no sum on the way can do
//!   harm.
//! * `scale` is `2^shift * odd`. Multiplied with the inverse of `odd` modulo 2^32, `scale * y`
//!   becomes `2^shift * y`. That has to fit into 32 bits: [`is_exact`] bounds it from a layer's
//!   weights, for all pictures.

use crate::aligned::AlignedBytes;
use crate::graph::Convolution;

use super::GROUP;

/// Bytes behind the weights: those of eight input channels.
const AHEAD: usize = 8 * GROUP * size_of::<i16>();

/// F(2,3) or F(4,3): how many results a tile has along each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Two,
    Four,
}

/// `[row][column]`; rows and columns that a form does not have are zero.
pub(super) struct Matrices {
    #[cfg_attr(not(test), expect(dead_code))]
    pub b: [[i16; 6]; 6],
    pub g: [[i16; 3]; 6],
    #[cfg_attr(not(test), expect(dead_code))]
    pub a: [[i32; 6]; 4],
}

/// Points 0, 1, -1 and infinity.
const TWO: Matrices = Matrices {
    b: [[1, 0, -1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, -1, 1, 0, 0, 0], [0, 1, 0, -1, 0, 0], [0; 6], [0; 6]],
    g: [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2], [0; 3], [0; 3]],
    a: [[1, 1, 1, 0, 0, 0], [0, 1, -1, -1, 0, 0], [0; 6], [0; 6]],
};

/// Points 0, 1, -1, 2, -2 and infinity. The last row of G is 12 and not 24, for 16 bits; A makes up
/// for it.
const FOUR: Matrices = Matrices {
    b: [
        [4, 0, -5, 0, 1, 0],
        [0, 4, 4, -1, -1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    g: [[6, 0, 0], [4, 4, 4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 12]],
    a: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 2]],
};

impl Form {
    /// The one with fewest products first.
    pub(crate) const ALL: [Form; 2] = [Form::Four, Form::Two];

    /// Rows and columns of a tile's results.
    pub(crate) const fn outputs(self) -> usize {
        match self {
            Form::Two => 2,
            Form::Four => 4,
        }
    }

    /// Rows and columns of a tile's input.
    pub(crate) const fn inputs(self) -> usize {
        self.outputs() + 2
    }

    /// Products of a tile for a pair of channels.
    pub(crate) const fn positions(self) -> usize {
        self.inputs() * self.inputs()
    }

    /// What a sum comes out multiplied with: `2^shift * odd`.
    pub(crate) const fn scale(self) -> i32 {
        match self {
            Form::Two => 4,
            Form::Four => 576,
        }
    }

    pub(crate) const fn shift(self) -> u32 {
        self.scale().trailing_zeros()
    }

    /// The largest sum, of either sign, that comes back.
    pub(super) const fn largest_sum(self) -> i64 {
        (i32::MAX >> self.shift()) as i64
    }

    /// The inverse of `odd` modulo 2^32.
    pub(crate) const fn inverse(self) -> i32 {
        match self {
            Form::Two => 1,
            Form::Four => 954_437_177,
        }
    }

    pub(super) const fn matrices(self) -> &'static Matrices {
        match self {
            Form::Two => &TWO,
            Form::Four => &FOUR,
        }
    }
}

/// Whether `2^shift` times the sum of every output channel fits into 32 bits whatever the picture:
/// the sum is largest where positive weights meet 255 and negative ones 0, and smallest the other
/// way round.
pub(super) fn is_exact(form: Form, convolution: &Convolution) -> bool {
    let zero_point = i64::from(convolution.input_zero_point);
    let (above, below) = (255 - zero_point, zero_point);
    let per_output = convolution.weights.len() / convolution.output_channels();
    let limit = form.largest_sum();
    convolution.weights.chunks(per_output).zip(&convolution.bias).all(|(weights, bias)| {
        // In 16 bits, which hold 128 weights: those are added much faster.
        let parts = weights.chunks(128).map(|part| {
            let (sum, size) =
                part.iter().fold((0i16, 0i16), |(sum, size), w| (sum + i16::from(*w), size + i16::from(*w).abs()));
            (i64::from(sum), i64::from(size))
        });
        let (sum, size) = parts.fold((0, 0), |(a, b), (sum, size)| (a + sum, b + size));
        let (positive, negative) = ((size + sum) / 2, (size - sum) / 2);
        let most = i64::from(*bias) + above * positive + below * negative;
        let least = i64::from(*bias) - above * negative - below * positive;
        most <= limit && least >= -limit
    })
}

/// `G w G^T` of all channels, layout `[group of 8 outputs, position, input channel, 8 outputs]`,
/// outputs padded with zeroes to 16 and input channels to `channels`. Behind the last there are
/// bytes that a kernel may read ahead.
pub(super) fn transform_weights(form: Form, convolution: &Convolution, channels: usize) -> AlignedBytes {
    let outputs = convolution.output_channels();
    let inputs = convolution.weights.len() / (outputs * 9);
    let group_len = form.positions() * channels * GROUP;
    let groups = outputs.next_multiple_of(2 * GROUP) / GROUP;
    let mut bytes = AlignedBytes::zeroed(groups * group_len * size_of::<i16>() + AHEAD);
    for (group, weights) in bytes.as_mut_i16s().chunks_exact_mut(group_len).take(outputs.div_ceil(GROUP)).enumerate() {
        let first = group * GROUP;
        let lanes = GROUP.min(outputs - first);
        for channel in 0..inputs {
            let mut taps = [[0i16; GROUP]; 9];
            for lane in 0..lanes {
                let from = &convolution.weights[(first + lane) * 9 * inputs + channel..];
                for (tap, weight) in taps.iter_mut().zip(from.iter().step_by(inputs)) {
                    tap[lane] = i16::from(*weight);
                }
            }
            let transformed = match form {
                Form::Two => transform_taps::<4>(form, &taps),
                Form::Four => transform_taps::<6>(form, &taps),
            };
            for (position, values) in transformed.into_iter().take(form.positions()).enumerate() {
                weights[(position * channels + channel) * GROUP..][..GROUP].copy_from_slice(&values);
            }
        }
    }
    bytes
}

/// `G w G^T` of eight channels side by side.
fn transform_taps<const N: usize>(form: Form, taps: &[[i16; GROUP]; 9]) -> [[i16; GROUP]; 36] {
    let g = &form.matrices().g;
    let combine = |row: &[i16; 3], a: &[i16; GROUP], b: &[i16; GROUP], c: &[i16; GROUP]| -> [i16; GROUP] {
        std::array::from_fn(|lane| row[0] * a[lane] + row[1] * b[lane] + row[2] * c[lane])
    };
    let mut transformed = [[0; GROUP]; 36];
    for i in 0..N {
        let columns: [_; 3] = std::array::from_fn(|x| combine(&g[i], &taps[x], &taps[3 + x], &taps[6 + x]));
        for j in 0..N {
            transformed[i * N + j] = combine(&g[j], &columns[0], &columns[1], &columns[2]);
        }
    }
    transformed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scale * y = A ((G w G^T) . (B x B^T)) A^T` is linear in `w` and in `x`, so that it holds
    /// for all numbers when it holds for each pair of a single weight and a single value.
    #[test]
    fn the_identity_holds_for_all_numbers() {
        for form in Form::ALL {
            let (n, m, Matrices { a, b, g }) = (form.inputs(), form.outputs(), form.matrices());
            for (weight, value) in (0..9).flat_map(|weight| (0..n * n).map(move |value| (weight, value))) {
                let (wy, wx, vy, vx) = (weight / 3, weight % 3, value / n, value % n);
                for (y, x) in (0..m).flat_map(|y| (0..m).map(move |x| (y, x))) {
                    let places = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
                    let product = |(i, j): (usize, usize)| {
                        let transformed = i32::from(g[i][wy] * g[j][wx]) * i32::from(b[i][vy] * b[j][vx]);
                        a[y][i] * a[x][j] * transformed
                    };
                    let expected = if y + wy == vy && x + wx == vx { form.scale() } else { 0 };
                    assert_eq!(
                        places.map(product).sum::<i32>(),
                        expected,
                        "{form:?}: w {weight}, x {value}, y {y} {x}"
                    );
                }
            }
        }
    }

    #[test]
    fn transformed_numbers_fit_into_16_bits() {
        for form in Form::ALL {
            let Matrices { b, g, .. } = form.matrices();
            // The largest and smallest sum of a row for values from `low` to `high`, and of rows of
            // such sums.
            let range = |row: &[i16], (low, high): (i32, i32)| {
                let least = row.iter().map(|f| (i32::from(*f) * low).min(i32::from(*f) * high)).sum::<i32>();
                let most = row.iter().map(|f| (i32::from(*f) * low).max(i32::from(*f) * high)).sum::<i32>();
                (least, most)
            };
            let fits = |(least, most): (i32, i32)| least >= i16::MIN.into() && most <= i16::MAX.into();
            for (i, j) in (0..form.inputs()).flat_map(|i| (0..form.inputs()).map(move |j| (i, j))) {
                assert!(fits(range(&b[j], range(&b[i], (0, 255)))), "{form:?}: input {i} {j}");
                assert!(fits(range(&g[j], range(&g[i], (-128, 127)))), "{form:?}: weights {i} {j}");
            }
        }
    }

    #[test]
    fn the_start_reaches_every_result_once() {
        for form in Form::ALL {
            let a = form.matrices().a;
            assert!(a[..form.outputs()].iter().all(|row| row[1] == 1));
        }
    }

    #[test]
    fn the_odd_part_has_its_inverse() {
        for form in Form::ALL {
            assert_eq!((form.scale() >> form.shift()).wrapping_mul(form.inverse()), 1);
        }
    }

    /// At the bound the extreme sums come back unchanged; beyond it they would not, and the layer
    /// is refused.
    #[test]
    fn the_bound_is_where_sums_stop_coming_back() {
        for form in Form::ALL {
            let back = |sum: i64| {
                let scaled = (sum as i32).wrapping_mul(form.scale());
                i64::from(scaled.wrapping_mul(form.inverse()) >> form.shift())
            };
            let limit = form.largest_sum();
            let layer = |bias: i64, weight: i8, zero_point: u8| Convolution {
                window: [3; 2],
                stride: [1; 2],
                padding: [1; 4],
                weights: vec![weight; 9].into(),
                bias: vec![bias as i32],
                multipliers: vec![1.0],
                input_zero_point: zero_point,
                output_zero_point: 0,
            };
            let largest = 9 * 127 * 255;
            for (bias, weight, zero_point, extreme) in [
                (limit - largest, 127, 0, limit),
                (largest - limit, -127, 0, -limit),
                (limit - largest, -127, 255, limit),
                (largest - limit, 127, 255, -limit),
            ] {
                assert!(is_exact(form, &layer(bias, weight, zero_point)), "{form:?} {weight} {zero_point}");
                assert_eq!(back(extreme), extreme);
                let beyond = bias + extreme.signum();
                assert!(!is_exact(form, &layer(beyond, weight, zero_point)), "{form:?} {weight} {zero_point}");
            }
            assert_ne!(back(limit + 1), limit + 1);
        }
    }
}
