//! A receiver on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PublishError, Receiver, Severity, Way};
use crate::record::entry::Entry;
use crate::record::losses::{Cause, Tally};
use crate::record::provenance::Provenance;
use crate::text::message::counted;
use crate::text::seldom::EachOnceAMinute;
use crate::threads::{self, ClosesWhenDropped, Ended, Policy, Slot, Taken, join_until};

/// So many events wait with a frame, the newest: those of some hours.
const MOST_EVENTS: usize = 1024;
/// After so long without a frame a receiver may do something else.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// Without an error for so long trouble is over. That nobody took a datagram is known only when
/// others follow.
const WELL_AFTER: Duration = Duration::from_secs(10);
const NOT_SENT: &str = "not sent";
const UNPOISONED: &str = "nobody panics while holding it";

/// What waits before a receiver.
#[derive(Default)]
struct Waiting {
    entry: Option<Entry>,
    /// Who makes the frames from this one on, where that is new.
    made_by: Option<Arc<Provenance>>,
}

impl Waiting {
    /// Takes over what must not be lost of a frame that gives way to this one. That frame itself
    /// was observed, and is none that was dropped.
    fn follow(&mut self, lost: &mut Waiting) {
        let made_before = lost.made_by.take();
        self.made_by = self.made_by.take().or(made_before);
        let (Some(entry), Some(lost)) = (&mut self.entry, lost.entry.take()) else { return };
        entry.seen.dropped = entry.seen.dropped.saturating_add(lost.seen.dropped);
        let events = &mut entry.seen.events;
        events.splice(0..0, lost.seen.events);
        events.drain(..events.len().saturating_sub(MOST_EVENTS));
    }
}

/// What the receiver's thread tells while it runs.
#[derive(Default)]
struct Account {
    /// Of frames; those sent are written.
    tally: Arc<Tally>,
    /// Whether nobody will receive anything any more.
    is_gone: AtomicBool,
    /// Whether something was lost that the run had to send.
    is_broken: AtomicBool,
    /// What was not sent last failed for this, until the trouble is over.
    failure: Mutex<Option<String>>,
}

/// Where frames are published.
pub struct Publisher {
    name: String,
    policy: Policy,
    slot: Arc<Slot<Waiting>>,
    /// What the next frame says of who makes it.
    made_by: Option<Arc<Provenance>>,
    /// Frames that were to be sent.
    given: u64,
    account: Arc<Account>,
    /// The last frame leaves within this time, or not at all, where frames may be lost.
    last_frame_within: Duration,
    /// When that is, once no more frames come.
    last_frame_by: Option<Instant>,
    thread: JoinHandle<()>,
    panic_was_said: bool,
}

impl Publisher {
    /// Starts the receiver's thread; `name` is what messages call it. Frames that the receiver is
    /// too slow for are lost, and counted, unless it has to get every one: for sources that are no
    /// camera.
    pub fn start(name: String, policy: Policy, receiver: Box<dyn Receiver>) -> Result<Self, PublishError> {
        let slot = Arc::new(Slot::<Waiting>::new(policy));
        let account = Arc::<Account>::default();
        let last_frame_within = receiver.last_frame_within();
        let delivery = Delivery {
            slot: ClosesWhenDropped(Arc::clone(&slot)),
            receiver,
            account: Arc::clone(&account),
            trouble: Trouble { name: name.clone(), ..Trouble::default() },
        };
        let thread = threads::start("publish", move || delivery.run()).map_err(PublishError::Thread)?;
        Ok(Publisher {
            name,
            policy,
            slot,
            made_by: None,
            given: 0,
            account,
            last_frame_within,
            last_frame_by: None,
            thread,
            panic_was_said: false,
        })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was sent and lost so far; goes on counting.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.account.tally
    }

    /// Whether nobody will receive anything here any more.
    pub fn is_gone(&self) -> bool {
        self.account.is_gone.load(Ordering::Relaxed)
    }

    /// Whether [`publish`](Self::publish) does not wait now. Who has to act on signals asks first.
    pub fn has_room(&self) -> bool {
        self.slot.has_room()
    }

    /// Who makes the frames from the next one on.
    pub fn describe(&mut self, made_by: &Arc<Provenance>) {
        self.made_by = Some(Arc::clone(made_by));
    }

    /// Never waits, unless the source is one that can.
    pub fn publish(&mut self, entry: &Entry) {
        let mut newest = Waiting { entry: Some(entry.clone()), made_by: self.made_by.take() };
        let is_taken = self.slot.put_after(&mut newest, |lost, newest| {
            newest.follow(lost);
            self.account.tally.count_lost(1, Cause::GaveWay, "gave way");
        });
        self.given += 1;
        if !is_taken {
            self.count_left_behind();
        }
    }

    /// The thread is gone: what it left is lost.
    fn count_left_behind(&mut self) {
        if !self.is_gone() && !std::mem::replace(&mut self.panic_was_said, true) {
            say_panicked(&self.name);
        }
        self.account.tally.count_left_behind(self.given, Cause::NotSent, NOT_SENT);
    }

    /// No more frames come: the last one goes out.
    pub fn close(&mut self) {
        self.slot.close();
        self.last_frame_by.get_or_insert_with(|| Instant::now() + self.last_frame_within);
    }

    /// Whether nothing of a closed one is waited for any more.
    pub fn is_done(&self) -> bool {
        let is_late = || self.last_frame_by.is_some_and(|by| Instant::now() >= by);
        self.thread.is_finished() || (self.policy == Policy::Newest && is_late())
    }

    /// Lets the last frame out, waiting no longer than until `deadline`. Whether each frame that
    /// had to be sent was, and the thread did not panic.
    pub fn finish(mut self, deadline: Instant) -> bool {
        self.close();
        let has_all = self.policy == Policy::Every;
        let last_frame_by = self.last_frame_by.filter(|_| !has_all);
        let ended = join_until(self.thread, last_frame_by.map_or(deadline, |by| deadline.min(by)));
        let panicked = ended == Ended::Panicked;
        let is_broken = self.account.is_broken.load(Ordering::Relaxed);
        if panicked && !self.panic_was_said {
            say_panicked(&self.name);
        }
        let is_gone = self.account.is_gone.load(Ordering::Relaxed);
        if ended != Ended::Whole || is_gone {
            self.account.tally.count_left_behind(self.given, Cause::NotSent, NOT_SENT);
        }
        // Who has gone wants nothing.
        if is_gone {
            return true;
        }
        let (sent, lost) = (self.account.tally.written(), self.account.tally.lost());
        let why = match self.account.failure.lock().expect(UNPOISONED).take() {
            Some(cause) => format!("; at last: {cause}"),
            None if ended == Ended::NotYet && sent == 0 => "; none was taken in time".into(),
            None => String::new(),
        };
        let (name, sent) = (self.name, counted(sent, "frame was sent", "frames were sent"));
        match lost {
            0 => {}
            _ if has_all || is_broken => log::error!("{name}: {sent}, {lost} lost{why}"),
            _ => log::warn!("{name}: {sent}, {lost} lost{why}"),
        }
        !panicked && !is_broken && (!has_all || lost == 0)
    }
}

/// What the receiver's thread works with.
struct Delivery {
    slot: ClosesWhenDropped<Waiting>,
    receiver: Box<dyn Receiver>,
    account: Arc<Account>,
    trouble: Trouble,
}

impl Delivery {
    fn run(mut self) {
        let mut waiting = Waiting::default();
        loop {
            let (done, frames) = match self.slot.0.take(&mut waiting, IDLE_AFTER) {
                Taken::Value => (self.hand_over(&mut waiting), 1),
                Taken::Nothing => (self.receiver.idle(), 0),
                Taken::Closed => break,
            };
            match done {
                Ok(way) => self.went(way, frames),
                Err(error) => self.failed(&error, frames),
            }
            if self.account.is_gone.load(Ordering::Relaxed) {
                break;
            }
        }
    }

    fn hand_over(&mut self, waiting: &mut Waiting) -> Result<Way, PublishError> {
        if let Some(made_by) = waiting.made_by.take() {
            self.receiver.describe(made_by);
        }
        waiting.entry.take().map_or(Ok(Way::Unused), |entry| self.receiver.deliver(&entry))
    }

    fn went(&mut self, way: Way, frames: u64) {
        self.account.tally.count_written(frames);
        if way == Way::Works && self.trouble.is_over(Instant::now()) {
            *self.account.failure.lock().expect(UNPOISONED) = None;
        }
    }

    fn failed(&mut self, error: &PublishError, frames: u64) {
        let Account { tally, is_gone, is_broken, failure } = &*self.account;
        tally.count_lost(frames, Cause::NotSent, NOT_SENT);
        let severity = error.severity();
        if severity == Severity::Gone {
            is_gone.store(true, Ordering::Relaxed);
            return;
        }
        is_broken.fetch_or(severity == Severity::Broken, Ordering::Relaxed);
        self.trouble.say(error, tally.lost(), Instant::now());
        *failure.lock().expect(UNPOISONED) = Some(error.cause());
    }
}

fn say_panicked(name: &str) {
    log::error!("{name}: the thread that publishes panicked; nothing is published there any more");
}

/// Says each kind of trouble once a minute at most, and when all is over.
#[derive(Default)]
struct Trouble {
    name: String,
    seldom: EachOnceAMinute,
    was_said: bool,
    /// Since when everything was sent.
    well_since: Option<Instant>,
}

impl Trouble {
    fn say(&mut self, error: &PublishError, lost: u64, now: Instant) {
        self.well_since = None;
        if self.seldom.due(&error.cause(), now) {
            self.was_said = true;
            log::warn!("cannot publish to {error}; {} lost so far", counted(lost, "frame", "frames"));
        }
    }

    /// Something was sent: whether there is no trouble any more.
    fn is_over(&mut self, now: Instant) -> bool {
        let since = *self.well_since.get_or_insert(now);
        let is_over = now.saturating_duration_since(since) >= WELL_AFTER;
        if is_over && std::mem::take(&mut self.was_said) {
            log::warn!("{}: published to again", self.name);
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver as Channel, Sender};

    use super::*;
    use crate::face::measure::{Event, EventKind};
    use crate::face::{Observation, zoo};
    use crate::record::provenance::Chosen;

    /// Passes on what it gets, each time it may.
    struct Gate {
        may: Channel<()>,
        got: Sender<Entry>,
    }

    impl Receiver for Gate {
        fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
            let _ = self.may.recv();
            let _ = self.got.send(entry.clone());
            Ok(Way::Works)
        }
    }

    fn gated(policy: Policy) -> (Publisher, Sender<()>, Channel<Entry>) {
        let ((may, allowed), (got, seen)) = (mpsc::channel(), mpsc::channel());
        let gate = Box::new(Gate { may: allowed, got });
        (Publisher::start("gate".into(), policy, gate).unwrap(), may, seen)
    }

    fn entry(sequence: u32) -> Entry {
        let event = Event { kind: EventKind::Blink, face: sequence, at: Duration::ZERO, lasted: Duration::ZERO };
        Entry::now(Observation { sequence, events: vec![event], ..Observation::default() })
    }

    #[test]
    fn a_receiver_that_never_takes_holds_up_nothing_and_gets_the_newest_frame_with_many_events() {
        let (mut publisher, may, seen) = gated(Policy::Newest);
        let start = Instant::now();
        for sequence in 0..10_000 {
            publisher.publish(&entry(sequence));
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
        let (mut publisher, may, seen) = gated(Policy::Every);
        (0..100).for_each(|_| may.send(()).unwrap());
        (0..100).for_each(|sequence| publisher.publish(&entry(sequence)));
        publisher.finish(Instant::now() + Duration::from_secs(20));
        assert_eq!(seen.iter().map(|entry| entry.seen.sequence).collect::<Vec<_>>(), Vec::from_iter(0..100));
    }

    /// Passes on, with each frame, who was said to make it.
    struct Told {
        made_by: Option<Arc<Provenance>>,
        got: Sender<(u32, String)>,
    }

    impl Receiver for Told {
        fn describe(&mut self, made_by: Arc<Provenance>) {
            self.made_by = Some(made_by);
        }

        fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
            let model = self.made_by.as_ref().unwrap().model.clone();
            let _ = self.got.send((entry.seen.sequence, model));
            Ok(Way::Works)
        }
    }

    #[test]
    fn each_frame_is_told_by_who_made_it_also_where_one_gives_way() {
        let [first_card, second_card] = [0, 1].map(|at| zoo::SHIPPED[at].card().unwrap());
        let chosen = Chosen { card: &first_card, digest: String::new(), board: "pi-5", source: None, camera: None };
        let first = Arc::new(Provenance::here(chosen));
        let second = Arc::new(first.with_model(&second_card, String::new()));
        let (got, seen) = mpsc::channel();
        let mut publisher =
            Publisher::start("told".into(), Policy::Every, Box::new(Told { made_by: None, got })).unwrap();
        for (sequence, made_by) in [(0, Some(&first)), (1, None), (2, Some(&second)), (3, None)] {
            made_by.into_iter().for_each(|made_by| publisher.describe(made_by));
            publisher.publish(&entry(sequence));
        }
        assert!(publisher.finish(Instant::now() + Duration::from_secs(20)));
        let expected = [(0, &first), (1, &first), (2, &second), (3, &second)];
        assert!(seen.iter().eq(expected.map(|(sequence, made_by)| (sequence, made_by.model.clone()))));

        let waiting = |made_by| Waiting { entry: Some(entry(1)), made_by };
        let mut newest = waiting(None);
        newest.follow(&mut waiting(Some(Arc::clone(&second))));
        newest.follow(&mut waiting(Some(first)));
        assert_eq!(newest.made_by, Some(second));
    }

    /// Nobody listens.
    struct Deaf;

    impl Receiver for Deaf {
        fn deliver(&mut self, _: &Entry) -> Result<Way, PublishError> {
            let source = std::io::ErrorKind::ConnectionRefused.into();
            Err(PublishError::Send { target: "udp://desk:9".into(), source })
        }
    }

    #[test]
    fn a_receiver_with_nothing_to_do_between_frames_has_not_got_well() {
        let mut publisher = Publisher::start("deaf".into(), Policy::Newest, Box::new(Deaf)).unwrap();
        let account = Arc::clone(&publisher.account);
        publisher.publish(&entry(1));
        std::thread::sleep(IDLE_AFTER * 2);
        assert!(account.failure.lock().unwrap().as_ref().is_some_and(|cause| cause.contains("refused")));
        publisher.finish(Instant::now());
    }

    #[test]
    fn trouble_is_over_after_a_while_without_an_error() {
        let source = std::io::ErrorKind::ConnectionRefused.into();
        let error = PublishError::Send { target: "udp://desk:9".into(), source };
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in (0..60).step_by(3) {
            trouble.say(&error, 1, after(second));
            assert!(!trouble.is_over(after(second)) && !trouble.is_over(after(second + 2)));
        }
        // Nothing was sent meanwhile, so nobody could refuse it.
        trouble.say(&error, 1, after(60));
        assert!(!trouble.is_over(after(600)) && !trouble.is_over(after(609)) && trouble.was_said);
        assert!(trouble.is_over(after(610)) && !trouble.was_said);
    }

    #[test]
    fn what_frames_that_give_way_say_of_lost_ones_goes_to_the_next() {
        let waiting = |dropped| Waiting {
            entry: Some(Entry::now(Observation { dropped, ..Observation::default() })),
            made_by: None,
        };
        let mut newest = waiting(1);
        newest.follow(&mut waiting(2));
        assert_eq!(newest.entry.unwrap().seen.dropped, 3);
    }

    /// Standard output on a full disk, now and then.
    struct Full {
        delivered: u32,
    }

    impl Receiver for Full {
        fn deliver(&mut self, _: &Entry) -> Result<Way, PublishError> {
            self.delivered += 1;
            if self.delivered == 1 {
                Err(PublishError::Stdout(std::io::ErrorKind::StorageFull.into()))
            } else {
                Ok(Way::Works)
            }
        }
    }

    #[test]
    fn lines_that_standard_output_does_not_take_are_a_failure() {
        let mut publisher = Publisher::start("full".into(), Policy::Newest, Box::new(Full { delivered: 0 })).unwrap();
        let (tally, account) = (Arc::clone(publisher.tally()), Arc::clone(&publisher.account));
        for sequence in 0..2 {
            publisher.publish(&entry(sequence));
            while tally.written() + tally.lost() <= u64::from(sequence) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!((tally.written(), tally.lost()), (1, 1));
        assert!(account.failure.lock().unwrap().is_some(), "the cause is forgotten with the next frame");
        assert!(!publisher.finish(Instant::now() + Duration::from_secs(20)));
    }

    /// Takes its time for its only frame.
    struct Slow;

    impl Receiver for Slow {
        fn last_frame_within(&self) -> Duration {
            Duration::from_secs(60)
        }

        fn deliver(&mut self, _: &Entry) -> Result<Way, PublishError> {
            std::thread::sleep(Duration::from_millis(500));
            Ok(Way::Works)
        }
    }

    #[test]
    fn what_was_begun_is_finished_where_half_of_it_is_worth_nothing() {
        let mut publisher = Publisher::start("slow".into(), Policy::Newest, Box::new(Slow)).unwrap();
        let tally = Arc::clone(publisher.tally());
        publisher.publish(&entry(1));
        publisher.finish(Instant::now() + Duration::from_secs(60));
        assert_eq!((tally.written(), tally.lost()), (1, 0));
    }

    /// Takes one frame and leaves.
    struct Leaver {
        delivered: u32,
    }

    impl Receiver for Leaver {
        fn deliver(&mut self, _: &Entry) -> Result<Way, PublishError> {
            self.delivered += 1;
            if self.delivered > 1 { Err(PublishError::StdoutClosed) } else { Ok(Way::Works) }
        }
    }

    #[test]
    fn what_comes_after_a_receiver_has_left_is_counted_and_no_failure() {
        for policy in [Policy::Newest, Policy::Every] {
            let mut publisher = Publisher::start("leaver".into(), policy, Box::new(Leaver { delivered: 0 })).unwrap();
            let tally = Arc::clone(publisher.tally());
            for sequence in 0..20 {
                publisher.publish(&entry(sequence));
                std::thread::sleep(Duration::from_millis(5));
            }
            while !publisher.thread.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
            publisher.publish(&entry(20));
            assert!(publisher.is_gone() && tally.lost_by(Cause::NotSent) > 0);
            assert!(publisher.finish(Instant::now() + Duration::from_secs(20)));
            assert_eq!((tally.written(), tally.written() + tally.lost()), (1, 21));
        }
    }

    /// Panics at its second frame.
    struct Broken {
        delivered: u32,
    }

    impl Receiver for Broken {
        fn deliver(&mut self, _: &Entry) -> Result<Way, PublishError> {
            self.delivered += 1;
            assert_eq!(self.delivered, 1, "broken");
            Ok(Way::Works)
        }
    }

    #[test]
    fn a_receiver_that_panics_holds_up_no_frame_and_its_losses_are_counted() {
        for policy in [Policy::Newest, Policy::Every] {
            let mut publisher = Publisher::start("broken".into(), policy, Box::new(Broken { delivered: 0 })).unwrap();
            let tally = Arc::clone(publisher.tally());
            for sequence in 0..5 {
                publisher.publish(&entry(sequence));
                std::thread::sleep(Duration::from_millis(5));
            }
            // A panic takes its time where it is shown with all its calls.
            let deadline = Instant::now() + Duration::from_secs(20);
            while !publisher.thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            (5..10).for_each(|sequence| publisher.publish(&entry(sequence)));
            // It is known while the run goes on.
            assert!(tally.lost() > 0);
            assert!(!publisher.finish(Instant::now() + Duration::from_secs(20)));
            assert_eq!((tally.written(), tally.lost()), (1, 9));
        }
    }

    #[test]
    fn a_receiver_that_panics_at_the_last_frame_is_no_success() {
        let mut publisher =
            Publisher::start("broken".into(), Policy::Every, Box::new(Broken { delivered: 1 })).unwrap();
        let tally = Arc::clone(publisher.tally());
        publisher.publish(&entry(1));
        assert!(!publisher.finish(Instant::now() + Duration::from_secs(20)));
        assert_eq!((tally.written(), tally.lost()), (0, 1));
    }
}
