//! Whether some of a source's frames are damaged, or all of them.

use std::time::{Duration, Instant};

use crate::capture::Fault;

/// A source that gives only damaged frames for so long, and so many of them, cannot be used as it
/// is.
const UNUSABLE_AFTER: (Duration, u32) = (Duration::from_secs(2), 3);

/// The damaged frames since the last sound one.
#[derive(Debug, Default)]
pub struct Damage {
    /// However often the source was opened meanwhile,
    of_source: Count,
    /// and of this stream alone.
    of_stream: Count,
    /// What is wrong with the latest.
    cause: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    since: Option<Instant>,
    frames: u32,
}

/// What a frame and those before it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Sound,
    /// It is damaged, as any may be.
    Damaged,
    /// The source gives only damaged frames, however often it is opened.
    Unusable,
    /// This stream alone gave only damaged frames for so long.
    UnusableFor(Duration),
}

impl Count {
    /// Counts one more; gives how long they lasted where they are too many.
    fn add(&mut self) -> Option<Duration> {
        self.frames = self.frames.saturating_add(1);
        let lasted = self.since.get_or_insert_with(Instant::now).elapsed();
        let (after, frames) = UNUSABLE_AFTER;
        (lasted >= after && self.frames >= frames).then_some(lasted)
    }
}

impl Damage {
    /// Takes the next frame.
    pub fn judge(&mut self, fault: Option<&Fault>) -> Verdict {
        let Some(fault) = fault else {
            *self = Damage::default();
            return Verdict::Sound;
        };
        self.cause = fault.to_string();
        match (self.of_source.add(), self.of_stream.add()) {
            (_, Some(lasted)) => Verdict::UnusableFor(lasted),
            (Some(_), None) => Verdict::Unusable,
            (None, None) => Verdict::Damaged,
        }
    }

    /// The next frame is the first of a stream.
    pub fn restart_stream(&mut self) {
        self.of_stream = Count::default();
    }

    /// Whether this stream gave damaged frames since its last sound one.
    pub fn is_in_stream(&self) -> bool {
        self.of_stream.frames > 0
    }

    /// What is wrong with the latest damaged frame.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// As if this stream had given only damaged frames for so long.
    #[cfg(test)]
    pub fn lasting(time: Duration) -> Self {
        let count = Count { since: Some(Instant::now() - time), frames: 30 };
        Damage { of_source: count, of_stream: count, cause: String::new() }
    }

    /// So much time passes.
    #[cfg(test)]
    pub fn pass(&mut self, time: Duration) {
        [&mut self.of_source, &mut self.of_stream]
            .into_iter()
            .filter_map(|count| count.since.as_mut())
            .for_each(|since| *since -= time);
    }
}
