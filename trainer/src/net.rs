//! Evaluates a [`Graph`] with libtorch, for training and for calibration.

use std::collections::BTreeMap;

use tch::{Device, IndexOp, Kind, Tensor};

use crate::graph::{BOUNDARY_THRESHOLD, Conv, Graph, Op};

/// Share of a batch in the running mean and variance of a normalisation.
const NORM_MOMENTUM: f64 = 0.05;
pub const NORM_EPSILON: f64 = 1e-5;

/// A tensor's numbers in row-major order.
pub fn plain(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.detach().to_device(Device::Cpu).contiguous().view(-1);
    Vec::<f32>::try_from(flat).expect("heatmaps are f32")
}

/// All numbers of a net by name: `<node>.weight`, and either `<node>.bias` or
/// `<node>.norm.{scale,bias,mean,variance}`.
pub struct Weights {
    pub tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Random weights (He et al. 2015, normal, by fan-out), normalisations at rest; heads start
    /// small, so that all maps start near zero.
    pub fn new(graph: &Graph, device: Device) -> Self {
        let float = (Kind::Float, device);
        let mut tensors = BTreeMap::new();
        for (node, conv) in graph.convs() {
            let Conv { kernel, inputs, outputs, normalised, .. } = *conv;
            let shape = [outputs, inputs, kernel, kernel].map(|v| v as i64);
            let spread = if normalised { new_spread(conv) } else { 0.001 };
            let mut put = |part: &str, tensor: Tensor| tensors.insert(format!("{}.{part}", node.name), tensor);
            put("weight", channels_last(&(Tensor::randn(shape, float) * spread)).set_requires_grad(true));
            if normalised {
                put("norm.scale", Tensor::ones(shape[0], float).set_requires_grad(true));
                put("norm.bias", Tensor::zeros(shape[0], float).set_requires_grad(true));
                put("norm.mean", Tensor::zeros(shape[0], float));
                put("norm.variance", Tensor::ones(shape[0], float));
            } else {
                put("bias", Tensor::zeros(shape[0], float).set_requires_grad(true));
            }
        }
        Weights { tensors }
    }

    pub fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the graph has no weights {name}"))
    }

    /// Whether all of them are numbers, and none is without end.
    pub fn is_finite(&self) -> bool {
        self.tensors.values().all(|tensor| bool::try_from(tensor.isfinite().all()).expect("a truth is one"))
    }

    pub fn trainable(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.tensors.iter().filter(|(_, tensor)| tensor.requires_grad())
    }
}

/// Standard deviation of the weights of a new convolution that a normalisation follows.
fn new_spread(conv: &Conv) -> f64 {
    (2.0 / (conv.outputs * conv.kernel * conv.kernel) as f64).sqrt()
}

/// Euclidean length that a filter of a new convolution has in the mean, where a normalisation
/// follows.
pub fn new_filter_length(conv: &Conv) -> f64 {
    new_spread(conv) * ((conv.inputs * conv.kernel * conv.kernel) as f64).sqrt()
}

/// Whether normalisations use the batch, and learn from it, or what they have learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Train,
    Infer,
}

/// The arithmetic of convolutions. Everything else is f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    F32,
    /// Faster on a GPU, and on processors with AVX512-BF16 or AMX.
    Bf16,
}

/// The net's heatmaps, one `[batch, channels, rows, columns]` a stack, for images
/// `[batch, 3, side, side]`.
pub fn forward(graph: &Graph, weights: &Weights, images: &Tensor, phase: Phase, precision: Precision) -> Vec<Tensor> {
    let values = evaluate(graph, images, |name, conv, x| normalised_conv(weights, name, conv, x, phase, precision));
    graph.outputs.iter().map(|&node| values[node].to_kind(Kind::Float)).collect()
}

/// The value of every node, with `conv` for the convolutions (their ReLU comes after it).
pub fn evaluate(graph: &Graph, images: &Tensor, conv: impl Fn(&str, &Conv, &Tensor) -> Tensor) -> Vec<Tensor> {
    let batch = images.size()[0];
    let mut values: Vec<Tensor> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let input = |i: usize| &values[node.inputs[i]];
        let value = match &node.op {
            Op::Image => channels_last(images),
            Op::Coordinates => {
                let [c, rows, columns] = node.shape.map(|v| v as i64);
                let values = Tensor::from_slice(&Graph::coordinate_values(node.shape)).view([1, c, rows, columns]);
                values.to_device(images.device()).expand([batch, c, rows, columns], false)
            }
            Op::Conv(c) => relu_if(c.relu, conv(&node.name, c, input(0))),
            Op::Add { relu } => relu_if(*relu, input(0) + input(1)),
            Op::MaxPool => input(0).max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false),
            Op::Upsample => {
                let [_, rows, columns] = node.shape.map(|v| v as i64);
                input(0).upsample_nearest2d([rows, columns], None, None)
            }
            Op::Concat => {
                let kind = input(0).kind();
                let parts: Vec<Tensor> = node.inputs.iter().map(|&i| values[i].to_kind(kind)).collect();
                channels_last(&Tensor::cat(&parts, 1))
            }
            Op::Gate { boundary } => {
                let open = input(1).i((.., *boundary as i64..*boundary as i64 + 1)).gt(BOUNDARY_THRESHOLD);
                input(0).i((.., 0..2)) * open.detach().to_kind(Kind::Float)
            }
        };
        values.push(value);
    }
    values
}

fn relu_if(relu: bool, x: Tensor) -> Tensor {
    if relu { x.relu() } else { x }
}

fn normalised_conv(
    weights: &Weights,
    name: &str,
    conv: &Conv,
    x: &Tensor,
    phase: Phase,
    precision: Precision,
) -> Tensor {
    let of = |part: &str| weights.get(&format!("{name}.{part}"));
    let kind = match precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    };
    let bias = (!conv.normalised).then(|| of("bias").to_kind(kind));
    let y = conv2d(&x.to_kind(kind), &of("weight").to_kind(kind), bias.as_ref(), conv);
    if !conv.normalised {
        return y;
    }
    let (scale, shift) = (of("norm.scale"), of("norm.bias"));
    let (mean, variance) = (of("norm.mean"), of("norm.variance"));
    let train = phase == Phase::Train;
    y.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), train, NORM_MOMENTUM, NORM_EPSILON, false)
}

pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: &Conv) -> Tensor {
    let (stride, padding) = (conv.stride as i64, (conv.kernel / 2) as i64);
    x.conv2d(weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
}

/// The same tensor with its channels innermost in memory, as oneDNN and cuDNN prefer.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// A convolution with its normalisation folded in.
pub struct Folded {
    /// `[outputs, inputs, kernel, kernel]`
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Folds the normalisation of the convolution `name` into its weights.
pub fn fold(weights: &Weights, name: &str, conv: &Conv) -> Folded {
    let numbers = |part: &str| {
        let tensor = weights.get(&format!("{name}.{part}")).detach().to_device(Device::Cpu).contiguous();
        Vec::<f32>::try_from(tensor.view(-1)).expect("weights are f32")
    };
    let mut weight = numbers("weight");
    if !conv.normalised {
        return Folded { weight, bias: numbers("bias") };
    }
    let (scale, shift, mean, variance) =
        (numbers("norm.scale"), numbers("norm.bias"), numbers("norm.mean"), numbers("norm.variance"));
    let factors: Vec<f32> = scale
        .iter()
        .zip(&variance)
        .map(|(s, v)| (f64::from(*s) / (f64::from(*v) + NORM_EPSILON).sqrt()) as f32)
        .collect();
    for (filter, factor) in weight.chunks_mut(conv.inputs * conv.kernel * conv.kernel).zip(&factors) {
        filter.iter_mut().for_each(|w| *w *= factor);
    }
    let bias = (0..conv.outputs).map(|o| shift[o] - mean[o] * factors[o]).collect();
    Folded { weight, bias }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    #[test]
    fn folding_changes_nothing_but_rounding() {
        tch::manual_seed(3);
        let graph = Preset { input_px: 64, ..Preset::named("nano").unwrap() }.graph(69);
        let weights = Weights::new(&graph, Device::Cpu);
        let images = Tensor::randn([2, 3, 64, 64], (Kind::Float, Device::Cpu));
        let _guard = tch::no_grad_guard();
        // A step in training, so that the normalisations are not at rest.
        forward(&graph, &weights, &images, Phase::Train, Precision::F32);
        let expected = forward(&graph, &weights, &images, Phase::Infer, Precision::F32).pop().unwrap();
        let values = evaluate(&graph, &images, |name, conv, x| {
            let folded = fold(&weights, name, conv);
            let shape = [conv.outputs, conv.inputs, conv.kernel, conv.kernel].map(|v| v as i64);
            conv2d(x, &Tensor::from_slice(&folded.weight).view(shape), Some(&Tensor::from_slice(&folded.bias)), conv)
        });
        let found = &values[graph.outputs[0]];
        let error = f64::try_from((found - &expected).abs().max()).unwrap();
        let size = f64::try_from(expected.abs().max()).unwrap();
        assert!(error < 1e-4 * size, "{error} of {size}");
    }

    #[test]
    fn the_gate_opens_where_the_boundary_is() {
        let mut graph = Graph::default();
        let image = graph.image(4);
        let coordinates = graph.coordinates("c", [4, 4]);
        graph.gate("gate", coordinates, image, 2);
        let mut pixels = vec![0.0f32; 48];
        pixels[32 + 5] = 0.06;
        pixels[32 + 6] = 0.05;
        let values = evaluate(&graph, &Tensor::from_slice(&pixels).view([1, 3, 4, 4]), |_, _, _| unreachable!());
        let gated = Vec::<f32>::try_from(values[2].contiguous().view(-1)).unwrap();
        let open: Vec<usize> = (0..32).filter(|&i| gated[i] != 0.0).collect();
        assert_eq!(open, [5, 16 + 5]);
        assert!((gated[5] + 1.0 / 3.0).abs() < 1e-6);
    }
}
