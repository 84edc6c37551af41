//! What a convolution starts its sums with: the bias, the input's zero point, and constant input channels.

use crate::fuse::FusedConvolution;
use crate::graph::Shape;
use crate::tensor::BLOCK;

/// Start values of the sums.
#[derive(Debug)]
pub(crate) struct Biases {
    /// Layout `[block, pixel, 16 output channels]`, with one pixel where all pixels start alike.
    pub values: Vec<i32>,
    /// Whether each pixel has its own.
    pub varies: bool,
}

/// `bias - zero_point * (sum of the varying channels' weights) + sum over constant channels of (value - zero_point) * w`.
/// Padding adds nothing to the last sum, because it holds the zero point. The kernels read the varying values less
/// `value_offset`.
pub(crate) fn biases(fused: &FusedConvolution<'_>, input: Shape, output: Shape, value_offset: i32) -> Biases {
    let convolution = fused.convolution;
    let channels = output.channels.next_multiple_of(BLOCK);
    let per_output = convolution.weights.len() / output.channels;
    let all_channels = per_output / (convolution.window[0] * convolution.window[1]);
    let zero_point = i32::from(convolution.input_zero_point) - value_offset;
    let mut start = vec![0i32; channels];
    for (channel, weights) in convolution.weights.chunks(per_output).enumerate() {
        // In 16 bits, which hold 128 weights, because instruction sets without wider moves add those much faster.
        let narrow = |weights: &[i8]| i32::from(weights.iter().map(|w| i16::from(*w)).sum::<i16>());
        let sum = |weights: &[i8]| weights.chunks(128).map(narrow).sum::<i32>();
        let varying: i32 =
            weights.chunks(all_channels).map(|tap| sum(&tap[fused.first_channel..][..input.channels])).sum();
        start[channel] = convolution.bias[channel].wrapping_sub(zero_point.wrapping_mul(varying));
    }
    if fused.constants.is_empty() {
        return Biases { values: start, varies: false };
    }
    let constants = Constants::new(fused, input, all_channels, channels / BLOCK);
    let mut values = Vec::with_capacity(output.rows * output.columns * channels);
    for (block, start) in start.as_chunks().0.iter().enumerate() {
        for pixel in 0..output.rows * output.columns {
            values.extend(constants.add_to(*start, block, pixel / output.columns, pixel % output.columns));
        }
    }
    Biases { values, varies: true }
}

/// The constant part of a convolution's input with the weights that read it.
struct Constants<'a> {
    fused: &'a FusedConvolution<'a>,
    input: Shape,
    /// Layout `[constant channel, row, column, block]`.
    weights: Vec<[i16; BLOCK]>,
    blocks: usize,
}

impl<'a> Constants<'a> {
    fn new(fused: &'a FusedConvolution<'a>, input: Shape, all_channels: usize, blocks: usize) -> Self {
        let taps = fused.convolution.window[0] * fused.convolution.window[1];
        let mut weights = Vec::new();
        for part in &fused.constants {
            for channel in part.first..part.first + part.channels {
                for tap in 0..taps {
                    let of_output = |o: usize| {
                        let weight = fused.convolution.weights.get((o * taps + tap) * all_channels + channel);
                        weight.map_or(0, |w| i16::from(*w))
                    };
                    weights
                        .extend((0..blocks).map(|block| std::array::from_fn(|lane| of_output(block * BLOCK + lane))));
                }
            }
        }
        Constants { fused, input, weights, blocks }
    }

    /// A block's sums plus what the window of the output pixel at `row`, `column` sees of the constant channels.
    fn add_to(&self, mut sums: [i32; BLOCK], block: usize, row: usize, column: usize) -> [i32; BLOCK] {
        let convolution = self.fused.convolution;
        let zero_point = i16::from(convolution.input_zero_point);
        let mut weights = self.weights.chunks_exact(self.blocks);
        for part in &self.fused.constants {
            for channel in 0..part.channels {
                for y in 0..convolution.window[0] {
                    for (x, weights) in (0..convolution.window[1]).zip(weights.by_ref()) {
                        let from_row = (row * convolution.stride[0] + y).wrapping_sub(convolution.padding[0]);
                        let from_column = (column * convolution.stride[1] + x).wrapping_sub(convolution.padding[1]);
                        if from_row >= self.input.rows || from_column >= self.input.columns {
                            continue;
                        }
                        let pixel = from_row * self.input.columns + from_column;
                        let value = i16::from(part.values[pixel * part.channels + channel]) - zero_point;
                        // 255 * 128 at most, which 16 bits hold, and those are multiplied much faster.
                        for (sum, weight) in sums.iter_mut().zip(&weights[block]) {
                            *sum = sum.wrapping_add(i32::from(value * weight));
                        }
                    }
                }
            }
        }
        sums
    }
}
