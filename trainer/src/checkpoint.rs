//! The state of a training run in one file, replaced in one step, so that a run can be killed at
//! any moment.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::command;
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
    /// What this recipe has otherwise than the one that is to go on with it, and what that one has.
    /// The length may change on the way: the learning rate follows the new one.
    pub fn difference(&self, now: &Recipe) -> Option<[String; 2]> {
        let [was, is] = [self, now].map(Recipe::told);
        if was == is {
            return None;
        }
        let only = |of: &[String], other: &[String]| {
            let own: Vec<&str> = of.iter().filter(|said| !other.contains(said)).map(String::as_str).collect();
            own.join(" ")
        };
        let told = [only(&was, &is), only(&is, &was)];
        // The same options in another order, or more often.
        let told = if told == ["", ""] { [was.join(" "), is.join(" ")] } else { told };
        Some(told.map(|told| if told.is_empty() { "nothing".into() } else { told }))
    }

    /// Everything but the length.
    fn told(&self) -> Vec<String> {
        let numbers = serde_json::to_value(self).expect("a recipe is numbers and text");
        let numbers = numbers.as_object().expect("a recipe has names").clone();
        let numbers = numbers.into_iter().filter(|(name, _)| !["steps", "command"].contains(&name.as_str()));
        numbers.map(|(name, value)| format!("{name} {value}")).chain(command::options(&self.command)).collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;

    fn recipe(command: &str) -> Recipe {
        Recipe {
            preset: "tiny".into(),
            channels: 69,
            method: Method { loss: Loss::AdaptiveWing, weight_map: true, boundary: true },
            coordinates: true,
            steps: 7,
            batch_size: 2,
            rate: 1e-3,
            decay: 1e-2,
            seed: 1,
            command: command.into(),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let recipe = recipe("train --data a");
        let graph = recipe.graph().unwrap();
        let net = || {
            let net = Weights::new(&graph, Device::Cpu);
            net.tensors.values().for_each(|t| tch::no_grad(|| t.shallow_clone().copy_(&t.rand_like())));
            net
        };
        let (weights, average) = (net(), net());
        let mut optimiser = AdamW::new(&weights, recipe.decay);
        optimiser.moments.values_mut().flatten().for_each(|moment| *moment = moment.rand_like());
        let saved = Checkpoint { recipe, step: 5, weights, average, optimiser };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ckpt");
        saved.save(&path).unwrap();
        let loaded = Checkpoint::load(&path, Device::Cpu).unwrap();
        assert_eq!((&loaded.recipe, loaded.step), (&saved.recipe, 5));
        for (saved, loaded) in [(&saved.weights, &loaded.weights), (&saved.average, &loaded.average)] {
            assert!(saved.tensors.keys().eq(loaded.tensors.keys()));
            assert!(saved.tensors.iter().all(|(name, t)| t.equal(loaded.get(name))));
        }
        for (name, saved) in &saved.optimiser.moments {
            let loaded = &loaded.optimiser.moments[name];
            assert!(saved.iter().zip(loaded).all(|(saved, loaded)| saved.equal(loaded)), "{name}");
        }
    }

    #[test]
    fn a_recipe_that_differs_says_where() {
        let was = recipe("train --data setA --steps 2");
        let longer = Recipe { steps: 9, ..recipe("train --steps 9 --data=setA") };
        assert_eq!(was.difference(&longer), None);
        let other = Recipe { batch_size: 4, ..recipe("train --data setB --strength 0.2 --steps 2") };
        let told = was.difference(&other).unwrap();
        assert_eq!(told, ["batch_size 2 --data setA", "batch_size 4 --data setB --strength 0.2"]);
        let told = was.difference(&recipe("train --data setA --displaced 1.0")).unwrap();
        assert_eq!(told, ["nothing", "--displaced 1.0"]);
        assert!(recipe("--data a --data b").difference(&recipe("--data b --data a")).is_some());
    }
}
