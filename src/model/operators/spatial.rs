//! `MaxPool`, `Resize` and `Concat` of `u8` tensors.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::Operator;

use super::attributes::{expect, pair};
use super::expansion::{Built, Quantised, built, int8};
use super::parameters::{optional, values};
use super::typed::Int8;

/// 2x2, stride 2.
pub(super) fn max_pool(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "kernel_shape", pair(node, "kernel_shape", 1)?, &[[2, 2]])?;
    expect(node, "strides", pair(node, "strides", 1)?, &[[2, 2]])?;
    expect(node, "dilations", pair(node, "dilations", 1)?, &[[1, 1]])?;
    expect(node, "pads", node.get_attr_opt_vec::<usize>("pads")?.unwrap_or(vec![0; 4]), &[vec![0; 4]])?;
    expect(node, "ceil_mode", node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0), &[0])?;
    expect(node, "auto_pad", node.get_attr_opt("auto_pad")?.unwrap_or("NOTSET"), &["NOTSET", "VALID"])?;
    int8(Operator::MaxPool)
}

/// x, a region that nearest neighbour does not use, and scales or sizes: twice the rows and
/// columns.
pub(super) fn resize(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "mode", node.get_attr_opt("mode")?.unwrap_or("nearest"), &["nearest"])?;
    let transformation = node.get_attr_opt("coordinate_transformation_mode")?.unwrap_or("half_pixel");
    let nearest = node.get_attr_opt("nearest_mode")?.unwrap_or("round_prefer_floor");
    // At twice the size, these two read the same pixels.
    let doubles = [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")];
    expect(node, "coordinate_transformation_mode and nearest_mode", (transformation, nearest), &doubles)?;
    if let Some(sizes) = optional(node, 3)? {
        let sizes = values::<i64>(&sizes, "sizes (s64)")?.to_vec();
        return built(Quantised::Int8(Int8::new(Operator::Upsample), Some(sizes)));
    }
    let scales = optional(node, 2)?.context("neither scales nor sizes")?;
    expect(node, "scales", values::<f32>(&scales, "scales (f32)")?, &[&[1.0, 1.0, 2.0, 2.0]])?;
    int8(Operator::Upsample)
}

/// Along the channels.
pub(super) fn concat(_context: &ParsingContext, node: &NodeProto) -> Built {
    expect(node, "axis", node.get_attr::<i64>("axis")?, &[1, -3])?;
    int8(Operator::Concat)
}
