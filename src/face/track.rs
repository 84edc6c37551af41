//! Follows faces from frame to frame: which crop to look at next, who is who, and what to forget.

use std::time::Duration;

use nalgebra::Point2;

use crate::face::Face;
use crate::face::look::Look;
use crate::face::smooth::OneEuro;
use crate::picture::geometry::Rect;

/// Two looks whose boxes overlap more than this are at one face.
pub const SAME_FACE_IOU: f32 = 0.5;
/// A face whose box overlaps its box in the frame before less than this has jumped, and is not smoothed towards.
const JUMP_IOU: f32 = 0.3;

/// The faces of the frame before, and the numbers given so far.
#[derive(Debug)]
pub struct Tracker {
    tracks: Vec<Track>,
    last_id: u32,
    smoothing: bool,
}

#[derive(Debug)]
struct Track {
    id: u32,
    /// As the net found them: the next crop follows these, so that smoothing cannot make it lag.
    points: Vec<Point2<f32>>,
    bounds: Rect,
    filter: OneEuro,
}

impl Tracker {
    pub fn new(smoothing: bool) -> Self {
        Tracker { tracks: Vec::new(), last_id: 0, smoothing }
    }

    /// The faces to look for in the next frame: id, and where the landmarks were.
    pub fn followed(&self) -> impl Iterator<Item = (u32, &[Point2<f32>])> {
        self.tracks.iter().map(|track| (track.id, track.points.as_slice()))
    }

    /// Nothing that was seen so far has to do with what comes.
    pub fn forget(&mut self) {
        self.tracks.clear();
    }

    /// Takes all looks of a frame that show a face, those at followed faces with their id and first; of two at
    /// one face, the first stays. What is not among them is no longer followed.
    pub fn update(&mut self, looks: Vec<(Option<u32>, Look)>, captured_at: Duration) -> Vec<Face> {
        let before = std::mem::take(&mut self.tracks);
        let mut faces: Vec<Face> = Vec::with_capacity(looks.len());
        for (id, look) in looks {
            let bounds = look.bounds();
            if self.tracks.iter().any(|track| track.bounds.iou(&bounds) > SAME_FACE_IOU) {
                continue;
            }
            let points = look.points();
            let known = id.and_then(|id| before.iter().find(|track| track.id == id));
            let id = known.map_or_else(|| self.new_id(), |track| track.id);
            let mut filter = known
                .filter(|track| track.bounds.iou(&bounds) >= JUMP_IOU)
                .map_or_else(|| OneEuro::starting(captured_at, points.iter().copied()), |track| track.filter.clone());
            let smoothed = filter.smooth(captured_at, &points, bounds.width().max(bounds.height()).max(1.0));
            let mut face = Face { id, bounds, crop: look.crop, landmarks: look.landmarks, confidence: look.confidence };
            if self.smoothing {
                face.landmarks.iter_mut().zip(smoothed).for_each(|(landmark, at)| landmark.at = at);
                face.bounds = Rect::around(face.landmarks.iter().map(|l| l.at)).expect("a look has landmarks");
            }
            self.tracks.push(Track { id, points, bounds, filter });
            faces.push(face);
        }
        faces
    }

    fn new_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
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
        let landmarks = [(0.0, 0.0), (30.0, 0.0), (15.0, 30.0)].map(|(dx, dy)| Landmark {
            at: Point2::new(x + dx, dy),
            confidence: 0.9,
            covariance: Matrix2::identity(),
        });
        Look { crop: Crop::new(Point2::origin(), 40.0, 0.0, 64), landmarks: landmarks.into(), confidence: 0.9 }
    }

    fn ids(faces: &[Face]) -> Vec<u32> {
        faces.iter().map(|face| face.id).collect()
    }

    fn at(frame: u32) -> Duration {
        Duration::from_millis(33) * frame
    }

    #[test]
    fn faces_keep_their_numbers_and_numbers_are_not_given_twice() {
        let mut tracker = Tracker::new(false);
        assert_eq!(ids(&tracker.update(vec![(None, look(0.0)), (None, look(100.0))], at(0))), [1, 2]);
        assert_eq!(ids(&tracker.update(vec![(Some(2), look(102.0)), (None, look(0.0))], at(1))), [2, 3]);
        assert_eq!(tracker.followed().map(|(id, _)| id).collect::<Vec<_>>(), [2, 3]);
        tracker.forget();
        assert_eq!(ids(&tracker.update(vec![(None, look(0.0))], at(2))), [4]);
    }

    #[test]
    fn two_tracks_on_one_face_become_the_older_one() {
        let mut tracker = Tracker::new(false);
        tracker.update(vec![(None, look(0.0)), (None, look(100.0))], at(0));
        let faces = tracker.update(vec![(Some(1), look(50.0)), (Some(2), look(52.0)), (None, look(51.0))], at(1));
        assert_eq!(ids(&faces), [1]);
    }

    #[test]
    fn smoothing_holds_back_jitter_but_neither_the_next_crop_nor_a_jump() {
        let mut tracker = Tracker::new(true);
        tracker.update(vec![(None, look(0.0))], at(0));
        let faces = tracker.update(vec![(Some(1), look(0.5))], at(1));
        let shift = faces[0].landmarks[0].at - Point2::origin();
        assert!((0.05..0.45).contains(&shift.x), "{shift}");
        assert_eq!(tracker.followed().next().unwrap().1[0], Point2::new(0.5, 0.0));
        let faces = tracker.update(vec![(Some(1), look(25.0))], at(2));
        assert_eq!(faces[0].landmarks[0].at - Point2::new(25.0, 0.0), Vector2::zeros());
    }
}
