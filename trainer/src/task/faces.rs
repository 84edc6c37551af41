//! Where faces are in a whole frame, and how large.
//!
//! The pictures show one labelled face each, rather large. Frames are made of them: pictures at random scale are laid
//! over one another until faces of every size lie anywhere, several at a time. Faces that nobody labelled are
//! known roughly from another detector (`other_detector_boxes.csv`); they, and faces that are half covered or cut, count
//! neither as faces nor as background.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use nalgebra::{Point2, Similarity2, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::{Crop, Rect, crop_from_cells};

use super::pictures::{self, Face};
use super::{Example, Task};
use crate::augment::{self, Strength, normal};
use crate::loss::{BatchMaps, Loss, batch_loss, weight_map};
use crate::presets::Preset;
use crate::targets;

/// Heat, width, height.
pub const CHANNELS: usize = 3;
/// A size channel of value v means `SMALLEST_PX * 2^(v * OCTAVES)` input pixels.
pub const SMALLEST_PX: f32 = 8.0;
pub const OCTAVES: f32 = 5.0;

/// Faces that are smaller, in input pixels, are neither faces nor background.
const TINY_PX: f32 = 11.0;
/// A face of which less is visible is neither face nor background.
const VISIBLE: f32 = 0.6;
/// Cells around a face's centre in which its size is learned.
const SIZE_REACH: f32 = 1.5;
/// What such a cell counts; the size channels are empty nearly everywhere.
const SIZE_WEIGHT: f32 = 30.0;
const HELD_OUT_SCENES: u64 = 200;

const STRENGTH: Strength = Strength { rotation_deg: 12.0, scale: 0.0, shift: 0.0, occlusion: 0.1 };

/// A picture with its labelled face, and where other faces are.
struct Picture {
    frame: Arc<Frame>,
    points: Vec<Point2<f32>>,
    others: Vec<Rect>,
}

pub struct Scenes {
    preset: Preset,
    train: Vec<Picture>,
    held_out: Vec<Example>,
}

#[derive(Deserialize)]
struct OtherBox {
    file: String,
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
}

impl Scenes {
    /// Reads the pictures of `folders`, without AFW: detectors are measured on its whole pictures.
    pub fn load(preset: Preset, folders: &[PathBuf]) -> Result<Self> {
        let faces = pictures::load(folders, |sample| !sample.file.starts_with("afw_"))?;
        let mut others: HashMap<String, Vec<Rect>> = HashMap::new();
        for folder in folders {
            read_other_boxes(&folder.join("other_detector_boxes.csv"), &mut others)?;
        }
        let picture = |face: &Face| {
            let own = Rect::around(face.points.iter().copied()).expect("a face has points");
            let others = others.get(&face.file).into_iter().flatten();
            let others = others.filter(|b| b.iou(&own) < 0.2 && !contains(b, own.centre())).copied().collect();
            Picture { frame: Arc::clone(&face.frame), points: face.points.clone(), others }
        };
        let mut scenes = Scenes { preset, train: faces.train.iter().map(picture).collect(), held_out: vec![] };
        let held_out: Vec<Picture> = faces.held_out.iter().map(picture).collect();
        for number in 0..HELD_OUT_SCENES {
            let mut rng = StdRng::seed_from_u64(number);
            let first = rng.random_range(0..held_out.len());
            scenes.held_out.push(scenes.compose(&held_out, first, &mut rng));
        }
        Ok(scenes)
    }

    /// A frame with picture `first` of `pictures` in front, and others behind it.
    fn compose(&self, pictures: &[Picture], first: usize, rng: &mut StdRng) -> Example {
        let mut scene = Scene::new(self.preset.input_px as u32);
        if rng.random_bool(0.3) {
            scene.paste(&pictures[first], log_uniform(rng, 40.0, 150.0), Extent::Whole, 0.0, rng);
            return scene.into_example(&self.preset);
        }
        // As a camera sees somebody who sits before it.
        if rng.random_bool(0.45) {
            let face_px = log_uniform(rng, 60.0, 160.0);
            scene.paste(&pictures[first], face_px, Extent::Whole, face_px * 0.45, rng);
            return scene.into_example(&self.preset);
        }
        let any = |rng: &mut StdRng| &pictures[rng.random_range(0..pictures.len())];
        // Two large pictures, so that there is something to see nearly everywhere behind the rest.
        for _ in 0..2 {
            scene.paste(any(rng), log_uniform(rng, 60.0, 250.0), Extent::Whole, 0.0, rng);
        }
        for _ in 0..rng.random_range(0..=6) {
            scene.paste(any(rng), log_uniform(rng, 9.0, 90.0), Extent::Part, 0.0, rng);
        }
        scene.paste(&pictures[first], log_uniform(rng, 12.0, 120.0), Extent::Part, 0.0, rng);
        scene.into_example(&self.preset)
    }
}

fn read_other_boxes(path: &Path, into: &mut HashMap<String, Vec<Rect>>) -> Result<()> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    for row in csv::Reader::from_reader(file).deserialize() {
        let OtherBox { file, x0, y0, x1, y1 } = row.with_context(|| format!("{}", path.display()))?;
        into.entry(file).or_default().push(Rect::new(x0, y0, x1, y1));
    }
    Ok(())
}

fn contains(rect: &Rect, p: Point2<f32>) -> bool {
    (rect.min.x..rect.max.x).contains(&p.x) && (rect.min.y..rect.max.y).contains(&p.y)
}

fn log_uniform(rng: &mut StdRng, low: f32, high: f32) -> f32 {
    rng.random_range(low.ln()..high.ln()).exp()
}

/// How much of a picture is laid over a scene.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Whole,
    /// A rectangle around the face, of any width and height.
    Part,
}

/// A frame in the making, in input pixels of the net.
struct Scene {
    image: CropImage,
    /// Which paste each pixel comes from; 0 is the empty ground.
    owner: Vec<u16>,
    /// The face of each paste.
    faces: Vec<Rect>,
    /// Other faces, with the paste they belong to.
    others: Vec<(u16, Rect)>,
}

impl Scene {
    fn new(side_px: u32) -> Self {
        let image = CropImage::new(side_px);
        let owner = vec![0; image.rgb.len() / 3];
        Scene { image, owner, faces: vec![], others: vec![] }
    }

    /// Lays `picture` over the scene, its face `face_px` large, anywhere but with its centre `margin_px` from the border at
    /// least.
    fn paste(&mut self, picture: &Picture, face_px: f32, extent: Extent, margin_px: f32, rng: &mut StdRng) {
        let side = self.image.side_px as f32;
        let bounds = Rect::around(picture.points.iter().copied()).expect("a face has points");
        let scale = bounds.width().max(bounds.height()).max(1.0) / face_px;
        let roll = normal(rng) * STRENGTH.rotation_deg.to_radians();
        // A face may be cut by the border, but its centre is inside.
        let mut within = || rng.random_range(margin_px..side - margin_px);
        let centre = Vector2::new(within(), within());
        let middle = Vector2::repeat((side - 1.0) / 2.0);
        let turn = Similarity2::new(Vector2::zeros(), roll, scale);
        let crop = Crop::new(bounds.centre() + turn * (middle - centre), side * scale, roll, self.image.side_px);
        let mut shown = CropImage::new(self.image.side_px);
        shown.fill(&picture.frame, &crop);
        let flip = rng.random::<bool>();
        if flip {
            augment::mirror(&mut shown);
        }
        let crop_from_frame = crop.crop_from_frame();
        let place = |p: &Point2<f32>| {
            let q = crop_from_frame * p;
            if flip { Point2::new(side - 1.0 - q.x, q.y) } else { q }
        };
        let face = Rect::around(picture.points.iter().map(place)).expect("a face has points");
        let number = self.faces.len() as u16 + 1;
        self.faces.push(face);
        for other in &picture.others {
            let corners =
                [other.min, Point2::new(other.max.x, other.min.y), other.max, Point2::new(other.min.x, other.max.y)];
            self.others.push((number, Rect::around(corners.iter().map(place)).expect("a box has corners")));
        }
        let mut reach = || if extent == Extent::Whole { f32::INFINITY } else { face_px * rng.random_range(0.8..2.6) };
        let (left, right, up, down) = (reach(), reach(), reach(), reach());
        let size = picture.frame.size;
        let centre = face.centre();
        for row in 0..self.image.side_px {
            for column in 0..self.image.side_px {
                let (x, y) = (column as f32, row as f32);
                let wanted = (-left..right).contains(&(x - centre.x)) && (-up..down).contains(&(y - centre.y));
                let source_x = if flip { side - 1.0 - x } else { x };
                let source = crop.frame_from_crop * Point2::new(source_x, y);
                let inside = (0.0..size.width as f32 - 1.0).contains(&source.x)
                    && (0.0..size.height as f32 - 1.0).contains(&source.y);
                if wanted && inside {
                    let pixel = (row * self.image.side_px + column) as usize;
                    self.image.rgb[pixel * 3..][..3].copy_from_slice(&shown.rgb[pixel * 3..][..3]);
                    self.owner[pixel] = number;
                }
            }
        }
    }

    /// Share of a box that shows what paste `number` put there.
    fn visible(&self, rect: &Rect, number: u16) -> f32 {
        let side = self.image.side_px as usize;
        let range =
            |from: f32, to: f32| from.ceil().max(0.0) as usize..(to.floor() as i64 + 1).clamp(0, side as i64) as usize;
        let shown: usize = range(rect.min.y, rect.max.y)
            .map(|row| range(rect.min.x, rect.max.x).filter(|column| self.owner[row * side + column] == number).count())
            .sum();
        shown as f32 / rect.area().max(1.0)
    }

    fn into_example(self, preset: &Preset) -> Example {
        let side = preset.map_side();
        let cells = side * side;
        let cells_from_crop = crop_from_cells(preset.stride() as f32).inverse();
        let (mut target, mut weights) = (vec![0.0_f32; cells * CHANNELS], vec![0.0_f32; cells * CHANNELS]);
        let (heat, sizes) = target.split_at_mut(cells);
        let (heat_weights, size_weights) = weights.split_at_mut(cells);
        let mut one = vec![0.0_f32; cells];
        let mut unknown = Vec::new();
        for (number, face) in (1..).zip(&self.faces) {
            let visible = self.visible(face, number);
            if visible < 0.05 {
                continue;
            }
            let at = cells_from_crop * face.centre();
            if visible < VISIBLE || face.width().max(face.height()) < TINY_PX {
                unknown.push(*face);
                continue;
            }
            targets::gaussian(at, preset.sigma, side, &mut one);
            heat.iter_mut().zip(&one).for_each(|(heat, one)| *heat = heat.max(*one));
            for cell in 0..cells {
                let there = Point2::new((cell % side) as f32, (cell / side) as f32);
                if (there - at).norm() <= SIZE_REACH {
                    for (channel, length) in [face.width(), face.height()].into_iter().enumerate() {
                        sizes[channel * cells + cell] = (length / SMALLEST_PX).log2() / OCTAVES;
                        size_weights[channel * cells + cell] = SIZE_WEIGHT;
                    }
                }
            }
        }
        weight_map(heat, side, heat_weights);
        unknown.extend(self.others.iter().filter(|(n, rect)| self.visible(rect, *n) > 0.05).map(|(_, rect)| *rect));
        for rect in unknown {
            let (from, to) = (cells_from_crop * rect.min, cells_from_crop * rect.max);
            for cell in 0..cells {
                let there = Point2::new((cell % side) as f32, (cell / side) as f32);
                let covered =
                    (from.x - 0.5..to.x + 0.5).contains(&there.x) && (from.y - 0.5..to.y + 0.5).contains(&there.y);
                if covered && heat[cell] < 0.05 {
                    heat_weights[cell] = 0.0;
                }
            }
        }
        Example { image: self.image, target, weights }
    }
}

impl Task for Scenes {
    fn channels(&self) -> usize {
        CHANNELS
    }

    fn points(&self) -> usize {
        1
    }

    fn losses(&self) -> Vec<Loss> {
        vec![Loss::AdaptiveWing, Loss::L1, Loss::L1]
    }

    fn len(&self) -> usize {
        self.train.len()
    }

    fn example(&self, index: usize, rng: &mut StdRng) -> Example {
        let mut example = self.compose(&self.train, index, rng);
        augment::degrade(&mut example.image, &STRENGTH, rng);
        example
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
