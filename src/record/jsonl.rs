//! JSON Lines: one object a frame, one object a line. The same object is the message of the MCAP
//! topic `/wingmark/observation`.
//!
//! `docs/records.md` has what each key means, `docs/observation.schema.json` is its JSON Schema.
//! `schema` grows when a key changes its meaning or goes.

use std::time::Duration;

use nalgebra::Point2;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::encode::Encoder;
use super::entry::Entry;
use super::fields::Fields;
use super::provenance::Provenance;
pub use super::provenance::SCHEMA;
use crate::face::measure::{Event, Measures};
use crate::face::pose::HeadPose;
use crate::face::{Face, Landmark, Timings};

/// Writes observations as lines of JSON.
pub struct JsonlEncoder {
    block: Vec<u8>,
    fields: Fields,
    /// What the next object says.
    made_by: Option<Provenance>,
}

impl JsonlEncoder {
    /// For a file, new or gone on with.
    pub fn new(fields: Fields) -> Self {
        JsonlEncoder { block: Vec::new(), fields, made_by: None }
    }
}

impl Encoder for JsonlEncoder {
    fn describe(&mut self, made_by: &Provenance) {
        self.made_by = Some(made_by.clone());
    }

    fn add(&mut self, entry: &Entry) {
        write_object(&mut self.block, entry, self.fields, self.made_by.take().as_ref());
        self.block.push(b'\n');
    }

    fn block_bytes(&self) -> u64 {
        self.block.len() as u64
    }

    fn take_block(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.block)
    }
}

/// Appends an entry's object, without a line break in it; with `made_by` where it is given.
pub fn write_object(out: &mut Vec<u8>, entry: &Entry, fields: Fields, made_by: Option<&Provenance>) {
    let object = Object { made_by, ..Object::of(entry, fields) };
    serde_json::to_writer(out, &object).expect("numbers and strings always serialize");
}

#[derive(Serialize)]
struct Object<'a> {
    schema: u32,
    sequence: u32,
    dropped: u32,
    width: u32,
    height: u32,
    captured_s: f64,
    wall_time: String,
    source: String,
    #[serde(serialize_with = "micros")]
    timings_us: Timings,
    faces: Vec<FaceObject>,
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<&'a Provenance>,
}

#[derive(Serialize)]
struct FaceObject {
    id: u32,
    confidence: f64,
    #[serde(rename = "box")]
    bounds: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<[f64; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    point_confidence: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guessed: Option<Vec<usize>>,
    /// xx, xy, yy.
    #[serde(skip_serializing_if = "Option::is_none")]
    covariance: Option<Vec<[f64; 3]>>,
    #[serde(flatten)]
    measures: Value,
}

impl Object<'_> {
    fn of(entry: &Entry, fields: Fields) -> Self {
        let seen = &entry.seen;
        Object {
            schema: SCHEMA,
            sequence: seen.sequence,
            dropped: seen.dropped,
            width: seen.size.width,
            height: seen.size.height,
            captured_s: seconds(seen.captured_at),
            wall_time: entry.wall_time(),
            source: seen.source.as_deref().unwrap_or_default().into(),
            timings_us: seen.timings,
            faces: seen.faces.iter().map(|face| FaceObject::of(face, fields)).collect(),
            events: seen.events.iter().map(event).collect(),
            made_by: None,
        }
    }
}

/// An object with the microseconds of each stage and of the whole.
fn micros<S: Serializer>(timings: &Timings, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Timings::NAMES.into_iter().zip(timings.all().map(|time| time.as_micros())))
}

impl FaceObject {
    fn of(face: &Face, fields: Fields) -> Self {
        let pixels = |v: f32| rounded(f64::from(v), 1e3);
        let point = |p: Point2<f32>| [pixels(p.x), pixels(p.y)];
        let each = face.landmarks.iter();
        let covariance = |l: &Landmark| [(0, 0), (0, 1), (1, 1)].map(|at| rounded(f64::from(l.covariance[at]), 1e4));
        let ([x0, y0], [x1, y1]) = (point(face.bounds.min), point(face.bounds.max));
        FaceObject {
            id: face.id,
            confidence: share(face.presence),
            bounds: [x0, y0, x1, y1],
            points: fields.points.then(|| each.clone().map(|l| point(l.at)).collect()),
            point_confidence: fields.confidence.then(|| each.clone().map(|l| share(l.confidence)).collect()),
            guessed: fields.confidence.then(|| face.guessed.clone()),
            covariance: fields.covariance.then(|| each.map(covariance).collect()),
            measures: measures_of(&face.measures, fields),
        }
    }
}

/// Seconds, to the microsecond.
pub fn seconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64(), 1e6)
}

/// Something from 0 to 1.
pub fn share(v: f32) -> f64 {
    rounded(f64::from(v), 1e4)
}

/// The keys of [`measures`] that are recorded.
fn measures_of(all: &Measures, fields: Fields) -> Value {
    let mut object = measures(all);
    let keys = object.as_object_mut().expect("measures are an object");
    keys.retain(|key, _| if key == "pose" { fields.pose } else { fields.eyes });
    object
}

/// The keys of a face that are measured from its landmarks.
pub fn measures(measures: &Measures) -> Value {
    let Measures { pose, ratios, right_eye, left_eye, mouth, perclos, eyes_closed } = measures;
    let or_null = |v: Option<f32>| v.map(share);
    json!({
        "pose": pose.as_ref().map(pose_object),
        "eyes": {
            "right_ratio": or_null(ratios.right_eye), "left_ratio": or_null(ratios.left_eye),
            "right": or_null(*right_eye), "left": or_null(*left_eye),
            "closed": eyes_closed, "perclos": or_null(*perclos),
        },
        "mouth": { "ratio": or_null(ratios.mouth), "open": or_null(*mouth) },
    })
}

/// In degrees and millimetres.
fn pose_object(pose: &HeadPose) -> Value {
    let hundredths = |v: f32| rounded(f64::from(v), 1e2);
    let square_degrees = pose.turns_covariance() * 1f32.to_degrees().powi(2);
    // Of pitch, yaw and roll.
    let at = |row: usize, column: usize| rounded(f64::from(square_degrees[(row, column)]), 1e3);
    let deviation = |axis: usize| hundredths(pose.covariance[(axis, axis)].sqrt());
    json!({
        "yaw": hundredths(pose.yaw_deg()), "pitch": hundredths(pose.pitch_deg()), "roll": hundredths(pose.roll_deg()),
        "covariance": [at(1, 1), at(1, 0), at(1, 2), at(0, 0), at(0, 2), at(2, 2)],
        "position_mm": pose.position.map(hundredths).data.0[0],
        "position_sd_mm": [deviation(3), deviation(4), deviation(5)],
    })
}

/// The object of an event.
pub fn event(event: &Event) -> Value {
    json!({
        "event": event.kind.name(), "face": event.face, "at_s": seconds(event.at), "lasted_s": seconds(event.lasted),
    })
}

/// Rounded to whole `1 / parts`; in [`f64`], whose shortest decimal has no more digits than that.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
