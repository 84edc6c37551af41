//! Whether threads help.

use std::time::Duration;

/// Frames whose times are added up before they are compared.
const WINDOW: u32 = 32;

/// Windows for which a comparison holds.
const HOLDS: u32 = 7;

/// Whether other threads make frames faster. Where other programs want the cores, a thread may be
/// kept from its own in the middle of a chunk for which all others wait. When that takes much of
/// the time, frames alone are timed, too, and for a while the faster way is taken.
#[derive(Default)]
pub(super) struct Help {
    mode: Mode,
    frames: u32,
    time: Duration,
    waited: Duration,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Mode {
    #[default]
    Together,
    /// Alone, to be compared with a window together that took so long.
    Trial(Duration),
    /// As a comparison has shown, for so many windows.
    Settled { together: bool, windows: u32 },
}

impl Help {
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.mode, Mode::Together | Mode::Settled { together: true, .. })
    }

    /// A frame took `time`, in which the caller `waited`.
    pub(super) fn record(&mut self, time: Duration, waited: Duration) {
        self.frames += 1;
        self.time += time;
        self.waited += waited;
        if self.frames < WINDOW {
            return;
        }
        let Help { mode, time, waited, .. } = std::mem::take(self);
        self.mode = match mode {
            Mode::Together if waited * 4 > time => Mode::Trial(time),
            Mode::Trial(together) => Mode::Settled { together: together <= time, windows: HOLDS },
            Mode::Settled { together, windows } if windows > 1 => Mode::Settled { together, windows: windows - 1 },
            Mode::Together | Mode::Settled { .. } => Mode::Together,
        };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn help_is_refused_while_frames_alone_are_faster() {
        let mut help = Help::default();
        let mut frames = |together_ms: u64, alone_ms: u64, waited_ms: u64, count: u32| {
            let mut wanted = 0;
            for _ in 0..count {
                let together = help.is_wanted();
                wanted += u32::from(together);
                let (time, waited) = if together { (together_ms, waited_ms) } else { (alone_ms, 0) };
                help.record(Duration::from_millis(time), Duration::from_millis(waited));
            }
            wanted
        };
        let cycle = (2 + HOLDS) * WINDOW;
        assert_eq!(frames(6, 10, 1, cycle), cycle, "little waiting is no reason to try");
        assert_eq!(frames(12, 10, 5, cycle), WINDOW, "one window in a cycle finds out whether it is still so");
        assert_eq!(frames(6, 10, 1, cycle), cycle, "and then all is as before");
        assert_eq!(frames(6, 10, 2, cycle), cycle - WINDOW, "with much waiting, frames alone are timed");
    }
}
