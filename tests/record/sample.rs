//! Observations that can be told apart, and checked field by field when read back.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nalgebra::{Matrix2, Matrix6, Point2, Rotation3, Vector3};
use wingmark::capture::Origin;
use wingmark::face::measure::Measures;
use wingmark::face::openness::Ratios;
use wingmark::face::pose::HeadPose;
use wingmark::face::{Face, Landmark, Observation, Timings, zoo};
use wingmark::picture::frame::Size;
use wingmark::picture::geometry::{Crop, Rect};
use wingmark::record::Format;
use wingmark::record::entry::Entry;
use wingmark::record::fields::Fields;
use wingmark::record::journal::{Journal, Limits};
use wingmark::record::losses::Tally;
use wingmark::record::provenance::{Chosen, Provenance};
use wingmark::record::storage::Storage;
use wingmark::record::writer::Writer;

/// A name that a table has to quote.
pub const SOURCE: &str = "album \"one, two\"/img2.jpg";

pub const NO_LIMITS: Limits = Limits { file_bytes: None, file_age: None, total_bytes: None };

/// The first coordinate of a face, by which a frame is known again.
pub fn x_of(sequence: u32, face: usize) -> f32 {
    sequence as f32 * 0.25 + face as f32 * 100.0
}

/// Frames show no face, one, two, none, ...
pub fn faces_of(sequence: u32) -> usize {
    sequence as usize % 3
}

pub fn observation(sequence: u32) -> Observation {
    Observation {
        sequence,
        captured_at: Duration::from_millis(40) * sequence,
        source: Some(SOURCE.into()),
        dropped: sequence % 2,
        size: Size { width: 640, height: 480 },
        faces: (0..faces_of(sequence)).map(|face| face_at(face as u32 + 1, x_of(sequence, face))).collect(),
        events: Vec::new(),
        timings: Timings { net: Duration::from_micros(8400), ..Timings::default() },
    }
}

fn face_at(id: u32, x: f32) -> Face {
    let landmark = |i: u8| Landmark {
        at: Point2::new(x + f32::from(i), 50.5),
        confidence: 0.875,
        covariance: Matrix2::new(1.5, 0.25, 0.25, 2.0),
    };
    Face {
        id,
        bounds: Rect::new(x, 50.5, x + 67.0, 50.5),
        crop: Crop::new(Point2::new(x, 50.0), 90.0, 0.0, 128),
        landmarks: (0..68).map(landmark).collect(),
        presence: 0.9375,
        guessed: vec![0, 1, 16],
        measures: measures(id),
    }
}

/// A head that looks 30 degrees to the person's right from 600 mm away; the right eye is not seen.
/// Of the second face it is known how long its eyes were closed.
fn measures(id: u32) -> Measures {
    let camera_from_head = Rotation3::from_axis_angle(&Vector3::y_axis(), 30f32.to_radians());
    let pose = HeadPose {
        camera_from_head,
        position: Vector3::new(-20.0, 10.0, 600.0),
        covariance: Matrix6::identity() * 1e-4,
    };
    let ratios = Ratios { right_eye: None, left_eye: Some(0.25), mouth: Some(0.05) };
    Measures {
        pose: Some(pose),
        ratios,
        right_eye: None,
        left_eye: Some(0.75),
        mouth: Some(0.125),
        perclos: (id == 2).then_some(0.5),
        eyes_closed: Some(id == 2),
    }
}

/// A size that packed files reach with as many of these frames as others reach `bytes` with.
pub fn packed(format: Format, bytes: u64) -> u64 {
    match format {
        Format::CsvGz | Format::JsonlGz => bytes / 8,
        Format::Csv | Format::Jsonl | Format::Mcap => bytes,
    }
}

/// Entries 40 ms apart by both clocks.
pub fn entries(count: u32) -> Vec<Entry> {
    let (wall, at) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000), Instant::now());
    let after = |sequence| Duration::from_millis(40) * sequence;
    let entry = |i| Entry { seen: observation(i), wall: wall + after(i), at: at + after(i) };
    (0..count).map(entry).collect()
}

pub fn writer<S: Storage>(storage: S, path: &Path, limits: Limits) -> (Writer<S>, Arc<Tally>) {
    let tally = Arc::new(Tally::default());
    let format = Format::of(path).expect("a known extension");
    let journal = Journal::new(storage, path, limits);
    let mut writer = Writer::new(journal, format, Fields::ALL, path.into(), Arc::clone(&tally));
    writer.describe(made_by().into());
    (writer, tally)
}

/// A camera whose name a table has to quote.
pub fn made_by() -> Provenance {
    let origin = Origin { name: "12\" \"wide\", 4K".into(), rate: Some(30.0), ..Origin::default() };
    Provenance::here(Chosen {
        card: &zoo::SHIPPED[0].card().unwrap(),
        digest: "0".repeat(64),
        board: "pi-5",
        source: Some("/dev/video0".into()),
        camera: Some(origin),
    })
}

/// Writes entries in blocks of that many, and closes the log.
pub fn write<S: Storage>(writer: &mut Writer<S>, entries: &[Entry], block: usize) {
    for some in entries.chunks(block) {
        for entry in some {
            writer.add(entry.clone());
        }
        writer.flush();
    }
    writer.close();
}
