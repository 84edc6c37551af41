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

    #[cfg(test)]
    pub fn next_pause(&self) -> Duration {
        self.pause
    }

    pub fn worked(&mut self) {
        *self = Backoff::default();
    }

    /// It works since so long. What fails sooner than it would be tried again has not worked.
    pub fn worked_for(&mut self, lasted: Duration) {
        if lasted > self.pause {
            self.worked();
        }
    }

    pub fn failed(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_for_a_moment_is_tried_ever_less_often() {
        let mut backoff = Backoff::default();
        for expected in [1, 2, 4, 8, 16, 30, 30] {
            backoff.failed();
            backoff.worked_for(Duration::from_millis(100));
            assert_eq!(backoff.pause, Duration::from_secs(expected));
        }
        backoff.worked_for(Duration::from_secs(31));
        assert_eq!(backoff.pause, FIRST_PAUSE);
    }
}
