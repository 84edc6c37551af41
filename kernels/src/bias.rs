//! What a convolution starts its sums with: the bias, the input's zero point, and constant input
//! channels.

use crate::fuse::{ConstantChannels, FusedConvolution};
use crate::graph::{Convolution, Shape};
use crate::tensor::BLOCK;

/// Start values of the sums.
#[derive(Debug)]
pub(crate) struct Biases {
    /// Layout `[block, pixel, 16 output channels]`, with one pixel where all pixels start alike.
    pub values: Vec<i32>,
    /// Whether each pixel has its own.
    pub varies: bool,
}

/// The bias, less `zero_point` times the sum of the varying channels' weights, plus the sum over
/// constant channels of `(value - zero_point) * weight`.
///
/// Padding adds nothing to the last sum, because it holds the zero point. The kernels read the
/// varying values less `value_offset`.
pub(crate) fn biases(fused: &FusedConvolution<'_>, input: Shape, output: Shape, value_offset: i32) -> Biases {
    let convolution = fused.convolution;
    let channels = output.channels.next_multiple_of(BLOCK);
    let per_output = convolution.weights.len() / output.channels;
    let all_channels = per_output / (convolution.window[0] * convolution.window[1]);
    let zero_point = i32::from(convolution.input_zero_point) - value_offset;
    let mut start = vec![0i32; channels];
    for (channel, weights) in convolution.weights.chunks(per_output).enumerate() {
        // In 16 bits, which hold 128 weights, because instruction sets without wider moves add
        // those much faster.
        let narrow = |weights: &[i8]| i32::from(weights.iter().map(|w| i16::from(*w)).sum::<i16>());
        let sum = |weights: &[i8]| weights.chunks(128).map(narrow).sum::<i32>();
        let varying: i32 =
            weights.chunks(all_channels).map(|tap| sum(&tap[fused.first_channel..][..input.channels])).sum();
        start[channel] = convolution.bias[channel].wrapping_sub(zero_point.wrapping_mul(varying));
    }
    if fused.constants.is_empty() {
        return Biases { values: start, varies: false };
    }
    let constants = Constants::new(fused, input, all_channels);
    let pixels = output.rows * output.columns;
    let blocks = start.as_chunks::<BLOCK>().0.iter();
    let mut values: Vec<[i32; BLOCK]> = blocks.flat_map(|start| std::iter::repeat_n(*start, pixels)).collect();
    for (block, values) in values.chunks_mut(pixels).enumerate() {
        for (row, sums) in values.chunks_mut(output.columns).enumerate() {
            constants.add_row(sums, block * BLOCK, row);
        }
    }
    let values = values.into_flattened();
    Biases { values, varies: true }
}

/// The constant part of a convolution's input with the weights that read it.
struct Constants<'a> {
    fused: &'a FusedConvolution<'a>,
    input: Shape,
    all_channels: usize,
    /// Less the zero point. Layout `[constant channel, row, column]`.
    values: Vec<i16>,
    /// Where each constant channel stands among the convolution's input channels.
    channels: Vec<usize>,
}

impl<'a> Constants<'a> {
    fn new(fused: &'a FusedConvolution<'a>, input: Shape, all_channels: usize) -> Self {
        let zero_point = i16::from(fused.convolution.input_zero_point);
        let channels =
            || fused.constants.iter().flat_map(|part| (0..part.channels).map(move |channel| (part, channel)));
        let of_channel = |(part, channel): (&ConstantChannels<'a>, usize)| {
            part.values.iter().skip(channel).step_by(part.channels).map(move |value| i16::from(*value) - zero_point)
        };
        Constants {
            fused,
            input,
            all_channels,
            values: channels().flat_map(of_channel).collect(),
            channels: channels().map(|(part, channel)| part.first + channel).collect(),
        }
    }

    /// Adds what the windows of an output row see of the constant channels to the sums of the
    /// outputs from `first` on.
    fn add_row(&self, sums: &mut [[i32; BLOCK]], first: usize, row: usize) {
        let Convolution { window, stride, padding, .. } = self.fused.convolution;
        let planes = self.values.chunks_exact(self.input.rows * self.input.columns);
        for (plane, &channel) in planes.zip(&self.channels) {
            for (y, x) in (0..window[0]).flat_map(|y| (0..window[1]).map(move |x| (y, x))) {
                let from_row = (row * stride[0] + y).wrapping_sub(padding[0]);
                if from_row >= self.input.rows {
                    continue;
                }
                let weights = self.weights(first, y * window[1] + x, channel);
                let seen = padding[1].saturating_sub(x).div_ceil(stride[1]).min(sums.len());
                let from_column = (seen * stride[1] + x).saturating_sub(padding[1]).min(self.input.columns);
                let values = plane[from_row * self.input.columns..][from_column..self.input.columns].iter();
                for (sums, &value) in sums[seen..].iter_mut().zip(values.step_by(stride[1])) {
                    // 255 * 128 at most, which 16 bits hold, and those are multiplied much faster.
                    let products = weights.map(|weight| i32::from(value * weight));
                    *sums = std::array::from_fn(|lane| sums[lane].wrapping_add(products[lane]));
                }
            }
        }
    }

    /// The weights of a block of outputs for one tap of one input channel.
    fn weights(&self, first: usize, tap: usize, channel: usize) -> [i16; BLOCK] {
        let convolution = self.fused.convolution;
        let taps = convolution.window[0] * convolution.window[1];
        std::array::from_fn(|lane| {
            let weight = convolution.weights.get(((first + lane) * taps + tap) * self.all_channels + channel);
            weight.map_or(0, |weight| i16::from(*weight))
        })
    }
}
