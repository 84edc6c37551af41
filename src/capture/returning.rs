//! A live source that outlives its cable: it is looked for until it is back, for ever.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::clock::{Numbers, SourceClock};
use super::{CaptureError, Captured, Fault, Origin, Source, Status};
use crate::picture::frame::Frame;

/// No call takes longer than this for want of a frame.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// A source without a frame for so long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// And is opened anew after so long, as is one whose frames cannot be used.
const REOPENED_AFTER: Duration = Duration::from_secs(10);
/// A source that gives only damaged frames for so long, and so many of them, cannot be used as it
/// is.
const UNUSABLE_AFTER: (Duration, u32) = (Duration::from_secs(2), 3);
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
    name: String,
    opener: O,
    state: State<O::Stream>,
    status: Status,
    /// How it stands for whoever takes its frames.
    said: Status,
    /// What is to be said before the next frame.
    unsaid: Option<Status>,
    numbers: Numbers,
    clock: SourceClock,
    /// How long was waited before it was opened last, until a sound frame came.
    last_wait: Duration,
    /// However often it was opened meanwhile.
    damage: Option<Damage>,
}

enum State<S> {
    Open {
        stream: S,
        last_frame: Instant,
        /// Of this opening.
        damage: Option<Damage>,
        /// No frame came since it was opened.
        is_silent: bool,
    },
    Gone {
        look_at: Instant,
        wait: Duration,
    },
}

/// The damaged frames since the last sound one.
struct Damage {
    since: Instant,
    frames: u32,
    /// What is wrong with the latest.
    cause: String,
}

impl Damage {
    fn count(damage: &mut Option<Damage>, fault: &Fault) -> (Duration, bool) {
        let damage = damage.get_or_insert_with(|| Damage { since: Instant::now(), frames: 0, cause: String::new() });
        damage.frames = damage.frames.saturating_add(1);
        damage.cause = fault.to_string();
        let (after, frames) = UNUSABLE_AFTER;
        let lasted = damage.since.elapsed();
        (lasted, lasted >= after && damage.frames >= frames)
    }
}

impl<S> State<S> {
    fn open(stream: S) -> Self {
        let now = Instant::now();
        State::Open { stream, last_frame: now, damage: None, is_silent: true }
    }
}

fn longer(wait: Duration) -> Duration {
    (wait * 2).clamp(LOOK_AGAIN[0], LOOK_AGAIN[1])
}

impl<O: Opener> Returning<O> {
    pub fn new(name: String, opener: O, stream: O::Stream) -> Self {
        Returning {
            name,
            opener,
            state: State::open(stream),
            status: Status::Live,
            said: Status::Live,
            unsaid: None,
            numbers: Numbers::default(),
            clock: SourceClock::start(),
            last_wait: Duration::ZERO,
            damage: None,
        }
    }

    /// Notes that the source is gone, and that it is looked for after `wait`.
    fn lose(&mut self, Lost(reason): Lost, wait: Duration) -> Captured {
        if let State::Open { .. } = self.state {
            self.opener.lost();
        }
        self.state = State::Gone { look_at: Instant::now() + wait, wait };
        self.set_status(Status::Gone { name: self.name.clone(), reason })
    }

    fn set_status(&mut self, status: Status) -> Captured {
        self.status = status;
        Captured::Waiting(self.status.clone())
    }

    /// Looks for a source that is gone when it is time to.
    fn look(&mut self, look_at: Instant, wait: Duration) -> Captured {
        let left = look_at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left.min(PATIENCE));
            return Captured::Waiting(self.status.clone());
        }
        match self.opener.open() {
            Ok(stream) => {
                self.numbers.restart();
                self.clock.restart();
                self.last_wait = wait;
                self.state = State::open(stream);
                // It was not gone if its frames were bad, and that they are better now is not known
                // yet.
                match self.status {
                    Status::Unusable { .. } => Captured::Waiting(self.status.clone()),
                    _ => self.set_status(Status::Returning { name: self.name.clone() }),
                }
            }
            // A source that stalled was looked for at once, without a wait to double.
            Err(lost) => self.lose(lost, longer(wait)),
        }
    }

    /// Counts a damaged frame. After many of them the source cannot be used as it is.
    fn count_damaged(&mut self, fault: &Fault) -> Captured {
        if let (_, true) = Damage::count(&mut self.damage, fault) {
            let is_new = !matches!(self.status, Status::Unusable { .. });
            self.status = Status::Unusable { name: self.name.clone(), cause: fault.to_string() };
            self.unsaid = is_new.then(|| self.status.clone());
        }
        let State::Open { damage, .. } = &mut self.state else { return Captured::Damaged };
        if let (lasted, true) = Damage::count(damage, fault)
            && (self.opener.try_other() || lasted >= REOPENED_AFTER)
        {
            self.state = State::Gone { look_at: Instant::now(), wait: LOOK_AGAIN[0] };
        }
        Captured::Damaged
    }

    /// No frame came within a call's time, and none since `last_frame`.
    fn quiet(&mut self, last_frame: Instant, is_silent: bool) -> Captured {
        let since = last_frame.elapsed();
        if since >= REOPENED_AFTER {
            if is_silent {
                self.opener.try_other();
            }
            self.lose(Lost(format!("no frame for {} s", since.as_secs())), Duration::ZERO)
        } else if since >= STALLED_AFTER {
            let since = Duration::from_secs(since.as_secs());
            self.set_status(Status::Stalled { name: self.name.clone(), since })
        } else {
            Captured::Waiting(self.status.clone())
        }
    }
}

impl<O: Opener> Returning<O> {
    fn capture(&mut self, frame: &mut Frame) -> Captured {
        if let Some(status) = self.unsaid.take() {
            return Captured::Waiting(status);
        }
        let (stream, last_frame, damage_here, is_silent) = match &mut self.state {
            State::Gone { look_at, wait } => {
                let (look_at, wait) = (*look_at, *wait);
                return self.look(look_at, wait);
            }
            State::Open { stream, last_frame, damage, is_silent } => (stream, last_frame, damage, is_silent),
        };
        match stream.next_into(frame, PATIENCE) {
            Ok(Some(arrival)) => {
                (*last_frame, *is_silent) = (Instant::now(), false);
                frame.stamp(self.numbers.number(arrival.sequence), self.clock.time(arrival.captured_at));
                if let Some(fault) = arrival.fault {
                    return self.count_damaged(&fault);
                }
                (*damage_here, self.damage) = (None, None);
                self.last_wait = Duration::ZERO;
                self.status = Status::Live;
                Captured::Frame
            }
            Ok(None) => {
                let (last_frame, is_silent) = (*last_frame, *is_silent);
                self.quiet(last_frame, is_silent)
            }
            // What ends before its first sound frame is as if it could not be opened.
            Err(lost) => {
                let wait = longer(self.last_wait);
                let damage = damage_here.take();
                // That it ends is no news of a stream that cannot be used.
                match damage {
                    Some(_) if matches!(self.status, Status::Unusable { .. }) => {
                        self.opener.lost();
                        self.state = State::Gone { look_at: Instant::now() + wait, wait };
                        Captured::Waiting(self.status.clone())
                    }
                    Some(damage) => self.lose(lost.after(&damage.cause), wait),
                    None => self.lose(lost, wait),
                }
            }
        }
    }

    /// What was said before is not said again.
    fn news(&mut self, captured: Captured) -> Captured {
        match captured {
            Captured::Waiting(status) if status == self.said => Captured::Nothing,
            Captured::Waiting(status) => {
                self.said = status.clone();
                Captured::Waiting(status)
            }
            Captured::Frame => {
                self.said = Status::Live;
                Captured::Frame
            }
            other => other,
        }
    }
}

impl<O: Opener> Source for Returning<O> {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let captured = self.capture(frame);
        Ok(self.news(captured))
    }

    fn is_live(&self) -> bool {
        true
    }

    fn origin(&self) -> Option<Origin> {
        Some(self.opener.origin())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a camera does next.
    #[derive(Clone, Copy)]
    enum Step {
        /// A frame of that number.
        Frame(u32),
        Damaged(u32),
        /// A damaged frame, after damaged ones for so many seconds.
        DamagedFor(u32, u64),
        /// Nothing comes, for so many seconds.
        Quiet(u64),
        Unplugged,
        /// It cannot be opened.
        Missing,
        /// It can.
        There,
    }

    #[derive(Clone)]
    struct Script {
        steps: Arc<Mutex<VecDeque<Step>>>,
        /// Ways to have frames that were not tried.
        others: Arc<Mutex<u32>>,
    }

    impl Script {
        fn of(steps: impl IntoIterator<Item = Step>, others: u32) -> Self {
            Script { steps: Arc::new(Mutex::new(steps.into_iter().collect())), others: Arc::new(Mutex::new(others)) }
        }

        fn next(&self) -> Step {
            self.steps.lock().unwrap().pop_front().expect("the camera is asked no more than that")
        }
    }

    fn unplugged() -> Lost {
        Lost("unplugged".into())
    }

    impl Opener for Script {
        type Stream = Script;

        fn open(&mut self) -> Result<Script, Lost> {
            match self.next() {
                Step::There => Ok(self.clone()),
                Step::Missing => Err(unplugged()),
                _ => panic!("a camera is opened that is open"),
            }
        }

        fn origin(&self) -> Origin {
            Origin::default()
        }

        fn try_other(&mut self) -> bool {
            let mut others = self.others.lock().unwrap();
            let is_there = *others > 0;
            *others = others.saturating_sub(1);
            is_there
        }
    }

    impl FrameStream for Script {
        fn next_into(&mut self, _: &mut Frame, _: Duration) -> Result<Option<Arrival>, Lost> {
            let arrival = |sequence, fault| Ok(Some(Arrival { sequence, captured_at: None, fault }));
            match self.next() {
                Step::Frame(sequence) => arrival(sequence, None),
                Step::Damaged(sequence) | Step::DamagedFor(sequence, _) => arrival(sequence, Some(Fault::Flagged)),
                Step::Quiet(_) => Ok(None),
                Step::Unplugged => Err(unplugged()),
                Step::Missing | Step::There => panic!("a camera is read that is not open"),
            }
        }
    }

    /// Runs a camera that has so many other formats through the steps; gives what it captured and
    /// said.
    fn run_with(steps: &[Step], others: u32) -> Vec<String> {
        let script = Script::of(steps.iter().copied(), others);
        let mut camera = Returning::new("camera".into(), script.clone(), script.clone());
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        loop {
            // Time passes as the step says, without anybody waiting for it.
            let next = script.steps.lock().unwrap().front().copied();
            match (&mut camera.state, next) {
                (_, None) if camera.unsaid.is_none() => return seen,
                (State::Open { last_frame, .. }, Some(Step::Quiet(seconds))) => {
                    *last_frame = Instant::now() - Duration::from_secs(seconds);
                }
                (State::Open { damage, .. }, Some(Step::DamagedFor(_, seconds))) => {
                    let since = Instant::now() - Duration::from_secs(seconds);
                    for damage in [damage, &mut camera.damage] {
                        *damage = Some(Damage { since, frames: 30, cause: String::new() });
                    }
                }
                (State::Gone { look_at, .. }, _) => *look_at = Instant::now(),
                _ => {}
            }
            seen.push(match camera.capture_into(&mut frame).unwrap() {
                Captured::Frame => format!("frame {}", frame.sequence()),
                Captured::Damaged => format!("damaged {}", frame.sequence()),
                Captured::Nothing => "nothing".into(),
                Captured::Waiting(status) => status.to_string(),
                Captured::End => "end".into(),
            });
        }
    }

    fn run(steps: &[Step]) -> Vec<String> {
        run_with(steps, 0)
    }

    #[test]
    fn frames_keep_their_gaps_and_damaged_ones_their_numbers() {
        let steps =
            [Step::Frame(7), Step::Frame(8), Step::Damaged(9), Step::Frame(12), Step::Frame(12), Step::Frame(3)];
        assert_eq!(run(&steps), ["frame 0", "frame 1", "damaged 2", "frame 5", "frame 6", "frame 7"]);
    }

    #[test]
    fn a_camera_that_goes_is_taken_again_and_its_numbers_go_on() {
        let steps = [
            Step::Frame(0),
            Step::Unplugged,
            Step::Missing,
            Step::Missing,
            Step::There,
            Step::Quiet(0),
            Step::Frame(0),
            Step::Frame(2),
        ];
        let gone = "camera gone: unplugged; looking for it";
        let back = "camera is back; waiting for its first frame";
        let expected = ["frame 0", gone, "nothing", "nothing", back, "nothing", "frame 1", "frame 3"];
        assert_eq!(run(&steps), expected);
    }

    #[test]
    fn a_camera_that_stalls_is_said_to_and_opened_anew() {
        let steps = [
            Step::Frame(0),
            Step::Quiet(1),
            Step::Quiet(3),
            Step::Quiet(11),
            Step::There,
            Step::Quiet(5),
            Step::Frame(0),
        ];
        let expected = [
            "frame 0",
            "nothing",
            "camera stalled: no frame for 3 s",
            "camera gone: no frame for 11 s; looking for it",
            "camera is back; waiting for its first frame",
            "camera stalled: no frame for 5 s",
            "frame 1",
        ];
        assert_eq!(run(&steps), expected);
    }

    const UNUSABLE: &str = "camera gives only damaged frames: its driver flags them as broken";

    #[test]
    fn a_camera_whose_frames_are_damaged_is_said_to_and_opened_anew_in_other_ways() {
        let steps = [
            Step::Frame(0),
            Step::DamagedFor(1, 1),
            Step::DamagedFor(2, 3),
            // Another format, then no other one.
            Step::There,
            Step::DamagedFor(0, 1),
            Step::DamagedFor(1, 5),
            Step::DamagedFor(2, 11),
            Step::There,
            Step::Frame(0),
            Step::Damaged(1),
            Step::Frame(2),
        ];
        let expected = [
            "frame 0",
            "damaged 1",
            "damaged 2",
            UNUSABLE,
            "nothing",
            "damaged 3",
            "damaged 4",
            "damaged 5",
            "nothing",
            "frame 6",
            "damaged 7",
            "frame 8",
        ];
        assert_eq!(run_with(&steps, 1), expected);
    }

    #[test]
    fn a_camera_that_ends_with_each_damaged_frame_is_said_to_give_only_those() {
        let script = Script::of([], 0);
        let mut camera = Returning::new("camera".into(), script.clone(), script.clone());
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        for turn in 0..5 {
            script.steps.lock().unwrap().extend([Step::Damaged(0), Step::Unplugged, Step::There]);
            while !script.steps.lock().unwrap().is_empty() || camera.unsaid.is_some() {
                if let State::Gone { look_at, .. } = &mut camera.state {
                    *look_at = Instant::now();
                }
                if let Captured::Waiting(status) = camera.capture_into(&mut frame).unwrap() {
                    seen.push(format!("{turn} {status}"));
                }
            }
            if let Some(damage) = &mut camera.damage {
                damage.since -= Duration::from_secs(1);
            }
        }
        let gone = "camera gone: unplugged after damaged frames: its driver flags them as broken; looking for it";
        let back = "camera is back; waiting for its first frame";
        let expected = [(0, gone), (0, back), (1, gone), (1, back), (2, UNUSABLE)];
        assert_eq!(seen, expected.map(|(turn, said)| format!("{turn} {said}")));
    }

    #[test]
    fn a_camera_that_stays_silent_is_tried_in_another_way() {
        let script = Script::of([Step::Quiet(11), Step::There, Step::Frame(0), Step::Quiet(11), Step::There], 2);
        let mut camera = Returning::new("camera".into(), script.clone(), script.clone());
        let mut frame = Frame::default();
        let mut others = Vec::new();
        for _ in 0..5 {
            match &mut camera.state {
                State::Open { last_frame, .. } => *last_frame = Instant::now() - Duration::from_secs(11),
                State::Gone { look_at, .. } => *look_at = Instant::now(),
            }
            camera.capture_into(&mut frame).unwrap();
            others.push(*script.others.lock().unwrap());
        }
        // One that gave a frame has the right way.
        assert_eq!(others, [1; 5]);
    }

    /// The first look is at once. Those after it wait, so that nothing turns without a pause.
    #[test]
    fn a_camera_that_stalls_and_cannot_be_opened_is_looked_for_more_and_more_rarely() {
        let script = Script::of([Step::Quiet(11), Step::Missing, Step::Missing, Step::Missing], 0);
        let mut camera = Returning::new("camera".into(), script.clone(), script);
        let State::Open { last_frame, .. } = &mut camera.state else { panic!("it is open") };
        *last_frame = Instant::now() - Duration::from_secs(11);
        let mut waits = Vec::new();
        for _ in 0..4 {
            camera.capture_into(&mut Frame::default()).unwrap();
            let State::Gone { look_at, wait } = &mut camera.state else { panic!("it is gone") };
            waits.push(wait.as_millis());
            *look_at = Instant::now();
        }
        assert_eq!(waits, [0, 250, 500, 1000]);
    }

    #[test]
    fn some_damaged_frames_make_no_camera_unusable() {
        let steps = [Step::Frame(0), Step::DamagedFor(1, 9), Step::Frame(2), Step::Damaged(3), Step::Damaged(4)];
        let seen = run(&steps);
        assert_eq!(seen[..3], ["frame 0", "damaged 1", UNUSABLE]);
        assert_eq!(seen[3..], ["frame 2", "damaged 3", "damaged 4"]);
    }

    #[test]
    fn looks_become_rarer_up_to_a_limit_and_no_call_takes_long() {
        let script = Script::of([Step::Missing; 20], 0);
        let mut camera = Returning::new("camera".into(), script.clone(), script);
        camera.lose(unplugged(), LOOK_AGAIN[0]);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let State::Gone { look_at, wait } = &mut camera.state else { panic!("it is gone") };
            waits.push(wait.as_millis());
            *look_at = Instant::now();
            camera.capture_into(&mut Frame::default()).unwrap();
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
        let opens_and_ends = [[Step::There, Step::Damaged(1), Step::Unplugged]; 6].into_iter().flatten();
        let with_frames = [Step::There, Step::Frame(1), Step::Unplugged, Step::Missing];
        let script = Script::of(opens_and_ends.chain(with_frames), 0);
        let mut other = Returning::new("camera".into(), script.clone(), script.clone());
        other.lose(unplugged(), LOOK_AGAIN[0]);
        let mut waits = Vec::new();
        while !script.steps.lock().unwrap().is_empty() {
            if let State::Gone { look_at, wait } = &mut other.state {
                waits.push(wait.as_millis());
                *look_at = Instant::now();
            }
            other.capture_into(&mut Frame::default()).unwrap();
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000, 250]);
        let before = Instant::now();
        camera.capture_into(&mut Frame::default()).unwrap();
        assert!(before.elapsed() < Duration::from_secs(2), "took {:?}", before.elapsed());
    }
}
