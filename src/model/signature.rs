//! What a graph has to look like, and how it is said where it does not.

use tract_onnx::prelude::*;

use super::ModelError;

/// More than any tensor of a net for pictures holds.
pub(super) const MAX_ELEMENTS: usize = 1 << 28;

/// Refuses what a damaged size may ask for before any memory is: where there is too little, a
/// program has to end.
pub(super) fn check_sizes(model: &TypedModel) -> Result<(), ModelError> {
    let facts = model.nodes().iter().flat_map(|node| &node.outputs).map(|output| &output.fact);
    for shape in facts.filter_map(|fact| fact.shape.as_concrete()) {
        let elements = shape.iter().fold(1, |elements: usize, side| elements.saturating_mul(*side));
        // An empty list stands for an input that is left out; beyond the end of other empty tensors
        // tract's convolutions read on.
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
