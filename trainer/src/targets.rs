//! Target heatmaps. A map is `side` x `side` cells, row by row; the centre of its first cell is at
//! (0, 0).

use nalgebra::Point2;
use wingmark::model::scheme::Scheme;

/// The boundary map's standard deviation, in cells, and where it is cut.
const BOUNDARY_SIGMA: f32 = 1.0;
const BOUNDARY_CUT: f32 = 3.0 * BOUNDARY_SIGMA;

/// Draws a Gaussian of height 1 around the exact point `at`. Where the point lies outside the map,
/// the map stays empty and the answer is `false`.
pub fn gaussian(at: Point2<f32>, sigma: f32, side: usize, map: &mut [f32]) -> bool {
    map.fill(0.0);
    let inside = -0.5..side as f32 - 0.5;
    if !inside.contains(&at.x) || !inside.contains(&at.y) {
        return false;
    }
    let profile = |centre: f32| (0..side).map(move |i| (-(i as f32 - centre).powi(2) / (2.0 * sigma * sigma)).exp());
    for (row, y) in map.chunks_mut(side).zip(profile(at.y)) {
        for (cell, x) in row.iter_mut().zip(profile(at.x)) {
            *cell = x * y;
        }
    }
    true
}

/// Draws the merged boundary of all curves of a scheme: `exp(-d^2 / 2 sigma^2)` of the distance `d`
/// to the nearest curve, cut at 3 sigma.
pub fn boundary(points: &[Point2<f32>], scheme: &Scheme, side: usize, map: &mut [f32]) {
    map.fill(0.0);
    let segments = scheme.curves.iter().flat_map(|curve| curve.points.windows(2));
    for segment in segments {
        let (a, b) = (points[segment[0]], points[segment[1]]);
        let range = |from: f32, to: f32| {
            let first = (from.min(to) - BOUNDARY_CUT).ceil().max(0.0) as usize;
            let last = (from.max(to) + BOUNDARY_CUT).floor().min(side as f32 - 1.0);
            if last < 0.0 { 0..0 } else { first..last as usize + 1 }
        };
        for row in range(a.y, b.y) {
            for column in range(a.x, b.x) {
                let distance = distance_to_segment(Point2::new(column as f32, row as f32), a, b);
                if distance <= BOUNDARY_CUT {
                    let heat = (-distance * distance / (2.0 * BOUNDARY_SIGMA * BOUNDARY_SIGMA)).exp();
                    let cell = &mut map[row * side + column];
                    *cell = cell.max(heat);
                }
            }
        }
    }
}

fn distance_to_segment(p: Point2<f32>, a: Point2<f32>, b: Point2<f32>) -> f32 {
    let along = b - a;
    let length = along.norm_squared();
    let share = if length > 0.0 { ((p - a).dot(&along) / length).clamp(0.0, 1.0) } else { 0.0 };
    (p - (a + along * share)).norm()
}

#[cfg(test)]
mod tests {
    use wingmark::face::decode::decode;
    use wingmark::model::heatmaps::Heatmaps;
    use wingmark::model::scheme::IBUG_68;

    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_wherever_it_lies() {
        let side = 32;
        let mut map = vec![0.0; side * side];
        let positions: Vec<f32> = (0..=64).map(|i| -0.49 + i as f32 * (31.98 / 64.0)).collect();
        for &x in &positions {
            for &y in &positions {
                let at = Point2::new(x, y);
                assert!(gaussian(at, 1.0, side, &mut map));
                let found = decode(&Heatmaps::packed(&map, [side, side, 1], 1.0, 0.0))[0].at;
                assert!((found - at).norm() < 0.01, "{found} is not {at}");
            }
        }
    }

    #[test]
    fn a_point_outside_gives_an_empty_map_and_says_so() {
        let mut map = vec![7.0; 64];
        for at in [Point2::new(-0.6, 3.0), Point2::new(3.0, 7.6), Point2::new(f32::NAN, 1.0)] {
            assert!(!gaussian(at, 1.0, 8, &mut map));
            assert!(map.iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn the_boundary_follows_the_curves_and_ends_at_three_sigma() {
        // All points on a line down the middle.
        let points: Vec<_> = (0..68).map(|i| Point2::new(10.0, 4.0 + i as f32 * 0.1)).collect();
        let mut map = vec![0.0; 400];
        boundary(&points, &IBUG_68, 20, &mut map);
        assert_eq!(map[7 * 20 + 10], 1.0);
        assert!((map[7 * 20 + 12] - (-2.0f32).exp()).abs() < 1e-6);
        assert!(map[7 * 20 + 13] > 0.0 && map[7 * 20 + 14] == 0.0);
        assert_eq!(map[10], 0.0);
    }

    #[test]
    fn a_boundary_outside_the_map_is_no_error() {
        let points = vec![Point2::new(-50.0, 90.0); 68];
        let mut map = vec![1.0; 100];
        boundary(&points, &IBUG_68, 10, &mut map);
        assert!(map.iter().all(|&v| v == 0.0));
    }
}
