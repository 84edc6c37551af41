//! ONNX file to tract's optimised graph.

use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;

use super::guard::guarded;
use super::signature::{check_inputs, check_sizes, signature};
use super::{ModelError, float, operators};

pub(super) struct Loaded {
    pub model: TypedModel,
    /// The file holds quantised convolutions, so that all of it has to be our operators.
    pub is_int8: bool,
}

pub(super) fn load(bytes: &[u8]) -> Result<Loaded, ModelError> {
    let onnx_error = |cause| ModelError::Onnx { cause };
    let mut file = guarded(|| Ok(ModelProto::decode(bytes)?)).map_err(onnx_error)?;
    let graph = file.graph.as_mut().ok_or_else(|| signature("no graph".into(), "one"))?;
    let is_int8 = check(graph)?;
    let onnx = if is_int8 {
        operators::bind(graph)?;
        operators::register()
    } else {
        float::operators(graph)?
    };
    let parsed = guarded(|| onnx.parse(&file, None)).map_err(onnx_error)?;
    // What follows takes its memory: pages that are new to a process cost more than the work in
    // them.
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
fn check(graph: &GraphProto) -> Result<bool, ModelError> {
    check_inputs(graph)?;
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
