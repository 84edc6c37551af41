//! When and where frames are searched for faces.

use std::time::Duration;

use crate::face::confirm::is_followed;
use crate::face::detect::{Detection, Detector};
use crate::face::shift::ShiftFinder;
use crate::model::ModelError;
use crate::picture::frame::Frame;
use crate::picture::geometry::Rect;

// Set by hand; `wingmark bench` measures what searching costs.

/// While faces are followed, every frame of this many is searched for new ones.
const FRAMES_A_SEARCH: u32 = 15;
/// The same while one of them stays lost.
const FRAMES_A_SEARCH_FOR_LOST: u32 = 5;
/// While faces are followed, the detector takes so many frames for a view.
const FRAMES_A_VIEW: usize = 6;

/// Which of the faces that were expected in a frame were not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missed {
    Nobody,
    /// One that was not in the frame before either.
    Lost,
    /// One that was.
    Seen,
}

impl Missed {
    fn frames_a_search(self) -> u32 {
        match self {
            Missed::Nobody => FRAMES_A_SEARCH,
            Missed::Lost => FRAMES_A_SEARCH_FOR_LOST,
            Missed::Seen => 0,
        }
    }
}

/// The detector, and which view of which frame it looks at.
pub struct Search {
    detector: Detector,
    /// Since a view was begun with.
    frames: u32,
    /// Nothing is known of the scene: every view is looked at in one frame.
    is_of_new_scene: bool,
    next_view: usize,
    /// Boxes of the faces that were followed in the frame that the detector sees.
    followed: Vec<Rect>,
    /// From that frame on, whose time is this.
    shifts: ShiftFinder,
    begun_at: Duration,
}

impl Search {
    pub fn new(detector: Detector) -> Self {
        Search {
            detector,
            frames: 0,
            is_of_new_scene: true,
            next_view: 0,
            followed: Vec::new(),
            shifts: ShiftFinder::default(),
            begun_at: Duration::ZERO,
        }
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.is_of_new_scene = true;
    }

    /// A frame has come.
    pub fn count_frame(&mut self) {
        self.frames += 1;
    }

    /// Whether no frame of the scene was searched.
    pub fn is_of_new_scene(&self) -> bool {
        self.is_of_new_scene
    }

    /// Whether a search was begun that goes on in the next frame.
    pub fn is_looking(&self) -> bool {
        self.detector.is_looking()
    }

    /// Whether a frame in which these faces were followed is searched: a search goes on, or it is
    /// time for one.
    pub fn is_due(&self, followed: &[Rect], missed: Missed) -> bool {
        followed.is_empty() || self.is_looking() || self.frames >= missed.frames_a_search()
    }

    /// Searches a new scene at once, in all views. After that the views take turns: where nobody is
    /// followed, one a frame; else the work on one is spread over the next frames, so that a search
    /// holds up none of them.
    pub fn go_on(
        &mut self,
        frame: &Frame,
        now: Duration,
        followed: &[Rect],
        missed: Missed,
    ) -> Result<Vec<Detection>, ModelError> {
        let found = if std::mem::take(&mut self.is_of_new_scene) {
            self.restart_views();
            self.followed.clear();
            return self.detector.detect(frame);
        } else if followed.is_empty() {
            if missed == Missed::Seen {
                self.restart_views();
            }
            self.begin_view(frame, followed);
            self.detector.go_on(1)?
        } else if self.detector.is_looking() {
            self.detector.go_on(FRAMES_A_VIEW)?
        } else {
            self.begin_view(frame, followed);
            self.shifts.remember(frame);
            self.begun_at = now;
            None
        };
        Ok(found.unwrap_or_default())
    }

    /// Searches the frame rotated by a quarter, a half and three.
    pub fn look_at_rotated(&mut self, frame: &Frame) -> Result<Vec<Detection>, ModelError> {
        self.detector.detect_rotated(frame)
    }

    /// The detections of faces that were not followed in the frame that was searched, brought to
    /// where they are in `frame`.
    pub fn unfollowed(&mut self, detections: &[Detection], frame: &Frame, now: Duration) -> Vec<Detection> {
        let mut unfollowed: Vec<Detection> =
            detections.iter().filter(|seen| !is_followed(&self.followed, &seen.bounds)).copied().collect();
        let passed_s = now.saturating_sub(self.begun_at).as_secs_f32();
        if self.followed.is_empty() || passed_s == 0.0 {
            return unfollowed;
        }
        let places = Vec::from_iter(unfollowed.iter().map(|seen| seen.bounds));
        for (seen, shift) in unfollowed.iter_mut().zip(self.shifts.shifts(frame, &places)) {
            (seen.bounds, seen.pace) = (seen.bounds.moved(shift), shift / passed_s);
        }
        unfollowed
    }

    /// The whole frame comes next.
    fn restart_views(&mut self) {
        (self.frames, self.next_view) = (0, 0);
    }

    fn begin_view(&mut self, frame: &Frame, followed: &[Rect]) {
        self.frames = 0;
        self.followed.clear();
        self.followed.extend(followed);
        self.detector.begin(frame, self.next_view);
        self.next_view += 1;
    }
}
