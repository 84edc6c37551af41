//! What the detector takes for faces and the landmark net has still to confirm. Each candidate is
//! tried in four turns, a few looks a frame, and not again for a while where none shows a face: a
//! clock on the wall costs its looks once in a while and not in each frame.

use std::f32::consts::{FRAC_PI_2, PI};
use std::time::Duration;

use nalgebra::Vector2;

use crate::face::detect::Detection;
use crate::face::look::SAME_FACE_IOU;
use crate::picture::geometry::Rect;

// Set by hand; `docs/decisions/finding.md` has what a film of false alarms takes.

/// How far a face is turned from the roll that the detector gives: that may be another quarter's.
const TURNS: [f32; 4] = [0.0, FRAC_PI_2, -FRAC_PI_2, PI];
/// So long after it was detected, a candidate is forgotten.
const PATIENCE: Duration = Duration::from_secs(1);
/// A place that was tried is tried anew where the detector is surer by this: what was turned away
/// may have become a face.
const SURER: f32 = 0.1;

#[derive(Debug, Default)]
pub struct Candidates(Vec<Candidate>);

#[derive(Debug)]
struct Candidate {
    detection: Detection,
    detected_at: Duration,
    /// How many of the turns were tried.
    tried: usize,
}

/// Where a face may be.
#[derive(Debug)]
pub struct Place {
    /// In frame pixels; the face fills it when it is turned upright.
    pub square: Rect,
    /// Radians, positive clockwise on the screen.
    pub roll: f32,
    /// How it moves, in frame pixels a second.
    pub pace: Vector2<f32>,
    number: usize,
}

impl Candidate {
    fn covers(&self, other: &Detection) -> bool {
        self.detection.bounds.iou(&other.bounds) > SAME_FACE_IOU && other.score < self.detection.score + SURER
    }
}

impl Candidates {
    /// Takes what the detector saw, but for what is known already, and forgets what was seen long
    /// before.
    pub fn take(&mut self, detections: impl Iterator<Item = Detection>, now: Duration) {
        self.0.retain(|candidate| now.saturating_sub(candidate.detected_at) < PATIENCE);
        for detection in detections {
            if !self.0.iter().any(|candidate| candidate.covers(&detection)) {
                self.0.push(Candidate { detection, detected_at: now, tried: 0 });
            }
        }
    }

    /// The next place to look at, where it is by now: the surest of those that were tried least,
    /// with the roll that was detected or, if `turned_too`, in another turn. A place whose box
    /// `is_known` is left out.
    pub fn next(&mut self, now: Duration, turned_too: bool, is_known: impl Fn(&Rect) -> bool) -> Option<Place> {
        let turns = if turned_too { TURNS.len() } else { 1 };
        let untried = self.0.iter_mut().enumerate().filter(|(_, candidate)| candidate.tried < turns);
        let unknown = untried.filter(|(_, candidate)| !is_known(&candidate.detection.bounds));
        let by_rank =
            |a: &Candidate, b: &Candidate| a.tried.cmp(&b.tried).then(b.detection.score.total_cmp(&a.detection.score));
        let (number, next) = unknown.min_by(|(_, a), (_, b)| by_rank(a, b))?;
        let roll = next.detection.roll + TURNS[next.tried];
        next.tried += 1;
        let pace = next.detection.pace;
        let square = next.detection.upright_square().moved(pace * now.saturating_sub(next.detected_at).as_secs_f32());
        Some(Place { square, roll, pace, number })
    }

    /// A face is at that place: other turns need not be tried.
    pub fn confirm(&mut self, place: &Place) {
        self.0[place.number].tried = TURNS.len();
    }

    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, score: f32) -> Detection {
        let bounds = Rect::new(x, 0.0, x + 10.0, 10.0);
        Detection { bounds, score, roll: 0.0, pace: Vector2::new(20.0, 0.0) }
    }

    /// Left edges of the places, and how far they are turned, in quarters.
    fn tried(candidates: &mut Candidates, count: usize) -> Vec<(f32, i32)> {
        let next = std::iter::from_fn(|| candidates.next(Duration::ZERO, true, |_| false));
        next.take(count).map(|place| (place.square.min.x, (place.roll / FRAC_PI_2).round() as i32)).collect()
    }

    #[test]
    fn the_surest_come_first_and_other_turns_after_all_have_been_tried() {
        let mut candidates = Candidates::default();
        candidates.take([at(0.0, 0.4), at(50.0, 0.9)].into_iter(), Duration::ZERO);
        let expected = [(50.0, 0), (0.0, 0), (50.0, 1), (0.0, 1), (50.0, -1), (0.0, -1), (50.0, 2), (0.0, 2)];
        assert_eq!(tried(&mut candidates, 9), expected);
    }

    #[test]
    fn a_place_is_left_alone_for_a_while_unless_the_detector_is_surer() {
        let ms = Duration::from_millis;
        let mut candidates = Candidates::default();
        candidates.take([at(0.0, 0.4)].into_iter(), ms(1000));
        assert_eq!(tried(&mut candidates, 9).len(), 4);
        candidates.take([at(1.0, 0.45), at(90.0, 0.3)].into_iter(), ms(1990));
        assert_eq!(tried(&mut candidates, 1), [(90.0, 0)]);
        candidates.take([at(1.0, 0.6)].into_iter(), ms(1990));
        assert_eq!(tried(&mut candidates, 1), [(1.0, 0)]);
        candidates.take([at(2.0, 0.4)].into_iter(), ms(2001));
        assert_eq!(tried(&mut candidates, 1), [(1.0, 1)]);
        candidates.take([at(2.0, 0.4)].into_iter(), ms(3000));
        assert_eq!(tried(&mut candidates, 1), [(2.0, 0)]);
    }

    #[test]
    fn who_walks_is_looked_for_where_he_has_got_to() {
        let mut candidates = Candidates::default();
        candidates.take([at(0.0, 0.4)].into_iter(), Duration::ZERO);
        let place = candidates.next(Duration::from_millis(250), true, |_| false).unwrap();
        assert_eq!((place.square.min.x, place.pace), (5.0, Vector2::new(20.0, 0.0)));
    }

    #[test]
    fn other_turns_are_tried_only_if_asked_for() {
        let mut candidates = Candidates::default();
        candidates.take([at(0.0, 0.4), at(50.0, 0.9)].into_iter(), Duration::ZERO);
        let turns = std::iter::from_fn(|| candidates.next(Duration::ZERO, false, |_| false)).count();
        assert_eq!(turns, 2);
        assert_eq!(tried(&mut candidates, 1), [(50.0, 1)]);
    }

    #[test]
    fn places_that_are_known_or_confirmed_are_not_tried() {
        let mut candidates = Candidates::default();
        candidates.take([at(0.0, 0.9), at(50.0, 0.4), at(90.0, 0.3)].into_iter(), Duration::ZERO);
        let place = candidates.next(Duration::ZERO, true, |bounds| bounds.min.x < 40.0).unwrap();
        assert_eq!(place.square.min.x, 50.0);
        candidates.confirm(&place);
        assert_eq!(tried(&mut candidates, 3), [(0.0, 0), (90.0, 0), (0.0, 1)]);
    }
}
