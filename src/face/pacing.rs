//! Over how many frames work is spread that must not hold one up.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Work that takes a time, and no fewer and no more frames than a range has.
#[derive(Debug)]
pub struct Spread {
    time: Duration,
    frames: RangeInclusive<u32>,
}

impl Spread {
    pub const fn over(time: Duration, frames: RangeInclusive<u32>) -> Self {
        Spread { time, frames }
    }

    /// So many frames it takes where `step` passes between two.
    pub fn frames(&self, step: Duration) -> u32 {
        let frames = (self.time.as_secs_f32() / step.as_secs_f32().max(1e-3)).round() as u32;
        frames.clamp(*self.frames.start(), *self.frames.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_frames_do_more_each() {
        let spread = Spread::over(Duration::from_millis(200), 2..=6);
        let frames = [0, 16, 33, 50, 100, 1000].map(|ms| spread.frames(Duration::from_millis(ms)));
        assert_eq!(frames, [6, 6, 6, 4, 2, 2]);
    }
}
