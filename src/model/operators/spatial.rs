//! `MaxPool`, `Resize` and `Concat` of `u8` tensors.

use std::ops::RangeInclusive;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::Operator;

use super::quantised::{Dims, Quantised, Rules};
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
    Ok((expand(Rules(MaxPool)), vec![]))
}

impl Quantised for MaxPool {
    const NAME: &'static str = "MaxPool";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        let [picture, channels, rows, columns] = &inputs[0][..] else { bail!("a picture of four axes expected") };
        Ok(tvec!(picture.clone(), channels.clone(), rows.clone() / 2, columns.clone() / 2))
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
    Ok((expand(Rules(Resize)), vec![]))
}

impl Quantised for Resize {
    const NAME: &'static str = "Resize";
    const INPUTS: RangeInclusive<usize> = 2..=4;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        let [picture, channels, rows, columns] = &inputs[0][..] else { bail!("a picture of four axes expected") };
        Ok(tvec!(picture.clone(), channels.clone(), rows.clone() * 2, columns.clone() * 2))
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
        ensure!(doubles, "expected twice the rows and columns");
        wire(prefix, model, Operator::Upsample, &inputs[..1])
    }
}

/// Along the channels.
#[derive(Debug, Clone)]
struct Concat;

pub(super) fn concat(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "axis", node.get_attr::<i64>("axis")?, &[1, -3])?;
    Ok((expand(Rules(Concat)), vec![]))
}

impl Quantised for Concat {
    const NAME: &'static str = "Concat";
    const INPUTS: RangeInclusive<usize> = 1..=usize::MAX;

    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims> {
        ensure!(inputs.iter().all(|input| input.len() == 4), "tensors of {inputs:?}, expected four axes");
        let mut shape = inputs[0].clone();
        shape[1] = inputs.iter().map(|input| input[1].clone()).sum();
        Ok(shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        wire(prefix, model, Operator::Concat, inputs)
    }
}
