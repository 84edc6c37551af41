//! How much a float net enlarges its tensors, checked before tract does it.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;
use super::signature::{MAX_ELEMENTS, signature};

/// More than any net for pictures enlarges a tensor by.
const MAX_SCALE: f32 = 64.0;

/// A constant is resized as soon as tract sees it, so that a damaged scale asks for memory before
/// there are shapes to check.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_looked_at_where_they_stand_in_the_file() {
        let node = |op: &str, input: &[&str], output: &str| NodeProto {
            op_type: op.into(),
            input: input.iter().map(|name| (*name).into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        };
        let mut graph = GraphProto {
            node: vec![node("Concat", &["one", "two"], "scales"), node("Resize", &["x", "", "scales"], "y")],
            ..GraphProto::default()
        };
        check_scales(&graph).unwrap();
        graph.node[0] = node("Constant", &[], "scales");
        let mut say = |floats: Vec<f32>| {
            graph.node[0].attribute =
                vec![tract_onnx::pb::AttributeProto { name: "value_floats".into(), floats, ..Default::default() }];
            check_scales(&graph)
        };
        say(vec![1.0, 1.0, 2.0, 2.0]).unwrap();
        let error = say(vec![1.0, 1.0, 65.0, 2.0]).unwrap_err().to_string();
        assert!(error.contains("a Resize by 65"), "{error}");
    }
}
