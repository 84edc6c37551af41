//! Head pose: which way a head looks and where it is, by weighted least squares of a
//! [head](HeadModel) on landmarks.
//!
//! The camera is a pinhole in the middle of the picture. Its axes are x to the right of the
//! picture, y down, z away from the camera, and a head that looks straight at it has the same axes.
//! `camera_from_head = Rx(pitch) Ry(yaw) Rz(roll)`, which is OpenFace's order and that of
//! AFLW2000's annotations: yaw is positive when the person turns to the own right (the nose moves
//! to the left of the picture), pitch when the person looks down, roll when the head turns
//! clockwise in the picture. `docs/measures.md` draws it.
//!
//! The fit is Gauss-Newton over turn, position and deformations, which have a normal prior; each
//! landmark's weight is the inverse of its covariance as [`HeadModel`] has it, made robust as
//! errors with the tails of a Student t distribution would have it (iteratively reweighted; Lange,
//! Little, Taylor, JASA 1989).

use std::str::FromStr;

use nalgebra::{
    Matrix2, Matrix2x3, Matrix3, Matrix6, Point2, Rotation3, SMatrix, SVector, Unit, Vector2, Vector3, Vector6,
};
use thiserror::Error;

use super::Landmark;
use super::head::{DEFORMATIONS, HeadModel, bias_terms};
use crate::picture::frame::Size;

// Set by hand; `wingmark eval --data aflw2000 --split hard --detect` measures how far yaw is off.

/// Turn, position, deformations.
const UNKNOWNS: usize = 6 + DEFORMATIONS;
const MAX_STEPS: usize = 12;
/// Nobody sees a difference below this: radians for the turn, a hundredth of that for the relative
/// distance.
const SMALL_STEP: f32 = 1e-4;
/// A step turns no further, in radians.
const LARGEST_TURN: f32 = 0.5;
/// Degrees of freedom of the errors.
const TAILS: f32 = 4.0;
/// How much a camera sees from the left to the right edge of its picture: 5 to 150 degrees. 60
/// where nothing is known of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldOfView {
    degrees: f32,
}

/// A field of view that no pinhole camera has.
#[derive(Debug, Error)]
#[error("expected 5 to 150 degrees, such as 60")]
pub struct FieldOfViewError;

impl FieldOfView {
    /// A horizontal field of view in degrees.
    pub fn new(degrees: f32) -> Result<Self, FieldOfViewError> {
        if (5.0..=150.0).contains(&degrees) { Ok(FieldOfView { degrees }) } else { Err(FieldOfViewError) }
    }

    /// 15 degrees, of usual pictures of faces: most are cut from photographs taken from afar.
    pub fn of_cut_outs() -> Self {
        FieldOfView { degrees: 15.0 }
    }
}

impl Default for FieldOfView {
    fn default() -> Self {
        FieldOfView { degrees: 60.0 }
    }
}

impl FromStr for FieldOfView {
    type Err = FieldOfViewError;

    fn from_str(text: &str) -> Result<Self, FieldOfViewError> {
        FieldOfView::new(text.parse().map_err(|_| FieldOfViewError)?)
    }
}

/// A pinhole camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pinhole {
    /// In pixels.
    pub focal: f32,
    /// Where the optical axis meets the frame, in pixels.
    pub centre: Point2<f32>,
}

impl Pinhole {
    /// The camera of a picture of that size.
    pub fn of(size: Size, fov: FieldOfView) -> Self {
        let (width, height) = (size.width as f32, size.height as f32);
        Pinhole {
            focal: width / 2.0 / (fov.degrees.to_radians() / 2.0).tan(),
            centre: Point2::new((width - 1.0) / 2.0, (height - 1.0) / 2.0),
        }
    }
}

/// Which way a head looks, and where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadPose {
    /// Turns the head's axes into the camera's.
    pub camera_from_head: Rotation3<f32>,
    /// The point midway between the eyes, in millimetres before the camera, for eyes 63 mm apart.
    pub position: Vector3<f32>,
    /// Of the error: a small turn about the camera's axes in radians, then the position in
    /// millimetres.
    pub covariance: Matrix6<f32>,
}

impl HeadPose {
    /// Pitch, yaw and roll in radians: the turns about x, y and z.
    pub fn turns(&self) -> Vector3<f32> {
        let r = self.camera_from_head.matrix();
        let pitch = (-r[(1, 2)]).atan2(r[(2, 2)]);
        let yaw = r[(0, 2)].clamp(-1.0, 1.0).asin();
        // Without the sign of a negative zero.
        Vector3::new(pitch, yaw, (-r[(0, 1)]).atan2(r[(0, 0)])).add_scalar(0.0)
    }

    /// Pitch in degrees; positive where the person looks down.
    pub fn pitch_deg(&self) -> f32 {
        self.turns().x.to_degrees()
    }

    /// Yaw in degrees; positive where the person turns to the own right.
    pub fn yaw_deg(&self) -> f32 {
        self.turns().y.to_degrees()
    }

    /// Roll in degrees; positive where the head turns clockwise in the picture.
    pub fn roll_deg(&self) -> f32 {
        self.turns().z.to_degrees()
    }

    /// Covariance of the errors of pitch, yaw and roll, in square radians. Large where the head
    /// looks along the picture, since roll and pitch are then the same turn.
    pub fn turns_covariance(&self) -> Matrix3<f32> {
        let turns = self.turns();
        // A small turn w is ex pitch' + Rx ey yaw' + Rx Ry ez roll'.
        let about_x = Rotation3::from_axis_angle(&Vector3::x_axis(), turns.x);
        let limited = turns.y.clamp(-1.55, 1.55);
        let about_xy = about_x * Rotation3::from_axis_angle(&Vector3::y_axis(), limited);
        let turn_from_turns = Matrix3::from_columns(&[Vector3::x(), about_x * Vector3::y(), about_xy * Vector3::z()]);
        let turns_from_turn = turn_from_turns.try_inverse().unwrap_or_else(Matrix3::identity);
        turns_from_turn * self.covariance.fixed_view::<3, 3>(0, 0) * turns_from_turn.transpose()
    }
}

/// A fit under way.
#[derive(Clone)]
struct State {
    camera_from_head: Rotation3<f32>,
    position: Vector3<f32>,
    deformation: SVector<f32, DEFORMATIONS>,
}

/// The normal equations of a step.
struct Normal {
    precision: SMatrix<f32, UNKNOWNS, UNKNOWNS>,
    pull: SVector<f32, UNKNOWNS>,
}

/// A pose with what else the fit found.
pub struct Fitted {
    /// The pose that fits.
    pub pose: HeadPose,
    /// In standard deviations.
    pub deformation: SVector<f32, DEFORMATIONS>,
}

impl HeadModel {
    /// The pose of a head with these landmarks; `None` where they are no head's.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn pose(&self, landmarks: &[Landmark], camera: &Pinhole) -> Option<HeadPose> {
        self.fit(landmarks, camera).map(|fitted| fitted.pose)
    }

    /// As [`HeadModel::pose`], with the deformations.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn fit(&self, landmarks: &[Landmark], camera: &Pinhole) -> Option<Fitted> {
        assert_eq!(landmarks.len(), self.points.len(), "landmarks of another scheme");
        let mut state = self.start(landmarks, camera)?;
        // Errors are weighed in millimetres at the distance of the start, so that all numbers are
        // of one size.
        let px_per_mm = camera.focal / state.position.z;
        for _ in 0..MAX_STEPS {
            let Normal { precision, pull } = self.normal(&state, landmarks, camera, px_per_mm);
            let step = precision.cholesky()?.solve(&pull);
            let size = state.take(&step);
            if size < SMALL_STEP {
                break;
            }
        }
        let covariance = self.normal(&state, landmarks, camera, px_per_mm).precision.cholesky()?.inverse();
        let pose = HeadPose {
            camera_from_head: state.camera_from_head,
            position: state.position,
            covariance: covariance.fixed_view::<6, 6>(0, 0) * self.spread,
        };
        let is_sound = pose.position.iter().all(|v| v.is_finite()) && covariance.iter().all(|v| v.is_finite());
        is_sound.then_some(Fitted { pose, deformation: state.deformation })
    }

    /// A start: the mean head under the affine camera that fits best, made a turn.
    fn start(&self, landmarks: &[Landmark], camera: &Pinhole) -> Option<State> {
        let count = landmarks.len() as f32;
        let mean = self.points.iter().map(|p| p.mean).sum::<Vector3<f32>>() / count;
        let middle = landmarks.iter().map(|l| l.at - camera.centre).sum::<Vector2<f32>>() / count;
        let (mut spread, mut cross) = (Matrix3::zeros(), Matrix2x3::zeros());
        for (point, landmark) in self.points.iter().zip(landmarks) {
            let (in_head, in_picture) = (point.mean - mean, landmark.at - camera.centre - middle);
            spread += in_head * in_head.transpose();
            cross += in_picture * in_head.transpose();
        }
        let affine = cross * spread.try_inverse()?;
        let (across, down): (Vector3<f32>, Vector3<f32>) = (affine.row(0).transpose(), affine.row(1).transpose());
        let px_per_mm = (across.norm() + down.norm()) / 2.0;
        let across = Unit::try_new(across, f32::EPSILON)?;
        let down = Unit::try_new(down - across.into_inner() * across.dot(&down), f32::EPSILON)?;
        let rows = [across.transpose(), down.transpose(), across.cross(&down).transpose()];
        let camera_from_head = Rotation3::from_matrix_unchecked(Matrix3::from_rows(&rows));
        let distance = camera.focal / px_per_mm;
        let position = Vector3::new(middle.x / px_per_mm, middle.y / px_per_mm, distance) - camera_from_head * mean;
        let is_sound = distance.is_finite() && distance > 1.0 && position.iter().all(|v| v.is_finite());
        is_sound.then(|| State { camera_from_head, position, deformation: SVector::zeros() })
    }

    fn normal(&self, state: &State, landmarks: &[Landmark], camera: &Pinhole, px_per_mm: f32) -> Normal {
        let turn = state.camera_from_head.matrix();
        let forward = turn.column(2).into_owned();
        let (terms, slopes) = bias_terms(forward.xy());
        // A small turn w moves the head's z axis by w x forward.
        let forward_by_turn = Matrix2x3::new(0.0, forward.z, -forward.y, -forward.z, 0.0, forward.x);
        let terms_by_turn = slopes * forward_by_turn;
        let upright = upright(turn);
        let mut precision = SMatrix::zeros();
        let mut pull = SVector::zeros();
        for (point, landmark) in self.points.iter().zip(landmarks) {
            let in_head = point.mean + point.modes * state.deformation;
            let turned = turn * in_head;
            let at = turned + state.position;
            let depth = at.z.max(1.0);
            // Pixels a millimetre here, as a share of those at the start: residuals are in
            // millimetres there.
            let scale = camera.focal / depth / px_per_mm;
            let expected = at.xy() * scale + upright * (point.bias * terms);
            let residual = (landmark.at - camera.centre) / px_per_mm - expected;
            let covariance = landmark.covariance / (px_per_mm * px_per_mm) + Matrix2::identity() * point.rest;
            let weight = covariance.try_inverse().unwrap_or_else(Matrix2::zeros);
            let distance = residual.dot(&(weight * residual));
            let weight = weight * ((TAILS + 2.0) / (TAILS + distance));
            let by_at = Matrix2x3::new(1.0, 0.0, -at.x / depth, 0.0, 1.0, -at.y / depth) * scale;
            let mut slope = SMatrix::<f32, 2, UNKNOWNS>::zeros();
            let by_turn = by_at * -turned.cross_matrix() + upright * (point.bias * terms_by_turn);
            slope.fixed_columns_mut::<3>(0).copy_from(&by_turn);
            slope.fixed_columns_mut::<3>(3).copy_from(&by_at);
            slope.fixed_columns_mut::<DEFORMATIONS>(6).copy_from(&(by_at * turn * point.modes));
            let weighted = weight * slope;
            precision += slope.tr_mul(&weighted);
            pull += weighted.tr_mul(&residual);
        }
        for i in 0..DEFORMATIONS {
            precision[(6 + i, 6 + i)] += 1.0;
            pull[6 + i] -= state.deformation[i];
        }
        Normal { precision, pull }
    }
}

impl State {
    /// Takes a step; gives how large it was, as a turn in radians.
    fn take(&mut self, step: &SVector<f32, UNKNOWNS>) -> f32 {
        let turn = step.fixed_rows::<3>(0).into_owned();
        let part = (LARGEST_TURN / turn.norm().max(f32::EPSILON)).min(1.0);
        self.camera_from_head = Rotation3::new(turn * part) * self.camera_from_head;
        self.position += step.fixed_rows::<3>(3) * part;
        self.position.z = self.position.z.max(1.0);
        self.deformation += step.fixed_rows::<DEFORMATIONS>(6) * part;
        turn.norm().max(step.fixed_rows::<3>(3).norm() / self.position.z)
    }
}

/// The turn within the picture that a head with this turn has: the head's y axis, as it is seen,
/// points down in it.
pub fn upright(turn: &Matrix3<f32>) -> Matrix2<f32> {
    let down = turn.fixed_view::<2, 1>(0, 1).into_owned();
    let down = down.try_normalize(f32::EPSILON).unwrap_or_else(Vector2::y);
    Matrix2::new(down.y, down.x, -down.x, down.y)
}

/// Turn and position as one vector, for tests and calibration: radians and millimetres.
pub fn difference(found: &HeadPose, truth: &HeadPose) -> Vector6<f32> {
    let turn = (found.camera_from_head * truth.camera_from_head.inverse()).scaled_axis();
    let shift = found.position - truth.position;
    Vector6::new(turn.x, turn.y, turn.z, shift.x, shift.y, shift.z)
}

#[cfg(test)]
mod tests {
    use super::super::head::HeadPoint;
    use super::*;

    const CAMERA: Pinhole = Pinhole { focal: 600.0, centre: Point2::new(320.0, 240.0) };

    /// Twenty points on something like a face, which one deformation makes wider; a net that sees
    /// them where they are not.
    fn head(bias: f32) -> HeadModel {
        let point = |i: usize| {
            let (x, y) = ((i % 5) as f32 * 30.0 - 60.0, (i / 5) as f32 * 35.0 - 20.0);
            let mut modes = SMatrix::zeros();
            modes[(0, 0)] = x / 20.0;
            let mut point =
                HeadPoint { mean: Vector3::new(x, y, x * x / 60.0), modes, bias: SMatrix::zeros(), rest: 0.01 };
            // As along a jaw: the more the head is turned, the further off.
            point.bias[(0, 1)] = bias * x;
            point.bias[(1, 2)] = bias * 10.0;
            point
        };
        HeadModel { points: (0..20).map(point).collect(), spread: 1.0 }
    }

    fn pose(pitch: f32, yaw: f32, roll: f32) -> HeadPose {
        let turn = |axis, degrees: f32| Rotation3::from_axis_angle(axis, degrees.to_radians());
        let camera_from_head =
            turn(&Vector3::x_axis(), pitch) * turn(&Vector3::y_axis(), yaw) * turn(&Vector3::z_axis(), roll);
        HeadPose { camera_from_head, position: Vector3::new(-80.0, 40.0, 700.0), covariance: Matrix6::identity() }
    }

    /// Where the net sees a head, each landmark off by what `noise` gives.
    fn seen(head: &HeadModel, pose: &HeadPose, deviation: f32, mut noise: impl FnMut() -> f32) -> Vec<Landmark> {
        let turn = pose.camera_from_head.matrix();
        let (terms, _) = bias_terms(turn.fixed_view::<2, 1>(0, 2).into_owned());
        let px_per_mm = CAMERA.focal / pose.position.z;
        head.points
            .iter()
            .map(|point| {
                let at = turn * (point.mean + point.modes.column(0) * 0.7) + pose.position;
                let off = upright(turn) * (point.bias * terms) * px_per_mm;
                let error = Vector2::new(noise(), noise()) * deviation;
                Landmark {
                    at: CAMERA.centre + at.xy() * (CAMERA.focal / at.z) + off + error,
                    confidence: 1.0,
                    covariance: Matrix2::identity() * (deviation * deviation + 1e-4),
                }
            })
            .collect()
    }

    #[test]
    fn the_pose_of_exact_landmarks_is_found_at_every_turn() {
        for bias in [0.0, 0.15] {
            let head = head(bias);
            for (pitch, yaw, roll) in [(0.0, 0.0, 0.0), (10.0, 35.0, -20.0), (-25.0, -60.0, 5.0), (5.0, 20.0, 170.0)] {
                let truth = pose(pitch, yaw, roll);
                let found = head.pose(&seen(&head, &truth, 0.0, || 0.0), &CAMERA).unwrap();
                let off = difference(&found, &truth);
                let turn = off.fixed_rows::<3>(0).norm().to_degrees();
                assert!(turn < 0.5, "{turn} degrees at {pitch}, {yaw}, {roll} with bias {bias}");
                let turns = found.turns().map(f32::to_degrees);
                assert!((turns - Vector3::new(pitch, yaw, roll)).norm() < 0.7, "{turns} at {pitch}, {yaw}, {roll}");
                assert!((off[5] / 700.0).abs() < 0.05, "distance off by {}", off[5]);
            }
        }
    }

    #[test]
    fn the_covariance_holds_what_it_says() {
        let head = head(0.1);
        let mut state = 1u32;
        // A sum of twelve uniform numbers is all but normal.
        let mut noise = || {
            (0..12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 24) as f32
                })
                .sum::<f32>()
                - 6.0
        };
        let truth = pose(5.0, -15.0, 3.0);
        let mut within = [0; 3];
        for _ in 0..300 {
            let found = head.pose(&seen(&head, &truth, 1.0, &mut noise), &CAMERA).unwrap();
            let off = difference(&found, &truth);
            for axis in 0..3 {
                within[axis] += usize::from(off[axis].abs() <= 1.96 * found.covariance[(axis, axis)].sqrt());
            }
        }
        // 95 % are 285; robust weights make the fit a little too careful.
        assert!(within.iter().all(|count| (265..=300).contains(count)), "{within:?}");
    }

    #[test]
    fn landmarks_in_one_place_or_on_a_line_are_no_head() {
        let landmark = |x: f32| Landmark { at: Point2::new(x, 5.0), confidence: 1.0, covariance: Matrix2::identity() };
        assert_eq!(head(0.0).pose(&vec![landmark(5.0); 20], &CAMERA), None);
        let line: Vec<Landmark> = (0..20).map(|i| landmark(i as f32)).collect();
        assert!(head(0.0).pose(&line, &CAMERA).is_none_or(|pose| pose.position.z.is_finite()));
    }

    #[test]
    fn the_covariance_of_turns_is_that_of_small_turns_of_a_head_that_looks_ahead() {
        let mut ahead = pose(0.0, 0.0, 0.0);
        ahead.covariance[(1, 1)] = 4.0;
        assert_eq!(ahead.turns_covariance().diagonal(), Vector3::new(1.0, 4.0, 1.0));
        // Turned by the camera's y axis, a rolled head still changes its yaw alone.
        let mut rolled = pose(0.0, 10.0, 40.0);
        rolled.covariance = Matrix6::zeros();
        rolled.covariance[(1, 1)] = 1.0;
        assert!((rolled.turns_covariance() - Matrix3::from_diagonal(&Vector3::new(0.0, 1.0, 0.0))).norm() < 1e-4);
    }

    #[test]
    fn a_wide_picture_has_its_edge_at_half_its_field_of_view() {
        let camera = Pinhole::of(Size { width: 641, height: 480 }, FieldOfView::new(90.0).unwrap());
        assert!((camera.focal - 320.5).abs() < 1e-3 && camera.centre == Point2::new(320.0, 239.5));
    }
}
