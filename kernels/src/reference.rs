//! Every operator by its definition, one element after the other on packed NHWC slices. Slow; what
//! the kernels are compared with.

use crate::graph::{Addition, Convolution, Graph, Operator, Shape, Tensor};

/// `sum` as a stored value: `round(sum * multiplier) + zero_point`, half to even, clamped.
pub fn requantise(sum: i32, multiplier: f32, zero_point: u8) -> u8 {
    let zero_point = f32::from(zero_point);
    let value = (sum as f32 * multiplier).clamp(-zero_point, 255.0 - zero_point);
    (value.round_ties_even() + zero_point) as u8
}

/// Sum of two stored values.
pub fn add(a: u8, b: u8, addition: &Addition) -> u8 {
    let b = f32::from(b).mul_add(addition.b_ratio, addition.offset);
    f32::from(a).mul_add(addition.a_ratio, b).clamp(0.0, 255.0).round_ties_even() as u8
}

fn convolution(input: &[u8], shape: Shape, convolution: &Convolution) -> Vec<u8> {
    let [rows, columns] = convolution.output_size(shape).expect("the window fits");
    let [window_rows, window_columns] = convolution.window;
    let zero_point = i32::from(convolution.input_zero_point);
    let mut output = Vec::with_capacity(rows * columns * convolution.output_channels());
    for row in 0..rows {
        for column in 0..columns {
            for (channel, kernel) in
                convolution.weights.chunks(convolution.weights.len() / convolution.bias.len()).enumerate()
            {
                let mut sum = convolution.bias[channel];
                for y in 0..window_rows {
                    for x in 0..window_columns {
                        let from_row = (row * convolution.stride[0] + y).wrapping_sub(convolution.padding[0]);
                        let from_column = (column * convolution.stride[1] + x).wrapping_sub(convolution.padding[1]);
                        if from_row >= shape.rows || from_column >= shape.columns {
                            continue;
                        }
                        let pixel =
                            &input[(from_row * shape.columns + from_column) * shape.channels..][..shape.channels];
                        let weights = &kernel[(y * window_columns + x) * shape.channels..][..shape.channels];
                        for (value, weight) in pixel.iter().zip(weights) {
                            // Modulo 2^32, as the kernels add: a bias may be of any size.
                            sum = sum.wrapping_add((i32::from(*value) - zero_point) * i32::from(*weight));
                        }
                    }
                }
                output.push(requantise(sum, convolution.multipliers[channel], convolution.output_zero_point));
            }
        }
    }
    output
}

/// 2x2, stride 2.
fn max_pool(input: &[u8], shape: Shape) -> Vec<u8> {
    let at =
        |row: usize, column: usize, channel: usize| input[(row * shape.columns + column) * shape.channels + channel];
    let mut output = Vec::new();
    for row in 0..shape.rows / 2 {
        for column in 0..shape.columns / 2 {
            for channel in 0..shape.channels {
                let (y, x) = (row * 2, column * 2);
                let top = at(y, x, channel).max(at(y, x + 1, channel));
                output.push(top.max(at(y + 1, x, channel)).max(at(y + 1, x + 1, channel)));
            }
        }
    }
    output
}

/// Nearest neighbour, twice the size.
fn upsample(input: &[u8], shape: Shape) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() * 4);
    for row in 0..shape.rows * 2 {
        for column in 0..shape.columns * 2 {
            let from = (row / 2 * shape.columns + column / 2) * shape.channels;
            output.extend_from_slice(&input[from..][..shape.channels]);
        }
    }
    output
}

fn concat(inputs: &[(&[u8], Shape)]) -> Vec<u8> {
    let pixels = inputs[0].1.rows * inputs[0].1.columns;
    let mut output = Vec::new();
    for pixel in 0..pixels {
        for (values, Shape { channels, .. }) in inputs {
            output.extend_from_slice(&values[pixel * channels..][..*channels]);
        }
    }
    output
}

/// One node's result.
///
/// # Panics
/// When the inputs do not suit the operator, or it is the graph's input.
pub fn evaluate(operator: &Operator, inputs: &[(&[u8], Shape)]) -> Vec<u8> {
    match operator {
        Operator::Input(_) => panic!("a graph's input has a value only when it runs"),
        Operator::Constant(_, values) => values.clone(),
        Operator::Convolution(c) => convolution(inputs[0].0, inputs[0].1, c),
        Operator::Addition(sum) => inputs[0].0.iter().zip(inputs[1].0).map(|(a, b)| add(*a, *b, sum)).collect(),
        Operator::MaxPool => max_pool(inputs[0].0, inputs[0].1),
        Operator::Upsample => upsample(inputs[0].0, inputs[0].1),
        Operator::Concat => concat(inputs),
        Operator::Lookup(table) => inputs[0].0.iter().map(|byte| table[usize::from(*byte)]).collect(),
    }
}

/// The whole graph, node by node.
///
/// # Panics
/// When `picture` is not of the size of the graph's input.
pub fn run(graph: &Graph, output: Tensor, picture: &[u8]) -> Vec<u8> {
    assert_eq!(picture.len(), graph.shape(graph.input()).elements(), "bytes of the picture");
    let mut values: Vec<Vec<u8>> = vec![picture.to_vec()];
    for node in &graph.nodes()[1..=output.0] {
        let inputs: Vec<_> = node.inputs.iter().map(|i| (&values[i.0][..], graph.shape(*i))).collect();
        let value = evaluate(&node.operator, &inputs);
        values.push(value);
    }
    values.swap_remove(output.0)
}
