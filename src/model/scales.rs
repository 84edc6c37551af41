//! How much a float net enlarges its tensors, checked before tract does it.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;
use super::onnx::{MAX_ELEMENTS, signature};

/// More than any net for pictures enlarges a tensor by.
const MAX_SCALE: f32 = 64.0;

/// A constant is resized as soon as tract sees it, so that a damaged scale asks for memory before there are shapes to check.
pub(super) fn check_scales(graph: &GraphProto) -> Result<(), ModelError> {
    for node in graph.node.iter().filter(|node| node.op_type == "Resize") {
        let constant = |input: usize| Constant::of(graph, node.input.get(input)?);
        let scales = constant(2).map_or(vec![], |scales| scales.floats());
        if let Some(scale) = scales.iter().find(|scale| !(0.0..=MAX_SCALE).contains(*scale)) {
            return Err(signature(format!("a Resize by {scale}"), "scales of at most 64"));
        }
        let sizes = constant(3).map_or(vec![], |sizes| sizes.integers());
        let elements = sizes.iter().fold(1, |elements: i64, side| elements.saturating_mul(*side));
        if elements > MAX_ELEMENTS as i64 {
            return Err(signature(format!("a Resize to {elements} elements"), "at most 2^28"));
        }
    }
    Ok(())
}

/// Numbers that stand in the file, in one of the forms that ONNX has for them.
#[derive(Default)]
struct Constant<'a> {
    /// Little endian.
    raw: &'a [u8],
    floats: &'a [f32],
    integers: &'a [i64],
}

impl<'a> Constant<'a> {
    /// The initializer of this name, or what a node `Constant` says under it.
    fn of(graph: &'a GraphProto, name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        if let Some(tensor) = graph.initializer.iter().find(|tensor| tensor.name == name) {
            return Some(tensor.into());
        }
        let is_it = |node: &&NodeProto| node.op_type == "Constant" && node.output.iter().any(|output| output == name);
        let attributes = &graph.node.iter().find(is_it)?.attribute;
        attributes.iter().find_map(|attribute| match &*attribute.name {
            "value" => attribute.t.as_ref().map(Constant::from),
            "value_floats" => Some(Constant { floats: &attribute.floats, ..Constant::default() }),
            "value_ints" => Some(Constant { integers: &attribute.ints, ..Constant::default() }),
            _ => None,
        })
    }

    fn floats(&self) -> Vec<f32> {
        let raw = self.raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        raw.chain(self.floats.iter().copied()).collect()
    }

    fn integers(&self) -> Vec<i64> {
        let raw = self.raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        raw.chain(self.integers.iter().copied()).collect()
    }
}

impl<'a> From<&'a TensorProto> for Constant<'a> {
    fn from(tensor: &'a TensorProto) -> Self {
        Constant { raw: &tensor.raw_data, floats: &tensor.float_data, integers: &tensor.int64_data }
    }
}
