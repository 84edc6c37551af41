//! A trained net as a float ONNX file: normalisations folded, boundary channel cut off, batch of
//! one.

use tract_onnx::pb::tensor_proto::DataType;

use crate::graph::{BOUNDARY_THRESHOLD, Conv, Graph, Op};
use crate::net::{Folded, Weights, fold};
use crate::onnx::{Numbers, OnnxGraph, conv_attributes, int};

/// Names of the file's input `[1, 3, side, side]` and output `[1, channels, rows, columns]`.
pub const INPUT: &str = "image";
pub const OUTPUT: &str = "heatmaps";

/// Convolutions of a net with their normalisation folded in, by node. Of the last heatmaps only
/// `channels` are kept.
pub fn folded_convs(graph: &Graph, weights: &Weights, channels: usize) -> (Graph, Vec<Option<Folded>>) {
    let mut graph = graph.clone();
    let output = *graph.outputs.last().expect("a net has an output");
    let convs = (0..graph.nodes.len())
        .map(|i| {
            let node = &mut graph.nodes[i];
            let Op::Conv(conv) = &mut node.op else { return None };
            let mut folded = fold(weights, &node.name, conv);
            if i == output {
                folded.weight.truncate(channels * conv.inputs * conv.kernel * conv.kernel);
                folded.bias.truncate(channels);
                conv.outputs = channels;
                node.shape[0] = channels;
            }
            Some(folded)
        })
        .collect();
    (graph, convs)
}

/// The file's bytes. `channels` of the last stack's heatmaps are its output.
pub fn float_onnx(name: &str, graph: &Graph, weights: &Weights, channels: usize) -> Vec<u8> {
    let (graph, convs) = folded_convs(graph, weights, channels);
    let output = *graph.outputs.last().expect("a net has an output");
    let mut onnx = OnnxGraph::new(name);
    let mut names: Vec<String> = Vec::with_capacity(graph.nodes.len());
    for (i, node) in graph.nodes.iter().enumerate() {
        let input = |k: usize| names[node.inputs[k]].as_str();
        let out = if i == output { OUTPUT } else { node.name.as_str() };
        let value = match &node.op {
            Op::Image => onnx.input(INPUT, &[1, node.shape[0], node.shape[1], node.shape[2]]),
            Op::Coordinates => {
                let [c, rows, columns] = node.shape;
                onnx.constant(out, &[1, c, rows, columns], Numbers::F32(&Graph::coordinate_values(node.shape)))
            }
            Op::Conv(conv) => {
                let folded = convs[i].as_ref().expect("convolutions are folded");
                float_conv(&mut onnx, out, input(0), conv, folded)
            }
            Op::Add { relu } => {
                let (a, b) = (input(0).to_string(), input(1).to_string());
                with_relu(&mut onnx, out, *relu, |onnx, out| onnx.node("Add", "", out, &[&a, &b], vec![]))
            }
            Op::MaxPool => onnx.max_pool(out, input(0)),
            Op::Upsample => onnx.upsample(out, input(0)),
            Op::Concat => {
                let parts: Vec<&str> = node.inputs.iter().map(|&p| names[p].as_str()).collect();
                onnx.concat(out, &parts)
            }
            Op::Gate { boundary } => {
                let [_, rows, columns] = node.shape;
                let cells = rows * columns;
                let xy = Graph::coordinate_values([3, rows, columns]);
                let xy = onnx.constant(format!("{out}.xy"), &[1, 2, rows, columns], Numbers::F32(&xy[..2 * cells]));
                let channel = onnx.constant(format!("{out}.channel"), &[1], Numbers::I64(&[*boundary as i64]));
                let limit = onnx.constant(format!("{out}.limit"), &[1], Numbers::F32(&[BOUNDARY_THRESHOLD as f32]));
                let heat = onnx.node("Gather", "", &format!("{out}.heat"), &[input(1), &channel], vec![int("axis", 1)]);
                let open = onnx.node("Greater", "", &format!("{out}.open"), &[&heat, &limit], vec![]);
                let to = int("to", DataType::Float as i64);
                let open = onnx.node("Cast", "", &format!("{out}.mask"), &[&open], vec![to]);
                onnx.node("Mul", "", out, &[&xy, &open], vec![])
            }
        };
        names.push(value);
    }
    let [c, rows, columns] = graph.shape(output);
    onnx.output(OUTPUT, &[1, c, rows, columns]);
    onnx.encode()
}

fn float_conv(onnx: &mut OnnxGraph, out: &str, x: &str, conv: &Conv, folded: &Folded) -> String {
    let Conv { kernel, stride, inputs, outputs, relu, .. } = *conv;
    let weight =
        onnx.constant(format!("{out}.weight"), &[outputs, inputs, kernel, kernel], Numbers::F32(&folded.weight));
    let bias = onnx.constant(format!("{out}.bias"), &[outputs], Numbers::F32(&folded.bias));
    with_relu(onnx, out, relu, |onnx, out| {
        onnx.node("Conv", "", out, &[x, &weight, &bias], conv_attributes(kernel, stride))
    })
}

fn with_relu(onnx: &mut OnnxGraph, out: &str, relu: bool, make: impl FnOnce(&mut OnnxGraph, &str) -> String) -> String {
    if !relu {
        return make(onnx, out);
    }
    let raw = make(onnx, &format!("{out}.raw"));
    onnx.node("Relu", "", out, &[&raw], vec![])
}
