//! JSON Lines: one object a frame, one object a line.
//!
//! ```json
//! {
//!   "schema": 2, "sequence": 812, "dropped": 0, "width": 640, "height": 480,
//!   "captured_s": 27.066667, "wall_time": "2026-11-24T06:28:04.123456Z", "source": "album/img2.jpg",
//!   "timings_us": { "detect": 0, "crop": 120, "net": 8400, "decode": 310, "track": 15, "total": 8850 },
//!   "faces": [{
//!     "id": 3, "confidence": 0.9312, "box": [101.5, 80.25, 180.0, 171.125],
//!     "points": [[101.5, 110.75], ...], "point_confidence": [0.9512, ...], "guessed": [0, 1, 2],
//!     "covariance": [[1.25, 0.1, 0.75], ...],
//!     "pose": { "yaw": -12.34, "pitch": 3.21, "roll": 0.5, "covariance": [0.81, 0.1, 0.0, 1.2, 0.0, 0.3],
//!               "position_mm": [-20.5, 14.2, 612.0], "position_sd_mm": [1.5, 1.4, 20.1] },
//!     "eyes": { "right_ratio": 0.281, "left_ratio": null, "right": 0.96, "left": null, "closed": false, "perclos": 0.02 },
//!     "mouth": { "ratio": 0.05, "open": 0.04 }
//!   }],
//!   "events": [{ "event": "blink", "face": 3, "at_s": 27.0, "lasted_s": 0.133 }],
//!   "made_by": { "version": "0.1.0", "commit": "0123456789ab", "model": "small", "model_sha256": "..",
//!     "model_digest": "..", "board": "pi-5", "machine": "Raspberry Pi 5 Model B Rev 1.0",
//!     "kernels": "sdot", "source": "/dev/video0", "camera": "HD Pro Webcam C920",
//!     "camera_link": "usb-0000:01:00.0-1.3", "camera_format": "MJPG", "camera_size": "640x480",
//!     "camera_rate": 30.0, "time_zone": "Europe/Zurich", "schema": 2 }
//! }
//! ```
//!
//! * `sequence`: the frame's own number; `dropped`: frames dropped since the one before;
//! * `captured_s`: seconds since the source's start by the monotonic clock; `wall_time`: RFC 3339,
//!   UTC;
//! * `source`: the file that the frame is from, as it was named; empty where it is from a camera, a
//!   pipe or the built-in picture;
//! * `box`: x0, y0, x1, y1 of the points' box; `points`: 68 times x, y; both in frame pixels, the
//!   centre of the first pixel at (0, 0), rounded to 1/1000;
//! * `guessed`: numbers of the points that the picture does not show, from 0 on: the head hides
//!   them, or something else does, or they lie beyond the border;
//! * `covariance`: 68 times xx, xy, yy in square pixels of the frame, of the error of the point as
//!   it was found, before smoothing (`src/face/calibration.rs` says which share of errors an
//!   ellipse holds); `confidence`, `point_confidence`: 0 to 1; all rounded to 1/10,000.
//!
//! Keys of [fields](super::fields) that are not recorded are left out: `points`, `point_confidence`
//! and `guessed` (field `confidence`), `covariance`, `pose`, `eyes` and `mouth` (field `eyes`).
//! `made_by` stands in the first object of a file, and in the first one that a continued run adds.
//! It holds for the objects that follow.
//!
//! `docs/measures.md` defines pose (degrees; covariance of yaw, pitch, roll: the upper half by
//! rows), eyes, mouth and events; null is unknown. `schema` grows when a key changes its meaning or
//! goes; `docs/observation.schema.json` is its JSON Schema.
//!
//! A last line without `\n` is torn. The same object is the message of the MCAP topic
//! `/wingmark/observation`.

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
