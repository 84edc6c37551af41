//! Figures over many durations.

use std::time::Duration;

/// Durations of one stage or of whole frames.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// The smallest duration that at least this share (0 to 1) of all do not exceed; zero without durations.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
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
}
