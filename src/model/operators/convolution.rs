//! `QLinearConv`: x, its scale and zero point, weights, theirs, the result's, and a bias.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Convolution, Operator};

use super::attributes::{expect, pair};
use super::expansion::{Built, int8};
use super::parameters::{optional, quantisation, required, values};

pub(super) fn qlinear_conv(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "group", node.get_attr_opt::<i64>("group")?.unwrap_or(1), &[1])?;
    expect(node, "dilations", pair(node, "dilations", 1)?, &[[1, 1]])?;
    expect(node, "auto_pad", node.get_attr_opt("auto_pad")?.unwrap_or("NOTSET"), &["NOTSET", "VALID"])?;
    let padding = match node.get_attr_opt_vec::<usize>("pads")?.as_deref() {
        None => [0; 4],
        Some([top, left, bottom, right]) => [*top, *left, *bottom, *right],
        Some(found) => bail!("{}: pads are {found:?}, expected four", node.name),
    };
    let stride = pair(node, "strides", 1)?;
    ensure!(!stride.contains(&0), "{}: strides are {stride:?}", node.name);

    let (input_scale, input_zero_point) = quantisation(node, 1)?;
    let (output_scale, output_zero_point) = quantisation(node, 6)?;
    let weights = required(node, 3, "weights")?;
    let [outputs, channels, rows, columns] = *weights.shape() else {
        bail!("weights of {:?}, expected four axes", weights.shape())
    };
    let scales = required(node, 4, "the weights' scale")?;
    let scales = values::<f32>(&scales, "the weights' scale")?;
    let zero_points = required(node, 5, "the weights' zero point")?;
    let zero_points = values::<i8>(&zero_points, "the weights' zero point (s8)")?;
    ensure!(zero_points.iter().all(|z| *z == 0), "weights with a zero point, expected symmetric ones");
    ensure!(scales.len() == 1 || scales.len() == outputs, "{} scales for {outputs} channels of weights", scales.len());
    let bias = match optional(node, 8)? {
        Some(bias) => values::<i32>(&bias, "bias (s32)")?.to_vec(),
        None => vec![0; outputs],
    };
    ensure!(bias.len() == outputs, "{} biases for {outputs} channels", bias.len());
    let multiplier = |scale: &f32| input_scale * scale / output_scale;
    int8(Operator::Convolution(Convolution {
        window: [rows, columns],
        stride,
        padding,
        weights: channels_last(values(&weights, "weights (s8)")?, channels, rows * columns),
        bias,
        multipliers: scales.iter().cycle().take(outputs).map(multiplier).collect(),
        input_zero_point,
        output_zero_point,
    }))
}

/// `[output, channel, tap]` to `[output, tap, channel]`.
fn channels_last(weights: &[i8], channels: usize, taps: usize) -> Arc<[i8]> {
    if taps == 1 {
        return weights.into();
    }
    let mut moved: Arc<[i8]> = std::iter::repeat_n(0, weights.len()).collect();
    let per_output = channels * taps;
    let outputs = Arc::get_mut(&mut moved).expect("nobody else has it yet").chunks_exact_mut(per_output);
    for (from, to) in weights.chunks_exact(per_output).zip(outputs) {
        for (tap, to) in to.chunks_exact_mut(channels).enumerate() {
            for (to, of_channel) in to.iter_mut().zip(from.chunks_exact(taps)) {
                *to = of_channel[tap];
            }
        }
    }
    moved
}
