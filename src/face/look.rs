//! The landmark net at work: a crop of a frame in, 68 points in the frame out.

use std::time::{Duration, Instant};

use nalgebra::{Point2, Similarity2};

use crate::face::Landmark;
use crate::face::decode::decode;
use crate::face::presence::{Evidence, IS_FACE, IS_NEW_FACE, MAY_BE_FACE, PresenceModel, Witness};
use crate::face::shape::ShapeModel;
use crate::face::zoo::Net;
use crate::model::card::{Calibration, CardError, Task};
use crate::model::scheme::Scheme;
use crate::model::{ModelError, Session};
use crate::picture::crop::CropImage;
use crate::picture::exposure::brighten;
use crate::picture::frame::Frame;
use crate::picture::geometry::{Crop, Rect, crop_from_cells};

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
    witness: Witness,
    evidence: Option<Evidence>,
}

/// What the net made of one crop.
#[derive(Debug, Clone)]
pub struct Look {
    pub crop: Crop,
    /// In frame pixels, in the scheme's order.
    pub landmarks: Vec<Landmark>,
    /// 0 to 1: how likely this is a face and these are its landmarks.
    pub presence: f32,
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
        let Task::Landmarks { scheme, crop_margin, calibration } = &card.task else {
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
            witness: Witness::new(),
            evidence: None,
        })
    }

    pub fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
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

    /// What the last look told of the presence of a face; `None` from a net without shapes, or where its landmarks lay in one place.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// Finds the landmarks in what `crop` shows of `frame`, whether a face is there or not.
    pub fn look(&mut self, frame: &Frame, crop: &Crop, timings: &mut LookTimings) -> Result<Look, ModelError> {
        let start = Instant::now();
        self.image.fill(frame, crop);
        brighten(&mut self.image);
        let cropped = Instant::now();
        let maps = self.session.infer(&self.image)?;
        let inferred = Instant::now();
        let frame_from_cells = crop.frame_from_crop * self.crop_from_cells;
        let mut landmarks = decode(&maps);
        let fit = self.shape.as_ref().and_then(|shape| shape.refine(&mut landmarks));
        self.evidence = fit.map(|fit| self.witness.evidence(&landmarks, &fit, maps.rows, frame, &frame_from_cells));
        let confidence = landmarks.iter().map(|l| l.confidence).sum::<f32>() / landmarks.len() as f32;
        let presence = match (&self.presence, &self.evidence) {
            (Some(model), evidence) => evidence.as_ref().map_or(0.0, |evidence| model.of(evidence)),
            (None, _) => confidence,
        };
        for (index, landmark) in landmarks.iter_mut().enumerate() {
            if let Some(calibration) = &self.calibration {
                landmark.covariance = calibration.error_covariance(index, landmark, confidence);
            }
            *landmark = landmark.mapped(&frame_from_cells);
        }
        timings.count += 1;
        timings.crop += cropped - start;
        timings.net += inferred - cropped;
        timings.decode += inferred.elapsed();
        Ok(Look { crop: *crop, landmarks, presence })
    }
}
