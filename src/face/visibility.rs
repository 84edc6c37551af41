//! Which landmarks the picture shows, and which are guessed from the others.
//!
//! A landmark is guessed where the head hides it, where it lies beyond the border, or where
//! something else hides it: a hand, a mask, hair, another person. The head hides the far half of
//! its jaw from some yaw on, and then the far eye. What else hides a landmark is told by the heat:
//! the peak of a hidden landmark is low, and so are the peaks around it. With `c` the confidences,
//!
//! ```text
//! P(hidden) = 1 / (1 + exp(-(bias[landmark] + own log c + near log c_near + face log c_face)))
//! ```
//!
//! `log c_near` is the mean over the other landmarks, each weighted by a Gaussian of its distance
//! in the mean face; `c_face` is what three quarters of the landmarks are below, which a half that
//! is covered does not change. `tests/accuracy/seen.py` fits the numbers on faces of which parts
//! are covered, and measures what comes of them.

use std::ops::Range;

use super::Landmark;
use super::pose::HeadPose;
use super::shape::ShapeModel;
use crate::model::card::Visibility;
use crate::model::scheme::IBUG_68;
use crate::picture::frame::Size;

// `python3 tests/accuracy/seen.py measure --data 300w --aflw2000 aflw2000` measures precision and
// recall.

/// A landmark is guessed from this probability on. Chosen on held-out faces of 300-W.
const HIDDEN: f32 = 0.25;
/// From this yaw on a head hides the far half of its jaw, in degrees.
const JAW_HIDDEN_DEG: f32 = 30.0;
/// From this yaw on it hides the far brow and eye, in degrees.
const EYE_HIDDEN_DEG: f32 = 60.0;
/// Landmarks are near within so many distances between the outer corners of the eyes: the standard
/// deviation of the Gaussian.
const NEAR: f32 = 0.2;
/// Others that count less than this, where a landmark in the same place counts 1, are left out.
const LEAST_WEIGHT: f32 = 1e-3;
/// Heat below this says no more than that nothing is seen.
const LEAST_CONFIDENCE: f32 = 0.02;

/// The right half of the jaw, which is the far one where the head turns to its right.
pub const RIGHT_JAW: Range<usize> = 0..8;
/// The brow and the eye of that half.
pub const RIGHT_BROW_AND_EYE: [Range<usize>; 2] = [17..22, 36..42];

/// Tells landmarks that are seen from those that are guessed.
#[derive(Debug, Clone)]
pub struct VisibilityModel {
    /// Nothing of a model that cannot tell by its heat.
    heat: Option<HeatModel>,
}

/// Tells hidden landmarks by their heat.
#[derive(Debug, Clone)]
struct HeatModel {
    numbers: Visibility,
    /// Of each landmark, those near it and what they count; the counts sum to one.
    near: Vec<Vec<(usize, f32)>>,
}

impl VisibilityModel {
    /// `shape` says which landmarks are near each other. Without the one or the other, heat tells
    /// nothing.
    pub fn new(numbers: Option<&Visibility>, shape: Option<&ShapeModel>) -> Self {
        let heat = numbers.zip(shape).map(|(numbers, shape)| HeatModel::new(numbers.clone(), shape));
        VisibilityModel { heat }
    }

    /// Numbers of the landmarks that are guessed, rising. `pose` is the head's, where it is known;
    /// `size` is the frame's.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn guessed(&self, landmarks: &[Landmark], pose: Option<&HeadPose>, size: Size) -> Vec<usize> {
        let hidden = self.heat.as_ref().map(|heat| heat.hidden(landmarks));
        let yaw_deg = pose.map_or(0.0, |pose| pose.brought_ahead().yaw_deg());
        let is_guessed = |&i: &usize| {
            let is_covered = hidden.as_ref().is_some_and(|hidden| hidden[i]);
            is_covered || is_hidden_by_head(i, yaw_deg) || is_beyond(&landmarks[i], size)
        };
        (0..landmarks.len()).filter(is_guessed).collect()
    }
}

impl HeatModel {
    fn new(numbers: Visibility, shape: &ShapeModel) -> Self {
        let mean = shape.mean();
        let [right, left] = IBUG_68.outer_eye_corners;
        let unit = NEAR * (mean[left] - mean[right]).norm();
        let weight = |i: usize, j: usize| (-(mean[i] - mean[j]).norm_squared() / (2.0 * unit * unit)).exp();
        let near_to = |i: usize| {
            let others = (0..mean.len()).filter(|&j| j != i).map(|j| (j, weight(i, j)));
            let counted: Vec<(usize, f32)> = others.filter(|(_, weight)| *weight > LEAST_WEIGHT).collect();
            let sum: f32 = counted.iter().map(|(_, weight)| weight).sum();
            counted.into_iter().map(|(j, weight)| (j, weight / sum)).collect()
        };
        HeatModel { numbers, near: (0..mean.len()).map(near_to).collect() }
    }

    /// Which landmarks something hides, by the heat alone.
    fn hidden(&self, landmarks: &[Landmark]) -> Vec<bool> {
        let Visibility { own, near, face, bias } = &self.numbers;
        let logs: Vec<f32> = landmarks.iter().map(|l| l.confidence.max(LEAST_CONFIDENCE).ln()).collect();
        let of_face = upper_quartile(logs.clone());
        let least = (HIDDEN / (1.0 - HIDDEN)).ln();
        let is_hidden = |(i, bias): (usize, &f32)| {
            let around: f32 = self.near[i].iter().map(|(j, weight)| weight * logs[*j]).sum();
            bias + own * logs[i] + near * around + face * of_face >= least
        };
        bias.iter().enumerate().map(is_hidden).collect()
    }
}

/// What three quarters of the values are below.
fn upper_quartile(mut values: Vec<f32>) -> f32 {
    let at = values.len() * 3 / 4;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Whether a head with this yaw hides the landmark; yaw is positive when the person turns to the
/// own right.
fn is_hidden_by_head(landmark: usize, yaw_deg: f32) -> bool {
    let of_right_half = if yaw_deg > 0.0 { landmark } else { IBUG_68.flip[landmark] };
    let turned = yaw_deg.abs();
    (turned >= JAW_HIDDEN_DEG && RIGHT_JAW.contains(&of_right_half))
        || (turned >= EYE_HIDDEN_DEG && RIGHT_BROW_AND_EYE.iter().any(|range| range.contains(&of_right_half)))
}

/// Whether the landmark lies beyond the border of a frame of this size.
pub fn is_beyond(landmark: &Landmark, size: Size) -> bool {
    let outside = |at: f32, length: u32| !(-0.5..=length as f32 - 0.5).contains(&at);
    outside(landmark.at.x, size.width) || outside(landmark.at.y, size.height)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Matrix6, Point2, Rotation3, Vector3};

    use super::*;
    use crate::face::zoo;
    use crate::model::card::Task;

    const FRAME: Size = Size { width: 100, height: 100 };

    fn landmarks(confidence: impl Fn(usize) -> f32) -> Vec<Landmark> {
        let at = Point2::new(50.0, 50.0);
        (0..68).map(|i| Landmark { at, confidence: confidence(i), covariance: Matrix2::identity() }).collect()
    }

    fn turned(yaw_deg: f32) -> HeadPose {
        let camera_from_head = Rotation3::from_axis_angle(&Vector3::y_axis(), yaw_deg.to_radians());
        HeadPose { camera_from_head, position: Vector3::z(), covariance: Matrix6::identity() }
    }

    #[test]
    fn a_turned_head_hides_its_far_half() {
        let model = VisibilityModel::new(None, None);
        let guessed = |yaw| model.guessed(&landmarks(|_| 0.9), Some(&turned(yaw)), FRAME);
        assert!(guessed(20.0).is_empty() && guessed(-20.0).is_empty());
        assert_eq!(guessed(40.0), Vec::from_iter(0..8));
        assert_eq!(guessed(-40.0), Vec::from_iter(9..17));
        assert_eq!(guessed(70.0), Vec::from_iter((0..8).chain(17..22).chain(36..42)));
        assert_eq!(guessed(-70.0), Vec::from_iter((9..17).chain(22..27).chain(42..48)));
    }

    #[test]
    fn what_lies_beyond_the_border_is_guessed() {
        let mut face = landmarks(|_| 0.9);
        face[8].at = Point2::new(50.0, 99.6);
        face[3].at.x = -0.6;
        face[4].at.x = -0.4;
        assert_eq!(VisibilityModel::new(None, None).guessed(&face, None, FRAME), [3, 8]);
    }

    /// The mouth and the chin are cold, as under a mask.
    #[test]
    fn shipped_models_know_a_covered_half_and_trust_a_sure_face() {
        for choice in zoo::landmark_models() {
            let net = choice.load().unwrap();
            let Task::Landmarks { visibility, .. } = &net.card.task else { unreachable!() };
            let model = VisibilityModel::new(visibility.as_ref(), net.shape.as_ref());
            let is_covered = |i: usize| (4..13).contains(&i) || i >= 48;
            let guessed = model.guessed(&landmarks(|i| if is_covered(i) { 0.25 } else { 0.85 }), None, FRAME);
            assert!((48..68).all(|i| guessed.contains(&i)), "{choice}: {guessed:?}");
            let is_above = |i: &usize| (17..29).contains(i) || (36..48).contains(i);
            assert!(!guessed.iter().any(is_above), "{choice}: {guessed:?}");
            assert_eq!(model.guessed(&landmarks(|_| 0.85), None, FRAME), [0; 0], "{choice}");
        }
    }
}
