//! Draws the points of each eye anew, by what the picture shows there.
//!
//! A landmark net sees an eye a few pixels high, and takes closed ones for half open. A small net
//! sees the eye in the frame's own resolution, and says how far each of its six points is off:
//! a layer of tanh units reads a grey patch, where the points were found and how sure they are.
//! Both eyes have the same net; the left one is mirrored. `wingmark-trainer lids` fits the numbers
//! in a model's `lids.csv`.

use std::ops::Range;

use nalgebra::{Point2, Similarity2, Vector2};
use thiserror::Error;

use crate::face::Landmark;
use crate::face::layers::{self, Form, Layer};
use crate::picture::crop::CropImage;
use crate::picture::exposure::show;
use crate::picture::frame::Frame;
use crate::picture::geometry::{Crop, Rect};
use crate::text::numbers::TableError;

/// Columns of the patch, and rows: those in the middle of a square.
const COLUMNS: usize = 24;
const ROWS: usize = 18;
const FIRST_ROW: usize = (COLUMNS - ROWS) / 2;
/// From the patch's centre to its left and right edge, in roots of the area of the face's box.
const REACH: f32 = 0.2;
/// Points of an eye: outer corner, upper lid, inner corner, lower lid.
const POINTS: usize = 6;
/// How far a point is from the eye's middle is an input in tenths of the unit of
/// [`Eye::frame_from_eye`].
pub const TENTHS: f32 = 10.0;
/// The patch row by row, x and y of each point, then how sure each is.
pub const INPUTS: usize = COLUMNS * ROWS + 3 * POINTS;
/// Where x and y of the points are among the inputs.
pub const PLACES: Range<usize> = COLUMNS * ROWS..COLUMNS * ROWS + 2 * POINTS;
const UNITS: usize = 32;
/// The layers in `lids.csv`.
pub const LAYERS: [Form; 2] = [("hidden", INPUTS, UNITS), ("offsets", UNITS, 2 * POINTS)];

/// An eye, and the numbers of its points from the outer corner over the upper lid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eye {
    points: [usize; POINTS],
    /// It is seen in a mirror.
    is_mirrored: bool,
}

/// The eyes of iBUG's 68 points.
pub const EYES: [Eye; 2] = [
    Eye { points: [36, 37, 38, 39, 40, 41], is_mirrored: false },
    Eye { points: [45, 44, 43, 42, 47, 46], is_mirrored: true },
];

/// All of their points.
pub const EYE_POINTS: Range<usize> = 36..48;

/// What the net reads of one eye.
pub type Inputs = [f32; INPUTS];
/// x and y of each point.
pub type Offsets = [f32; 2 * POINTS];

/// The net of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct LidModel {
    /// As [`LAYERS`] has them.
    layers: [Layer; LAYERS.len()],
}

#[derive(Debug, Error)]
#[error("lids.csv, {0}")]
pub struct LidError(#[from] TableError);

impl Eye {
    /// Where the eye is: its middle at the origin, the root of the area of the face's box as unit,
    /// and leaning by `roll` as the face does. `None` where the landmarks lie in one place.
    pub fn frame_from_eye(&self, landmarks: &[Landmark], roll: f32) -> Option<Similarity2<f32>> {
        let upright = Similarity2::new(Vector2::zeros(), -roll, 1.0);
        let bounds = Rect::around(landmarks.iter().map(|landmark| upright * landmark.at))?;
        let middle = self.points.iter().map(|&i| landmarks[i].at.coords).sum::<Vector2<f32>>() / POINTS as f32;
        let unit = bounds.area().sqrt();
        (unit > 0.0 && unit.is_finite()).then(|| Similarity2::new(middle, roll, unit))
    }

    /// In the eye's frame, which is mirrored for the left one.
    fn local<'a>(
        &'a self,
        points: impl Fn(usize) -> Point2<f32> + 'a,
        frame_from_eye: &Similarity2<f32>,
    ) -> impl Iterator<Item = [f32; 2]> + 'a {
        let eye_from_frame = frame_from_eye.inverse();
        let sign = if self.is_mirrored { -1.0 } else { 1.0 };
        self.points.iter().map(move |&i| eye_from_frame * points(i)).map(move |at| [sign * at.x, at.y])
    }

    /// How far the landmarks are from where they should be.
    pub fn offsets(&self, found: &[Landmark], truth: &[Point2<f32>], frame_from_eye: &Similarity2<f32>) -> Offsets {
        let mut offsets = [0.0; 2 * POINTS];
        let found = self.local(|i| found[i].at, frame_from_eye);
        let both = self.local(|i| truth[i], frame_from_eye).zip(found);
        for (offset, ([x, y], [found_x, found_y])) in offsets.as_chunks_mut::<2>().0.iter_mut().zip(both) {
            *offset = [x - found_x, y - found_y];
        }
        offsets
    }

    fn move_by(&self, offsets: &Offsets, landmarks: &mut [Landmark], frame_from_eye: &Similarity2<f32>) {
        let sign = if self.is_mirrored { -1.0 } else { 1.0 };
        for (&[x, y], &i) in offsets.as_chunks::<2>().0.iter().zip(&self.points) {
            landmarks[i].at += frame_from_eye * Vector2::new(sign * x, y);
        }
    }
}

impl LidModel {
    /// The layers have the sizes in [`LAYERS`].
    pub fn new(layers: [Layer; LAYERS.len()]) -> Self {
        LidModel { layers }
    }

    /// How far each point is off, in the eye's frame.
    pub fn offsets(&self, inputs: &Inputs) -> Offsets {
        let [hidden, last] = &self.layers;
        let mut units = [0.0; UNITS];
        hidden.apply(inputs.iter().copied(), &mut units);
        let mut offsets = [0.0; 2 * POINTS];
        last.apply(units.map(f32::tanh), &mut offsets);
        offsets
    }

    /// Reads `lids.csv`: a header, and a row an output of each of [`LAYERS`]. The table serves nets
    /// of 68 landmarks.
    pub fn from_csv(text: &str) -> Result<Self, LidError> {
        let layers = layers::from_csv(text, &LAYERS)?;
        Ok(LidModel { layers: layers.try_into().expect("a layer of each form") })
    }

    /// As [`LidModel::from_csv`] reads it.
    pub fn to_csv(&self) -> String {
        let [hidden, last] = &self.layers;
        layers::to_csv(&[(LAYERS[0], hidden), (LAYERS[1], last)])
    }
}

/// Cuts eyes out of frames.
pub struct EyeReader {
    patch: CropImage,
}

impl Default for EyeReader {
    fn default() -> Self {
        EyeReader { patch: CropImage::new(COLUMNS as u32) }
    }
}

impl EyeReader {
    /// What the net reads of an eye whose landmarks lie in `frame`.
    pub fn read(
        &mut self,
        frame: &Frame,
        eye: &Eye,
        landmarks: &[Landmark],
        frame_from_eye: &Similarity2<f32>,
    ) -> Inputs {
        let mut inputs = [0.0; INPUTS];
        let (patch, rest) = inputs.split_at_mut(COLUMNS * ROWS);
        self.cut(frame, eye, frame_from_eye, patch);
        let (places, sure) = rest.split_at_mut(2 * POINTS);
        let local = eye.local(|i| landmarks[i].at, frame_from_eye);
        for (place, [x, y]) in places.as_chunks_mut::<2>().0.iter_mut().zip(local) {
            *place = [TENTHS * x, TENTHS * y];
        }
        sure.iter_mut().zip(&eye.points).for_each(|(sure, &i)| *sure = landmarks[i].confidence);
        inputs
    }

    /// Grey, each pixel from the mean in standard deviations.
    fn cut(&mut self, frame: &Frame, eye: &Eye, frame_from_eye: &Similarity2<f32>, patch: &mut [f32]) {
        let eye_from_patch = Crop::new(Point2::origin(), 2.0 * REACH, 0.0, COLUMNS as u32).frame_from_crop;
        let crop = Crop { frame_from_crop: frame_from_eye * eye_from_patch, side_px: COLUMNS as u32 };
        show(&mut self.patch, frame, &crop);
        let greys = self.patch.greys().skip(FIRST_ROW * COLUMNS);
        patch.iter_mut().zip(greys).for_each(|(value, grey)| *value = grey);
        let count = patch.len() as f32;
        let mean = patch.iter().sum::<f32>() / count;
        let deviation = (patch.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
        patch.iter_mut().for_each(|value| *value = (*value - mean) / (deviation + 4.0));
        if eye.is_mirrored {
            patch.chunks_exact_mut(COLUMNS).for_each(<[f32]>::reverse);
        }
    }

    /// Draws the eyes of a face that leans by `roll` anew.
    pub fn draw(&mut self, model: &LidModel, frame: &Frame, roll: f32, landmarks: &mut [Landmark]) {
        let places = EYES.map(|eye| eye.frame_from_eye(landmarks, roll));
        for (eye, place) in EYES.iter().zip(places) {
            let Some(place) = place else { continue };
            let offsets = model.offsets(&self.read(frame, eye, landmarks, &place));
            eye.move_by(&offsets, landmarks, &place);
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix2;

    use super::*;
    use crate::model::scheme::IBUG_68;
    use crate::picture::frame::Size;

    const SIDE: u32 = 121;

    fn shipped() -> LidModel {
        LidModel::from_csv(include_str!("../../models/nano/lids.csv")).unwrap()
    }

    fn landmark(at: Point2<f32>) -> Landmark {
        Landmark { at, confidence: 0.5, covariance: Matrix2::identity() }
    }

    /// No face, but none of its points lies where another does.
    fn landmarks() -> Vec<Landmark> {
        (0..68).map(|i| landmark(Point2::new(30.0 + 0.9 * i as f32, 25.0 + ((i * 7) % 40) as f32))).collect()
    }

    fn apart(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        assert_eq!(LidModel::from_csv(&shipped().to_csv()).unwrap(), shipped());
        let error = LidModel::from_csv("layer,bias\nhidden,1\n").unwrap_err().to_string();
        assert_eq!(error, "lids.csv, line 2: 2 columns; expected 452");
    }

    #[test]
    fn points_that_are_moved_by_their_offsets_are_right() {
        let truth: Vec<Point2<f32>> = landmarks().iter().map(|l| l.at + Vector2::new(1.5, -2.0)).collect();
        for eye in &EYES {
            let mut found = landmarks();
            let place = eye.frame_from_eye(&found, 0.4).unwrap();
            eye.move_by(&eye.offsets(&found, &truth, &place), &mut found, &place);
            for (i, (found, before)) in found.iter().zip(landmarks()).enumerate() {
                let expected = if eye.points.contains(&i) { truth[i] } else { before.at };
                assert!((found.at - expected).norm() < 1e-4, "point {i}");
            }
        }
    }

    #[test]
    fn a_left_eye_is_read_as_a_right_one_in_a_mirror() {
        let size = Size { width: SIDE, height: SIDE };
        let grey = |x: u32, y: u32| ((3 * x + y * y) % 200) as u8;
        let frame_of = |grey: &dyn Fn(u32, u32) -> u8| {
            let bytes = (0..SIDE * SIDE).flat_map(|i| [grey(i % SIDE, i / SIDE); 3]).collect();
            Frame::from_rgb(size, bytes).unwrap()
        };
        let in_mirror = |at: Point2<f32>| Point2::new(SIDE as f32 - 1.0 - at.x, at.y);
        let mirrored: Vec<Landmark> = IBUG_68.flip.iter().map(|&i| landmark(in_mirror(landmarks()[i].at))).collect();
        let read = |frame: &Frame, eye: &Eye, landmarks: &[Landmark]| {
            let place = eye.frame_from_eye(landmarks, 0.0).unwrap();
            EyeReader::default().read(frame, eye, landmarks, &place)
        };
        let right = read(&frame_of(&grey), &EYES[0], &landmarks());
        let left = read(&frame_of(&|x, y| grey(SIDE - 1 - x, y)), &EYES[1], &mirrored);
        assert!(apart(&right, &left) < 0.1, "{}", apart(&right, &left));
        assert!(apart(&right, &read(&frame_of(&grey), &EYES[1], &landmarks())) > 0.5);
    }

    #[test]
    fn landmarks_in_one_place_stay() {
        let mut found = vec![landmark(Point2::new(5.0, 5.0)); 68];
        let frame = Frame::from_rgb(Size { width: 8, height: 8 }, vec![90; 192]).unwrap();
        EyeReader::default().draw(&shipped(), &frame, 0.0, &mut found);
        assert!(found.iter().all(|landmark| landmark.at == Point2::new(5.0, 5.0)));
    }
}
