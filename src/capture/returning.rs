//! A live source that outlives its cable: it is looked for until it is back, for ever.

mod damage;
mod standing;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::time::{Duration, Instant};

use damage::{Damage, Verdict};
use standing::Standing;

use super::clock::{Numbers, SourceClock};
use super::{CaptureError, Captured, Fault, Origin, Source, Status};
use crate::picture::frame::Frame;

/// No call waits longer than this for a frame. One that opens the source anew takes as long as that
/// does: a host without an answer some seconds, a driver that hangs for ever.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// A source without a frame for so long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// And is opened anew after so long, as is one whose frames cannot be used.
const REOPENED_AFTER: Duration = Duration::from_secs(10);
/// Time between two looks for a source that is gone; it doubles from the first to the last.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];

/// Opens the source that it stands for, again and again.
pub trait Opener: Send {
    type Stream: FrameStream;

    fn open(&mut self) -> Result<Self::Stream, Lost>;

    /// What was opened last.
    fn origin(&self) -> Origin;

    /// Told at the moment when the stream ended.
    fn lost(&mut self) {}

    /// Frames came that cannot be used, or none came at all. Whether there is another way to have
    /// them, which the next [`Opener::open`] takes.
    fn try_other(&mut self) -> bool {
        false
    }
}

/// A source that is open.
pub trait FrameStream: Send {
    /// Overwrites the frame's pixels; `None` where no frame comes within the time. An error is the
    /// end of the stream.
    fn next_into(&mut self, frame: &mut Frame, within: Duration) -> Result<Option<Arrival>, Lost>;

    /// Whether that it was opened shows that its source is there, as it does of a device.
    fn is_back(&self) -> bool {
        true
    }
}

/// Why a source is not there, in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost(pub String);

impl Lost {
    /// It ended after frames that could not be used: that may be why.
    pub fn after(self, fault: &impl Display) -> Lost {
        Lost(format!("{} after damaged frames: {fault}", self.0))
    }
}

/// What comes with a frame.
#[derive(Debug)]
pub struct Arrival {
    /// Counts from the start of the stream, dropped frames included.
    pub sequence: u32,
    /// By the monotonic clock, if the driver knows it.
    pub captured_at: Option<Duration>,
    /// Why the frame's pixels are not to be trusted.
    pub fault: Option<Fault>,
}

/// Gives a source's frames, numbered and timed as one sequence however often it went away.
pub struct Returning<O: Opener> {
    state: State<O::Stream>,
    kept: Kept<O>,
}

enum State<S> {
    Open(Open<S>),
    Gone(Gone),
}

struct Open<S> {
    stream: S,
    last_frame: Instant,
    /// No frame came since it was opened.
    is_silent: bool,
}

/// The source is looked for at a time, before which it was waited for so long.
struct Gone {
    look_at: Instant,
    wait: Duration,
}

/// What outlives a stream.
struct Kept<O> {
    name: String,
    opener: O,
    standing: Standing,
    damage: Damage,
    numbers: Numbers,
    clock: SourceClock,
    /// How long was waited before it was opened last, until a sound frame came.
    last_wait: Duration,
}

/// What a call gives, and the state after it where that is another one.
struct Turn<S> {
    captured: Captured,
    next: Option<State<S>>,
}

impl<O: Opener> Returning<O> {
    pub fn new(name: String, opener: O, stream: O::Stream) -> Self {
        let kept = Kept {
            name,
            opener,
            standing: Standing::default(),
            damage: Damage::default(),
            numbers: Numbers::default(),
            clock: SourceClock::start(),
            last_wait: Duration::ZERO,
        };
        Returning { state: State::open(stream), kept }
    }
}

impl<O: Opener> Source for Returning<O> {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        if let Some(status) = self.kept.standing.news() {
            return Ok(Captured::Waiting(status));
        }
        let Turn { captured, next } = match &mut self.state {
            State::Open(open) => open.read(&mut self.kept, frame),
            State::Gone(gone) => gone.look(&mut self.kept),
        };
        if let Some(next) = next {
            self.state = next;
        }
        Ok(captured)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn origin(&self) -> Option<Origin> {
        Some(self.kept.opener.origin())
    }
}

impl<S> State<S> {
    fn open(stream: S) -> Self {
        State::Open(Open { stream, last_frame: Instant::now(), is_silent: true })
    }

    fn gone_for(wait: Duration) -> Self {
        State::Gone(Gone { look_at: Instant::now() + wait, wait })
    }
}

impl<S> Turn<S> {
    fn stays(captured: Captured) -> Self {
        Turn { captured, next: None }
    }

    fn goes_to(next: State<S>, captured: Captured) -> Self {
        Turn { captured, next: Some(next) }
    }
}

fn longer(wait: Duration) -> Duration {
    (wait * 2).clamp(LOOK_AGAIN[0], LOOK_AGAIN[1])
}

impl<S: FrameStream> Open<S> {
    /// Takes the next frame.
    fn read<O: Opener>(&mut self, kept: &mut Kept<O>, frame: &mut Frame) -> Turn<S> {
        match self.stream.next_into(frame, PATIENCE) {
            Ok(Some(arrival)) => {
                (self.last_frame, self.is_silent) = (Instant::now(), false);
                frame.stamp(kept.numbers.number(arrival.sequence), kept.clock.time(arrival.captured_at));
                kept.judge(arrival.fault.as_ref())
            }
            Ok(None) => self.quiet(kept),
            Err(lost) => kept.end(lost),
        }
    }

    /// No frame came within a call's time.
    fn quiet<O: Opener>(&self, kept: &mut Kept<O>) -> Turn<S> {
        kept.welcome(self.stream.is_back());
        let since = self.last_frame.elapsed();
        if since >= REOPENED_AFTER {
            if self.is_silent {
                kept.opener.try_other();
            }
            kept.opener.lost();
            let reason = Lost(format!("no frame for {} s", since.as_secs()));
            return kept.look_after(Duration::ZERO, Some(reason));
        }
        if since >= STALLED_AFTER {
            let since = Duration::from_secs(since.as_secs());
            kept.standing.change(Status::Stalled { name: kept.name.clone(), since });
        }
        Turn::stays(kept.standing.told())
    }
}

impl Gone {
    /// Looks for the source when it is time to.
    fn look<O: Opener>(&self, kept: &mut Kept<O>) -> Turn<O::Stream> {
        let left = self.look_at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left.min(PATIENCE));
            return Turn::stays(kept.standing.told());
        }
        match kept.opener.open() {
            Ok(stream) => kept.begin(stream, self.wait),
            // A source that stalled was looked for at once, without a wait to double.
            Err(lost) => kept.look_after(longer(self.wait), Some(lost)),
        }
    }
}

impl<O: Opener> Kept<O> {
    /// A stream begins, after so long a wait.
    fn begin(&mut self, stream: O::Stream, wait: Duration) -> Turn<O::Stream> {
        self.numbers.restart();
        self.clock.restart();
        self.damage.restart_stream();
        self.last_wait = wait;
        self.welcome(stream.is_back());
        Turn::goes_to(State::open(stream), self.standing.told())
    }

    /// Says that the source is back if it is. It was not gone if its frames were bad, and that they
    /// are better now is not known yet.
    fn welcome(&mut self, is_back: bool) {
        if is_back && self.standing.is_gone() {
            self.standing.change(Status::Returning { name: self.name.clone() });
        }
    }

    /// A frame came. Where all were damaged for a while, the source is opened anew if that may
    /// help.
    fn judge<S>(&mut self, fault: Option<&Fault>) -> Turn<S> {
        match self.damage.judge(fault) {
            Verdict::Sound => {
                self.last_wait = Duration::ZERO;
                self.standing.set_live();
                Turn::stays(Captured::Frame)
            }
            Verdict::Damaged => Turn::stays(Captured::Damaged),
            Verdict::Unusable => {
                self.set_unusable();
                Turn::stays(Captured::Damaged)
            }
            Verdict::UnusableFor(lasted) => {
                self.set_unusable();
                if !self.opener.try_other() && lasted < REOPENED_AFTER {
                    return Turn::stays(Captured::Damaged);
                }
                let at_once = Gone { look_at: Instant::now(), wait: LOOK_AGAIN[0] };
                Turn::goes_to(State::Gone(at_once), Captured::Damaged)
            }
        }
    }

    fn set_unusable(&mut self) {
        if !self.standing.is_unusable() {
            let cause = self.damage.cause().into();
            self.standing.change(Status::Unusable { name: self.name.clone(), cause });
        }
    }

    /// The stream ended. What ends before its first sound frame is as if it could not be opened.
    fn end<S>(&mut self, lost: Lost) -> Turn<S> {
        self.opener.lost();
        let reason = if !self.damage.is_in_stream() {
            Some(lost)
        } else if self.standing.is_unusable() {
            // That it ends is no news.
            None
        } else {
            Some(lost.after(&self.damage.cause()))
        };
        self.look_after(longer(self.last_wait), reason)
    }

    /// The source is looked for after `wait`, and is gone if there is a reason to say so.
    fn look_after<S>(&mut self, wait: Duration, reason: Option<Lost>) -> Turn<S> {
        if let Some(Lost(reason)) = reason {
            self.standing.change(Status::Gone { name: self.name.clone(), reason });
        }
        Turn::goes_to(State::gone_for(wait), self.standing.told())
    }
}
