//! A source that begins anew when it ends.

use std::time::Duration;

use crate::capture::{CaptureError, Captured, Source};
use crate::picture::frame::Frame;

type Open = Box<dyn Fn() -> Result<Box<dyn Source>, CaptureError> + Send>;

/// Numbers and times go on where the round before ended, as if a camera saw one scene after the
/// other.
pub struct Looped {
    open: Open,
    source: Box<dyn Source>,
    /// What is added in this round.
    sequence: u32,
    time: Duration,
    /// Of the last frame, and the time between it and the one before.
    last: Option<(u32, Duration)>,
    interval: Duration,
}

impl Looped {
    pub fn open(open: Open) -> Result<Looped, CaptureError> {
        let source = open()?;
        Ok(Looped { open, source, sequence: 0, time: Duration::ZERO, last: None, interval: Duration::ZERO })
    }
}

impl Source for Looped {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let mut captured = self.source.capture_into(frame)?;
        if captured == Captured::End {
            let Some((sequence, time)) = self.last else { return Ok(Captured::End) };
            (self.sequence, self.time) = (sequence.wrapping_add(1), time + self.interval);
            self.source = (self.open)()?;
            captured = self.source.capture_into(frame)?;
        }
        if captured != Captured::Frame {
            return Ok(captured);
        }
        frame.stamp(frame.sequence().wrapping_add(self.sequence), frame.captured_at() + self.time);
        if let Some((_, before)) = self.last {
            self.interval = frame.captured_at().saturating_sub(before);
        }
        self.last = Some((frame.sequence(), frame.captured_at()));
        Ok(Captured::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three frames, 40 ms apart.
    struct Three(u32);

    impl Source for Three {
        fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
            if self.0 == 3 {
                return Ok(Captured::End);
            }
            frame.stamp(self.0, Duration::from_millis(40) * self.0);
            self.0 += 1;
            Ok(Captured::Frame)
        }
    }

    #[test]
    fn numbers_and_times_go_on() {
        let mut looped = Looped::open(Box::new(|| Ok(Box::new(Three(0))))).unwrap();
        let mut frame = Frame::default();
        for i in 0..10 {
            assert_eq!(looped.capture_into(&mut frame).unwrap(), Captured::Frame);
            assert_eq!((frame.sequence(), frame.captured_at().as_millis()), (i, 40 * u128::from(i)));
        }
    }

    #[test]
    fn a_source_without_frames_ends() {
        let mut looped = Looped::open(Box::new(|| Ok(Box::new(Three(3))))).unwrap();
        assert_eq!(looped.capture_into(&mut Frame::default()).unwrap(), Captured::End);
    }
}
