//! The landmark net at work: a crop of a frame in, 68 points in the frame out.

use std::time::{Duration, Instant};

use nalgebra::{Point2, Similarity2, Vector2};

use crate::face::Landmark;
use crate::face::appearance::Appearance;
use crate::face::decode::decode;
use crate::face::lids::{EyeReader, LidModel};
use crate::face::presence::{FeatureExtractor, Features, IS_FACE, IS_NEW_FACE, MAY_BE_FACE, PresenceModel};
use crate::face::shape::ShapeModel;
use crate::face::visibility::VisibilityModel;
use crate::face::zoo::Net;
use crate::model::card::{Calibration, CardError, EyeRatios, Task};
use crate::model::scheme::Scheme;
use crate::model::{ModelError, Session};
use crate::picture::crop::CropImage;
use crate::picture::exposure::show;
use crate::picture::frame::Frame;
use crate::picture::geometry::{Crop, Rect, crop_from_cells};

/// Two boxes that overlap more than this are of one face.
pub const SAME_FACE_IOU: f32 = 0.5;
/// Of two faces, one upside down, whose outer eye corners lie nearer than this, as a share of the
/// distance between them, one is none: it has its mouth in the other's hair.
const SAME_EYES: f32 = 0.4;

/// A landmark net with its working memory.
pub struct Landmarker {
    session: Session,
    image: CropImage,
    crop_from_cells: Similarity2<f32>,
    scheme: &'static Scheme,
    crop_margin: f32,
    calibration: Option<Calibration>,
    shape: Option<ShapeModel>,
    presence: Option<PresenceModel>,
    lids: Option<LidModel>,
    eye_reader: EyeReader,
    visibility: VisibilityModel,
    eyes: EyeRatios,
    extractor: FeatureExtractor,
    features: Option<Features>,
    /// The crop that is being looked at, and how many parts of the net's work are done.
    looking: Option<(Crop, usize)>,
}

/// What the net made of one crop.
#[derive(Debug, Clone)]
pub struct Look {
    pub crop: Crop,
    /// In frame pixels, in the scheme's order.
    pub landmarks: Vec<Landmark>,
    /// 0 to 1: how likely this is a face and these are its landmarks.
    pub presence: f32,
    /// The outer corners of the eyes, in frame pixels.
    pub eyes: [Point2<f32>; 2],
    /// What the crop looks like.
    pub appearance: Appearance,
}

impl Look {
    pub fn is_face(&self) -> bool {
        self.presence >= IS_FACE
    }

    /// Whether a face is there, for a look at a place where none was followed.
    pub fn is_new_face(&self) -> bool {
        self.presence >= IS_NEW_FACE
    }

    /// Whether a second look, at the crop that these landmarks ask for, may show a face.
    pub fn may_be_face(&self) -> bool {
        self.presence >= MAY_BE_FACE
    }

    pub fn points(&self) -> Vec<Point2<f32>> {
        self.landmarks.iter().map(|landmark| landmark.at).collect()
    }

    /// Whether it shows the face that fills `bounds`.
    pub fn is_at(&self, bounds: &Rect) -> bool {
        self.bounds().iou(bounds) > SAME_FACE_IOU
    }

    /// Whether both show one face, whichever way up they take it.
    pub fn is_of_same_face(&self, other: &Look) -> bool {
        self.is_at(&other.bounds()) || self.has_eyes_of(other)
    }

    /// Whether its eyes are those of a face that is upside down beside it.
    fn has_eyes_of(&self, other: &Look) -> bool {
        let ([right, left], [other_right, other_left]) = (self.eyes, other.eyes);
        let near = SAME_EYES * (right - left).norm();
        (right - other_left).norm() < near && (left - other_right).norm() < near
    }

    /// The box of the landmarks.
    pub fn bounds(&self) -> Rect {
        Rect::around(self.landmarks.iter().map(|landmark| landmark.at)).expect("a scheme has landmarks")
    }
}

/// Looks, and the time spent on them.
#[derive(Debug, Clone, Copy, Default)]
pub struct LookTimings {
    pub count: usize,
    pub crop: Duration,
    pub net: Duration,
    pub decode: Duration,
}

impl Landmarker {
    /// `threads`, the caller's included, share each look.
    pub fn new(net: &Net, threads: usize) -> Result<Self, CardError> {
        let card = &net.card;
        let Task::Landmarks { scheme, crop_margin, calibration, visibility, eyes } = &card.task else {
            return Err(CardError::OtherTask { name: card.name.clone(), found: "faces", expected: "landmarks" });
        };
        Ok(Landmarker {
            session: net.model.session_with_threads(threads),
            image: CropImage::new(card.input_px),
            crop_from_cells: crop_from_cells(card.stride as f32),
            scheme,
            crop_margin: *crop_margin,
            calibration: calibration.clone(),
            shape: net.shape.clone(),
            presence: net.presence.clone(),
            lids: net.lids.clone(),
            eye_reader: EyeReader::default(),
            visibility: VisibilityModel::new(visibility.as_ref(), net.shape.as_ref()),
            eyes: eyes.unwrap_or_default(),
            extractor: FeatureExtractor::new(scheme),
            features: None,
            looking: None,
        })
    }

    pub fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// Tells landmarks that are seen from those that are guessed.
    pub fn visibility(&self) -> &VisibilityModel {
        &self.visibility
    }

    /// How its net draws eyes.
    pub fn eyes(&self) -> EyeRatios {
        self.eyes
    }

    /// The crop for a face whose landmarks fill `bounds` and that leans by `roll`.
    pub fn crop_around(&self, bounds: &Rect, roll: f32) -> Crop {
        Crop::around_turned(bounds, roll, self.crop_margin, self.image.side_px)
    }

    /// The crop for a face with these landmarks, turned upright.
    pub fn crop_around_points(&self, points: &[Point2<f32>]) -> Crop {
        Crop::around_points(points, self.scheme.roll(points), self.crop_margin, self.image.side_px)
            .expect("a scheme has landmarks")
    }

    /// What the presence of a face in the last look was told by. `None` from a net without shapes,
    /// and where its landmarks lay in one place.
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// Finds the landmarks in what `crop` shows of `frame`, whether a face is there or not.
    pub fn look(&mut self, frame: &Frame, crop: &Crop, timings: &mut LookTimings) -> Result<Look, ModelError> {
        self.begin(frame, crop, timings);
        Ok(self.go_on(Some(frame), 1, timings)?.expect("the only part is the last"))
    }

    /// Looks again at what may be a face, where the look before says that it is; it has `moved`
    /// since, in frame pixels. `None` where that was no face.
    pub fn look_closer(
        &mut self,
        frame: &Frame,
        before: &Look,
        moved: Vector2<f32>,
        timings: &mut LookTimings,
    ) -> Result<Option<Look>, ModelError> {
        if !before.may_be_face() {
            return Ok(None);
        }
        let points = Vec::from_iter(before.points().into_iter().map(|point| point + moved));
        let crop = self.crop_around_points(&points);
        self.look(frame, &crop, timings).map(Some)
    }

    /// Takes a crop of the frame, for [`Landmarker::work`]. One that was not finished is
    /// forgotten.
    pub fn begin(&mut self, frame: &Frame, crop: &Crop, timings: &mut LookTimings) {
        let start = Instant::now();
        show(&mut self.image, frame, crop);
        self.looking = Some((*crop, 0));
        timings.crop += start.elapsed();
    }

    /// Whether a crop was taken whose landmarks are not known yet.
    pub fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// The crop taken last is of no interest any more.
    pub fn forget(&mut self) {
        self.looking = None;
    }

    /// Does one of `parts` equal parts of the work on the crop taken last; the last part gives the
    /// landmarks.
    pub fn work(&mut self, parts: usize, timings: &mut LookTimings) -> Result<Option<Look>, ModelError> {
        self.go_on(None, parts, timings)
    }

    /// Presence and eyes are judged by the pixels of `frame`, or by those of the crop where that
    /// frame is gone.
    fn go_on(
        &mut self,
        frame: Option<&Frame>,
        parts: usize,
        timings: &mut LookTimings,
    ) -> Result<Option<Look>, ModelError> {
        let Some((crop, part)) = self.looking.take() else { return Ok(None) };
        let start = Instant::now();
        let Some(maps) = self.session.infer_part(&self.image, part, parts)? else {
            self.looking = Some((crop, part + 1));
            timings.net += start.elapsed();
            return Ok(None);
        };
        let inferred = Instant::now();
        let of_crop;
        let (seen, seen_from_cells, roll) = match frame {
            Some(frame) => (frame, crop.frame_from_crop * self.crop_from_cells, crop.square().2),
            None => {
                of_crop = self.image.to_frame();
                (&of_crop, self.crop_from_cells, 0.0)
            }
        };
        let mut landmarks = decode(&maps);
        let fit = self.shape.as_ref().and_then(|shape| shape.refine(&mut landmarks));
        let extractor = &mut self.extractor;
        self.features = fit.map(|fit| extractor.extract(&landmarks, &fit, maps.rows, seen, &seen_from_cells));
        let confidence = landmarks.iter().map(|l| l.confidence).sum::<f32>() / landmarks.len() as f32;
        let presence = match (&self.presence, &self.features) {
            (Some(model), features) => features.as_ref().map_or(0.0, |features| model.of(features)),
            (None, _) => confidence,
        };
        for (index, landmark) in landmarks.iter_mut().enumerate() {
            if let Some(calibration) = &self.calibration {
                landmark.covariance = calibration.error_covariance(index, landmark, confidence);
            }
            *landmark = landmark.mapped(&seen_from_cells);
        }
        if let Some(model) = self.lids.as_ref().filter(|_| presence >= IS_FACE) {
            self.eye_reader.draw(model, seen, roll, &mut landmarks);
        }
        if frame.is_none() {
            landmarks.iter_mut().for_each(|landmark| *landmark = landmark.mapped(&crop.frame_from_crop));
        }
        timings.count += 1;
        timings.net += inferred - start;
        timings.decode += inferred.elapsed();
        let eyes = self.scheme.outer_eye_corners.map(|corner| landmarks[corner].at);
        Ok(Some(Look { crop, landmarks, presence, eyes, appearance: Appearance::of(&self.image) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::lids::EYE_POINTS;
    use crate::face::zoo;
    use crate::picture::built_in_picture;

    #[test]
    fn a_look_in_parts_is_the_look() {
        let net = zoo::shipped("nano").unwrap().load().unwrap();
        let (mut at_once, mut in_parts) = (Landmarker::new(&net, 1).unwrap(), Landmarker::new(&net, 1).unwrap());
        let frame = built_in_picture();
        let crop = at_once.crop_around(&Rect::new(180.0, 95.0, 266.0, 186.0), 0.0);
        let timings = &mut LookTimings::default();
        let expected = at_once.look(&frame, &crop, timings).unwrap();
        in_parts.begin(&frame, &crop, timings);
        for part in 1..=6 {
            assert!(in_parts.is_looking());
            let found = in_parts.work(6, timings).unwrap();
            assert_eq!(found.is_some(), part == 6, "part {part}");
            let Some(found) = found else { continue };
            // The crop has fewer pixels to judge by than the frame has, and to draw eyes by.
            assert!((found.presence - expected.presence).abs() < 0.02);
            for (i, (found, expected)) in found.points().iter().zip(expected.points()).enumerate() {
                let most = if EYE_POINTS.contains(&i) { 1.0 } else { 1e-3 };
                assert!((found - expected).norm() <= most, "landmark {i}: {found} is not {expected}");
            }
        }
        assert!(!in_parts.is_looking());
        assert!(in_parts.work(6, timings).unwrap().is_none());
        assert_eq!(timings.count, 2);
    }
}
