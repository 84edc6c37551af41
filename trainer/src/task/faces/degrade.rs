//! What light, lenses and sensors do to a frame.

use image::{RgbImage, imageops};
use rand::Rng;
use rand::rngs::StdRng;
use wingmark::picture::crop::CropImage;
use wingmark::picture::exposure::brighten;

use super::log_uniform;
use crate::augment::{normal, recolour};

/// A face that is smaller than so many standard deviations of a blur cannot be told from other
/// things.
const FACE_PER_SIGMA: f32 = 14.0;
/// Sensor noise in the dark, in steps of 8 bits before the frame is brightened.
const DARK_NOISE: f32 = 4.0;

/// Changes a frame whose largest face is `largest_px` long. Gives the length below which faces
/// cannot be seen any more.
pub fn degrade(image: &mut CropImage, largest_px: f32, rng: &mut StdRng) -> f32 {
    recolour(image, rng);
    let mut sigma = 0.0;
    if rng.random_bool(0.3) {
        sigma = rng.random_range(0.005..0.055) * largest_px.max(30.0);
        blur(image, sigma);
    } else if rng.random_bool(0.15) {
        let factor = log_uniform(rng, 1.5, 6.0).min((largest_px / 12.0).max(1.5));
        sigma = 0.5 * factor;
        coarsen(image, factor);
    }
    if rng.random_bool(0.12) {
        let gain = 1.0 / log_uniform(rng, 2.0, 16.0);
        add_noise(image, gain, DARK_NOISE, rng);
    } else if rng.random_bool(0.2) {
        let spread = rng.random_range(2.0..14.0);
        add_noise(image, 1.0, spread, rng);
    }
    // As the runtime does it.
    brighten(image);
    FACE_PER_SIGMA * sigma
}

fn edit(image: &mut CropImage, change: impl FnOnce(&RgbImage) -> RgbImage) {
    let side = image.side_px;
    let picture = RgbImage::from_raw(side, side, std::mem::take(&mut image.rgb)).expect("three bytes a pixel");
    image.rgb = change(&picture).into_raw();
}

fn blur(image: &mut CropImage, sigma: f32) {
    edit(image, |picture| imageops::fast_blur(picture, sigma));
}

/// Shrinks the picture and makes it large again.
fn coarsen(image: &mut CropImage, factor: f32) {
    let side = image.side_px;
    let small = ((side as f32 / factor) as u32).max(8);
    edit(image, |picture| {
        let shrunk = imageops::resize(picture, small, small, imageops::FilterType::Triangle);
        imageops::resize(&shrunk, side, side, imageops::FilterType::Triangle)
    });
}

/// Multiplies and adds noise of a normal distribution. Random numbers are drawn once for some
/// thousand values and read from random places.
fn add_noise(image: &mut CropImage, gain: f32, spread: f32, rng: &mut StdRng) {
    let table: Vec<f32> = (0..4096).map(|_| normal(rng) * spread).collect();
    for row in image.rgb.chunks_mut(1024) {
        let from = rng.random_range(0..table.len() - 1024);
        for (value, noise) in row.iter_mut().zip(&table[from..]) {
            *value = (f32::from(*value) * gain + noise).round() as u8;
        }
    }
}
