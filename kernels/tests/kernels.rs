//! Every set of kernels that this machine can run gives the bits of the reference.

mod common;

use common::Random;
use proptest::prelude::*;
use wingmark_kernels::{Graph, Kernel, Operator, Program, Shape, Tensor, reference};

/// Runs the graph with all kernels, twice in the same workspace, so that leftovers of the first
/// frame would show.
fn check(graph: &Graph, output: Tensor, pictures: &[Vec<u8>]) -> Result<(), TestCaseError> {
    for kernel in Kernel::supported() {
        let program = Program::plan(graph, output, kernel).expect("a sound graph");
        let mut workspace = program.workspace(1);
        let shape = program.output_shape();
        for picture in pictures {
            let expected = reference::run(graph, output, picture);
            let found = program.run(&mut workspace, picture);
            let found: Vec<u8> =
                found.chunks(program.output_pitch()).flat_map(|pixel| &pixel[..shape.channels]).copied().collect();
            let wrong = expected.iter().zip(&found).position(|(a, b)| a != b);
            prop_assert_eq!(wrong, None, "{} differs from the reference in {}", kernel.name(), shape);
            prop_assert_eq!(expected.len(), found.len());
        }
    }
    Ok(())
}

/// 300 cases, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(300),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_convolution(
        seed: u64,
        rows in 1usize..12,
        columns in 1usize..12,
        channels in prop::sample::select(&[1usize, 3, 4, 16, 19, 32, 64]),
        outputs in prop::sample::select(&[1usize, 3, 16, 17, 32, 48, 68, 80]),
        window in prop::sample::select(&[1usize, 3, 5, 7]),
        stride in 1usize..4,
    ) {
        let mut random = Random(seed);
        let shape = Shape { rows, columns, channels };
        let mut graph = Graph::new(shape);
        let input = graph.input();
        let convolution = random.convolution(channels, outputs, window, stride, window / 2);
        let output = graph.add(Operator::Convolution(convolution), &[input]).unwrap();
        let pictures = [random.bytes(shape.elements()), vec![255; shape.elements()]];
        check(&graph, output, &pictures)?;
    }

    /// Layers large enough for kernels that choose other ways for those.
    #[test]
    fn large_layers(
        seed: u64,
        rows in 6usize..20,
        columns in 6usize..20,
        channels in prop::sample::select(&[16usize, 32, 48]),
        outputs in prop::sample::select(&[16usize, 40]),
    ) {
        let mut random = Random(seed);
        let shape = Shape { rows, columns, channels };
        let mut graph = Graph::new(shape);
        let first = random.convolution(channels, channels, 1, 1, 0);
        let x = graph.add(Operator::Convolution(first), &[graph.input()]).unwrap();
        let y = graph.add(Operator::Convolution(random.convolution(channels, outputs, 3, 1, 1)), &[x]).unwrap();
        let z = graph.add(Operator::Convolution(random.convolution(outputs, channels, 3, 1, 1)), &[y]).unwrap();
        let sum = Operator::Addition(random.addition());
        let output = graph.add(sum, &[x, z]).unwrap();
        check(&graph, output, &[random.bytes(shape.elements())])?;
    }

    #[test]
    fn whole_graphs(seed: u64) {
        let mut random = Random(seed);
        let (graph, output) = random.graph();
        let elements = graph.shape(graph.input()).elements();
        let pictures = [random.bytes(elements), random.bytes(elements)];
        check(&graph, output, &pictures)?;
    }
}

/// The pooling of four pixels takes less than a cycle, by the estimate by which frames are cut into
/// parts.
#[test]
fn the_smallest_last_step_is_run() {
    let mut random = Random(3);
    let mut graph = Graph::new(Shape { rows: 2, columns: 2, channels: 1 });
    let convolution = Operator::Convolution(random.convolution(1, 1, 1, 1, 0));
    let x = graph.add(convolution, &[graph.input()]).unwrap();
    let output = graph.add(Operator::MaxPool, &[x]).unwrap();
    check(&graph, output, &[random.bytes(4), random.bytes(4)]).unwrap();
}

#[test]
fn asymmetric_padding_and_windows() {
    let mut random = Random(1);
    let shape = Shape { rows: 9, columns: 7, channels: 16 };
    let mut graph = Graph::new(shape);
    let input = graph.input();
    let mut convolution = random.convolution(16, 16, 3, 1, 0);
    convolution.padding = [0, 1, 2, 0];
    let x = graph.add(Operator::Convolution(convolution), &[input]).unwrap();
    let mut convolution = random.convolution(16, 32, 1, 1, 0);
    convolution.window = [2, 1];
    convolution.weights = random.bytes(32 * 2 * 16).into_iter().map(|byte| byte as i8).collect();
    convolution.padding = [1, 0, 0, 2];
    let output = graph.add(Operator::Convolution(convolution), &[x]).unwrap();
    check(&graph, output, &[random.bytes(shape.elements())]).unwrap();
}

#[test]
fn unknown_kernels_are_refused_with_those_that_exist() {
    let message = Kernel::named("mmx").unwrap_err().to_string();
    assert!(message.contains("mmx") && message.contains("portable"), "{message}");
}

#[test]
fn frames_shared_by_threads_are_the_same() {
    let mut random = Random(5);
    let shape = Shape { rows: 40, columns: 40, channels: 32 };
    let mut graph = Graph::new(shape);
    let mut x = graph.input();
    for (outputs, window) in [(32, 3), (80, 1), (32, 3), (32, 3)] {
        let mut convolution = random.convolution(graph.shape(x).channels, outputs, window, 1, window / 2);
        convolution.input_zero_point = 128;
        let y = graph.add(Operator::Convolution(convolution), &[x]).unwrap();
        let sum = Operator::Addition(random.addition());
        x = if graph.shape(x) == graph.shape(y) { graph.add(sum, &[x, y]).unwrap() } else { y };
    }
    let x = graph.add(Operator::MaxPool, &[x]).unwrap();
    let program = Program::plan(&graph, x, Kernel::fastest()).unwrap();
    let mut alone = program.workspace(1);
    for threads in [2, 3, 5] {
        let mut together = program.workspace(threads);
        for _ in 0..20 {
            let picture = random.bytes(shape.elements());
            assert_eq!(program.run(&mut together, &picture), program.run(&mut alone, &picture), "{threads} threads");
        }
    }
}

/// In release builds, sums and products of sides wrap around: no offset may come of one that did.
#[test]
fn sizes_that_no_memory_holds_are_refused() {
    const HALF: usize = usize::MAX / 2;
    let mut random = Random(2);
    let shape = Shape { rows: 64, columns: 64, channels: 2 };
    for padding in [[HALF, 0, HALF, 0], [HALF, 0, HALF + 3, 0], [0, usize::MAX, 0, 0], [HALF >> 20, HALF >> 20, 0, 0]] {
        let mut graph = Graph::new(shape);
        let mut convolution = random.convolution(2, 16, 3, 1, 0);
        convolution.padding = padding;
        let added = graph.add(Operator::Convolution(convolution), &[graph.input()]);
        let planned = added.and_then(|output| Program::plan(&graph, output, Kernel::portable()).map(drop));
        assert!(planned.is_err(), "{padding:?}");
    }
    for shape in [
        Shape { rows: HALF, columns: 4, channels: 1 },
        Shape { rows: HALF >> 8, columns: HALF >> 8, channels: 3 },
        Shape { rows: 2, columns: 2, channels: usize::MAX },
        Shape { rows: 0, columns: 4, channels: 3 },
        Shape { rows: 4, columns: 4, channels: 0 },
    ] {
        let mut graph = Graph::new(shape);
        let output = graph.add(Operator::Upsample, &[graph.input()]).unwrap();
        let error = Program::plan(&graph, output, Kernel::portable()).err().expect("no such tensor").to_string();
        assert!(error.starts_with("a tensor of "), "{error}");
    }
    let mut convolution = random.convolution(2, 16, 3, 1, 1);
    convolution.window = [1 << (usize::BITS / 2 + 1); 2];
    assert!(Graph::new(shape).add(Operator::Convolution(convolution), &[Graph::new(shape).input()]).is_err());
    assert!(Graph::new(shape).add(Operator::Input(shape), &[]).is_err());
}

/// More than 32 bits count, as in a 32-bit program.
#[test]
fn the_work_of_a_large_net_is_counted() {
    let mut graph = Graph::new(Shape { rows: 1 << 20, columns: 1 << 10, channels: 1 });
    let convolution = Random(1).convolution(1, 16, 1, 1, 0);
    graph.add(Operator::Convolution(convolution), &[graph.input()]).unwrap();
    assert_eq!(graph.macs(), 16 << 30);
}
