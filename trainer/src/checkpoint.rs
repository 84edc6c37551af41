//! The state of a training run in one file, replaced in one step, so that a run can be killed at
//! any moment.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
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
    /// What this recipe has otherwise than the one that is to go on with it, and what that one has,
    /// in words. The length may change on the way: the learning rate follows the new one.
    pub fn difference(&self, now: &Recipe) -> Option<String> {
        let [was, is] = [self, now].map(Recipe::told);
        if was == is {
            return None;
        }
        let only = |of: &[String], other: &[String]| {
            let own: Vec<&str> = of.iter().filter(|said| !other.contains(said)).map(String::as_str).collect();
            own.join(" ")
        };
        let (before, after) = (only(&was, &is), only(&is, &was));
        Some(match (&*before, &*after) {
            // The same options in another order, or more often.
            ("", "") => format!("was trained with {}, and would go on with {}", was.join(" "), is.join(" ")),
            ("", after) => format!("was trained without {after}, and would go on with it"),
            (before, "") => format!("was trained with {before}, and would go on without it"),
            (before, after) => format!("was trained with {before}, and would go on with {after}"),
        })
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
    fn write(&self, path: &Path) -> Result<()> {
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
        Tensor::write_safetensors(&named, path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether every number of the net is one.
    pub fn is_finite(&self) -> bool {
        self.weights.is_finite() && self.average.is_finite()
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

/// Where one run keeps its checkpoints, one in place of the other.
pub struct Place {
    path: PathBuf,
    /// The checkpoint as it is there; it and the next one are locked against other runs.
    there: Option<File>,
    /// What becomes the next one, where it is begun.
    next: Option<File>,
}

impl Place {
    /// # Errors
    /// When no checkpoint can be written there, or another run writes its own.
    pub fn take(path: &Path) -> Result<Place> {
        ensure!(!path.is_dir(), "{} is a folder; expected a file for the checkpoint", path.display());
        let cannot = || format!("cannot write the checkpoint {}", path.display());
        let there = if path.exists() { Some(File::open(path).with_context(cannot)?) } else { None };
        there.as_ref().map_or(Ok(()), |file| lock(file, path))?;
        let mut place = Place { path: path.into(), there, next: None };
        place.next = Some(place.begin().with_context(cannot)?);
        Ok(place)
    }

    /// Beside the checkpoint, by its whole name, which others may begin with.
    fn next_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        name.into()
    }

    fn begin(&self) -> Result<File> {
        let path = self.next_path();
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        lock(&file, &path)?;
        Ok(file)
    }

    pub fn save(&mut self, state: &Checkpoint) -> Result<()> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.begin().with_context(|| format!("cannot write {}", self.next_path().display()))?,
        };
        let path = self.next_path();
        let next = self.next.insert(next);
        state.write(&path)?;
        next.sync_all().with_context(|| format!("cannot write {}", path.display()))?;
        fs::rename(&path, &self.path).with_context(|| format!("cannot replace {}", self.path.display()))?;
        self.there = self.next.take();
        Ok(())
    }
}

impl Drop for Place {
    /// Removes what has not become a checkpoint.
    fn drop(&mut self) {
        if self.next.is_some() {
            let _ = fs::remove_file(self.next_path());
        }
    }
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => bail!("{} is another training's, which runs", path.display()),
        // Some file systems of networks know no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
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
        fs::write(folder.path().join("a.new"), "of somebody else").unwrap();
        let mut place = Place::take(&path).unwrap();
        let taken = Place::take(&path).err().unwrap();
        assert!(format!("{taken:#}").ends_with("a.ckpt.new is another training's, which runs"), "{taken:#}");
        place.save(&saved).unwrap();
        let taken = Place::take(&path).err().unwrap().to_string();
        assert!(taken.ends_with("a.ckpt is another training's, which runs"), "{taken}");
        place.save(&saved).unwrap();
        drop(place);
        drop(Place::take(&path).unwrap());
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.ckpt", "a.new"]);
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
    fn a_place_that_takes_no_checkpoint_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| format!("{:#}", Place::take(path).err().unwrap());
        let none = told(&folder.path().join("nodir/a.ckpt"));
        assert!(none.contains("cannot write the checkpoint") && none.contains("No such file"), "{none}");
        assert!(told(folder.path()).contains("is a folder"));
    }

    #[test]
    fn a_recipe_that_differs_says_where() {
        let was = recipe("train --data setA --steps 2");
        let longer = Recipe { steps: 9, ..recipe("train --steps 9 --data=setA") };
        assert_eq!(was.difference(&longer), None);
        let other = Recipe { batch_size: 4, ..recipe("train --data setB --strength 0.2 --steps 2") };
        let told = was.difference(&other).unwrap();
        let expected =
            "was trained with batch_size 2 --data setA, and would go on with batch_size 4 --data setB --strength 0.2";
        assert_eq!(told, expected);
        let other = recipe("train --data setA --displaced 1.0");
        let told = was.difference(&other).unwrap();
        assert_eq!(told, "was trained without --displaced 1.0, and would go on with it");
        let told = other.difference(&was).unwrap();
        assert_eq!(told, "was trained with --displaced 1.0, and would go on without it");
        assert!(recipe("--data a --data b").difference(&recipe("--data b --data a")).is_some());
    }
}
