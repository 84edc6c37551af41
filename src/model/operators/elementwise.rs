//! `QuantizeLinear`, `DequantizeLinear` and ONNX Runtime's `QLinearAdd`.

use std::ops::RangeInclusive;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Addition, Operator};

use super::quantised::{Dims, Quantised, Rules};
use super::typed::{Dequantise, Quantise};
use super::wiring::{Built, quantisation, to_nhwc, wire};

/// x, scale and zero point.
#[derive(Debug, Clone)]
struct QuantizeLinear;

pub(super) fn quantize_linear(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Rules(QuantizeLinear)), vec![]))
}

impl Quantised for QuantizeLinear {
    const NAME: &'static str = "QuantizeLinear";
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        Ok(inputs[0].clone())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let (scale, zero_point) = quantisation(model, inputs, 1)?;
        let output = model.wire_node(prefix, Quantise { scale, zero_point }, &inputs[..1])?;
        model.wire_node(format!("{prefix}.nchw"), AxisOp::Move(3, 1), &output)
    }
}

/// x, scale and zero point.
#[derive(Debug, Clone)]
struct DequantizeLinear;

pub(super) fn dequantize_linear(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Rules(DequantizeLinear)), vec![]))
}

impl Quantised for DequantizeLinear {
    const NAME: &'static str = "DequantizeLinear";
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn result_type(&self) -> DatumType {
        f32::datum_type()
    }

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        Ok(inputs[0].clone())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let (scale, zero_point) = quantisation(model, inputs, 1)?;
        let stored = to_nhwc(&format!("{prefix}.nhwc"), model, inputs[0])?;
        model.wire_node(prefix, Dequantise { scale, zero_point }, &[stored])
    }
}

/// a, its scale and zero point, b, its, and the result's.
#[derive(Debug, Clone)]
struct QLinearAdd;

pub(super) fn qlinear_add(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Rules(QLinearAdd)), vec![]))
}

impl Quantised for QLinearAdd {
    const NAME: &'static str = "QLinearAdd";
    const INPUTS: RangeInclusive<usize> = 8..=8;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        ensure!(inputs[0] == inputs[3], "a sum of {:?} and {:?}, expected equal shapes", inputs[0], inputs[3]);
        Ok(inputs[0].clone())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let part = |first: usize| quantisation(model, inputs, first);
        let addition = Addition::new(part(1)?, part(4)?, part(6)?);
        wire(prefix, model, Operator::Addition(addition), &[inputs[0], inputs[3]])
    }
}
