//! Readers as the documentation of each format describes them: whole records, and nothing of torn
//! ones.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use mcap::records::Record;
use serde_json::Value;
use wingmark::record::Format;

use crate::sample::{faces_of, x_of};

/// The sequence numbers of the frames in a file, each checked to be as it was written.
pub fn frames(format: Format, bytes: &[u8]) -> Vec<u32> {
    match format {
        Format::Csv => frames_of_csv(bytes),
        Format::Jsonl => frames_of_jsonl(bytes),
        Format::CsvGz => frames_of_csv(&unpacked(bytes)),
        Format::JsonlGz => frames_of_jsonl(&unpacked(bytes)),
        Format::Mcap => frames_of_mcap(bytes).into_iter().map(|(frame, _)| frame).collect(),
    }
}

/// The frames of all files of a log, the archives first.
pub fn frames_of_log(path: &Path) -> Vec<u32> {
    let format = Format::of(path).unwrap();
    files(path).iter().flat_map(|file| frames(format, &std::fs::read(file).unwrap())).collect()
}

/// The text of the whole members of gzip at the begin of a file.
pub fn unpacked(mut bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut text = Vec::new();
        if GzDecoder::new(&mut bytes).read_to_end(&mut text).is_err() {
            return all;
        }
        all.extend(text);
    }
}

/// The files of a log in the order in which they were written.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    let (stem, extension) = name.split_once('.').unwrap();
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_archive = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(&format!("{stem}-")) && name.ends_with(&format!("Z.{extension}"))
    };
    let mut files: Vec<_> = all.filter(is_archive).collect();
    files.sort_unstable();
    files.extend(path.exists().then(|| path.to_path_buf()));
    files
}

/// Frames and log times of an MCAP file, up to where it was cut off. Walks the records as
/// <https://mcap.dev/spec> lays them out, since the crate's own reader gives up the whole file, or
/// panics, where the end is missing.
pub fn frames_of_mcap(bytes: &[u8]) -> Vec<(u32, u64)> {
    let mut frames = Vec::new();
    let Some(records) = bytes.strip_prefix(b"\x89MCAP0\r\n") else { return frames };
    for (_, chunk) in walk(records).filter(|(opcode, _)| *opcode == CHUNK) {
        // Start and end time, size, CRC, name of the compression ("lz4"), length of the records.
        let Some((head, packed)) = chunk.split_at_checked(8 + 8 + 8 + 4 + 7 + 8) else { continue };
        let Some(records) = unpacked_chunk(packed) else { continue };
        if crc32fast::hash(&records).to_le_bytes() == head[24..28] {
            frames
                .extend(walk(&records).filter(|(opcode, _)| *opcode == MESSAGE).filter_map(|(_, body)| message(body)));
        }
    }
    frames
}

/// Topic and object of each message of a complete MCAP file, as the crate's reader gives them.
pub fn messages_of_mcap(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut topics = BTreeMap::new();
    let mut messages = Vec::new();
    for record in mcap::read::LinearReader::new(bytes).unwrap() {
        match record.unwrap() {
            Record::Channel(channel) => drop(topics.insert(channel.id, channel.topic)),
            Record::Chunk { data, .. } => {
                for record in mcap::read::LinearReader::sans_magic(&unpacked_chunk(&data).unwrap()) {
                    let Record::Message { header, data } = record.unwrap() else { panic!("messages alone are packed") };
                    messages.push((topics[&header.channel_id].clone(), serde_json::from_slice(&data).unwrap()));
                }
            }
            _ => {}
        }
    }
    messages
}

fn unpacked_chunk(packed: &[u8]) -> Option<Vec<u8>> {
    let mut records = Vec::new();
    FrameDecoder::new(packed).read_to_end(&mut records).ok()?;
    Some(records)
}

const MESSAGE: u8 = 5;
const CHUNK: u8 = 6;

/// The column after frame, face, time, confidence, success and the head's pose.
const X_0: usize = 11;

/// Opcode and body of each whole record.
fn walk(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u64::from_le_bytes(head[1..].try_into().unwrap());
        let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        bytes = rest;
        (head[0] != 0).then_some((head[0], body))
    })
}

fn message(body: &[u8]) -> Option<(u32, u64)> {
    // Channel, sequence, log time, publish time.
    let (head, data) = body.split_at(2 + 4 + 8 + 8);
    let object: Value = serde_json::from_slice(data).unwrap();
    // The other topic's messages have no sequence in them.
    object.get("sequence")?;
    let sequence = u32::from_le_bytes(head[2..6].try_into().unwrap());
    assert_eq!(sequence, frame(&object));
    Some((sequence, u64::from_le_bytes(head[6..14].try_into().unwrap())))
}

fn frames_of_jsonl(bytes: &[u8]) -> Vec<u32> {
    lines(bytes).filter_map(|line| serde_json::from_slice(line).ok()).map(|object| frame(&object)).collect()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&b| b == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

fn frame(object: &Value) -> u32 {
    let sequence = object["sequence"].as_u64().unwrap() as u32;
    let faces = object["faces"].as_array().unwrap();
    assert_eq!(faces.len(), faces_of(sequence));
    for (i, face) in faces.iter().enumerate() {
        assert_eq!(face["points"][0][0].as_f64().unwrap(), f64::from(x_of(sequence, i)));
        assert_eq!(face["covariance"][67][2].as_f64(), Some(2.0));
        assert_eq!((face["pose"]["yaw"].as_f64(), face["pose"]["position_mm"][2].as_f64()), (Some(30.0), Some(600.0)));
        assert_eq!((&face["eyes"]["right"], face["eyes"]["left"].as_f64()), (&Value::Null, Some(0.75)));
    }
    sequence
}

fn frames_of_csv(bytes: &[u8]) -> Vec<u32> {
    let mut frames: Vec<u32> = Vec::new();
    for line in lines(bytes).skip(1) {
        let crc = line.rsplit(|&b| b == b',').next().unwrap();
        let row = &line[..line.len() - crc.len()];
        if crc != format!("{:08x}", crc32fast::hash(row)).as_bytes() {
            continue;
        }
        let fields: Vec<&str> = std::str::from_utf8(line).unwrap().split(',').collect();
        let sequence = fields[0].parse().unwrap();
        match faces_of(sequence) {
            0 => {
                assert_eq!(fields[1..5], ["0", &time_of(sequence), "0.0000", "0"]);
                assert!(fields[5..X_0 + 1].iter().all(|field| field.is_empty()));
            }
            _ => {
                let face = fields[1].parse::<usize>().unwrap() - 1;
                assert_eq!(fields[2..5], [&time_of(sequence), "0.9375", "1"]);
                // Millimetres and radians: 30 degrees about y.
                assert_eq!(fields[5..X_0], ["-20.00", "10.00", "600.00", "0.00000", "0.52360", "0.00000"]);
                assert_eq!(fields[X_0], format!("{:.3}", x_of(sequence, face)));
            }
        }
        if frames.last() != Some(&sequence) {
            frames.push(sequence);
        }
    }
    frames
}

fn time_of(sequence: u32) -> String {
    format!("{:.6}", f64::from(sequence) * 0.04)
}
