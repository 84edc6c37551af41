//! When a head nods.

use std::time::Duration;

use super::measure::EventKind;
use super::phase::{Hysteresis, Phase};

// Set by hand: no data set with marked nods was measured.

/// Pitch above where the head was, in degrees: a nod goes over the first and comes back below the
/// second.
const NOD: Hysteresis = Hysteresis { on: 10.0, off: 5.0 };
const NOD_TIME: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(1500)];
/// Where the head was: its pitch, followed with this time constant, in seconds.
const PITCH_FOLLOWS_S: f32 = 2.0;

/// How a head was pitched so far.
#[derive(Debug, Clone, Default)]
pub struct Nod {
    down: Phase,
    /// The pitch from which it nods, in degrees.
    rest: Option<f32>,
}

impl Nod {
    /// A nod that was last seen so long before is over.
    pub fn forget(&mut self, at: Duration, longest: Duration) {
        self.down.forget(at, longest);
    }

    /// The face is not seen: a nod is over.
    pub fn face_unseen(&mut self) {
        self.down = Phase::default();
    }

    /// Takes the next frame's pitch, in degrees; says a nod that ended.
    pub fn take(
        &mut self,
        at: Duration,
        step: Duration,
        pitch: Option<f32>,
        say: &mut impl FnMut(EventKind, Duration),
    ) {
        let Some(pitch) = pitch else {
            self.down = Phase::default();
            return;
        };
        let rest = *self.rest.get_or_insert(pitch);
        // Where the head was stays so during a nod. A head that stays down longer is there now.
        if !self.down.is_on() || self.down.lasts() > NOD_TIME[1] {
            self.rest = Some(rest + (pitch - rest) * (step.as_secs_f32() / PITCH_FOLLOWS_S).min(1.0));
        }
        let is_down = NOD.next(self.down.is_on(), pitch - rest);
        if let Some(lasted) = self.down.next(is_down, at)
            && (NOD_TIME[0]..=NOD_TIME[1]).contains(&lasted)
        {
            say(EventKind::Nod, lasted);
        }
    }
}
