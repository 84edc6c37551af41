//! The messages. `state`: the nearest face, flat, for readers of single numbers. `faces`: all
//! faces, with the keys of `docs/observation.schema.json`. `events`: one event a message.

use serde_json::{Value, json};

use crate::face::Face;
use crate::face::measure::{Event, Measures};
use crate::record::entry::Entry;
use crate::record::jsonl;

/// What is known of the run beside what is seen.
#[derive(Debug, Default)]
pub struct RunFigures {
    /// Frames observed a second.
    pub fps: Option<f64>,
    pub dropped: u64,
    /// Of the hottest part.
    pub temperature_c: Option<f64>,
    /// Why no frames come, if none do.
    pub trouble: Option<String>,
}

/// One object without objects in it, about one face of the entry; null is unknown. `frame` is the
/// number of the frame that shows it.
pub fn state(entry: &Entry, frame: Option<u32>, face: Option<&Face>, run: &RunFigures) -> Value {
    let unknown = Measures::default();
    let Measures { pose, right_eye, left_eye, mouth, perclos, eyes_closed, .. } =
        face.map_or(&unknown, |face| &face.measures);
    let tenths = |v: f32| (f64::from(v) * 10.0).round() / 10.0;
    let share = |v: &Option<f32>| v.map(jsonl::share);
    json!({
        "schema": jsonl::SCHEMA, "wall_time": entry.wall_time(), "sequence": frame,
        "faces": entry.seen.faces.len(), "face": face.map(|face| face.id),
        "yaw": pose.as_ref().map(|pose| tenths(pose.yaw_deg())),
        "pitch": pose.as_ref().map(|pose| tenths(pose.pitch_deg())),
        "roll": pose.as_ref().map(|pose| tenths(pose.roll_deg())),
        "distance_mm": pose.as_ref().map(|pose| pose.position.norm().round()),
        "right_eye": share(right_eye), "left_eye": share(left_eye), "eyes_closed": eyes_closed,
        "perclos": share(perclos), "mouth": share(mouth),
        "fps": run.fps.map(|fps| (fps * 10.0).round() / 10.0), "dropped": run.dropped,
        "temperature_c": run.temperature_c, "trouble": run.trouble,
    })
}

/// Every face without its landmarks.
pub fn faces(entry: &Entry) -> Value {
    let face = |face: &Face| {
        let mut object = jsonl::measures(&face.measures);
        object["id"] = json!(face.id);
        object["confidence"] = json!(jsonl::share(face.presence));
        let sides = [face.bounds.min.x, face.bounds.min.y, face.bounds.max.x, face.bounds.max.y];
        object["box"] = json!(sides.map(|side| (f64::from(side) * 10.0).round() / 10.0));
        object
    };
    Value::Array(entry.seen.faces.iter().map(face).collect())
}

/// An event and when it was known.
pub fn event(event: &Event, entry: &Entry) -> Value {
    let mut object = jsonl::event(event);
    object["wall_time"] = json!(entry.wall_time());
    object
}
