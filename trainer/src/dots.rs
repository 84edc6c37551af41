//! A face of coloured dots, for tests: a point that does not lie on its dot any more is seen.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use nalgebra::Point2;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};

use crate::task::pictures::Face;

const SIDE: u32 = 240;
const RADIUS: f32 = 5.0;
const GROUND: u8 = 60;

/// Which channels of a landmark's dot are bright: one on the right half of the face, two on its
/// left half, all between them.
pub fn colour(landmark: usize) -> [bool; 3] {
    let other = IBUG_68.flip[landmark];
    std::array::from_fn(|channel| match landmark.cmp(&other) {
        _ if landmark == other => true,
        _ if is_right(landmark) => landmark % 3 == channel,
        _ => other % 3 != channel,
    })
}

/// Of a pair, the one whose partner has the other half's name: jaw, brows and eyes count from the
/// right.
fn is_right(landmark: usize) -> bool {
    landmark < IBUG_68.flip[landmark]
}

fn points() -> Vec<Point2<f32>> {
    let (mut pairs, mut middles) = (0..32u8, 0..10u8);
    let mut points = vec![Point2::origin(); IBUG_68.landmarks];
    for (i, &other) in IBUG_68.flip.iter().enumerate() {
        if i == other {
            points[i] = Point2::new(120.0, 14.0 + 22.0 * f32::from(middles.next().expect("ten are in the middle")));
        } else if is_right(i) {
            let place = pairs.next().expect("twenty-nine pairs");
            let (x, y) = (24.0 + 22.0 * f32::from(place % 4), 26.0 + 24.0 * f32::from(place / 4));
            points[i] = Point2::new(120.0 - x, y);
            // The halves are no mirror images; the eyes are level.
            let lower = if i == IBUG_68.outer_eye_corners[0] { 0.0 } else { 7.0 };
            points[other] = Point2::new(120.0 + x + 3.0, y + lower);
        }
    }
    points
}

fn frame() -> Frame {
    let mut rgb = vec![GROUND; (SIDE * SIDE * 3) as usize];
    for (landmark, point) in points().into_iter().enumerate() {
        paint(&mut rgb, SIDE as usize, point, RADIUS, colour(landmark));
    }
    Frame::from_rgb(Size { width: SIDE, height: SIDE }, rgb).unwrap()
}

pub fn paint(rgb: &mut [u8], width: usize, at: Point2<f32>, radius: f32, colour: [bool; 3]) {
    for (i, pixel) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let there = Point2::new((i % width) as f32, (i / width) as f32);
        if (there - at).norm() <= radius {
            *pixel = colour.map(|bright| if bright { 255 } else { 0 });
        }
    }
}

/// A face whose landmark i counts (i + 1) / 68.
pub fn face() -> Face {
    let weights = (1..=68u8).map(|i| f32::from(i) / 68.0).collect();
    Face { file: "dots.png".into(), frame: Arc::new(frame()), points: points(), weights, times: 1 }
}

/// Which channels are bright at a point, beside the rest of the picture.
pub fn colour_at(image: &CropImage, at: Point2<f32>) -> [bool; 3] {
    let pixel = (at.y.round() as usize * image.side_px as usize + at.x.round() as usize) * 3;
    std::array::from_fn(|channel| {
        let values = image.rgb.iter().skip(channel).step_by(3).map(|&value| u16::from(value));
        let (darkest, brightest) = (values.clone().min().unwrap(), values.max().unwrap());
        u16::from(image.rgb[pixel + channel]) * 2 > darkest + brightest
    })
}

/// Writes a set of this face under each name, with its split.
pub fn write_set<'a>(folder: &Path, faces: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let images = folder.join("images");
    std::fs::create_dir_all(&images).unwrap();
    let mut table = String::from("file,split");
    (0..68).for_each(|i| write!(table, ",x{i},y{i}").unwrap());
    let frame = frame();
    for (file, split) in faces {
        image::save_buffer(images.join(file), frame.bytes(), SIDE, SIDE, image::ExtendedColorType::Rgb8).unwrap();
        write!(table, "\n{file},{split}").unwrap();
        points().iter().for_each(|p| write!(table, ",{},{}", p.x, p.y).unwrap());
    }
    std::fs::write(folder.join("points.csv"), table).unwrap();
}
