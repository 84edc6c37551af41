//! What all operators need while tract wires them.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Operator, Shape};

use super::typed::Int8;

pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Scale and zero point of a `u8` tensor.
pub(super) type Quantisation = (f32, u8);

/// Wires an operator of the kernels between the moves to NHWC and back.
pub(super) fn wire(
    prefix: &str,
    model: &mut TypedModel,
    operator: Operator,
    inputs: &[OutletId],
) -> TractResult<TVec<OutletId>> {
    let mut nhwc = TVec::new();
    for (i, input) in inputs.iter().enumerate() {
        nhwc.push(to_nhwc(&format!("{prefix}.nhwc{i}"), model, *input)?);
    }
    let output = model.wire_node(prefix, Int8::new(operator), &nhwc)?;
    model.wire_node(format!("{prefix}.nchw"), AxisOp::Move(3, 1), &output)
}

/// The outlet with its channels last: in front of the move that ends its producer, where there is one.
pub(super) fn to_nhwc(name: &str, model: &mut TypedModel, outlet: OutletId) -> TractResult<OutletId> {
    if let Some(AxisOp::Move(3, 1)) = model.node(outlet.node).op_as::<AxisOp>() {
        return Ok(model.node(outlet.node).inputs[0]);
    }
    if let Some(constant) = &model.outlet_fact(outlet)?.konst {
        let moved = constant.as_ref().clone().move_axis(1, 3)?;
        return model.add_const(name, moved);
    }
    Ok(model.wire_node(name, AxisOp::Move(1, 3), &[outlet])?[0])
}

pub(super) fn nhwc_shape(shape: &[usize]) -> TractResult<Shape> {
    match *shape {
        [1, rows, columns, channels] => Ok(Shape { rows, columns, channels }),
        _ => bail!("a tensor of {shape:?} is no single picture"),
    }
}

/// An input that has to be constant.
pub(super) fn constant(model: &TypedModel, outlet: OutletId, what: &str) -> TractResult<Arc<Tensor>> {
    model.outlet_fact(outlet)?.konst.clone().with_context(|| format!("{what} has to be constant"))
}

/// The values of a tensor that has to be of a certain type.
pub(super) fn values<'t, T: Datum + Copy>(tensor: &'t Tensor, what: &str) -> TractResult<&'t [T]> {
    tensor.try_as_plain_ram()?.as_slice().with_context(|| format!("{what} of another type"))
}

/// The values of an input that has to be constant and of a certain type.
pub(super) fn constants<T: Datum + Copy>(model: &TypedModel, outlet: OutletId, what: &str) -> TractResult<Vec<T>> {
    Ok(values(&*constant(model, outlet, what)?, what)?.to_vec())
}

/// Scale and zero point, the inputs `first` and `first + 1`.
pub(super) fn quantisation(model: &TypedModel, inputs: &[OutletId], first: usize) -> TractResult<Quantisation> {
    let input = |i: usize| inputs.get(i).copied().context("scale or zero point is missing");
    let scales = constants::<f32>(model, input(first)?, "a scale")?;
    let zero_points = constants::<u8>(model, input(first + 1)?, "a zero point")?;
    match (&scales[..], &zero_points[..]) {
        ([scale], [zero_point]) if scale.is_finite() && *scale > 0.0 => Ok((*scale, *zero_point)),
        _ => bail!("one positive scale and one zero point a tensor expected, found {scales:?} and {zero_points:?}"),
    }
}

/// Fails unless an attribute has one of the values that we compute.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
    node: &NodeProto,
    name: &str,
    found: T,
    one_of: &[T],
) -> TractResult<()> {
    ensure!(one_of.contains(&found), "{} {}: {name} is {found:?}, expected {one_of:?}", node.op_type, node.name);
    Ok(())
}

/// An attribute with one entry for each of rows and columns.
pub(super) fn pair(node: &NodeProto, name: &str, default: usize) -> TractResult<[usize; 2]> {
    match node.get_attr_opt_vec::<usize>(name)?.as_deref() {
        None => Ok([default; 2]),
        Some([rows, columns]) => Ok([*rows, *columns]),
        Some(found) => bail!("{} {}: {name} is {found:?}, expected two", node.op_type, node.name),
    }
}
