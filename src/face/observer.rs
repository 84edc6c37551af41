//! What is seen in a frame. The [`Observer`] is the one thing that is timed, logged and evaluated.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::face::detect::{Detection, Detector};
use crate::face::look::{Landmarker, Look, LookTimings};
use crate::face::scene::SceneWatch;
use crate::face::track::{SAME_FACE_IOU, Tracker};
use crate::face::views::{Schedule, Views};
use crate::face::zoo::Net;
use crate::face::{Observation, Timings};
use crate::model::ModelError;
use crate::model::card::{Calibration, CardError};
use crate::model::scheme::Scheme;
use crate::picture::frame::{Frame, FrameError};

/// While faces are followed, every frame of this many is searched for new ones.
const FRAMES_A_SEARCH: u32 = 15;
/// More faces than this are not followed at once.
const MAX_FACES: usize = 8;

#[derive(Debug, Error)]
pub enum ObserveError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Finds faces, follows them, and finds their landmarks.
pub struct Observer {
    detector: Detector,
    landmarker: Landmarker,
    tracker: Tracker,
    schedule: Schedule,
    frames_since_search: u32,
    /// What the detector saw in the frame before, if it was searched.
    detections: Vec<Detection>,
    scene: SceneWatch,
    /// Number of the frame before.
    previous: Option<u32>,
}

impl Observer {
    /// `smoothing` steadies the points from frame to frame; pictures that stand alone are not changed by it.
    pub fn new(faces: &Net, landmarks: &Net, smoothing: bool) -> Result<Self, CardError> {
        Observer::with_threads(faces, landmarks, smoothing, 1)
    }

    /// An observer whose nets share each frame among `threads` threads, the caller's included.
    pub fn with_threads(faces: &Net, landmarks: &Net, smoothing: bool, threads: usize) -> Result<Self, CardError> {
        Ok(Observer {
            detector: Detector::new(faces, threads)?,
            landmarker: Landmarker::new(landmarks, threads)?,
            tracker: Tracker::new(smoothing),
            schedule: Schedule::default(),
            frames_since_search: 0,
            detections: Vec::new(),
            scene: SceneWatch::default(),
            previous: None,
        })
    }

    pub fn scheme(&self) -> &'static Scheme {
        self.landmarker.scheme()
    }

    pub fn calibration(&self) -> Option<&Calibration> {
        self.landmarker.calibration()
    }

    /// What was seen so far has nothing to do with the next frame.
    pub fn forget(&mut self) {
        self.tracker.forget();
        self.schedule.restart();
    }

    /// What the detector saw in the frame observed last, faces or not; nothing where that was not searched.
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }

    /// Sees what is in the next frame of a source. A cut in the source starts anew.
    pub fn observe(&mut self, frame: &Frame) -> Result<Observation, ObserveError> {
        let start = Instant::now();
        frame.check()?;
        let previous = self.previous.replace(frame.sequence);
        if self.scene.is_cut(frame) {
            self.forget();
        }
        self.detections.clear();
        let mut looked = LookTimings::default();
        let mut detect = Duration::ZERO;

        let mut looks = self.look_at_followed(frame, &mut looked)?;
        let lost = looks.len() < self.tracker.followed().count();
        self.frames_since_search += 1;
        if looks.is_empty() || lost || self.frames_since_search >= FRAMES_A_SEARCH {
            self.frames_since_search = 0;
            let views = if looks.is_empty() { self.schedule.next_search() } else { Views::UPRIGHT };
            let found = self.search(frame, views, &looks, &mut detect, &mut looked)?;
            looks.extend(found.into_iter().map(|look| (None, look)));
        }
        let tracking = Instant::now();
        let faces = self.tracker.update(looks, frame.captured_at);
        Ok(Observation {
            sequence: frame.sequence,
            captured_at: frame.captured_at,
            dropped: match previous {
                None => frame.sequence,
                Some(sequence) => frame.sequence.wrapping_sub(sequence).saturating_sub(1),
            },
            faces,
            timings: Timings {
                detect,
                crop: looked.crop,
                net: looked.net,
                decode: looked.decode,
                track: tracking.elapsed(),
                total: start.elapsed(),
            },
        })
    }

    /// Looks where faces were in the frame before; gives those that are still there.
    fn look_at_followed(
        &mut self,
        frame: &Frame,
        timings: &mut LookTimings,
    ) -> Result<Vec<(Option<u32>, Look)>, ModelError> {
        let mut looks = Vec::new();
        for (id, points) in self.tracker.followed() {
            let crop = self.landmarker.crop_around_points(points);
            let look = self.landmarker.look(frame, &crop, timings)?;
            if self.landmarker.is_face(&look) {
                looks.push((Some(id), look));
            }
        }
        Ok(looks)
    }

    /// Looks for faces that are not among those followed. Of looks at one face, seen in several views, the surest one stays.
    fn search(
        &mut self,
        frame: &Frame,
        views: Views,
        followed: &[(Option<u32>, Look)],
        detecting: &mut Duration,
        timings: &mut LookTimings,
    ) -> Result<Vec<Look>, ModelError> {
        let mut found: Vec<Look> = Vec::new();
        for (tried, &view) in views.first.iter().chain(views.others).enumerate() {
            let sure = found.iter().any(|look| self.landmarker.is_sure(look));
            if sure || (found.is_empty() && tried >= views.first.len()) {
                break;
            }
            let start = Instant::now();
            let detections = self.detector.detect(frame, view)?;
            *detecting += start.elapsed();
            for detection in detections.iter().take(MAX_FACES) {
                if followed.iter().any(|(_, look)| look.bounds().iou(&detection.bounds) > SAME_FACE_IOU) {
                    continue;
                }
                let Some(look) = self.look_closer(frame, detection, timings)? else { continue };
                match found.iter_mut().find(|other| other.bounds().iou(&look.bounds()) > SAME_FACE_IOU) {
                    Some(other) if other.confidence < look.confidence => *other = look,
                    Some(_) => {}
                    None => found.push(look),
                }
            }
            self.detections.extend(detections);
        }
        found.truncate(MAX_FACES.saturating_sub(followed.len()));
        Ok(found)
    }

    /// Looks twice at a face just found: a detector's box is rough and tells little of the roll, so that the first look only says
    /// where the second has to be. A face that leans has to be sure: so many more views would give as many more false alarms.
    fn look_closer(
        &mut self,
        frame: &Frame,
        detection: &Detection,
        timings: &mut LookTimings,
    ) -> Result<Option<Look>, ModelError> {
        let crop = self.landmarker.crop_around(&detection.bounds, detection.roll);
        let rough = self.landmarker.look(frame, &crop, timings)?;
        if !self.landmarker.may_be_face(&rough) {
            return Ok(None);
        }
        let crop = self.landmarker.crop_around_points(&rough.points());
        let look = self.landmarker.look(frame, &crop, timings)?;
        let upright = detection.roll == 0.0;
        let is_face = if upright { self.landmarker.is_face(&look) } else { self.landmarker.is_sure(&look) };
        Ok(is_face.then_some(look))
    }
}
