//! Post-training quantisation to ONNX in onnxruntime's QOperator form: u8 activations with one
//! scale a tensor, symmetric s8 weights with one scale an output channel, i32 biases.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use tch::Tensor;

use crate::export::{INPUT, OUTPUT, folded_convs};
use crate::graph::{Conv, Graph, Op};
use crate::net::{Folded, Weights, conv2d, evaluate, plain};
use crate::onnx::{MICROSOFT, Numbers, OnnxGraph, conv_attributes};

const BINS: usize = 2048;
/// Stored biases are no larger, so that there is room for the products.
const LARGEST_BIAS: f32 = (1 << 30) as f32;

/// A stored `q` stands for `(q - zero_point) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantisation {
    pub scale: f32,
    pub zero_point: u8,
}

/// Pixels are their own quantised values: `(pixel - 128) / 128`. A power of two, so that no reader
/// of the file rounds differently.
const PIXELS: Quantisation = Quantisation { scale: 1.0 / 128.0, zero_point: 128 };

impl Quantisation {
    /// Covers `low..=high`, with zero exactly on a step.
    fn covering(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        Quantisation { scale, zero_point: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }

    fn store(&self, value: f32) -> u8 {
        ((value / self.scale).round() + f32::from(self.zero_point)).clamp(0.0, 255.0) as u8
    }

    fn restore(&self, stored: u8) -> f32 {
        (f32::from(stored) - f32::from(self.zero_point)) * self.scale
    }
}

/// A quantised net.
pub struct Quantised {
    pub onnx: Vec<u8>,
    /// Of the heatmaps.
    pub heat: Quantisation,
}

/// Quantises a net. Scales come from what `calibration` images `[batch, 3, side, side]` make of it;
/// weights take `-limit..=limit`. With a limit of 63, two products of a u8 and a weight fit into 16
/// bits, which processors without a 32-bit int8 dot product need to be exact.
pub fn quantise(
    name: &str,
    graph: &Graph,
    weights: &Weights,
    channels: usize,
    calibration: &[Tensor],
    limit: u8,
) -> Result<Quantised> {
    ensure!(!calibration.is_empty(), "there are no pictures to calibrate on");
    let (graph, convs) = folded_convs(graph, weights, channels);
    let scales = activation_scales(&graph, &convs, calibration)?;
    let output = *graph.outputs.last().expect("a net has an output");
    let onnx = write(name, &graph, &convs, &scales, f32::from(limit.min(127)));
    Ok(Quantised { onnx, heat: scales[output] })
}

/// How often values of one tensor fall between `low` and `high`.
struct Histogram {
    low: f32,
    high: f32,
    counts: Vec<f64>,
}

impl Histogram {
    fn count(&mut self, values: &[f32]) {
        let bins_per_unit = BINS as f32 / (self.high - self.low);
        for value in values {
            let bin = ((value - self.low) * bins_per_unit) as usize;
            self.counts[bin.min(BINS - 1)] += 1.0;
        }
    }

    /// The range whose rounding and clipping together lose least, in the mean square.
    fn best(&self) -> Quantisation {
        let step = (self.high - self.low) / BINS as f32;
        let loss = |q: Quantisation| -> f64 {
            let bins = self.counts.iter().enumerate().filter(|(_, n)| **n > 0.0);
            bins.map(|(bin, n)| {
                let value = self.low + (bin as f32 + 0.5) * step;
                let clipped = f64::from(q.restore(q.store(value)) - value);
                // Within a bin finer than a step, rounding costs what a uniform error does.
                let rounding = f64::from(q.scale).powi(2) / 12.0;
                n * if clipped.abs() > f64::from(q.scale) { clipped * clipped } else { rounding }
            })
            .sum()
        };
        let candidates = (50..=100).map(|percent| {
            let share = percent as f32 / 100.0;
            Quantisation::covering(self.low * share, self.high * share)
        });
        candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).expect("there are candidates")
    }
}

/// One quantisation for each node. Tensors that only move values share that of their source.
fn activation_scales(graph: &Graph, convs: &[Option<Folded>], calibration: &[Tensor]) -> Result<Vec<Quantisation>> {
    let tensors: BTreeMap<&str, [Tensor; 2]> = graph
        .convs()
        .map(|(node, conv)| {
            let index = graph.nodes.iter().position(|n| n.name == node.name).expect("the node is in its graph");
            let folded = convs[index].as_ref().expect("convolutions are folded");
            let shape = [conv.outputs, conv.inputs, conv.kernel, conv.kernel].map(|v| v as i64);
            (node.name.as_str(), [Tensor::from_slice(&folded.weight).view(shape), Tensor::from_slice(&folded.bias)])
        })
        .collect();
    let run = |images: &Tensor| {
        evaluate(graph, images, |name, conv, x| {
            let [weight, bias] = &tensors[name];
            conv2d(x, weight, Some(bias), conv)
        })
    };
    let _guard = tch::no_grad_guard();
    let mut ranges = vec![(0.0_f32, 0.0_f32); graph.nodes.len()];
    for images in calibration {
        for (range, value) in ranges.iter_mut().zip(run(images)) {
            let number = |t: Tensor| f64::try_from(t).expect("a number") as f32;
            *range = (range.0.min(number(value.min())), range.1.max(number(value.max())));
        }
    }
    let mut histograms: Vec<Histogram> = ranges
        .iter()
        .map(|&(low, high)| Histogram { low, high: high.max(low + 1e-6), counts: vec![0.0; BINS] })
        .collect();
    for images in calibration {
        for (histogram, value) in histograms.iter_mut().zip(run(images)) {
            histogram.count(&plain(&value));
        }
    }
    let mut scales: Vec<Quantisation> = Vec::with_capacity(graph.nodes.len());
    for (i, node) in graph.nodes.iter().enumerate() {
        let scale = match node.op {
            Op::Image => PIXELS,
            // Written as a constant in the scale of what it is joined with.
            Op::Coordinates => PIXELS,
            Op::MaxPool | Op::Upsample => scales[node.inputs[0]],
            Op::Concat => {
                let scale = scales[node.inputs[0]];
                // Coordinates take the scale of what they are joined with.
                let mut maps = node.inputs.iter().filter(|&&part| graph.nodes[part].op != Op::Coordinates);
                ensure!(
                    maps.all(|&part| scales[part] == scale),
                    "blocks that join convolutions are not quantised; they stay float"
                );
                scale
            }
            // Peaks are rare and they are what counts: no clipping in the heatmaps.
            Op::Conv(_) if graph.outputs.contains(&i) => Quantisation::covering(ranges[i].0, ranges[i].1),
            Op::Conv(_) | Op::Add { .. } => histograms[i].best(),
            Op::Gate { .. } => bail!("nets gated by a boundary are not quantised; they stay float"),
        };
        ensure!(
            scale.scale.is_finite(),
            "{} gives numbers without end: the training has diverged; train anew with a lower --rate",
            node.name
        );
        scales.push(scale);
    }
    Ok(scales)
}

fn write(name: &str, graph: &Graph, convs: &[Option<Folded>], scales: &[Quantisation], limit: f32) -> Vec<u8> {
    let mut onnx = OnnxGraph::new(name);
    let output = *graph.outputs.last().expect("a net has an output");
    let mut names: Vec<String> = Vec::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let input = |k: usize| names[node.inputs[k]].as_str();
        let out = node.name.as_str();
        let value = match &node.op {
            Op::Image => {
                let image = onnx.input(INPUT, &[1, node.shape[0], node.shape[1], node.shape[2]]);
                let q = quantisation_constants(&mut onnx, "pixels", scales[i]);
                onnx.node("QuantizeLinear", "", "image.stored", &[&image, &q[0], &q[1]], vec![])
            }
            Op::Coordinates => String::new(),
            Op::Concat => {
                let mut parts = Vec::new();
                for &part in &node.inputs {
                    if graph.nodes[part].op == Op::Coordinates {
                        let [c, rows, columns] = graph.nodes[part].shape;
                        let place = CoordinatePlace::of(graph, i, scales[i]);
                        let values = Graph::coordinate_values(graph.nodes[part].shape);
                        let stored: Vec<u8> = values.iter().map(|&v| place.store(v, scales[i])).collect();
                        let constant = &graph.nodes[part].name;
                        parts.push(onnx.constant(constant, &[1, c, rows, columns], Numbers::U8(&stored)));
                    } else {
                        parts.push(names[part].clone());
                    }
                }
                onnx.concat(out, &parts.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Op::Conv(conv) => {
                let folded = convs[i].as_ref().expect("convolutions are folded");
                let source = node.inputs[0];
                let adjusted = adjust_for_coordinates(graph, source, scales[source], conv, folded);
                let quantised = quantise_conv(&adjusted, scales[source].scale, limit);
                quantised.write(&mut onnx, out, input(0), conv, [scales[source], scales[i]])
            }
            Op::Add { .. } => {
                let (a, b) = (node.inputs[0], node.inputs[1]);
                let constants = [("a", scales[a]), ("b", scales[b]), ("y", scales[i])]
                    .map(|(part, q)| quantisation_constants(&mut onnx, &format!("{out}.{part}"), q));
                let [qa, qb, qy] = &constants;
                let inputs = [input(0), &qa[0], &qa[1], input(1), &qb[0], &qb[1], &qy[0], &qy[1]];
                onnx.node("QLinearAdd", MICROSOFT, out, &inputs, vec![])
            }
            Op::MaxPool => onnx.max_pool(out, input(0)),
            Op::Upsample => onnx.upsample(out, input(0)),
            Op::Gate { .. } => unreachable!("refused with the scales"),
        };
        names.push(value);
    }
    let q = quantisation_constants(&mut onnx, OUTPUT, scales[output]);
    onnx.node("DequantizeLinear", "", OUTPUT, &[&names[output], &q[0], &q[1]], vec![]);
    let [c, rows, columns] = graph.shape(output);
    onnx.output(OUTPUT, &[1, c, rows, columns]);
    onnx.encode()
}

fn quantisation_constants(onnx: &mut OnnxGraph, name: &str, q: Quantisation) -> [String; 2] {
    [
        onnx.constant(format!("{name}.scale"), &[], Numbers::F32(&[q.scale])),
        onnx.constant(format!("{name}.zero_point"), &[], Numbers::U8(&[q.zero_point])),
    ]
}

/// How coordinates of -1 to 1 are stored beside an activation, whose scale they have to share.
#[derive(Clone, Copy)]
enum CoordinatePlace {
    /// As themselves: the convolution pads with zeros, which have to keep their meaning.
    AsIs,
    /// Stretched over all that the scale can hold; the convolution's weights and bias undo it.
    Stretched,
}

impl CoordinatePlace {
    fn of(graph: &Graph, concat: usize, q: Quantisation) -> Self {
        let padded = graph.nodes.iter().any(|n| matches!(&n.op, Op::Conv(c) if n.inputs == [concat] && c.kernel > 1));
        if padded || q == PIXELS { CoordinatePlace::AsIs } else { CoordinatePlace::Stretched }
    }

    fn store(self, value: f32, q: Quantisation) -> u8 {
        match self {
            CoordinatePlace::AsIs => q.store(value),
            CoordinatePlace::Stretched => ((value + 1.0) * 127.5).round() as u8,
        }
    }
}

/// The convolution as it has to be for the coordinates as they are stored.
fn adjust_for_coordinates(graph: &Graph, source: usize, q: Quantisation, conv: &Conv, folded: &Folded) -> Folded {
    // A stored s has the real value (s - zero_point) * scale and means s / 127.5 - 1.
    let (gain, offset) = stretching(q);
    of_coordinates(graph, source, q, conv, folded, |weight, bias| {
        *bias += *weight * offset;
        *weight *= gain;
    })
}

/// The convolution as it was before [`adjust_for_coordinates`].
pub fn restore_coordinates(graph: &Graph, source: usize, q: Quantisation, conv: &Conv, folded: &Folded) -> Folded {
    let (gain, offset) = stretching(q);
    of_coordinates(graph, source, q, conv, folded, |weight, bias| {
        *weight /= gain;
        *bias -= *weight * offset;
    })
}

fn stretching(q: Quantisation) -> (f32, f32) {
    (1.0 / (127.5 * q.scale), f32::from(q.zero_point) / 127.5 - 1.0)
}

/// The convolution with a change of each weight, and its filter's bias, that reads stretched
/// coordinates.
fn of_coordinates(
    graph: &Graph,
    source: usize,
    q: Quantisation,
    conv: &Conv,
    folded: &Folded,
    change: impl Fn(&mut f32, &mut f32),
) -> Folded {
    let mut changed = Folded { weight: folded.weight.clone(), bias: folded.bias.clone() };
    let node = &graph.nodes[source];
    if node.op != Op::Concat || !matches!(CoordinatePlace::of(graph, source, q), CoordinatePlace::Stretched) {
        return changed;
    }
    let mut first = 0;
    for &part in &node.inputs {
        let count = graph.shape(part)[0];
        if graph.nodes[part].op == Op::Coordinates {
            for (filter, bias) in changed.weight.chunks_mut(conv.inputs).zip(&mut changed.bias) {
                filter[first..first + count].iter_mut().for_each(|weight| change(weight, bias));
            }
        }
        first += count;
    }
    changed
}

struct QuantisedConv {
    weight: Vec<i8>,
    scales: Vec<f32>,
    bias: Vec<i32>,
}

fn quantise_conv(folded: &Folded, input_scale: f32, limit: f32) -> QuantisedConv {
    let taps = folded.weight.len() / folded.bias.len();
    let mut quantised = QuantisedConv { weight: vec![], scales: vec![], bias: vec![] };
    for (filter, bias) in folded.weight.chunks(taps).zip(&folded.bias) {
        // A filter that is next to nothing has a bias all the same, which has to fit into 32 bits.
        let least = bias.abs() / (input_scale * LARGEST_BIAS);
        let scale = weight_scale(filter, limit).max(least);
        quantised.weight.extend(filter.iter().map(|w| (w / scale).round().clamp(-limit, limit) as i8));
        quantised.bias.push((f64::from(*bias) / (f64::from(input_scale) * f64::from(scale))).round() as i32);
        quantised.scales.push(scale);
    }
    quantised
}

/// The scale that loses least of a filter, in the mean square: a little clipping buys finer steps.
fn weight_scale(filter: &[f32], limit: f32) -> f32 {
    let largest = filter.iter().fold(0.0_f32, |m, w| m.max(w.abs())).max(1e-8);
    let loss = |scale: f32| -> f32 {
        filter.iter().map(|w| (w - (w / scale).round().clamp(-limit, limit) * scale).powi(2)).sum()
    };
    let candidates = (0..=30).map(|i| largest / limit * (1.0 - 0.01 * i as f32));
    candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).expect("there are candidates")
}

impl QuantisedConv {
    fn write(&self, onnx: &mut OnnxGraph, out: &str, x: &str, conv: &Conv, [from, to]: [Quantisation; 2]) -> String {
        let Conv { kernel, stride, inputs, outputs, .. } = *conv;
        let [x_scale, x_zero] = quantisation_constants(onnx, &format!("{out}.x"), from);
        let [y_scale, y_zero] = quantisation_constants(onnx, &format!("{out}.y"), to);
        let weight =
            onnx.constant(format!("{out}.weight"), &[outputs, inputs, kernel, kernel], Numbers::I8(&self.weight));
        let w_scale = onnx.constant(format!("{out}.w.scale"), &[outputs], Numbers::F32(&self.scales));
        let w_zero = onnx.constant(format!("{out}.w.zero_point"), &[outputs], Numbers::I8(&vec![0; outputs]));
        let bias = onnx.constant(format!("{out}.bias"), &[outputs], Numbers::I32(&self.bias));
        let inputs = [x, &x_scale, &x_zero, &weight, &w_scale, &w_zero, &y_scale, &y_zero, &bias];
        onnx.node("QLinearConv", "", out, &inputs, conv_attributes(kernel, stride))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_stored_exactly_and_the_range_is_covered() {
        for (low, high) in [(-1.0, 2.0), (0.0, 6.0), (-3.0, 0.5), (0.2, 0.9)] {
            let q = Quantisation::covering(low, high);
            assert_eq!(q.restore(q.store(0.0)), 0.0);
            for value in [low, high] {
                assert!((q.restore(q.store(value)) - value).abs() <= q.scale, "{value} in {q:?}");
            }
        }
    }

    #[test]
    fn a_few_outliers_are_clipped() {
        let mut counts = vec![0.0; BINS];
        counts[..BINS / 2].fill(1000.0);
        counts[BINS - 1] = 1.0;
        let q = Histogram { low: 0.0, high: 10.0, counts }.best();
        assert!((4.9..6.0).contains(&(q.scale * 255.0)), "{q:?}");
        assert_eq!(q.zero_point, 0);
    }

    #[test]
    fn a_filter_without_weights_keeps_its_bias() {
        let folded = Folded { weight: vec![0.0, 0.0, 1e-12, -1e-12, 0.5, -0.25], bias: vec![0.7, -3.0, 0.1] };
        let quantised = quantise_conv(&folded, 0.01, 63.0);
        for ((stored, scale), bias) in quantised.bias.iter().zip(&quantised.scales).zip(&folded.bias) {
            let restored = *stored as f32 * scale * 0.01;
            assert!((restored - bias).abs() <= 1e-3 * bias.abs(), "{restored} is not {bias}");
        }
        assert_eq!(quantised.weight[..5], [0, 0, 0, 0, 63]);
    }

    #[test]
    fn stretched_coordinates_mean_the_same() {
        // A 1x1 convolution over one feature and the three coordinates.
        let mut graph = Graph::default();
        let image = graph.image(4);
        let feature = graph.conv("f", image, 1, 1, 1, true);
        let coordinates = graph.coordinates("c", [4, 4]);
        let joined = graph.concat("j", &[feature, coordinates]);
        let out = graph.linear("o", joined, 1);
        graph.outputs.push(out);
        let Op::Conv(conv) = graph.nodes[out].op.clone() else { unreachable!() };
        let folded = Folded { weight: vec![1.0, 0.5, -0.25, 2.0], bias: vec![0.1] };
        for q in [Quantisation { scale: 0.02, zero_point: 0 }, Quantisation { scale: 0.05, zero_point: 90 }] {
            let adjusted = adjust_for_coordinates(&graph, joined, q, &conv, &folded);
            let place = CoordinatePlace::of(&graph, joined, q);
            for (x, y, r) in [(-1.0, 1.0, 1.0), (0.2, -0.6, 0.3)] {
                let expected = 0.1 + 0.5 * x - 0.25 * y + 2.0 * r;
                let stored = [x, y, r].map(|v| q.restore(place.store(v, q)));
                let found = adjusted.bias[0] + (0..3).map(|i| adjusted.weight[1 + i] * stored[i]).sum::<f32>();
                assert!((found - expected).abs() < 0.02, "{found} is not {expected}");
            }
        }
    }
}
