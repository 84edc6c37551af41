//! Over how many frames work is spread that must not hold one up.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How far apart frames are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pacing {
    step: Duration,
}

impl Pacing {
    /// `step` passed between the last two frames.
    pub fn of(step: Duration) -> Self {
        Pacing { step }
    }

    /// The frames that come within `time`, kept to a range.
    pub fn frames_in(self, time: Duration, range: RangeInclusive<u32>) -> u32 {
        let frames = (time.as_secs_f32() / self.step.as_secs_f32().max(1e-3)).round() as u32;
        frames.clamp(*range.start(), *range.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_frames_do_more_each() {
        let frames = |ms| Pacing::of(Duration::from_millis(ms)).frames_in(Duration::from_millis(200), 2..=6);
        assert_eq!([0, 16, 33, 50, 100, 1000].map(frames), [6, 6, 6, 4, 2, 2]);
    }
}
