//! Looks at what the detector took for faces, and gives those that are.

use std::time::Duration;

use crate::face::candidates::Candidates;
use crate::face::detect::Detection;
use crate::face::look::{Landmarker, Look, LookTimings};
use crate::model::ModelError;
use crate::picture::frame::Frame;
use crate::picture::geometry::Rect;

// The frames were chosen by `wingmark bench --model nano --threads 1`
// (`docs/decisions/finding.md`), the others set by hand.

/// Beside faces that are followed, a first look at a candidate takes so many frames.
const FRAMES_A_FIRST_LOOK: usize = 6;
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
    /// Boxes of the faces that were followed in the frame that this net sees.
    followed: Vec<Rect>,
}

/// Whether a face that fills `bounds` is one of those that fill the boxes.
pub fn is_followed(boxes: &[Rect], bounds: &Rect) -> bool {
    boxes.iter().any(|followed| followed.iou(bounds) > FOLLOWED_IOU)
}

/// The landmark net of the frame, and the time that it takes.
pub struct LookContext<'l> {
    pub frame: &'l Frame,
    pub landmarker: &'l mut Landmarker,
    pub timings: &'l mut LookTimings,
}

impl Confirmer {
    /// `background` is for looks in parts.
    pub fn new(background: Landmarker) -> Self {
        Confirmer { candidates: Candidates::default(), background, followed: Vec::new() }
    }

    /// Takes what the detector saw, but for the faces that were followed.
    pub fn take(&mut self, detections: impl Iterator<Item = Detection>, now: Duration) {
        self.candidates.take(detections, now);
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.candidates.forget();
        self.background.forget();
    }

    /// Looks with another net from now on.
    pub fn set_net(&mut self, net: Landmarker) {
        self.background = net;
    }

    /// Whether a first look was begun that goes on in the next frame.
    pub fn is_looking(&self) -> bool {
        self.background.is_looking()
    }

    /// Looks at the candidates in this frame, until it has found so many faces or looked in vain so
    /// many times. A face is looked for in other turns only until there is one.
    pub fn look_at_once(
        &mut self,
        context: &mut LookContext,
        most: usize,
        most_in_vain: usize,
    ) -> Result<Vec<Look>, ModelError> {
        let mut found: Vec<Look> = Vec::new();
        let mut in_vain = 0;
        self.background.forget();
        while in_vain < most_in_vain && found.len() < most {
            let is_found = |bounds: &Rect| found.iter().any(|look| look.is_at(bounds));
            let Some(place) = self.candidates.next(found.is_empty(), is_found) else { break };
            let crop = context.landmarker.crop_around(&place.square, place.roll);
            let first = context.landmarker.look(context.frame, &crop, context.timings)?;
            let Some(look) = context.closer(&first)? else {
                in_vain += 1;
                continue;
            };
            self.candidates.confirm(&place);
            match found.iter_mut().find(|other| other.is_at(&look.bounds())) {
                Some(other) if other.presence < look.presence => *other = look,
                Some(_) => {}
                None => found.push(look),
            }
        }
        Ok(found)
    }

    /// Does a part of a first look at the next candidate, and then a second look if that may be a
    /// face: those whose boxes are `followed` are not held up.
    pub fn look_in_parts(&mut self, context: &mut LookContext, followed: &[Rect]) -> Result<Option<Look>, ModelError> {
        if !self.background.is_looking() {
            if let Some(place) = self.candidates.next(false, |bounds| is_followed(followed, bounds)) {
                let crop = self.background.crop_around(&place.square, place.roll);
                self.background.begin(context.frame, &crop, context.timings);
                self.followed.clear();
                self.followed.extend(followed);
            }
            return Ok(None);
        }
        let first = self.background.work(FRAMES_A_FIRST_LOOK, context.timings)?;
        let Some(first) = first.filter(|look| !is_followed(&self.followed, &look.bounds())) else { return Ok(None) };
        let second = context.closer(&first)?;
        Ok(second.filter(|look| !is_followed(followed, &look.bounds())))
    }
}

impl LookContext<'_> {
    /// Looks again at a face just found: a detector's box is rough, so that the first look only
    /// says where the second has to be.
    fn closer(&mut self, first: &Look) -> Result<Option<Look>, ModelError> {
        if !first.may_be_face() {
            return Ok(None);
        }
        let crop = self.landmarker.crop_around_points(&first.points());
        let look = self.landmarker.look(self.frame, &crop, self.timings)?;
        let bounds = look.bounds();
        let side_px = bounds.width().max(bounds.height());
        Ok((look.is_new_face() && side_px >= SMALLEST_NEW_PX).then_some(look))
    }
}
