//! Heatmaps to landmarks.
//!
//! Around the cell of a map's [`Peak`], a Gaussian is fitted: a quadratic in x and y to the
//! logarithm of the heat, by least squares over a window, each cell weighted by its heat squared
//! (Guo, "A simple algorithm for fitting a Gaussian function", IEEE Signal Processing Magazine
//! 2011: the logarithm scales the noise of a cell by 1 / heat). Its maximum is the landmark, the
//! negative inverse of its second derivatives the covariance. Where the fit has no maximum, or that
//! lies far from the cell, the centroid and second moments of the window serve instead.

use nalgebra::{Matrix2, Point2, SMatrix, SVector, Vector2};

use crate::face::Landmark;
use crate::model::heatmaps::{Heat, Heatmaps, Peak};

// Chosen by hand in numpy on the faces of 300-W that training holds out:
// `docs/decisions/decoding.md`. `tests/accuracy/held_out.py --data 300w --out held-out`, then
// `wingmark eval --data held-out --split train`, measures what comes of them.

/// Cells on each side of a landmark's peak that the fit looks at.
const REACH: usize = 2;
/// Heat below this is noise or the far tail, and its logarithm means little.
const FLOOR: f32 = 0.02;
/// A maximum farther from the peak's cell than this, in cells, belongs to another one. At a corner,
/// where the border's heat counts for what lies beyond, the peak's cell of a clean Gaussian lies up
/// to 5/6 of a cell from its centre in each axis, 1.18 in both.
const MAX_OFFSET: f32 = 1.2;

/// Decodes the peak of every channel; points in cells, the centre of the first cell at (0, 0).
pub fn decode<T: Heat>(maps: &Heatmaps<'_, T>) -> Vec<Landmark> {
    let landmark = |(channel, peak): (usize, Peak)| Landmark {
        confidence: peak.heat.clamp(0.0, 1.0),
        ..decode_peak(maps, channel, peak.cell, REACH)
    };
    maps.peaks().into_iter().enumerate().map(landmark).collect()
}

/// Decodes the peak at `(row, column)` from `reach` cells on each side of it; its confidence is the
/// heat there.
pub fn decode_peak<T: Heat>(
    maps: &Heatmaps<'_, T>,
    channel: usize,
    (row, column): (usize, usize),
    reach: usize,
) -> Landmark {
    let confidence = maps.heat(row, column, channel).clamp(0.0, 1.0);
    let window = || {
        let rows = row.saturating_sub(reach)..(row + reach + 1).min(maps.rows);
        rows.flat_map(move |r| {
            let columns = column.saturating_sub(reach)..(column + reach + 1).min(maps.columns);
            columns.map(move |c| {
                let offset = Vector2::new(c as f32 - column as f32, r as f32 - row as f32);
                (offset, maps.heat(r, c, channel))
            })
        })
    };
    let (offset, covariance) = fit_gaussian(window()).unwrap_or_else(|| moments(window()));
    Landmark { at: Point2::new(column as f32, row as f32) + offset, confidence, covariance }
}

/// Peak and covariance of the Gaussian through the cells `(offset, heat)`; `None` where they have
/// no maximum.
fn fit_gaussian(cells: impl Iterator<Item = (Vector2<f32>, f32)>) -> Option<(Vector2<f32>, Matrix2<f32>)> {
    let mut normal = SMatrix::<f32, 6, 6>::zeros();
    let mut right = SVector::<f32, 6>::zeros();
    for (offset, heat) in cells.filter(|(_, heat)| *heat > FLOOR) {
        let (x, y) = (offset.x, offset.y);
        let terms = SVector::<f32, 6>::from([1.0, x, y, x * x, x * y, y * y]);
        let weight = heat * heat;
        normal.ger(weight, &terms, &terms, 1.0);
        right.axpy(weight * heat.ln(), &terms, 1.0);
    }
    let [_, x, y, xx, xy, yy] = normal.cholesky()?.solve(&right).into();
    let precision = -Matrix2::new(2.0 * xx, xy, xy, 2.0 * yy);
    let covariance = precision.cholesky()?.inverse();
    let offset = covariance * Vector2::new(x, y);
    (offset.norm() <= MAX_OFFSET).then_some((offset, covariance))
}

/// Centroid and second moments of the cells; at the peak's cell itself, one cell wide, where none
/// is warm.
fn moments(cells: impl Iterator<Item = (Vector2<f32>, f32)> + Clone) -> (Vector2<f32>, Matrix2<f32>) {
    let warm = cells.filter(|(_, heat)| *heat > FLOOR);
    let mass: f32 = warm.clone().map(|(_, heat)| heat).sum();
    if mass <= 0.0 {
        return (Vector2::zeros(), Matrix2::identity());
    }
    let mean: Vector2<f32> = warm.clone().map(|(offset, heat)| offset * heat).sum::<Vector2<f32>>() / mass;
    let spread: Matrix2<f32> =
        warm.map(|(offset, heat)| (offset - mean) * (offset - mean).transpose() * heat).sum::<Matrix2<f32>>() / mass;
    // The cell's own width keeps the covariance of a single warm cell invertible.
    (mean, spread + Matrix2::identity() / 12.0)
}

#[cfg(test)]
mod tests {
    use nalgebra::Similarity2;
    use proptest::prelude::*;

    use super::*;

    fn gaussian(side: usize, at: Point2<f32>, sigma: f32) -> Vec<f32> {
        (0..side * side)
            .map(|i| {
                let d = Point2::new((i % side) as f32, (i / side) as f32) - at;
                (-d.norm_squared() / (2.0 * sigma * sigma)).exp()
            })
            .collect()
    }

    fn decode_one(cells: &[f32], side: usize) -> Landmark {
        decode(&Heatmaps::packed(cells, [side, side, 1], 1.0, 0.0))[0]
    }

    proptest! {
        #[test]
        fn a_clean_gaussian_decodes_to_its_centre_up_to_the_borders(
            x in -0.499f32..15.499, y in -0.499f32..15.499, sigma in 1.0f32..2.0,
        ) {
            let at = Point2::new(x, y);
            let found = decode_one(&gaussian(16, at, sigma), 16);
            prop_assert!((found.at - at).norm() < 0.01, "{} is not {at}", found.at);
            prop_assert!((found.covariance - Matrix2::identity() * sigma * sigma).norm() < 0.05 * sigma * sigma);
        }

        #[test]
        fn a_clean_gaussian_at_a_corner_decodes_to_its_centre(
            x in -0.499f32..1.0, y in -0.499f32..1.0, sigma in 1.0f32..2.0, mirrored: [bool; 2],
        ) {
            let [x, y] = [(x, mirrored[0]), (y, mirrored[1])].map(|(at, mirrored)| if mirrored { 15.0 - at } else { at });
            let at = Point2::new(x, y);
            let found = decode_one(&gaussian(16, at, sigma), 16);
            prop_assert!((found.at - at).norm() < 0.01, "{} is not {at}", found.at);
        }

        #[test]
        fn eight_bits_cost_a_hundredth_of_a_cell(x in 2.0f32..13.0, y in 2.0f32..13.0) {
            let at = Point2::new(x, y);
            let cells: Vec<u8> = gaussian(16, at, 1.2).iter().map(|v| (v * 200.0).round() as u8 + 20).collect();
            let found = decode(&Heatmaps::packed(&cells, [16, 16, 1], 1.0 / 200.0, 20.0))[0];
            prop_assert!((found.at - at).norm() < 0.02, "{} is not {at}", found.at);
        }

        #[test]
        fn any_map_decodes_to_a_finite_point_inside(cells in proptest::collection::vec(-0.2f32..1.2, 36)) {
            let found = decode_one(&cells, 6);
            prop_assert!((-1.5..=6.5).contains(&found.at.x) && (-1.5..=6.5).contains(&found.at.y), "{}", found.at);
            prop_assert!(found.covariance.cholesky().is_some(), "{}", found.covariance);
            prop_assert!((0.0..=1.0).contains(&found.confidence));
        }
    }

    #[test]
    fn an_oblique_peak_keeps_its_axes() {
        let precision = Matrix2::new(1.0, 0.4, 0.4, 0.6);
        let at = Point2::new(5.3, 4.8);
        let cells: Vec<f32> = (0..121)
            .map(|i| {
                let d = Point2::new((i % 11) as f32, (i / 11) as f32) - at;
                (-0.5 * d.dot(&(precision * d))).exp()
            })
            .collect();
        let found = decode_one(&cells, 11);
        assert!((found.at - at).norm() < 1e-3);
        assert!((found.covariance - precision.try_inverse().unwrap()).norm() < 0.02);
    }

    #[test]
    fn an_empty_map_has_no_confidence() {
        let found = decode_one(&[0.0; 49], 7);
        assert_eq!((found.confidence, found.at), (0.0, Point2::origin()));
    }

    #[test]
    fn a_landmark_moves_with_its_space() {
        let here =
            Landmark { at: Point2::new(1.0, 0.0), confidence: 0.5, covariance: Matrix2::new(4.0, 0.0, 0.0, 1.0) };
        let quarter = Similarity2::new(Vector2::new(10.0, 0.0), std::f32::consts::FRAC_PI_2, 2.0);
        let there = here.mapped(&quarter);
        assert!((there.at - Point2::new(10.0, 2.0)).norm() < 1e-5);
        assert!((there.covariance - Matrix2::new(4.0, 0.0, 0.0, 16.0)).norm() < 1e-4);
    }
}
