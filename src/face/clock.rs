//! When frames were captured, whatever their time stamps say.

use std::time::Duration;

/// What passes between two frames where their stamps do not tell.
const USUAL_STEP: Duration = Duration::from_micros(33_333);

/// A clock that goes on with each frame. A stamp that is not later than the one before, because
/// nobody set it or a camera's clock was set back, counts as one frame of thirty a second, so that
/// what depends on time goes on.
#[derive(Debug, Default)]
pub struct FrameClock {
    now: Duration,
    step: Duration,
    stamp: Option<Duration>,
}

impl FrameClock {
    /// The time of the next frame, later than that of the one before; the first one's is zero.
    pub fn at(&mut self, captured_at: Duration) -> Duration {
        if let Some(before) = self.stamp.replace(captured_at) {
            let step = captured_at.saturating_sub(before);
            self.step = if step.is_zero() { USUAL_STEP } else { step };
            self.now += self.step;
        }
        self.now
    }

    /// What passed between the last two frames.
    pub fn step(&self) -> Duration {
        self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_taken_where_they_go_on_and_time_goes_on_where_they_do_not() {
        let mut clock = FrameClock::default();
        let seconds = [5.0, 5.1, 5.1, 0.0, 0.5];
        let times = seconds.map(|stamp| clock.at(Duration::from_secs_f32(stamp)).as_secs_f32());
        let expected = [0.0, 0.1, 0.133_333, 0.166_666, 0.666_666];
        assert!(times.iter().zip(expected).all(|(time, expected)| (time - expected).abs() < 1e-4), "{times:?}");
    }
}
