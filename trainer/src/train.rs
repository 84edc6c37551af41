//! The training loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tch::{Device, Kind, Tensor};
use wingmark::face::zoo::Choice;

use crate::checkpoint::{Checkpoint, Place, Recipe};
use crate::graph::Graph;
use crate::loader::{self, Batch, images_tensor};
use crate::loss::{BatchMaps, batch_loss};
use crate::net::{Phase, Precision, Weights, forward, plain};
use crate::optimiser::{AdamW, follow};
use crate::start;
use crate::task::Task;

/// Steps over which the rate rises to its full height.
const WARM_UP: u64 = 300;
/// Share of the averaged weights that stays in a step, once there are enough steps to average.
const AVERAGE_KEEPS: f64 = 0.999;
/// Examples on which the normalisations of a shipped model, as a start, are measured.
const START_EXAMPLES: usize = 256;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// So many steps in a row without a finite gradient are the end: no later one brings it back.
const MOST_LEFT_OUT: u32 = 20;

pub struct Settings {
    pub recipe: Recipe,
    /// Where the checkpoint lies; if it is there, training goes on from it.
    pub checkpoint: PathBuf,
    /// A model whose weights a new run starts with.
    pub from: Option<Choice>,
    pub precision: Precision,
    pub threads: usize,
    pub device: Device,
    /// Judges the net on the held-out examples each so many steps.
    pub judge_every: u64,
}

/// Trains to the last step, or until `stop` is set, which is an error.
pub fn train(task: Arc<dyn Task>, settings: &Settings, stop: &AtomicBool) -> Result<()> {
    let Settings { recipe, device, .. } = settings;
    let device = *device;
    tch::set_num_threads(settings.threads as i32);
    let graph = recipe.graph()?;
    let mut place = Place::take(&settings.checkpoint)?;
    let mut state = start_or_go_on(&*task, &graph, settings)?;
    if state.step >= recipe.steps {
        log::info!("{} has all of its {} steps", settings.checkpoint.display(), recipe.steps);
        return Ok(());
    }
    let losses = task.losses();
    let bar = ProgressBar::new(recipe.steps).with_position(state.step);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {eta} {msg}")?);
    let loaders = if settings.threads > 1 { 2 } else { 1 };
    let batches = loader::batches(Arc::clone(&task), recipe.batch_size, recipe.seed, state.step, loaders, device);
    let (mut loss_sum, mut loss_steps, mut last_saved) = (0.0, 0, Instant::now());
    let mut left_out = 0;
    let started = Instant::now();
    let first_step = state.step;
    for batch in batches.take((recipe.steps - state.step) as usize) {
        state.step += 1;
        let outputs = forward(&graph, &state.weights, &batch.images, Phase::Train, settings.precision);
        loss_sum += backward(&outputs, &batch, &losses, settings.threads);
        loss_steps += 1;
        let is_made = state.optimiser.step(&state.weights, state.step, rate_at(state.step, recipe));
        left_out = if is_made { 0 } else { left_out + 1 };
        ensure!(left_out < MOST_LEFT_OUT, diverged(&state, settings));
        follow(&state.average, &state.weights, AVERAGE_KEEPS.min(state.step as f64 / (state.step as f64 + 10.0)));
        bar.inc(1);
        let last = state.step == recipe.steps;
        if state.step.is_multiple_of(settings.judge_every) || last {
            let maps = infer_all(&graph, &state.average, &*task, device);
            let (name, value) = task.judge(&maps);
            let loss = loss_sum / f64::from(loss_steps);
            let per_second =
                (state.step - first_step) as f64 * recipe.batch_size as f64 / started.elapsed().as_secs_f64();
            let line =
                format!("step {} loss {loss:.4} held-out {name} {value:.3} ({per_second:.1} pictures/s)", state.step);
            bar.suspend(|| log::info!("{line}"));
            bar.set_message(format!("{name} {value:.3}"));
            (loss_sum, loss_steps) = (0.0, 0);
        }
        let stops = stop.load(Relaxed) && !last;
        if last_saved.elapsed() > CHECKPOINT_EVERY || last || stops {
            ensure!(state.is_finite(), diverged(&state, settings));
            place.save(&state)?;
            last_saved = Instant::now();
        }
        ensure!(
            !stops,
            "stopped at step {} of {}; {} is saved, and the same command goes on",
            state.step,
            recipe.steps,
            settings.checkpoint.display()
        );
    }
    bar.finish();
    Ok(())
}

/// Why a training ends whose numbers are none any more.
fn diverged(state: &Checkpoint, settings: &Settings) -> String {
    let step = state.step;
    let left = if settings.checkpoint.exists() { "is left as it was" } else { "is not written" };
    let checkpoint = settings.checkpoint.display();
    format!("the training has diverged at step {step}; {checkpoint} {left}: begin anew with a lower --rate")
}

/// The state that the checkpoint holds, or that of a new run.
fn start_or_go_on(task: &dyn Task, graph: &Graph, settings: &Settings) -> Result<Checkpoint> {
    let Settings { recipe, device, .. } = settings;
    let device = *device;
    if settings.checkpoint.exists() {
        let mut state = Checkpoint::load(&settings.checkpoint, device)?;
        if let Some(difference) = state.recipe.difference(recipe) {
            bail!(
                "{} {difference}; give the options of before, or name another --checkpoint",
                settings.checkpoint.display()
            );
        }
        state.recipe = recipe.clone();
        log::info!("going on from step {}", state.step);
        Ok(state)
    } else {
        tch::manual_seed(recipe.seed as i64);
        let weights = match &settings.from {
            None => Weights::new(graph, device),
            Some(choice) => {
                let examples = loader::examples(task, START_EXAMPLES, recipe.seed, 0);
                let images = images_tensor(examples.iter().map(|e| &e.image), Device::Cpu);
                let files = choice.read()?;
                let started = start::weights_of(files.model(), graph, &images, device);
                started.with_context(|| format!("training cannot start from {}", files.name()))?
            }
        };
        let average = Weights::new(graph, device);
        follow(&average, &weights, 0.0);
        let optimiser = AdamW::new(&weights, recipe.decay);
        Ok(Checkpoint { recipe: recipe.clone(), step: 0, weights, average, optimiser })
    }
}

/// Rises in a line, then falls with a cosine to a hundredth.
fn rate_at(step: u64, recipe: &Recipe) -> f64 {
    let warm = (step as f64 / WARM_UP as f64).min(1.0);
    let done = step as f64 / recipe.steps as f64;
    recipe.rate * warm * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
}

/// Sums the losses of all stacks, adds their gradients to the weights, and gives the last stack's
/// loss.
fn backward(outputs: &[Tensor], batch: &Batch, losses: &[crate::loss::Loss], threads: usize) -> f64 {
    let device = outputs[0].device();
    let mut total = Tensor::zeros([], (Kind::Float, device));
    let mut last = 0.0;
    for output in outputs {
        let size = output.size();
        let cells = (size[2] * size[3]) as usize;
        let prediction = plain(output);
        let maps = BatchMaps { prediction: &prediction, target: &batch.target, weights: &batch.weights };
        let (value, slopes) = batch_loss(losses, cells, &maps, threads);
        last = value;
        // The derivative is known, so a product that has it as its own derivative takes the loss's
        // place.
        total += (output * Tensor::from_slice(&slopes).view(size.as_slice()).to_device(device)).sum(Kind::Float);
    }
    total.backward();
    last
}

/// The last stack's maps for each held-out example.
fn infer_all(graph: &Graph, weights: &Weights, task: &dyn Task, device: Device) -> Vec<Vec<f32>> {
    let _guard = tch::no_grad_guard();
    let mut maps = Vec::new();
    for examples in task.held_out().chunks(32) {
        let images = Batch::of(examples, device).images;
        let outputs = forward(graph, weights, &images, Phase::Infer, Precision::F32);
        let values = plain(outputs.last().expect("a net has an output"));
        maps.extend(values.chunks(values.len() / examples.len()).map(<[f32]>::to_vec));
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dots;
    use crate::loss::Loss;
    use crate::presets::Preset;
    use crate::task::landmarks::{Landmarks, Method};
    use crate::task::pictures;
    use crate::{augment, checkpoint};

    #[test]
    fn training_goes_on_longer_and_with_no_other_data() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<String> = (0..12).map(|i| format!("image{i:05}.png")).collect();
        dots::write_set(folder.path(), files.iter().map(|file| (file.as_str(), "train")));
        let set = folder.path().to_str().unwrap().parse().unwrap();
        let (tiny, method) =
            (Preset::named("tiny").unwrap(), Method { loss: Loss::Mse, weight_map: false, boundary: false });
        let faces = pictures::load(&[set]).unwrap();
        let task: Arc<dyn Task> = Arc::new(Landmarks::new(tiny, method, augment::NONE, None, faces));
        let checkpoint = folder.path().join("t.ckpt");
        let stop = AtomicBool::new(false);
        let go = |steps: u64, rate: f64, command: &str| {
            let recipe = Recipe {
                preset: "tiny".into(),
                channels: task.channels(),
                method,
                coordinates: true,
                steps,
                batch_size: 2,
                rate,
                decay: 0.0,
                seed: 1,
                command: command.into(),
            };
            let settings = Settings {
                recipe,
                checkpoint: checkpoint.clone(),
                from: None,
                precision: Precision::F32,
                threads: 1,
                device: Device::Cpu,
                judge_every: 100,
            };
            train(Arc::clone(&task), &settings, &stop)
        };
        let error = go(100, 1e30, "train --data setA --rate 1e30 --steps 100").unwrap_err().to_string();
        assert!(error.contains("diverged at step") && error.contains("t.ckpt is not written"), "{error}");
        go(1, 1e-3, "train --data setA --steps 1").unwrap();
        let error = go(2, 1e-3, "train --data setB --displaced 1.0 --steps 2").unwrap_err().to_string();
        assert!(
            error.contains("was trained with --data setA, and would go on with --data setB --displaced 1.0;"),
            "{error}"
        );
        let load = || checkpoint::Checkpoint::load(&checkpoint, Device::Cpu).unwrap();
        // Changed, so that they are no other run's.
        let saved = load();
        let change = |tensor: &Tensor| tch::no_grad(|| tensor.shallow_clone().copy_(&(tensor + 0.01)));
        saved.weights.tensors.values().for_each(change);
        saved.optimiser.moments.values().for_each(|[_, second]| change(second));
        Place::take(&checkpoint).unwrap().save(&saved).unwrap();
        go(2, 1e-3, "train --steps 2 --data setA").unwrap();
        let state = load();
        assert_eq!((state.step, state.recipe.command.as_str()), (2, "train --steps 2 --data setA"));
        let least = |tensor: Tensor| f64::try_from(tensor.min()).unwrap();
        for (name, weight) in state.weights.trainable() {
            let moved = -least(-(weight.detach() - saved.weights.get(name).detach()).abs());
            assert!(moved < 1e-3, "{name} moved by {moved}");
            assert!(least(state.optimiser.moments[name][1].shallow_clone()) > 0.009, "{name}");
        }
        stop.store(true, Relaxed);
        let error = go(4, 1e-3, "train --steps 4 --data setA").unwrap_err().to_string();
        assert!(error.starts_with("stopped at step 3 of 4"), "{error}");
        let state = load();
        assert_eq!((state.step, state.recipe.command.as_str()), (3, "train --steps 4 --data setA"));
    }
}
