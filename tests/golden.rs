//! The shipped nets against what onnxruntime made of the same pictures
//! (tests/ort/record_golden.py).

use std::path::{Path, PathBuf};

use nalgebra::Point2;
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::zoo::Choice;
use wingmark::model::Model;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::Crop;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

fn golden_input(folder: &Path) -> CropImage {
    let picture = image::open(folder.join("golden/input.png")).unwrap().into_rgb8();
    CropImage { side_px: picture.width(), rgb: picture.into_raw() }
}

fn check_heatmaps(name: &str) {
    let folder = folder(name);
    let model = Model::from_onnx(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
    let mut session = model.session();
    let maps = session.infer(&golden_input(&folder)).unwrap();
    let expected = std::fs::read(folder.join("golden/heatmaps.u8")).unwrap();
    assert_eq!(expected.len(), maps.rows * maps.columns * maps.channels);
    let mut unequal = 0;
    for (i, expected) in expected.iter().enumerate() {
        let (channel, cell) = (i / (maps.rows * maps.columns), i % (maps.rows * maps.columns));
        let found = maps.stored(cell / maps.columns, cell % maps.columns, channel);
        assert!(found.abs_diff(*expected) <= 1, "{name}: channel {channel}, cell {cell}: {found}, not {expected}");
        unequal += usize::from(found != *expected);
    }
    assert!(unequal * 1000 <= expected.len(), "{name}: {unequal} of {} differ", expected.len());
}

#[test]
fn nano_gives_onnxruntimes_heatmaps() {
    check_heatmaps("nano");
}

#[test]
fn small_gives_onnxruntimes_heatmaps() {
    check_heatmaps("small");
}

#[test]
fn base_gives_onnxruntimes_heatmaps() {
    check_heatmaps("base");
}

#[test]
fn faces_gives_onnxruntimes_heatmaps() {
    check_heatmaps("faces");
}

#[test]
fn landmarks_are_those_of_an_independent_decoder() {
    for name in ["nano", "small", "base"] {
        let folder = folder(name);
        let net = Choice::Folder(folder.clone()).load().unwrap();
        let image = golden_input(&folder);
        let size = Size { width: image.side_px, height: image.side_px };
        // The golden input is what a crop of itself shows.
        let frame = Frame::from_rgb(size, image.rgb).unwrap();
        let crop = Crop::of_frame(size, size.width);
        let mut landmarker = Landmarker::new(&net, 1).unwrap();
        let found = landmarker.look(&frame, &crop, &mut LookTimings::default()).unwrap().points();
        let expected = std::fs::read_to_string(folder.join("golden/landmarks.csv")).unwrap();
        assert_eq!(found.len(), expected.lines().count());
        for (i, (at, line)) in found.iter().zip(expected.lines()).enumerate() {
            let (x, y) = line.split_once(',').unwrap();
            let expected = Point2::new(x.parse().unwrap(), y.parse().unwrap());
            // One step of u8 in a few cells moves a point by a few hundredths of a pixel.
            assert!((at - expected).norm() < 0.2, "{name}, landmark {i}: {at}, not {expected}");
        }
    }
}

#[test]
fn every_convolution_is_int8() {
    for name in ["nano", "small", "base", "faces"] {
        let model = Model::from_onnx(&std::fs::read(folder(name).join("model.onnx")).unwrap()).unwrap();
        let operators = model.operators();
        let int8 = operators.get("Int8Convolution").copied().unwrap_or_default();
        let all: usize = operators.iter().filter(|(name, _)| name.contains("Conv")).map(|(_, count)| count).sum();
        assert!(int8 >= 20 && int8 == all, "{name}: {operators:?}");
    }
}
