//! When and where frames are searched for faces.

use std::time::Duration;

use crate::face::confirm::is_followed;
use crate::face::detect::{Detection, Detector};
use crate::face::pacing::Spread;
use crate::face::shift::ShiftFinder;
use crate::model::ModelError;
use crate::picture::frame::Frame;
use crate::picture::geometry::Rect;

// Set by hand; `wingmark bench` measures what searching costs.

/// While faces are followed, so long after a view was begun another one is, and after so many
/// frames of it.
const SEARCH_AFTER: Spread = Spread::over(Duration::from_millis(500), 3..=15);
/// The same while one of them stays lost.
const SEARCH_FOR_LOST_AFTER: Spread = Spread::over(Duration::from_millis(167), 2..=5);
/// While faces are followed, the detector takes so long for a view, and so many frames.
const VIEW_TAKES: Spread = Spread::over(Duration::from_millis(200), 2..=6);
/// How far they have moved is told of so many of the surest detections: each costs some time.
const MOST_SHIFTS: usize = 2;

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
    /// The next view is begun so many frames after the one before, where `step` passes between two.
    pub fn frames_a_search(self, step: Duration) -> u32 {
        match self {
            Missed::Nobody => SEARCH_AFTER.frames(step),
            Missed::Lost => SEARCH_FOR_LOST_AFTER.frames(step),
            Missed::Seen => 0,
        }
    }
}

/// The detector, and which view of which frame it looks at.
pub struct Search {
    detector: Detector,
    /// Since a view was begun with.
    frames: u32,
    /// What passed between the last two frames.
    step: Duration,
    /// Nothing is known of the scene: every view is looked at in one frame.
    is_of_new_scene: bool,
    next_view: usize,
    /// In so many parts the detector looks at the view that was begun last.
    parts: usize,
    /// Boxes of the faces that were followed in the frame that the detector sees.
    followed: Vec<Rect>,
    /// The time of that frame.
    begun_at: Duration,
    shifts: ShiftFinder,
    /// The time of the frame from which on shifts count.
    remembered_at: Option<Duration>,
}

impl Search {
    pub fn new(detector: Detector) -> Self {
        Search {
            detector,
            frames: 0,
            step: Duration::ZERO,
            is_of_new_scene: true,
            next_view: 0,
            parts: 1,
            followed: Vec::new(),
            shifts: ShiftFinder::default(),
            begun_at: Duration::ZERO,
            remembered_at: None,
        }
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.is_of_new_scene = true;
    }

    /// A frame has come, `step` after the one before.
    pub fn count_frame(&mut self, step: Duration) {
        self.frames = self.frames.saturating_add(1);
        self.step = step;
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
    /// time for one, which every frame of so many is.
    pub fn is_due(&self, followed: &[Rect], frames_a_search: u32) -> bool {
        followed.is_empty() || self.is_looking() || self.frames >= frames_a_search
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
            self.detector.go_on(self.parts)?
        } else if self.detector.is_looking() {
            // Not in the frame that was sampled for the detector, which takes as long by itself.
            if self.remembered_at.is_none() {
                self.shifts.remember(frame);
                self.remembered_at = Some(now);
            }
            self.detector.go_on(self.parts)?
        } else {
            self.begin_view(frame, followed);
            (self.begun_at, self.remembered_at) = (now, None);
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
        let watched_s = self.remembered_at.map_or(0.0, |at| now.saturating_sub(at).as_secs_f32());
        if self.followed.is_empty() || watched_s == 0.0 {
            return unfollowed;
        }
        unfollowed.sort_by(|a, b| b.score.total_cmp(&a.score));
        let places = Vec::from_iter(unfollowed.iter().take(MOST_SHIFTS).map(|seen| seen.bounds));
        let passed_s = now.saturating_sub(self.begun_at).as_secs_f32();
        for (seen, shift) in unfollowed.iter_mut().zip(self.shifts.shifts(frame, &places)) {
            seen.pace = shift / watched_s;
            seen.bounds = seen.bounds.moved(seen.pace * passed_s);
        }
        unfollowed
    }

    /// The whole frame comes next.
    fn restart_views(&mut self) {
        (self.frames, self.next_view) = (0, 0);
    }

    fn begin_view(&mut self, frame: &Frame, followed: &[Rect]) {
        self.frames = 0;
        self.parts = if followed.is_empty() { 1 } else { VIEW_TAKES.frames(self.step) as usize };
        self.followed.clear();
        self.followed.extend(followed);
        self.detector.begin(frame, self.next_view);
        self.next_view += 1;
    }
}
