//! A screen on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::face::Observation;
use crate::overlay::Figures;
use crate::picture::frame::Frame;
use crate::screen::{ScreenError, View};
use crate::threads::{self, ClosesWhenDropped, Ended, Policy, Slot, Taken, join_until};

/// Something that draws what is seen, and may take its time.
pub trait Show: Send {
    /// Shows a frame with what was seen in it, and the run's figures in words.
    fn show(&mut self, frame: &Frame, seen: &Observation, figures: &str) -> Result<(), ScreenError>;

    /// Shows a sentence over the last frame, until the next one.
    fn notify(&mut self, notice: &str) -> Result<(), ScreenError>;
}

impl Show for View {
    fn show(&mut self, frame: &Frame, seen: &Observation, figures: &str) -> Result<(), ScreenError> {
        View::show(self, frame, seen, figures)
    }

    fn notify(&mut self, notice: &str) -> Result<(), ScreenError> {
        View::notify(self, notice)
    }
}

/// Shows what it is given as soon as the screen is ready for it: the newest picture or every one.
pub struct Display {
    slot: Arc<Slot<Picture>>,
    /// Memory for the next picture.
    next: Picture,
    /// Counted here, where all frames come by, shown or not.
    figures: Figures,
    failure: Receiver<ScreenError>,
    /// The thread has said why it ended.
    failed: bool,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Picture {
    frame: Frame,
    seen: Observation,
    figures: String,
    /// To be shown in place of the frame.
    notice: Option<String>,
}

impl Display {
    pub fn start(mut view: impl Show + 'static, policy: Policy) -> io::Result<Self> {
        let slot = Arc::new(Slot::<Picture>::new(policy));
        let (fail, failure) = mpsc::sync_channel(1);
        let shown = ClosesWhenDropped(Arc::clone(&slot));
        let show_all = move || {
            // In this order: whoever finds the slot closed also finds the failure, or that there
            // will be none.
            let ClosesWhenDropped(shown) = &shown;
            let fail = fail;
            let mut picture = Picture::default();
            loop {
                match shown.take(&mut picture, Duration::from_secs(1)) {
                    Taken::Value => {}
                    Taken::Nothing => continue,
                    Taken::Closed => break,
                }
                let done = match &picture.notice {
                    Some(notice) => view.notify(notice),
                    None => view.show(&picture.frame, &picture.seen, &picture.figures),
                };
                if let Err(e) = done {
                    // There is room for one, and this is the only one.
                    let _ = fail.send(e);
                    break;
                }
            }
        };
        let thread = threads::start("screen", show_all)?;
        Ok(Display { slot, next: Picture::default(), figures: Figures::default(), failure, failed: false, thread })
    }

    /// Hands over a frame and its observation, and takes back the memory of an earlier frame. An
    /// error is that of an earlier picture; after it the display shows nothing more.
    pub fn show(&mut self, frame: &mut Frame, seen: Observation) -> Result<(), ScreenError> {
        std::mem::swap(&mut self.next.frame, frame);
        self.next.figures.clear();
        self.next.figures.push_str(self.figures.count(&seen));
        self.next.seen = seen;
        self.next.notice = None;
        self.put()
    }

    /// Shows a sentence over the last frame; see [`Display::show`] for errors.
    pub fn notify(&mut self, notice: String) -> Result<(), ScreenError> {
        self.next.notice = Some(notice);
        self.put()
    }

    fn put(&mut self) -> Result<(), ScreenError> {
        let is_open = self.slot.put(&mut self.next);
        let failure = match self.failure.try_recv() {
            Ok(e) => e,
            Err(TryRecvError::Disconnected) if !is_open && !self.failed => ScreenError::Panicked,
            Err(_) => return Ok(()),
        };
        self.failed = true;
        Err(failure)
    }

    /// Whether it takes a picture without a wait.
    pub fn has_room(&self) -> bool {
        self.slot.has_room()
    }

    /// Takes nothing more; goes on with what it has.
    pub fn close(&self) {
        self.slot.close();
    }

    /// Whether a closed one has shown what it had.
    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Shows the frame it has and restores the screen, as far as that is done before `deadline`.
    pub fn finish(self, deadline: Instant) -> Result<(), ScreenError> {
        self.close();
        let ended = join_until(self.thread, deadline);
        match self.failure.try_recv() {
            Ok(failure) => Err(failure),
            Err(_) if ended == Ended::Panicked && !self.failed => Err(ScreenError::Panicked),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Takes its time, and tells what it showed.
    struct Slow {
        each: Duration,
        shown: Arc<Mutex<Vec<String>>>,
        figures: Arc<Mutex<String>>,
        fails_at: Option<u32>,
    }

    impl Show for Slow {
        fn show(&mut self, frame: &Frame, seen: &Observation, figures: &str) -> Result<(), ScreenError> {
            assert_eq!(frame.sequence(), seen.sequence);
            self.figures.lock().unwrap().clear();
            self.figures.lock().unwrap().push_str(figures);
            std::thread::sleep(self.each);
            self.shown.lock().unwrap().push(frame.sequence().to_string());
            if self.fails_at == Some(frame.sequence()) {
                return Err(ScreenError::Write { path: "screen".into(), source: io::ErrorKind::BrokenPipe.into() });
            }
            Ok(())
        }

        fn notify(&mut self, notice: &str) -> Result<(), ScreenError> {
            self.shown.lock().unwrap().push(notice.into());
            Ok(())
        }
    }

    fn slow(ms: u64, fails_at: Option<u32>) -> (Slow, Arc<Mutex<Vec<String>>>) {
        let shown = Arc::default();
        let figures = Arc::default();
        (Slow { each: Duration::from_millis(ms), shown: Arc::clone(&shown), figures, fails_at }, shown)
    }

    fn show(display: &mut Display, sequence: u32) -> Result<(), ScreenError> {
        let mut frame = Frame::default();
        frame.stamp(sequence, Duration::ZERO);
        display.show(&mut frame, Observation { sequence, ..Observation::default() })
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_slow_screen_holds_nobody_up_and_shows_the_last_picture() {
        let (view, shown) = slow(200, None);
        let mut display = Display::start(view, Policy::Newest).unwrap();
        let before = Instant::now();
        for sequence in 0..1000 {
            show(&mut display, sequence).unwrap();
        }
        assert!(before.elapsed() < Duration::from_millis(200) * 100, "took {:?}", before.elapsed());
        display.finish(later()).unwrap();
        let shown = shown.lock().unwrap();
        assert!(shown.len() < 200 && shown.last().unwrap() == "999", "{shown:?}");
    }

    #[test]
    fn figures_count_the_frames_that_were_not_shown() {
        let (view, shown) = slow(100, None);
        let figures = Arc::clone(&view.figures);
        let mut display = Display::start(view, Policy::Newest).unwrap();
        // A hundred frames a second, each with one lost before it.
        for sequence in 0..300 {
            let mut frame = Frame::default();
            frame.stamp(sequence, Duration::ZERO);
            let captured_at = Duration::from_millis(10) * sequence;
            display
                .show(&mut frame, Observation { sequence, captured_at, dropped: 1, ..Observation::default() })
                .unwrap();
        }
        display.finish(later()).unwrap();
        assert!(shown.lock().unwrap().len() < 300);
        let figures = figures.lock().unwrap();
        assert!(figures.starts_with("100.0 fps") && figures.contains("251 dropped"), "{figures}");
    }

    #[test]
    fn every_picture_is_shown_where_every_one_has_to_be() {
        let (view, shown) = slow(1, None);
        let mut display = Display::start(view, Policy::Every).unwrap();
        for sequence in 0..20 {
            show(&mut display, sequence).unwrap();
        }
        display.notify("gone".into()).unwrap();
        display.finish(later()).unwrap();
        let expected: Vec<String> = (0..20).map(|i: u32| i.to_string()).chain(["gone".into()]).collect();
        assert_eq!(*shown.lock().unwrap(), expected);
    }

    #[test]
    fn a_screen_that_fails_says_so_once_and_never_blocks() {
        let (view, shown) = slow(0, Some(2));
        let mut display = Display::start(view, Policy::Every).unwrap();
        let failures = (0..10).filter(|&sequence| show(&mut display, sequence).is_err()).count();
        let late = display.finish(later());
        assert_eq!(failures + usize::from(late.is_err()), 1);
        assert_eq!(*shown.lock().unwrap(), ["0", "1", "2"]);
    }

    /// Panics at the first picture.
    struct Broken;

    impl Show for Broken {
        fn show(&mut self, _: &Frame, _: &Observation, _: &str) -> Result<(), ScreenError> {
            panic!("a fault of the screen");
        }

        fn notify(&mut self, _: &str) -> Result<(), ScreenError> {
            Ok(())
        }
    }

    #[test]
    fn a_screen_that_panics_says_so_once_and_never_blocks() {
        for policy in [Policy::Newest, Policy::Every] {
            let mut display = Display::start(Broken, policy).unwrap();
            show(&mut display, 0).unwrap();
            while !display.thread.is_finished() {
                std::thread::yield_now();
            }
            let failures: Vec<_> = (1..10).filter_map(|sequence| show(&mut display, sequence).err()).collect();
            assert!(matches!(failures[..], [ScreenError::Panicked]), "{failures:?}");
            display.finish(later()).unwrap();

            let mut display = Display::start(Broken, policy).unwrap();
            show(&mut display, 0).unwrap();
            assert!(matches!(display.finish(later()), Err(ScreenError::Panicked)));
        }
    }

    #[test]
    fn a_screen_that_hangs_has_no_room_for_every_picture_and_is_left_behind() {
        for (policy, has_room) in [(Policy::Newest, true), (Policy::Every, false)] {
            let (view, _) = slow(60_000, None);
            let mut display = Display::start(view, policy).unwrap();
            let before = Instant::now();
            // It hangs in the first, and the second waits.
            for sequence in 0..2 {
                show(&mut display, sequence).unwrap();
            }
            assert_eq!(display.has_room(), has_room);
            display.finish(before + Duration::from_millis(50)).unwrap();
            assert!(before.elapsed() < Duration::from_secs(30));
        }
    }
}
