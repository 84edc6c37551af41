//! `MaxPool`, `Resize` and `Concat` of `u8` tensors.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::Operator;

use super::wiring::{Built, constants, expect, pair, wire};

/// 2x2, stride 2.
#[derive(Debug, Clone)]
struct MaxPool;

pub(super) fn max_pool(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "kernel_shape", pair(node, "kernel_shape", 1)?, &[[2, 2]])?;
    expect(node, "strides", pair(node, "strides", 1)?, &[[2, 2]])?;
    expect(node, "dilations", pair(node, "dilations", 1)?, &[[1, 1]])?;
    expect(node, "pads", node.get_attr_opt_vec::<usize>("pads")?.unwrap_or(vec![0; 4]), &[vec![0; 4]])?;
    expect(node, "ceil_mode", node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0), &[0])?;
    expect(node, "auto_pad", node.get_attr_opt("auto_pad")?.unwrap_or("NOTSET"), &["NOTSET", "VALID"])?;
    Ok((expand(MaxPool), vec![]))
}

impl Expansion for MaxPool {
    fn name(&self) -> StaticName {
        "MaxPool".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, u8::datum_type())?;
        solver.given(&inputs[0].shape, move |solver, x| {
            let half = |dim: &TDim| dim.clone() / 2;
            solver.equals(&outputs[0].shape, tvec!(x[0].clone(), x[1].clone(), half(&x[2]), half(&x[3])))
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        wire(prefix, model, Operator::MaxPool, inputs)
    }
}

/// Nearest neighbour, twice the rows and columns.
#[derive(Debug, Clone)]
struct Resize;

pub(super) fn resize(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "mode", node.get_attr_opt("mode")?.unwrap_or("nearest"), &["nearest"])?;
    let transformation = node.get_attr_opt("coordinate_transformation_mode")?.unwrap_or("half_pixel");
    let nearest = node.get_attr_opt("nearest_mode")?.unwrap_or("round_prefer_floor");
    // At twice the size, these two read the same pixels.
    let doubles = [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")];
    expect(node, "coordinate_transformation_mode and nearest_mode", (transformation, nearest), &doubles)?;
    Ok((expand(Resize), vec![]))
}

impl Expansion for Resize {
    fn name(&self) -> StaticName {
        "Resize".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, u8::datum_type())?;
        solver.given(&inputs[0].shape, move |solver, x| {
            let double = |dim: &TDim| dim.clone() * 2;
            solver.equals(&outputs[0].shape, tvec!(x[0].clone(), x[1].clone(), double(&x[2]), double(&x[3])))
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let last = *inputs.last().context("Resize without inputs")?;
        let doubles = if model.outlet_fact(last)?.datum_type == f32::datum_type() {
            constants::<f32>(model, last, "scales")? == [1.0, 1.0, 2.0, 2.0]
        } else {
            let sizes = constants::<i64>(model, last, "sizes")?;
            let shape = model.outlet_fact(inputs[0])?.shape.eval_to_usize(&SymbolValues::default())?.into_owned();
            sizes.len() == 4 && (0..4).all(|i| sizes[i] as usize == if i < 2 { shape[i] } else { shape[i] * 2 })
        };
        ensure!(doubles, "Resize {prefix}: expected twice the rows and columns");
        wire(prefix, model, Operator::Upsample, &inputs[..1])
    }
}

/// Along the channels.
#[derive(Debug, Clone)]
struct Concat;

pub(super) fn concat(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "axis", node.get_attr::<i64>("axis")?, &[1, -3])?;
    Ok((expand(Concat), vec![]))
}

impl Expansion for Concat {
    fn name(&self) -> StaticName {
        "Concat".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!(!inputs.is_empty(), "Concat without inputs");
        solver.equals(&outputs[0].datum_type, u8::datum_type())?;
        solver.equals(&outputs[0].rank, 4)?;
        let shapes: Vec<_> = inputs.iter().map(|input| &input.shape).collect();
        solver.given_all(shapes, move |solver, shapes| {
            let mut shape = shapes[0].clone();
            shape[1] = shapes.iter().map(|shape| shape[1].clone()).sum();
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        wire(prefix, model, Operator::Concat, inputs)
    }
}
