//! OpenSeeFace's datagrams, for VSeeFace, VTube Studio and vpuppr. The layout is that of its
//! `facetracker.py`: little-endian, one record a face, all faces of a frame in one datagram.
//!
//! f64 time; i32 id; f32 width, height; f32 right, left eye open; u8 success; f32 error of the fit;
//! f32 quaternion x, y, z, w; 3 f32 Euler angles in degrees; 3 f32 translation; 68 f32 confidence;
//! 68 times f32 x, y in pixels; 70 times f32 x, -y, -z; 14 f32 features.
//!
//! The id is a slot, as `facetracker.py` numbers them: the lowest that is free, from 0, while a
//! face is followed. Receivers that show one face look for slot 0, so the nearest one has that.
//!
//! Its points are iBUG's 68 without the outer corners of the mouth, then the pupils. The first axis
//! of its camera goes down the picture, the second to the right. Its fit puts heads behind that
//! camera: all coordinates there are negative, and receivers expect that. A unit is the eyes'
//! distance / [`EYES_APART`].

use nalgebra::{Matrix3, Point2, Vector3};

use super::udp::Udp;
use super::{PublishError, Receiver, Way};
use crate::face::head::{EYE_DISTANCE_MM, HeadModel};
use crate::face::measure::Measures;
use crate::face::nearest::Nearest;
use crate::face::pose::HeadPose;
use crate::face::{Face, Landmark, Observation};
use crate::record::entry::Entry;

/// Bytes of a record.
pub const RECORD: usize = 8 + 4 + 2 * 4 + 2 * 4 + 1 + 4 + 4 * 4 + 3 * 4 + 3 * 4 + 68 * 4 + 68 * 8 + 70 * 12 + 14 * 4;
/// So many records go into a datagram, which has room for 65,507 bytes.
const MOST_FACES: usize = 65_507 / RECORD;
/// The distance of the pupils of its mean face.
const EYES_APART: f32 = 0.516;
/// A pupil lies so far before the middle of the eyeball.
const EYEBALL: f32 = 0.1046;
const NOSE_TIP: usize = 30;
const EYES: [std::ops::Range<usize>; 2] = [36..42, 42..48];

pub struct OpenSeeFace {
    udp: Udp,
    /// Its 70 points of the mean head.
    head: [Vector3<f32>; 70],
    slots: Slots,
}

impl OpenSeeFace {
    /// `head` is that of the landmark net.
    pub fn new(udp: Udp, head: Option<&HeadModel>) -> Self {
        OpenSeeFace { udp, head: points_of(head), slots: Slots::default() }
    }
}

impl Receiver for OpenSeeFace {
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        let faces = self.slots.place(&entry.seen.faces);
        if faces.is_empty() {
            return Ok(Way::Unused);
        }
        self.udp.send(&datagram(&entry.seen, &faces, entry.wall_nanos() as f64 / 1e9, &self.head))?;
        Ok(Way::Works)
    }
}

/// Which face has which slot.
#[derive(Default)]
struct Slots {
    nearest: Nearest,
    /// Of each slot, the id of the face that has it.
    ids: Vec<Option<u32>>,
}

impl Slots {
    /// The faces with their slots, in the order of these.
    fn place<'a>(&mut self, faces: &'a [Face]) -> Vec<(usize, &'a Face)> {
        let is_there = |id: &u32| faces.iter().any(|face| face.id == *id);
        self.ids.iter_mut().for_each(|slot| *slot = slot.filter(is_there));
        for face in faces {
            self.slot_of(face.id);
        }
        if let Some(nearest) = self.nearest.choose(faces) {
            let slot = self.slot_of(nearest.id);
            self.ids.swap(0, slot);
        }
        let mut placed: Vec<_> = faces.iter().map(|face| (self.slot_of(face.id), face)).collect();
        placed.sort_by_key(|(slot, _)| *slot);
        placed
    }

    /// That which the face has, or the lowest that is free.
    fn slot_of(&mut self, id: u32) -> usize {
        let slot = self.ids.iter().position(|slot| *slot == Some(id));
        let slot = slot.or_else(|| self.ids.iter().position(Option::is_none)).unwrap_or(self.ids.len());
        self.ids.resize(self.ids.len().max(slot + 1), None);
        self.ids[slot] = Some(id);
        slot
    }
}

/// A record a face: all faces, or the first that find room.
fn datagram(seen: &Observation, faces: &[(usize, &Face)], time_s: f64, head: &[Vector3<f32>; 70]) -> Vec<u8> {
    let size = [seen.size.width as f32, seen.size.height as f32];
    faces.iter().take(MOST_FACES).flat_map(|(slot, face)| record(*slot, face, time_s, size, head)).collect()
}

/// Its 66 points among iBUG's 68.
fn kept() -> impl Iterator<Item = usize> {
    (0..68).filter(|point| ![48, 54].contains(point))
}

/// In OpenSeeFace's axes (x to the picture's left, y up, z to the viewer, from the tip of the nose)
/// and unit; zeros without a head.
fn points_of(head: Option<&HeadModel>) -> [Vector3<f32>; 70] {
    let mut points = [Vector3::zeros(); 70];
    let Some(head) = head else { return points };
    let nose = head.points[NOSE_TIP].mean;
    let turned = |at: Vector3<f32>| (nose - at) * (EYES_APART / EYE_DISTANCE_MM);
    kept().enumerate().for_each(|(i, point)| points[i] = turned(head.points[point].mean));
    for (i, eye) in EYES.into_iter().enumerate() {
        let middle = head.points[eye].iter().map(|p| p.mean).sum::<Vector3<f32>>() / 6.0;
        points[66 + i] = turned(middle);
        points[68 + i] = turned(middle) - Vector3::z() * EYEBALL;
    }
    points
}

/// OpenSeeFace's rotation for a head with this pose. Two rows are ours in its axes; the third
/// completes a rotation.
fn turn(pose: &HeadPose) -> Matrix3<f32> {
    let ours = pose.camera_from_head.matrix();
    Matrix3::from_rows(&[ours.row(1).into_owned(), ours.row(0).into_owned(), -ours.row(2).into_owned()])
}

/// x, y, z, w of its `matrix_to_quaternion`, which is the conjugate of what is usual.
fn quaternion(turn: &Matrix3<f32>) -> [f32; 4] {
    let m = |row, column| turn[(row, column)];
    let (t, q) = if m(2, 2) < 0.0 {
        if m(0, 0) > m(1, 1) {
            let t = 1.0 + m(0, 0) - m(1, 1) - m(2, 2);
            (t, [t, m(0, 1) + m(1, 0), m(2, 0) + m(0, 2), m(1, 2) - m(2, 1)])
        } else {
            let t = 1.0 - m(0, 0) + m(1, 1) - m(2, 2);
            (t, [m(0, 1) + m(1, 0), t, m(1, 2) + m(2, 1), m(2, 0) - m(0, 2)])
        }
    } else if m(0, 0) < -m(1, 1) {
        let t = 1.0 - m(0, 0) - m(1, 1) + m(2, 2);
        (t, [m(2, 0) + m(0, 2), m(1, 2) + m(2, 1), t, m(0, 1) - m(1, 0)])
    } else {
        let t = 1.0 + m(0, 0) + m(1, 1) + m(2, 2);
        (t, [m(1, 2) - m(2, 1), m(2, 0) - m(0, 2), m(0, 1) - m(1, 0), t])
    };
    q.map(|number| number * 0.5 / t.sqrt())
}

/// Its Euler angles in degrees, of `Rz Ry Rx` (OpenCV's `RQDecomp3x3`).
fn euler(turn: &Matrix3<f32>) -> [f32; 3] {
    let x = turn[(2, 1)].atan2(turn[(2, 2)]);
    let y = (-turn[(2, 0)]).atan2(turn[(2, 1)].hypot(turn[(2, 2)]));
    let z = turn[(1, 0)].atan2(turn[(0, 0)]);
    [x, y, z].map(f32::to_degrees)
}

/// The tip of the nose in its camera and unit.
fn translation(pose: &HeadPose, head: &[Vector3<f32>; 70]) -> [f32; 3] {
    // The origin of our head lies midway between the pupils.
    let eyes_from_nose = (head[66] + head[67]) / 2.0;
    let nose = pose.position * (EYES_APART / EYE_DISTANCE_MM) + pose.camera_from_head * eyes_from_nose;
    [-nose.y, -nose.x, -nose.z]
}

fn record(slot: usize, face: &Face, time_s: f64, size: [f32; 2], head: &[Vector3<f32>; 70]) -> Vec<u8> {
    let Measures { pose, right_eye, left_eye, mouth, .. } = &face.measures;
    let mut bytes = Vec::with_capacity(RECORD);
    bytes.extend(time_s.to_le_bytes());
    bytes.extend((slot as i32).to_le_bytes());
    let mut put = |numbers: &[f32]| numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    put(&size);
    // Receivers have no word for unknown.
    let open = |eye: &Option<f32>| eye.unwrap_or(1.0);
    put(&[open(right_eye), open(left_eye)]);
    bytes.push(u8::from(pose.is_some()));
    let mut put = |numbers: &[f32]| numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    put(&[0.0]);
    match pose {
        Some(pose) => {
            let turn = turn(pose);
            put(&quaternion(&turn));
            put(&euler(&turn));
            put(&translation(pose, head));
        }
        None => put(&[0.0; 10]),
    }
    let pupils = EYES.map(|eye| pupil(&face.landmarks[eye]));
    let all: Vec<(Point2<f32>, f32)> =
        kept().map(|i| (face.landmarks[i].at, face.landmarks[i].confidence)).chain(pupils).collect();
    all.iter().for_each(|(_, confidence)| put(&[*confidence]));
    all.iter().for_each(|(at, _)| put(&[at.x, at.y]));
    head.iter().for_each(|at| put(&[at.x, -at.y, -at.z]));
    // Eyes from -1 closed to 0 open, twice three of the brows, four of the corners of the mouth,
    // its opening, its width.
    let mut features = [0.0; 14];
    (features[0], features[1]) = (open(left_eye) - 1.0, open(right_eye) - 1.0);
    features[12] = mouth.unwrap_or(0.0);
    put(&features);
    bytes
}

/// Midway between an eye's landmarks.
fn pupil(eye: &[Landmark]) -> (Point2<f32>, f32) {
    let count = eye.len() as f32;
    let middle = eye.iter().map(|l| l.at.coords).sum::<nalgebra::Vector2<f32>>() / count;
    (middle.into(), eye.iter().map(|l| l.confidence).sum::<f32>() / count)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Matrix6, Rotation3};

    use super::*;
    use crate::picture::geometry::{Crop, Rect};

    fn pose(camera_from_head: Rotation3<f32>) -> HeadPose {
        HeadPose { camera_from_head, position: Vector3::new(63.0, -126.0, 630.0), covariance: Matrix6::identity() }
    }

    fn face() -> Face {
        let landmark = |i: usize| Landmark {
            at: Point2::new(i as f32, 100.0 + i as f32),
            confidence: i as f32 / 100.0,
            covariance: Matrix2::identity(),
        };
        let at = Point2::origin();
        let measures =
            Measures { pose: Some(pose(Rotation3::identity())), left_eye: Some(0.25), ..Measures::default() };
        Face {
            id: 3,
            bounds: Rect { min: at, max: at },
            crop: Crop::new(at, 9.0, 0.0, 9),
            landmarks: (0..68).map(landmark).collect(),
            guessed: Vec::new(),
            presence: 1.0,
            measures,
        }
    }

    #[test]
    fn the_record_has_its_length_and_fields_in_their_places() {
        let bytes = record(2, &face(), 12.5, [640.0, 480.0], &points_of(None));
        assert_eq!((bytes.len(), RECORD), (1785, 1785));
        let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(bytes[..8], 12.5f64.to_le_bytes());
        assert_eq!(bytes[8..12], 2i32.to_le_bytes());
        assert_eq!([float(12), float(16)], [640.0, 480.0]);
        assert_eq!([float(20), float(24), f32::from(bytes[28])], [1.0, 0.25, 1.0]);
        // A quaternion, Euler angles and a translation from 33 on; confidences from 73; points from
        // 345.
        assert_eq!([float(73), float(73 + 4 * 47), float(73 + 4 * 48)], [0.0, 0.47, 0.49]);
        assert_eq!([float(345 + 8 * 48), float(345 + 8 * 48 + 4)], [49.0, 149.0]);
        let pupil = 345 + 8 * 66;
        assert_eq!([float(pupil), float(pupil + 4)], [38.5, 138.5]);
        let features = 345 + 8 * 68 + 12 * 70;
        assert_eq!([float(features), float(features + 4)], [-0.75, 0.0]);
        assert_eq!(features + 14 * 4, bytes.len());
    }

    #[test]
    fn a_crowd_fills_a_datagram_and_no_more() {
        for (faces, records) in [(0, 0), (2, 2), (36, 36), (37, 36), (100, 36)] {
            let (seen, face) = (Observation::default(), face());
            assert_eq!(datagram(&seen, &vec![(0, &face); faces], 12.5, &points_of(None)).len(), records * RECORD);
        }
    }

    /// Receivers look for slot 0, however many faces came and went before.
    #[test]
    fn a_face_keeps_its_slot_and_the_nearest_one_has_the_first() {
        let sized = |(id, side): (u32, f32)| Face { id, bounds: Rect::new(0.0, 0.0, side, side), ..face() };
        let mut slots = Slots::default();
        for (faces, expected) in [
            (vec![(7, 100.0)], vec![7]),
            (vec![(7, 100.0), (8, 110.0), (9, 90.0)], vec![7, 8, 9]),
            // 9 comes nearer: it changes places with 7.
            (vec![(7, 100.0), (8, 110.0), (9, 200.0)], vec![9, 8, 7]),
            // 8 goes; 10 takes its slot.
            (vec![(7, 100.0), (9, 200.0)], vec![9, 0, 7]),
            (vec![(7, 100.0), (9, 200.0), (10, 50.0)], vec![9, 10, 7]),
            // 9 goes: the nearest of the others takes the first slot.
            (vec![(7, 100.0), (10, 50.0)], vec![7, 10]),
            (vec![], vec![]),
            (vec![(11, 100.0)], vec![11]),
        ] {
            let faces: Vec<Face> = faces.into_iter().map(sized).collect();
            let placed = slots.place(&faces).into_iter().map(|(slot, face)| (slot, face.id));
            let expected = expected.into_iter().enumerate().filter(|(_, id)| *id > 0);
            assert_eq!(placed.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_head_that_looks_at_the_camera_is_what_receivers_take_for_zero() {
        // Unity's OpenSee.cs: x + 180 and z - 90 are the turns, and the place is (-y, x, -z).
        let [x, y, z] = euler(&turn(&pose(Rotation3::identity())));
        assert!((x.abs() - 180.0).abs() < 1e-3 && y.abs() < 1e-3 && (z - 90.0).abs() < 1e-3, "{x} {y} {z}");
        let [x, y, z] = translation(&pose(Rotation3::identity()), &points_of(None));
        let unit = EYES_APART / EYE_DISTANCE_MM;
        // To the right, up and away, as they are in the picture.
        for (found, expected) in [(-y, 63.0 * unit), (x, 126.0 * unit), (-z, 630.0 * unit)] {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }

    #[test]
    fn quaternion_and_matrix_are_one_turn() {
        for (x, y, z) in [(0.0, 0.0, 0.0), (0.3, 0.0, 0.1), (-0.4, 0.7, -0.2), (0.1, -1.2, 0.5)] {
            let turn = turn(&pose(Rotation3::from_euler_angles(x, y, z)));
            assert!((turn.determinant() - 1.0).abs() < 1e-5);
            let [x, y, z, w] = quaternion(&turn);
            let own = nalgebra::UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(w, -x, -y, -z));
            assert!((own.to_rotation_matrix().matrix() - turn).norm() < 1e-4);
        }
    }
}
