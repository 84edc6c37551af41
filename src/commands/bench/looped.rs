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
    /// What is broken in the source was said.
    is_said: bool,
}

/// A source that gives so many errors and no frame has none.
const MOST_FAULTS: usize = 100;

impl Looped {
    pub fn open(open: Open) -> Result<Looped, CaptureError> {
        let source = open()?;
        Ok(Looped {
            open,
            source,
            sequence: 0,
            time: Duration::ZERO,
            last: None,
            interval: Duration::ZERO,
            is_said: false,
        })
    }

    /// What comes next and is not broken, once there was a frame.
    fn sound_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        for _ in 0..MOST_FAULTS {
            match self.source.capture_into(frame) {
                Err(e) if self.last.is_some() => {
                    if !self.is_said {
                        log::warn!("{e}; it is measured with the rest");
                    }
                    self.is_said = true;
                }
                captured => return captured,
            }
        }
        self.source.capture_into(frame)
    }
}

impl Source for Looped {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let mut captured = self.sound_into(frame)?;
        if captured == Captured::End {
            let Some((sequence, time)) = self.last else { return Ok(Captured::End) };
            (self.sequence, self.time) = (sequence.wrapping_add(1), time + self.interval);
            self.source = (self.open)()?;
            captured = self.sound_into(frame)?;
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

    /// [`Three`], of which a part is lost at the end.
    struct Cut(Three, bool);

    impl Source for Cut {
        fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
            match self.0.capture_into(frame)? {
                Captured::End if !self.1 => {
                    self.1 = true;
                    Err(CaptureError::NotThere("a part".into()))
                }
                captured => Ok(captured),
            }
        }
    }

    #[test]
    fn a_film_that_was_cut_goes_round_as_far_as_it_is_there() {
        let mut looped = Looped::open(Box::new(|| Ok(Box::new(Cut(Three(0), false))))).unwrap();
        let mut frame = Frame::default();
        for i in 0..10 {
            assert_eq!(looped.capture_into(&mut frame).unwrap(), Captured::Frame);
            assert_eq!(frame.sequence(), i);
        }
        let mut nothing = Looped::open(Box::new(|| Ok(Box::new(Cut(Three(3), false))))).unwrap();
        assert!(nothing.capture_into(&mut frame).is_err());
    }

    #[test]
    fn a_source_without_frames_ends() {
        let mut looped = Looped::open(Box::new(|| Ok(Box::new(Three(3))))).unwrap();
        assert_eq!(looped.capture_into(&mut Frame::default()).unwrap(), Captured::End);
    }
}
