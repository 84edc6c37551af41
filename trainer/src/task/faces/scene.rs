//! A frame in the making, in pixels of the net's input: pictures laid over one another, and where
//! their faces are.

use nalgebra::{Point2, Similarity2};
use rand::Rng;
use rand::rngs::StdRng;
use wingmark::picture::crop::CropImage;
use wingmark::picture::geometry::{Crop, Rect, box_of_turned};

use super::sources::{Outline, Picture};
use crate::augment;

/// A face in the scene.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    pub bounds: Rect,
    /// Radians, positive clockwise on the screen.
    pub roll: f32,
    /// The picture that it belongs to.
    layer: u16,
}

impl Placed {
    /// The longer side of its box.
    pub fn size_px(&self) -> f32 {
        self.bounds.width().max(self.bounds.height())
    }
}

pub struct Scene {
    pub image: CropImage,
    /// Which picture each pixel comes from; 0 is the empty ground.
    owner: Vec<u16>,
    pub faces: Vec<Placed>,
    unsure: Vec<(u16, Rect)>,
    layers: u16,
}

/// How much of a picture is laid over a scene.
#[derive(Clone, Copy)]
pub enum Extent {
    Whole,
    /// A box in the scene's pixels.
    Part(Rect),
}

impl Scene {
    pub fn new(side_px: u32) -> Self {
        let image = CropImage::new(side_px);
        let owner = vec![0; image.rgb.len() / 3];
        Scene { image, owner, faces: vec![], unsure: vec![], layers: 0 }
    }

    pub fn side_px(&self) -> f32 {
        self.image.side_px as f32
    }

    /// Lays what `crop` (of the scene's size) shows of `picture` over the scene, mirrored if
    /// `flip`.
    pub fn lay(&mut self, picture: &Picture, crop: &Crop, flip: bool, extent: Extent) {
        self.layers += 1;
        let layer = self.layers;
        let side = self.side_px();
        let crop_from_frame = crop.crop_from_frame();
        let mirrored = |p: Point2<f32>| if flip { Point2::new(side - 1.0 - p.x, p.y) } else { p };
        let placed = |rect: &Rect| {
            let turned = box_of_turned(rect, &crop_from_frame);
            if flip { Rect::around([mirrored(turned.min), mirrored(turned.max)]).expect("two corners") } else { turned }
        };
        let turn = crop_from_frame.isometry.rotation.angle();
        for face in &picture.faces {
            let bounds = match &face.outline {
                Outline::Landmarks(points) => {
                    Rect::around(points.iter().map(|p| mirrored(crop_from_frame * p))).expect("a face has points")
                }
                Outline::Box(rect) => placed(rect),
            };
            let roll = face.roll + turn;
            self.faces.push(Placed { bounds, roll: if flip { -roll } else { roll }, layer });
        }
        self.unsure.extend(picture.unsure.iter().map(|rect| (layer, placed(rect))));
        self.paint(picture, crop, flip, extent, layer);
    }

    fn paint(&mut self, picture: &Picture, crop: &Crop, flip: bool, extent: Extent, layer: u16) {
        let side = self.image.side_px as usize;
        let all = Rect::new(0.0, 0.0, side as f32 - 1.0, side as f32 - 1.0);
        let part = match extent {
            Extent::Whole => all,
            Extent::Part(part) => part,
        };
        let (rows, columns) = (pixels(part.min.y, part.max.y, side), pixels(part.min.x, part.max.x, side));
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        // Only a square around the part is sampled.
        let part_side = rows.len().max(columns.len());
        let (left, top) = if flip { (side - columns.end, rows.start) } else { (columns.start, rows.start) };
        let corner = crop.frame_from_crop * Point2::new(left as f32, top as f32);
        let map = crop.frame_from_crop;
        let frame_from_part = Similarity2::from_parts(corner.coords.into(), map.isometry.rotation, map.scaling());
        let mut shown = CropImage::new(part_side as u32);
        shown.fill(&picture.frame, &Crop { frame_from_crop: frame_from_part, side_px: part_side as u32 });
        if flip {
            augment::mirror(&mut shown);
        }
        let size = picture.frame.size();
        let shift = if flip { part_side - columns.len() } else { 0 };
        for (r, row) in rows.clone().enumerate() {
            for (c, column) in columns.clone().enumerate() {
                let source_x = if flip { part_side - 1 - c - shift } else { c };
                let source = frame_from_part * Point2::new(source_x as f32, r as f32);
                let inside = (0.0..size.width as f32 - 1.0).contains(&source.x)
                    && (0.0..size.height as f32 - 1.0).contains(&source.y);
                if inside {
                    let (from, to) = (r * part_side + c + shift, row * side + column);
                    self.image.rgb[to * 3..][..3].copy_from_slice(&shown.rgb[from * 3..][..3]);
                    self.owner[to] = layer;
                }
            }
        }
    }

    /// Share of a box that shows what its own picture put there.
    fn visible(&self, rect: &Rect, layer: u16) -> f32 {
        let side = self.image.side_px as usize;
        let columns = pixels(rect.min.x, rect.max.x, side);
        let shown: usize = pixels(rect.min.y, rect.max.y, side)
            .map(|row| columns.clone().filter(|column| self.owner[row * side + column] == layer).count())
            .sum();
        shown as f32 / rect.area().max(1.0)
    }

    /// The share of a face that is not cut or covered by another picture.
    pub fn visible_face(&self, face: &Placed) -> f32 {
        self.visible(&face.bounds, face.layer)
    }

    /// Boxes of what may be a face, as far as anything of them is seen.
    pub fn unsure(&self) -> impl Iterator<Item = Rect> {
        self.unsure.iter().filter(|(layer, rect)| self.visible(rect, *layer) > 0.05).map(|(_, rect)| *rect)
    }

    /// Covers up to half of a face with a colour, noise, or another part of the scene, as a hand, a
    /// mask or hair would.
    pub fn cover(&mut self, face: &Rect, rng: &mut StdRng) {
        let share = rng.random_range(0.25..0.55);
        let (width, height) = (face.width(), face.height());
        let part = match rng.random_range(0..8) {
            0..4 => Rect { min: Point2::new(face.min.x, face.max.y - share * height), max: face.max },
            4 => Rect { min: face.min, max: Point2::new(face.max.x, face.min.y + share * height) },
            5 => Rect { min: face.min, max: Point2::new(face.min.x + share * width, face.max.y) },
            6 => Rect { min: Point2::new(face.max.x - share * width, face.min.y), max: face.max },
            _ => {
                let (w, h) = (width * rng.random_range(0.3..0.8), height * rng.random_range(0.2..0.5));
                let x = face.min.x + rng.random_range(-0.2..1.0) * (width - w);
                let y = face.min.y + rng.random_range(0.0..1.0) * (height - h);
                Rect::new(x, y, x + w, y + h)
            }
        };
        let side = self.image.side_px as usize;
        let (rows, columns) = (pixels(part.min.y, part.max.y, side), pixels(part.min.x, part.max.x, side));
        let (from_row, from_column) = (rng.random_range(0..side), rng.random_range(0..side));
        let colour: [u8; 3] = if rng.random_bool(0.4) { [128; 3] } else { rng.random() };
        let kind = rng.random_range(0..4);
        let before = if kind == 3 { self.image.rgb.clone() } else { vec![] };
        for (r, row) in rows.enumerate() {
            for (c, column) in columns.clone().enumerate() {
                let pixel = match kind {
                    0 | 1 => colour,
                    2 => rng.random(),
                    _ => {
                        let from = (from_row + r) % side * side + (from_column + c) % side;
                        [before[from * 3], before[from * 3 + 1], before[from * 3 + 2]]
                    }
                };
                self.image.rgb[(row * side + column) * 3..][..3].copy_from_slice(&pixel);
            }
        }
    }
}

/// The pixels whose centres lie between two coordinates.
fn pixels(from: f32, to: f32, side: usize) -> std::ops::Range<usize> {
    let first = from.ceil().max(0.0) as usize;
    first..((to.floor() as i64 + 1).clamp(0, side as i64) as usize).max(first)
}
