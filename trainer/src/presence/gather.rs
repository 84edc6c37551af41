//! Looks at faces, and at places without one.

use std::f32::consts::{FRAC_PI_2, PI};

use anyhow::Result;
use nalgebra::{Point2, Vector2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wingmark::dataset::Sample;
use wingmark::dataset::degrade::Degradation;
use wingmark::face::detect::Detector;
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::presence::Features;
use wingmark::model::scheme::IBUG_68;
use wingmark::picture;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::{Crop, Rect};

use super::scenes::Scene;
use crate::augment::{self, Strength, jitter, normal};
use crate::task::photographs;
use crate::task::pictures::said;

/// How far a good crop is off; the numbers of the shipped `presence.csv` were fitted with these.
const GOOD_CROP: Strength = Strength { rotation_deg: 7.0, scale: 0.07, shift: 0.03, ..augment::NONE };
/// Off by less on average, in roots of the area of their box, the landmarks are the face's; by more
/// than the second, they are not. Between them, and for faces in good crops beyond, nobody can say.
const FOUND: f32 = 0.15;
const NOT_FOUND: f32 = 0.25;
/// Landmarks whose box overlaps that of a face by more (IoU) are the face's, where the crop was
/// about upright; those that overlap each by less than the second are no face's.
const OWN_IOU: f32 = 0.6;
const OTHER_IOU: f32 = 0.1;
const UPRIGHT: f32 = 0.6;
/// The eyes of a head that is turned far are closer than this share of the landmarks' height.
const TURNED: f32 = 0.45;
/// What is kept around a face, in sides of its box.
const SURROUNDINGS: f32 = 2.2;
const SURROUNDINGS_PX: u32 = 256;
/// Enough of a face that is blurred by so much, in per cent.
const BLURRED_PX: u32 = 128;
const BLURRED: f32 = 1.5;
/// Squares of a scene that are looked at, and detections.
const SQUARES: usize = 2;
const DETECTIONS: usize = 4;
/// Nothing smaller is looked at.
const SMALLEST_PX: f32 = 12.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Face,
    /// A face, but these are not its landmarks.
    FaceBadly,
    /// No face, where the detector sees one.
    Mistaken,
    /// No face.
    Nothing,
}

/// What a look told, and what it was at.
pub struct Example {
    pub features: Features,
    pub shows: Shows,
    pub held_out: bool,
    /// A face that is turned far to a side: the sets have few of them.
    pub is_turned: bool,
}

pub struct Gathering {
    detector: Detector,
    landmarkers: Vec<Landmarker>,
    /// Of each landmarker.
    pub examples: Vec<Vec<Example>>,
}

impl Gathering {
    pub fn new(detector: Detector, landmarkers: Vec<Landmarker>) -> Self {
        Gathering { detector, examples: landmarkers.iter().map(|_| Vec::new()).collect(), landmarkers }
    }

    /// Two good crops of a face, in two states, and a bad one.
    pub fn look_at_face(&mut self, face: &Sample, rng: &mut StdRng) -> Result<()> {
        let Some(picture) = said(face.read_picture()) else { return Ok(()) };
        let held_out = photographs::OF_LANDMARKS.has(&face.file);
        for good in [true, true, false] {
            let degradation = degradation(rng);
            let (frame, points) = surroundings(&picture, face, side_px(degradation));
            let (frame, points) = match degradation {
                Some(degradation) => degradation.apply(&frame, &points),
                None => (frame, points),
            };
            let seed = rng.random();
            for (landmarker, examples) in self.landmarkers.iter_mut().zip(&mut self.examples) {
                let mut rng = StdRng::seed_from_u64(seed);
                let right = landmarker.crop_around_points(&points);
                let crop = if good { jitter(&right, &GOOD_CROP, &mut rng) } else { spoiled(&right, &mut rng) };
                let look = landmarker.look(&frame, &crop, &mut LookTimings::default())?;
                let shows = match error(&points, &look.points()) {
                    ..FOUND => Shows::Face,
                    NOT_FOUND.. if !good => Shows::FaceBadly,
                    _ => continue,
                };
                if let Some(&features) = landmarker.features() {
                    let is_turned = shows == Shows::Face && is_turned(face);
                    examples.push(Example { features, shows, held_out, is_turned });
                }
            }
        }
        Ok(())
    }

    /// What the detector sees in a picture, and squares without a face, and where their landmarks
    /// lead.
    pub fn search(&mut self, scene: &Scene, rng: &mut StdRng) -> Result<()> {
        let frame = picture::read(&scene.picture).map_err(|e| e.to_string());
        let Some(frame) = said(frame) else { return Ok(()) };
        let held_out = photographs::OF_LANDMARKS.has(&scene.picture.file_name().unwrap_or_default().to_string_lossy());
        let frame = harder(frame, rng);
        let mut places: Vec<(Rect, f32, Shows)> = Vec::new();
        for seen in self.detector.detect(&frame)?.iter().filter(|seen| seen.upright_square().width() >= SMALLEST_PX) {
            if places.len() < 2 * DETECTIONS {
                let other_turn = [FRAC_PI_2, -FRAC_PI_2, PI][rng.random_range(0..3)];
                let place = |turn: f32| (seen.upright_square(), seen.roll + turn, Shows::Mistaken);
                places.extend([place(0.0), place(other_turn)]);
            }
        }
        for _ in 0..SQUARES {
            if let Some(square) = empty_square(frame.size(), scene, rng) {
                let roll = if rng.random_bool(0.5) { rng.random_range(-PI..PI) } else { 0.0 };
                places.push((square, roll, Shows::Nothing));
            }
        }
        for (place, roll, shows) in places {
            for of_net in 0..self.landmarkers.len() {
                self.look_twice(of_net, &frame, (place, roll, shows), scene, held_out)?;
            }
        }
        Ok(())
    }

    /// A look at a place, and one where its landmarks lead.
    fn look_twice(
        &mut self,
        of_net: usize,
        frame: &Frame,
        (place, roll, shows): (Rect, f32, Shows),
        scene: &Scene,
        held_out: bool,
    ) -> Result<()> {
        let landmarker = &mut self.landmarkers[of_net];
        let mut crop = landmarker.crop_around(&place, roll);
        for _ in 0..2 {
            let look = landmarker.look(frame, &crop, &mut LookTimings::default())?;
            let bounds = look.bounds();
            let is_upright = crop.square().2.abs() < UPRIGHT;
            let shows = if scene.known().all(|face| face.iou(&bounds) < OTHER_IOU) {
                Some(shows)
            } else {
                let own = scene.faces.iter().any(|face| face.iou(&bounds) > OWN_IOU);
                (own && is_upright).then_some(Shows::Face)
            };
            if let (Some(shows), Some(&features)) = (shows, landmarker.features()) {
                self.examples[of_net].push(Example { features, shows, held_out, is_turned: false });
            }
            crop = landmarker.crop_around_points(&look.points());
            if crop.square().1 < SMALLEST_PX {
                break;
            }
        }
        Ok(())
    }
}

fn is_turned(face: &Sample) -> bool {
    let [right, left] = IBUG_68.outer_eye_corners;
    (face.points[left] - face.points[right]).norm() < TURNED * face.bounds().height()
}

/// Mean distance, in roots of the area of the box.
fn error(truth: &[Point2<f32>], found: &[Point2<f32>]) -> f32 {
    let bounds = Rect::around(truth.iter().copied()).expect("a face has points");
    let distances = truth.iter().zip(found).map(|(truth, found)| (truth - found).norm()).sum::<f32>();
    distances / truth.len() as f32 / bounds.area().sqrt().max(1.0)
}

/// The face and what is around it, small enough to be changed quickly.
fn surroundings(frame: &Frame, face: &Sample, side_px: u32) -> (Frame, Vec<Point2<f32>>) {
    let bounds = face.bounds();
    let side = bounds.width().max(bounds.height()) * SURROUNDINGS;
    let crop = Crop::new(bounds.centre(), side, 0.0, side_px);
    let mut image = CropImage::new(side_px);
    image.fill(frame, &crop);
    let size = Size { width: side_px, height: side_px };
    let frame = Frame::from_rgb(size, image.rgb).expect("a crop is packed RGB");
    let crop_from_frame = crop.crop_from_frame();
    (frame, face.points.iter().map(|point| crop_from_frame * point).collect())
}

fn side_px(degradation: Option<Degradation>) -> u32 {
    match degradation {
        Some(Degradation::Blur(per_cent)) if per_cent > BLURRED => BLURRED_PX,
        Some(Degradation::FacePx(_)) => BLURRED_PX,
        _ => SURROUNDINGS_PX,
    }
}

fn degradation(rng: &mut StdRng) -> Option<Degradation> {
    match rng.random_range(0..8) {
        0 => None,
        1 => Some(Degradation::Rotate(rng.random_range(-45.0..45.0))),
        2..=4 => Some(Degradation::Blur(rng.random_range(1.0..4.5))),
        5 => Some(Degradation::Dark(rng.random_range(2.0..18.0))),
        6 => Some(Degradation::Cover(rng.random_range(20.0..55.0))),
        _ => Some(Degradation::FacePx(rng.random_range(18.0..64.0))),
    }
}

/// A scene as it may come: one in three is blurred or dark.
fn harder(frame: Frame, rng: &mut StdRng) -> Frame {
    let half = 0.5 * rng.random_range(24f32.ln()..200f32.ln()).exp();
    let about = [Point2::new(0.0, 0.0), Point2::new(2.0 * half, 2.0 * half)];
    match rng.random_range(0..6) {
        0 => Degradation::Blur(rng.random_range(0.5..4.5)).apply(&frame, &about).0,
        1 => Degradation::Dark(rng.random_range(2.0..18.0)).apply(&frame, &about).0,
        _ => frame,
    }
}

/// Turned, beside the face or on a part of it, or much too large or too small.
fn spoiled(crop: &Crop, rng: &mut StdRng) -> Crop {
    let (centre, side, roll) = crop.square();
    let mut off = |reach: f32| Vector2::new(rng.random_range(-reach..reach), rng.random_range(-reach..reach)) * side;
    let (near, far) = (off(0.4), off(1.0));
    let lean = roll + normal(rng) * 0.35;
    match rng.random_range(0..4) {
        0 => Crop::new(centre, side, roll + rng.random_range(0.7..5.58), crop.side_px),
        1 => Crop::new(centre + far, side, lean, crop.side_px),
        2 => Crop::new(centre + near, side * rng.random_range(0.15..0.6), lean, crop.side_px),
        _ => {
            let factor = rng.random_range(0.3f32..1.4);
            let factor = if rng.random_bool(0.5) { factor } else { -factor };
            Crop::new(centre + near, side * factor.exp(), lean, crop.side_px)
        }
    }
}

fn empty_square(size: Size, scene: &Scene, rng: &mut StdRng) -> Option<Rect> {
    let (width, height) = (size.width as f32, size.height as f32);
    let largest = (0.7 * width.min(height)).max(21.0);
    (0..10).find_map(|_| {
        let side = rng.random_range(20f32.ln()..largest.ln()).exp();
        let centre = Point2::new(rng.random_range(0.0..width), rng.random_range(0.0..height));
        is_empty(centre, side, scene).then(|| {
            let half = Vector2::repeat(side / 2.0);
            Rect { min: centre - half, max: centre + half }
        })
    })
}

/// Whether a square is clear of all faces that are not tiny beside it.
fn is_empty(centre: Point2<f32>, side: f32, scene: &Scene) -> bool {
    scene.known().all(|face| {
        let extent = face.width().max(face.height());
        let apart = (face.centre() - centre).abs();
        extent < 0.1 * side || apart.x.max(apart.y) > 0.5 * side + 0.5 * extent
    })
}
