//! How open somebody's eyes are against their own open state, and when they blink or stay closed.

use std::time::Duration;

use super::measure::EventKind;
use super::openness::Ratios;
use super::own_state::{OwnState, Usual};
use super::phase::{Hysteresis, Phase};
use crate::model::card::EyeRatios;

// What literature defines names its source. The rest is set by hand: no data set with marked blinks
// was measured.

/// The least openness that most people's open eye has against somebody's own open state: who begins
/// with closed eyes has none yet.
const LEAST_OPEN: f32 = 0.65;
/// The part of the time that an eye is less open than its open state.
const OPEN_QUANTILE: f32 = 0.7;
/// Openness of an eye below which it says nothing of its open state.
const HALF_OPEN: f32 = 0.5;
/// The eyes are closed below the first and open again above the second.
const CLOSED: Hysteresis = Hysteresis { on: 0.3, off: 0.5 };
/// Shorter is noise; longer is no blink but closed eyes (Caffier, Erdmann, Ullsperger 2003).
pub const BLINK: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(500)];

/// The eyes of one face, as they were so far.
#[derive(Debug, Clone)]
pub struct Eyes {
    right: OwnState,
    left: OwnState,
    closed: Phase,
    said_closed: bool,
}

/// The eyes in one frame: 0 closed, 1 the own open state; `None` where they are not seen.
#[derive(Debug, Clone, Copy)]
pub struct Openness {
    pub right: Option<f32>,
    pub left: Option<f32>,
    /// Whether both together are closed, with hysteresis.
    pub closed: Option<bool>,
}

impl Openness {
    /// The mean of the eyes that are seen.
    pub fn of_both(&self) -> Option<f32> {
        match (self.right, self.left) {
            (Some(right), Some(left)) => Some((right + left) / 2.0),
            (one, other) => one.or(other),
        }
    }
}

impl Eyes {
    pub fn new() -> Self {
        let eye = OwnState::new(OPEN_QUANTILE);
        Eyes { right: eye.clone(), left: eye, closed: Phase::default(), said_closed: false }
    }

    /// A closure that was last seen so long before is over.
    pub fn forget(&mut self, at: Duration, longest: Duration) {
        self.closed.forget(at, longest);
        self.said_closed &= self.closed.is_on();
    }

    /// The face is not seen: a closure is over, unless it was said, and the face is soon back.
    pub fn face_unseen(&mut self, at: Duration) {
        self.unseen(at);
        if !self.said_closed {
            self.closed = Phase::default();
        }
    }

    /// Eyes that are no longer seen did not open.
    fn unseen(&mut self, at: Duration) {
        self.closed.unseen(at);
        self.said_closed &= self.closed.is_on();
    }

    /// Takes the next frame's ratios, and how the net draws eyes; says what the eyes did.
    pub fn take(
        &mut self,
        at: Duration,
        step: Duration,
        ratios: Ratios,
        drawn: EyeRatios,
        say: &mut impl FnMut(EventKind, Duration),
    ) -> Openness {
        let right = ratios.right_eye.map(|ratio| openness(&mut self.right, ratio, drawn, step));
        let left = ratios.left_eye.map(|ratio| openness(&mut self.left, ratio, drawn, step));
        let mut eyes = Openness { right, left, closed: None };
        eyes.closed = eyes.of_both().map(|openness| CLOSED.next(self.closed.is_on(), openness));
        match eyes.closed {
            Some(is_closed) => self.go_on(is_closed, at, say),
            None => self.unseen(at),
        }
        eyes
    }

    /// The eyes are closed or open in the next frame.
    fn go_on(&mut self, is_closed: bool, at: Duration, say: &mut impl FnMut(EventKind, Duration)) {
        let opened = self.closed.next(is_closed, at);
        let lasted = opened.unwrap_or(self.closed.lasts());
        if lasted > BLINK[1] && !self.said_closed {
            self.said_closed = true;
            say(EventKind::EyesClosed, lasted);
        }
        match opened {
            Some(lasted) if self.said_closed => say(EventKind::EyesOpened, lasted),
            Some(lasted) if lasted >= BLINK[0] => say(EventKind::Blink, lasted),
            _ => {}
        }
        self.said_closed &= self.closed.is_on();
    }
}

/// How open an eye of this ratio is.
fn openness(own: &mut OwnState, ratio: f32, drawn: EyeRatios, step: Duration) -> f32 {
    let closed = drawn.closed / drawn.open;
    // The share of the open ratio that an eye has of this openness.
    let share = |openness: f32| closed + openness * (1.0 - closed);
    let usual = Usual { level: drawn.open, least: drawn.open * share(LEAST_OPEN), shut: share(HALF_OPEN) };
    let open = own.take(ratio, usual, step);
    ((ratio - closed * open) / ((1.0 - closed) * open)).clamp(0.0, 1.0)
}
