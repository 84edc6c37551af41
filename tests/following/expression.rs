//! A face that changes its shape: the picture of a still one, bent.

use std::f32::consts::{PI, TAU};

use nalgebra::{Point2, Vector2};
use wingmark::picture::crop::CropImage;

/// Inside an open mouth.
const MOUTH: [u8; 3] = [40, 20, 20];

/// What a face does over and over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expression {
    /// Eyes shut in a tenth of a second, twice a second.
    Blink,
    /// Three syllables a second.
    Talk,
    /// The middle of the face goes to and fro, as when a head turns, once a second.
    Turn,
}

impl Expression {
    pub const ALL: [Expression; 3] = [Expression::Blink, Expression::Talk, Expression::Turn];

    pub fn name(self) -> &'static str {
        match self {
            Expression::Blink => "blinks",
            Expression::Talk => "talks",
            Expression::Turn => "turns",
        }
    }

    /// Frames after which it repeats, at thirty a second.
    pub fn period(self) -> u32 {
        match self {
            Expression::Blink => 15,
            Expression::Talk => 10,
            Expression::Turn => 30,
        }
    }

    /// Bends a picture of a still face whose landmarks are at `points` into what it shows in the
    /// frame of that number.
    pub fn bend(self, image: &mut CropImage, points: &[Point2<f32>], sequence: u32) {
        let eyes = (points[45] - points[36]).norm();
        let phase = (sequence % self.period()) as f32 / self.period() as f32;
        match self {
            Expression::Blink => {
                let shut =
                    [0.33, 0.67, 1.0, 1.0, 0.75, 0.5, 0.25].get((sequence % self.period()) as usize).unwrap_or(&0.0);
                let stretch = 1.0 / (1.0 - 0.75 * shut) - 1.0;
                let centres = [centre(&points[36..42]), centre(&points[42..48])];
                bend(image, |at| {
                    let pull = |centre: &Point2<f32>| {
                        let off = at - centre;
                        off.y * stretch * bump(off.component_div(&Vector2::new(0.22 * eyes, 0.16 * eyes)))
                    };
                    Some(Point2::new(at.x, at.y + centres.iter().map(pull).sum::<f32>()))
                });
            }
            Expression::Talk => {
                let open = 0.16 * eyes * (0.5 - 0.5 * (TAU * phase).cos());
                let (right, left, chin) = (points[48], points[54], points[8].y);
                let sag = (points[62].y + points[66].y - right.y - left.y) / 2.0;
                bend(image, |at| {
                    let along = (at.x - right.x) / (left.x - right.x);
                    if !(0.0..1.0).contains(&along) {
                        return Some(at);
                    }
                    let bow = (along * PI).sin();
                    let (lips, open) = (right.y + (left.y - right.y) * along + sag * bow, open * bow);
                    match at.y {
                        y if y < lips || y > chin => Some(at),
                        y if y < lips + open => None,
                        y => Some(Point2::new(at.x, chin - (chin - y) * (chin - lips) / (chin - lips - open))),
                    }
                });
            }
            Expression::Turn => {
                let shift = 0.1 * eyes * (TAU * phase).sin();
                bend(image, |at| Some(Point2::new(at.x - shift * bump((at - points[30]) / (0.9 * eyes)), at.y)));
            }
        }
    }
}

/// 1 in the middle, 0 from a distance of 1 on.
fn bump(off: Vector2<f32>) -> f32 {
    (1.0 - off.norm_squared()).max(0.0).powi(2)
}

fn centre(points: &[Point2<f32>]) -> Point2<f32> {
    Point2::from(points.iter().map(|point| point.coords).sum::<Vector2<f32>>() / points.len() as f32)
}

/// Each pixel becomes what `from` says of where it comes from; `None` is the inside of a mouth.
fn bend(image: &mut CropImage, from: impl Fn(Point2<f32>) -> Option<Point2<f32>>) {
    let before = image.rgb.clone();
    let side = image.side_px as usize;
    let pixels = before.as_chunks::<3>().0;
    let last = side as f32 - 1.001;
    for (i, pixel) in image.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let here = Point2::new((i % side) as f32, (i / side) as f32);
        let Some(there) = from(here) else {
            *pixel = MOUTH;
            continue;
        };
        if there == here {
            continue;
        }
        let (x, y) = (there.x.clamp(0.0, last), there.y.clamp(0.0, last));
        let (u, v) = (x.fract(), y.fract());
        let first = y as usize * side + x as usize;
        *pixel = std::array::from_fn(|c| {
            let value = |offset: usize| f32::from(pixels[first + offset][c]);
            let top = value(0) * (1.0 - u) + value(1) * u;
            let bottom = value(side) * (1.0 - u) + value(side + 1) * u;
            (top * (1.0 - v) + bottom * v).round() as u8
        });
    }
}
