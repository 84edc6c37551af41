//! Less jitter for points that rest, no lag for points that move: the One Euro filter (Casiez, Roussel, Vogel, CHI 2012).

use std::f32::consts::TAU;
use std::time::Duration;

use nalgebra::{Point2, Vector2};

/// Cutoff frequency of a point at rest, in Hz.
const MIN_CUTOFF_HZ: f32 = 1.5;
/// How much the cutoff grows with speed, in Hz for each face size a second.
const CUTOFF_PER_SPEED: f32 = 12.0;
/// Cutoff frequency of the speed itself, in Hz.
const SPEED_CUTOFF_HZ: f32 = 1.0;

/// The filters of one face's points. Speeds are taken in face sizes a second, so that near and far faces are smoothed
/// alike; time comes from the time stamps, so that a dropped frame changes nothing.
#[derive(Debug, Clone)]
pub struct OneEuro {
    at: Duration,
    points: Vec<Filtered>,
}

#[derive(Debug, Clone, Copy)]
struct Filtered {
    position: Point2<f32>,
    /// In face sizes a second.
    velocity: Vector2<f32>,
}

impl OneEuro {
    /// Starts with points as they are.
    pub fn starting(at: Duration, points: impl IntoIterator<Item = Point2<f32>>) -> Self {
        let points = points.into_iter().map(|position| Filtered { position, velocity: Vector2::zeros() }).collect();
        OneEuro { at, points }
    }

    /// Takes the points of the next frame, in the same order, and gives them back smoothed. Points that are not later
    /// than the ones before start the filter anew. `face_size` is in the unit of the points.
    ///
    /// # Panics
    /// When there are more or fewer points than at the start.
    pub fn smooth(&mut self, at: Duration, points: &[Point2<f32>], face_size: f32) -> Vec<Point2<f32>> {
        assert_eq!(points.len(), self.points.len(), "a filter a point");
        let Some(step) = at.checked_sub(self.at).filter(|step| !step.is_zero()) else {
            *self = OneEuro::starting(at, points.iter().copied());
            return points.to_vec();
        };
        self.at = at;
        let step_s = step.as_secs_f32();
        self.points.iter_mut().zip(points).map(|(filtered, point)| filtered.step(*point, step_s, face_size)).collect()
    }
}

impl Filtered {
    fn step(&mut self, point: Point2<f32>, step_s: f32, face_size: f32) -> Point2<f32> {
        let velocity = (point - self.position) / (step_s * face_size);
        self.velocity += (velocity - self.velocity) * weight(SPEED_CUTOFF_HZ, step_s);
        let cutoff = MIN_CUTOFF_HZ + CUTOFF_PER_SPEED * self.velocity.norm();
        self.position += (point - self.position) * weight(cutoff, step_s);
        self.position
    }
}

/// How much of the new value a first-order low-pass takes after `step_s`.
fn weight(cutoff_hz: f32, step_s: f32) -> f32 {
    1.0 / (1.0 + 1.0 / (TAU * cutoff_hz * step_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(33_333);
    const FACE: f32 = 100.0;

    /// Feeds x positions at 30 a second and gives back what comes out.
    fn run(xs: impl IntoIterator<Item = f32>) -> Vec<f32> {
        let mut filter: Option<OneEuro> = None;
        xs.into_iter()
            .enumerate()
            .map(|(i, x)| {
                let point = Point2::new(x, 0.0);
                let at = FRAME * i as u32;
                filter.get_or_insert_with(|| OneEuro::starting(Duration::ZERO, [point])).smooth(at, &[point], FACE)[0].x
            })
            .collect()
    }

    #[test]
    fn jitter_at_rest_shrinks_to_a_third() {
        let out = run((0..300).map(|i| 50.0 + if i % 2 == 0 { 0.5 } else { -0.5 }));
        let worst = out[30..].iter().map(|x| (x - 50.0).abs()).fold(0.0, f32::max);
        assert!(worst < 0.5 / 3.0, "{worst}");
    }

    #[test]
    fn a_face_that_crosses_the_picture_is_not_left_behind() {
        // One face size a second, as when a head turns quickly.
        let out = run((0..90).map(|i| FACE * i as f32 / 30.0));
        let lag = 89.0 / 30.0 * FACE - out[89];
        assert!((0.0..0.02 * FACE).contains(&lag), "{lag}");
    }

    #[test]
    fn a_dropped_frame_makes_no_difference_to_the_time_constant() {
        let decay = |steps: u32| {
            let mut filter = OneEuro::starting(Duration::ZERO, [Point2::origin()]);
            let target = [Point2::new(0.01, 0.0)];
            (1..=steps)
                .map(|i| filter.smooth(Duration::from_millis(200) * i / steps, &target, FACE)[0].x)
                .last()
                .unwrap()
        };
        assert!((decay(20) - decay(40)).abs() < 0.0005, "{} {}", decay(20), decay(40));
    }

    #[test]
    fn time_that_stands_still_starts_anew() {
        let mut filter = OneEuro::starting(FRAME, [Point2::origin()]);
        let there = [Point2::new(40.0, 0.0)];
        assert_eq!(filter.smooth(FRAME, &there, FACE), there);
        assert_eq!(filter.smooth(Duration::ZERO, &there, FACE), there);
    }
}
