//! How open somebody's mouth is against its own rest, and when it yawns.

use std::time::Duration;

use super::measure::EventKind;
use super::own_state::{OwnState, Usual};
use super::phase::{Hysteresis, Phase};

// Set by hand: no data set with marked yawns was measured.

/// The mouth's ratio at rest, of most people, and at least.
const USUAL: Usual = Usual { level: 0.02, least: 0.012, shut: 0.0 };
/// The part of the time that the mouth is less open than at rest.
const REST_QUANTILE: f32 = 0.3;
/// A mouth's ratio when it yawns widely.
const WIDE: f32 = 0.8;
/// Openness of the mouth of a yawn, and how long it stays so.
const YAWN: Hysteresis = Hysteresis { on: 0.6, off: 0.4 };
const YAWN_TIME: Duration = Duration::from_millis(1500);

/// The mouth of one face, as it was so far.
#[derive(Debug, Clone)]
pub struct Mouth {
    rest: OwnState,
    yawn: Phase,
}

impl Mouth {
    pub fn new() -> Self {
        Mouth { rest: OwnState::new(REST_QUANTILE), yawn: Phase::default() }
    }

    /// A yawn that was last seen so long before is over.
    pub fn forget(&mut self, at: Duration, longest: Duration) {
        self.yawn.forget(at, longest);
    }

    /// The face is not seen: a yawn is over, unless it lasted long enough and the face is soon
    /// back.
    pub fn face_unseen(&mut self, at: Duration) {
        let has_yawned = self.yawn.lasts() >= YAWN_TIME;
        self.yawn.unseen(at);
        if !has_yawned {
            self.yawn = Phase::default();
        }
    }

    /// Takes the next frame's ratio and says a yawn that ended. Gives the openness: 0 at rest, 1
    /// wide open.
    pub fn take(
        &mut self,
        at: Duration,
        step: Duration,
        ratio: Option<f32>,
        say: &mut impl FnMut(EventKind, Duration),
    ) -> Option<f32> {
        let openness = ratio.map(|ratio| {
            let rest = self.rest.take(ratio, USUAL, step).min(WIDE / 2.0);
            ((ratio - rest) / (WIDE - rest)).clamp(0.0, 1.0)
        });
        let yawned = match openness {
            Some(openness) => self.yawn.next(YAWN.next(self.yawn.is_on(), openness), at),
            None => self.yawn.unseen(at),
        };
        if let Some(lasted) = yawned.filter(|lasted| *lasted >= YAWN_TIME) {
            say(EventKind::Yawn, lasted);
        }
        openness
    }
}
