//! When something begins and ends that a followed face does.

use std::time::Duration;

/// What a frame shows counts up to the next one, and for no longer than this. Set by hand.
pub const LONGEST_STEP: Duration = Duration::from_millis(500);

/// On beyond one threshold, off beyond the other: a value that rests near one does not make many
/// events.
#[derive(Debug, Clone, Copy)]
pub struct Hysteresis {
    pub on: f32,
    pub off: f32,
}

impl Hysteresis {
    pub fn next(self, was_on: bool, value: f32) -> bool {
        let threshold = if was_on { self.off } else { self.on };
        if self.on < self.off { value < threshold } else { value > threshold }
    }
}

/// Whether something goes on: since when, and when it was last seen to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phase(Option<(Duration, Duration)>);

impl Phase {
    pub fn is_on(self) -> bool {
        self.0.is_some()
    }

    /// How long it was seen to go on so far.
    pub fn lasts(self) -> Duration {
        self.0.map_or(Duration::ZERO, |(since, last)| last.saturating_sub(since))
    }

    /// Takes the next state; gives how long it went on where it just ended. Where nothing was seen
    /// for longer than [`LONGEST_STEP`] before, it ended when it was seen last.
    pub fn next(&mut self, on: bool, at: Duration) -> Option<Duration> {
        if on {
            self.0 = Some((self.0.map_or(at, |(since, _)| since), at));
            return None;
        }
        let (since, last) = self.0.take()?;
        let end = if at.saturating_sub(last) > LONGEST_STEP { last } else { at };
        Some(end.saturating_sub(since))
    }

    /// Nothing is seen: what was seen last so long before is over.
    pub fn unseen(&mut self, at: Duration, longest: Duration) {
        self.0 = self.0.filter(|(_, last)| at.saturating_sub(*last) <= longest);
    }
}
