//! How large constants become that nodes of a float net enlarge. tract computes what follows from
//! constants alone while it reads a file, before there are shapes to check.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;
use super::constant::Constant;
use super::signature::{MAX_ELEMENTS, most_elements, signature};

/// Operators whose result is no larger than their first input.
const ALIKE: [&str; 35] = [
    "Abs",
    "ArgMax",
    "ArgMin",
    "Cast",
    "Ceil",
    "Clip",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Erf",
    "Exp",
    "Floor",
    "HardSigmoid",
    "Identity",
    "LeakyRelu",
    "Log",
    "Neg",
    "Not",
    "QuantizeLinear",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Round",
    "Sigmoid",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Tanh",
];
/// Operators whose result has the numbers of their first input, with other sides.
const RESHAPED: [&str; 5] = ["Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];
/// Operators of which a side of 1 is repeated to fit the other input.
const BROADCAST: [&str; 19] = [
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "PRelu",
    "Pow",
    "Sub",
    "Sum",
    "Where",
];
/// Operators whose result has no more numbers than there are pairs of a number of each input.
const CROSSED: [&str; 5] = ["Conv", "Gather", "Gemm", "MatMul", "MatMulInteger"];
/// Operators that make more of a tensor, and which of their inputs may say how much more.
const ENLARGING: [(&str, &[usize]); 5] =
    [("Expand", &[1]), ("Pad", &[1]), ("Resize", &[1, 2, 3]), ("Tile", &[1]), ("Upsample", &[1])];

/// No tensor has more sides.
const MAX_RANK: u64 = 64;

/// How large a constant is at most.
#[derive(Debug, Clone, PartialEq)]
struct Extent {
    elements: u64,
    /// `None` where only the number of elements is known.
    sides: Option<Vec<u64>>,
}

impl Extent {
    fn of_sides(sides: Vec<u64>) -> Extent {
        Extent { elements: product(&sides), sides: Some(sides) }
    }

    fn of_elements(elements: u64) -> Extent {
        Extent { elements, sides: None }
    }

    fn of(tensor: &TensorProto) -> Extent {
        Extent::of_sides(tensor.dims.iter().map(|side| side.unsigned_abs()).collect())
    }
}

fn product(sides: &[u64]) -> u64 {
    sides.iter().fold(1, |elements: u64, side| elements.saturating_mul(*side))
}

/// Refuses constants that nodes make larger than any tensor of a net for pictures, or of which
/// nobody can say how large they become.
pub(super) fn check_growth(graph: &GraphProto) -> Result<(), ModelError> {
    let mut known: HashMap<&str, Extent> =
        graph.initializer.iter().map(|tensor| (&*tensor.name, Extent::of(tensor))).collect();
    let mut to_come: HashSet<&str> = graph.node.iter().flat_map(|node| &node.output).map(|name| &**name).collect();
    for node in &graph.node {
        let inputs = || node.input.iter().filter(|name| !name.is_empty());
        if let Some(name) = inputs().find(|name| to_come.contains(&***name)) {
            return Err(signature(format!("a node that reads {name:?} before it is made"), "nodes in their order"));
        }
        let extents: Option<Vec<Extent>> = inputs().map(|name| known.get(&**name).cloned()).collect();
        let made = extents.map(|extents| made(graph, node, extents)).transpose()?;
        for output in &node.output {
            to_come.remove(&**output);
            known.extend(made.clone().map(|made| (&**output, made)));
        }
    }
    Ok(())
}

/// What a node makes of these constants.
fn made(graph: &GraphProto, node: &NodeProto, extents: Vec<Extent>) -> Result<Extent, ModelError> {
    let op = &*node.op_type;
    let made = match op {
        "Constant" => Some(written(node)),
        "ConstantOfShape" => numbers(graph, node, &[0]).map(By::sides),
        "Shape" | "Size" => Some(Extent::of_elements(MAX_RANK)),
        "Concat" => Some(Extent::of_elements(extents.iter().fold(0, |n, extent| n.saturating_add(extent.elements)))),
        _ if ALIKE.contains(&op) => extents.into_iter().next(),
        _ if RESHAPED.contains(&op) => extents.first().map(|extent| Extent::of_elements(extent.elements)),
        _ if BROADCAST.contains(&op) => {
            let sides: Option<Vec<Vec<u64>>> = extents.iter().map(|extent| extent.sides.clone()).collect();
            let fitted = sides.and_then(|sides| sides.into_iter().reduce(broadcast)).map(Extent::of_sides);
            Some(fitted.unwrap_or_else(|| crossed(&extents)))
        }
        _ if CROSSED.contains(&op) => Some(crossed(&extents)),
        _ => {
            let by = ENLARGING.iter().find(|(name, _)| *name == op).and_then(|(_, by)| numbers(graph, node, by));
            extents.first().zip(by).map(|(of, by)| enlarged(op, of, by))
        }
    };
    let Some(made) = made else {
        let expected = "constants that are as the net uses them (onnxsim computes them)";
        return Err(signature(format!("a node {op} that computes a constant of unknown size"), expected));
    };
    if made.elements > MAX_ELEMENTS as u64 {
        return Err(signature(
            format!("a node {op} that makes {} numbers of constants", made.elements),
            format!("at most {}", most_elements()),
        ));
    }
    Ok(made)
}

/// What a node `Constant` says.
fn written(node: &NodeProto) -> Extent {
    let tensor = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
    let numbers = || {
        let listed = Constant::in_node(node);
        listed.map_or(1, |constant| constant.floats().len().max(constant.integers().len()).max(1)) as u64
    };
    tensor.map_or_else(|| Extent::of_sides(vec![numbers()]), Extent::of)
}

/// As many numbers as the tensors have together, each with each.
fn crossed(extents: &[Extent]) -> Extent {
    Extent::of_elements(extents.iter().fold(1, |elements: u64, extent| elements.saturating_mul(extent.elements.max(1))))
}

/// By how much a node enlarges its input.
enum By {
    Integers(Vec<i64>),
    /// Factors, of `Resize` and `Upsample`.
    Floats(Vec<f32>),
}

impl By {
    /// What cannot be had, as a side below zero, is an error of tract's.
    fn sides(self) -> Extent {
        Extent::of_sides(self.whole())
    }

    fn whole(self) -> Vec<u64> {
        match self {
            By::Integers(numbers) => numbers.into_iter().map(i64::unsigned_abs).collect(),
            By::Floats(numbers) => numbers.into_iter().map(|number| number.abs().ceil() as u64).collect(),
        }
    }
}

/// The numbers by which a node enlarges its input, of the last of those inputs that it has, or its
/// older attributes; `None` where they do not stand in the file.
fn numbers(graph: &GraphProto, node: &NodeProto, inputs: &[usize]) -> Option<By> {
    let has = |input: &&usize| node.input.get(**input).is_some_and(|name| !name.is_empty());
    if let Some(input) = inputs.iter().rfind(has) {
        let constant = Constant::of(graph, &node.input[*input])?;
        let is_factor = matches!((&*node.op_type, input), ("Resize", 1 | 2) | ("Upsample", _));
        return Some(if is_factor { By::Floats(constant.floats()) } else { By::Integers(constant.integers()) });
    }
    let older = node.attribute.iter().find(|attribute| ["pads", "scales"].contains(&&*attribute.name))?;
    Some(if older.floats.is_empty() { By::Integers(older.ints.clone()) } else { By::Floats(older.floats.clone()) })
}

fn enlarged(op: &str, of: &Extent, by: By) -> Extent {
    let are_sides = op == "Resize" && matches!(by, By::Integers(_));
    let by = by.whole();
    let fits = |count: usize| of.sides.as_ref().filter(|sides| sides.len() == count);
    match op {
        "Expand" => match &of.sides {
            Some(sides) => Extent::of_sides(broadcast(sides.clone(), by)),
            None => Extent::of_elements(of.elements.saturating_mul(product(&by))),
        },
        "Pad" => {
            let (before, after) = by.split_at(by.len() / 2);
            let more: Vec<u64> = before.iter().zip(after).map(|(a, b)| a.saturating_add(*b)).collect();
            match fits(more.len()) {
                Some(sides) => Extent::of_sides(sides.iter().zip(more).map(|(a, b)| a.saturating_add(b)).collect()),
                // A side of n is at most n times as long by that.
                None => {
                    Extent::of_elements(more.iter().fold(of.elements, |n, m| n.saturating_mul(m.saturating_add(1))))
                }
            }
        }
        _ if are_sides => Extent::of_sides(by),
        _ => Extent::of_elements(of.elements.saturating_mul(product(&by))),
    }
}

/// The sides of what two tensors of these sides come to, the last ones over each other.
fn broadcast(a: Vec<u64>, b: Vec<u64>) -> Vec<u64> {
    let (mut long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let skipped = long.len() - short.len();
    long[skipped..].iter_mut().zip(short).for_each(|(side, other)| *side = (*side).max(other));
    long
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;

    fn tensor(name: &str, dims: &[i64], integers: &[i64]) -> TensorProto {
        TensorProto { name: name.into(), dims: dims.into(), int64_data: integers.into(), ..TensorProto::default() }
    }

    fn node(op: &str, input: &[&str], output: &str) -> NodeProto {
        let input = input.iter().map(|name| (*name).into()).collect();
        NodeProto { op_type: op.into(), input, output: vec![output.into()], ..NodeProto::default() }
    }

    fn said(initializer: &[TensorProto], node: &[NodeProto]) -> Result<(), String> {
        let graph = GraphProto { initializer: initializer.into(), node: node.into(), ..GraphProto::default() };
        check_growth(&graph).map_err(|error| error.to_string())
    }

    #[test]
    fn constants_that_are_enlarged_along_several_sides_are_bounded() {
        for (op, few, many) in [
            ("Tile", [1, 1, 4, 4], [1, 64, 64, 64]),
            ("Pad", [0, 0, 1, 1], [4096, 4096, 4096, 4096]),
            ("Expand", [1, 64, 128, 128], [1, 64, 4096, 4096]),
            ("Resize", [1, 64, 32, 32], [1, 64, 4096, 4096]),
        ] {
            let numbers = |numbers: [i64; 4]| if op == "Pad" { [numbers, numbers].concat() } else { numbers.to_vec() };
            let inputs: &[&str] = if op == "Resize" { &["c", "", "", "n"] } else { &["c", "n"] };
            let try_with = |numbers: Vec<i64>| {
                let constant = if op == "Expand" { [1, 64, 1, 1] } else { [1, 64, 16, 16] };
                said(&[tensor("c", &constant, &[]), tensor("n", &[4], &numbers)], &[node(op, inputs, "y")])
            };
            try_with(numbers(few)).unwrap();
            let error = try_with(numbers(many)).unwrap_err();
            assert!(error.contains(&format!("a node {op} that makes ")), "{error}");
        }
    }

    /// Each step is small, and all of them are not.
    #[test]
    fn constants_that_grow_step_by_step_are_bounded() {
        let initializers = [tensor("0", &[1 << 10], &[]), tensor("by", &[1], &[16])];
        let names: Vec<String> = (0..8).map(|i| i.to_string()).collect();
        let tiled: Vec<NodeProto> =
            names.windows(2).flat_map(|pair| [node("Tile", &[&pair[0], "by"], &pair[1])]).collect();
        said(&initializers, &tiled[..4]).unwrap();
        assert!(said(&initializers, &tiled).unwrap_err().contains("a node Tile that makes 1073741824 numbers"));
        let doubled: Vec<NodeProto> =
            (0..40).map(|i| node("Concat", &[&i.to_string(), &i.to_string()], &(i + 1).to_string())).collect();
        assert!(said(&initializers, &doubled).unwrap_err().contains("a node Concat that makes"));
        let crossed = [tensor("a", &[1 << 20, 1], &[]), tensor("b", &[1 << 20], &[])];
        assert!(said(&crossed, &[node("Mul", &["a", "b"], "y")]).unwrap_err().contains("a node Mul that makes"));
        assert!(said(&initializers, &[tiled[1].clone(), tiled[0].clone()]).unwrap_err().contains("before it is made"));
    }

    #[test]
    fn what_nets_do_with_constants_and_pictures_is_taken() {
        let weights =
            [tensor("w", &[512, 512, 3, 3], &[]), tensor("s", &[512, 1, 1, 1], &[]), tensor("n", &[4], &[64; 4])];
        said(&weights, &[node("Mul", &["w", "s"], "v"), node("Conv", &["image", "v"], "y")]).unwrap();
        said(&weights, &[node("Tile", &["image", "n"], "y")]).unwrap();
        let mut written = node("Constant", &[], "c");
        written.attribute =
            vec![AttributeProto { name: "value_floats".into(), floats: vec![1.0; 8], ..Default::default() }];
        assert!(said(&weights, &[written, node("Tile", &["c", "n"], "y")]).unwrap_err().contains("makes 134217728"));
    }

    #[test]
    fn constants_of_which_nobody_says_how_large_they_become_are_refused() {
        let few = [tensor("a", &[4], &[9; 4]), tensor("b", &[4], &[9; 4])];
        let computed = node("Mul", &["a", "b"], "n");
        for unknown in [
            node("Tile", &["a", "n"], "y"),
            node("ConstantOfShape", &["n"], "y"),
            node("Range", &["a", "n", "b"], "y"),
            node("OneHot", &["a", "n", "b"], "y"),
            node("RandomNormal", &[], "y"),
        ] {
            let error = said(&few, &[computed.clone(), unknown]).unwrap_err();
            assert!(error.contains("that computes a constant of unknown size"), "{error}");
        }
        let long = [tensor("a", &[1 << 16, 1], &[]), tensor("b", &[1, 1 << 16], &[])];
        assert!(said(&long, &[node("MatMul", &["a", "b"], "y")]).unwrap_err().contains("a node MatMul that makes"));
        let turned = [node("Transpose", &["a"], "t"), node("Add", &["t", "a"], "y")];
        assert!(said(&long, &turned).unwrap_err().contains("a node Add that makes"));
        said(&few, &[node("MatMul", &["a", "b"], "y"), node("Where", &["a", "b", "y"], "z")]).unwrap();
    }

    /// The attribute that counts is the one by the name that tract reads.
    #[test]
    fn a_constants_size_is_that_of_its_tensor() {
        let mut written = node("Constant", &[], "c");
        let value = Some(TensorProto { dims: vec![1 << 10], ..TensorProto::default() });
        written.attribute = vec![
            AttributeProto { name: "value_float".into(), ..AttributeProto::default() },
            AttributeProto { name: "value".into(), t: value, ..AttributeProto::default() },
        ];
        let by = [tensor("n", &[1], &[1 << 17])];
        assert!(said(&by, &[written, node("Tile", &["c", "n"], "y")]).unwrap_err().contains("makes 134217728 numbers"));
    }
}
