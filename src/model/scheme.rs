//! Landmark schemes: which point is which, how points join to contours, and what a mirror does to
//! them.

use nalgebra::Point2;

/// A fixed order of landmarks.
#[derive(Debug)]
pub struct Scheme {
    /// As cards write it.
    pub name: &'static str,
    /// How many there are.
    pub landmarks: usize,
    /// Point `i` of a mirrored face is point `flip[i]` of the face itself.
    pub flip: &'static [usize],
    /// Curves along the face, as runs of landmarks. The overlay draws them, and the boundary
    /// heatmap of the Adaptive Wing Loss paper merges them (section 5: "boundary prediction",
    /// curves as in LAB, CVPR 2018).
    pub curves: &'static [Curve],
    /// The outer corners of the eyes; their distance normalises errors (inter-ocular).
    pub outer_eye_corners: [usize; 2],
    /// The root of the nose and the tip of the chin: down, along an upright face.
    pub midline: [usize; 2],
    /// The tip of the nose.
    pub nose_tip: usize,
}

impl Scheme {
    /// Those that are known.
    pub const ALL: [&'static Scheme; 1] = [&IBUG_68];

    /// The one that cards write so.
    pub fn named(name: &str) -> Option<&'static Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name == name)
    }

    /// How far a face leans to its left, in radians, positive clockwise on the screen. The line of
    /// the eyes counts as much as it is long and so does the midline: one of them stays long
    /// whichever way a head turns.
    ///
    /// # Panics
    /// When there are not as many points as landmarks.
    pub fn roll(&self, points: &[Point2<f32>]) -> f32 {
        assert_eq!(points.len(), self.landmarks, "points of {}", self.name);
        let along = |[from, to]: [usize; 2]| points[to] - points[from];
        let (across, down) = (along(self.outer_eye_corners), along(self.midline));
        (across.y - down.x).atan2(across.x + down.y)
    }

    /// Whether an upright face is turned to its own right, which is the left of the picture: the
    /// tip of its nose lies to that side of the middle of the eyes.
    ///
    /// # Panics
    /// When there are not as many points as landmarks.
    pub fn is_turned_to_its_right(&self, points: &[Point2<f32>]) -> bool {
        assert_eq!(points.len(), self.landmarks, "points of {}", self.name);
        let [right, left] = self.outer_eye_corners;
        points[self.nose_tip].x < (points[right].x + points[left].x) / 2.0
    }
}

/// Schemes are told apart by their names.
impl PartialEq for Scheme {
    fn eq(&self, other: &Scheme) -> bool {
        self.name == other.name
    }
}

/// A curve through landmarks in the order given.
#[derive(Debug)]
pub struct Curve {
    /// `right eye` and the like, from the person's own side.
    pub name: &'static str,
    /// Indices of its landmarks.
    pub points: &'static [usize],
}

const fn curve(name: &'static str, points: &'static [usize]) -> Curve {
    Curve { name, points }
}

/// The 68 points of iBUG, as in 300-W: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67.
/// "Right" and "left" are the subject's; the subject's right is at the left of the picture.
pub const IBUG_68: Scheme = Scheme {
    name: "ibug68",
    landmarks: 68,
    flip: &[
        16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, // jaw
        26, 25, 24, 23, 22, 21, 20, 19, 18, 17, // brows
        27, 28, 29, 30, 35, 34, 33, 32, 31, // nose
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, // eyes
        54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, // outer lips
        64, 63, 62, 61, 60, 67, 66, 65, // inner lips
    ],
    curves: &[
        curve("jaw", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
        curve("right brow", &[17, 18, 19, 20, 21]),
        curve("left brow", &[22, 23, 24, 25, 26]),
        curve("nose bridge", &[27, 28, 29, 30]),
        curve("nose base", &[31, 32, 33, 34, 35]),
        curve("right upper lid", &[36, 37, 38, 39]),
        curve("right lower lid", &[39, 40, 41, 36]),
        curve("left upper lid", &[42, 43, 44, 45]),
        curve("left lower lid", &[45, 46, 47, 42]),
        curve("upper lip, upper edge", &[48, 49, 50, 51, 52, 53, 54]),
        curve("upper lip, lower edge", &[60, 61, 62, 63, 64]),
        curve("lower lip, upper edge", &[64, 65, 66, 67, 60]),
        curve("lower lip, lower edge", &[54, 55, 56, 57, 58, 59, 48]),
    ],
    outer_eye_corners: [36, 45],
    midline: [27, 8],
    nose_tip: 30,
};

/// Which of WFLW's 98 points stand at the places of iBUG's 68.
pub const IBUG_68_FROM_WFLW_98: [usize; 68] = [
    0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, // jaw
    33, 34, 35, 36, 37, 42, 43, 44, 45, 46, // brows, upper edges
    51, 52, 53, 54, 55, 56, 57, 58, 59, // nose
    60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, // eyes
    76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, // mouth
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipping_twice_is_the_identity() {
        assert_eq!(IBUG_68.flip.len(), IBUG_68.landmarks);
        for i in 0..IBUG_68.landmarks {
            assert_eq!(IBUG_68.flip[IBUG_68.flip[i]], i, "landmark {i}");
        }
    }

    #[test]
    fn a_mirror_maps_every_curve_onto_a_curve() {
        let sorted = |points: &mut Vec<usize>| points.sort_unstable();
        let curves: Vec<Vec<usize>> = IBUG_68
            .curves
            .iter()
            .map(|c| c.points.to_vec())
            .map(|mut p| {
                sorted(&mut p);
                p
            })
            .collect();
        assert_eq!(curves.len(), 13);
        for curve in &curves {
            let mut mirrored: Vec<usize> = curve.iter().map(|&i| IBUG_68.flip[i]).collect();
            sorted(&mut mirrored);
            assert!(curves.contains(&mirrored), "{curve:?} has no mirror image");
        }
    }

    #[test]
    fn roll_is_that_of_the_eyes_of_a_frontal_face_and_of_the_midline_of_a_profile() {
        let rolled = |eye_distance: f32, roll: f32| {
            let mut points = vec![Point2::origin(); 68];
            points[36] = Point2::new(-eye_distance / 2.0, 0.0);
            points[45] = Point2::new(eye_distance / 2.0, 0.0);
            points[8] = Point2::new(0.0, 60.0);
            let turn = nalgebra::Rotation2::new(roll);
            IBUG_68.roll(&points.iter().map(|p| turn * p).collect::<Vec<_>>())
        };
        for roll in [-3.0f32, -0.5, 0.0, 1.2, 3.0] {
            assert!((rolled(60.0, roll) - roll).abs() < 1e-5);
            assert!((rolled(0.0, roll) - roll).abs() < 1e-5);
        }
    }

    #[test]
    fn every_landmark_is_on_a_curve() {
        for i in 0..IBUG_68.landmarks {
            assert!(IBUG_68.curves.iter().any(|c| c.points.contains(&i)), "landmark {i}");
        }
    }
}
