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

#[cfg(test)]
mod tests {
    use std::f32::consts::{PI, TAU};
    use std::sync::Arc;

    use wingmark::picture::frame::{Frame, Size};

    use super::super::sources::Known;
    use super::*;
    use crate::dots::{colour_at, paint};

    const COLOURS: [[bool; 3]; 3] = [[true, false, false], [false, true, false], [false, false, true]];

    /// A leaning face: the eye that is at the left in red, the other one in green, the chin in
    /// blue.
    fn picture() -> (Picture, [Point2<f32>; 3]) {
        let dots = [Point2::new(70.0, 60.0), Point2::new(120.0, 70.0), Point2::new(88.0, 120.0)];
        let mut rgb = vec![20; 200 * 160 * 3];
        dots.iter().zip(COLOURS).for_each(|(&at, colour)| paint(&mut rgb, 200, at, 4.0, colour));
        let frame = Arc::new(Frame::from_rgb(Size { width: 200, height: 160 }, rgb).unwrap());
        let face = Known { outline: Outline::Landmarks(dots.to_vec()), roll: 10f32.atan2(50.0) };
        let chin = Rect::new(86.0, 118.0, 90.0, 122.0);
        (Picture { frame, faces: vec![face], unsure: vec![chin], is_scene: false, times: 1 }, dots)
    }

    /// The middle of what has a colour.
    fn middle(image: &CropImage, colour: [bool; 3]) -> Option<Point2<f32>> {
        let side = image.side_px;
        let all = (0..side * side).map(|i| Point2::new((i % side) as f32, (i / side) as f32));
        let own: Vec<Point2<f32>> = all.filter(|&at| colour_at(image, at) == colour).collect();
        let sum = own.iter().fold(Point2::origin(), |sum: Point2<f32>, at| sum + at.coords);
        (!own.is_empty()).then(|| sum / own.len() as f32)
    }

    #[test]
    fn a_face_lies_where_its_picture_shows_it_in_the_mirror_too() {
        let (picture, _) = picture();
        for (roll, flip) in [(0.0, false), (0.0, true), (0.7, false), (0.7, true), (-2.5, false), (-2.5, true)] {
            let mut scene = Scene::new(96);
            scene.lay(&picture, &Crop::new(Point2::new(95.0, 85.0), 130.0, roll, 96), flip, Extent::Whole);
            let [red, green, blue] = COLOURS.map(|colour| middle(&scene.image, colour).unwrap());
            let face = scene.faces[0];
            let seen = Rect::around([red, green, blue]).unwrap();
            let off = (face.bounds.min - seen.min).amax().max((face.bounds.max - seen.max).amax());
            assert!(off < 0.5, "{:?} is not {seen:?}, {roll} {flip}", face.bounds);
            // From the eye that is a mirrored face's right one to its left one.
            let eyes = if flip { red - green } else { green - red };
            let turned = (face.roll - eyes.y.atan2(eyes.x) + PI).rem_euclid(TAU) - PI;
            assert!(turned.abs() < 0.03, "off by {turned}, {roll} {flip}");
            let unsure: Vec<Rect> = scene.unsure().collect();
            assert!((unsure[0].centre() - blue).norm() < 0.5, "{unsure:?} is not about {blue}, {roll} {flip}");
        }
    }

    #[test]
    fn a_part_shows_what_the_whole_shows_there() {
        let (picture, dots) = picture();
        for (roll, flip) in [(0.4, false), (0.4, true)] {
            let crop = Crop::new(Point2::new(95.0, 85.0), 130.0, roll, 96);
            let place = |at: &Point2<f32>| {
                let at = crop.crop_from_frame() * at;
                if flip { Point2::new(95.0 - at.x, at.y) } else { at }
            };
            let [_, green, blue] = dots.map(|dot| place(&dot));
            let around = Rect::around([green, blue]).unwrap();
            let part = Rect::new(around.min.x - 8.0, around.min.y - 5.0, around.max.x + 7.0, around.max.y + 9.0);
            let mut scene = Scene::new(96);
            scene.lay(&picture, &crop, flip, Extent::Part(part));
            for (expected, colour) in [green, blue].into_iter().zip(&COLOURS[1..]) {
                let found = middle(&scene.image, *colour).unwrap();
                assert!((found - expected).norm() < 0.5, "{found} is not {expected}, {flip}");
            }
        }
    }
}
