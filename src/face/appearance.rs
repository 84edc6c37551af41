//! What pictures look like from afar, in any light: by the edges between few large cells.

use crate::picture::crop::CropImage;

/// Cells along each side of a crop.
const SIDE: usize = 8;
const EDGES: usize = 2 * SIDE * (SIDE - 1);
/// Of a crop's pixels so many are counted along each side of a cell, at most.
const SAMPLES: usize = 4;
/// Correlation of edges from which on two crops show the same face. Of 160 faces of 300-W, in
/// squares of 1.3 times their boxes, 95 in 100 have 0.74 and more with a crop of theirs that is
/// shifted and scaled by 3 % (standard deviation), and 99 in 100 pairs of two persons 0.59 and
/// less. By hand, 2026-11-30; no command gives it.
const SAME_FACE: f32 = 0.65;

/// The difference of each cell from those at its right and below, of cells row by row.
pub fn edges(cells: &[i32], columns: usize) -> impl Iterator<Item = i32> + '_ {
    (0..cells.len()).flat_map(move |i| {
        let right = cells.get(i + 1).filter(|_| !(i + 1).is_multiple_of(columns));
        let below = cells.get(i + columns);
        right.into_iter().chain(below).map(move |other| other - cells[i])
    })
}

/// Euclidean length of a picture's edges.
pub fn strength(edges: &[i32]) -> f32 {
    edges.iter().map(|edge| (edge * edge) as f32).sum::<f32>().sqrt()
}

/// From -1 to 1, whatever the strength of each; NaN where a picture has no edges.
pub fn correlation(a: &[i32], b: &[i32]) -> f32 {
    let common: i32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    common as f32 / (strength(a) * strength(b))
}

/// What the crop about a face looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    edges: [i32; EDGES],
}

impl Appearance {
    /// Of a crop with 8 pixels a side at least.
    pub fn of(crop: &CropImage) -> Self {
        let side = crop.side_px as usize;
        let pixels = crop.rgb.as_chunks::<3>().0;
        let cell = side / SIDE;
        let step = cell.div_ceil(SAMPLES);
        let grey =
            |row: usize, column: usize| pixels[row * side + column].iter().map(|&byte| i32::from(byte)).sum::<i32>();
        let mut cells = [0; SIDE * SIDE];
        for (i, mean) in cells.iter_mut().enumerate() {
            let samples = |start: usize| (start * cell..(start + 1) * cell).step_by(step);
            let sum: i32 =
                samples(i / SIDE).flat_map(|row| samples(i % SIDE).map(move |column| grey(row, column))).sum();
            *mean = sum / samples(0).count().pow(2) as i32;
        }
        let mut all = edges(&cells, SIDE);
        Appearance { edges: std::array::from_fn(|_| all.next().expect("as many as there are")) }
    }

    /// Whether both are of one face, seen in the same place of its crop.
    pub fn is_like(&self, other: &Appearance) -> bool {
        correlation(&self.edges, &other.edges) > SAME_FACE
    }
}

#[cfg(test)]
impl Appearance {
    /// One of some that are unlike.
    pub fn number(n: usize) -> Self {
        Appearance { edges: std::array::from_fn(|i| i32::from(i % 7 == n)) }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;
    use crate::picture::built_in_picture;
    use crate::picture::exposure::show;
    use crate::picture::geometry::Crop;

    #[test]
    fn edges_lead_to_the_right_and_down() {
        assert_eq!(Vec::from_iter(edges(&[1, 2, 4, 8, 16, 32], 3)), [1, 7, 2, 14, 28, 8, 16]);
    }

    #[test]
    fn a_face_looks_like_itself_in_other_light_and_a_little_beside_and_like_no_other_place() {
        let mut frame = built_in_picture();
        let mut at = |x: f32, y: f32, light: f32| {
            frame.bytes_mut().iter_mut().for_each(|byte| *byte = (f32::from(*byte) * light) as u8);
            let mut crop = CropImage::new(128);
            show(&mut crop, &frame, &Crop::new(Point2::new(x, y), 110.0, 0.0, 128));
            Appearance::of(&crop)
        };
        let face = at(223.0, 140.0, 1.0);
        assert!(face.is_like(&at(226.0, 138.0, 1.0)));
        assert!(!face.is_like(&at(223.0, 300.0, 1.0)));
        assert!(!face.is_like(&at(120.0, 140.0, 1.0)));
        assert!(face.is_like(&at(223.0, 140.0, 0.5)));
        let black = at(223.0, 140.0, 0.0);
        assert!(!black.is_like(&black));
    }
}
