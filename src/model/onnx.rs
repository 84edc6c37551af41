//! ONNX file to tract's optimised graph.

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::{ModelError, float, operators};

pub(super) struct Loaded {
    pub model: TypedModel,
    /// The file holds quantised convolutions, so that all of it has to be our operators.
    pub is_int8: bool,
}

pub(super) fn load(bytes: &[u8]) -> Result<Loaded, ModelError> {
    let onnx_error = |cause| ModelError::Onnx { cause };
    let file = Onnx::default().proto_model_for_read(&mut &bytes[..]).map_err(onnx_error)?;
    let is_int8 = check(&file)?;
    let onnx = if is_int8 { operators::register() } else { float::operators()? };
    let parsed = onnx.parse(&file, None).map_err(onnx_error)?;
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(signature(format!("no tensor {name:?}, which a node reads"), "every tensor to be made by a node"));
    }
    let typed = parsed.model.into_typed().and_then(|model| model.into_decluttered()).map_err(onnx_error)?;
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
    if is_int8 && let Some(node) = graph.node.iter().find(|node| !operators::NAMES.contains(&&*node.op_type)) {
        return Err(ModelError::Operator {
            operator: node.op_type.clone(),
            node: node.name.clone(),
            expected: format!("a quantised net may hold {}", operators::NAMES.join(", ")),
        });
    }
    Ok(is_int8)
}

pub(super) fn signature(found: String, expected: &'static str) -> ModelError {
    ModelError::Signature { found, expected }
}

pub(super) fn input_signature(found: &[usize]) -> ModelError {
    signature(format!("an input of {found:?}"), "[1, 3, side, side], one square RGB picture")
}
