//! `QuantizeLinear`, `DequantizeLinear` and ONNX Runtime's `QLinearAdd`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use wingmark_kernels::{Addition, Operator};

use super::expansion::{Built, Quantised, built, int8};
use super::parameters::quantisation;
use super::typed::{Dequantise, Quantise};

/// x, scale and zero point.
pub(super) fn quantize_linear(_context: &ParsingContext, node: &NodeProto) -> Built {
    let (scale, zero_point) = quantisation(node, 1)?;
    built(Quantised::Quantise(Quantise { scale, zero_point }))
}

/// x, scale and zero point.
pub(super) fn dequantize_linear(_context: &ParsingContext, node: &NodeProto) -> Built {
    let (scale, zero_point) = quantisation(node, 1)?;
    built(Quantised::Dequantise(Dequantise { scale, zero_point }))
}

/// a, its scale and zero point, b, its, and the result's.
pub(super) fn qlinear_add(_context: &ParsingContext, node: &NodeProto) -> Built {
    let part = |first: usize| quantisation(node, first);
    int8(Operator::Addition(Addition::new(part(1)?, part(4)?, part(6)?)))
}
