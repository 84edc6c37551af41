//! The container: header, channels, chunks with their message indexes, and at the end a summary.
//! The layout of each record is that of the crate `mcap`. Their order is made here, since that
//! crate's own writer packs chunks with C libraries only. <https://mcap.dev/spec> is its source.

use std::collections::BTreeMap;
use std::io::Cursor;

use binrw::BinWrite;
use mcap::MAGIC;
use mcap::records::{
    Channel, ChunkHeader, ChunkIndex, DataEnd, Footer, Header, MessageHeader, MessageIndex, MessageIndexEntry,
    Metadata, MetadataIndex, SchemaHeader, Statistics, SummaryOffset, op,
};

use super::chunk;

/// A file under way.
pub struct Container {
    /// Whole records that nobody has taken yet.
    out: Vec<u8>,
    /// Bytes of the file before those, and the CRC of them.
    taken: u64,
    taken_crc: crc32fast::Hasher,
    chunk: Chunk,
    summary: FileSummary,
}

/// The chunk under way.
#[derive(Default)]
struct Chunk {
    records: Vec<u8>,
    /// Of each channel.
    indexes: BTreeMap<u16, Vec<MessageIndexEntry>>,
    /// The first and the last log time.
    times: Option<(u64, u64)>,
}

/// What the summary repeats of the file: records one after the other.
#[derive(Default)]
struct FileSummary {
    schemas: Vec<u8>,
    channels: Vec<u8>,
    chunk_indexes: Vec<u8>,
    metadata_indexes: Vec<u8>,
    statistics: Statistics,
}

impl Container {
    /// Begins a file; `library` says what writes it.
    pub fn new(library: String) -> Self {
        let mut out = MAGIC.to_vec();
        put(&mut out, op::HEADER, &Header { profile: String::new(), library }, &[]);
        let taken_crc = crc32fast::Hasher::new();
        Container { out, taken: 0, taken_crc, chunk: Chunk::default(), summary: FileSummary::default() }
    }

    /// Adds a topic of messages in JSON, which `schema` describes by the name `name`. Gives the
    /// channel's number.
    pub fn add_channel(&mut self, topic: &str, name: &str, schema: &str) -> u16 {
        let statistics = &mut self.summary.statistics;
        statistics.schema_count += 1;
        statistics.channel_count += 1;
        // 0 stands for no schema.
        let id = statistics.schema_count;
        let described = SchemaHeader { id, name: name.into(), encoding: "jsonschema".into() };
        let text = [&(schema.len() as u32).to_le_bytes(), schema.as_bytes()].concat();
        let channel = Channel {
            id,
            schema_id: id,
            topic: topic.into(),
            message_encoding: "json".into(),
            metadata: BTreeMap::new(),
        };
        for out in [&mut self.out, &mut self.summary.schemas] {
            put(out, op::SCHEMA, &described, &text);
        }
        for out in [&mut self.out, &mut self.summary.channels] {
            put(out, op::CHANNEL, &channel, &[]);
        }
        id
    }

    pub fn add_metadata(&mut self, metadata: &Metadata) {
        let offset = self.position();
        let length = put(&mut self.out, op::METADATA, metadata, &[]);
        let index = MetadataIndex { offset, length, name: metadata.name.clone() };
        put(&mut self.summary.metadata_indexes, op::METADATA_INDEX, &index, &[]);
        self.summary.statistics.metadata_count += 1;
    }

    pub fn add_message(&mut self, header: &MessageHeader, data: &[u8]) {
        let entry = MessageIndexEntry { log_time: header.log_time, offset: self.chunk.records.len() as u64 };
        self.chunk.indexes.entry(header.channel_id).or_default().push(entry);
        let (first, last) = self.chunk.times.unwrap_or((header.log_time, header.log_time));
        self.chunk.times = Some((first.min(header.log_time), last.max(header.log_time)));
        put(&mut self.chunk.records, op::MESSAGE, header, data);
    }

    /// Bytes that nobody has taken yet, those of the chunk under way before they are packed.
    pub fn bytes(&self) -> u64 {
        (self.out.len() + self.chunk.records.len()) as u64
    }

    /// Ends the chunk under way and takes all whole records.
    pub fn take(&mut self) -> Vec<u8> {
        let chunk = std::mem::take(&mut self.chunk);
        if let Some(times) = chunk.times {
            self.end_chunk(chunk, times);
        }
        self.taken += self.out.len() as u64;
        self.taken_crc.update(&self.out);
        std::mem::take(&mut self.out)
    }

    /// What stands behind the last of them in a complete file.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut tail = self.take();
        put(&mut tail, op::DATA_END, &DataEnd { data_section_crc: self.taken_crc.clone().finalize() }, &[]);
        // The end of the data is no part of what was taken.
        let start = self.taken + DATA_END_BYTES;
        tail.extend(self.summary.encoded(start));
        tail
    }

    fn position(&self) -> u64 {
        self.taken + self.out.len() as u64
    }

    fn end_chunk(&mut self, chunk: Chunk, (message_start_time, message_end_time): (u64, u64)) {
        let packed = chunk::pack(&chunk.records);
        let header = ChunkHeader {
            message_start_time,
            message_end_time,
            uncompressed_size: chunk.records.len() as u64,
            uncompressed_crc: crc32fast::hash(&chunk.records),
            compression: chunk::LZ4.into(),
            compressed_size: packed.len() as u64,
        };
        let chunk_start_offset = self.position();
        let chunk_length = put(&mut self.out, op::CHUNK, &header, &packed);
        let (mut message_index_offsets, mut message_index_length) = (BTreeMap::new(), 0);
        for (channel_id, records) in chunk.indexes {
            message_index_offsets.insert(channel_id, self.position());
            self.summary.count(channel_id, records.len() as u64);
            message_index_length += put(&mut self.out, op::MESSAGE_INDEX, &MessageIndex { channel_id, records }, &[]);
        }
        let ChunkHeader { compression, compressed_size, uncompressed_size, .. } = header;
        let index = ChunkIndex {
            message_start_time,
            message_end_time,
            chunk_start_offset,
            chunk_length,
            message_index_offsets,
            message_index_length,
            compression,
            compressed_size,
            uncompressed_size,
        };
        self.summary.add_chunk(&index);
    }
}

/// Opcode, length and the CRC.
const DATA_END_BYTES: u64 = 1 + 8 + 4;

impl FileSummary {
    fn count(&mut self, channel: u16, messages: u64) {
        self.statistics.message_count += messages;
        *self.statistics.channel_message_counts.entry(channel).or_default() += messages;
    }

    fn add_chunk(&mut self, index: &ChunkIndex) {
        let statistics = &mut self.statistics;
        let is_first = statistics.chunk_count == 0;
        let before = if is_first { u64::MAX } else { statistics.message_start_time };
        statistics.message_start_time = before.min(index.message_start_time);
        statistics.message_end_time = statistics.message_end_time.max(index.message_end_time);
        statistics.chunk_count += 1;
        put(&mut self.chunk_indexes, op::CHUNK_INDEX, index, &[]);
    }

    /// For the place `start` of a file, with the footer and the end of the file.
    fn encoded(&self, start: u64) -> Vec<u8> {
        let mut statistics = Vec::new();
        put(&mut statistics, op::STATISTICS, &self.statistics, &[]);
        let groups = [
            (op::SCHEMA, &self.schemas),
            (op::CHANNEL, &self.channels),
            (op::STATISTICS, &statistics),
            (op::CHUNK_INDEX, &self.chunk_indexes),
            (op::METADATA_INDEX, &self.metadata_indexes),
        ];
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for (group_opcode, records) in groups.into_iter().filter(|(_, records)| !records.is_empty()) {
            let group_start = start + bytes.len() as u64;
            let offset = SummaryOffset { group_opcode, group_start, group_length: records.len() as u64 };
            put(&mut offsets, op::SUMMARY_OFFSET, &offset, &[]);
            bytes.extend(records);
        }
        let summary_offset_start = start + bytes.len() as u64;
        bytes.extend(offsets);
        put(&mut bytes, op::FOOTER, &Footer { summary_start: start, summary_offset_start, summary_crc: 0 }, &[]);
        // The CRC is the footer's last field, and is of all that stands before it.
        let crc_at = bytes.len() - 4;
        let crc = crc32fast::hash(&bytes[..crc_at]);
        bytes[crc_at..].copy_from_slice(&crc.to_le_bytes());
        bytes.extend(MAGIC);
        bytes
    }
}

/// Appends a record, `data` behind its fields; gives its length.
fn put<R>(out: &mut Vec<u8>, opcode: u8, fields: &R, data: &[u8]) -> u64
where
    R: for<'a> BinWrite<Args<'a> = ()>,
{
    let start = out.len();
    out.push(opcode);
    out.extend([0; 8]);
    let mut end = Cursor::new(&mut *out);
    end.set_position(start as u64 + 9);
    fields.write_le(&mut end).expect("memory takes every write");
    out.extend(data);
    let length = (out.len() - start) as u64;
    out[start + 1..][..8].copy_from_slice(&(length - 9).to_le_bytes());
    length
}
