//! Losses on heatmaps. Each gives its value and its derivative by the prediction in one pass, since
//! automatic differentiation of the same formula costs more than the net itself.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Parameters of the Adaptive Wing Loss as published (Wang, Bo, Fuxin, ICCV 2019, section 4.2).
const ALPHA: f32 = 2.1;
const OMEGA: f32 = 14.0;
const EPSILON: f32 = 1.0;
const THETA: f32 = 0.5;

/// Parameters of the Wing loss as published (Feng et al., CVPR 2018).
const WING_OMEGA: f32 = 10.0;
const WING_EPSILON: f32 = 2.0;

/// Where the target's 3x3 grey dilation exceeds this, the weighted loss map is on.
const WEIGHT_THRESHOLD: f32 = 0.2;
/// A cell counts `WEIGHT + 1` times where the map is on, else once.
const WEIGHT: f32 = 10.0;

/// A loss of one heatmap cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// `omega * ln(1 + (d / epsilon)^(alpha - y))` below theta, a line with the same value and
    /// slope above.
    AdaptiveWing,
    /// `omega * ln(1 + d / epsilon)` below omega, `d - C` above.
    Wing,
    /// `d^2`
    Mse,
    /// `d`
    L1,
    /// `d^2 / 2` below 1, `d - 1/2` above.
    SmoothL1,
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "awl" => Ok(Loss::AdaptiveWing),
            "wing" => Ok(Loss::Wing),
            "mse" => Ok(Loss::Mse),
            "l1" => Ok(Loss::L1),
            "smooth-l1" => Ok(Loss::SmoothL1),
            _ => Err(format!("unknown loss {name:?}; expected awl, wing, mse, l1 or smooth-l1")),
        }
    }
}

impl Loss {
    /// The loss of predicting `p` where the target is `y` (0..=1), and its derivative by `p`.
    pub fn value_and_slope(self, p: f32, y: f32) -> (f32, f32) {
        let d = (p - y).abs();
        let (value, slope) = match self {
            Loss::AdaptiveWing => adaptive_wing(d, y),
            Loss::Wing if d < WING_OMEGA => (WING_OMEGA * (d / WING_EPSILON).ln_1p(), WING_OMEGA / (WING_EPSILON + d)),
            Loss::Wing => (d - (WING_OMEGA - WING_OMEGA * (WING_OMEGA / WING_EPSILON).ln_1p()), 1.0),
            Loss::Mse => (d * d, 2.0 * d),
            Loss::L1 => (d, 1.0),
            Loss::SmoothL1 if d < 1.0 => (d * d / 2.0, d),
            Loss::SmoothL1 => (d - 0.5, 1.0),
        };
        // No direction is downhill at zero error, also where the slope beside it is not zero (L1,
        // Wing).
        let direction = if p > y {
            1.0
        } else if p < y {
            -1.0
        } else {
            0.0
        };
        (value, slope * direction)
    }
}

/// Value and derivative by `d`, the distance to target `y`.
fn adaptive_wing(d: f32, y: f32) -> (f32, f32) {
    let power = ALPHA - y;
    if d < THETA {
        let raised = (d / EPSILON).powf(power);
        let slope = if d > 0.0 { OMEGA * power * raised / (d * (1.0 + raised)) } else { 0.0 };
        (OMEGA * raised.ln_1p(), slope)
    } else {
        let raised = (THETA / EPSILON).powf(power);
        let a = OMEGA / (1.0 + raised) * power * raised / THETA;
        let c = THETA * a - OMEGA * raised.ln_1p();
        (a * d - c, a)
    }
}

/// The weighted loss map of one target: `WEIGHT + 1` where its 3x3 dilation exceeds the threshold,
/// else 1.
pub fn weight_map(target: &[f32], side: usize, weights: &mut [f32]) {
    for row in 0..side {
        for column in 0..side {
            let near = |i: usize| i.saturating_sub(1)..(i + 2).min(side);
            let hot = near(row).any(|r| near(column).any(|c| target[r * side + c] > WEIGHT_THRESHOLD));
            weights[row * side + column] = if hot { WEIGHT + 1.0 } else { 1.0 };
        }
    }
}

/// Heatmaps of a batch as plain numbers, each `[batch, channel, cell]`.
pub struct BatchMaps<'a> {
    pub prediction: &'a [f32],
    pub target: &'a [f32],
    /// What a cell's loss counts; 0 leaves the cell out.
    pub weights: &'a [f32],
}

/// The weighted mean loss of a batch, and its derivative by each prediction. Channel `c` uses
/// `losses[c]`; a channel has `cells` cells. The maps are shared out among `threads`.
pub fn batch_loss(losses: &[Loss], cells: usize, maps: &BatchMaps<'_>, threads: usize) -> (f64, Vec<f32>) {
    let count = maps.prediction.len();
    assert!(maps.target.len() == count && maps.weights.len() == count, "predictions, targets and weights of one size");
    let mut slopes = vec![0.0; count];
    let maps_per_thread = (count / cells).div_ceil(threads.max(1)).max(1);
    let scale = 1.0 / count as f32;
    let sum: f64 = std::thread::scope(|scope| {
        let parts: Vec<_> = slopes
            .chunks_mut(maps_per_thread * cells)
            .enumerate()
            .map(|(part, slopes)| {
                scope.spawn(move || {
                    let mut sum = 0.0;
                    for (i, slopes) in slopes.chunks_mut(cells).enumerate() {
                        let map = part * maps_per_thread + i;
                        let loss = losses[map % losses.len()];
                        for (cell, slope) in slopes.iter_mut().enumerate() {
                            let at = map * cells + cell;
                            let weight = maps.weights[at];
                            if weight > 0.0 {
                                let (value, by_p) = loss.value_and_slope(maps.prediction[at], maps.target[at]);
                                sum += f64::from(value * weight);
                                *slope = by_p * weight * scale;
                            }
                        }
                    }
                    sum
                })
            })
            .collect();
        parts.into_iter().map(|part| part.join().expect("the loss does not panic")).sum()
    });
    (sum / count as f64, slopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [f32; 6] = [0.0, 0.1, 0.37, 0.5, 0.9, 1.0];

    /// The formula as printed in the paper, in float64, A and C from the target.
    fn reference(p: f64, y: f64) -> f64 {
        let (alpha, omega, eps, theta) = (2.1, 14.0, 1.0, 0.5);
        let d = (y - p).abs();
        if d < theta {
            omega * (1.0 + (d / eps).powf(alpha - y)).ln()
        } else {
            let t: f64 = theta / eps;
            let a = omega * (1.0 / (1.0 + t.powf(alpha - y))) * (alpha - y) * t.powf(alpha - y - 1.0) * (1.0 / eps);
            let c = theta * a - omega * (1.0 + t.powf(alpha - y)).ln();
            a * d - c
        }
    }

    fn awl(p: f32, y: f32) -> (f32, f32) {
        Loss::AdaptiveWing.value_and_slope(p, y)
    }

    #[test]
    fn adaptive_wing_is_the_printed_formula() {
        for y in TARGETS {
            for i in -300..300 {
                let p = i as f32 / 150.0;
                let (found, expected) = (f64::from(awl(p, y).0), reference(f64::from(p), f64::from(y)));
                assert!((found - expected).abs() <= 2e-6 * expected.abs().max(1.0), "p {p} y {y}: {found} {expected}");
            }
        }
    }

    #[test]
    fn its_gradient_is_that_of_finite_differences_on_both_sides_of_theta() {
        let step = 1e-6;
        for y in TARGETS {
            for d in [-1.7, -0.8, -0.51, -0.49, -0.2, -0.01, 0.01, 0.2, 0.49, 0.51, 0.8, 1.7] {
                let p = y + d;
                let (p64, y64) = (f64::from(p), f64::from(y));
                let expected = (reference(p64 + step, y64) - reference(p64 - step, y64)) / (2.0 * step);
                let found = f64::from(awl(p, y).1);
                assert!((found - expected).abs() <= 1e-4 * expected.abs(), "p {p} y {y}: {found} {expected}");
            }
        }
    }

    #[test]
    fn its_gradient_is_that_of_autograd() {
        use tch::{Device, Kind, Tensor};
        let predictions: Vec<f32> = (0..400).map(|i| i as f32 / 100.0 - 1.5).collect();
        for y in TARGETS {
            let p = Tensor::from_slice(&predictions).to_kind(Kind::Double).set_requires_grad(true);
            let y_tensor = Tensor::full([400], f64::from(y), (Kind::Double, Device::Cpu));
            let d = (&p - &y_tensor).abs();
            let power: Tensor = 2.1 - &y_tensor;
            let low = d.pow(&power).log1p() * 14.0;
            let theta_raised = Tensor::full([400], 0.5, (Kind::Double, Device::Cpu)).pow(&power);
            let a = (&theta_raised + 1.0).reciprocal() * 14.0 * &power * &theta_raised / 0.5;
            let c = &a * 0.5 - theta_raised.log1p() * 14.0;
            let high = &a * &d - c;
            low.where_self(&d.lt(0.5), &high).sum(Kind::Double).backward();
            let expected = Vec::<f64>::try_from(p.grad()).unwrap();
            for (&p, expected) in predictions.iter().zip(expected) {
                // Autograd has no value where |x| has its kink.
                if p != y {
                    let found = f64::from(awl(p, y).1);
                    assert!(
                        (found - expected).abs() <= 1e-4 * expected.abs().max(1e-3),
                        "p {p} y {y}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_is_continuous_and_smooth_at_theta() {
        for y in TARGETS {
            let (below, slope_below) = adaptive_wing(0.5 - 1e-6, y);
            let (above, slope_above) = adaptive_wing(0.5, y);
            assert!((below - above).abs() < 1e-4 && (slope_below - slope_above).abs() < 1e-3, "y {y}");
        }
    }

    #[test]
    fn it_is_flat_and_finite_at_zero_error() {
        for i in 0..=100 {
            let y = i as f32 / 100.0;
            assert_eq!(awl(y, y), (0.0, 0.0));
            let (value, slope) = awl(y + f32::MIN_POSITIVE, y);
            assert!(value.is_finite() && slope.is_finite());
        }
    }

    #[test]
    fn it_is_linear_beyond_theta() {
        for y in TARGETS {
            let slope = adaptive_wing(0.6, y).1;
            for d in [0.7, 1.0, 3.0, 10.0] {
                let (value, here) = adaptive_wing(d, y);
                assert_eq!(here, slope);
                assert!((value - (adaptive_wing(0.6, y).0 + slope * (d - 0.6))).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn every_loss_has_the_slope_of_its_value() {
        for loss in [Loss::Wing, Loss::Mse, Loss::L1, Loss::SmoothL1] {
            for (p, y) in [(0.3, 0.0), (-0.4, 0.2), (2.5, 1.0), (12.0, 0.5), (-20.0, 0.5)] {
                let step = 1e-2;
                let value = |p| f64::from(loss.value_and_slope(p, y).0);
                let expected = (value(p + step) - value(p - step)) / (2.0 * f64::from(step));
                assert!((f64::from(loss.value_and_slope(p, y).1) - expected).abs() < 1e-2, "{loss:?} at {p}, {y}");
            }
            assert_eq!(loss.value_and_slope(0.25, 0.25), (0.0, 0.0), "{loss:?}");
        }
    }

    #[test]
    fn the_weight_map_is_the_dilated_target() {
        let mut target = [0.0; 25];
        target[6] = 0.21;
        target[24] = 0.2;
        let mut weights = [0.0; 25];
        weight_map(&target, 5, &mut weights);
        #[rustfmt::skip]
        let expected = [
            11.0, 11.0, 11.0, 1.0, 1.0,
            11.0, 11.0, 11.0, 1.0, 1.0,
            11.0, 11.0, 11.0, 1.0, 1.0,
            1.0, 1.0, 1.0, 1.0, 1.0,
            1.0, 1.0, 1.0, 1.0, 1.0,
        ];
        assert_eq!(weights, expected);
    }

    #[test]
    fn a_batch_sums_channels_with_their_own_loss_and_leaves_out_masked_cells() {
        // Two pictures, two channels of two cells: MSE and L1.
        let prediction = [0.5, 0.5, 0.5, -0.5, 1.0, 0.0, 0.0, 2.0];
        let target = [0.0; 8];
        let weights = [1.0, 0.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let maps = BatchMaps { prediction: &prediction, target: &target, weights: &weights };
        let expected_slopes = [1.0, 0.0, 2.0, -1.0, 2.0, 0.0, 0.0, 1.0].map(|s| s / 8.0);
        for threads in [1, 2, 3, 8] {
            let (value, slopes) = batch_loss(&[Loss::Mse, Loss::L1], 2, &maps, threads);
            assert!((value - (0.25 + 1.0 + 0.5 + 1.0 + 2.0) / 8.0).abs() < 1e-7, "{value}");
            assert_eq!(slopes, expected_slopes);
        }
    }
}
