//! `udp://`: one JSON object a face, each in a datagram of at most [`MOST_BYTES`], so that no
//! network fragments it.
//!
//! The object has the keys of a face in `docs/observation.schema.json`, and `schema`, `sequence`,
//! `captured_s`, `width`, `height` and `events` of the frame. Points are whole pixels; covariances
//! are left out. A frame without a face sends one object with `"id": null`. Events of a face that
//! has gone, and those that find no room beside its points, come first, in objects with its id of
//! which all else is unknown.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::udp::Udp;
use super::{PublishError, Receiver, Way};
use crate::face::Face;
use crate::face::measure::Measures;
use crate::record::entry::Entry;
use crate::record::jsonl;

/// Of a datagram that goes through a usual network in one piece.
pub const MOST_BYTES: usize = 1400;
/// So many events fit beside the points of a face in a usual frame.
const EVENTS_EACH: usize = 2;

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
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        // Each face goes out, whatever became of the one before.
        let mut sent = Ok(());
        for datagram in datagrams(entry) {
            sent = sent.and(self.0.send(&datagram));
        }
        sent.map(|()| Way::Works)
    }
}

fn datagrams(entry: &Entry) -> Vec<Vec<u8>> {
    let seen = &entry.seen;
    let frame = json!({
        "schema": jsonl::SCHEMA, "sequence": seen.sequence, "captured_s": jsonl::seconds(seen.captured_at),
        "width": seen.size.width, "height": seen.size.height,
    });
    let ids = BTreeSet::from_iter(seen.events.iter().map(|event| event.face));
    let gone = ids.into_iter().filter(|id| seen.faces.iter().all(|face| face.id != *id));
    let faces = gone.map(|id| (id, None)).chain(seen.faces.iter().map(|face| (face.id, Some(face))));
    let mut all = Vec::new();
    for (id, face) in faces {
        let events: Vec<Value> = seen.events.iter().filter(|event| event.face == id).map(jsonl::event).collect();
        let (earlier, latest) = events.split_at(events.len().saturating_sub(EVENTS_EACH));
        all.extend(earlier.chunks(EVENTS_EACH).map(|events| datagram(&frame, id, None, events)));
        all.push(datagram(&frame, id, face, latest));
    }
    if seen.faces.is_empty() {
        let mut nobody = frame;
        merge(&mut nobody, json!({ "id": null }));
        all.push(nobody.to_string().into_bytes());
    }
    all
}

/// What is known of one face.
fn datagram(frame: &Value, id: u32, face: Option<&Face>, events: &[Value]) -> Vec<u8> {
    let unknown = Measures::default();
    let mut object = frame.clone();
    merge(&mut object, jsonl::measures(face.map_or(&unknown, |face| &face.measures)));
    merge(&mut object, json!({ "id": id, "confidence": face.map(|face| jsonl::share(face.presence)) }));
    merge(&mut object, json!({ "events": events }));
    let without_points = object.to_string().into_bytes();
    let Some(face) = face else { return without_points };
    let points: Vec<i32> = face.landmarks.iter().flat_map(|l| [l.at.x.round() as i32, l.at.y.round() as i32]).collect();
    merge(&mut object, json!({ "points": points }));
    let whole = object.to_string().into_bytes();
    // Frames with sides of five digits; the measures matter more.
    if whole.len() > MOST_BYTES { without_points } else { whole }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nalgebra::{Matrix2, Matrix6, Point2, Rotation3, Vector3};

    use super::*;
    use crate::face::measure::{Event, EventKind};
    use crate::face::pose::HeadPose;
    use crate::face::{Landmark, Observation};
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

    /// A receiver that was slow gets the events of many frames with the newest one.
    #[test]
    fn no_event_is_lost_where_there_are_many_or_their_face_has_gone() {
        let [here, gone] = [4_000_000_000, 3_999_999_999];
        let at = Duration::from_micros(123_456_789_123);
        let event = |number: u64| Event {
            kind: EventKind::EyesOpened,
            face: if number.is_multiple_of(2) { here } else { gone },
            at: at + Duration::from_secs(number),
            lasted: at,
        };
        let events: Vec<Event> = (0..101).map(event).collect();
        for faces in [vec![face(8191.5)], vec![]] {
            let is_empty = faces.is_empty();
            let size = Size { width: 8192, height: 8192 };
            let seen = Observation { size, faces, events: events.clone(), ..Observation::default() };
            let all = datagrams(&Entry::now(seen));
            let objects: Vec<Value> = all.iter().map(|datagram| serde_json::from_slice(datagram).unwrap()).collect();
            for (datagram, object) in all.iter().zip(&objects) {
                assert!(datagram.len() <= MOST_BYTES, "{} bytes", datagram.len());
                assert!(object["events"].as_array().into_iter().flatten().all(|event| event["face"] == object["id"]));
            }
            let told = objects.iter().flat_map(|object| object["events"].as_array().into_iter().flatten());
            let mut times: Vec<f64> = told.map(|event| event["at_s"].as_f64().unwrap()).collect();
            times.sort_by(f64::total_cmp);
            assert_eq!(times, events.iter().map(|event| jsonl::seconds(event.at)).collect::<Vec<_>>());
            let last = objects.last().unwrap();
            assert_eq!(last["id"], if is_empty { Value::Null } else { json!(here) });
            assert_eq!(last["points"].is_array(), !is_empty);
        }
    }
}
