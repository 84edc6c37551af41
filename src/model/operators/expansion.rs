//! Quantised operators while tract infers shapes, and how they are wired.

use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Operator, Shape};

use super::typed::{Dequantise, Int8, Quantise};

pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// What stands for a node of the file in tract's inference; its parameters are part of it.
#[derive(Debug, Clone)]
pub(super) enum Quantised {
    Quantise(Quantise),
    Dequantise(Dequantise),
    /// With the shape of its result, `[picture, channel, row, column]`, where the file says it.
    Int8(Int8, Option<Vec<i64>>),
}

/// An operator of the kernels whose result has the shape that it has.
pub(super) fn int8(operator: Operator) -> Built {
    built(Quantised::Int8(Int8::new(operator), None))
}

pub(super) fn built(quantised: Quantised) -> Built {
    Ok((expand(quantised), vec![]))
}

impl Quantised {
    /// Element types of the inputs and of the result.
    fn types(&self) -> (DatumType, DatumType) {
        let (stored, real) = (u8::datum_type(), f32::datum_type());
        match self {
            Quantised::Quantise(_) => (real, stored),
            Quantised::Dequantise(_) => (stored, real),
            Quantised::Int8(..) => (stored, stored),
        }
    }

    /// `[picture, channel, row, column]`, of the inputs and of the result.
    fn result_shape(&self, inputs: &[TVec<TDim>]) -> TractResult<TVec<TDim>> {
        let Quantised::Int8(int8, size) = self else { return Ok(inputs[0].clone()) };
        let shapes = inputs.iter().map(|dims| match dims[..] {
            [ref one, ref channels, ref rows, ref columns] if one.is_one() => {
                Ok(Shape { rows: rows.to_usize()?, columns: columns.to_usize()?, channels: channels.to_usize()? })
            }
            _ => bail!("a tensor of {dims:?} is no single picture"),
        });
        let result = int8.operator().output_shape(&shapes.collect::<TractResult<Vec<_>>>()?)?;
        let result = [1, result.channels, result.rows, result.columns];
        if let Some(size) = size {
            ensure!(
                size.iter().copied().eq(result.map(|side| side as i64)),
                "a result of {size:?}, expected {result:?}"
            );
        }
        Ok(result.iter().map(ToDim::to_dim).collect())
    }
}

impl Expansion for Quantised {
    fn name(&self) -> StaticName {
        match self {
            Quantised::Quantise(op) => op.name(),
            Quantised::Dequantise(op) => op.name(),
            Quantised::Int8(op, _) => op.name(),
        }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!(!inputs.is_empty(), "no inputs, expected a picture");
        let (from, to) = self.types();
        for input in inputs {
            solver.equals(&input.rank, 4)?;
            solver.equals(&input.datum_type, from)?;
        }
        solver.equals(&outputs[0].datum_type, to)?;
        solver.given_all(inputs.iter().map(|input| &input.shape), move |solver, shapes| {
            solver.equals(&outputs[0].shape, self.result_shape(&shapes)?)
        })
    }

    /// Between moves to channels last and back.
    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let nchw = |model: &mut TypedModel, output: TVec<OutletId>| {
            model.wire_node(format!("{prefix}.nchw"), AxisOp::Move(3, 1), &output)
        };
        match self {
            Quantised::Quantise(quantise) => {
                let output = model.wire_node(prefix, quantise.clone(), inputs)?;
                nchw(model, output)
            }
            Quantised::Dequantise(dequantise) => {
                let stored = to_nhwc(&format!("{prefix}.nhwc"), model, inputs[0])?;
                model.wire_node(prefix, dequantise.clone(), &[stored])
            }
            Quantised::Int8(int8, _) => {
                let inputs = inputs.iter().enumerate();
                let nhwc = inputs.map(|(i, input)| to_nhwc(&format!("{prefix}.nhwc{i}"), model, *input));
                let nhwc = nhwc.collect::<TractResult<TVec<_>>>()?;
                let output = model.wire_node(prefix, int8.clone(), &nhwc)?;
                nchw(model, output)
            }
        }
    }
}

/// The outlet with its channels last: in front of the move that ends its producer, where there is
/// one.
fn to_nhwc(name: &str, model: &mut TypedModel, outlet: OutletId) -> TractResult<OutletId> {
    if let Some(AxisOp::Move(3, 1)) = model.node(outlet.node).op_as::<AxisOp>() {
        return Ok(model.node(outlet.node).inputs[0]);
    }
    if let Some(constant) = &model.outlet_fact(outlet)?.konst {
        let moved = constant.as_ref().clone().move_axis(1, 3)?;
        return model.add_const(name, moved);
    }
    Ok(model.wire_node(name, AxisOp::Move(1, 3), &[outlet])?[0])
}
