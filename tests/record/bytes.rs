//! How much each format takes: the table of docs/logs.md. By hand:
//!
//!     cargo test --test record bytes -- --ignored --nocapture

use std::time::Duration;

use wingmark::face::{Observation, Observer};
use wingmark::picture::frame::{Frame, Size};
use wingmark::record::Format;
use wingmark::record::entry::Entry;
use wingmark::record::fields::Fields;

const PORTRAIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/eileen-collins.jpg");
const SIDE: u32 = 240;
/// Two seconds.
const FRAMES: u32 = 60;
const RATE: u32 = 30;
const DISK: f64 = 2.0 * (1u64 << 30) as f64;

/// Observations of `tiles` squared faces each, which move about with a camera's noise.
fn seen(tiles: u32, has_faces: bool) -> Vec<Observation> {
    let portrait = image::open(PORTRAIT).unwrap().into_rgb8();
    let mut observer = Observer::builder().build().unwrap();
    let mut noise = 1u32;
    let frames = (0..FRAMES).map(|i| {
        let turn = i as f32 / 40.0;
        let (x, y) = (110 + (18.0 * turn.sin()) as u32, 20 + (12.0 * (1.3 * turn).cos()) as u32);
        let side = SIDE * tiles;
        let mut rgb = Vec::new();
        for pixel in 0..side * side {
            let (column, row) = (pixel % side % SIDE, pixel / side % SIDE);
            let at = if has_faces { portrait.get_pixel(x + column, y + row).0 } else { [96; 3] };
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            rgb.extend(at.map(|value| value.saturating_add((noise >> 30) as u8)));
        }
        let mut frame = Frame::from_rgb(Size { width: side, height: side }, rgb).unwrap();
        frame.stamp(i, Duration::from_secs(1) * i / RATE);
        observer.observe(&frame).unwrap()
    });
    frames.collect()
}

/// Bytes a frame of a file with a block a second.
fn bytes_a_frame(format: Format, fields: Fields, seen: &[Observation]) -> f64 {
    let mut encoder = format.encoder(fields);
    let mut bytes = 0;
    for second in seen.chunks(RATE as usize) {
        second.iter().for_each(|seen| encoder.add(&Entry::now(seen.clone())));
        bytes += encoder.take_block().len();
    }
    bytes as f64 / seen.len() as f64
}

/// How long a disk lasts.
fn in_words(bytes_a_frame: f64) -> String {
    let hours = DISK / bytes_a_frame / f64::from(RATE) / 3600.0;
    if hours < 48.0 { format!("{hours:.1} hours") } else { format!("{:.0} days", hours / 24.0) }
}

#[test]
#[ignore = "looks at 180 frames, to print a table"]
fn bytes_of_each_format() {
    let rooms = [seen(1, true), seen(2, true), seen(1, false)];
    let faces: Vec<usize> = rooms.iter().map(|seen| seen.iter().map(|seen| seen.faces.len()).sum()).collect();
    let frames = FRAMES as usize;
    assert!(faces[0] > frames * 9 / 10 && faces[1] > frames * 36 / 10 && faces[2] == 0, "{faces:?}");
    println!("| name | fields | one face | four faces | none |\n|---|---|---|---|---|");
    for format in Format::ALL {
        for fields in ["points,pose,eyes,confidence,covariance", "points,pose,eyes", "pose,eyes"] {
            let parsed = fields.parse().unwrap();
            let cell = |seen: &Vec<Observation>| {
                let bytes = bytes_a_frame(format, parsed, seen);
                format!(" {:.0} ({}) |", bytes, in_words(bytes))
            };
            let cells: String = rooms.iter().map(cell).collect();
            println!("| `.{}` | {fields} |{cells}", format.extension());
        }
    }
}
