//! The figures of a run in words, steady enough to be read.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::face::{Observation, Stage, Timings};

/// The stages that are shown; the others take next to nothing.
const SHOWN: [Stage; 4] = [Stage::Detect, Stage::Crop, Stage::Net, Stage::Decode];
/// The words change this often.
const INTERVAL: Duration = Duration::from_millis(500);

/// Means over half a second of the source's time; before that, what the first frame took.
#[derive(Debug, Default)]
pub struct Figures {
    text: String,
    /// When the interval began, and what was seen in it.
    began: Duration,
    frames: u32,
    sum: Timings,
    dropped: u64,
}

impl Figures {
    /// Counts a frame. Such as
    /// `29.8 fps  4.8 ms  1 face  0 dropped  detect 0.4  crop 0.3  net 3.9  decode 0.2`: the times
    /// are milliseconds a frame, the first that of all stages.
    pub fn count(&mut self, seen: &Observation) -> &str {
        self.dropped += u64::from(seen.dropped);
        self.frames += 1;
        self.sum += seen.timings;
        let passed = seen.captured_at.checked_sub(self.began);
        let is_first = self.text.is_empty();
        // A source that begins again begins an interval.
        if is_first || passed.is_none_or(|passed| passed >= INTERVAL) {
            self.text.clear();
            self.write(seen.faces.len(), passed.filter(|_| !is_first)).expect("a string takes all");
            (self.began, self.frames, self.sum) = (seen.captured_at, 0, Timings::default());
        }
        &self.text
    }

    fn write(&mut self, faces: usize, passed: Option<Duration>) -> fmt::Result {
        let text = &mut self.text;
        if let Some(passed) = passed {
            write!(text, "{:.1} fps  ", f64::from(self.frames) / passed.as_secs_f64())?;
        }
        let ms = |sum: Duration| (sum / self.frames).as_secs_f64() * 1e3;
        let (noun, dropped) = (if faces == 1 { "face" } else { "faces" }, self.dropped);
        write!(text, "{:.1} ms  {faces} {noun}  {dropped} dropped", ms(self.sum.total))?;
        SHOWN.into_iter().try_for_each(|stage| write!(text, "  {} {:.1}", stage.name(), ms(self.sum.of(stage))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at_ms: u64, net_ms: u64, dropped: u32) -> Observation {
        let net = Duration::from_millis(net_ms);
        Observation {
            captured_at: Duration::from_millis(at_ms),
            dropped,
            timings: Timings { net, total: net + Duration::from_micros(250), ..Timings::default() },
            ..Observation::default()
        }
    }

    #[test]
    fn figures_are_means_that_change_twice_a_second() {
        let mut figures = Figures::default();
        let first = "7.2 ms  0 faces  0 dropped  detect 0.0  crop 0.0  net 7.0  decode 0.0";
        assert_eq!(figures.count(&seen(1000, 7, 0)), first);
        for i in 1..=9 {
            assert_eq!(figures.count(&seen(1000 + i * 50, 1, 0)), first);
        }
        let second = "20.0 fps  2.2 ms  0 faces  3 dropped  detect 0.0  crop 0.0  net 2.0  decode 0.0";
        assert_eq!(figures.count(&seen(1500, 11, 3)), second);
        assert_eq!(figures.count(&seen(1550, 99, 0)), second);
    }

    #[test]
    fn a_source_that_begins_again_has_no_rate_at_first() {
        let mut figures = Figures::default();
        figures.count(&seen(9000, 1, 0));
        assert!(figures.count(&seen(0, 1, 0)).starts_with("1.2 ms"));
        assert!(figures.count(&seen(500, 1, 0)).starts_with("2.0 fps"));
    }
}
