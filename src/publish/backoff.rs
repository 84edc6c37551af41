//! When to try again what failed.

use std::time::{Duration, Instant};

/// After a failure nothing is tried for so long, and twice as long after each further one ..
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// .. up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Backoff {
    pause: Duration,
    not_before: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { pause: FIRST_PAUSE, not_before: None }
    }
}

impl Backoff {
    pub fn is_over(&self) -> bool {
        self.not_before.is_none_or(|at| Instant::now() >= at)
    }

    pub fn worked(&mut self) {
        *self = Backoff::default();
    }

    pub fn failed(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}
