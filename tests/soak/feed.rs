//! Pictures for standard input: JPEGs one after the other, thirty a second.

use std::io::Write;
use std::process::ChildStdin;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use wingmark::capture::{Captured, Clip, Source};
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::Frame;

const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Pictures without a face after each ten seconds with one.
const EMPTY: usize = 45;

/// Feeds until the other end is closed; the thread gives the number of pictures that it took.
pub fn start(mut pipe: ChildStdin) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let pictures = pictures();
        let start = Instant::now();
        for (i, picture) in (0..).zip(pictures.iter().cycle()) {
            std::thread::sleep((start + INTERVAL * i).saturating_duration_since(Instant::now()));
            if pipe.write_all(picture).is_err() {
                return i.into();
            }
        }
        unreachable!("a cycle does not end")
    })
}

/// The built-in clip, then grey.
fn pictures() -> Vec<Vec<u8>> {
    let mut clip = Clip::of(built_in_picture());
    let mut frame = Frame::default();
    let mut pictures = Vec::new();
    while clip.capture_into(&mut frame).unwrap() == Captured::Frame {
        pictures.push(jpeg(frame.bytes(), frame.size().width));
    }
    let side = frame.size().width;
    let grey = RgbImage::from_fn(side, side, |x, y| image::Rgb([(x / 8 % 2 * 9 + y / 8 % 2 * 9) as u8 + 120; 3]));
    pictures.extend(std::iter::repeat_n(jpeg(grey.as_raw(), side), EMPTY));
    pictures
}

fn jpeg(rgb: &[u8], side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode(rgb, side, side, ExtendedColorType::Rgb8).unwrap();
    bytes
}
