//! CSV with the columns of OpenFace (`FaceLandmarkVidMulti`), then our own.
//!
//! `docs/records.md` has what each column means, which columns are left out where a field is not
//! recorded, and how texts are quoted.

use std::io::Write;

use super::encode::Encoder;
use super::entry::Entry;
use super::fields::Fields;
use super::provenance::Provenance;
use crate::face::measure::Measures;
use crate::face::{Face, Timings};
use crate::model::scheme::IBUG_68;

const POINTS: usize = IBUG_68.landmarks;

/// Places of a symmetric matrix's upper half, in the order of the columns.
const UPPER_2: [(usize, usize); 3] = [(0, 0), (0, 1), (1, 1)];
const UPPER_3: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// From `eye_right_ratio` to `perclos`.
const MEASURES: [fn(&Measures) -> Option<f32>; 7] = [
    |m| m.ratios.right_eye,
    |m| m.ratios.left_eye,
    |m| m.ratios.mouth,
    |m| m.right_eye,
    |m| m.left_eye,
    |m| m.mouth,
    |m| m.perclos,
];

/// Writes observations as rows.
pub struct CsvEncoder {
    block: Vec<u8>,
    fields: Fields,
    /// What the next row says.
    made_by: String,
}

impl CsvEncoder {
    /// For a new file, which begins with the names of the columns.
    pub fn new(fields: Fields) -> Self {
        CsvEncoder { block: (header(fields).join(",") + "\n").into_bytes(), fields, made_by: String::new() }
    }

    /// For a file that has its head.
    pub fn going_on(fields: Fields) -> Self {
        CsvEncoder { block: Vec::new(), fields, made_by: String::new() }
    }
}

/// The names of the columns in order.
pub fn header(fields: Fields) -> Vec<String> {
    let numbered = |is_wanted: bool, prefix: &'static str| {
        (0..POINTS).filter(move |_| is_wanted).map(move |i| format!("{prefix}_{i}"))
    };
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let named_if = |is_wanted: bool, names: &[&str]| if is_wanted { named(names) } else { Vec::new() };
    let mut columns = named(&["frame", "face_id", "timestamp", "confidence", "success"]);
    columns.extend(named_if(fields.pose, &["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]));
    columns.extend(["x", "y"].into_iter().flat_map(|prefix| numbered(fields.points, prefix)));
    columns.extend(named(&["wall_time", "dropped", "box_x0", "box_y0", "box_x1", "box_y1"]));
    columns.extend(named(&["frame_width", "frame_height"]));
    columns.extend(numbered(fields.confidence, "confidence"));
    columns.extend(named_if(fields.confidence, &["guessed"]));
    columns.extend(["xx", "xy", "yy"].into_iter().flat_map(|prefix| numbered(fields.covariance, prefix)));
    columns.extend(named_if(fields.pose, &["pose_xx", "pose_xy", "pose_xz", "pose_yy", "pose_yz", "pose_zz"]));
    columns.extend(named_if(fields.eyes, &["eye_right_ratio", "eye_left_ratio", "mouth_ratio"]));
    columns.extend(named_if(fields.eyes, &["eye_right", "eye_left", "mouth", "perclos", "eyes_closed"]));
    columns.push("events".into());
    columns.extend(Timings::NAMES.map(|name| format!("{name}_us")));
    columns.extend(named(&["made_by", "source", "crc32"]));
    columns
}

/// What of a row says which frame it is of.
pub(super) struct RowHead {
    pub sequence: u32,
    pub face_id: u32,
    pub captured_s: f64,
    pub source: String,
}

/// Reads a row without its line break.
pub(super) fn row_head(row: &str) -> Option<RowHead> {
    let mut builder = ::csv::ReaderBuilder::new();
    let record = builder.has_headers(false).from_reader(row.as_bytes()).records().next()?.ok()?;
    Some(RowHead {
        sequence: record.get(0)?.parse().ok()?,
        face_id: record.get(1)?.parse().ok()?,
        captured_s: record.get(2)?.parse().ok()?,
        source: record.get(record.len().checked_sub(2)?)?.into(),
    })
}

impl Encoder for CsvEncoder {
    fn describe(&mut self, made_by: &Provenance) {
        self.made_by = made_by.to_json();
    }

    fn add(&mut self, entry: &Entry) {
        if entry.seen.faces.is_empty() {
            self.add_row(entry, None);
        }
        for face in &entry.seen.faces {
            self.add_row(entry, Some(face));
        }
    }

    fn block_bytes(&self) -> u64 {
        self.block.len() as u64
    }

    fn take_block(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.block)
    }
}

impl CsvEncoder {
    fn add_row(&mut self, entry: &Entry, face: Option<&Face>) {
        let start = self.block.len();
        write_row(&mut self.block, entry, face, self.fields).expect("memory takes every write");
        for text in [std::mem::take(&mut self.made_by).as_str(), entry.seen.source.as_deref().unwrap_or_default()] {
            write_text(&mut self.block, text);
            self.block.push(b',');
        }
        let crc = crc32fast::hash(&self.block[start..]);
        writeln!(self.block, "{crc:08x}").expect("memory takes every write");
    }
}

/// Writes a row up to its texts.
fn write_row(out: &mut Vec<u8>, entry: &Entry, face: Option<&Face>, fields: Fields) -> std::io::Result<()> {
    let seen = &entry.seen;
    let (id, confidence) = face.map_or((0, 0.0), |face| (face.id, face.presence));
    let seconds = seen.captured_at.as_secs_f64();
    write!(out, "{},{id},{seconds:.6},{confidence:.4},{},", seen.sequence, u8::from(face.is_some()))?;
    let pose = face.and_then(|face| face.measures.pose);
    match &pose {
        _ if !fields.pose => {}
        Some(pose) => {
            pose.position.iter().try_for_each(|mm| write!(out, "{mm:.2},"))?;
            pose.turns().iter().try_for_each(|radians| write!(out, "{radians:.5},"))?;
        }
        None => out.extend(b",,,,,,"),
    }
    if fields.points {
        write_points(out, face, |out, face, i| write!(out, "{:.3},", face.landmarks[i].at.x))?;
        write_points(out, face, |out, face, i| write!(out, "{:.3},", face.landmarks[i].at.y))?;
    }
    write!(out, "{},{},", entry.wall_time(), seen.dropped)?;
    match face.map(|face| face.bounds) {
        Some(b) => write!(out, "{:.3},{:.3},{:.3},{:.3},", b.min.x, b.min.y, b.max.x, b.max.y)?,
        None => out.extend(b",,,,"),
    }
    write!(out, "{},{},", seen.size.width, seen.size.height)?;
    if fields.confidence {
        write_points(out, face, |out, face, i| write!(out, "{:.4},", face.landmarks[i].confidence))?;
        let guessed: &[usize] = face.map_or(&[], |face| &face.guessed);
        write_list(out, guessed.iter().map(ToString::to_string))?;
    }
    for at in UPPER_2.into_iter().filter(|_| fields.covariance) {
        write_points(out, face, |out, face, i| write!(out, "{:.4},", face.landmarks[i].covariance[at]))?;
    }
    match &pose {
        _ if !fields.pose => {}
        Some(pose) => {
            let covariance = pose.turns_covariance();
            UPPER_3.iter().try_for_each(|at| write!(out, "{:.3e},", covariance[*at]))?;
        }
        None => out.extend(b",,,,,,"),
    }
    let measures = face.map(|face| &face.measures);
    for of in MEASURES.into_iter().filter(|_| fields.eyes) {
        match measures.and_then(of) {
            Some(value) => write!(out, "{value:.4},")?,
            None => out.push(b','),
        }
    }
    if fields.eyes {
        let closed = measures.and_then(|measures| measures.eyes_closed);
        closed.iter().try_for_each(|&closed| write!(out, "{}", u8::from(closed)))?;
        out.push(b',');
    }
    let own = seen.events.iter().filter(|event| face.is_some_and(|face| face.id == event.face));
    write_list(out, own.map(|event| format!("{}:{:.3}", event.kind.name(), event.lasted.as_secs_f64())))?;
    for time in seen.timings.all() {
        write!(out, "{},", time.as_micros())?;
    }
    Ok(())
}

/// Writes a field of several items, with a space between.
fn write_list(out: &mut Vec<u8>, items: impl Iterator<Item = String>) -> std::io::Result<()> {
    for (i, item) in items.enumerate() {
        let space = if i == 0 { "" } else { " " };
        write!(out, "{space}{item}")?;
    }
    out.push(b',');
    Ok(())
}

/// Writes a text; control characters, line breaks among them, as `\n` or `\u{1b}`.
fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.contains(char::is_control) {
        let escaped = text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() });
        return write_text(out, &escaped.collect::<String>());
    }
    if text.contains([',', '"']) {
        out.push(b'"');
        out.extend(text.replace('"', "\"\"").bytes());
        out.push(b'"');
    } else {
        out.extend(text.bytes());
    }
}

/// Writes a field a point, each with its comma; empty ones without a face.
fn write_points(
    out: &mut Vec<u8>,
    face: Option<&Face>,
    mut field: impl FnMut(&mut Vec<u8>, &Face, usize) -> std::io::Result<()>,
) -> std::io::Result<()> {
    match face {
        Some(face) => (0..POINTS).try_for_each(|i| field(out, face, i)),
        None => {
            out.extend([b','; POINTS]);
            Ok(())
        }
    }
}
