//! `QuantizeLinear`, `DequantizeLinear` and ONNX Runtime's `QLinearAdd`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Addition, Operator};

use super::typed::{Dequantise, Quantise};
use super::wiring::{Built, quantisation, to_nhwc, wire};

#[derive(Debug, Clone)]
struct QuantizeLinear;

pub(super) fn quantize_linear(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(QuantizeLinear), vec![]))
}

impl Expansion for QuantizeLinear {
    fn name(&self) -> StaticName {
        "QuantizeLinear".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, u8::datum_type())?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let (scale, zero_point) = quantisation(model, inputs, 1).with_context(|| format!("QuantizeLinear {prefix}"))?;
        let output = model.wire_node(prefix, Quantise { scale, zero_point }, &inputs[..1])?;
        model.wire_node(format!("{prefix}.nchw"), AxisOp::Move(3, 1), &output)
    }
}

#[derive(Debug, Clone)]
struct DequantizeLinear;

pub(super) fn dequantize_linear(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(DequantizeLinear), vec![]))
}

impl Expansion for DequantizeLinear {
    fn name(&self) -> StaticName {
        "DequantizeLinear".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, f32::datum_type())?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let (scale, zero_point) =
            quantisation(model, inputs, 1).with_context(|| format!("DequantizeLinear {prefix}"))?;
        let stored = to_nhwc(&format!("{prefix}.nhwc"), model, inputs[0])?;
        model.wire_node(prefix, Dequantise { scale, zero_point }, &[stored])
    }
}

/// a, its scale and zero point, b, its, and the result's.
#[derive(Debug, Clone)]
struct QLinearAdd;

pub(super) fn qlinear_add(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(QLinearAdd), vec![]))
}

impl Expansion for QLinearAdd {
    fn name(&self) -> StaticName {
        "QLinearAdd".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 8)?;
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, u8::datum_type())?;
        solver.equals(&inputs[3].shape, &inputs[0].shape)?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let part = |first: usize| quantisation(model, inputs, first).with_context(|| format!("QLinearAdd {prefix}"));
        let addition = Addition::new(part(1)?, part(4)?, part(6)?);
        wire(prefix, model, Operator::Addition(addition), &[inputs[0], inputs[3]])
    }
}
