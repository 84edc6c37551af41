//! Runs frames of a net like the preset `small`, with random weights and nothing but this crate, so that it can be
//! built for any machine: `frames FRAMES [THREADS]`. Asks for the parent process before each frame and at the end, a
//! system call by which a counting emulator can tell frames apart (tests/arm/count.sh).

use std::os::unix::process::parent_id;
use std::time::Instant;

use wingmark_kernels::{Addition, Convolution, Graph, Kernel, Operator, Program, Shape, Tensor};

/// Builds a graph; all tensors have scale 1 and zero point 0, or 128 before a sum.
struct Net {
    graph: Graph,
    state: u32,
}

impl Net {
    fn weight(&mut self) -> i8 {
        // The sum of four bytes has the bell shape of trained weights; deviation and limit are those of `small`.
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mixed = (self.state ^ self.state >> 15).wrapping_mul(0x2c1b_3c6d);
        let sum: i32 = (mixed ^ mixed >> 13).to_le_bytes().iter().map(|byte| i32::from(*byte) - 128).sum();
        (sum / 8).clamp(-63, 63) as i8
    }

    fn conv(&mut self, x: Tensor, outputs: usize, window: usize, stride: usize) -> Tensor {
        let taps = window * window * self.graph.shape(x).channels;
        let convolution = Convolution {
            window: [window; 2],
            stride: [stride; 2],
            padding: [window / 2; 4],
            weights: (0..outputs * taps).map(|_| self.weight()).collect(),
            bias: vec![1000; outputs],
            multipliers: vec![0.02 / (taps as f32).sqrt(); outputs],
            input_zero_point: if x == self.graph.input() { 128 } else { 0 },
            output_zero_point: 0,
        };
        self.graph.add(Operator::Convolution(convolution), &[x]).expect("a sound convolution")
    }

    /// With coordinates in three constant channels.
    fn coord_conv(&mut self, x: Tensor, outputs: usize, window: usize, stride: usize) -> Tensor {
        let shape = Shape { channels: 3, ..self.graph.shape(x) };
        let values = (0..shape.elements()).map(|i| (i * 7) as u8).collect();
        let coordinates = self.graph.add(Operator::Constant(shape, values), &[]).expect("a constant");
        let both = self.graph.add(Operator::Concat, &[x, coordinates]).expect("equal sizes");
        self.conv(both, outputs, window, stride)
    }

    fn sum(&mut self, a: Tensor, b: Tensor) -> Tensor {
        let addition = Addition::new((1.0, 0), (1.0, 0), (1.5, 0));
        self.graph.add(Operator::Addition(addition), &[a, b]).expect("equal sizes")
    }

    fn residual(&mut self, x: Tensor, outputs: usize) -> Tensor {
        let inner = self.conv(x, outputs, 3, 1);
        let y = self.conv(inner, outputs, 3, 1);
        let skip = if self.graph.shape(x).channels == outputs { x } else { self.conv(x, outputs, 1, 1) };
        self.sum(y, skip)
    }

    fn hourglass(&mut self, x: Tensor, widths: &[usize]) -> Tensor {
        let skip = self.residual(x, widths[0]);
        let pooled = self.graph.add(Operator::MaxPool, &[x]).expect("an even size");
        let mut low = self.residual(pooled, *widths.get(1).unwrap_or(&widths[0]));
        if widths.len() > 1 {
            low = self.hourglass(low, &widths[1..]);
        }
        let low = self.residual(low, widths[0]);
        let up = self.graph.add(Operator::Upsample, &[low]).expect("any size");
        self.sum(skip, up)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>().expect("frames FRAMES [THREADS]"));
    let (frames, threads) = (arguments.next().unwrap_or(100), arguments.next().unwrap_or(1));
    let shape = Shape { rows: 128, columns: 128, channels: 3 };
    let mut net = Net { graph: Graph::new(shape), state: 1 };
    let input = net.graph.input();
    let x = net.coord_conv(input, 32, 3, 2);
    let x = net.conv(x, 64, 3, 2);
    let x = net.residual(x, 64);
    let x = net.coord_conv(x, 64, 1, 1);
    let x = net.hourglass(x, &[64, 64, 96, 128]);
    let x = net.conv(x, 64, 1, 1);
    let output = net.conv(x, 68, 1, 1);

    let kernel = Kernel::from_environment().expect("kernels");
    let program = Program::plan(&net.graph, output, kernel).expect("a sound graph");
    let mut workspace = program.workspace(threads);
    let picture: Vec<u8> = (0..shape.elements()).map(|i| (i * 31 % 251) as u8).collect();
    let mut micros: Vec<f64> = (0..frames)
        .map(|_| {
            let _mark = parent_id();
            let started = Instant::now();
            program.run(&mut workspace, &picture);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let _mark = parent_id();
    micros.sort_by(f64::total_cmp);
    let (smallest, median, macs) = (micros[0], micros[frames / 2], program.macs());
    let gmac = |micros: f64| macs as f64 / micros / 1e3;
    println!(
        "{}, {threads} threads, {macs} MAC: median {median:.0} us ({:.1} GMAC/s), smallest {smallest:.0} us ({:.1} GMAC/s)",
        kernel.name(),
        gmac(median),
        gmac(smallest)
    );
}
