//! How much each format takes: writes `bytes.csv`, of which `docs/figures.py` makes the tables of
//! docs/logs.md. By hand:
//!
//!     cargo test --test record bytes -- --ignored && python3 docs/figures.py

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

/// Bytes a frame of a file that is flushed after so many frames, without those that a file has
/// once.
fn bytes_a_frame(format: Format, fields: Fields, seen: &[Observation], block: usize) -> f64 {
    let bytes = |seen: &[Observation]| {
        let mut encoder = format.encoder(fields);
        let mut bytes = encoder.take_block().len();
        for block in seen.chunks(block) {
            block.iter().for_each(|seen| encoder.add(&Entry::now(seen.clone())));
            bytes += encoder.take_block().len();
        }
        bytes + encoder.tail().len()
    };
    // The head of a file of text comes with its first frame.
    let (once, all) = (bytes(&seen[..1]), bytes(seen));
    (all - once) as f64 / (seen.len() - 1) as f64
}

#[test]
#[ignore = "looks at 180 frames, to write a table"]
fn bytes_of_each_format() {
    let rooms = [seen(1, true), seen(2, true), seen(1, false)];
    let faces: Vec<usize> = rooms.iter().map(|seen| seen.iter().map(|seen| seen.faces.len()).sum()).collect();
    let frames = FRAMES as usize;
    assert!(faces[0] > frames * 9 / 10 && faces[1] > frames * 36 / 10 && faces[2] == 0, "{faces:?}");
    let mut table = String::from("format,fields,frames_a_flush,one_face,four_faces,empty_room\n");
    for format in Format::ALL {
        for fields in ["all", "points,pose,eyes", "pose,eyes"] {
            for block in [RATE as usize, 1] {
                let parsed = if fields == "all" { Fields::ALL } else { fields.parse().unwrap() };
                let cells = rooms.each_ref().map(|seen| format!("{:.0}", bytes_a_frame(format, parsed, seen, block)));
                table += &format!("{},\"{fields}\",{block},{}\n", format.extension(), cells.join(","));
            }
        }
    }
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/record/bytes.csv"), table).unwrap();
}
