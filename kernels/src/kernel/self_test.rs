//! Convolutions small enough to compute at every load: a fraction of a millisecond.

use super::Kernel;
use crate::graph::{Addition, Convolution, Graph, Operator, Shape};
use crate::program::Program;
use crate::reference;

/// Whole tiles and remainders of every set, by the definition, and a layer that sets with
/// Winograd's algorithm take it for.
const SHAPES: [Shape; 2] = [Shape { rows: 1, columns: 13, channels: 48 }, Shape { rows: 4, columns: 13, channels: 16 }];

pub(super) fn passes(kernel: Kernel) -> bool {
    SHAPES.iter().all(|shape| passes_layer(kernel, *shape))
}

/// A 3x3 convolution with a residual, on values and weights of all sizes.
fn passes_layer(kernel: Kernel, shape: Shape) -> bool {
    let mut graph = Graph::new(shape);
    let (input, taps) = (graph.input(), 9 * shape.channels);
    let convolution = Convolution {
        window: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
        weights: (0..shape.channels * taps).map(|i| (i * 37 % 256) as u8 as i8).collect(),
        bias: (0..shape.channels as i32).map(|i| i * 100 - 2400).collect(),
        multipliers: (0..shape.channels).map(|i| 0.0001 + 0.00001 * i as f32).collect(),
        input_zero_point: 128,
        output_zero_point: 100,
    };
    let sum = Addition::new((0.02, 100), (0.01, 128), (0.02, 90));
    let output = graph
        .add(Operator::Convolution(convolution), &[input])
        .and_then(|x| graph.add(Operator::Addition(sum), &[x, input]));
    let picture: Vec<u8> = (0..shape.elements()).map(|i| (i * 91 % 256) as u8).collect();
    output.and_then(|output| Ok((output, Program::plan(&graph, output, kernel)?))).is_ok_and(|(output, program)| {
        program.run(&mut program.workspace(1), &picture) == reference::run(&graph, output, &picture)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supported_kernels_pass() {
        for kernel in Kernel::supported() {
            assert!(passes(kernel), "{}", kernel.name());
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_avx512_tiles_pass_with_an_emulated_dot_product() {
        let emulated = Kernel(&crate::kernel::avx512vnni::emulated::Emulated);
        if emulated.0.is_supported() {
            assert!(passes(emulated));
        }
    }
}
