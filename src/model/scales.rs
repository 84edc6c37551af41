//! How large a float net makes its tensors, where the file says it, checked before tract does it.

use tract_onnx::pb::GraphProto;

use super::ModelError;
use super::constant::Constant;
use super::growth::check_growth;
use super::signature::{MAX_ELEMENTS, most_elements, signature};

/// More than any net for pictures enlarges a tensor by.
const MAX_SCALE: f32 = 64.0;

/// Operators, and which of their inputs is the shape of the result, or how often it is repeated.
const SHAPED: [(&str, usize); 3] = [("ConstantOfShape", 0), ("Expand", 1), ("Tile", 1)];
/// More than any net adds to a side of a tensor.
const MAX_PAD: i64 = 4096;

/// A constant is resized as soon as tract sees it, so that a damaged number asks for memory before
/// there are shapes to check.
pub(super) fn check_numbers(graph: &GraphProto) -> Result<(), ModelError> {
    check_scales(graph)?;
    check_shapes(graph)?;
    check_pads(graph)?;
    check_growth(graph)
}

fn check_shapes(graph: &GraphProto) -> Result<(), ModelError> {
    for (op, input) in SHAPED {
        for node in graph.node.iter().filter(|node| node.op_type == op) {
            let sides = node.input.get(input).and_then(|name| Constant::of(graph, name));
            check_elements(op, &sides.unwrap_or_default().integers())?;
        }
    }
    Ok(())
}

fn check_elements(op: &str, sides: &[i64]) -> Result<(), ModelError> {
    let elements = sides.iter().fold(1, |elements: i64, side| elements.saturating_mul(side.saturating_abs()));
    if elements > MAX_ELEMENTS as i64 || sides.iter().any(|side| *side > MAX_ELEMENTS as i64) {
        return Err(signature(format!("a node {op} to {sides:?}"), format!("at most {} elements", most_elements())));
    }
    Ok(())
}

/// Older files have an attribute in place of the input.
fn check_pads(graph: &GraphProto) -> Result<(), ModelError> {
    for node in graph.node.iter().filter(|node| node.op_type == "Pad") {
        let pads = node.input.get(1).and_then(|name| Constant::of(graph, name)).unwrap_or_default().integers();
        let older = node.attribute.iter().filter(|attribute| attribute.name == "pads");
        let pads = pads.iter().chain(older.flat_map(|attribute| &attribute.ints));
        if let Some(pad) = pads.max().filter(|pad| **pad > MAX_PAD) {
            return Err(signature(format!("a node Pad by {pad}"), format!("pads of at most {MAX_PAD}")));
        }
    }
    Ok(())
}

fn check_scales(graph: &GraphProto) -> Result<(), ModelError> {
    for node in graph.node.iter().filter(|node| node.op_type == "Resize") {
        let constant = |input: usize| Constant::of(graph, node.input.get(input)?);
        // Of files before the eleventh set of operators, the scales are the second input.
        let place = if node.input.len() == 2 { 1 } else { 2 };
        let scales = constant(place).map_or(vec![], |scales| scales.floats());
        if let Some(scale) = scales.iter().find(|scale| !(0.0..=MAX_SCALE).contains(*scale)) {
            return Err(signature(format!("a node Resize by {scale}"), format!("scales of at most {MAX_SCALE}")));
        }
        let sizes = constant(3).map_or(vec![], |sizes| sizes.integers());
        check_elements("Resize", &sizes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{NodeProto, TensorProto};

    use super::*;

    fn node(op: &str, input: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: op.into(),
            input: input.iter().map(|name| (*name).into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        }
    }

    #[test]
    fn scales_are_looked_at_where_they_stand_in_the_file() {
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
        assert!(error.contains("a node Resize by 65"), "{error}");
    }

    #[test]
    fn shapes_and_pads_are_looked_at_where_they_stand_in_the_file() {
        let said = |op: &str, numbers: &[i64]| {
            let inputs = if op == "ConstantOfShape" { vec!["numbers"] } else { vec!["x", "numbers"] };
            let numbers = TensorProto { name: "numbers".into(), int64_data: numbers.into(), ..TensorProto::default() };
            let graph =
                GraphProto { node: vec![node(op, &inputs, "y")], initializer: vec![numbers], ..GraphProto::default() };
            check_numbers(&graph).map_err(|error| error.to_string())
        };
        for op in ["ConstantOfShape", "Expand", "Tile", "Pad"] {
            said(op, &[1, 64, 128, 128]).unwrap();
            let error = said(op, &[1, 3, 1 << 20, 1 << 20]).unwrap_err();
            assert!(error.contains(&format!("a node {op} ")), "{error}");
            said(op, &[0, i64::MAX, i64::MAX]).unwrap_err();
        }
    }
}
