//! When something is due that goes out so many times a second.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Beat {
    every: Duration,
    /// At once where there is none.
    due: Option<Instant>,
}

impl Beat {
    pub fn new(every: Duration) -> Self {
        Beat { every, due: None }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// It went out after a time in which none could.
    pub fn begin(&mut self, now: Instant) {
        self.due = Some(now + self.every);
    }

    /// It went out. What was late, for want of a frame at the right time, is made up for by one
    /// that is early, so that the rate holds; of a longer silence, by two at most.
    pub fn went(&mut self, now: Instant) {
        let next = self.due.map_or(now + self.every, |due| due + self.every);
        let earliest = now.checked_sub(self.every).unwrap_or(now);
        self.due = Some(next.clamp(earliest, now + self.every));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these go out within a hundred seconds of frames that come a little irregularly.
    fn sent(rate: f64, frames_a_second: u32) -> u32 {
        let (start, mut beat) = (Instant::now(), Beat::new(Duration::from_secs_f64(1.0 / rate)));
        let is_sent = |frame: &u32| {
            let jitter = Duration::from_millis(u64::from(frame * 7919 % 13));
            let now = start + Duration::from_secs(*frame as u64) / frames_a_second + jitter;
            let is_due = beat.is_due(now);
            if is_due {
                beat.went(now);
            }
            is_due
        };
        (0..100 * frames_a_second).filter(is_sent).count() as u32
    }

    #[test]
    fn the_rate_that_was_asked_for_is_kept_whatever_the_frame_rate() {
        for (rate, frames_a_second) in [(5.0, 10), (10.0, 10), (7.0, 10), (3.0, 10), (5.0, 30), (0.5, 30), (29.0, 30)] {
            let (sent, expected) = (f64::from(sent(rate, frames_a_second)), rate * 100.0);
            assert!((sent - expected).abs() <= 2.0, "{sent}, not {expected}: {rate} of {frames_a_second}");
        }
        assert_eq!(sent(20.0, 10), 1000);
    }

    #[test]
    fn after_a_silence_little_is_made_up_for() {
        let (start, mut beat) = (Instant::now(), Beat::new(Duration::from_secs(1)));
        beat.went(start);
        let later = start + Duration::from_secs(60);
        let mut sent = 0;
        while beat.is_due(later) {
            beat.went(later);
            sent += 1;
        }
        assert_eq!(sent, 3);
    }
}
