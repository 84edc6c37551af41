//! A shipped model as the start of training: its int8 weights made float again, so that a net can
//! be trained on without the checkpoint that it came from, or grown from a smaller one (Chen,
//! Goodfellow, Shlens, "Net2Net", ICLR 2016).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use prost::Message;
use tch::{Device, Kind, Tensor};
use tract_onnx::pb::{ModelProto, TensorProto};

use crate::graph::{Conv, Graph, Op};
use crate::net::{Folded, NORM_EPSILON, Weights, conv2d, evaluate, new_filter_length};
use crate::quantise::{Quantisation, restore_coordinates};

/// Weights that give the heatmaps of the ONNX file `model`, but for rounding. The
/// normalisations, which the file has folded, are set to change nothing on `images`
/// `[batch, 3, side, side]`, which are not on a GPU. Maps that the file lacks start as in a new
/// net; so do channels and blocks that it lacks, of which nothing that it has reads anything at
/// first.
///
/// # Errors
/// When the file is not one that this trainer made of the same preset or of a narrower one.
pub fn weights_of(model: &[u8], graph: &Graph, images: &Tensor, device: Device) -> Result<Weights> {
    let file = Constants::of(ModelProto::decode(model).context("it is no ONNX")?);
    let weights = Weights::new(graph, Device::Cpu);
    let mut starts = BTreeMap::new();
    for (node, conv) in graph.convs() {
        let stored = file.conv(graph, &node.name, node.inputs[0], conv).context("it does not fit the preset")?;
        let weight = weights.get(&format!("{}.weight", node.name));
        let bias = Tensor::zeros(conv.outputs as i64, (Kind::Float, Device::Cpu));
        let mut gain = 1.0;
        tch::no_grad(|| match stored {
            Some(folded) => {
                let outputs = folded.bias.len() as i64;
                let kernel = conv.kernel as i64;
                let from_file = Tensor::from_slice(&folded.weight).view([outputs, -1, kernel, kernel]);
                let (known, inputs) = (weight.narrow(0, 0, outputs), from_file.size()[1]);
                let _ = known.shallow_clone().zero_();
                known.narrow(1, 0, inputs).copy_(&from_file);
                bias.narrow(0, 0, outputs).copy_(&Tensor::from_slice(&folded.bias));
            }
            // What was passed on as it is goes through the first channels of a projection.
            None if node.name.ends_with(".project") => {
                let same = conv.inputs.min(conv.outputs) as i64;
                let eye = Tensor::eye(same, (Kind::Float, Device::Cpu)).view([same, same, 1, 1]);
                let known = weight.narrow(0, 0, same);
                let _ = known.shallow_clone().zero_();
                known.narrow(1, 0, same).copy_(&eye);
            }
            // A new block starts by passing on what it gets.
            None if node.name.ends_with(".conv1") => gain = 0.0,
            None => {}
        });
        if !conv.normalised {
            tch::no_grad(|| weights.get(&format!("{}.bias", node.name)).shallow_clone().copy_(&bias));
        }
        starts.insert(node.name.clone(), Start { bias, gain });
    }
    file.used_up(graph).context("it does not fit the preset")?;
    tch::no_grad(|| set_norms(graph, &weights, &starts, images));
    let moved = Weights::new(graph, device);
    tch::no_grad(|| weights.tensors.iter().for_each(|(name, tensor)| moved.get(name).shallow_clone().copy_(tensor)));
    Ok(moved)
}

/// What comes out of a convolution at first is `gain` times the product with its weights, and
/// `bias`.
struct Start {
    /// `[outputs]`
    bias: Tensor,
    gain: f64,
}

/// Makes each normalisation undo itself: what it takes off and divides by, it puts back. Filters
/// get the length that those of a new net have, as that decides how fast they learn.
fn set_norms(graph: &Graph, weights: &Weights, starts: &BTreeMap<String, Start>, images: &Tensor) {
    let seen: RefCell<BTreeMap<String, [Tensor; 2]>> = RefCell::default();
    evaluate(graph, images, |name, conv, x| {
        let y = conv2d(x, weights.get(&format!("{name}.weight")), None, conv);
        let axes = [0, 2, 3].as_slice();
        let moments = [y.mean_dim(axes, false, Kind::Float), y.var_dim(axes, false, false)];
        seen.borrow_mut().insert(name.into(), moments);
        let Start { bias, gain } = &starts[name];
        y * *gain + bias.view([1, -1, 1, 1])
    });
    let seen = seen.into_inner();
    for (node, conv) in graph.convs().filter(|(_, conv)| conv.normalised) {
        let of = |part: &str| weights.get(&format!("{}.{part}", node.name)).shallow_clone();
        let [mean, variance] = &seen[&node.name];
        let mut weight = of("weight");
        let length = weight.square().sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Float).sqrt();
        let factor = length.clamp_min(1e-6).reciprocal() * new_filter_length(conv);
        let _ = weight.g_mul_(&factor.view([-1, 1, 1, 1]));
        let variance = variance * factor.square();
        of("norm.mean").copy_(&(mean * &factor));
        let Start { bias, gain } = &starts[&node.name];
        of("norm.scale").copy_(&((&variance + NORM_EPSILON).sqrt() / &factor * *gain));
        of("norm.variance").copy_(&variance);
        of("norm.bias").copy_(&(mean * *gain + bias));
    }
}

/// The numbers that stand in an ONNX file, by name.
struct Constants(HashMap<String, TensorProto>);

impl Constants {
    fn of(model: ModelProto) -> Constants {
        let initialisers = model.graph.map(|graph| graph.initializer).unwrap_or_default();
        Constants(initialisers.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect())
    }

    fn get(&self, name: &str) -> Result<&TensorProto> {
        self.0.get(name).with_context(|| format!("it has no {name}"))
    }

    fn f32s(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.get(name)?.raw_data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// The convolution `name`, which reads node `source`, as it was before it was quantised; fewer
    /// outputs and inputs than `conv` if the file's net is narrower, none if it has no such
    /// convolution because a block of it is missing or projects nothing.
    fn conv(&self, graph: &Graph, name: &str, source: usize, conv: &Conv) -> Result<Option<Folded>> {
        if self.lacks(name) {
            return Ok(None);
        }
        let stored = self.get(&format!("{name}.weight"))?;
        let kernel = conv.kernel as i64;
        let expected = [conv.outputs as i64, conv.inputs as i64, kernel, kernel];
        // New inputs are the last ones; of a joined tensor they would be in its middle.
        let joined = graph.nodes[source].op == Op::Concat;
        let narrower = matches!(stored.dims[..], [o, i, h, w] if [h, w] == expected[2..]
            && (1..=expected[0]).contains(&o) && (1..=expected[1]).contains(&i) && (i == expected[1] || !joined));
        ensure!(narrower, "its {name}.weight is {:?}, expected {expected:?} or fewer channels", stored.dims);
        let scales = self.f32s(&format!("{name}.w.scale"))?;
        let bias = self.get(&format!("{name}.bias"))?.raw_data.as_chunks().0;
        let (input_scale, zero_point) =
            (self.f32s(&format!("{name}.x.scale"))?, &self.get(&format!("{name}.x.zero_point"))?.raw_data);
        let outputs = stored.dims[0] as usize;
        let taps = stored.dims[1] as usize * conv.kernel * conv.kernel;
        ensure!(
            scales.len() == outputs && bias.len() == outputs && stored.raw_data.len() == outputs * taps,
            "its {name} has {} weights, {} scales and {} biases, expected {}, {outputs} and {outputs}",
            stored.raw_data.len(),
            scales.len(),
            bias.len(),
            outputs * taps
        );
        let ([scale], [zero_point]) = (&input_scale[..], &zero_point[..]) else {
            anyhow::bail!("its {name} has an input of several scales, expected one");
        };
        let weights = stored.raw_data.chunks(taps).zip(&scales);
        let folded = Folded {
            weight: weights.flat_map(|(row, s)| row.iter().map(move |w| f32::from(w.cast_signed()) * s)).collect(),
            bias: bias.iter().zip(&scales).map(|(&b, s)| i32::from_le_bytes(b) as f32 * scale * s).collect(),
        };
        let q = Quantisation { scale: *scale, zero_point: *zero_point };
        Ok(Some(restore_coordinates(graph, source, q, conv, &folded)))
    }

    /// Whether the file's net has no convolution `name` where this one has a block more, or a
    /// projection in a block.
    fn lacks(&self, name: &str) -> bool {
        let lacks = |part: &str| !self.0.contains_key(&format!("{part}.weight"));
        match name.rsplit_once('.') {
            Some((_, "project")) => lacks(name),
            Some((block, "conv0" | "conv1")) => ["conv0", "conv1"].iter().all(|conv| lacks(&format!("{block}.{conv}"))),
            _ => false,
        }
    }

    /// # Errors
    /// When there is a convolution that `graph` does not have.
    fn used_up(&self, graph: &Graph) -> Result<()> {
        let known: HashSet<&str> = graph.convs().map(|(node, _)| node.name.as_str()).collect();
        let left = self.0.keys().filter_map(|name| name.strip_suffix(".weight")).find(|name| !known.contains(name));
        ensure!(left.is_none(), "it has a {}, which the preset has not", left.unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Phase, Precision, forward};
    use crate::presets::Preset;
    use crate::quantise::quantise;

    #[test]
    fn a_quantised_net_comes_back() {
        tch::manual_seed(5);
        let graph = Preset { input_px: 64, ..Preset::named("nano").unwrap() }.graph(69);
        let images = Tensor::randn([8, 3, 64, 64], (Kind::Float, Device::Cpu)).clamp(-1.0, 0.99);
        let weights = Weights::new(&graph, Device::Cpu);
        let _guard = tch::no_grad_guard();
        forward(&graph, &weights, &images, Phase::Train, Precision::F32);
        // Heads as small as those of a new net would be all rounding.
        for name in ["stack0.heatmaps.weight", "stack0.heatmaps.bias"] {
            let tensor = weights.get(name);
            tensor.shallow_clone().copy_(&(tensor.randn_like() * 0.1));
        }
        let file = quantise("nano", &graph, &weights, 68, &[images.shallow_clone()], 127).unwrap().onnx;

        let found = weights_of(&file, &graph, &images, Device::Cpu).unwrap();
        let maps = |weights: &Weights, phase| {
            forward(&graph, weights, &images, phase, Precision::F32).pop().unwrap().narrow(1, 0, 68)
        };
        let expected = maps(&weights, Phase::Infer);
        for phase in [Phase::Infer, Phase::Train] {
            let error = f64::try_from((maps(&found, phase) - &expected).std(false)).unwrap();
            let size = f64::try_from(expected.std(false)).unwrap();
            assert!(error < 0.1 * size, "{phase:?}: {error} of {size}");
        }

        let tiny = Preset::named("tiny").unwrap().graph(69);
        let error = format!("{:#}", weights_of(&file, &tiny, &images, Device::Cpu).err().unwrap());
        assert!(
            error.contains("down.conv0.weight is [48, 32, 3, 3], expected [32, 32, 3, 3] or fewer channels"),
            "{error}"
        );
    }

    #[test]
    fn a_net_grows() {
        tch::manual_seed(6);
        let narrow = Preset { input_px: 64, ..Preset::named("nano").unwrap() };
        let images = Tensor::randn([8, 3, 64, 64], (Kind::Float, Device::Cpu)).clamp(-1.0, 0.99);
        let _guard = tch::no_grad_guard();
        let graph = narrow.graph(68);
        let weights = Weights::new(&graph, Device::Cpu);
        forward(&graph, &weights, &images, Phase::Train, Precision::F32);
        let file = quantise("nano", &graph, &weights, 68, &[images.shallow_clone()], 127).unwrap().onnx;

        let maps = |graph: &Graph, phase| {
            let weights = weights_of(&file, graph, &images, Device::Cpu).unwrap();
            forward(graph, &weights, &images, phase, Precision::F32).pop().unwrap()
        };
        let wide = Preset { widths: &[32, 64, 96, 128, 160], head_block: true, ..narrow }.graph(68);
        for phase in [Phase::Infer, Phase::Train] {
            let (expected, found) = (maps(&graph, phase), maps(&wide, phase));
            let error = f64::try_from((&found - &expected).abs().max()).unwrap();
            let size = f64::try_from(expected.std(false)).unwrap();
            assert!(error < 1e-3 * size, "{phase:?}: {error} of {size}");
        }
    }
}
