//! A face is found in the first frame of a scene, whichever way up it is and however near; and what
//! is none is not.

use std::f32::consts::FRAC_PI_4;
use std::path::Path;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use nalgebra::{Point2, Vector2};
use wingmark::dataset::degrade::Degradation;
use wingmark::face::zoo::{self, Choice};
use wingmark::face::{Face, Observer, Options};
use wingmark::picture;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::{Crop, Rect};

/// The built-in picture.
fn portrait() -> Frame {
    picture::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/eileen-collins.jpg")).unwrap()
}

/// What a crop shows, as a frame.
fn shown(frame: &Frame, crop: &Crop) -> Frame {
    let mut image = CropImage::new(crop.side_px);
    image.fill(frame, crop);
    Frame::from_rgb(Size { width: crop.side_px, height: crop.side_px }, image.rgb).unwrap()
}

/// The picture in the middle of a frame, each pixel one of its own, as a poor camera driver would
/// scale it; its edges are drawn out.
fn roughly_scaled(picture: &Frame, size: Size) -> Frame {
    let side = size.width.min(size.height);
    let left = (size.width - side) / 2;
    let sample = |x: u32, y: u32| {
        let x = x.saturating_sub(left).min(side - 1) * picture.size().width / side;
        let y = y.min(side - 1) * picture.size().height / side;
        let at = 3 * (y * picture.size().width + x) as usize;
        [picture.bytes()[at], picture.bytes()[at + 1], picture.bytes()[at + 2]]
    };
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    Frame::from_rgb(size, pixels.flat_map(|(x, y)| sample(x, y)).collect()).unwrap()
}

/// As a camera sends it.
fn as_jpeg(frame: &Frame) -> Frame {
    let mut bytes = Vec::new();
    let Size { width, height } = frame.size();
    JpegEncoder::new_with_quality(&mut bytes, 85)
        .encode(&frame.to_rgb(), width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    picture::decode(&bytes, Path::new("a JPEG")).unwrap()
}

fn observer(model: &Choice) -> Observer {
    let faces = zoo::shipped(zoo::FACES).unwrap().load().unwrap();
    Observer::new(&faces, &model.load().unwrap(), &Options::unsmoothed()).unwrap()
}

fn surest_face(frame: &Frame) -> Face {
    let faces = observer(&zoo::shipped(zoo::DEFAULT_LANDMARKS).unwrap()).observe(frame).unwrap().faces;
    faces.into_iter().max_by(|a, b| a.presence.total_cmp(&b.presence)).expect("a face")
}

/// Each crop's landmarks lie where those of the whole picture do, within 4 % of the face's width.
fn check(crops: impl Iterator<Item = Crop>) {
    let whole = portrait();
    let expected = surest_face(&whole);
    for crop in crops {
        let found = surest_face(&shown(&whole, &crop));
        let off =
            found.landmarks.iter().zip(&expected.landmarks).map(|(a, b)| (crop.frame_from_crop * a.at - b.at).norm());
        let mean = off.sum::<f32>() / found.landmarks.len() as f32;
        assert!(mean < 0.04 * expected.bounds.width(), "{crop:?}: {mean} px off");
    }
}

/// Pictures of a folder, thirty a second; how many faces are found in each.
fn faces_in_folder(model: &Choice, pictures: &[Frame]) -> Vec<usize> {
    let mut observer = observer(model);
    let found = (0..).zip(pictures).map(|(i, picture)| {
        let mut frame = picture.clone();
        frame.stamp(i, Duration::from_millis(33) * i);
        frame.set_source(Some(format!("{i}.png").into()));
        observer.observe(&frame).unwrap().faces.len()
    });
    found.collect()
}

#[test]
fn a_picture_after_one_without_a_face_is_searched_whole() {
    let clean = portrait();
    let face = [Point2::new(180.0, 95.0), Point2::new(266.0, 186.0)];
    let (blurred, _) = Degradation::Blur(8.0).apply(&clean, &face);
    let nano = zoo::shipped("nano").unwrap();
    assert_eq!(faces_in_folder(&nano, &[blurred, clean.clone(), clean]), [0, 1, 1]);
}

#[test]
fn a_dark_picture_after_a_bright_one_is_searched() {
    let bright = portrait();
    let dark = bright.to_rgb().iter().map(|byte| byte / 6).collect();
    let dark = Frame::from_rgb(bright.size(), dark).unwrap();
    // Somebody else, elsewhere.
    let crop = Crop::new(Point2::new(300.0, 200.0), 500.0, 0.0, bright.size().width);
    let elsewhere = shown(&dark, &crop);
    assert_eq!(faces_in_folder(&zoo::shipped("nano").unwrap(), &[bright, elsewhere])[1], 1);
}

#[test]
fn a_face_that_fills_the_frame_is_found() {
    let face = Rect::new(180.0, 95.0, 266.0, 186.0);
    check([1.2, 1.4, 2.0, 3.0].into_iter().map(|margin| Crop::around_turned(&face, 0.0, margin, 240)));
}

#[test]
fn a_face_is_found_whichever_way_up() {
    let size = portrait().size();
    check((0..8).map(|eighth| Crop::of_turned_frame(size, eighth as f32 * FRAC_PI_4, 1.0, size.width)));
}

/// Astronauts have helmets and badges, and flags have stars.
#[test]
fn nothing_else_in_the_picture_is_a_face() {
    let picture = portrait();
    let sizes = [(160, 120), (200, 200), (240, 320), (320, 240), (424, 240), (640, 480), (1280, 720)];
    let mut frames: Vec<Frame> = sizes.map(|(width, height)| roughly_scaled(&picture, Size { width, height })).into();
    let centre = Point2::new(256.0, 256.0);
    for (reach, roll, side_px) in [(1.0, 0.0, 512), (1.0, 0.0, 320), (1.5, 0.0, 480), (2.2, 0.0, 640), (1.2, 0.4, 400)]
    {
        for shift in [-60.0, 0.0, 60.0] {
            let crop = Crop::new(centre + Vector2::new(shift, 0.0), 512.0 * reach, roll, side_px);
            frames.push(shown(&picture, &crop));
        }
    }
    let compressed: Vec<Frame> = frames.iter().map(as_jpeg).collect();
    frames.extend(compressed);
    for model in zoo::landmark_models() {
        let mut observer = observer(&model);
        for (number, frame) in frames.iter().enumerate() {
            observer.forget();
            let faces = observer.observe(frame).unwrap().faces;
            let found: Vec<_> = faces.iter().map(|face| (face.bounds, face.presence)).collect();
            assert_eq!(found.len(), 1, "{model}, frame {number}, {:?}: {found:?}", frame.size());
        }
    }
}
