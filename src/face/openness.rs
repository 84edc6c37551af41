//! How open eyes and mouth are, from the landmarks of one picture.
//!
//! An opening's ratio is its mean height over its width, for eyes as Soukupova and Cech have it
//! ("Real-time eye blink detection using facial landmarks", 2016: eye aspect ratio), for the mouth
//! the same of the inner lips. A turned head shows both shortened; where the head's pose is known,
//! each is divided by what is left of it.

use std::ops::Range;

use nalgebra::Vector2;

use super::Landmark;
use super::pose::HeadPose;
use super::visibility::is_beyond;
use crate::picture::frame::Size;

// Set by hand. `python3 tests/accuracy/hard.py --aflw2000 aflw2000 --data 300w --split common`
// measures how open eyes are by our points and by the true ones.

/// An eye that is turned away by more than this is not seen; in degrees.
const EYE_UNSEEN_YAW_DEG: f32 = 40.0;
/// Lids are not seen of a head that looks down or up by more than this; in degrees.
const LIDS_UNSEEN_PITCH_DEG: f32 = 35.0;
/// What a foreshortened length is divided by is no less than this.
const LEAST_LEFT: f32 = 0.3;

/// An eye, or the inner lips.
struct Opening {
    points: Range<usize>,
    corners: [usize; 2],
    /// Points above and below each other.
    pairs: &'static [[usize; 2]],
}

/// "Right" is the person's.
const RIGHT_EYE: Opening = Opening { points: 36..42, corners: [36, 39], pairs: &[[37, 41], [38, 40]] };
const LEFT_EYE: Opening = Opening { points: 42..48, corners: [42, 45], pairs: &[[43, 47], [44, 46]] };
const MOUTH: Opening = Opening { points: 60..68, corners: [60, 64], pairs: &[[61, 67], [62, 66], [63, 65]] };

/// Ratios of height to width; `None` where the picture does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ratios {
    pub right_eye: Option<f32>,
    pub left_eye: Option<f32>,
    pub mouth: Option<f32>,
}

impl Ratios {
    /// Of landmarks in the order of iBUG's 68 points, as if all of them were plain to see.
    ///
    /// # Panics
    /// When there are fewer than 68.
    pub fn of(landmarks: &[Landmark], pose: Option<&HeadPose>) -> Self {
        // What is seen of a head depends on where the camera is to it.
        let pose = pose.map(HeadPose::brought_ahead);
        let pose = pose.as_ref();
        let (yaw, pitch) = pose.map_or((0.0, 0.0), |pose| (pose.yaw_deg(), pose.pitch_deg()));
        let lids_are_seen = pitch.abs() <= LIDS_UNSEEN_PITCH_DEG;
        let eye = |eye: &Opening, away: f32| {
            let is_seen = lids_are_seen && away <= EYE_UNSEEN_YAW_DEG;
            if is_seen { eye.ratio(landmarks, pose) } else { None }
        };
        Ratios { right_eye: eye(&RIGHT_EYE, yaw), left_eye: eye(&LEFT_EYE, -yaw), mouth: MOUTH.ratio(landmarks, pose) }
    }

    /// Without those that a frame of this size does not show of the landmarks, some of which are
    /// guessed.
    ///
    /// # Panics
    /// When there are fewer landmarks than 68.
    pub fn seen(self, landmarks: &[Landmark], guessed: &[usize], size: Size) -> Self {
        let seen = |opening: &Opening, ratio: Option<f32>| ratio.filter(|_| opening.is_seen(landmarks, guessed, size));
        Ratios {
            right_eye: seen(&RIGHT_EYE, self.right_eye),
            left_eye: seen(&LEFT_EYE, self.left_eye),
            mouth: seen(&MOUTH, self.mouth),
        }
    }

    /// The mean of the eyes that are seen.
    pub fn eyes(&self) -> Option<f32> {
        match (self.right_eye, self.left_eye) {
            (Some(right), Some(left)) => Some((right + left) / 2.0),
            (one, other) => one.or(other),
        }
    }
}

impl Opening {
    /// Whether some of its points are not guessed, and half of them in the picture. Of a covered
    /// eye or mouth all are guessed; of closed eyes and wide open mouths that are plain to see,
    /// some.
    fn is_seen(&self, landmarks: &[Landmark], guessed: &[usize], size: Size) -> bool {
        let is_covered = self.points.clone().all(|i| guessed.contains(&i));
        let beyond = landmarks[self.points.clone()].iter().filter(|landmark| is_beyond(landmark, size)).count();
        !is_covered && 2 * beyond <= self.points.len()
    }

    fn ratio(&self, landmarks: &[Landmark], pose: Option<&HeadPose>) -> Option<f32> {
        let along = |[from, to]: [usize; 2]| landmarks[to].at - landmarks[from].at;
        let height = self.pairs.iter().map(|pair| along(*pair).norm()).sum::<f32>() / self.pairs.len() as f32;
        let (across, down) = pose.map_or((1.0, 1.0), left_of_lengths);
        let width = along(self.corners).norm() / across;
        let ratio = height / down / width;
        ratio.is_finite().then_some(ratio)
    }
}

/// What the picture leaves of a length along the head's x and y axes.
fn left_of_lengths(pose: &HeadPose) -> (f32, f32) {
    let turn = pose.camera_from_head.matrix();
    let left = |axis: usize| Vector2::new(turn[(0, axis)], turn[(1, axis)]).norm().max(LEAST_LEFT);
    (left(0), left(1))
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Matrix6, Point2, Rotation3, Vector3};

    use super::*;

    const FRAME: Size = Size { width: 200, height: 200 };

    /// Eyes 30 wide and mouth 40 wide, open by these ratios, on a head with this yaw and pitch in
    /// degrees.
    fn face(eyes: f32, mouth: f32, yaw: f32, pitch: f32) -> (Vec<Landmark>, HeadPose) {
        let turn = Rotation3::from_axis_angle(&Vector3::x_axis(), pitch.to_radians())
            * Rotation3::from_axis_angle(&Vector3::y_axis(), yaw.to_radians());
        let mut landmarks =
            vec![Landmark { at: Point2::origin(), confidence: 0.9, covariance: Matrix2::identity() }; 68];
        let mut put = |i: usize, x: f32, y: f32| {
            landmarks[i].at = Point2::new(100.0, 100.0) + (turn * Vector3::new(x, y, 0.0)).xy()
        };
        for (opening, x, width, ratio) in
            [(&RIGHT_EYE, -30.0, 30.0, eyes), (&LEFT_EYE, 30.0, 30.0, eyes), (&MOUTH, 0.0, 40.0, mouth)]
        {
            let [from, to] = opening.corners;
            put(from, x - width / 2.0, 0.0);
            put(to, x + width / 2.0, 0.0);
            for (k, [above, below]) in opening.pairs.iter().enumerate() {
                put(*above, x + k as f32, -ratio * width / 2.0);
                put(*below, x + k as f32, ratio * width / 2.0);
            }
        }
        let pose = HeadPose { camera_from_head: turn, position: Vector3::z(), covariance: Matrix6::identity() };
        (landmarks, pose)
    }

    #[test]
    fn ratios_are_those_of_the_face_whichever_way_it_is_turned() {
        for (yaw, pitch) in [(0.0, 0.0), (30.0, 0.0), (-35.0, 10.0), (0.0, 25.0)] {
            let (landmarks, pose) = face(0.3, 0.6, yaw, pitch);
            let Ratios { right_eye, left_eye, mouth } = Ratios::of(&landmarks, Some(&pose));
            for (found, expected) in [(right_eye, 0.3), (left_eye, 0.3), (mouth, 0.6)] {
                assert!((found.unwrap() - expected).abs() < 0.02, "{found:?} at {yaw}, {pitch}");
            }
        }
    }

    #[test]
    fn an_eye_that_the_head_hides_is_unknown_and_not_closed() {
        let of = |yaw, pitch| {
            let (landmarks, pose) = face(0.3, 0.1, yaw, pitch);
            Ratios::of(&landmarks, Some(&pose))
        };
        // The person turns to the own right: the right eye goes behind the nose.
        assert_eq!((of(50.0, 0.0).right_eye, of(50.0, 0.0).left_eye.is_some()), (None, true));
        assert_eq!((of(-50.0, 0.0).left_eye, of(-50.0, 0.0).right_eye.is_some()), (None, true));
        assert_eq!(of(0.0, 45.0).eyes(), None);
    }

    #[test]
    fn eyes_at_the_edge_of_a_wide_picture_are_seen_where_they_look_into_the_camera() {
        let (landmarks, ahead) = face(0.3, 0.1, 0.0, 0.0);
        let turn = Rotation3::from_axis_angle(&Vector3::y_axis(), 50f32.to_radians());
        let pose = HeadPose { camera_from_head: turn, position: turn * Vector3::z(), ..ahead };
        let Ratios { right_eye, left_eye, .. } = Ratios::of(&landmarks, Some(&pose));
        assert!(
            [right_eye, left_eye].iter().all(|eye| (eye.unwrap() - 0.3).abs() < 0.02),
            "{right_eye:?} {left_eye:?}"
        );
        // Who looks straight ahead there shows one side of the face.
        let pose = HeadPose { camera_from_head: Rotation3::identity(), ..pose };
        assert_eq!(Ratios::of(&landmarks, Some(&pose)).left_eye, None);
    }

    #[test]
    fn an_eye_or_a_mouth_that_is_covered_is_unknown() {
        let (landmarks, pose) = face(0.3, 0.1, 0.0, 0.0);
        let all = Ratios::of(&landmarks, Some(&pose));
        let of = |guessed: Range<usize>| all.seen(&landmarks, &Vec::from_iter(guessed), FRAME);
        assert_eq!(of(17..41), all);
        let Ratios { right_eye, left_eye, mouth } = of(0..42);
        assert!(right_eye.is_none() && left_eye.is_some() && mouth.is_some());
        assert_eq!(of(36..48).eyes(), None);
        assert_eq!(of(48..67).mouth, all.mouth);
        assert_eq!(of(48..68).mouth, None);
    }

    #[test]
    fn what_lies_beyond_the_border_is_unknown() {
        let (mut landmarks, pose) = face(0.3, 0.3, 0.0, 0.0);
        let of = |landmarks: &[Landmark]| {
            let guessed: Vec<usize> = (0..68).filter(|i| is_beyond(&landmarks[*i], FRAME)).collect();
            Ratios::of(landmarks, Some(&pose)).seen(landmarks, &guessed, FRAME)
        };
        // The right eye lies at the left.
        landmarks.iter_mut().for_each(|landmark| landmark.at.x -= 80.0);
        let Ratios { right_eye, left_eye, mouth } = of(&landmarks);
        assert!(right_eye.is_none() && left_eye.is_some() && mouth.is_some());
        landmarks.iter_mut().for_each(|landmark| landmark.at.x -= 22.0);
        assert_eq!(of(&landmarks).mouth, None);
    }

    #[test]
    fn eyes_in_one_place_are_unknown() {
        let landmark = Landmark { at: Point2::origin(), confidence: 0.9, covariance: Matrix2::identity() };
        assert_eq!(Ratios::of(&vec![landmark; 68], None), Ratios::default());
    }
}
