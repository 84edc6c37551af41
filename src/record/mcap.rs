//! MCAP with two topics, both in JSON:
//! * `/wingmark/observation`: the object of [`super::jsonl`], nothing left out;
//! * `/wingmark/annotations`: `foxglove.ImageAnnotations`, which Foxglove draws over a picture of
//!   the same camera; without points (`super::fields`), this topic has no messages.
//!
//! The metadata `wingmark` says who made the file, as `made_by` of the first object does.
//!
//! A block is one chunk with its CRC and its message indexes, so a file that was cut off is read up
//! to its last whole chunk. Chunks are not compressed: the compressors are C.
//!
//! `publish_time` is the wall time. `log_time`, by which readers sort, is the wall time of the
//! file's first entry plus the time since then by the monotonic clock: a jump of the wall clock
//! leaves the order as it was.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Instant;

use mcap::WriteOptions;
use mcap::records::{MessageHeader, Metadata};
use mcap::write::{NoSeek, Writer};

use super::annotations::{self, ImageAnnotations};
use super::encode::Encoder;
use super::entry::{Entry, nanos};
use super::fields::Fields;
use super::jsonl;
use super::provenance::Provenance;
use crate::machine::VERSION;

const OBSERVATION_SCHEMA: &str = include_str!("../../docs/observation.schema.json");

/// Writes observations as messages.
pub struct McapEncoder {
    writer: Writer<NoSeek<Block>>,
    block: Block,
    observation: u16,
    annotations: u16,
    /// The first entry's wall time in nanoseconds, and its monotonic time.
    epoch: Option<(u64, Instant)>,
    message: Vec<u8>,
    /// What the next object says.
    made_by: Option<Provenance>,
    /// Bytes of the messages in the chunk under way.
    chunk_bytes: u64,
    fields: Fields,
}

/// Bytes that the writer has put out and nobody has taken yet.
#[derive(Clone, Default)]
struct Block(Rc<RefCell<Vec<u8>>>);

impl Write for Block {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl McapEncoder {
    /// For a new file, which begins with the schemas and channels.
    pub fn new(fields: Fields) -> Self {
        let block = Block::default();
        let options = WriteOptions::new()
            .compression(None)
            // A chunk ends where a block does.
            .chunk_size(None)
            .disable_seeking(true)
            .library(format!("wingmark {VERSION}"));
        let mut writer = options.create(NoSeek::new(block.clone())).expect(IN_MEMORY);
        let mut channel = |topic: &str, schema: &str, text: &str| {
            let schema = writer.add_schema(schema, "jsonschema", text.as_bytes()).expect(IN_MEMORY);
            writer.add_channel(schema, topic, "json", &BTreeMap::new()).expect(IN_MEMORY)
        };
        let observation = channel("/wingmark/observation", "wingmark.Observation", OBSERVATION_SCHEMA);
        let annotations =
            channel("/wingmark/annotations", "foxglove.ImageAnnotations", &annotations::schema().to_string());
        McapEncoder {
            writer,
            block,
            observation,
            annotations,
            epoch: None,
            message: Vec::new(),
            made_by: None,
            chunk_bytes: 0,
            fields,
        }
    }

    fn write(&mut self, channel_id: u16, entry: &Entry) {
        let (wall, at) = *self.epoch.get_or_insert((entry.wall_nanos(), entry.at));
        let header = MessageHeader {
            channel_id,
            sequence: entry.seen.sequence,
            log_time: wall.saturating_add(nanos(entry.at.saturating_duration_since(at))),
            publish_time: entry.wall_nanos(),
        };
        self.chunk_bytes += self.message.len() as u64;
        self.writer.write_to_known_channel(&header, &self.message).expect(IN_MEMORY);
    }
}

/// Why the calls of [`Writer`] succeed: they fail with their stream, or for unknown channels.
const IN_MEMORY: &str = "an MCAP file is encoded in memory, with the channels added at its start";

impl Encoder for McapEncoder {
    fn describe(&mut self, made_by: &Provenance) {
        let metadata = Metadata { name: "wingmark".into(), metadata: made_by.fields().collect() };
        self.writer.write_metadata(&metadata).expect(IN_MEMORY);
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
        self.chunk_bytes + self.block.0.borrow().len() as u64
    }

    fn take_block(&mut self) -> Vec<u8> {
        self.chunk_bytes = 0;
        self.writer.flush().expect(IN_MEMORY);
        self.block.0.take()
    }

    fn tail(&mut self) -> Vec<u8> {
        self.writer.finish().expect(IN_MEMORY);
        self.block.0.take()
    }
}
