//! What a net learns: which pictures it sees and which maps it should give for them.

pub mod detected;
pub mod faces;
pub mod landmarks;
pub mod photographs;
pub mod pictures;
pub mod sets;
pub mod teacher;

use rand::rngs::StdRng;
use wingmark::picture::crop::CropImage;

use crate::loss::Loss;

/// One training example. Maps are `[channel, row, column]`.
#[derive(Debug, Clone)]
pub struct Example {
    pub image: CropImage,
    pub target: Vec<f32>,
    /// What each cell's loss counts; 0 where the truth is not known.
    pub weights: Vec<f32>,
}

pub trait Task: Send + Sync {
    /// Heatmaps of the net, those that only help in training included.
    fn channels(&self) -> usize;

    /// The first channels, those that mark points.
    fn points(&self) -> usize;

    /// The loss of each channel.
    fn losses(&self) -> Vec<Loss>;

    /// Examples in an epoch.
    fn len(&self) -> usize;

    /// Example `index`, changed at random.
    fn example(&self, index: usize, rng: &mut StdRng) -> Example;

    /// The examples held out of training, without random changes.
    fn held_out(&self) -> &[Example];

    /// A figure for the net's heatmaps of all held-out examples, in their order, as
    /// `(name, value)`; less is better. `maps` holds `[example][channel, row, column]`.
    fn judge(&self, maps: &[Vec<f32>]) -> (&'static str, f64);
}
