//! Which ways a frame is searched for faces: the detector sees those that stand nearly upright in its picture and do not fill it.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// How the detector looks at a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Faces that lean by so much look upright. Radians, positive clockwise on the screen.
    pub roll: f32,
    /// Side of the square that is seen, where the smallest square around the frame is 1. What is seen looks smaller by this.
    pub reach: f32,
}

impl View {
    pub const UPRIGHT: View = View::turned(0.0);
    /// For faces so near that they fill the frame.
    const NEAR: View = View { roll: 0.0, reach: 1.4 };

    const fn turned(roll: f32) -> View {
        View { roll, reach: 1.0 }
    }
}

/// Likely ones first.
const VIEWS: [View; 9] = [
    View::UPRIGHT,
    View::NEAR,
    View::turned(FRAC_PI_4),
    View::turned(-FRAC_PI_4),
    View::turned(FRAC_PI_2),
    View::turned(-FRAC_PI_2),
    View::turned(PI),
    View::turned(FRAC_PI_2 + FRAC_PI_4),
    View::turned(-FRAC_PI_2 - FRAC_PI_4),
];

/// How to search one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Views {
    /// Those to try in this order until a face is found for sure.
    pub first: &'static [View],
    /// Those to go on with where a face was found, but none for sure: it may be one that was seen the wrong way up.
    pub others: &'static [View],
}

impl Views {
    /// For a frame in which faces are followed: how the camera is held is known.
    pub const UPRIGHT: Views = Views { first: VIEWS.split_at(1).0, others: &[] };
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

    pub fn next_search(&mut self) -> Views {
        let search = self.searches;
        self.searches += 1;
        match search {
            0 => Views { first: &VIEWS, others: &[] },
            _ if search.is_multiple_of(2) => {
                let other = 1 + (search / 2 - 1) % (VIEWS.len() - 1);
                Views { first: &VIEWS[other..=other], others: &VIEWS }
            }
            _ => Views { first: Views::UPRIGHT.first, others: &VIEWS[1..] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_frame_is_searched_all_ways_and_later_ones_one_way_each() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next_search().first, VIEWS);
        let later: Vec<&[View]> = (0..18).map(|_| schedule.next_search().first).collect();
        assert!(later.iter().all(|first| first.len() == 1), "{later:?}");
        assert!(later.iter().step_by(2).all(|first| *first == [View::UPRIGHT]), "{later:?}");
        let other: Vec<View> = later[..16].iter().skip(1).step_by(2).map(|first| first[0]).collect();
        assert_eq!(other, VIEWS[1..]);
        schedule.restart();
        assert_eq!(schedule.next_search().first, VIEWS);
    }
}
