//! `QLinearConv`: x, its scale and zero point, weights, theirs, the result's, and a bias.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Convolution, Operator};

use super::quantised::{Dims, Quantised, Rules};
use super::wiring::{Built, constant, constants, expect, pair, quantisation, values, wire};

#[derive(Debug, Clone)]
struct QLinearConv {
    stride: [usize; 2],
    /// Top, left, bottom, right.
    padding: [usize; 4],
}

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
    Ok((expand(Rules(QLinearConv { stride, padding })), vec![]))
}

impl Quantised for QLinearConv {
    const NAME: &'static str = "QLinearConv";
    const INPUTS: RangeInclusive<usize> = 8..=9;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        let (x, w) = (&inputs[0], &inputs[3]);
        ensure!(w.len() == 4, "weights of {} axes, expected four", w.len());
        let along = |axis: usize, padding: usize| -> TractResult<TDim> {
            let padded = x[axis].to_usize()? + padding;
            let last = padded.checked_sub(w[axis].to_usize()?).context("the window does not fit")?;
            Ok((last / self.stride[axis - 2] + 1).to_dim())
        };
        let [top, left, bottom, right] = self.padding;
        Ok(tvec!(x[0].clone(), w[0].clone(), along(2, top + bottom)?, along(3, left + right)?))
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let convolution = self.convolution(model, inputs)?;
        wire(prefix, model, Operator::Convolution(convolution), &inputs[..1])
    }
}

impl QLinearConv {
    fn convolution(&self, model: &TypedModel, inputs: &[OutletId]) -> TractResult<Convolution> {
        let (input_scale, input_zero_point) = quantisation(model, inputs, 1)?;
        let (output_scale, output_zero_point) = quantisation(model, inputs, 6)?;
        let shape = model.outlet_fact(inputs[3])?.shape.as_concrete().context("weights of a fixed size")?;
        let [outputs, channels, rows, columns] = *shape else { bail!("weights of {shape:?}, expected four axes") };
        let weights = constant(model, inputs[3], "weights (s8)")?;
        let scales = constants::<f32>(model, inputs[4], "the weights' scale")?;
        let zero_points = constants::<i8>(model, inputs[5], "the weights' zero point (s8)")?;
        ensure!(zero_points.iter().all(|z| *z == 0), "weights with a zero point, expected symmetric ones");
        ensure!(
            scales.len() == 1 || scales.len() == outputs,
            "{} scales for {outputs} channels of weights",
            scales.len()
        );
        let bias = inputs.get(8).map(|outlet| constants::<i32>(model, *outlet, "bias (s32)")).transpose()?;
        let bias = bias.unwrap_or_else(|| vec![0; outputs]);
        ensure!(bias.len() == outputs, "{} biases for {outputs} channels", bias.len());
        let multiplier = |scale: &f32| input_scale * scale / output_scale;
        Ok(Convolution {
            window: [rows, columns],
            stride: self.stride,
            padding: self.padding,
            weights: channels_last(values(&weights, "weights (s8)")?, channels, rows * columns),
            bias,
            multipliers: scales.iter().cycle().take(outputs).map(multiplier).collect(),
            input_zero_point,
            output_zero_point,
        })
    }
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
