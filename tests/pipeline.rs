//! Every captured frame is accounted for, however much faster frames come than they are observed.

use std::time::Duration;

use wingmark::capture::{CaptureError, Captured, Source};
use wingmark::face::{Observer, Options, zoo};
use wingmark::picture::frame::{Frame, FrameError, PixelFormat, Size};
use wingmark::pipeline::{Feed, Taken};

/// A camera of five thousand frames a second, whose driver loses one in seven of them.
struct Fast {
    next: u32,
}

const CAPTURED: u32 = 4000;

impl Source for Fast {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        if self.next % 7 == 3 {
            self.next += 1;
        }
        if self.next >= CAPTURED {
            return Ok(Captured::End);
        }
        std::thread::sleep(Duration::from_micros(200));
        let filled: Result<(), FrameError> =
            frame.fill(PixelFormat::Grey, Size { width: 16, height: 16 }, 16, |bytes| {
                bytes.resize(256, 90);
                Ok(())
            });
        filled.unwrap();
        frame.stamp(self.next, Duration::from_micros(200) * self.next);
        self.next += 1;
        Ok(Captured::Frame)
    }

    fn is_live(&self) -> bool {
        true
    }
}

#[test]
fn captured_frames_are_observed_or_dropped() {
    let net = |name| zoo::shipped(name).unwrap().load().unwrap();
    let mut observer = Observer::new(&net(zoo::FACES), &net(zoo::DEFAULT_LANDMARKS), &Options::default()).unwrap();
    let feed = Feed::start(Box::new(Fast { next: 5 })).unwrap();
    let mut frame = Frame::default();
    let (mut observed, mut dropped) = (0, 0);
    while feed.take(&mut frame, Duration::from_secs(60)) == Taken::Value {
        let seen = observer.observe(&frame).unwrap();
        observed += 1;
        dropped += seen.dropped;
    }
    assert_eq!(observed + dropped, CAPTURED);
    assert!(dropped > CAPTURED / 7, "{observed} observed, {dropped} dropped");
}
