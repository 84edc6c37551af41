//! Which of several faces is the one that receivers of a single face follow.

use super::Face;

// Set by hand; no film with two people was measured.

/// Another face takes over where its box is larger than that of the one before by this factor.
pub(super) const CLEARLY_LARGER: f32 = 1.5;

/// Follows the nearest face: the one with the largest box.
#[derive(Debug, Default)]
pub struct Nearest {
    id: Option<u32>,
}

impl Nearest {
    /// The face chosen before, unless it is not there or another one is clearly nearer: of two that
    /// are equally far, jitter chooses none.
    pub fn choose<'a>(&mut self, faces: &'a [Face]) -> Option<&'a Face> {
        let area = |face: &Face| face.bounds.area();
        let largest = faces.iter().max_by(|a, b| area(a).total_cmp(&area(b)))?;
        let before = faces.iter().find(|face| Some(face.id) == self.id);
        let still = before.filter(|before| area(largest) <= CLEARLY_LARGER * area(before));
        let chosen = still.unwrap_or(largest);
        self.id = Some(chosen.id);
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;
    use crate::face::measure::Measures;
    use crate::picture::geometry::{Crop, Rect};

    fn face(id: u32, side: f32) -> Face {
        Face {
            id,
            bounds: Rect::new(0.0, 0.0, side, side),
            crop: Crop::new(Point2::origin(), side, 0.0, 128),
            landmarks: Vec::new(),
            presence: 1.0,
            guessed: Vec::new(),
            measures: Measures::default(),
        }
    }

    #[test]
    fn the_face_that_was_nearest_is_followed_until_it_goes_or_another_is_clearly_nearer() {
        let mut nearest = Nearest::default();
        for (faces, expected) in [
            (vec![], None),
            (vec![face(1, 100.0), face(2, 101.0)], Some(2)),
            (vec![face(1, 102.0), face(2, 101.0)], Some(2)),
            (vec![face(1, 120.0), face(2, 100.0)], Some(2)),
            (vec![], None),
            (vec![face(1, 120.0), face(2, 100.0)], Some(2)),
            (vec![face(1, 130.0), face(2, 100.0)], Some(1)),
            (vec![face(1, 110.0), face(2, 120.0)], Some(1)),
            (vec![face(2, 90.0), face(3, 80.0)], Some(2)),
        ] {
            assert_eq!(nearest.choose(&faces).map(|face| face.id), expected, "{faces:?}");
        }
    }
}
