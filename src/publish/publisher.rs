//! A receiver on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PublishError, Receiver};
use crate::face::Observation;
use crate::record::entry::Entry;
use crate::record::losses::{Cause, Tally};
use crate::text::message::counted;

/// So many events wait with a frame, the newest: those of some hours.
const MOST_EVENTS: usize = 1024;
/// The last frame leaves within this time, or not at all, where frames may be lost.
const LAST_FRAME_WITHIN: Duration = Duration::from_millis(200);
/// After so long without a frame a receiver may do something else.
const IDLE_AFTER: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(60);
const UNPOISONED: &str = "nobody panics while holding a frame";
const NOT_SENT: &str = "not sent";

/// Whether a frame that waits gives way to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The newest frame; those that the receiver is too slow for are lost, and counted.
    Newest,
    /// Who publishes waits: for sources that are no camera.
    Every,
}

/// Room for one frame before a receiver.
#[derive(Default)]
struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Option<Entry>,
    closed: bool,
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Taken {
    Frame(Entry),
    Nothing,
    Closed,
}

/// Where frames are published.
pub struct Publisher {
    name: String,
    pace: Pace,
    room: Arc<Room>,
    /// Frames that were to be sent.
    given: u64,
    /// Of frames; those sent are written.
    tally: Arc<Tally>,
    /// Whether nobody will receive anything any more.
    gone: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    panic_was_said: bool,
}

impl Publisher {
    /// Starts the receiver's thread; `name` is what messages call it.
    pub fn start(name: String, pace: Pace, mut receiver: Box<dyn Receiver>) -> Result<Self, PublishError> {
        let (room, tally, gone) = (Arc::<Room>::default(), Arc::<Tally>::default(), Arc::<AtomicBool>::default());
        let (from, counts, goes) = (Arc::clone(&room), Arc::clone(&tally), Arc::clone(&gone));
        let mut trouble = Trouble { name: name.clone(), ..Trouble::default() };
        let deliver = move || {
            let closes = ClosesWhenDropped(from);
            loop {
                let (done, frames) = match closes.0.take() {
                    Taken::Frame(entry) => (receiver.deliver(&entry), 1),
                    Taken::Nothing => (receiver.idle(), 0),
                    Taken::Closed => break,
                };
                match done {
                    Ok(()) => {
                        counts.count_written(frames);
                        trouble.is_over();
                    }
                    Err(PublishError::StdoutClosed) => {
                        goes.store(true, Ordering::Relaxed);
                        break;
                    }
                    Err(error) => {
                        counts.count_lost(frames, Cause::NotSent, NOT_SENT);
                        trouble.say(&error, counts.lost());
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("publish".into()).spawn(deliver).map_err(PublishError::Thread)?;
        Ok(Publisher { name, pace, room, given: 0, tally, gone, thread, panic_was_said: false })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was sent and lost so far; goes on counting.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Whether nobody will receive anything here any more.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Whether [`publish`](Self::publish) does not wait now. Who has to heed signals asks first.
    pub fn has_room(&self) -> bool {
        let state = self.room.lock();
        self.pace == Pace::Newest || state.waiting.is_none() || state.closed
    }

    /// Never waits, unless the source is one that can.
    pub fn publish(&mut self, seen: &Observation) {
        let entry = Entry::now(seen.clone());
        let mut state = self.room.lock();
        if self.pace == Pace::Every {
            let is_full = |state: &mut State| state.waiting.is_some() && !state.closed;
            state = self.room.changed.wait_while(state, is_full).expect(UNPOISONED);
        }
        if state.closed {
            drop(state);
            if !self.is_gone() {
                self.given += 1;
                self.count_left_behind();
            }
            return;
        }
        self.given += 1;
        if let Some(lost) = state.waiting.replace(entry) {
            let newest = state.waiting.as_mut().expect("an entry was just put there");
            let events = &mut newest.seen.events;
            events.splice(0..0, lost.seen.events);
            events.drain(..events.len().saturating_sub(MOST_EVENTS));
            self.tally.count_lost(1, Cause::GaveWay, "gave way");
        }
        drop(state);
        self.room.changed.notify_all();
    }

    /// The thread panicked: what it left is lost.
    fn count_left_behind(&mut self) {
        if !std::mem::replace(&mut self.panic_was_said, true) {
            say_panicked(&self.name);
        }
        self.tally.count_left_behind(self.given, Cause::NotSent, NOT_SENT);
    }

    /// Lets the last frame out, waiting no longer than until `deadline`. Whether each frame that
    /// had to be sent was, and the thread did not panic.
    pub fn finish(self, deadline: Instant) -> bool {
        let Publisher { name, pace, room, given, tally, thread, panic_was_said, .. } = self;
        room.close();
        let has_all = pace == Pace::Every;
        let deadline = if has_all { deadline } else { deadline.min(Instant::now() + LAST_FRAME_WITHIN) };
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let is_stuck = has_all && !thread.is_finished();
        let panicked = thread.is_finished() && thread.join().is_err();
        if panicked && !panic_was_said {
            say_panicked(&name);
        }
        if is_stuck || panicked {
            tally.count_left_behind(given, Cause::NotSent, NOT_SENT);
        }
        let (sent, lost) = (counted(tally.written(), "frame was sent", "frames were sent"), tally.lost());
        match lost {
            0 => {}
            _ if has_all => log::error!("{name}: {sent}, {lost} lost"),
            _ => log::warn!("{name}: {sent}, {lost} lost"),
        }
        !panicked && (!has_all || lost == 0)
    }
}

fn say_panicked(name: &str) {
    log::error!("{name}: the thread that publishes panicked; nothing is published there any more");
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(UNPOISONED)
    }

    /// The next frame; waits for it no longer than [`IDLE_AFTER`].
    fn take(&self) -> Taken {
        let nothing_new = |state: &mut State| state.waiting.is_none() && !state.closed;
        let (mut state, _) = self.changed.wait_timeout_while(self.lock(), IDLE_AFTER, nothing_new).expect(UNPOISONED);
        match state.waiting.take() {
            Some(entry) => {
                drop(state);
                self.changed.notify_all();
                Taken::Frame(entry)
            }
            None if state.closed => Taken::Closed,
            None => Taken::Nothing,
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// Whoever waits learns that the thread is gone, even where it panicked.
struct ClosesWhenDropped(Arc<Room>);

impl Drop for ClosesWhenDropped {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Says trouble once a minute at most, and when it is over.
#[derive(Default)]
struct Trouble {
    name: String,
    said_at: Option<Instant>,
    lasts: bool,
}

impl Trouble {
    fn say(&mut self, error: &PublishError, lost: u64) {
        self.lasts = true;
        if self.said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            self.said_at = Some(Instant::now());
            log::warn!("cannot publish to {error}; {} lost so far", counted(lost, "frame", "frames"));
        }
    }

    fn is_over(&mut self) {
        if std::mem::take(&mut self.lasts) {
            log::info!("{}: published to again", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver as Channel, Sender};

    use super::*;
    use crate::face::measure::{Event, EventKind};

    /// Passes on what it gets, each time it may.
    struct Gate {
        may: Channel<()>,
        got: Sender<Entry>,
    }

    impl Receiver for Gate {
        fn deliver(&mut self, entry: &Entry) -> Result<(), PublishError> {
            let _ = self.may.recv();
            let _ = self.got.send(entry.clone());
            Ok(())
        }
    }

    fn gated(pace: Pace) -> (Publisher, Sender<()>, Channel<Entry>) {
        let ((may, allowed), (got, seen)) = (mpsc::channel(), mpsc::channel());
        let gate = Box::new(Gate { may: allowed, got });
        (Publisher::start("gate".into(), pace, gate).unwrap(), may, seen)
    }

    fn observation(sequence: u32) -> Observation {
        let event = Event { kind: EventKind::Blink, face: sequence, at: Duration::ZERO, lasted: Duration::ZERO };
        Observation { sequence, events: vec![event], ..Observation::default() }
    }

    #[test]
    fn a_receiver_that_never_takes_holds_up_nothing_and_gets_the_newest_frame_with_many_events() {
        let (mut publisher, may, seen) = gated(Pace::Newest);
        let start = Instant::now();
        for sequence in 0..10_000 {
            publisher.publish(&observation(sequence));
        }
        // Ten thousand frames come in five minutes. A receiver in the way would hold them up for
        // ever.
        assert!(start.elapsed() < Duration::from_secs(60));
        may.send(()).unwrap();
        may.send(()).unwrap();
        let first = seen.recv().unwrap();
        let last = if first.seen.sequence == 9999 { first.clone() } else { seen.recv().unwrap() };
        assert_eq!(last.seen.sequence, 9999);
        assert_eq!((last.seen.events.len(), last.seen.events.last().unwrap().face), (MOST_EVENTS, 9999));
        let tally = Arc::clone(publisher.tally());
        publisher.finish(Instant::now() + Duration::from_secs(20));
        assert_eq!(tally.written() + tally.lost(), 10_000);
    }

    #[test]
    fn every_frame_of_a_source_that_can_wait_comes_in_order() {
        let (mut publisher, may, seen) = gated(Pace::Every);
        (0..100).for_each(|_| may.send(()).unwrap());
        (0..100).for_each(|sequence| publisher.publish(&observation(sequence)));
        publisher.finish(Instant::now() + Duration::from_secs(20));
        assert_eq!(seen.iter().map(|entry| entry.seen.sequence).collect::<Vec<_>>(), Vec::from_iter(0..100));
    }

    /// Panics at its second frame.
    struct Broken {
        delivered: u32,
    }

    impl Receiver for Broken {
        fn deliver(&mut self, _: &Entry) -> Result<(), PublishError> {
            self.delivered += 1;
            assert_eq!(self.delivered, 1, "broken");
            Ok(())
        }
    }

    #[test]
    fn a_receiver_that_panics_holds_up_no_frame_and_its_losses_are_counted() {
        for pace in [Pace::Newest, Pace::Every] {
            let mut publisher = Publisher::start("broken".into(), pace, Box::new(Broken { delivered: 0 })).unwrap();
            let tally = Arc::clone(publisher.tally());
            for sequence in 0..10 {
                publisher.publish(&observation(sequence));
                std::thread::sleep(Duration::from_millis(5));
            }
            // It is known while the run goes on.
            assert!(tally.lost() > 0);
            assert!(!publisher.finish(Instant::now() + Duration::from_secs(20)));
            assert_eq!((tally.written(), tally.lost()), (1, 9));
        }
    }

    #[test]
    fn a_receiver_that_panics_at_the_last_frame_is_no_success() {
        let mut publisher = Publisher::start("broken".into(), Pace::Every, Box::new(Broken { delivered: 1 })).unwrap();
        let tally = Arc::clone(publisher.tally());
        publisher.publish(&observation(1));
        assert!(!publisher.finish(Instant::now() + Duration::from_secs(20)));
        assert_eq!((tally.written(), tally.lost()), (0, 1));
    }
}
