//! Pictures for standard input: JPEGs one after the other.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageEncoder, RgbImage};
use wingmark::capture::{Captured, Clip, Source};
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::Frame;

const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Pictures without a face after each ten seconds with one.
const EMPTY: usize = 45;
const SMALL_PX: u32 = 192;

/// Which pictures come, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pictures {
    /// Thirty a second.
    OfACamera,
    /// As fast as they are taken.
    SmallAtOnce,
}

/// Makes the pictures, and feeds until the other end is closed; counts the pictures that it took.
pub fn start(mut pipe: ChildStdin, pictures: Pictures) -> Arc<AtomicU64> {
    let fed = Arc::<AtomicU64>::default();
    let count = Arc::clone(&fed);
    let is_paced = pictures == Pictures::OfACamera;
    let pictures = made(pictures);
    std::thread::spawn(move || {
        let start = Instant::now();
        for (i, picture) in (0..).zip(pictures.iter().cycle()) {
            if is_paced {
                std::thread::sleep((start + INTERVAL * i).saturating_duration_since(Instant::now()));
            }
            if pipe.write_all(picture).is_err() {
                return;
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    fed
}

/// The built-in clip, then grey.
fn made(pictures: Pictures) -> Vec<Vec<u8>> {
    let mut clip = Clip::of(built_in_picture());
    let mut frame = Frame::default();
    let mut made = Vec::new();
    while clip.capture_into(&mut frame).unwrap() == Captured::Frame {
        let side = frame.size().width;
        made.push(jpeg(&RgbImage::from_raw(side, side, frame.bytes().to_vec()).unwrap(), pictures));
    }
    let side = frame.size().width;
    let grey = RgbImage::from_fn(side, side, |x, y| image::Rgb([(x / 8 % 2 * 9 + y / 8 % 2 * 9) as u8 + 120; 3]));
    made.extend(std::iter::repeat_n(jpeg(&grey, pictures), EMPTY));
    made
}

fn jpeg(picture: &RgbImage, pictures: Pictures) -> Vec<u8> {
    let small = (pictures == Pictures::SmallAtOnce)
        .then(|| image::imageops::resize(picture, SMALL_PX, SMALL_PX, FilterType::Triangle));
    let picture = small.as_ref().unwrap_or(picture);
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
    encoder.write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8).unwrap();
    bytes
}
