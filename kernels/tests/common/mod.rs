//! Random graphs.

use wingmark_kernels::{Addition, Convolution, Graph, Operator, Shape, Tensor};

/// A splitmix64 generator: a failing seed is all that a report needs.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// A weight, of a net in which all are extreme, spread over all bytes, or mostly small, as
    /// after training.
    fn weight(&mut self, kind: usize) -> i8 {
        match kind {
            0 => self.pick(&[-128, -127, 127]),
            1 => self.byte() as i8,
            _ if self.below(200) == 0 => self.pick(&[-63, 63, 63]),
            _ => self.byte() as i8 / 4,
        }
    }

    /// A convolution whose results spread over all of 0..=255.
    pub fn convolution(
        &mut self,
        channels: usize,
        outputs: usize,
        window: usize,
        stride: usize,
        padding: usize,
    ) -> Convolution {
        let taps = window * window * channels;
        let kind = self.below(4);
        let weights = (0..outputs * taps).map(|_| self.weight(kind)).collect();
        let spread = [127.0, 74.0, 18.0, 18.0][kind] * 74.0 * (taps as f32).sqrt();
        Convolution {
            window: [window; 2],
            stride: [stride; 2],
            padding: [padding; 4],
            weights,
            bias: (0..outputs).map(|_| (self.unit() * spread - spread / 2.0) as i32).collect(),
            multipliers: (0..outputs).map(|_| (0.3 + self.unit()) * 60.0 / spread).collect(),
            input_zero_point: self.pick(&[0, 128, 255, 37]),
            output_zero_point: self.pick(&[0, 128, 255, 90]),
        }
    }

    pub fn addition(&mut self) -> Addition {
        let mut part = || (0.01 + self.unit() * 0.03, self.byte());
        Addition::new(part(), part(), part())
    }

    /// A graph of a few nodes, of all operators; what it adds up is often what its convolutions
    /// give.
    pub fn graph(&mut self) -> (Graph, Tensor) {
        let shape =
            Shape { rows: 2 + self.below(9), columns: 2 + self.below(9), channels: self.pick(&[1, 3, 3, 16, 20]) };
        let mut graph = Graph::new(shape);
        let mut tensors = vec![graph.input()];
        // Convolutions that pad the same tensor, be it through a Concat, have to agree on it.
        let zero_point = self.pick(&[0, 128, 255, 37]);
        for _ in 0..3 + self.below(8) {
            let recent = tensors.len() - 1 - self.below(tensors.len().min(3));
            let x = tensors[recent];
            let shape = graph.shape(x);
            tensors.push(match self.below(12) {
                0 if shape.rows > 1 && shape.columns > 1 => graph.add(Operator::MaxPool, &[x]).unwrap(),
                1 if shape.rows < 12 => graph.add(Operator::Upsample, &[x]).unwrap(),
                2 => {
                    let channels = 1 + self.below(3);
                    let constant = Shape { channels, ..shape };
                    let values = self.bytes(constant.elements());
                    let constant = graph.add(Operator::Constant(constant, values), &[]).unwrap();
                    let parts = if self.below(2) == 0 { [x, constant] } else { [constant, x] };
                    graph.add(Operator::Concat, &parts).unwrap()
                }
                3 => graph.add(Operator::Concat, &[x, x]).unwrap(),
                4 => {
                    let table = std::array::from_fn(|i| 255 - i as u8);
                    graph.add(Operator::Lookup(Box::new(table)), &[x]).unwrap()
                }
                5..8 => {
                    let like: Vec<_> = tensors.iter().copied().filter(|t| graph.shape(*t) == shape).collect();
                    let other = self.pick(&like);
                    let addition = self.addition();
                    graph.add(Operator::Addition(addition), &[x, other]).unwrap()
                }
                _ => {
                    let window = self.pick(&[1, 3, 3, 7]);
                    let stride = self.pick(&[1, 1, 2]);
                    let outputs = self.pick(&[shape.channels, 3, 16, 32, 68]);
                    let mut convolution = self.convolution(shape.channels, outputs, window, stride, window / 2);
                    convolution.input_zero_point = zero_point;
                    graph.add(Operator::Convolution(convolution), &[x]).unwrap()
                }
            });
        }
        let output = *tensors.last().unwrap();
        (graph, output)
    }
}
