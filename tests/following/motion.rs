//! A face moved about before a camera, so that it is known where each of its points is at any time.

use std::f32::consts::TAU;

use nalgebra::{Point2, Similarity2, Vector2};
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::{Crop, Rect};

use crate::expression::Expression;

pub const FRAMES_A_SECOND: f32 = 30.0;
/// Side of the frames.
const SIDE_PX: u32 = 480;
/// Side of a frame, as a multiple of the longer side of the face's box.
const SIDE_PER_FACE: f32 = 3.0;
/// Standard deviation of the sensor's noise, of 255.
const NOISE: f32 = 3.0;

/// Back and forth in a sine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    Still,
    SlowPan,
    FastPan,
    Roll,
    Zoom,
}

impl Motion {
    pub const ALL: [Motion; 5] = [Motion::Still, Motion::SlowPan, Motion::FastPan, Motion::Roll, Motion::Zoom];

    /// With the highest speed.
    pub fn name(self) -> &'static str {
        match self {
            Motion::Still => "still",
            Motion::SlowPan => "slow pan, 0.1 faces/s",
            Motion::FastPan => "fast pan, 2 faces/s",
            Motion::Roll => "roll, 115 degrees/s",
            Motion::Zoom => "zoom, 75 %/s",
        }
    }

    /// What the camera sees of the picture after `seconds`, of a face that fills `face` in it.
    pub fn view(self, face: &Rect, seconds: f32) -> Crop {
        let face_px = face.width().max(face.height());
        let (mut shift, mut scale, mut roll) = (Vector2::<f32>::zeros(), 1.0, 0.0);
        match self {
            Motion::Still => {}
            Motion::SlowPan => shift.x = 0.1 * seconds.sin(),
            Motion::FastPan => shift = Vector2::new(0.48, 0.14) * (4.0 * seconds).sin(),
            Motion::Roll => roll = 0.5 * (4.0 * seconds).sin(),
            Motion::Zoom => scale = (0.25 * (3.0 * seconds).sin()).exp(),
        }
        Crop::new(face.centre() + shift * face_px, SIDE_PER_FACE * face_px * scale, roll, SIDE_PX)
    }
}

/// What a face does before the camera: it is moved about, or changes its shape while it is still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    Moves(Motion),
    Changes(Expression),
}

impl Act {
    pub fn all() -> impl Iterator<Item = Act> {
        Motion::ALL.into_iter().map(Act::Moves).chain(Expression::ALL.into_iter().map(Act::Changes))
    }

    pub fn name(self) -> &'static str {
        match self {
            Act::Moves(motion) => motion.name(),
            Act::Changes(expression) => expression.name(),
        }
    }

    /// Frames after which the shape of the face is the same again.
    pub fn period(self) -> u32 {
        match self {
            Act::Moves(_) => 1,
            Act::Changes(expression) => expression.period(),
        }
    }

    fn view(self, face: &Rect, seconds: f32) -> Crop {
        match self {
            Act::Moves(motion) => motion.view(face, seconds),
            Act::Changes(_) => Motion::Still.view(face, seconds),
        }
    }

    pub fn frame_from_picture(self, face: &Rect, seconds: f32) -> Similarity2<f32> {
        self.view(face, seconds).crop_from_frame()
    }
}

/// Renders what a noisy sensor sees of a picture.
pub struct Camera {
    image: CropImage,
    noise: u64,
}

impl Default for Camera {
    fn default() -> Self {
        Camera { image: CropImage::new(SIDE_PX), noise: 0x2545_f491_4f6c_dd1d }
    }
}

impl Camera {
    /// The frame of that number, of a picture whose face has its landmarks at `points`.
    pub fn see(&mut self, picture: &Frame, points: &[Point2<f32>], act: Act, sequence: u32) -> Frame {
        let face = Rect::around(points.iter().copied()).unwrap();
        let view = act.view(&face, sequence as f32 / FRAMES_A_SECOND);
        self.image.fill(picture, &view);
        if let Act::Changes(expression) = act {
            expression.bend(&mut self.image, &moved(&view.crop_from_frame(), points), sequence);
        }
        let clean = self.image.rgb.clone();
        let bytes = clean.into_iter().map(|value| (f32::from(value) + NOISE * self.normal()).round() as u8).collect();
        Frame::from_rgb(Size { width: SIDE_PX, height: SIDE_PX }, bytes).unwrap()
    }

    /// A number of a normal distribution (Box and Muller), the same ones in each run (xorshift64).
    fn normal(&mut self) -> f32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        let (a, b) = ((self.noise >> 40) as f32 / (1 << 24) as f32, (self.noise >> 8 & 0xffff) as f32 / 65_536.0);
        (-2.0 * (1.0 - a).ln()).sqrt() * (TAU * b).cos()
    }
}

/// Where the points of a picture are in the frame.
pub fn moved(frame_from_picture: &Similarity2<f32>, points: &[Point2<f32>]) -> Vec<Point2<f32>> {
    points.iter().map(|point| frame_from_picture * point).collect()
}
