//! Where faces are in a whole frame, how large, and which way up.
//!
//! Frames are whole photographs with known faces, and frames made of pictures that show one face
//! each: at any scale and any roll, laid over one another. What may be a face (a detector that is
//! not sure, a face that is half covered or tiny) counts neither as face nor as background.

mod degrade;
mod scene;
mod sources;

use std::f32::consts::{PI, TAU};
use std::iter::repeat_n;

use anyhow::Result;
use nalgebra::{Point2, UnitComplex, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wingmark::model::card::FACE_CHANNELS;
use wingmark::picture::geometry::{Crop, Rect, crop_from_cells};

use self::scene::{Extent, Placed, Scene};
use self::sources::{Picture, Pictures};
use super::sets::Set;
use super::{Example, Task};
use crate::augment::normal;
use crate::loss::{BatchMaps, Loss, batch_loss, weight_map};
use crate::presets::Preset;
use crate::targets;

/// Heat; width and height; cosine and sine of the roll.
pub const CHANNELS: usize = FACE_CHANNELS;
/// A size channel of value v means `SMALLEST_PX * 2^(v * OCTAVES)` input pixels.
pub const SMALLEST_PX: f32 = 6.0;
pub const OCTAVES: f32 = 6.0;

/// Faces that are smaller, in input pixels, are neither faces nor background.
const TINY_PX: f32 = 7.0;
/// A face of which less is visible is neither face nor background.
const VISIBLE: f32 = 0.6;
/// What the size of a cell near a face's centre counts; the size channels are empty nearly
/// everywhere.
const SIZE_WEIGHT: f32 = 120.0;
const ROLL_WEIGHT: f32 = 30.0;
const HELD_OUT_SCENES: u64 = 256;

pub struct Scenes {
    preset: Preset,
    pictures: Vec<Picture>,
    /// The picture that each example of an epoch begins with.
    order: Vec<usize>,
    held_out: Vec<Example>,
}

impl Scenes {
    pub fn load(preset: Preset, sets: &[Set]) -> Result<Self> {
        let Pictures { train, held_out } = sources::load(sets)?;
        log::info!("{} pictures, and {} held out", train.len(), held_out.len());
        let order = train.iter().enumerate().flat_map(|(i, picture)| repeat_n(i, picture.times)).collect();
        let mut scenes = Scenes { preset, pictures: train, order, held_out: vec![] };
        for number in 0..HELD_OUT_SCENES {
            let mut rng = StdRng::seed_from_u64(number);
            let first = rng.random_range(0..held_out.len());
            let example = scenes.compose(&held_out, first, &mut rng);
            scenes.held_out.push(example);
        }
        Ok(scenes)
    }

    /// A frame that begins with picture `first` of `pictures`.
    fn compose(&self, pictures: &[Picture], first: usize, rng: &mut StdRng) -> Example {
        let mut scene = Scene::new(self.preset.input_px as u32);
        if rng.random_bool(0.08) {
            if let Some(crop) = faceless_view(&pictures[first], scene.image.side_px, rng) {
                scene.lay(&pictures[first], &crop, rng.random(), Extent::Whole);
            }
        } else {
            begin(&mut scene, pictures, first, rng);
            if rng.random_bool(0.3) {
                for _ in 0..rng.random_range(1..=4) {
                    lay_face(&mut scene, &pictures[rng.random_range(0..pictures.len())], rng);
                }
            }
        }
        let visible: Vec<f32> = scene.faces.iter().map(|face| scene.visible_face(face)).collect();
        for face in scene.faces.clone() {
            if rng.random_bool(0.2) {
                scene.cover(&face.bounds, rng);
            }
        }
        let largest_px = scene.faces.iter().map(Placed::size_px).fold(0.0, f32::max);
        let smallest_px = degrade::degrade(&mut scene.image, largest_px, rng).max(TINY_PX);
        self.example_of(&scene, &visible, smallest_px)
    }

    /// The maps that the net should give. Faces smaller than `smallest_px` count neither way.
    fn example_of(&self, scene: &Scene, visible: &[f32], smallest_px: f32) -> Example {
        let side = self.preset.map_side();
        let mut maps = Maps::new(side, self.preset.stride());
        let mut unsure: Vec<Rect> = scene.unsure().collect();
        for (face, &visible) in scene.faces.iter().zip(visible) {
            if visible < 0.05 {
                continue;
            }
            if visible < VISIBLE || face.size_px() < smallest_px {
                unsure.push(face.bounds);
            } else {
                maps.add(face);
            }
        }
        weight_map(&maps.target[..side * side], side, &mut maps.weights[..side * side]);
        unsure.iter().for_each(|rect| maps.leave_out(rect));
        Example { image: scene.image.clone(), target: maps.target, weights: maps.weights }
    }
}

/// Targets and what they count, `[channel, row, column]`.
struct Maps {
    side: usize,
    stride: f32,
    target: Vec<f32>,
    weights: Vec<f32>,
    /// A Gaussian for one face.
    one: Vec<f32>,
}

impl Maps {
    fn new(side: usize, stride: usize) -> Maps {
        let cells = side * side;
        let empty = || vec![0.0; cells * CHANNELS];
        Maps { side, stride: stride as f32, target: empty(), weights: empty(), one: vec![0.0; cells] }
    }

    /// Heat at a face's centre, and around it size and roll.
    fn add(&mut self, face: &Placed) {
        let (cells, side) = (self.side * self.side, self.side);
        let at = crop_from_cells(self.stride).inverse() * face.bounds.centre();
        // The middle of a large face is not known to a cell.
        let sigma = (0.06 * face.size_px() / self.stride).clamp(0.8, 1.8);
        targets::gaussian(at, sigma, side, &mut self.one);
        let (sine, cosine) = face.roll.sin_cos();
        let size = |length: f32| (length / SMALLEST_PX).log2() / OCTAVES;
        let values = [
            (size(face.bounds.width()), SIZE_WEIGHT),
            (size(face.bounds.height()), SIZE_WEIGHT),
            ((1.0 + cosine) / 2.0, ROLL_WEIGHT),
            ((1.0 + sine) / 2.0, ROLL_WEIGHT),
        ];
        for cell in 0..cells {
            let heat = &mut self.target[cell];
            // Of two faces that are near, a cell tells of the nearer one.
            if self.one[cell] < *heat {
                continue;
            }
            *heat = self.one[cell];
            let there = Point2::new((cell % side) as f32, (cell / side) as f32);
            if (there - at).norm() <= 1.6 * sigma {
                for (channel, (value, weight)) in (1..).zip(values) {
                    self.target[channel * cells + cell] = value.clamp(0.0, 1.0);
                    self.weights[channel * cells + cell] = weight;
                }
            }
        }
    }

    /// The heat within a box counts neither way, but near known faces.
    fn leave_out(&mut self, rect: &Rect) {
        let cells_from_crop = crop_from_cells(self.stride).inverse();
        let (from, to) = (cells_from_crop * rect.min, cells_from_crop * rect.max);
        for cell in 0..self.side * self.side {
            let there = Point2::new((cell % self.side) as f32, (cell / self.side) as f32);
            let covered =
                (from.x - 0.5..to.x + 0.5).contains(&there.x) && (from.y - 0.5..to.y + 0.5).contains(&there.y);
            if covered && self.target[cell] < 0.05 {
                self.weights[cell] = 0.0;
            }
        }
    }
}

fn log_uniform(rng: &mut StdRng, low: f32, high: f32) -> f32 {
    rng.random_range(low.ln()..high.ln()).exp()
}

/// How a picture is turned: a third of them hardly, the others any way.
fn any_roll(rng: &mut StdRng) -> f32 {
    if rng.random_bool(0.35) { (normal(rng) * 12.0).to_radians() } else { rng.random_range(-PI..PI) }
}

/// The crop that shows the square of `side` picture pixels around `at` in the middle of the scene,
/// or with `at` elsewhere.
fn crop_with(at: Point2<f32>, in_scene: Point2<f32>, side: f32, roll: f32, side_px: u32) -> Crop {
    let scale = side / side_px as f32;
    let middle = Vector2::repeat((side_px as f32 - 1.0) / 2.0);
    Crop::new(at + UnitComplex::new(roll) * (middle - in_scene.coords) * scale, side, roll, side_px)
}

/// Lays the first pictures over an empty scene.
fn begin(scene: &mut Scene, pictures: &[Picture], first: usize, rng: &mut StdRng) {
    let picture = &pictures[first];
    if picture.is_scene {
        let crop = scene_view(picture, scene.image.side_px, any_roll(rng), rng);
        scene.lay(picture, &crop, rng.random(), Extent::Whole);
        return;
    }
    // A portrait, alone or before something else.
    if rng.random_bool(0.5) {
        let behind = &pictures[rng.random_range(0..pictures.len())];
        let crop = scene_view(behind, scene.image.side_px, any_roll(rng), rng);
        scene.lay(behind, &crop, rng.random(), Extent::Whole);
    }
    let Some(face) = picture.faces.first().map(|face| face.bounds()) else { return };
    let face_px = if rng.random_bool(0.5) { log_uniform(rng, 10.0, 300.0) } else { log_uniform(rng, 60.0, 260.0) };
    let side = scene.side_px();
    // A face may be cut by the border, but not by half.
    let margin = (face_px * 0.35).min(side * 0.45);
    let mut within = || rng.random_range(margin..side - margin);
    let in_scene = Point2::new(within(), within());
    let scale = face.width().max(face.height()).max(1.0) / face_px;
    let crop = crop_with(face.centre(), in_scene, scale * side, any_roll(rng), scene.image.side_px);
    scene.lay(picture, &crop, rng.random(), Extent::Whole);
}

/// A view of a whole photograph, as it is, from farther away, or nearer to one of its faces.
fn scene_view(picture: &Picture, side_px: u32, roll: f32, rng: &mut StdRng) -> Crop {
    let (width, height) = (picture.frame.size().width as f32, picture.frame.size().height as f32);
    let side = width.max(height) * log_uniform(rng, 0.4, 1.3);
    let middle = Point2::new(width / 2.0, height / 2.0);
    let towards = match picture.faces.len() {
        0 => Point2::new(rng.random_range(0.0..width), rng.random_range(0.0..height)),
        count => picture.faces[rng.random_range(0..count)].bounds().centre(),
    };
    let share = if side < width.max(height) { rng.random_range(0.0..1.0) } else { rng.random_range(0.0..0.3) };
    let centre = Vector2::repeat((side_px as f32 - 1.0) / 2.0).into();
    crop_with(middle + (towards - middle) * share, centre, side, roll, side_px)
}

/// A part of a picture, near, in which no face is or may be.
fn faceless_view(picture: &Picture, side_px: u32, rng: &mut StdRng) -> Option<Crop> {
    let (width, height) = (picture.frame.size().width as f32, picture.frame.size().height as f32);
    let boxes: Vec<Rect> =
        picture.faces.iter().map(|face| face.bounds()).chain(picture.unsure.iter().copied()).collect();
    (0..20).find_map(|_| {
        let side = width.min(height) * log_uniform(rng, 0.12, 0.8);
        let reach = side / 2.0;
        let at = Point2::new(rng.random_range(reach..width - reach), rng.random_range(reach..height - reach));
        // However it is turned, nothing outside this circle is seen.
        let radius = reach * std::f32::consts::SQRT_2;
        let clear = boxes.iter().all(|rect| {
            let grown = rect.width().max(rect.height()) * 0.2;
            let near = at.coords.sup(&rect.min.coords).inf(&rect.max.coords);
            (at.coords - near).norm() > radius + grown
        });
        clear.then(|| Crop::new(at, side, rng.random_range(0.0..TAU), side_px))
    })
}

/// Lays a part of a picture around its face over the scene.
fn lay_face(scene: &mut Scene, picture: &Picture, rng: &mut StdRng) {
    let Some(face) = picture.faces.first().map(|face| face.bounds()) else { return };
    let face_px = log_uniform(rng, 9.0, 100.0);
    let side = scene.side_px();
    let mut within = || rng.random_range(0.0..side - 1.0);
    let at = Point2::new(within(), within());
    let mut reach = || face_px * rng.random_range(0.75..2.2);
    let part = Rect::new(at.x - reach(), at.y - reach(), at.x + reach(), at.y + reach());
    let scale = face.width().max(face.height()).max(1.0) / face_px;
    let flip: bool = rng.random();
    let in_crop = if flip { Point2::new(side - 1.0 - at.x, at.y) } else { at };
    let crop = crop_with(face.centre(), in_crop, scale * side, any_roll(rng), scene.image.side_px);
    scene.lay(picture, &crop, flip, Extent::Part(part));
}

impl Task for Scenes {
    fn channels(&self) -> usize {
        CHANNELS
    }

    fn points(&self) -> usize {
        1
    }

    fn losses(&self) -> Vec<Loss> {
        vec![Loss::AdaptiveWing, Loss::L1, Loss::L1, Loss::L1, Loss::L1]
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn example(&self, index: usize, rng: &mut StdRng) -> Example {
        self.compose(&self.pictures, self.order[index], rng)
    }

    fn held_out(&self) -> &[Example] {
        &self.held_out
    }

    fn judge(&self, maps: &[Vec<f32>]) -> (&'static str, f64) {
        let cells = self.preset.map_side().pow(2);
        let losses = self.losses();
        let sum: f64 = maps
            .iter()
            .zip(&self.held_out)
            .map(|(prediction, example)| {
                let maps = BatchMaps { prediction, target: &example.target, weights: &example.weights };
                batch_loss(&losses, cells, &maps, 1).0
            })
            .sum();
        ("loss", sum / maps.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wingmark::face::detect::Output;
    use wingmark::model::heatmaps::Heatmaps;
    use wingmark::picture::frame::{Frame, Size};

    use self::scene::Extent;
    use self::sources::{Known, Outline};
    use super::*;

    #[test]
    fn the_runtime_reads_the_faces_that_targets_tell() {
        let preset = Preset::named("faces").unwrap();
        let side_px = preset.input_px as u32;
        let faces = [
            (Rect::new(20.0, 30.0, 62.0, 80.0), 0.3),
            (Rect::new(150.0, 100.0, 290.0, 260.0), -2.1),
            (Rect::new(40.0, 200.0, 58.0, 216.0), 1.4),
        ];
        let frame =
            Frame::from_rgb(Size { width: side_px, height: side_px }, vec![90; (side_px * side_px * 3) as usize]);
        let known = faces.map(|(bounds, roll)| Known { outline: Outline::Box(bounds), roll });
        let picture = Picture {
            frame: Arc::new(frame.unwrap()),
            faces: known.to_vec(),
            unsure: vec![],
            is_scene: true,
            times: 1,
        };
        let mut scene = Scene::new(side_px);
        let crop = Crop::of_frame(picture.frame.size(), side_px);
        scene.lay(&picture, &crop, false, Extent::Whole);
        let mut maps = Maps::new(preset.map_side(), preset.stride());
        scene.faces.iter().for_each(|face| maps.add(face));

        let (side, cells) = (preset.map_side(), preset.map_side().pow(2));
        let target = &maps.target;
        let packed: Vec<f32> =
            (0..cells).flat_map(|cell| (0..CHANNELS).map(move |channel| target[channel * cells + cell])).collect();
        let output = Output { stride: preset.stride() as f32, smallest_px: SMALLEST_PX, octaves: OCTAVES, score: 0.25 };
        let found = output.faces(&Heatmaps::packed(&packed, [side, side, CHANNELS], 1.0, 0.0));
        assert_eq!(found.len(), faces.len(), "{found:?}");
        for (bounds, roll) in faces {
            let read = found.iter().find(|read| read.bounds.iou(&bounds) > 0.95);
            let read = read.unwrap_or_else(|| panic!("no {bounds:?} in {found:?}"));
            assert!((read.roll - roll).abs() < 0.01, "{read:?} does not lean by {roll}");
        }
    }
}
