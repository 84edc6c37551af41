//! A source on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::capture::{CaptureError, Captured, Origin, Source, Status};
use crate::picture::frame::Frame;
use crate::threads::{self, ClosesWhenDropped, Ended, Policy, Slot, Taken, join_until};

/// So many notes wait to be read; a source that has more of them waits too.
const NOTES: usize = 64;

/// What a source has to say besides its frames.
#[derive(Debug)]
pub enum Note {
    /// A frame could not be had.
    Unreadable(CaptureError),
    /// A frame came damaged and was passed over.
    Damaged,
    /// It stands otherwise than before, since then.
    Status(Status, Instant),
    /// The camera came back as another one, or in another format: this is where frames come from,
    /// from the one of this number on.
    Origin(Origin, u32),
}

/// What was said last of a source.
struct State {
    status: Status,
    origin: Option<Origin>,
}

impl State {
    fn change(&mut self, now: Status) -> Option<Note> {
        (now != self.status).then(|| {
            self.status = now.clone();
            Note::Status(now, Instant::now())
        })
    }

    /// A frame of that number came. Only a source that was away may be another one.
    fn frame(&mut self, source: &dyn Source, number: u32) -> Vec<Note> {
        let Some(change) = self.change(Status::Live) else { return Vec::new() };
        let before = std::mem::replace(&mut self.origin, source.origin());
        let origin = self.origin.clone().filter(|origin| before.as_ref() != Some(origin));
        [Some(change), origin.map(|origin| Note::Origin(origin, number))].into_iter().flatten().collect()
    }
}

/// Frames as they come. Of a live source the newest one, of any other every one.
pub struct Feed {
    slot: Arc<Slot<Frame>>,
    notes: Receiver<Note>,
    thread: JoinHandle<()>,
}

impl Feed {
    pub fn start(mut source: Box<dyn Source>) -> io::Result<Self> {
        let policy = if source.is_live() { Policy::Newest } else { Policy::Every };
        let slot = Arc::new(Slot::new(policy));
        let (say, notes) = mpsc::sync_channel(NOTES);
        let filled = ClosesWhenDropped(Arc::clone(&slot));
        let capture = move || {
            let ClosesWhenDropped(filled) = &filled;
            let mut frame = Frame::default();
            let mut state = State { status: Status::Live, origin: source.origin() };
            loop {
                let wanted = match source.capture_into(&mut frame) {
                    Ok(Captured::Frame) => {
                        let notes = state.frame(&*source, frame.sequence());
                        notes.into_iter().all(|note| say.send(note).is_ok()) && filled.put(&mut frame)
                    }
                    Ok(Captured::Damaged) => say.send(Note::Damaged).is_ok(),
                    Ok(Captured::Nothing) => !filled.is_closed(),
                    Ok(Captured::Waiting(now)) => {
                        state.change(now).is_none_or(|note| say.send(note).is_ok()) && !filled.is_closed()
                    }
                    Ok(Captured::End) => break,
                    Err(e) => say.send(Note::Unreadable(e)).is_ok(),
                };
                if !wanted {
                    break;
                }
            }
        };
        let thread = threads::start("capture", capture)?;
        Ok(Feed { slot, notes, thread })
    }

    /// Overwrites `frame` with the next one, waiting no longer than `within`.
    pub fn take(&self, frame: &mut Frame, within: Duration) -> Taken {
        self.slot.take(frame, within)
    }

    /// Frames that gave way to newer ones so far.
    pub fn overtaken(&self) -> u64 {
        self.slot.overtaken()
    }

    /// Messages since the last call. Those about frames before one that was taken are among them.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        self.notes.try_iter()
    }

    /// Ends the thread and waits for it until `deadline`. A thread that waits for a pipe stays
    /// behind and ends with the process. An error where the frames ended by a panic.
    pub fn stop(self, deadline: Instant) -> Result<(), CaptureError> {
        let Feed { slot, notes, thread } = self;
        slot.close();
        drop(notes);
        match join_until(thread, deadline) {
            Ended::Panicked => Err(CaptureError::Panicked),
            Ended::Whole | Ended::NotYet => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives what a list says, as fast as it is asked.
    struct Script {
        live: bool,
        steps: std::vec::IntoIter<Step>,
        name: &'static str,
    }

    #[derive(Clone, Copy)]
    enum Step {
        Frame(u32),
        Damaged,
        Gone,
        /// From here on it is another one.
        Other(&'static str),
        Error,
    }

    impl Source for Script {
        fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
            Ok(match self.steps.next() {
                None => Captured::End,
                Some(Step::Frame(sequence)) => {
                    frame.stamp(sequence, Duration::ZERO);
                    Captured::Frame
                }
                Some(Step::Damaged) => Captured::Damaged,
                Some(Step::Gone) => Captured::Waiting(gone()),
                Some(Step::Other(name)) => {
                    self.name = name;
                    Captured::Nothing
                }
                Some(Step::Error) => {
                    return Err(CaptureError::NoPictures { folder: "here".into(), hint: String::new() });
                }
            })
        }

        fn is_live(&self) -> bool {
            self.live
        }

        fn origin(&self) -> Option<Origin> {
            Some(Origin { name: self.name.into(), ..Origin::default() })
        }
    }

    fn gone() -> Status {
        Status::Gone { name: "camera".into(), reason: "unplugged".into() }
    }

    fn start(live: bool, steps: Vec<Step>) -> Feed {
        Feed::start(Box::new(Script { live, steps: steps.into_iter(), name: "C920" })).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_live_source_skips_to_its_newest_frame_and_its_last_one_is_not_lost() {
        // One frame in five was dropped by the driver.
        let steps = (0..10_000).filter(|i| i % 5 != 3).map(Step::Frame).collect();
        let feed = start(true, steps);
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        while feed.take(&mut frame, LONG) == Taken::Value {
            seen.push(frame.sequence());
            std::thread::sleep(Duration::from_micros(200));
        }
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.len() < 8000, "{} frames", seen.len());
        assert_eq!(seen.last(), Some(&9999));
        assert_eq!(seen.len() as u64 + feed.overtaken(), 8000);
    }

    #[test]
    fn every_frame_of_another_source_comes_in_order_with_its_notes_before_it() {
        let feed = start(false, vec![Step::Frame(0), Step::Error, Step::Damaged, Step::Frame(3), Step::Error]);
        let mut frame = Frame::default();
        assert_eq!((feed.take(&mut frame, LONG), frame.sequence()), (Taken::Value, 0));
        assert_eq!((feed.take(&mut frame, LONG), frame.sequence()), (Taken::Value, 3));
        let mut notes = Vec::from_iter(feed.notes());
        assert_eq!(feed.take(&mut frame, LONG), Taken::Closed);
        notes.extend(feed.notes());
        assert!(matches!(notes[..], [Note::Unreadable(_), Note::Damaged, Note::Unreadable(_)]), "{notes:?}");
    }

    #[test]
    fn a_change_of_status_is_said_once_and_again_when_frames_come() {
        let feed = start(true, vec![Step::Frame(0), Step::Gone, Step::Gone, Step::Damaged, Step::Gone, Step::Frame(1)]);
        let mut frame = Frame::default();
        while feed.take(&mut frame, LONG) == Taken::Value {}
        let statuses =
            feed.notes().filter_map(|note| if let Note::Status(status, _) = note { Some(status) } else { None });
        assert_eq!(statuses.collect::<Vec<_>>(), [gone(), Status::Live]);
    }

    #[test]
    fn a_camera_that_comes_back_as_another_one_is_said_to_from_its_first_frame_on() {
        let steps = vec![
            Step::Frame(0),
            Step::Gone,
            Step::Frame(1),
            Step::Gone,
            Step::Other("C270"),
            Step::Frame(2),
            Step::Frame(3),
        ];
        let feed = start(true, steps);
        let mut frame = Frame::default();
        while feed.take(&mut frame, LONG) == Taken::Value {}
        let said = feed.notes().filter_map(|note| match note {
            Note::Origin(origin, from) => Some((origin.name, from)),
            _ => None,
        });
        assert_eq!(said.collect::<Vec<_>>(), [("C270".to_owned(), 2)]);
    }

    #[test]
    fn a_source_without_frames_is_closed_at_the_end() {
        struct Stalled(#[expect(dead_code, reason = "tells by its end that the source is dropped")] mpsc::Sender<()>);
        impl Source for Stalled {
            fn capture_into(&mut self, _: &mut Frame) -> Result<Captured, CaptureError> {
                std::thread::sleep(Duration::from_millis(1));
                Ok(Captured::Waiting(gone()))
            }
        }
        let (held, dropped) = mpsc::channel();
        let feed = Feed::start(Box::new(Stalled(held))).unwrap();
        feed.stop(Instant::now() + LONG).unwrap();
        assert_eq!(dropped.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn a_source_that_waits_for_ever_does_not_hold_up_the_end() {
        struct Pipe;
        impl Source for Pipe {
            fn capture_into(&mut self, _: &mut Frame) -> Result<Captured, CaptureError> {
                loop {
                    std::thread::park();
                }
            }
        }
        let feed = Feed::start(Box::new(Pipe)).unwrap();
        assert_eq!(feed.take(&mut Frame::default(), Duration::from_millis(5)), Taken::Nothing);
        let before = Instant::now();
        feed.stop(before + Duration::from_millis(50)).unwrap();
        assert!(before.elapsed() < LONG / 2);
    }
}
