//! How open somebody's eye is when it is open, and the mouth at rest: learned in the first seconds.

use std::time::Duration;

// Set by hand: no data set with marked blinks was measured.

/// It is learned while it is seen for so long, and takes over from that of most people meanwhile.
const LEARN: Duration = Duration::from_secs(3);
/// Room for what comes in this time at thirty frames a second, so that following allocates nothing.
const LEARNED: usize = 128;
/// How fast it follows later, as a share of itself a second.
const FOLLOW_A_SECOND: f32 = 0.02;
/// A ratio that stays shut for so long shows that the state is wrong: it is learned anew.
const LONGEST_SHUT: Duration = Duration::from_secs(300);

/// A level that a ratio stays below, or above, for a given part of the time.
#[derive(Debug, Clone)]
pub struct OwnState {
    quantile: f32,
    learned: Vec<f32>,
    seen: Duration,
    level: f32,
    /// How much longer the ratio was shut than not.
    shut: Duration,
}

/// What an own state is for most people, and at least; and the share of it below which a ratio is
/// shut, and says nothing of it.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    pub level: f32,
    pub least: f32,
    pub shut: f32,
}

impl OwnState {
    pub fn new(quantile: f32) -> Self {
        let learned = Vec::with_capacity(LEARNED);
        OwnState { quantile, learned, seen: Duration::ZERO, level: 0.0, shut: Duration::ZERO }
    }

    /// Takes a ratio, and what passed since the frame before; gives the level.
    pub fn take(&mut self, ratio: f32, usual: Usual, step: Duration) -> f32 {
        let learns = self.seen < LEARN;
        let is_shut = ratio < usual.shut * if learns { usual.least } else { self.level };
        self.shut = if is_shut { self.shut + step } else { self.shut.saturating_sub(step) };
        if self.shut > LONGEST_SHUT {
            self.learned.clear();
            (self.seen, self.shut) = (Duration::ZERO, Duration::ZERO);
        } else if !is_shut && learns {
            let place = self.learned.partition_point(|other| *other < ratio);
            self.learned.insert(place, ratio);
            self.seen += step;
        } else if !is_shut {
            let way = if ratio > self.level { self.quantile } else { self.quantile - 1.0 };
            self.level *= 1.0 + way * FOLLOW_A_SECOND * step.as_secs_f32();
        }
        if learns || self.learned.is_empty() {
            let last = self.learned.len().saturating_sub(1) as f32;
            let own = self.learned.get((last * self.quantile).round() as usize).copied().unwrap_or(usual.level);
            let trust = (self.seen.as_secs_f32() / LEARN.as_secs_f32()).min(1.0);
            self.level = usual.level + (own - usual.level) * trust;
        }
        self.level = self.level.max(usual.least);
        self.level
    }
}
