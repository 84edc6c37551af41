//! Head pose: which way a head looks and where it is.
//!
//! The camera is a pinhole in the middle of the picture. Its axes are x to the right of the
//! picture, y down, z away from the camera, and a head that looks straight at it has the same axes.
//! `camera_from_head = Rx(pitch) Ry(yaw) Rz(roll)`, which is OpenFace's order and that of
//! AFLW2000's annotations: yaw is positive when the person turns to the own right (the nose moves
//! to the left of the picture), pitch when the person looks down, roll when the head turns
//! clockwise in the picture. `docs/measures.md` draws it; [`super::fit`] finds it.

use std::ops::RangeInclusive;
use std::str::FromStr;

use nalgebra::{Matrix2, Matrix3, Matrix6, Point2, Rotation3, Vector2, Vector3, Vector6};
use thiserror::Error;

use crate::picture::frame::Size;

/// How much a camera sees from the left to the right edge of its picture: 5 to 150 degrees. 60
/// where nothing is known of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldOfView {
    degrees: f32,
}

/// A field of view that no pinhole camera has.
#[derive(Debug, Error)]
#[error("expected {} to {} degrees, such as 60", FieldOfView::DEGREES.start(), FieldOfView::DEGREES.end())]
pub struct FieldOfViewError;

impl FieldOfView {
    /// Those that a pinhole camera has.
    pub(crate) const DEGREES: RangeInclusive<f32> = 5.0..=150.0;

    /// A horizontal field of view in degrees.
    pub fn new(degrees: f32) -> Result<Self, FieldOfViewError> {
        if FieldOfView::DEGREES.contains(&degrees) { Ok(FieldOfView { degrees }) } else { Err(FieldOfViewError) }
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

    /// The same head straight before the camera, which then sees the same of it: somebody at the
    /// edge of the picture who looks into the camera looks straight ahead.
    pub fn brought_ahead(&self) -> HeadPose {
        let ahead = Rotation3::rotation_between(&self.position, &Vector3::z()).unwrap_or_default();
        let position = Vector3::z() * self.position.norm();
        HeadPose { camera_from_head: ahead * self.camera_from_head, position, ..*self }
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
pub(super) mod tests {
    use super::*;

    pub(in crate::face) fn pose(pitch: f32, yaw: f32, roll: f32) -> HeadPose {
        let turn = |axis, degrees: f32| Rotation3::from_axis_angle(axis, degrees.to_radians());
        let camera_from_head =
            turn(&Vector3::x_axis(), pitch) * turn(&Vector3::y_axis(), yaw) * turn(&Vector3::z_axis(), roll);
        HeadPose { camera_from_head, position: Vector3::new(-80.0, 40.0, 700.0), covariance: Matrix6::identity() }
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
    fn who_looks_into_the_camera_looks_ahead_wherever_in_the_picture() {
        for (x, y) in [(0f32, 0f32), (500.0, 0.0), (-500.0, 0.0), (0.0, 400.0), (-300.0, -400.0)] {
            let position = Vector3::new(x, y, 600.0);
            // To the right of the picture, the camera is to the person's right; below, it is above.
            let (yaw, pitch) = (x.atan2(600.0), -(y / x.hypot(600.0)).atan());
            let camera_from_head = Rotation3::from_axis_angle(&Vector3::y_axis(), yaw)
                * Rotation3::from_axis_angle(&Vector3::x_axis(), pitch);
            let ahead = HeadPose { camera_from_head, position, covariance: Matrix6::identity() }.brought_ahead();
            assert!(ahead.yaw_deg().abs() < 1e-3 && ahead.pitch_deg().abs() < 1e-3, "{x}, {y}: {ahead:?}");
            assert!((ahead.position - Vector3::z() * position.norm()).norm() < 1e-3);
        }
    }

    #[test]
    fn a_wide_picture_has_its_edge_at_half_its_field_of_view() {
        let camera = Pinhole::of(Size { width: 641, height: 480 }, FieldOfView::new(90.0).unwrap());
        assert!((camera.focal - 320.5).abs() < 1e-3 && camera.centre == Point2::new(320.0, 239.5));
    }
}
