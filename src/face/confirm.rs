//! Looks at what the detector took for faces, and gives those that are.

use std::time::Duration;

use nalgebra::Vector2;

use crate::face::candidates::Candidates;
use crate::face::detect::Detection;
use crate::face::look::{Landmarker, Look, LookTimings};
use crate::face::pacing::Spread;
use crate::model::ModelError;
use crate::picture::frame::Frame;
use crate::picture::geometry::Rect;

// The frames were chosen by `wingmark bench --model nano --threads 1`
// (`docs/decisions/finding.md`), the others set by hand.

/// Beside faces that are followed, a first look at a candidate takes so long, and so many frames.
const FIRST_LOOK_TAKES: Spread = Spread::over(Duration::from_millis(200), 2..=6);
/// What may be a face is looked at in so many more frames, until it is one.
const LOOKS_AFTER: usize = 2;
/// A face whose landmarks' box is smaller, in frame pixels, is not begun with: a badge looks like
/// it.
const SMALLEST_NEW_PX: f32 = 10.0;

/// A new face whose box overlaps that of a followed one more than this is that one, seen badly: by
/// the detector, or in a crop that was cut where the face had been some frames before.
const FOLLOWED_IOU: f32 = 0.3;

/// The candidates, and the net that takes its time for a first look at one.
pub struct Confirmer {
    candidates: Candidates,
    background: Landmarker,
    /// In so many parts it looks.
    parts: usize,
    /// The last look at what may be a face, and how many more it is worth.
    closing_in: Option<(Look, usize)>,
    /// Boxes of the faces that were followed in the frame that this net sees.
    followed: Vec<Rect>,
    /// How what it sees moves, and the time of the last look.
    pace: Vector2<f32>,
    begun_at: Duration,
}

/// Whether a face that fills `bounds` is one of those that fill the boxes.
pub fn is_followed(boxes: &[Rect], bounds: &Rect) -> bool {
    boxes.iter().any(|followed| followed.iou(bounds) > FOLLOWED_IOU)
}

/// The landmark net of the frame, and the time that it takes.
pub struct LookContext<'l> {
    pub frame: &'l Frame,
    pub now: Duration,
    /// What passed since the frame before.
    pub step: Duration,
    pub landmarker: &'l mut Landmarker,
    pub timings: &'l mut LookTimings,
}

impl Confirmer {
    /// `background` is for looks in parts.
    pub fn new(background: Landmarker) -> Self {
        Confirmer {
            candidates: Candidates::default(),
            background,
            parts: 1,
            closing_in: None,
            followed: Vec::new(),
            pace: Vector2::zeros(),
            begun_at: Duration::ZERO,
        }
    }

    /// Takes what the detector saw, but for the faces that were followed.
    pub fn take(&mut self, detections: impl Iterator<Item = Detection>, now: Duration) {
        self.candidates.take(detections, now);
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.candidates.forget();
        self.background.forget();
        self.closing_in = None;
    }

    /// Looks with another net from now on.
    pub fn set_net(&mut self, net: Landmarker) {
        self.background = net;
        self.closing_in = None;
    }

    /// Whether looks at a candidate were begun that go on in the next frame.
    pub fn is_looking(&self) -> bool {
        self.background.is_looking() || self.closing_in.is_some()
    }

    /// Looks at the candidates in this frame, until it has looked in vain so many times, or found
    /// so many faces and those that may be larger. A face is looked for in other turns only until
    /// there is one.
    pub fn look_at_once(
        &mut self,
        context: &mut LookContext,
        most: usize,
        most_in_vain: usize,
    ) -> Result<Vec<Look>, ModelError> {
        let mut found: Vec<Look> = Vec::new();
        let mut in_vain = 0;
        self.background.forget();
        self.closing_in = None;
        while in_vain < most_in_vain {
            let smallest = found.iter().map(|look| look.bounds().area()).reduce(f32::min).unwrap_or_default();
            let is_small = |bounds: &Rect| found.len() >= most && bounds.area() <= smallest;
            let is_left_out = |bounds: &Rect| is_small(bounds) || found.iter().any(|look| look.is_at(bounds));
            let Some(place) = self.candidates.next(context.now, found.is_empty(), is_left_out) else { break };
            let crop = context.landmarker.crop_around(&place.square, place.roll);
            let first = context.landmarker.look(context.frame, &crop, context.timings)?;
            let Some(look) = context.closer(&first, Vector2::zeros())?.filter(is_begun_with) else {
                in_vain += 1;
                continue;
            };
            self.candidates.confirm(&place);
            match found.iter_mut().find(|other| other.is_of_same_face(&look)) {
                Some(other) if other.presence < look.presence => *other = look,
                Some(_) => {}
                None => found.push(look),
            }
        }
        Ok(found)
    }

    /// Does a part of a first look at the next candidate, and then one more look a frame while that
    /// may be a face: those whose boxes are `followed` are not held up.
    pub fn look_in_parts(&mut self, context: &mut LookContext, followed: &[Rect]) -> Result<Option<Look>, ModelError> {
        if let Some((before, more)) = self.closing_in.take() {
            let moved = self.pace * context.now.saturating_sub(self.begun_at).as_secs_f32();
            self.begun_at = context.now;
            let look = context.closer(&before, moved)?.filter(|look| !is_followed(followed, &look.bounds()));
            match look {
                Some(look) if is_begun_with(&look) => return Ok(Some(look)),
                Some(look) if more > 1 => self.closing_in = Some((look, more - 1)),
                _ => {}
            }
            return Ok(None);
        }
        if !self.background.is_looking() {
            if let Some(place) = self.candidates.next(context.now, false, |bounds| is_followed(followed, bounds)) {
                let crop = self.background.crop_around(&place.square, place.roll);
                self.background.begin(context.frame, &crop, context.timings);
                self.parts = FIRST_LOOK_TAKES.frames(context.step) as usize;
                (self.pace, self.begun_at) = (place.pace, context.now);
                self.followed.clear();
                self.followed.extend(followed);
            }
            return Ok(None);
        }
        let first = self.background.work(self.parts, context.timings)?;
        let first = first.filter(|look| !is_followed(&self.followed, &look.bounds()));
        let Some(first) = first else { return Ok(None) };
        self.closing_in = Some((first, LOOKS_AFTER));
        self.look_in_parts(context, followed)
    }
}

/// Whether a second look shows a face that may be followed from now on.
fn is_begun_with(look: &Look) -> bool {
    let bounds = look.bounds();
    look.is_new_face() && bounds.width().max(bounds.height()) >= SMALLEST_NEW_PX
}

impl LookContext<'_> {
    /// Looks again at what may be a face: a detector's box is rough, so that the look before only
    /// says where the next has to be. What it shows has `moved` since.
    fn closer(&mut self, before: &Look, moved: Vector2<f32>) -> Result<Option<Look>, ModelError> {
        self.landmarker.look_closer(self.frame, before, moved, self.timings)
    }
}
