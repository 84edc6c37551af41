//! `udp://`: one JSON object a face, each in a datagram of at most [`MOST_BYTES`], so that no
//! network fragments it.
//!
//! The object has the keys of a face in `docs/observation.schema.json`, and `schema`, `sequence`,
//! `captured_s`, `width`, `height` and `events` of the frame. Points are whole pixels; covariances
//! are left out. A frame without a face sends one object with `"id": null`.

use serde_json::{Value, json};

use super::udp::Udp;
use super::{PublishError, Receiver};
use crate::record::entry::Entry;
use crate::record::jsonl;

/// Of a datagram that goes through a usual network in one piece.
pub const MOST_BYTES: usize = 1400;

/// An object of JSON a face, in a datagram each.
pub struct Datagrams(Udp);

impl Datagrams {
    /// Sends to where `udp` does.
    pub fn new(udp: Udp) -> Self {
        Datagrams(udp)
    }

    /// `name` is said in messages.
    pub fn to(name: String, host: String, port: u16) -> Self {
        Datagrams(Udp::new(name, host, port))
    }
}

impl Receiver for Datagrams {
    fn deliver(&mut self, entry: &Entry) -> Result<(), PublishError> {
        datagrams(entry).iter().try_for_each(|datagram| self.0.send(datagram))
    }
}

fn datagrams(entry: &Entry) -> Vec<Vec<u8>> {
    let seen = &entry.seen;
    let frame = json!({
        "schema": jsonl::SCHEMA, "sequence": seen.sequence, "captured_s": jsonl::seconds(seen.captured_at),
        "width": seen.size.width, "height": seen.size.height,
    });
    let mut all: Vec<Vec<u8>> = seen
        .faces
        .iter()
        .map(|face| {
            let events = seen.events.iter().filter(|event| event.face == face.id);
            let points: Vec<i32> =
                face.landmarks.iter().flat_map(|l| [l.at.x.round() as i32, l.at.y.round() as i32]).collect();
            let mut object = frame.clone();
            merge(&mut object, jsonl::measures(&face.measures));
            merge(&mut object, json!({ "id": face.id, "confidence": jsonl::share(face.presence), "points": points }));
            merge(&mut object, json!({ "events": events.map(jsonl::event).collect::<Vec<_>>() }));
            let mut datagram = object.to_string().into_bytes();
            // Frames with sides of five digits; the measures matter more.
            if datagram.len() > MOST_BYTES {
                object.as_object_mut().expect("made as one").remove("points");
                datagram = object.to_string().into_bytes();
            }
            datagram
        })
        .collect();
    if all.is_empty() {
        let mut object = frame;
        merge(&mut object, json!({ "id": null }));
        all.push(object.to_string().into_bytes());
    }
    all
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Matrix6, Point2, Rotation3, Vector3};

    use super::*;
    use crate::face::measure::Measures;
    use crate::face::pose::HeadPose;
    use crate::face::{Face, Landmark, Observation};
    use crate::picture::frame::Size;
    use crate::picture::geometry::{Crop, Rect};

    fn face(x: f32) -> Face {
        let at = Point2::new(x, x);
        let pose = HeadPose {
            camera_from_head: Rotation3::from_euler_angles(-1.2345, 1.2345, -3.0123),
            position: Vector3::new(-12345.678, -12345.678, 12345.678),
            covariance: Matrix6::identity() * 1234.5678,
        };
        let third = Some(1.0 / 3.0);
        let measures = Measures {
            pose: Some(pose),
            right_eye: third,
            left_eye: third,
            mouth: third,
            perclos: third,
            ..Measures::default()
        };
        Face {
            id: 4_000_000_000,
            bounds: Rect { min: at, max: at },
            crop: Crop::new(at, 9.0, 0.0, 9),
            landmarks: vec![Landmark { at, confidence: 1.0, covariance: Matrix2::identity() }; 68],
            guessed: Vec::new(),
            presence: 1.0 / 3.0,
            measures,
        }
    }

    fn sent(faces: Vec<Face>) -> Vec<Vec<u8>> {
        let size = Size { width: 8192, height: 8192 };
        datagrams(&Entry::now(Observation { size, faces, ..Observation::default() }))
    }

    #[test]
    fn a_face_fits_into_a_datagram_whatever_its_numbers() {
        for x in [-1234.5, 0.0, 8191.5, 123_456.0] {
            let all = sent(vec![face(x), face(1.0)]);
            assert_eq!(all.len(), 2);
            for datagram in all {
                assert!(datagram.len() <= MOST_BYTES, "{} bytes", datagram.len());
                let object: Value = serde_json::from_slice(&datagram).unwrap();
                assert_eq!(object["id"], 4_000_000_000u32);
                assert!(object["pose"]["yaw"].is_number());
            }
        }
    }

    #[test]
    fn a_frame_without_a_face_says_so() {
        let all = sent(vec![]);
        let object: Value = serde_json::from_slice(&all[0]).unwrap();
        assert_eq!((all.len(), &object["id"], &object["width"]), (1, &Value::Null, &json!(8192)));
    }
}
