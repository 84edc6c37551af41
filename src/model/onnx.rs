//! ONNX file to tract's optimised graph.

use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;

use super::guard::guarded;
use super::{ModelError, float, operators};

/// More than any tensor of a net for pictures holds.
const MAX_ELEMENTS: usize = 1 << 28;

/// More than any net for pictures enlarges a tensor by.
const MAX_SCALE: f32 = 64.0;

pub(super) struct Loaded {
    pub model: TypedModel,
    /// The file holds quantised convolutions, so that all of it has to be our operators.
    pub is_int8: bool,
}

pub(super) fn load(bytes: &[u8]) -> Result<Loaded, ModelError> {
    let onnx_error = |cause| ModelError::Onnx { cause };
    let file = guarded(|| Ok(ModelProto::decode(bytes)?)).map_err(onnx_error)?;
    let is_int8 = check(&file)?;
    let onnx = if is_int8 { operators::register() } else { float::operators()? };
    let parsed = guarded(|| onnx.parse(&file, None)).map_err(onnx_error)?;
    // What follows takes its memory: pages that are new to a process cost more than the work in them.
    drop(file);
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(signature(format!("no tensor {name:?}, which a node reads"), "every tensor to be made by a node"));
    }
    let typed = guarded(|| parsed.model.into_typed()).map_err(onnx_error)?;
    check_sizes(&typed)?;
    let typed = guarded(|| typed.into_decluttered()).map_err(onnx_error)?;
    Ok(Loaded { model: typed, is_int8 })
}

/// Checks what tract takes for granted, and returns whether the file is quantised.
fn check(file: &ModelProto) -> Result<bool, ModelError> {
    let graph = file.graph.as_ref().ok_or_else(|| signature("no graph".into(), "one"))?;
    let [output] = &graph.output[..] else {
        return Err(signature(format!("{} outputs", graph.output.len()), "one, the heatmaps"));
    };
    if !graph.node.iter().any(|node| node.output.contains(&output.name)) {
        return Err(signature(format!("no node that makes the output {:?}", output.name), "one"));
    }
    let is_int8 = graph.node.iter().any(|node| node.op_type == "QLinearConv");
    check_scales(graph, is_int8)?;
    if is_int8 && let Some(node) = graph.node.iter().find(|node| !operators::NAMES.contains(&&*node.op_type)) {
        return Err(ModelError::Operator {
            operator: node.op_type.clone(),
            node: node.name.clone(),
            expected: format!("a quantised net may hold {}", operators::NAMES.join(", ")),
        });
    }
    Ok(is_int8)
}

/// A constant is resized as soon as tract sees it, so that a damaged scale asks for memory before there are shapes to check. A
/// quantised net needs no scales that nodes compute, which could not be checked.
fn check_scales(graph: &GraphProto, is_int8: bool) -> Result<(), ModelError> {
    for node in graph.node.iter().filter(|node| node.op_type == "Resize") {
        let constant = |input: usize| Constant::of(graph, node.input.get(input)?);
        let is_computed =
            |&input: &usize| node.input.get(input).is_some_and(|name| !name.is_empty()) && constant(input).is_none();
        if is_int8 && let Some(input) = [2, 3].iter().find(|input| is_computed(input)) {
            let name = &node.input[*input];
            return Err(signature(
                format!("a Resize by {name:?}, which a node computes"),
                "numbers that stand in the file",
            ));
        }
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

/// Refuses what a damaged size may ask for before any memory is: where there is too little, a program has to end.
pub(super) fn check_sizes(model: &TypedModel) -> Result<(), ModelError> {
    let facts = model.nodes().iter().flat_map(|node| &node.outputs).map(|output| &output.fact);
    for shape in facts.filter_map(|fact| fact.shape.as_concrete()) {
        let elements = shape.iter().fold(1, |elements: usize, side| elements.saturating_mul(*side));
        // An empty list stands for an input that is left out; beyond the end of other empty tensors tract's convolutions read on.
        if elements > MAX_ELEMENTS || elements == 0 && shape.len() > 1 {
            return Err(signature(format!("a tensor of {shape:?}"), "1 to 2^28 elements in each"));
        }
    }
    Ok(())
}

pub(super) fn signature(found: String, expected: &'static str) -> ModelError {
    ModelError::Signature { found, expected }
}

pub(super) fn input_signature(found: &[usize]) -> ModelError {
    signature(format!("an input of {found:?}"), "[1, 3, side, side], one square RGB picture")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantised_net_may_not_compute_its_scales() {
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
        check_scales(&graph, false).unwrap();
        let error = check_scales(&graph, true).unwrap_err().to_string();
        assert!(error.contains("a Resize by \"scales\", which a node computes"), "{error}");
        graph.node[0] = node("Constant", &[], "scales");
        graph.node[0].attribute = vec![tract_onnx::pb::AttributeProto {
            name: "value_floats".into(),
            floats: vec![1.0, 1.0, 2.0, 2.0],
            ..Default::default()
        }];
        check_scales(&graph, true).unwrap();
    }
}
