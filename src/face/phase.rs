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

/// Whether something goes on, as far as it was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phase(Option<Seen>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    since: Duration,
    last: Duration,
    /// It could not be seen in the frame before.
    is_hidden: bool,
}

impl Phase {
    pub fn is_on(self) -> bool {
        self.0.is_some()
    }

    /// How long it was seen to go on so far.
    pub fn lasts(self) -> Duration {
        self.0.map_or(Duration::ZERO, |seen| seen.last.saturating_sub(seen.since))
    }

    /// Takes the next state; gives how long it went on where it just ended. Where nothing was seen
    /// just before, or for longer than [`LONGEST_STEP`], it ended when it was seen last.
    pub fn next(&mut self, on: bool, at: Duration) -> Option<Duration> {
        if on {
            let since = match self.0 {
                Some(seen) if seen.is_hidden => at.saturating_sub(self.lasts()),
                Some(seen) => seen.since,
                None => at,
            };
            self.0 = Some(Seen { since, last: at, is_hidden: false });
            return None;
        }
        let lasted = self.lasts();
        let Seen { since, last, is_hidden } = self.0.take()?;
        let is_seen_to_end = !is_hidden && at.saturating_sub(last) <= LONGEST_STEP;
        Some(if is_seen_to_end { at.saturating_sub(since) } else { lasted })
    }

    /// A frame does not show whether it goes on: what passes meanwhile does not count. After
    /// [`LONGEST_STEP`] it is over; gives how long it went on where it just ended.
    pub fn unseen(&mut self, at: Duration) -> Option<Duration> {
        let seen = self.0.as_mut()?;
        seen.is_hidden = true;
        if at.saturating_sub(seen.last) <= LONGEST_STEP {
            return None;
        }
        let lasted = self.lasts();
        self.0 = None;
        Some(lasted)
    }

    /// What was seen last longer before than this is over.
    pub fn forget(&mut self, at: Duration, longest: Duration) {
        self.0 = self.0.filter(|seen| at.saturating_sub(seen.last) <= longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_does_not_count() {
        let at = Duration::from_millis;
        let mut phase = Phase::default();
        assert_eq!(phase.next(true, at(0)), None);
        assert_eq!(phase.next(true, at(100)), None);
        assert_eq!(phase.unseen(at(200)), None);
        assert_eq!(phase.unseen(at(500)), None);
        assert_eq!(phase.next(true, at(600)), None);
        assert_eq!(phase.lasts(), at(100));
        assert_eq!(phase.next(true, at(650)), None);
        assert_eq!(phase.unseen(at(700)), None);
        let mut other = phase;
        assert_eq!((phase.next(false, at(800)), phase.is_on()), (Some(at(150)), false));
        assert_eq!((other.unseen(at(1200)), other.is_on()), (Some(at(150)), false));
    }
}
