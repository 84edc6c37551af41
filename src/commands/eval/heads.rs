//! How far head pose is off, where a data set has the head's yaw.

use serde::Serialize;

use crate::face::pose::HeadPose;

/// Heads that are turned by no more than this are told apart, in degrees.
const NEAR_DEG: f32 = 30.0;
/// A normal distribution has 95 % within so many deviations.
const WITHIN_95: f32 = 1.96;

/// Counts the heads of a split.
#[derive(Debug, Default)]
pub struct Heads {
    /// True yaw, error, and the deviation that the fit gives it, in degrees.
    yaws: Vec<[f32; 3]>,
}

/// As they stand in the JSON file.
#[derive(Debug, Serialize)]
pub struct HeadFigures {
    heads: usize,
    /// Mean absolute error of yaw, in degrees.
    yaw_error_deg: f64,
    /// Of heads that are turned by 30 degrees at most.
    near_heads: usize,
    near_yaw_error_deg: f64,
    /// Share of yaws within 1.96 of the deviations that the fit gives, in per cent.
    within_95_percent: f64,
}

impl Heads {
    /// Counts a head by the pose that was found and by its true yaw.
    pub fn count(&mut self, pose: &HeadPose, yaw_deg: f32) {
        let deviation = pose.turns_covariance()[(1, 1)].sqrt().to_degrees();
        self.yaws.push([yaw_deg, pose.yaw_deg() - yaw_deg, deviation]);
    }

    /// The figures so far; the next split begins anew.
    pub fn take(&mut self) -> Option<HeadFigures> {
        let yaws = std::mem::take(&mut self.yaws);
        if yaws.is_empty() {
            return None;
        }
        let near: Vec<_> = yaws.iter().filter(|[yaw, ..]| yaw.abs() <= NEAR_DEG).copied().collect();
        let error = |yaws: &[[f32; 3]]| {
            yaws.iter().map(|[_, error, _]| f64::from(error.abs())).sum::<f64>() / yaws.len().max(1) as f64
        };
        let within = yaws.iter().filter(|[_, error, deviation]| error.abs() <= WITHIN_95 * deviation).count();
        Some(HeadFigures {
            heads: yaws.len(),
            yaw_error_deg: error(&yaws),
            near_heads: near.len(),
            near_yaw_error_deg: error(&near),
            within_95_percent: 100.0 * within as f64 / yaws.len() as f64,
        })
    }
}

impl HeadFigures {
    pub fn line(&self) -> String {
        format!(
            "; head pose: yaw off by {:.2} degrees on average ({} heads), {:.2} of those turned by {NEAR_DEG} at most \
             ({}), {:.1} % within 1.96 of its own deviations",
            self.yaw_error_deg, self.heads, self.near_yaw_error_deg, self.near_heads, self.within_95_percent
        )
    }
}
