//! Room for the faces that are followed at once.

use std::time::Duration;

use crate::face::look::Look;
use crate::face::search::Missed;

/// While there is no room, every frame of this many is searched for one face more, so that it can
/// be said that there is one. Set by hand.
const FRAMES_A_SEARCH_FOR_MORE: u32 = 90;

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
    /// `step` after the frame before; none where a new face would have no room.
    pub fn frames_a_search(&self, followed: usize, missed: Missed, step: Duration) -> Option<u32> {
        if followed < self.most {
            return Some(missed.frames_a_search(step));
        }
        (!self.was_said).then_some(FRAMES_A_SEARCH_FOR_MORE)
    }

    /// Leaves new faces out that have no room beside those that are followed, and says so the first
    /// time.
    pub fn keep(&mut self, found: &mut Vec<Look>, followed: usize) {
        let left = self.most.saturating_sub(followed);
        if found.len() > left && !std::mem::replace(&mut self.was_said, true) {
            log::warn!("a frame shows more faces than the {} that are followed", self.most);
        }
        found.truncate(left);
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;
    use crate::face::appearance::Appearance;
    use crate::picture::geometry::Crop;

    #[test]
    fn more_faces_are_searched_for_seldom_and_until_one_was_found() {
        let mut room = Room::new(2);
        let look = Look {
            crop: Crop::new(Point2::origin(), 40.0, 0.0, 64),
            landmarks: Vec::new(),
            presence: 0.9,
            eyes: [Point2::origin(); 2],
            appearance: Appearance::number(1),
        };
        let step = Duration::from_millis(33);
        let mut found = vec![look.clone()];
        room.keep(&mut found, 1);
        assert_eq!(found.len(), 1);
        assert_eq!(room.frames_a_search(1, Missed::Lost, step), Some(Missed::Lost.frames_a_search(step)));
        assert_eq!(room.frames_a_search(2, Missed::Lost, step), Some(FRAMES_A_SEARCH_FOR_MORE));
        found.push(look);
        room.keep(&mut found, 1);
        assert_eq!(found.len(), 1);
        assert_eq!(room.frames_a_search(2, Missed::Seen, step), None);
        assert_eq!(room.frames_a_search(1, Missed::Seen, step), Some(0));
    }
}
