//! Room for the faces that are followed at once.

use std::time::Duration;

use crate::face::look::Look;
use crate::face::nearest::CLEARLY_LARGER;
use crate::face::search::Missed;
use crate::face::track::Sighting;

/// While there is no room, every frame of this many is searched for a larger face, and so that it
/// can be said that there are more. Set by hand.
const FRAMES_A_SEARCH_FOR_MORE: u32 = 90;

/// The largest faces have room, and those that had it before keep it.
#[derive(Debug)]
pub struct Room {
    most: usize,
    /// That there are more faces than room was said.
    was_said: bool,
}

impl Room {
    pub fn new(most: usize) -> Self {
        Room { most, was_said: false }
    }

    /// How many faces have room.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Every frame of so many is searched in which so many faces were followed, and these missed,
    /// `step` after the frame before.
    pub fn frames_a_search(&self, followed: usize, missed: Missed, step: Duration) -> u32 {
        if followed < self.most { missed.frames_a_search(step) } else { FRAMES_A_SEARCH_FOR_MORE }
    }

    /// Adds new faces to those that are followed, the largest first, as long as there is room. A
    /// face that `is_awaited` may be one of those that were lost; for each of these a place is
    /// kept. Without room, a face takes the place of the smallest that is followed if it is clearly
    /// larger. Says the first time that there are more.
    pub fn add(
        &mut self,
        followed: &mut Vec<Sighting>,
        mut found: Vec<Look>,
        lost: usize,
        is_awaited: impl Fn(&Look) -> bool,
    ) {
        let area = |look: &Look| look.bounds().area();
        found.sort_by(|a, b| area(b).total_cmp(&area(a)));
        let mut for_new = self.most.saturating_sub(followed.len() + lost);
        let mut more = false;
        for look in found {
            let awaited = is_awaited(&look);
            let has_room = followed.len() < self.most && (awaited || for_new > 0);
            if !has_room {
                more = true;
                let by_area = |a: &usize, b: &usize| area(&followed[*a].look).total_cmp(&area(&followed[*b].look));
                let smallest = (0..followed.len()).filter(|i| followed[*i].id.is_some()).min_by(by_area);
                let outgrown = smallest.filter(|i| area(&look) > CLEARLY_LARGER * area(&followed[*i].look));
                let Some(smallest) = outgrown else { continue };
                followed.remove(smallest);
            } else if !awaited {
                for_new -= 1;
            }
            followed.push(Sighting { id: None, look });
        }
        if more && !std::mem::replace(&mut self.was_said, true) {
            log::warn!("a frame shows more faces than the {} that are followed: the largest", self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2, Point2};

    use super::*;
    use crate::face::Landmark;
    use crate::face::appearance::Appearance;
    use crate::picture::geometry::Crop;

    fn look(side: f32) -> Look {
        let point = |x, y| Landmark { at: Point2::new(x, y), confidence: 1.0, covariance: Matrix2::identity() };
        Look {
            crop: Crop::new(Point2::origin(), 40.0, 0.0, 64),
            landmarks: vec![point(0.0, 0.0), point(side, side)],
            presence: 0.9,
            eyes: [Point2::origin(); 2],
            appearance: Appearance::number(1),
        }
    }

    fn seen(id: u32, side: f32) -> Sighting {
        Sighting { id: Some(id), look: look(side) }
    }

    /// Numbers and sides of the faces that have room after these were found.
    fn added(most: usize, mut followed: Vec<Sighting>, found: &[f32], lost: &[f32]) -> Vec<(Option<u32>, f32)> {
        let found = found.iter().map(|side| look(*side)).collect();
        let is_awaited = |look: &Look| lost.contains(&look.bounds().width());
        Room::new(most).add(&mut followed, found, lost.len(), is_awaited);
        followed.iter().map(|seen| (seen.id, seen.look.bounds().width())).collect()
    }

    #[test]
    fn the_largest_faces_have_room() {
        assert_eq!(added(2, vec![], &[10.0, 30.0, 20.0], &[]), [(None, 30.0), (None, 20.0)]);
        assert_eq!(added(2, vec![seen(1, 20.0)], &[22.0, 21.0], &[]), [(Some(1), 20.0), (None, 22.0)]);
    }

    #[test]
    fn who_is_clearly_larger_takes_a_place() {
        assert_eq!(added(1, vec![seen(1, 20.0)], &[24.0], &[]), [(Some(1), 20.0)]);
        assert_eq!(added(1, vec![seen(1, 20.0)], &[25.0], &[]), [(None, 25.0)]);
        assert_eq!(added(2, vec![seen(1, 20.0), seen(2, 90.0)], &[60.0, 50.0], &[]), [(Some(2), 90.0), (None, 60.0)]);
    }

    #[test]
    fn a_lost_face_keeps_its_place_for_itself() {
        assert_eq!(added(1, vec![], &[20.0], &[30.0]), []);
        assert_eq!(added(1, vec![], &[30.0, 40.0], &[30.0]), [(None, 30.0)]);
        assert_eq!(added(2, vec![seen(1, 20.0)], &[21.0], &[30.0]), [(Some(1), 20.0)]);
        assert_eq!(added(3, vec![seen(1, 20.0)], &[21.0], &[30.0]), [(Some(1), 20.0), (None, 21.0)]);
    }

    #[test]
    fn more_faces_are_searched_for_seldom() {
        let (room, step) = (Room::new(2), Duration::from_millis(33));
        assert_eq!(room.frames_a_search(1, Missed::Lost, step), Missed::Lost.frames_a_search(step));
        assert_eq!(room.frames_a_search(2, Missed::Lost, step), FRAMES_A_SEARCH_FOR_MORE);
        assert_eq!(room.frames_a_search(1, Missed::Seen, step), 0);
    }
}
