//! How far landmarks lie from the truth: NME, failure rate, cumulative error distribution and its
//! area; whether the errors are as large as the covariances say; and which faces a detector found.

use nalgebra::Point2;
use serde::Serialize;

use crate::face::Landmark;
use crate::face::calibration::squared_radius;
use crate::model::scheme::Scheme;
use crate::picture::geometry::Rect;

/// An error above this share of the inter-ocular distance is a failure.
pub const FAILURE: f64 = 0.10;
/// The step at which the cumulative error distribution is integrated.
const STEP: f64 = 1e-4;

/// Mean distance of `found` to `truth` over all landmarks, as a share of the distance between the
/// outer eye corners of `truth` (the normaliser of the 300-W challenge).
///
/// # Panics
/// When either does not have as many points as `scheme`.
pub fn normalised_mean_error(scheme: &Scheme, truth: &[Point2<f32>], found: &[Point2<f32>]) -> f64 {
    assert_eq!((truth.len(), found.len()), (scheme.landmarks, scheme.landmarks), "points of {}", scheme.name);
    let [right, left] = scheme.outer_eye_corners;
    let normaliser = f64::from((truth[right] - truth[left]).norm());
    let sum: f64 = truth.iter().zip(found).map(|(a, b)| f64::from((a - b).norm())).sum();
    sum / truth.len() as f64 / normaliser
}

/// The figures of one split. The field names are those of `wingmark eval --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many were measured.
    pub faces: usize,
    /// Mean of the faces' NME, in per cent; NaN of none, which is null in JSON.
    pub nme_percent: f64,
    /// Share of faces whose NME exceeds 10 %, in per cent; NaN of none.
    pub failure_rate_10_percent: f64,
    /// Area under the cumulative error distribution up to 10 %, divided by 10 %: 0 to 1.
    pub auc_10: f64,
}

impl Summary {
    /// Figures over the errors of all faces; NaN where there is none.
    pub fn of(errors: &[f64]) -> Summary {
        let share = |part: f64| part / errors.len() as f64;
        let failures = errors.iter().filter(|e| **e > FAILURE).count();
        Summary {
            faces: errors.len(),
            nme_percent: 100.0 * share(errors.iter().sum()),
            failure_rate_10_percent: 100.0 * share(failures as f64),
            auc_10: if errors.is_empty() { f64::NAN } else { area_under_ced(errors, FAILURE) },
        }
    }
}

/// How many true points lie within the ellipses that the covariances of the found ones draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Squared Mahalanobis distances at the rims of the ellipses.
    rims: [f32; 2],
    points: usize,
    within: [usize; 2],
}

impl Coverage {
    /// Of the 68 % and the 95 % ellipse of a model whose errors have these [tails](squared_radius).
    pub fn of(tails: Option<f32>) -> Self {
        Coverage { rims: [0.68, 0.95].map(|share| squared_radius(share, tails)), points: 0, within: [0; 2] }
    }

    /// Counts a landmark, found and annotated in the same space.
    pub fn count(&mut self, found: &Landmark, truth: Point2<f32>) {
        let error = truth - found.at;
        // A covariance that has no inverse covers nothing.
        let distance =
            found.covariance.try_inverse().map_or(f32::INFINITY, |precision| error.dot(&(precision * error)));
        self.points += 1;
        for (within, rim) in self.within.iter_mut().zip(self.rims) {
            *within += usize::from(distance <= rim);
        }
    }

    /// Shares within the 68 % and the 95 % ellipse, in per cent; `None` where nothing was counted.
    pub fn percent(&self) -> Option<[f64; 2]> {
        let share = |within: usize| 100.0 * within as f64 / self.points as f64;
        (self.points > 0).then(|| self.within.map(share))
    }
}

/// Share of `errors` at or below each multiple of the integration step from 0 to `limit`:
/// `(error, share)`.
pub fn cumulative_errors(errors: &[f64], limit: f64) -> Vec<(f64, f64)> {
    let mut sorted = errors.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let steps = (limit / STEP).round() as usize;
    (0..=steps)
        .map(|i| {
            let bound = i as f64 * STEP;
            let within = sorted.partition_point(|e| *e <= bound);
            (bound, within as f64 / sorted.len().max(1) as f64)
        })
        .collect()
}

/// Trapezoid rule over [`cumulative_errors`], divided by `limit`.
fn area_under_ced(errors: &[f64], limit: f64) -> f64 {
    let curve = cumulative_errors(errors, limit);
    let sum: f64 = curve.windows(2).map(|pair| (pair[0].1 + pair[1].1) / 2.0).sum();
    sum / (curve.len() - 1) as f64
}

/// Which of the known faces were detected: those that get a detection of their own when detections
/// are given to faces one to one, best overlaps first, down to an overlap of `min_iou`.
pub fn found_faces(known: &[Rect], detected: &[Rect], min_iou: f32) -> Vec<bool> {
    let pairs = (0..known.len()).flat_map(|k| (0..detected.len()).map(move |d| (k, d)));
    let mut overlaps: Vec<(f32, usize, usize)> =
        pairs.map(|(k, d)| (known[k].iou(&detected[d]), k, d)).filter(|(iou, ..)| *iou >= min_iou).collect();
    overlaps.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut taken) = (vec![false; known.len()], vec![false; detected.len()]);
    for (_, k, d) in overlaps {
        if !found[k] && !taken[d] {
            (found[k], taken[d]) = (true, true);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scheme::IBUG_68;

    #[test]
    fn an_error_of_a_tenth_of_the_eye_distance_is_a_tenth() {
        let mut truth = vec![Point2::origin(); 68];
        truth[45] = Point2::new(50.0, 0.0);
        let found: Vec<_> = truth.iter().map(|p| p + nalgebra::Vector2::new(3.0, 4.0)).collect();
        assert!((normalised_mean_error(&IBUG_68, &truth, &found) - 0.1).abs() < 1e-9);
    }

    #[test]
    fn figures_of_a_known_distribution() {
        // Errors spread evenly over 0..0.2: half fail, and the curve rises in a line to one half at
        // 0.1.
        let errors: Vec<f64> = (0..2000).map(|i| (i as f64 + 0.5) * 1e-4).collect();
        let summary = Summary::of(&errors);
        assert!((summary.nme_percent - 10.0).abs() < 1e-9);
        assert_eq!(summary.failure_rate_10_percent, 50.0);
        assert!((summary.auc_10 - 0.25).abs() < 1e-3, "{}", summary.auc_10);
        assert_eq!(Summary::of(&[0.0]).auc_10, 1.0);
        assert_eq!(Summary::of(&[]).faces, 0);
    }

    #[test]
    fn ellipses_cover_what_a_normal_distribution_says() {
        use nalgebra::{Matrix2, Vector2};
        // Ten thousand points at the quantiles of the radius, spread over angles, through an
        // oblique covariance.
        let factor = Matrix2::new(2.0, 0.0, 1.2, 0.5);
        let found = Landmark { at: Point2::new(5.0, 7.0), confidence: 1.0, covariance: factor * factor.transpose() };
        let mut coverage = Coverage::of(None);
        assert_eq!(coverage.percent(), None);
        for i in 0..10_000 {
            let radius = (-2.0 * (1.0 - (i as f32 + 0.5) / 10_000.0).ln()).sqrt();
            let angle = i as f32 * 2.4;
            coverage.count(&found, found.at + factor * Vector2::new(angle.cos(), angle.sin()) * radius);
        }
        let [within_68, within_95] = coverage.percent().unwrap();
        assert!((within_68 - 68.0).abs() < 0.1 && (within_95 - 95.0).abs() < 0.1, "{within_68} {within_95}");
    }

    #[test]
    fn one_detection_finds_one_face() {
        let at = |x: f32| Rect::new(x, 0.0, x + 10.0, 10.0);
        assert_eq!(found_faces(&[at(0.0), at(3.0), at(50.0)], &[at(2.0), at(90.0)], 0.4), [false, true, false]);
        assert_eq!(found_faces(&[at(0.0), at(3.0)], &[at(2.0), at(0.0)], 0.4), [true, true]);
        assert_eq!(found_faces(&[at(0.0)], &[at(6.0)], 0.4), [false]);
    }
}
