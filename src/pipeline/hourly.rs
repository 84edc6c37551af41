//! A line an hour: that the run goes on, and how.

use std::time::{Duration, Instant};

use crate::record::metrics::{Health, Metrics};
use crate::text::message::counted;

const EVERY: Duration = Duration::from_secs(3600);

/// Tells when an hour is over, and what came of it.
pub struct Hourly {
    every: Duration,
    since: Instant,
    before: Health,
}

impl Hourly {
    /// The first hour begins now.
    pub fn start(metrics: &Metrics) -> Self {
        Hourly { every: EVERY, since: Instant::now(), before: metrics.health() }
    }

    /// The line, if an hour has gone by.
    pub fn due(&mut self, metrics: &Metrics, now: Instant) -> Option<String> {
        let lasted = now.saturating_duration_since(self.since);
        if lasted < self.every {
            return None;
        }
        let before = std::mem::replace(&mut self.before, metrics.health());
        self.since = now;
        Some(line(&before, &self.before, lasted))
    }
}

fn line(before: &Health, after: &Health, lasted: Duration) -> String {
    let frames = after.frames - before.frames;
    let rate = frames as f64 / lasted.as_secs_f64();
    let mut line = format!(
        "{} in {} min ({rate:.1} a second), {} with a face, {} dropped",
        counted(frames, "frame", "frames"),
        lasted.as_secs() / 60,
        after.frames_with_a_face - before.frames_with_a_face,
        after.dropped - before.dropped,
    );
    // They stay as they are from the start on.
    for (before, after) in before.outlets.iter().zip(&after.outlets) {
        let (done, lost) = (after.done - before.done, after.lost - before.lost);
        line += &format!("; {}: {done} done, {lost} lost", after.name);
    }
    if let Some(trouble) = &after.trouble {
        line += &format!("; {trouble}");
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::face::Observation;
    use crate::record::losses::Tally;

    #[test]
    fn the_line_tells_of_its_own_hour() {
        let metrics = Metrics::default();
        let tally = Arc::<Tally>::default();
        metrics.add_receiver("udp://desk:1", &tally);
        metrics.count(&Observation::default());
        tally.count_written(1);
        let mut hourly = Hourly::start(&metrics);
        let start = hourly.since;
        assert_eq!(hourly.due(&metrics, start + EVERY / 2), None);
        for _ in 0..7200 {
            metrics.count(&Observation { dropped: 1, ..Observation::default() });
        }
        tally.count_written(7199);
        let line = hourly.due(&metrics, start + EVERY).unwrap();
        let first =
            "7200 frames in 60 min (2.0 a second), 0 with a face, 7200 dropped; udp://desk:1: 7199 done, 0 lost";
        assert_eq!(line, first);
        let line = hourly.due(&metrics, start + EVERY * 2).unwrap();
        assert!(line.starts_with("0 frames in 60 min"), "{line}");
        assert_eq!(hourly.due(&metrics, start + EVERY * 2), None);
    }
}
