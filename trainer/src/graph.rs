//! A network as data: nodes in the order of their evaluation. Training, export and quantisation
//! walk the same list, so that they cannot mean different nets.

/// What a node computes. Tensors are `[channels, rows, columns]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The picture, RGB, `(pixel - 128) / 128`.
    Image,
    /// CoordConv's constant channels: x and y from -1 to 1, and the distance to the middle over its
    /// largest value.
    Coordinates,
    /// Convolution with zero padding of `kernel / 2`, then batch normalisation or a bias, then ReLU
    /// or nothing.
    Conv(Conv),
    /// Sum of two tensors, then ReLU or nothing.
    Add { relu: bool },
    /// Maximum over 2x2, stride 2.
    MaxPool,
    /// Nearest neighbour, twice the size.
    Upsample,
    /// Channels one after the other.
    Concat,
    /// From `[coordinates, heatmaps]`: x and y where channel `boundary` of the heatmaps exceeds
    /// [`BOUNDARY_THRESHOLD`], else 0 (the paper's boundary-gated CoordConv).
    Gate { boundary: usize },
}

/// Above this heat a cell counts as boundary.
pub const BOUNDARY_THRESHOLD: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv {
    pub kernel: usize,
    pub stride: usize,
    pub inputs: usize,
    pub outputs: usize,
    /// Followed by batch normalisation; a plain bias where not.
    pub normalised: bool,
    pub relu: bool,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<usize>,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
}

#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// The heatmaps of each stack; only the last are used after training.
    pub outputs: Vec<usize>,
}

impl Graph {
    fn push(&mut self, name: String, op: Op, inputs: &[usize], shape: [usize; 3]) -> usize {
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape });
        self.nodes.len() - 1
    }

    pub fn shape(&self, node: usize) -> [usize; 3] {
        self.nodes[node].shape
    }

    pub fn image(&mut self, side_px: usize) -> usize {
        self.push("image".into(), Op::Image, &[], [3, side_px, side_px])
    }

    pub fn coordinates(&mut self, name: impl Into<String>, [rows, columns]: [usize; 2]) -> usize {
        self.push(name.into(), Op::Coordinates, &[], [3, rows, columns])
    }

    /// Convolution, batch normalisation, ReLU if `relu`.
    pub fn conv(
        &mut self,
        name: impl Into<String>,
        x: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        relu: bool,
    ) -> usize {
        self.any_conv(name.into(), x, outputs, kernel, stride, true, relu)
    }

    /// 1x1 convolution with a bias.
    pub fn linear(&mut self, name: impl Into<String>, x: usize, outputs: usize) -> usize {
        self.any_conv(name.into(), x, outputs, 1, 1, false, false)
    }

    #[expect(clippy::too_many_arguments, reason = "the two callers above name what they mean")]
    fn any_conv(
        &mut self,
        name: String,
        x: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        normalised: bool,
        relu: bool,
    ) -> usize {
        let [inputs, rows, columns] = self.shape(x);
        let shape = [outputs, rows.div_ceil(stride), columns.div_ceil(stride)];
        self.push(name, Op::Conv(Conv { kernel, stride, inputs, outputs, normalised, relu }), &[x], shape)
    }

    pub fn add(&mut self, name: impl Into<String>, a: usize, b: usize, relu: bool) -> usize {
        assert_eq!(self.shape(a), self.shape(b), "only tensors of one shape add up");
        self.push(name.into(), Op::Add { relu }, &[a, b], self.shape(a))
    }

    pub fn max_pool(&mut self, name: impl Into<String>, x: usize) -> usize {
        let [channels, rows, columns] = self.shape(x);
        self.push(name.into(), Op::MaxPool, &[x], [channels, rows / 2, columns / 2])
    }

    pub fn upsample(&mut self, name: impl Into<String>, x: usize) -> usize {
        let [channels, rows, columns] = self.shape(x);
        self.push(name.into(), Op::Upsample, &[x], [channels, rows * 2, columns * 2])
    }

    pub fn concat(&mut self, name: impl Into<String>, parts: &[usize]) -> usize {
        let [_, rows, columns] = self.shape(parts[0]);
        let channels = parts.iter().map(|&p| self.shape(p)[0]).sum();
        self.push(name.into(), Op::Concat, parts, [channels, rows, columns])
    }

    pub fn gate(&mut self, name: impl Into<String>, coordinates: usize, heatmaps: usize, boundary: usize) -> usize {
        let [_, rows, columns] = self.shape(heatmaps);
        self.push(name.into(), Op::Gate { boundary }, &[coordinates, heatmaps], [2, rows, columns])
    }

    /// Multiply-accumulates of one evaluation, convolutions only, as the field counts them.
    pub fn macs(&self) -> u64 {
        self.convs()
            .map(|(node, c)| (c.kernel * c.kernel * c.inputs * node.shape.iter().product::<usize>()) as u64)
            .sum()
    }

    /// Trainable numbers: weights, and a bias (with a scale where normalised) for each output
    /// channel.
    pub fn parameters(&self) -> u64 {
        let of = |c: &Conv| c.outputs * (c.kernel * c.kernel * c.inputs + if c.normalised { 2 } else { 1 });
        self.convs().map(|(_, c)| of(c) as u64).sum()
    }

    pub fn convs(&self) -> impl Iterator<Item = (&Node, &Conv)> {
        self.nodes.iter().filter_map(|node| match &node.op {
            Op::Conv(conv) => Some((node, conv)),
            _ => None,
        })
    }

    /// The values of CoordConv's three channels, `[3, rows, columns]`.
    pub fn coordinate_values([_, rows, columns]: [usize; 3]) -> Vec<f32> {
        let axis = |i: usize, n: usize| if n > 1 { 2.0 * i as f32 / (n - 1) as f32 - 1.0 } else { 0.0 };
        let cells = || (0..rows).flat_map(|r| (0..columns).map(move |c| (axis(c, columns), axis(r, rows))));
        let xs = cells().map(|(x, _)| x);
        let ys = cells().map(|(_, y)| y);
        let radii = cells().map(|(x, y)| x.hypot(y) / std::f32::consts::SQRT_2);
        xs.chain(ys).chain(radii).collect()
    }
}
