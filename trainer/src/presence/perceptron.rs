//! One hidden layer, taught with as much weight on faces as on the rest.

use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};
use wingmark::face::presence::{FEATURES, PresenceModel, Unit};

use super::gather::{Example, Shows};

const UNITS: i64 = 24;
const STEPS: usize = 3000;
const BATCH: i64 = 256;
const DROPOUT: f64 = 0.1;
/// So many times does a face count that is turned far to a side.
const TURNED_TIMES: f32 = 3.0;
/// Of faceless looks that were held out, this share has more presence than [`ALARM`].
const ALARMS: f64 = 5e-4;
/// More than a face that is followed needs, and less than a new one does.
const ALARM: f32 = 0.6;

/// The alarms of held-out faceless looks set the bias.
pub fn train(examples: &[Example]) -> PresenceModel {
    tch::manual_seed(1);
    let taught: Vec<&Example> = examples.iter().filter(|example| !example.held_out).collect();
    let count = taught.len() as i64;
    let numbers: Vec<f32> = taught.iter().flat_map(|example| example.features).collect();
    let features = Tensor::from_slice(&numbers).view([count, FEATURES as i64]);
    let truth = Tensor::from_slice(&taught.iter().map(|e| f32::from(e.shows == Shows::Face)).collect::<Vec<_>>());
    let faces = truth.mean(Kind::Float).double_value(&[]);
    let times: Vec<f32> = taught.iter().map(|e| if e.is_turned { TURNED_TIMES } else { 1.0 }).collect();
    let weight = &truth * (0.5 / faces) + (&truth * -1.0 + 1.0) * (0.5 / (1.0 - faces));
    let weight = weight * Tensor::from_slice(&times);
    let mean = features.mean_dim([0i64].as_slice(), false, Kind::Float);
    let deviation = features.std_dim([0i64].as_slice(), true, false) + 1e-3;
    let features = (features - &mean) / &deviation;

    let store = nn::VarStore::new(Device::Cpu);
    let hidden = nn::linear(store.root() / "hidden", FEATURES as i64, UNITS, nn::LinearConfig::default());
    let out = nn::linear(store.root() / "out", UNITS, 1, nn::LinearConfig::default());
    let mut optimiser = nn::AdamW { wd: 0.05, ..nn::AdamW::default() }.build(&store, 3e-3).expect("there are weights");
    for step in 0..STEPS {
        optimiser.set_lr(3e-3 * (1.0 - step as f64 / STEPS as f64));
        let some = Tensor::randint(count, [BATCH], (Kind::Int64, Device::Cpu));
        let seen = features.index_select(0, &some).dropout(DROPOUT, true);
        let logits = out.forward(&hidden.forward(&seen).tanh()).squeeze_dim(1);
        let loss = logits.binary_cross_entropy_with_logits(
            &truth.index_select(0, &some),
            Some(&weight.index_select(0, &some)),
            None,
            Reduction::Mean,
        );
        optimiser.backward_step(&loss);
    }
    let numbers = |tensor: &Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).expect("floats");
    let weights = &hidden.ws / &deviation;
    let shift = weights.matmul(&mean);
    let biases = numbers(&(hidden.bs.as_ref().expect("it has a bias") - shift));
    let (weights, outs) = (numbers(&weights), numbers(&out.ws));
    let unit = |(i, row): (usize, &[f32; FEATURES])| Unit { out: outs[i], bias: biases[i], weights: Box::new(*row) };
    let units = weights.as_chunks().0.iter().enumerate().map(unit).collect();
    let mut model = PresenceModel { bias: 0.0, units };
    let faceless = examples.iter().filter(|e| e.held_out && matches!(e.shows, Shows::Nothing | Shows::Mistaken));
    let mut alarms: Vec<f32> = faceless.map(|e| logit(&model, e)).collect();
    alarms.sort_unstable_by(|a, b| b.total_cmp(a));
    if let Some(limit) = alarms.get((ALARMS * alarms.len() as f64) as usize) {
        model.bias = (ALARM / (1.0 - ALARM)).ln() - limit;
    }
    model
}

fn logit(model: &PresenceModel, example: &Example) -> f32 {
    let presence = model.of(&example.features).clamp(1e-7, 1.0 - 1e-7);
    (presence / (1.0 - presence)).ln()
}
