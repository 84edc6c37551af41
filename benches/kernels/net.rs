//! Nets with random weights.

use wingmark_kernels::{Addition, Convolution, Graph, Operator, Shape, Tensor};

/// Builds a graph; all tensors have scale 1 and zero point 0, or 128 before a sum.
struct Net {
    graph: Graph,
    state: u32,
}

impl Net {
    fn new(input: Shape) -> Self {
        Net { graph: Graph::new(input), state: 1 }
    }

    fn weight(&mut self) -> i8 {
        // The sum of four bytes has the bell shape of trained weights; deviation and limit are
        // those of `small`.
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

/// One convolution with padding, of as many channels as it reads.
pub fn convolution(side: usize, channels: usize, window: usize) -> (Graph, Tensor) {
    let mut net = Net::new(Shape { rows: side, columns: side, channels });
    let output = net.conv(net.graph.input(), channels, window, 1);
    (net.graph, output)
}

/// A net like the preset `small`.
pub fn small() -> (Graph, Tensor) {
    let mut net = Net::new(Shape { rows: 128, columns: 128, channels: 3 });
    let x = net.coord_conv(net.graph.input(), 32, 3, 2);
    let x = net.conv(x, 64, 3, 2);
    let x = net.residual(x, 64);
    let x = net.coord_conv(x, 64, 1, 1);
    let x = net.hourglass(x, &[64, 64, 96, 128]);
    let x = net.conv(x, 64, 1, 1);
    let output = net.conv(x, 68, 1, 1);
    (net.graph, output)
}
