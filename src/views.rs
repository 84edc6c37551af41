//! Which ways up a frame is searched for faces: the detector sees those that stand nearly upright in its picture.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// Rolls of the whole frame, in radians, likely ones first.
const ROLLS: [f32; 8] =
    [0.0, FRAC_PI_4, -FRAC_PI_4, FRAC_PI_2, -FRAC_PI_2, PI, FRAC_PI_2 + FRAC_PI_4, -FRAC_PI_2 - FRAC_PI_4];

/// How to search one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Views {
    /// Rolls to try in this order until a face is found for sure.
    pub first: &'static [f32],
    /// Rolls to go on with where a face was found, but none for sure: it may be one that was seen the wrong way up.
    pub others: &'static [f32],
}

impl Views {
    /// For a frame in which faces are followed: how the camera is held is known.
    pub const UPRIGHT: Views = Views { first: ROLLS.split_at(1).0, others: &[] };
}

/// Says how to search frames in which no face is followed. The first one all ways; those after it one way each, so that an empty
/// scene costs no more than if there were only one way: every other time upright.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    searches: usize,
}

impl Schedule {
    /// The next frame is a first one.
    pub fn restart(&mut self) {
        self.searches = 0;
    }

    pub fn next(&mut self) -> Views {
        let search = self.searches;
        self.searches += 1;
        match search {
            0 => Views { first: &ROLLS, others: &[] },
            _ if search.is_multiple_of(2) => {
                let turned = 1 + (search / 2 - 1) % (ROLLS.len() - 1);
                Views { first: &ROLLS[turned..=turned], others: &ROLLS }
            }
            _ => Views { first: Views::UPRIGHT.first, others: &ROLLS[1..] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_frame_is_searched_all_ways_and_later_ones_one_way_each() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next().first, ROLLS);
        let later: Vec<&[f32]> = (0..16).map(|_| schedule.next().first).collect();
        assert!(later.iter().all(|first| first.len() == 1), "{later:?}");
        assert!(later.iter().step_by(2).all(|first| *first == [0.0]), "{later:?}");
        let turned: Vec<f32> = later[..14].iter().skip(1).step_by(2).map(|first| first[0]).collect();
        assert_eq!(turned, ROLLS[1..]);
        schedule.restart();
        assert_eq!(schedule.next().first, ROLLS);
    }
}
