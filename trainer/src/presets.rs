//! The nets that can be trained, as data, and the hourglass that the data describe.

use wingmark::model::scheme::IBUG_68;

use crate::graph::Graph;

/// The residual block of a net.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Block {
    /// Two 3x3 convolutions.
    Basic,
    /// Three 3x3 convolutions of 1/2, 1/4 and 1/4 of the channels, whose outputs are joined (Bulat,
    /// Tzimiropoulos, "Binarized convolutional landmark localizers", ICCV 2017; the block of the
    /// Adaptive Wing Loss paper). Here the normalisation follows its convolution, so that it folds
    /// into it.
    Multiscale,
}

/// What comes before the hourglasses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stem {
    /// A 3x3 convolution of stride 2 for each width, then one residual block.
    Strided(&'static [usize]),
    /// A 7x7 convolution of stride 4, then a 3x3 of stride 2 for each further width: the first
    /// layers of a large picture cost little.
    Early(&'static [usize]),
    /// 7x7 stride 2 to a quarter of the hourglass's width, a block to its half, pooling, and two
    /// blocks up to the whole.
    Paper,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    pub name: &'static str,
    pub input_px: usize,
    /// Side of a landmark net's crop, as a multiple of the longer side of the landmarks' box.
    pub margin: f32,
    pub stem: Stem,
    /// Channels at each level of the hourglass, the finest first; its depth is one less than their
    /// number.
    pub widths: &'static [usize],
    pub block: Block,
    pub stacks: usize,
    /// A residual block between hourglass and head.
    pub head_block: bool,
    /// CoordConv in the first convolution, before each hourglass and, gated by the boundary,
    /// between stacks.
    pub coordinates: bool,
    /// Standard deviation of the target Gaussians, in heatmap cells.
    pub sigma: f32,
}

pub const PRESETS: [Preset; 7] = [
    Preset { name: "nano", stem: Stem::Strided(&[16, 32]), widths: &[32, 48, 64, 96, 96], ..SMALL },
    SMALL,
    Preset { name: "base", input_px: 192, margin: 1.25, widths: &[64, 96, 128, 192, 192], head_block: true, ..SMALL },
    PAPER,
    // The paper's net at a quarter of its channels: what two cores can train.
    Preset { name: "paper64", widths: &[64; 5], ..PAPER },
    Preset {
        name: "faces",
        input_px: 320,
        stem: Stem::Early(&[32, 48]),
        widths: &[48, 64, 64, 64],
        coordinates: false,
        ..SMALL
    },
    // For comparing methods, not to be shipped: two stacks, so that the boundary gates, and small
    // enough for many runs.
    Preset {
        name: "tiny",
        input_px: 64,
        margin: 1.25,
        stem: Stem::Strided(&[16, 32]),
        widths: &[32, 32, 48, 48],
        stacks: 2,
        ..SMALL
    },
];

/// Four stacks of the published shape.
const PAPER: Preset = Preset {
    name: "paper",
    input_px: 256,
    margin: 1.25,
    stem: Stem::Paper,
    widths: &[256; 5],
    block: Block::Multiscale,
    stacks: 4,
    head_block: true,
    coordinates: true,
    sigma: 1.75,
};

const SMALL: Preset = Preset {
    name: "small",
    input_px: 128,
    margin: 1.15,
    stem: Stem::Strided(&[32, 64]),
    widths: &[64, 64, 96, 128, 128],
    block: Block::Basic,
    stacks: 1,
    head_block: false,
    coordinates: true,
    sigma: 1.0,
};

impl Preset {
    pub fn named(name: &str) -> Option<Preset> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// Side of the heatmaps in cells.
    pub fn map_side(&self) -> usize {
        self.input_px / self.stride()
    }

    /// Input pixels per heatmap cell.
    pub fn stride(&self) -> usize {
        match self.stem {
            Stem::Strided(widths) => 1 << widths.len(),
            Stem::Early(widths) => 2 << widths.len(),
            Stem::Paper => 4,
        }
    }

    /// The net with `channels` heatmaps, the last of which is the boundary where it is predicted.
    pub fn graph(&self, channels: usize) -> Graph {
        let mut graph = Graph::default();
        let build = &mut Builder { graph: &mut graph, preset: self };
        let mut features = build.stem();
        for stack in 0..self.stacks {
            let previous = build.graph.outputs.last().copied();
            let hourglass = build.hourglass_input(stack, features, previous);
            let mut out = build.hourglass(&format!("stack{stack}.hourglass"), hourglass, self.widths);
            if self.head_block {
                out = build.block(&format!("stack{stack}.block"), out, self.widths[0]);
            }
            let out = build.graph.conv(format!("stack{stack}.features"), out, self.widths[0], 1, 1, true);
            let heat = build.graph.linear(format!("stack{stack}.heatmaps"), out, channels);
            build.graph.outputs.push(heat);
            if stack + 1 < self.stacks {
                let from_features = build.graph.linear(format!("stack{stack}.merge.features"), out, self.widths[0]);
                let from_heat = build.graph.linear(format!("stack{stack}.merge.heatmaps"), heat, self.widths[0]);
                let sum = build.graph.add(format!("stack{stack}.merge.sum"), from_features, from_heat, false);
                features = build.graph.add(format!("stack{stack}.merge"), features, sum, false);
            }
        }
        graph
    }
}

struct Builder<'a> {
    graph: &'a mut Graph,
    preset: &'a Preset,
}

impl Builder<'_> {
    fn with_coordinates(&mut self, name: &str, x: usize) -> usize {
        let [_, rows, columns] = self.graph.shape(x);
        let coordinates = self.graph.coordinates(format!("{name}.coordinates"), [rows, columns]);
        self.graph.concat(format!("{name}.joined"), &[x, coordinates])
    }

    fn stem(&mut self) -> usize {
        let mut x = self.graph.image(self.preset.input_px);
        if self.preset.coordinates {
            x = self.with_coordinates("stem", x);
        }
        match self.preset.stem {
            Stem::Strided(widths) => {
                for (i, &width) in widths.iter().enumerate() {
                    x = self.graph.conv(format!("stem.conv{i}"), x, width, 3, 2, true);
                }
                self.block("stem.block", x, self.preset.widths[0])
            }
            Stem::Early(widths) => {
                for (i, &width) in widths.iter().enumerate() {
                    let (kernel, stride) = if i == 0 { (7, 4) } else { (3, 2) };
                    x = self.graph.conv(format!("stem.conv{i}"), x, width, kernel, stride, true);
                }
                x
            }
            Stem::Paper => {
                let width = self.preset.widths[0];
                x = self.graph.conv("stem.conv", x, width / 4, 7, 2, true);
                x = self.block("stem.block0", x, width / 2);
                x = self.graph.max_pool("stem.pool", x);
                x = self.block("stem.block1", x, width / 2);
                self.block("stem.block2", x, width)
            }
        }
    }

    /// CoordConv ahead of a hourglass; from the second stack on also gated by the boundary of the
    /// stack before, where that is predicted.
    fn hourglass_input(&mut self, stack: usize, features: usize, previous_heat: Option<usize>) -> usize {
        if !self.preset.coordinates {
            return features;
        }
        let [_, rows, columns] = self.graph.shape(features);
        let name = format!("stack{stack}.coordconv");
        let coordinates = self.graph.coordinates(format!("{name}.coordinates"), [rows, columns]);
        let mut parts = vec![features, coordinates];
        let has_boundary = |heat: &usize| self.graph.shape(*heat)[0] > IBUG_68.landmarks;
        if let Some(heat) = previous_heat.filter(has_boundary) {
            let boundary = self.graph.shape(heat)[0] - 1;
            parts.push(self.graph.gate(format!("{name}.gate"), coordinates, heat, boundary));
        }
        let joined = self.graph.concat(format!("{name}.joined"), &parts);
        self.graph.conv(name, joined, self.preset.widths[0], 1, 1, true)
    }

    /// One level: a block at this size, and beside it the rest at half the size; their sum.
    fn hourglass(&mut self, name: &str, x: usize, widths: &[usize]) -> usize {
        let [width, inner, ..] = *widths else { unreachable!("an hourglass has at least two levels") };
        let kept = self.block(&format!("{name}.skip"), x, width);
        let low = self.graph.max_pool(format!("{name}.pool"), x);
        let low = self.block(&format!("{name}.down"), low, inner);
        let low = if widths.len() > 2 {
            self.hourglass(&format!("{name}.inner"), low, &widths[1..])
        } else {
            self.block(&format!("{name}.middle"), low, inner)
        };
        let low = self.block(&format!("{name}.up"), low, width);
        let low = self.graph.upsample(format!("{name}.upsample"), low);
        self.graph.add(format!("{name}.sum"), kept, low, false)
    }

    fn block(&mut self, name: &str, x: usize, outputs: usize) -> usize {
        let graph = &mut *self.graph;
        let skip = if graph.shape(x)[0] == outputs {
            x
        } else {
            graph.conv(format!("{name}.project"), x, outputs, 1, 1, false)
        };
        let branch = match self.preset.block {
            Block::Basic => {
                let a = graph.conv(format!("{name}.conv0"), x, outputs, 3, 1, true);
                graph.conv(format!("{name}.conv1"), a, outputs, 3, 1, false)
            }
            Block::Multiscale => {
                let a = graph.conv(format!("{name}.conv0"), x, outputs / 2, 3, 1, true);
                let b = graph.conv(format!("{name}.conv1"), a, outputs / 4, 3, 1, true);
                let c = graph.conv(format!("{name}.conv2"), b, outputs / 4, 3, 1, true);
                graph.concat(format!("{name}.joined"), &[a, b, c])
            }
        };
        graph.add(format!("{name}.sum"), branch, skip, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Op;

    #[test]
    fn only_a_boundary_gates() {
        let gates = |channels| {
            let graph = Preset::named("tiny").unwrap().graph(channels);
            graph.nodes.iter().filter(|node| matches!(node.op, Op::Gate { .. })).count()
        };
        assert_eq!((gates(IBUG_68.landmarks + 1), gates(IBUG_68.landmarks)), (1, 0));
    }

    fn gmac(name: &str, channels: usize) -> f64 {
        Preset::named(name).unwrap().graph(channels).macs() as f64 / 1e9
    }

    #[test]
    fn presets_keep_to_their_arithmetic() {
        // 68 landmarks and the boundary, as trained.
        assert!(gmac("nano", 69) <= 0.11, "{}", gmac("nano", 69));
        assert!(gmac("small", 69) <= 0.30, "{}", gmac("small", 69));
        assert!(gmac("base", 69) <= 1.1, "{}", gmac("base", 69));
    }

    #[test]
    fn paper_has_the_papers_shape() {
        let graph = Preset::named("paper").unwrap().graph(99);
        assert_eq!(graph.outputs.len(), 4);
        assert_eq!(graph.shape(graph.outputs[3]), [99, 64, 64]);
        assert!((26e9..27e9).contains(&(graph.macs() as f64)), "{}", graph.macs());
        assert!((24e6..25e6).contains(&(graph.parameters() as f64)), "{}", graph.parameters());
    }

    #[test]
    fn widths_suit_the_kernels() {
        // `paper64`, which no board runs, has blocks of 8 channels in its stem.
        for preset in PRESETS.into_iter().filter(|preset| preset.name != "paper64") {
            for (node, conv) in preset.graph(69).convs() {
                assert!(conv.outputs % 16 == 0 || node.name.ends_with("heatmaps"), "{}.{}", preset.name, node.name);
            }
        }
    }
}
