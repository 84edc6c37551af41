//! Numbers that stand in an ONNX file.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Numbers that stand in the file, in one of the forms that ONNX has for them.
#[derive(Default)]
pub(super) struct Constant<'a> {
    /// Little endian.
    raw: &'a [u8],
    floats: &'a [f32],
    integers: &'a [i64],
}

impl<'a> Constant<'a> {
    /// The initializer of this name, or what a node `Constant` says under it.
    pub(super) fn of(graph: &'a GraphProto, name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        if let Some(tensor) = graph.initializer.iter().find(|tensor| tensor.name == name) {
            return Some(tensor.into());
        }
        let is_it = |node: &&NodeProto| node.op_type == "Constant" && node.output.iter().any(|output| output == name);
        graph.node.iter().find(is_it).and_then(Constant::in_node)
    }

    /// What a node `Constant` says, as a tensor or a list.
    pub(super) fn in_node(node: &'a NodeProto) -> Option<Self> {
        node.attribute.iter().find_map(|attribute| match &*attribute.name {
            "value" => attribute.t.as_ref().map(Constant::from),
            "value_floats" => Some(Constant { floats: &attribute.floats, ..Constant::default() }),
            "value_ints" => Some(Constant { integers: &attribute.ints, ..Constant::default() }),
            _ => None,
        })
    }

    pub(super) fn floats(&self) -> Vec<f32> {
        let raw = self.raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        raw.chain(self.floats.iter().copied()).collect()
    }

    pub(super) fn integers(&self) -> Vec<i64> {
        let raw = self.raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        raw.chain(self.integers.iter().copied()).collect()
    }
}

impl<'a> From<&'a TensorProto> for Constant<'a> {
    fn from(tensor: &'a TensorProto) -> Self {
        Constant { raw: &tensor.raw_data, floats: &tensor.float_data, integers: &tensor.int64_data }
    }
}
