//! Whole layers by Winograd's algorithm against the reference, on any machine in plain Rust and on
//! ARM in vectors too.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::Random;

use super::{Arithmetic, Form, Layer, Winograd, plain};
use crate::kernel::tests::WithWinograd;
use crate::{Convolution, Graph, Kernel, Operator, Program, Shape, Tensor, reference};

type Choose = fn(&Layer, &[Form]) -> Option<Form>;

/// Every arithmetic that this machine runs.
fn arithmetics() -> Vec<(&'static str, &'static dyn Arithmetic)> {
    vec![
        ("plain", &plain::Plain),
        #[cfg(target_arch = "aarch64")]
        ("neon", &crate::kernel::tests::NEON_WINOGRAD),
    ]
}

/// A kernel that computes every layer in the first of `forms` that is exact for it.
fn forced(arithmetic: &'static dyn Arithmetic, choose: Choose) -> Kernel {
    Kernel(Box::leak(Box::new(WithWinograd(Winograd { arithmetic, choose }))))
}

fn kernels() -> Vec<(String, Kernel)> {
    let two: Choose = |_, exact| exact.contains(&Form::Two).then_some(Form::Two);
    let forms: [(&str, Choose); 2] = [("F(4,3)", |_, exact| exact.first().copied()), ("F(2,3)", two)];
    let all = arithmetics().into_iter().flat_map(|(name, arithmetic)| {
        forms.map(|(form, choose)| (format!("{name} {form}"), forced(arithmetic, choose)))
    });
    all.collect()
}

fn check(graph: &Graph, output: Tensor, pictures: &[Vec<u8>]) {
    for (name, kernel) in kernels() {
        let program = Program::plan(graph, output, kernel).expect("a sound graph");
        for threads in [1, 2] {
            let mut workspace = program.workspace(threads);
            for picture in pictures {
                let expected = reference::run(graph, output, picture);
                let channels = program.output_shape().channels;
                let found = program.run(&mut workspace, picture).chunks(program.output_pitch());
                let found: Vec<u8> = found.flat_map(|pixel| &pixel[..channels]).copied().collect();
                let wrong = expected.iter().zip(&found).position(|(a, b)| a != b);
                assert_eq!(wrong, None, "{name} differs from the reference in {}", program.output_shape());
                assert_eq!(expected.len(), found.len());
            }
        }
    }
}

/// 60 random cases, or as many as `PROPTEST_CASES` says.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60)
}

/// Strips of all lengths, tiles that lie half outside, borders of any width, weights and biases of
/// all sizes.
#[test]
fn one_layer() {
    for seed in seeds() {
        let mut random = Random(seed);
        let channels = random.pick(&[16, 19, 32, 48]);
        let outputs = random.pick(&[1, 16, 17, 32]);
        let shape = Shape { rows: 3 + random.below(14), columns: 3 + random.below(14), channels };
        let mut graph = Graph::new(shape);
        let mut convolution = random.convolution(channels, outputs, 3, 1, 0);
        convolution.padding = std::array::from_fn(|_| random.below(4));
        let input = copy(&mut graph);
        let output = graph.add(Operator::Convolution(convolution), &[input]).unwrap();
        let extremes = (0..shape.elements()).map(|_| random.pick(&[0, 255])).collect();
        check(&graph, output, &[random.bytes(shape.elements()), extremes, vec![255; shape.elements()]]);
    }
}

#[test]
fn whole_graphs() {
    for seed in seeds() {
        let mut random = Random(seed);
        let (graph, output) = random.graph();
        let elements = graph.shape(graph.input()).elements();
        check(&graph, output, &[random.bytes(elements), random.bytes(elements)]);
    }
}

/// The picture in a tensor of whole blocks, as tensors within a net are.
fn copy(graph: &mut Graph) -> Tensor {
    let x = graph.add(Operator::Upsample, &[graph.input()]).unwrap();
    graph.add(Operator::MaxPool, &[x]).unwrap()
}

/// A layer of 256 channels in the middle of a graph, whose sums reach `sum` and no further, on
/// either side.
fn layer_with_sums_up_to(sum: i32) -> (Graph, Tensor) {
    let shape = Shape { rows: 9, columns: 6, channels: 256 };
    let mut graph = Graph::new(shape);
    let input = copy(&mut graph);
    let taps = 9 * 256;
    // 255 times the size of the weights is the distance of the least from the largest sum: half of
    // it on either side.
    let size = 2 * sum / 255;
    let weights = (0..16).flat_map(|output| {
        (0..taps).map(move |tap| {
            let share = size * (tap + 1) / taps - size * tap / taps;
            (if (tap + output) % 2 == 0 { share } else { -share }) as i8
        })
    });
    let weights: Vec<i8> = weights.collect();
    let bias = |channel: usize| {
        let of_channel = &weights[channel * taps as usize..][..taps as usize];
        let total = |sign: i32| of_channel.iter().map(|w| (i32::from(*w) * sign).max(0)).sum::<i32>() * 255;
        (total(-1) - total(1)) / 2
    };
    let bias = (0..16).map(bias).collect();
    let convolution = Convolution {
        window: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
        weights: weights.into(),
        bias,
        multipliers: vec![127.0 / sum as f32; 16],
        input_zero_point: 0,
        output_zero_point: 128,
    };
    let output = graph.add(Operator::Convolution(convolution), &[input]).unwrap();
    (graph, output)
}

/// Pictures that reach the bound at some pixels, for a layer just within it (computed by F(4,3))
/// and one just beyond (F(2,3)).
#[test]
fn sums_at_the_bound() {
    let limit = Form::Four.largest_sum() as i32;
    for (sum, form) in [(limit - 300, Form::Four), (limit + 600, Form::Two)] {
        let (graph, output) = layer_with_sums_up_to(sum);
        let Operator::Convolution(convolution) = &graph.nodes()[3].operator else { panic!("a convolution") };
        let exact = Form::ALL.into_iter().find(|form| super::form::is_exact(*form, convolution));
        assert_eq!(exact, Some(form));
        let high = |channel: usize, pixel: usize| (channel + pixel).is_multiple_of(2);
        let picture =
            |flip: bool| (0..54 * 256).map(|i| if high(i % 256, i / 256 * 256) != flip { 255 } else { 0 }).collect();
        check(&graph, output, &[picture(false), picture(true), vec![255; 54 * 256]]);
    }
}
