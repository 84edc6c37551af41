//! MCAP with two topics, both in JSON:
//! * `/wingmark/observation`: the object of [`super::jsonl`], nothing left out;
//! * `/wingmark/annotations`: `foxglove.ImageAnnotations`, which Foxglove draws over a picture of
//!   the same camera; without points (`super::fields`), this topic has no messages.
//!
//! The metadata `wingmark` says who made the file, as `made_by` of the first object does.
//!
//! A block is one chunk with its CRC and its message indexes, so a file that was cut off is read up
//! to its last whole chunk. Chunks are packed by LZ4.
//!
//! `publish_time` is the wall time. `log_time`, by which readers sort, is the wall time of the
//! file's first entry plus the time since then by the monotonic clock: a jump of the wall clock
//! leaves the order as it was.

mod chunk;
mod container;

use std::time::Instant;

use mcap::records::{MessageHeader, Metadata};

use self::container::Container;
use super::annotations::{self, ImageAnnotations};
use super::encode::Encoder;
use super::entry::{Entry, nanos};
use super::fields::Fields;
use super::jsonl;
use super::provenance::Provenance;
use crate::machine::VERSION;

pub(super) use chunk::unpack;

const OBSERVATION_SCHEMA: &str = include_str!("../../../docs/observation.schema.json");

/// Writes observations as messages.
pub struct McapEncoder {
    file: Container,
    observation: u16,
    annotations: u16,
    /// The first entry's wall time in nanoseconds, and its monotonic time.
    epoch: Option<(u64, Instant)>,
    message: Vec<u8>,
    /// What the next object says.
    made_by: Option<Provenance>,
    fields: Fields,
}

impl McapEncoder {
    /// For a new file, which begins with the schemas and channels.
    pub fn new(fields: Fields) -> Self {
        let mut file = Container::new(format!("wingmark {VERSION}"));
        let observation = file.add_channel("/wingmark/observation", "wingmark.Observation", OBSERVATION_SCHEMA);
        let schema = annotations::schema().to_string();
        let annotations = file.add_channel("/wingmark/annotations", "foxglove.ImageAnnotations", &schema);
        McapEncoder { file, observation, annotations, epoch: None, message: Vec::new(), made_by: None, fields }
    }

    fn write(&mut self, channel_id: u16, entry: &Entry) {
        let (wall, at) = *self.epoch.get_or_insert((entry.wall_nanos(), entry.at));
        let header = MessageHeader {
            channel_id,
            sequence: entry.seen.sequence,
            log_time: wall.saturating_add(nanos(entry.at.saturating_duration_since(at))),
            publish_time: entry.wall_nanos(),
        };
        self.file.add_message(&header, &self.message);
    }
}

impl Encoder for McapEncoder {
    fn describe(&mut self, made_by: &Provenance) {
        let metadata = Metadata { name: "wingmark".into(), metadata: made_by.fields().collect() };
        self.file.add_metadata(&metadata);
        self.made_by = Some(made_by.clone());
    }

    fn add(&mut self, entry: &Entry) {
        self.message.clear();
        jsonl::write_object(&mut self.message, entry, self.fields, self.made_by.take().as_ref());
        self.write(self.observation, entry);
        if !self.fields.points {
            return;
        }
        self.message.clear();
        serde_json::to_writer(&mut self.message, &ImageAnnotations::of(entry)).expect("numbers always serialize");
        self.write(self.annotations, entry);
    }

    fn block_bytes(&self) -> u64 {
        self.file.bytes()
    }

    fn take_block(&mut self) -> Vec<u8> {
        self.file.take()
    }

    fn tail(&mut self) -> Vec<u8> {
        self.file.finish()
    }
}
