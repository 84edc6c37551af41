//! Scales, zero points, weights and biases. ONNX passes them to a quantised operator as inputs,
//! like the picture; here they become part of the operator before tract sees the file, which
//! otherwise would infer shapes of, and copy, ten times as many tensors.

use std::collections::{HashMap, HashSet};

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::tensor::load_tensor;
use tract_onnx::tract_hir::internal::*;

use crate::model::ModelError;
use crate::model::signature::signature;

/// Scale and zero point of a `u8` tensor, as the kernels take them.
pub(super) type ScaleAndZero = (f32, u8);

/// The attribute that holds them: one tensor for each input, of no type where it is none.
const PARAMETERS: &str = "parameters";

/// Makes an attribute of the parameters of each node of a quantised net; what is left are pictures
/// and constants that are joined to them.
///
/// # Errors
/// When a parameter does not stand in the file.
pub(in crate::model) fn bind(graph: &mut GraphProto) -> Result<(), ModelError> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for name in graph.node.iter().flat_map(|node| &node.input) {
        *uses.entry(name.clone()).or_default() += 1;
    }
    let mut tensors: HashMap<String, TensorProto> =
        graph.initializer.drain(..).map(|tensor| (tensor.name.clone(), tensor)).collect();
    let names: HashSet<String> = tensors.keys().cloned().collect();
    for node in &mut graph.node {
        let inputs = std::mem::take(&mut node.input);
        let mut parameters = Vec::with_capacity(inputs.len());
        for (index, name) in inputs.into_iter().enumerate() {
            let left = uses.get_mut(&name).expect("all inputs are counted");
            *left -= 1;
            if is_data(&node.op_type, index) {
                node.input.push(name);
                parameters.push(TensorProto::default());
            } else if name.is_empty() {
                parameters.push(TensorProto::default());
            } else {
                let tensor = if *left == 0 { tensors.remove(&name) } else { tensors.get(&name).cloned() };
                parameters.push(tensor.ok_or_else(|| {
                    let found = format!("a {} by {name:?}, which a node computes", node.op_type);
                    signature(found, "numbers that stand in the file")
                })?);
            }
        }
        node.attribute.push(AttributeProto {
            name: PARAMETERS.into(),
            r#type: AttributeType::Tensors as i32,
            tensors: parameters,
            ..AttributeProto::default()
        });
    }
    // Older files name their initializers among the inputs.
    graph.input.retain(|input| !names.contains(&input.name) || tensors.contains_key(&input.name));
    graph.initializer = tensors.into_values().collect();
    Ok(())
}

fn is_data(op: &str, input: usize) -> bool {
    match op {
        "QLinearAdd" => input == 0 || input == 3,
        "Concat" => true,
        _ => input == 0,
    }
}

/// What stood at input number `index`, if anything did.
pub(super) fn optional(node: &NodeProto, index: usize) -> TractResult<Option<Tensor>> {
    let parameters = node.attribute.iter().find(|attribute| attribute.name == PARAMETERS);
    let tensor = parameters.and_then(|parameters| parameters.tensors.get(index));
    tensor.filter(|tensor| tensor.data_type != 0).map(|tensor| load_tensor(&MmapDataResolver, tensor, None)).transpose()
}

pub(super) fn required(node: &NodeProto, index: usize, what: &str) -> TractResult<Tensor> {
    optional(node, index)?.with_context(|| format!("{what} (input {index}) is missing"))
}

/// The values of a tensor that has to be of a certain type.
pub(super) fn values<'t, T: Datum + Copy>(tensor: &'t Tensor, what: &str) -> TractResult<&'t [T]> {
    tensor.try_as_plain_ram()?.as_slice().with_context(|| format!("{what} of another type"))
}

/// Scale and zero point, the inputs `first` and `first + 1`.
pub(super) fn quantisation(node: &NodeProto, first: usize) -> TractResult<ScaleAndZero> {
    let (scales, zero_points) = (required(node, first, "a scale")?, required(node, first + 1, "a zero point")?);
    let (scales, zero_points) = (values::<f32>(&scales, "a scale")?, values::<u8>(&zero_points, "a zero point (u8)")?);
    match (scales, zero_points) {
        ([scale], [zero_point]) if scale.is_finite() && *scale > 0.0 => Ok((*scale, *zero_point)),
        _ => bail!("one positive scale and one zero point a tensor expected, found {scales:?} and {zero_points:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, inputs: &[&str]) -> NodeProto {
        NodeProto {
            op_type: op.into(),
            input: inputs.iter().map(|name| (*name).into()).collect(),
            ..NodeProto::default()
        }
    }

    fn tensor(name: &str) -> TensorProto {
        TensorProto { name: name.into(), data_type: 1, dims: vec![1], raw_data: vec![0; 4], ..TensorProto::default() }
    }

    #[test]
    fn parameters_leave_the_graph() {
        let input = |name: &str| tract_onnx::pb::ValueInfoProto { name: name.into(), ..Default::default() };
        let mut graph = GraphProto {
            node: vec![
                node("QuantizeLinear", &["picture", "scale", "zero"]),
                node("QLinearAdd", &["a", "scale", "zero", "b", "scale", "zero", "scale", "zero"]),
                node("Concat", &["a", "b", "coordinates"]),
            ],
            initializer: ["scale", "zero", "coordinates"].map(tensor).into(),
            input: ["picture", "scale", "coordinates"].map(input).into(),
            ..GraphProto::default()
        };
        bind(&mut graph).unwrap();
        assert_eq!(
            graph.node.iter().map(|node| node.input.join(" ")).collect::<Vec<_>>(),
            ["picture", "a b", "a b coordinates"]
        );
        assert_eq!(graph.initializer, [tensor("coordinates")]);
        assert_eq!(graph.input, ["picture", "coordinates"].map(input));
        assert_eq!(optional(&graph.node[1], 4).unwrap().unwrap().shape(), [1]);
        assert!(optional(&graph.node[1], 3).unwrap().is_none());
        let error = quantisation(&graph.node[0], 1).unwrap_err().to_string();
        assert!(error.contains("a zero point (u8) of another type"), "{error}");
    }

    #[test]
    fn a_quantised_net_may_not_compute_its_scales() {
        let mut graph = GraphProto {
            node: vec![node("Concat", &["one", "two"]), node("Resize", &["x", "", "scales"])],
            ..GraphProto::default()
        };
        let error = bind(&mut graph).unwrap_err().to_string();
        assert!(error.contains("a Resize by \"scales\", which a node computes"), "{error}");
    }
}
