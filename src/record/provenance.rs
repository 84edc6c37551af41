//! Who made a record: a file says itself, years later, what it holds.
//!
//! Gathered once, when a run's parts are open, and told by the first record of each file
//! (`made_by`), the metrics (`wingmark_build_info`), MQTT (`about`), the summary and the first line
//! of the journal.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::capture::Origin;
use crate::machine::{COMMIT, Machine, VERSION};
use crate::model::card::ModelCard;

/// The version of the objects of JSON that observations are recorded and published as.
pub const SCHEMA: u32 = 2;

/// Program, model, machine and camera of a run. Its keys are those of `made_by` in
/// `docs/observation.schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// Of wingmark.
    pub version: &'static str,
    /// That wingmark was built from.
    pub commit: &'static str,
    /// The landmark net's name, by its card.
    pub model: String,
    /// Of its `model.onnx`.
    pub model_sha256: String,
    /// SHA-256 over its card, its tables and `model.onnx`: nets of one digest do the same.
    pub model_digest: String,
    /// The profile's name: `pi-5`.
    pub board: String,
    /// What the machine calls itself, where it does: `Raspberry Pi 5 Model B Rev 1.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The int8 kernels: `sdot`.
    pub kernels: String,
    /// Where frames come from, as it was named, without passwords.
    pub source: String,
    /// Absent where frames are read from files.
    #[serde(flatten, serialize_with = "camera_keys")]
    pub camera: Option<Origin>,
    /// Of the machine, as in `Europe/Zurich`; all times that are written are UTC.
    pub time_zone: String,
    /// The version of the records' objects.
    pub schema: u32,
}

/// The keys of a camera.
#[derive(Serialize)]
struct CameraKeys<'a> {
    #[serde(rename = "camera")]
    name: &'a str,
    #[serde(rename = "camera_link", skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(rename = "camera_format", skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(rename = "camera_size", skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    #[serde(rename = "camera_rate", skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

fn camera_keys<S: Serializer>(camera: &Option<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
    let keys = camera.as_ref().map(|origin| CameraKeys {
        name: &origin.name,
        link: origin.link.as_deref(),
        format: origin.format.map(|format| format.to_string()),
        size: origin.size.map(|size| size.to_string()),
        rate: origin.rate,
    });
    keys.serialize(serializer)
}

/// 29.97002997 is 29.97.
fn with_short_rate(origin: Origin) -> Origin {
    Origin { rate: origin.rate.map(|rate| (rate * 1000.0).round() / 1000.0), ..origin }
}

/// What a run chose.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// The landmark net's.
    pub card: &'a ModelCard,
    /// Of the landmark net's files.
    pub digest: String,
    /// The profile's name.
    pub board: &'a str,
    /// Where frames come from, as it was named; `None` where it was left to us.
    pub source: Option<String>,
    /// The camera, where it is one.
    pub camera: Option<Origin>,
}

impl Provenance {
    /// On this machine.
    pub fn here(chosen: Chosen<'_>) -> Self {
        let Machine { model: machine, kernels, .. } = Machine::here();
        Provenance {
            version: VERSION,
            commit: COMMIT,
            model: chosen.card.name.clone(),
            model_sha256: chosen.card.sha256.clone(),
            model_digest: chosen.digest,
            board: chosen.board.into(),
            machine,
            kernels,
            source: chosen.source.unwrap_or_else(|| "camera".into()),
            camera: chosen.camera.map(with_short_rate),
            time_zone: time_zone(),
            schema: SCHEMA,
        }
    }

    /// The same run with another landmark net.
    pub fn with_model(&self, card: &ModelCard, digest: String) -> Self {
        let (model, model_sha256) = (card.name.clone(), card.sha256.clone());
        Provenance { model, model_sha256, model_digest: digest, ..self.clone() }
    }

    /// The same run with a camera that came back as another one.
    pub fn with_camera(&self, camera: Origin) -> Self {
        Provenance { camera: Some(with_short_rate(camera)), ..self.clone() }
    }

    /// Keys and values as texts, by key: labels of a metric, metadata of MCAP.
    pub fn fields(&self) -> impl Iterator<Item = (String, String)> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.object().into_iter().map(move |(key, value)| (key, text(value)))
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers always serialize")
    }

    fn object(&self) -> Map<String, Value> {
        match serde_json::to_value(self).expect("texts and numbers always serialize") {
            Value::Object(object) => object,
            _ => unreachable!("a structure is an object"),
        }
    }
}

/// The name of the machine's time zone in the IANA data base; where it has none, its offset now.
fn time_zone() -> String {
    let zone = TimeZone::system();
    let offset = || zone.to_offset(jiff::Timestamp::now()).to_string();
    zone.iana_name().map_or_else(offset, str::to_owned)
}

/// In one line, for the journal.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Provenance { version, commit, model, model_sha256, model_digest, .. } = self;
        let Provenance { board, machine, kernels, source, .. } = self;
        let machine = machine.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        write!(f, "wingmark {version} ({commit}); model {model} (SHA-256 {model_sha256}, digest {model_digest}); ")?;
        write!(f, "board {board}{machine}, kernels {kernels}; source {source}")?;
        if let Some(camera) = &self.camera {
            write!(f, "; camera {camera}")?;
        }
        write!(f, "; time zone {}; schema {}", self.time_zone, self.schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::zoo;

    #[test]
    fn every_key_is_in_the_schema_and_in_the_line() {
        let camera =
            Origin { name: "C920".into(), link: Some("usb-1.3".into()), rate: Some(29.97003), ..Origin::default() };
        let chosen = Chosen {
            card: &zoo::SHIPPED[0].card().unwrap(),
            digest: zoo::Choice::Shipped(&zoo::SHIPPED[0]).read().unwrap().digest(),
            board: "pi-5",
            source: Some("/dev/video0".into()),
            camera: Some(camera),
        };
        let made_by = Provenance { machine: Some("Raspberry Pi 5".into()), ..Provenance::here(chosen) };
        let schema: Value = serde_json::from_str(include_str!("../../docs/observation.schema.json")).unwrap();
        let known = &schema["properties"]["made_by"];
        let line = made_by.to_string();
        for (key, text) in made_by.fields() {
            assert!(known["properties"].get(&key).is_some(), "{key} is not in the schema");
            assert!(line.contains(&text), "{key} {text} is not in {line}");
        }
        let object = made_by.object();
        for key in known["required"].as_array().unwrap() {
            assert!(object.contains_key(key.as_str().unwrap()), "{key} is required");
        }
        assert_eq!(object["camera_rate"], 29.97);
    }
}
