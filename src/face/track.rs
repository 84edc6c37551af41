//! Follows faces from frame to frame: where to look next, who is who, and what to forget.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use nalgebra::{Point2, Vector2};
use thiserror::Error;

use crate::face::Face;
use crate::face::appearance::Appearance;
use crate::face::look::Look;
use crate::face::measure::Measures;
use crate::face::smooth::FaceFilter;
use crate::picture::geometry::Rect;

// Set by hand, and held by `cargo test --test following`: faces that are covered, come back and
// cross keep their ids.

/// A face whose box overlaps the box where it was expected less than this has jumped, and is not
/// smoothed towards; a face found anew that overlaps it as much is the one that was lost.
const JUMP_IOU: f32 = 0.3;
/// A face found anew that looks like a lost one is that, within so many times its size of where it
/// should be,
const REACH: f32 = 1.5;
/// if it is no more than so many times as large or small.
const GROWTH: f32 = 1.5;
/// A face that has jumped may go on or stop: it is looked for half-way, as a share of the jump.
const AFTER_JUMP: f32 = 0.5;
/// A face that is lost this long is gone.
const PATIENCE: Duration = Duration::from_millis(500);
/// Its pace is averaged over this time: what a face that is being covered seems to do last is
/// little to go by.
const PACE_TIME_S: f32 = 0.25;

/// How much points are steadied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// Points are given as the net found them.
    Off,
    /// Steadier and later with more than 1, less so with less.
    On(Strength),
}

const STRENGTHS: RangeInclusive<f32> = 0.1..=10.0;

/// 0.1 to 10; 1 is what the net's jitter asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength(f32);

/// Smoothing that does not work.
#[derive(Debug, Error)]
#[error("expected off, or a strength of {} to {}", STRENGTHS.start(), STRENGTHS.end())]
pub struct SmoothingError;

impl Smoothing {
    /// Smoothing of a strength of 0.1 to 10.
    pub fn of_strength(strength: f32) -> Result<Self, SmoothingError> {
        if STRENGTHS.contains(&strength) { Ok(Smoothing::On(Strength(strength))) } else { Err(SmoothingError) }
    }
}

impl Default for Smoothing {
    fn default() -> Self {
        Smoothing::On(Strength(1.0))
    }
}

/// As it is written on the command line.
impl fmt::Display for Smoothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Smoothing::Off => f.write_str("off"),
            Smoothing::On(Strength(strength)) => strength.fmt(f),
        }
    }
}

impl FromStr for Smoothing {
    type Err = SmoothingError;

    fn from_str(text: &str) -> Result<Self, SmoothingError> {
        match text.parse() {
            Ok(strength) => Smoothing::of_strength(strength),
            Err(_) if text == "off" => Ok(Smoothing::Off),
            Err(_) => Err(SmoothingError),
        }
    }
}

/// The faces that are followed, and the numbers given so far.
#[derive(Debug)]
pub struct Tracker {
    /// In the order of their numbers.
    tracks: Vec<Track>,
    last_id: u32,
    smoothing: Smoothing,
    /// Time of the frame before.
    updated_at: Duration,
}

/// A look that shows a face.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Of the followed face that was looked for; none where a face was found anew.
    pub id: Option<u32>,
    pub look: Look,
}

#[derive(Debug)]
struct Track {
    id: u32,
    filter: FaceFilter,
    /// The box of what was found last.
    before: Rect,
    /// How the centre of that has moved, in pixels a second.
    pace: Vector2<f32>,
    /// When it was seen last.
    seen_at: Duration,
    /// When it was first looked for and not found, and later by what passed without light since.
    lost_at: Option<Duration>,
    /// What it looked like then.
    appearance: Appearance,
    /// The scene was cut since: what is found must look like it.
    is_doubted: bool,
}

/// Where a face should be.
#[derive(Debug)]
pub struct Expected {
    pub id: u32,
    pub points: Vec<Point2<f32>>,
    /// The box where it was seen last.
    before: Rect,
    /// It was not seen in the frame before, or the scene was cut.
    pub lost: bool,
    /// What is found there must look like it.
    pub is_doubted: bool,
}

impl Expected {
    pub fn bounds(&self) -> Rect {
        Rect::around(self.points.iter().copied()).expect("a face has landmarks")
    }

    /// How well a box fits to where it should be: where it was, where it was going, or half-way
    /// there.
    fn overlap(&self, bounds: &Rect) -> f32 {
        let going = self.bounds();
        let between = |a: &Point2<f32>, b: &Point2<f32>, share: f32| a + (b - a) * share;
        [0.0, 0.5, 1.0]
            .map(|share| {
                let min = between(&self.before.min, &going.min, share);
                let max = between(&self.before.max, &going.max, share);
                Rect { min, max }.iou(bounds)
            })
            .into_iter()
            .fold(0.0, f32::max)
    }

    /// How near it should be to a box of like size: 1 at its centre, 0 at its reach.
    fn nearness(&self, bounds: &Rect) -> f32 {
        let size = |rect: &Rect| rect.width().max(rect.height());
        let (own, other) = (size(&self.before), size(bounds));
        if own.max(other) > GROWTH * own.min(other) {
            return 0.0;
        }
        let centres = [self.before.centre(), self.bounds().centre()];
        let nearest = centres.iter().map(|centre| (bounds.centre() - centre).norm()).fold(f32::INFINITY, f32::min);
        (1.0 - nearest / (REACH * own.max(other))).max(0.0)
    }
}

impl Tracker {
    pub fn new(smoothing: Smoothing) -> Self {
        Tracker { tracks: Vec::new(), last_id: 0, smoothing, updated_at: Duration::ZERO }
    }

    /// Steadies points so much from now on.
    pub fn set_smoothing(&mut self, smoothing: Smoothing) {
        self.smoothing = smoothing;
    }

    /// Follows no more faces than that: of those that are seen those that came first, then the
    /// lost ones.
    pub fn keep_first(&mut self, most: usize) {
        self.tracks.sort_by_key(|track| (track.lost_at.is_some(), track.id));
        self.tracks.truncate(most);
        self.tracks.sort_by_key(|track| track.id);
    }

    /// New faces get higher ids than this.
    pub fn number_from(&mut self, last_id: u32) {
        self.last_id = last_id;
    }

    /// The faces to look for in a frame of that time: those seen in the frame before, then those
    /// lost for less than half a second or in the frame before, however long ago that was.
    pub fn expected(&self, now: Duration) -> Vec<Expected> {
        let mut expected: Vec<_> = self.tracks.iter().map(|track| track.expected(now)).collect();
        expected.sort_by_key(|face| face.lost);
        expected
    }

    pub fn follows_any(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// Whether this face is followed, or lost and waited for.
    pub fn follows(&self, id: u32) -> bool {
        self.tracks.iter().any(|track| track.id == id)
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.tracks.clear();
    }

    /// The scene was cut: a face goes on only where one is found that looks like it.
    pub fn doubt(&mut self, now: Duration) {
        for track in &mut self.tracks {
            track.is_doubted = true;
            track.lost_at.get_or_insert(now);
        }
    }

    /// Whether a look shows what the face of that number looked like.
    pub fn is_like(&self, id: u32, look: &Look) -> bool {
        self.tracks.iter().any(|track| track.id == id && track.appearance.is_like(&look.appearance))
    }

    /// Whether a look without a number may show a face that was lost.
    pub fn may_be(&self, face: &Expected, look: &Look) -> bool {
        self.likelihood(face, look).is_some()
    }

    /// How surely a look without a number shows a face that was lost.
    fn likelihood(&self, face: &Expected, look: &Look) -> Option<f32> {
        let bounds = look.bounds();
        let overlap = face.overlap(&bounds);
        let is_like = || self.is_like(face.id, look);
        if overlap >= JUMP_IOU && (!face.is_doubted || is_like()) {
            return Some(1.0 + overlap);
        }
        Some(face.nearness(&bounds)).filter(|near| *near > 0.0 && is_like())
    }

    /// The next frame has no light: what passed since the one before makes no face lost for longer.
    pub fn wait(&mut self, now: Duration) {
        let step = now.saturating_sub(self.updated_at);
        self.tracks.iter_mut().filter_map(|track| track.lost_at.as_mut()).for_each(|lost_at| *lost_at += step);
    }

    /// Takes all sightings of a frame. Gives the faces in the order of their numbers.
    ///
    /// Of two looks at one face, the one stays that is surer and whose face was expected there:
    /// where two persons cross, both looks are at the one in front. Of looks without a number, one
    /// at a lost face is that face, and so is one near it that looks like it.
    pub fn update(&mut self, mut sightings: Vec<Sighting>, now: Duration) -> Vec<Face> {
        let expected = self.expected(now);
        self.updated_at = now;
        let rank = |Sighting { id, look }: &Sighting| match expected.iter().find(|face| Some(face.id) == *id) {
            Some(face) if !face.lost => face.bounds().iou(&look.bounds()) * look.presence,
            Some(_) => -1.0,
            None => -2.0,
        };
        sightings.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(a.id.cmp(&b.id)));
        let mut seen: Vec<(u32, Look)> = Vec::with_capacity(sightings.len());
        for Sighting { id, look } in sightings {
            if seen.iter().any(|(_, other)| other.is_of_same_face(&look)) {
                continue;
            }
            let lost = || {
                let unseen = expected.iter().filter(|face| !seen.iter().any(|(id, _)| *id == face.id));
                let likely = unseen.filter_map(|face| Some((face.id, self.likelihood(face, &look)?)));
                likely.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(id, _)| id)
            };
            let id = id.or_else(lost).unwrap_or_else(|| self.new_id());
            seen.push((id, look));
        }
        seen.sort_by_key(|(id, _)| *id);
        for track in &mut self.tracks {
            if seen.iter().any(|(id, _)| *id == track.id) {
                track.lost_at = None;
            } else {
                track.lost_at.get_or_insert(now);
            }
        }
        self.tracks.retain(|track| track.lost_at.is_none_or(|lost_at| now.saturating_sub(lost_at) < PATIENCE));
        let bounds = |id: u32| expected.iter().find(|face| face.id == id).map(Expected::bounds);
        seen.into_iter().map(|(id, look)| self.see(id, look, bounds(id), now)).collect()
    }

    /// Brings the track of a face that was seen up to date.
    fn see(&mut self, id: u32, look: Look, expected: Option<Rect>, now: Duration) -> Face {
        let bounds = look.bounds();
        let mut face = Face {
            id,
            bounds,
            crop: look.crop,
            landmarks: look.landmarks,
            presence: look.presence,
            guessed: Vec::new(),
            measures: Measures::default(),
        };
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == id) else {
            self.tracks.push(Track::starting(&face, look.appearance, now));
            return face;
        };
        if expected.is_none_or(|expected| expected.iou(&bounds) < JUMP_IOU) {
            track.jump(&face, look.appearance, now);
            return face;
        }
        let strength = if let Smoothing::On(Strength(strength)) = self.smoothing { strength } else { 1.0 };
        let step = now.saturating_sub(track.seen_at);
        let smoothed = track.filter.smooth(step, &face.landmarks, strength);
        track.walk(bounds, step);
        track.seen_at = now;
        (track.lost_at, track.is_doubted) = (None, false);
        track.appearance = look.appearance;
        if self.smoothing != Smoothing::Off {
            face.landmarks.iter_mut().zip(smoothed).for_each(|(landmark, at)| landmark.at = at);
            face.bounds = Rect::around(face.landmarks.iter().map(|l| l.at)).expect("a look has landmarks");
        }
        face
    }

    /// Numbers begin anew after the last one there is; 0 is none.
    fn new_id(&mut self) -> u32 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

impl Track {
    fn starting(face: &Face, appearance: Appearance, now: Duration) -> Self {
        Track {
            id: face.id,
            filter: FaceFilter::starting(&face.landmarks),
            before: face.bounds,
            pace: Vector2::zeros(),
            seen_at: now,
            lost_at: None,
            appearance,
            is_doubted: false,
        }
    }

    /// It was seen where it was not expected.
    fn jump(&mut self, face: &Face, appearance: Appearance, now: Duration) {
        let step_s = now.saturating_sub(self.seen_at).as_secs_f32();
        let jumped = face.bounds.centre() - self.before.centre();
        *self = Track::starting(face, appearance, now);
        if step_s > 0.0 {
            self.pace = jumped * (AFTER_JUMP / step_s);
            self.filter = FaceFilter::moving(&face.landmarks, self.pace);
        }
    }

    /// It was seen at `bounds`, `step` after it was seen before.
    fn walk(&mut self, bounds: Rect, step: Duration) {
        let step_s = step.as_secs_f32();
        if step_s > 0.0 {
            let pace = (bounds.centre() - self.before.centre()) / step_s;
            self.pace += (pace - self.pace) * (1.0 - (-step_s / PACE_TIME_S).exp());
        }
        self.before = bounds;
    }

    fn expected(&self, now: Duration) -> Expected {
        let (step, lost) = (now.saturating_sub(self.seen_at), self.lost_at.is_some());
        let mut points = self.filter.ahead(if lost { Duration::ZERO } else { step });
        if lost {
            let walked = self.pace * step.min(PATIENCE).as_secs_f32();
            points.iter_mut().for_each(|point| *point += walked);
        }
        Expected { id: self.id, points, before: self.before, lost, is_doubted: self.is_doubted }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Vector2};

    use super::*;
    use crate::face::Landmark;
    use crate::picture::geometry::Crop;

    /// A face 30 wide whose top left corner is at `(x, 0)`.
    fn look(x: f32) -> Look {
        let landmarks = [(0.0, 0.0), (30.0, 0.0), (15.0, 30.0), (15.0, 15.0)].map(|(dx, dy)| Landmark {
            at: Point2::new(x + dx, dy),
            confidence: 0.9,
            covariance: Matrix2::identity(),
        });
        Look {
            crop: Crop::new(Point2::origin(), 40.0, 0.0, 64),
            eyes: [0, 1].map(|i: usize| landmarks[i].at),
            landmarks: landmarks.into(),
            presence: 0.9,
            appearance: Appearance::number(1),
        }
    }

    /// The same of somebody who looks otherwise.
    fn other_look(x: f32) -> Look {
        Look { appearance: Appearance::number(2), ..look(x) }
    }

    fn sighting(id: Option<u32>, look: Look) -> Sighting {
        Sighting { id, look }
    }

    fn new(x: f32) -> Sighting {
        sighting(None, look(x))
    }

    fn of(id: u32, x: f32) -> Sighting {
        sighting(Some(id), look(x))
    }

    fn ids(faces: &[Face]) -> Vec<u32> {
        faces.iter().map(|face| face.id).collect()
    }

    fn at(frame: u32) -> Duration {
        Duration::from_micros(33_333) * frame
    }

    fn tracker() -> Tracker {
        Tracker::new(Smoothing::default())
    }

    #[test]
    fn faces_keep_their_numbers_and_numbers_are_not_given_twice() {
        let mut tracker = tracker();
        assert_eq!(ids(&tracker.update(vec![new(0.0), new(100.0)], at(0))), [1, 2]);
        assert_eq!(ids(&tracker.update(vec![of(2, 102.0), new(50.0)], at(1))), [2, 3]);
        let expected = tracker.expected(at(2));
        assert_eq!(
            expected.iter().map(|face| (face.id, face.lost)).collect::<Vec<_>>(),
            [(2, false), (3, false), (1, true)]
        );
        tracker.forget();
        assert_eq!(ids(&tracker.update(vec![new(0.0)], at(2))), [4]);
    }

    #[test]
    fn no_face_has_the_number_of_nobody() {
        let mut tracker = tracker();
        tracker.number_from(u32::MAX - 1);
        let two = vec![new(0.0), new(100.0)];
        assert_eq!(ids(&tracker.update(two, at(0))), [1, u32::MAX]);
    }

    #[test]
    fn two_tracks_on_one_face_become_one() {
        let mut tracker = tracker();
        tracker.update(vec![new(0.0), new(40.0)], at(0));
        let faces = tracker.update(vec![of(2, 22.0), of(1, 16.0), new(20.0)], at(1));
        assert_eq!(ids(&faces), [1]);
    }

    #[test]
    fn of_two_looks_at_one_face_that_stays_whose_face_was_expected_there_or_that_is_surer() {
        let unsure = Look { presence: 0.5, ..look(7.0) };
        for (first, second) in [(look(13.0), look(14.0)), (unsure, look(14.0))] {
            let mut tracker = tracker();
            tracker.update(vec![new(0.0), new(14.0)], at(0));
            let faces = tracker.update(vec![sighting(Some(1), first), sighting(Some(2), second)], at(1));
            assert_eq!(ids(&faces), [2]);
        }
    }

    #[test]
    fn a_lost_face_found_where_it_should_be_keeps_its_number_for_half_a_second() {
        for (frames, id) in [(5, 1), (14, 1), (17, 2)] {
            let mut tracker = tracker();
            // Three a frame.
            (0..=10)
                .for_each(|i| drop(tracker.update(vec![sighting((i > 0).then_some(1), look(3.0 * i as f32))], at(i))));
            (11..11 + frames).for_each(|i| drop(tracker.update(Vec::new(), at(i))));
            let faces = tracker.update(vec![new(3.0 * (11 + frames) as f32)], at(11 + frames));
            assert_eq!(ids(&faces), [id], "after {frames} frames");
        }
        let mut tracker = tracker();
        tracker.update(vec![new(0.0)], at(0));
        tracker.update(Vec::new(), at(1));
        assert_eq!(ids(&tracker.update(vec![new(60.0)], at(2))), [2]);
    }

    #[test]
    fn who_walks_past_in_great_steps_keeps_the_number_and_is_soon_found_where_expected() {
        let mut tracker = tracker();
        let second_fifth = |i: u32| Duration::from_millis(200) * i;
        tracker.update(vec![new(0.0)], second_fifth(0));
        assert_eq!(ids(&tracker.update(vec![new(25.0)], second_fifth(1))), [1]);
        let expected = tracker.expected(second_fifth(2)).remove(0);
        assert!((30.0..=50.0).contains(&expected.points[0].x), "{expected:?}");
        assert_eq!(ids(&tracker.update(vec![sighting(None, other_look(75.0))], second_fifth(2))), [2]);
    }

    #[test]
    fn after_a_cut_a_face_goes_on_where_it_looks_as_before() {
        for (looks, expected) in [
            (vec![of(1, 1.0)], [1].as_slice()),
            (vec![new(1.0), sighting(None, other_look(100.0))], &[1, 3]),
            (vec![sighting(None, other_look(1.0))], &[3]),
        ] {
            let mut tracker = tracker();
            tracker.update(vec![new(0.0), new(200.0)], at(0));
            tracker.doubt(at(1));
            assert!(tracker.expected(at(1)).iter().all(|face| face.lost && face.is_doubted));
            assert_eq!(ids(&tracker.update(looks, at(1))), expected);
        }
    }

    #[test]
    fn a_face_taken_upside_down_is_the_same_face() {
        let upright = look(0.0);
        let upside_down = Look {
            landmarks: upright.landmarks.iter().map(|l| Landmark { at: Point2::new(l.at.x, -l.at.y), ..*l }).collect(),
            eyes: [upright.eyes[1], upright.eyes[0]],
            ..upright.clone()
        };
        assert_eq!(upright.bounds().iou(&upside_down.bounds()), 0.0);
        assert_eq!(ids(&tracker().update(vec![sighting(None, upright), sighting(None, upside_down)], at(0))), [1]);
    }

    #[test]
    fn smoothing_holds_back_jitter_but_no_jump() {
        let mut tracker = tracker();
        for i in 0..30 {
            tracker.update(vec![sighting((i > 0).then_some(1), look(0.0))], at(i));
        }
        let faces = tracker.update(vec![of(1, 0.05)], at(30));
        let shift = faces[0].landmarks[0].at - Point2::origin();
        assert!((0.001..0.04).contains(&shift.x), "{shift}");
        let faces = tracker.update(vec![of(1, 25.0)], at(31));
        assert_eq!(faces[0].landmarks[0].at - Point2::new(25.0, 0.0), Vector2::zeros());
    }

    #[test]
    fn of_too_many_faces_those_stay_that_came_first() {
        let mut tracker = tracker();
        tracker.update(vec![new(0.0), new(100.0), new(200.0)], at(0));
        tracker.keep_first(2);
        let expected: Vec<u32> = tracker.expected(at(1)).iter().map(|face| face.id).collect();
        assert_eq!(expected, [1, 2]);
        tracker.update(vec![of(2, 100.0), new(200.0)], at(1));
        tracker.keep_first(2);
        let expected: Vec<u32> = tracker.expected(at(2)).iter().map(|face| face.id).collect();
        assert_eq!(expected, [2, 4]);
    }

    #[test]
    fn a_face_is_lost_for_no_longer_while_there_is_no_light() {
        let mut tracker = tracker();
        tracker.update(vec![new(0.0)], at(0));
        for i in 1..40 {
            // Ten frames of light among them.
            if i % 4 != 0 {
                tracker.wait(at(i));
            }
            tracker.update(Vec::new(), at(i));
        }
        assert!(tracker.follows(1));
        (40..50).for_each(|i| drop(tracker.update(Vec::new(), at(i))));
        assert!(!tracker.follows(1));
    }

    #[test]
    fn smoothing_is_off_or_a_strength() {
        assert_eq!("off".parse::<Smoothing>().unwrap(), Smoothing::Off);
        assert_eq!("2".parse::<Smoothing>().unwrap(), Smoothing::On(Strength(2.0)));
        for wrong in ["0", "-1", "NaN", "11", "on", ""] {
            assert!(wrong.parse::<Smoothing>().is_err(), "{wrong:?}");
        }
        assert_eq!(Smoothing::default().to_string(), "1");
    }
}
