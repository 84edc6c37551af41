//! Makes batches ahead of the net, on threads of its own, in an order that only the seed decides.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tch::{Device, Kind, Tensor};
use wingmark::picture::crop::CropImage;

use crate::task::{Example, Task};

/// Batches that wait ready.
const AHEAD: usize = 3;

pub struct Batch {
    /// `[batch, 3, side, side]`, `(pixel - 128) / 128`
    pub images: Tensor,
    /// `[batch, channel, row, column]`, flat.
    pub target: Vec<f32>,
    pub weights: Vec<f32>,
}

impl Batch {
    pub fn of(examples: &[Example], device: Device) -> Batch {
        Batch {
            images: images_tensor(examples.iter().map(|e| &e.image), device),
            target: examples.iter().flat_map(|e| &e.target).copied().collect(),
            weights: examples.iter().flat_map(|e| &e.weights).copied().collect(),
        }
    }
}

/// Pictures of one size as the net reads them: `[batch, 3, side, side]`, `(pixel - 128) / 128`.
pub fn images_tensor<'a>(images: impl Iterator<Item = &'a CropImage>, device: Device) -> Tensor {
    let mut side = 0;
    let bytes: Vec<u8> =
        images.inspect(|image| side = i64::from(image.side_px)).flat_map(|image| &image.rgb).copied().collect();
    let pixels = Tensor::from_slice(&bytes).view([-1, side, side, 3]);
    let scaled = (pixels.to_device(device).to_kind(Kind::Float) - 128.0) / 128.0;
    scaled.permute([0, 3, 1, 2])
}

/// Batches from number `first` on, without end. An epoch visits every example once; a rest smaller
/// than a batch is left out.
pub fn batches(
    task: Arc<dyn Task>,
    batch_size: usize,
    seed: u64,
    first: u64,
    threads: u64,
    device: Device,
) -> impl Iterator<Item = Batch> {
    // Thread `t` makes batches first + t, first + t + threads, .., so that taking turns restores
    // the order.
    let queues: Vec<Receiver<Batch>> = (0..threads)
        .map(|t| {
            let (send, receive) = sync_channel(AHEAD);
            let task = Arc::clone(&task);
            thread::spawn(move || {
                for number in (first + t..).step_by(threads as usize) {
                    let examples = examples(&*task, batch_size, seed, number);
                    // The receiver is gone when training has ended.
                    if send.send(Batch::of(&examples, device)).is_err() {
                        return;
                    }
                }
            });
            receive
        })
        .collect();
    (0..).map(move |turn: usize| queues[turn % queues.len()].recv().expect("a loader thread panicked"))
}

/// The examples of batch `number`, counted from the start of training.
pub fn examples(task: &dyn Task, batch_size: usize, seed: u64, number: u64) -> Vec<Example> {
    let per_epoch = (task.len() / batch_size).max(1) as u64;
    let (epoch, batch) = (number / per_epoch, (number % per_epoch) as usize);
    let mut order: Vec<usize> = (0..task.len()).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed ^ epoch.wrapping_mul(0x9e37_79b9)));
    let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(number << 8));
    order.iter().cycle().skip(batch * batch_size).take(batch_size).map(|&i| task.example(i, &mut rng)).collect()
}
