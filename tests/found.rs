//! A face is found in the first frame of a scene, whichever way up it is and however near.

use std::f32::consts::FRAC_PI_4;
use std::path::Path;

use wingmark::face::{Face, Observer, Options, zoo};
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

fn surest_face(frame: &Frame) -> Face {
    let net = |name| zoo::shipped(name).unwrap().load().unwrap();
    let mut observer = Observer::new(&net(zoo::FACES), &net(zoo::DEFAULT_LANDMARKS), &Options::unsmoothed()).unwrap();
    let faces = observer.observe(frame).unwrap().faces;
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
