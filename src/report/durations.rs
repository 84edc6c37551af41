//! Figures over many durations.

use std::time::Duration;

/// So many durations are kept, 256 KiB; of longer runs an even sample. At 30 frames a second they
/// fill in nine minutes.
const KEPT: usize = 1 << 14;

/// Durations of one stage or of whole frames.
#[derive(Debug, Clone)]
pub struct Latencies {
    kept: Vec<Duration>,
    /// One duration of this many is kept.
    stride: usize,
    seen: usize,
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies { kept: Vec::new(), stride: 1, seen: 0 }
    }
}

impl Latencies {
    pub fn push(&mut self, duration: Duration) {
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push(duration);
        }
        self.seen += 1;
        if self.kept.len() == KEPT {
            let mut even = [true, false].into_iter().cycle();
            self.kept.retain(|_| even.next() == Some(true));
            self.stride *= 2;
        }
    }

    /// How many there were, kept or not.
    pub fn count(&self) -> usize {
        self.seen
    }

    /// The smallest duration that at least this share (0 to 1) of all do not exceed; zero without
    /// durations.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// `median 4.81 ms, p90 5.20 ms`.
impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |share| self.quantile(share).as_secs_f64() * 1e3;
        write!(f, "median {:.2} ms, p90 {:.2} ms", ms(0.5), ms(0.9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_durations_that_occurred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), Duration::ZERO);
        for ms in [5, 1, 4, 2, 3, 6, 7, 8, 9, 10] {
            latencies.push(Duration::from_millis(ms));
        }
        assert_eq!(latencies.to_string(), "median 5.00 ms, p90 9.00 ms");
        assert_eq!(latencies.quantile(1.0), Duration::from_millis(10));
    }

    #[test]
    fn a_run_of_weeks_keeps_an_even_sample() {
        let mut latencies = Latencies::default();
        (0..1_000_000).for_each(|us| latencies.push(Duration::from_micros(us)));
        assert!(latencies.kept.len() < KEPT);
        let median = latencies.quantile(0.5).as_micros();
        assert!(median.abs_diff(500_000) < 5_000, "{median}");
    }
}
