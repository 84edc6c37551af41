//! Which inputs, outputs and sizes a graph may have, and the errors where it has others.

use tract_onnx::pb::GraphProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value::DimValue;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::prelude::*;

use super::ModelError;
use super::card::MAX_INPUT_PX;

/// More than any tensor of a net for pictures holds.
pub(super) const MAX_ELEMENTS: usize = 1 << 26;
/// More than any net needs besides its weights. Small boards have this much and little more.
const MAX_MEMORY_BYTES: usize = 256 << 20;

/// Refuses what a damaged size may ask for before any memory is: where there is too little, a
/// program has to end.
pub(super) fn check_sizes(model: &TypedModel) -> Result<(), ModelError> {
    let facts = model.nodes().iter().flat_map(|node| &node.outputs).map(|output| &output.fact);
    for shape in facts.filter_map(|fact| fact.shape.as_concrete()) {
        let elements = shape.iter().fold(1, |elements: usize, side| elements.saturating_mul(*side));
        // An empty list stands for an input that is left out; beyond the end of other empty tensors
        // tract's convolutions read on.
        if elements > MAX_ELEMENTS || elements == 0 && shape.len() > 1 {
            return Err(signature(
                format!("a tensor of {shape:?}"),
                format!("1 to {} elements in each", most_elements()),
            ));
        }
    }
    Ok(())
}

/// Refuses a picture that no card may name, before anything is made for it.
pub(super) fn check_inputs(graph: &GraphProto) -> Result<(), ModelError> {
    for input in &graph.input {
        let Some(Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|of| of.value.as_ref()) else { continue };
        let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
        let sides: Vec<i64> = dims.map(|dim| if let Some(DimValue(side)) = dim.value { side } else { -1 }).collect();
        // Older files name their weights among the inputs, and these may have one long side.
        let is_picture = !graph.initializer.iter().any(|tensor| tensor.name == input.name);
        if is_picture && sides.iter().any(|side| *side > MAX_INPUT_PX.into()) {
            return Err(signature(format!("an input of {sides:?}"), format!("sides of at most {MAX_INPUT_PX} px")));
        }
    }
    Ok(())
}

/// Refuses a net whose working memory a board does not have.
pub(super) fn check_memory(bytes: usize) -> Result<(), ModelError> {
    if bytes <= MAX_MEMORY_BYTES {
        return Ok(());
    }
    let found = format!("{} MiB of tensors that are needed at once", bytes.div_ceil(1 << 20));
    let most = MAX_MEMORY_BYTES >> 20;
    Err(signature(found, format!("at most {most} MiB; export it for a smaller picture")))
}

/// [`MAX_ELEMENTS`] as messages say it.
pub(super) fn most_elements() -> String {
    format!("2^{}", MAX_ELEMENTS.ilog2())
}

pub(super) fn signature(found: String, expected: impl Into<String>) -> ModelError {
    ModelError::Signature { found, expected: expected.into() }
}

pub(super) fn input_signature(found: &[usize]) -> ModelError {
    signature(format!("an input of {found:?}"), "[1, 3, side, side], one square RGB picture")
}
