//! How far landmarks may be off, from the heat around them.
//!
//! A net learns peaks of one width. So the covariance of the heat says in which direction a
//! landmark may be off, but not how far. The height of the peak says that better, and so do the
//! heights of the others. On faces held out of training, as they are, covered and blurred,
//!
//! ```text
//! covariance of the error
//!     = spread[landmark] * confidence^-exponent * (mean confidence)^-face_exponent * covariance of the heat
//! ```
//!
//! fits. The errors follow a two-dimensional Student t distribution of this covariance and `tails`
//! degrees of freedom: a normal distribution has lighter tails than annotated faces have.
//! `tests/accuracy/calibrate.py` fits the numbers.

use nalgebra::Matrix2;

use crate::face::Landmark;
use crate::model::card::Calibration;

// Set by hand; `python3 tests/accuracy/reliability.py --data 300w` measures what comes of it.

/// Heat below this says no more than that the landmark may be anywhere.
const LEAST_CONFIDENCE: f32 = 0.05;

impl Calibration {
    /// The covariance of a landmark's error, in squared units of its own. `heat` has the covariance
    /// of its heat, `mean_confidence` is that of the face's landmarks.
    ///
    /// # Panics
    /// When there is no landmark of that index.
    pub fn error_covariance(&self, index: usize, heat: &Landmark, mean_confidence: f32) -> Matrix2<f32> {
        let of_face = mean_confidence.max(LEAST_CONFIDENCE).powf(-self.face_exponent);
        error_covariance(heat, self.spread[index] * of_face, self.exponent)
    }
}

/// `spread * confidence^-exponent * covariance of the heat`.
pub(crate) fn error_covariance(heat: &Landmark, spread: f32, exponent: f32) -> Matrix2<f32> {
    heat.covariance * (spread * heat.confidence.max(LEAST_CONFIDENCE).powf(-exponent))
}

/// The squared Mahalanobis distance within which a `share` of the errors lie (0 to 1), which is the
/// squared radius of the ellipse of that share, in standard deviations. With the card's `tails` it
/// is that of the t distribution, else that of a normal one.
pub fn squared_radius(share: f32, tails: Option<f32>) -> f32 {
    match tails {
        Some(tails) => (tails - 2.0) * ((1.0 - share).powf(-2.0 / tails) - 1.0),
        None => -2.0 * (1.0 - share).ln(),
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;

    #[test]
    fn a_low_peak_is_less_certain_in_the_same_directions() {
        let calibration = Calibration { exponent: 2.0, face_exponent: 1.0, tails: 5.0, spread: vec![1.0, 0.1] };
        let heat = Matrix2::new(4.0, 1.0, 1.0, 2.0);
        let at = |confidence| Landmark { at: Point2::origin(), confidence, covariance: heat };
        assert_eq!(calibration.error_covariance(1, &at(1.0), 1.0), heat * 0.1);
        assert!((calibration.error_covariance(1, &at(0.5), 1.0) - heat * 0.4).norm() < 1e-5);
        assert!((calibration.error_covariance(1, &at(0.5), 0.25) - heat * 1.6).norm() < 1e-5);
        assert!((calibration.error_covariance(0, &at(0.0), 1.0) - heat * 400.0).norm() < 1e-2);
    }

    #[test]
    fn radii_are_those_of_the_distributions() {
        assert!((squared_radius(0.95, None) - 5.991).abs() < 1e-3);
        // With so many degrees of freedom, t is a normal distribution.
        assert!((squared_radius(0.95, Some(1e4)) - 5.991).abs() < 0.02);
        // F(2, 5) has its 95 % quantile at 5.786; a squared distance is 2 F of the scale matrix,
        // which is 3/5 of the covariance.
        assert!((squared_radius(0.95, Some(5.0)) - 2.0 * 5.786 * 0.6).abs() < 1e-2);
    }
}
