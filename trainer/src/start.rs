//! A shipped model as the start of training: its int8 weights made float again, so that a net can be trained on without the
//! checkpoint that it came from.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use prost::Message;
use tch::{Device, Kind, Tensor};
use tract_onnx::pb::{ModelProto, TensorProto};

use crate::graph::{Conv, Graph};
use crate::net::{Folded, NORM_EPSILON, Weights, conv2d, evaluate, new_filter_length};
use crate::quantise::{Quantisation, restore_coordinates};

/// Weights that give the heatmaps of `model.onnx` in `folder`, but for rounding. The normalisations, which the file has folded, are
/// set to change nothing on `images` `[batch, 3, side, side]`, which are not on a GPU. Maps that the file lacks start as in a new net.
///
/// # Errors
/// When the file is not one that this trainer made of the same preset.
pub fn weights_of(folder: &Path, graph: &Graph, images: &Tensor, device: Device) -> Result<Weights> {
    let path = folder.join("model.onnx");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = ModelProto::decode(bytes.as_slice()).with_context(|| format!("{} is no ONNX", path.display()))?;
    let file = Constants::of(model);
    let weights = Weights::new(graph, Device::Cpu);
    let mut biases = BTreeMap::new();
    for (node, conv) in graph.convs() {
        let folded = file
            .conv(graph, &node.name, node.inputs[0], conv)
            .with_context(|| format!("{} does not fit the preset", path.display()))?;
        let found = folded.bias.len() as i64;
        let shape = [found, conv.inputs as i64, conv.kernel as i64, conv.kernel as i64];
        let weight = Tensor::from_slice(&folded.weight).view(shape);
        let bias = Tensor::from_slice(&folded.bias);
        tch::no_grad(|| {
            weights.get(&format!("{}.weight", node.name)).narrow(0, 0, found).copy_(&weight);
            if !conv.normalised {
                weights.get(&format!("{}.bias", node.name)).narrow(0, 0, found).copy_(&bias);
            }
        });
        biases.insert(node.name.clone(), bias);
    }
    tch::no_grad(|| set_norms(graph, &weights, &biases, images));
    let moved = Weights::new(graph, device);
    tch::no_grad(|| weights.tensors.iter().for_each(|(name, tensor)| moved.get(name).shallow_clone().copy_(tensor)));
    Ok(moved)
}

/// Makes each normalisation undo itself: what it takes off and divides by, it puts back. Filters get the length that those of a new
/// net have, as that decides how fast they learn.
fn set_norms(graph: &Graph, weights: &Weights, biases: &BTreeMap<String, Tensor>, images: &Tensor) {
    let seen: RefCell<BTreeMap<String, [Tensor; 2]>> = RefCell::default();
    evaluate(graph, images, |name, conv, x| {
        let y = conv2d(x, weights.get(&format!("{name}.weight")), None, conv);
        let axes = [0, 2, 3].as_slice();
        let moments = [y.mean_dim(axes, false, Kind::Float), y.var_dim(axes, false, false)];
        seen.borrow_mut().insert(name.into(), moments);
        let bias = if conv.normalised { &biases[name] } else { weights.get(&format!("{name}.bias")) };
        y + bias.view([1, -1, 1, 1])
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
        of("norm.scale").copy_(&((&variance + NORM_EPSILON).sqrt() / &factor));
        of("norm.variance").copy_(&variance);
        of("norm.bias").copy_(&(mean + &biases[&node.name]));
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

    /// The convolution `name`, which reads node `source`, as it was before it was quantised.
    fn conv(&self, graph: &Graph, name: &str, source: usize, conv: &Conv) -> Result<Folded> {
        let stored = self.get(&format!("{name}.weight"))?;
        let (inputs, kernel) = (conv.inputs as i64, conv.kernel as i64);
        let expected = [conv.outputs as i64, inputs, kernel, kernel];
        // Only heads may lack maps: those that nothing reads at run time.
        let same = matches!(stored.dims[..], [o, i, h, w] if [i, h, w] == expected[1..]
            && (o == expected[0] || (!conv.normalised && (1..expected[0]).contains(&o))));
        ensure!(same, "its {name}.weight is {:?}, expected {expected:?}", stored.dims);
        let scales = self.f32s(&format!("{name}.w.scale"))?;
        let bias = self.get(&format!("{name}.bias"))?.raw_data.as_chunks().0;
        let (input_scale, zero_point) =
            (self.f32s(&format!("{name}.x.scale"))?, &self.get(&format!("{name}.x.zero_point"))?.raw_data);
        let outputs = stored.dims[0] as usize;
        let taps = conv.inputs * conv.kernel * conv.kernel;
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
        Ok(restore_coordinates(graph, source, q, conv, &folded))
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
        let folder = tempfile::tempdir().unwrap();
        let file = quantise("nano", &graph, &weights, 68, &[images.shallow_clone()], 127).unwrap().onnx;
        fs::write(folder.path().join("model.onnx"), file).unwrap();

        let found = weights_of(folder.path(), &graph, &images, Device::Cpu).unwrap();
        let maps = |weights: &Weights, phase| {
            forward(&graph, weights, &images, phase, Precision::F32).pop().unwrap().narrow(1, 0, 68)
        };
        let expected = maps(&weights, Phase::Infer);
        for phase in [Phase::Infer, Phase::Train] {
            let error = f64::try_from((maps(&found, phase) - &expected).std(false)).unwrap();
            let size = f64::try_from(expected.std(false)).unwrap();
            assert!(error < 0.1 * size, "{phase:?}: {error} of {size}");
        }

        let small = Preset { input_px: 64, ..Preset::named("small").unwrap() }.graph(69);
        let error = format!("{:#}", weights_of(folder.path(), &small, &images, Device::Cpu).err().unwrap());
        assert!(error.contains("stem.conv0.weight is [16, 6, 3, 3], expected [32, 6, 3, 3]"), "{error}");
    }
}
