//! tract's optimised graph to a graph of our kernels: quantising at the input and dequantising at
//! the output fall away, because bytes go in and stored values come out.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use wingmark_kernels::{Graph, Operator, Shape, Tensor as Node};

use super::operators::{Dequantise, Int8, Quantise};
use super::signature::{input_signature, signature};
use super::{ModelError, PIXEL_SCALE, PIXEL_ZERO_POINT};

pub(super) struct Lowered {
    pub graph: Graph,
    pub output: Node,
    /// Of the output.
    pub scale: f32,
    pub zero_point: u8,
}

pub(super) fn lower(model: &TypedModel) -> Result<Lowered, ModelError> {
    let order = model.eval_order().map_err(|cause| ModelError::Onnx { cause })?;
    let mut graph = Graph::new(picture_shape(model)?);
    let mut lowered: HashMap<usize, Node> = HashMap::new();
    for node in order.iter().map(|id| model.node(*id)) {
        let inputs: Option<Vec<Node>> = node.inputs.iter().map(|input| lowered.get(&input.node).copied()).collect();
        let unsupported = || ModelError::Operator {
            operator: node.op().name().into_owned(),
            node: node.name.clone(),
            expected: "a quantised net is u8 from the picture to the heatmaps".into(),
        };
        let result = if node.op_is::<tract_onnx::tract_core::ops::source::TypedSource>() {
            graph.input()
        } else if let Some(constant) = node.op_as::<Const>() {
            match constant_operator(constant.val()) {
                Some(operator) => graph.add(operator, &[])?,
                None => continue,
            }
        } else if let Some(quantise) = node.op_as::<Quantise>() {
            quantise_picture(&mut graph, quantise, inputs.ok_or_else(unsupported)?[0])?
        } else if let Some(int8) = node.op_as::<Int8>() {
            graph.add(int8.operator().clone(), &inputs.ok_or_else(unsupported)?)?
        } else if let Some(Dequantise { scale, zero_point }) = node.op_as::<Dequantise>() {
            let is_output = model.outputs.first().is_some_and(|output| output.node == node.id);
            let output = inputs.filter(|_| is_output).ok_or_else(unsupported)?[0];
            return Ok(Lowered { graph, output, scale: *scale, zero_point: *zero_point });
        } else {
            return Err(unsupported());
        };
        lowered.insert(node.id, result);
    }
    Err(signature("no DequantizeLinear at its output".into(), "one after a quantised net"))
}

fn picture_shape(model: &TypedModel) -> Result<Shape, ModelError> {
    let fact = model.input_fact(0).map_err(|cause| ModelError::Onnx { cause })?;
    let Some(shape) = fact.shape.as_concrete() else {
        return Err(signature(format!("an input of {:?}", fact.shape), "one of a fixed size"));
    };
    match *shape {
        [1, 3, rows, columns] if rows == columns && model.inputs.len() == 1 => Ok(Shape { rows, columns, channels: 3 }),
        _ => Err(input_signature(shape)),
    }
}

/// A byte of the picture stands for `(byte - 128) / 128`; a net that quantises to just this reads
/// the bytes as they are.
fn quantise_picture(graph: &mut Graph, quantise: &Quantise, picture: Node) -> Result<Node, ModelError> {
    let pixel = |byte: usize| (byte as f32 - f32::from(PIXEL_ZERO_POINT)) * PIXEL_SCALE;
    let table: [u8; 256] = std::array::from_fn(|byte| quantise.quantise(pixel(byte)));
    if table.iter().enumerate().all(|(byte, stored)| byte == usize::from(*stored)) {
        return Ok(picture);
    }
    Ok(graph.add(Operator::Lookup(Box::new(table)), &[picture])?)
}

/// `None` for what is no picture: it has been read by the operators that need it.
fn constant_operator(value: &Arc<tract_onnx::prelude::Tensor>) -> Option<Operator> {
    let [1, rows, columns, channels] = *value.shape() else { return None };
    let bytes = value.try_as_plain_ram().ok()?.as_slice::<u8>().ok()?.to_vec();
    Some(Operator::Constant(Shape { rows, columns, channels }, bytes))
}
