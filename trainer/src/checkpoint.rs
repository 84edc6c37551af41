//! The state of a training run in one file, replaced in one step, so that a run can be killed at
//! any moment.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::graph::Graph;
use crate::net::Weights;
use crate::optimiser::AdamW;
use crate::presets::Preset;
use crate::task::landmarks::Method;

/// What was trained and how; part of every checkpoint, so that a file says all that is needed to
/// use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub preset: String,
    pub channels: usize,
    pub method: Method,
    pub coordinates: bool,
    pub steps: u64,
    pub batch_size: usize,
    pub rate: f64,
    pub decay: f64,
    pub seed: u64,
    /// The arguments of `wingmark-trainer` that train this net: data sets, start and teacher
    /// included.
    pub command: String,
}

impl Recipe {
    /// The net that the recipe trains.
    pub fn graph(&self) -> Result<Graph> {
        Ok(self.preset()?.graph(self.channels))
    }

    pub fn preset(&self) -> Result<Preset> {
        let mut preset = Preset::named(&self.preset).with_context(|| format!("unknown preset {:?}", self.preset))?;
        preset.coordinates = self.coordinates;
        Ok(preset)
    }
}

pub struct Checkpoint {
    pub recipe: Recipe,
    /// Steps done.
    pub step: u64,
    pub weights: Weights,
    pub average: Weights,
    pub optimiser: AdamW,
}

const RECIPE: &str = "recipe";
const STEP: &str = "step";

impl Checkpoint {
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(&self.recipe)?;
        let mut named = vec![
            (RECIPE.to_string(), Tensor::from_slice(&text)),
            (STEP.to_string(), Tensor::from_slice(&[self.step as i64])),
        ];
        let mut put = |prefix: &str, name: &str, tensor: &Tensor| {
            named.push((format!("{prefix}/{name}"), tensor.detach().to_device(Device::Cpu).contiguous()));
        };
        self.weights.tensors.iter().for_each(|(name, t)| put("weights", name, t));
        self.average.tensors.iter().for_each(|(name, t)| put("average", name, t));
        for (name, [first, second]) in &self.optimiser.moments {
            put("first", name, first);
            put("second", name, second);
        }
        let fresh = path.with_extension("new");
        Tensor::write_safetensors(&named, &fresh).with_context(|| format!("cannot write {}", fresh.display()))?;
        File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, path).with_context(|| format!("cannot replace {}", path.display()))
    }

    /// Reads a checkpoint to `device`.
    pub fn load(path: &Path, device: Device) -> Result<Checkpoint> {
        let named = Tensor::read_safetensors(path).with_context(|| format!("{} is no checkpoint", path.display()))?;
        let mut named: HashMap<String, Tensor> = named.into_iter().collect();
        let mut take = |name: &str| named.remove(name).with_context(|| format!("{} has no {name}", path.display()));
        let text = Vec::<u8>::try_from(take(RECIPE)?)?;
        let recipe: Recipe = serde_json::from_slice(&text).with_context(|| format!("recipe of {}", path.display()))?;
        let step = i64::try_from(take(STEP)?)?.unsigned_abs();
        let graph = recipe.graph()?;
        let (weights, average) = (Weights::new(&graph, device), Weights::new(&graph, device));
        let optimiser = AdamW::new(&weights, recipe.decay);
        let mut fill = |prefix: &str, name: &str, into: &Tensor| -> Result<()> {
            let stored = take(&format!("{prefix}/{name}"))?;
            ensure!(
                stored.size() == into.size(),
                "{}: {name} is {:?}, expected {:?}",
                path.display(),
                stored.size(),
                into.size()
            );
            tch::no_grad(|| into.shallow_clone().copy_(&stored));
            Ok(())
        };
        for (prefix, net) in [("weights", &weights), ("average", &average)] {
            net.tensors.iter().try_for_each(|(name, t)| fill(prefix, name, t))?;
        }
        for (name, [first, second]) in &optimiser.moments {
            fill("first", name, first)?;
            fill("second", name, second)?;
        }
        Ok(Checkpoint { recipe, step, weights, average, optimiser })
    }
}
