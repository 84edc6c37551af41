//! A camera that does what a script says.

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
            (_, None) if camera.kept.standing.is_told() => return seen,
            (State::Open(open), Some(Step::Quiet(seconds))) => {
                open.last_frame = Instant::now() - Duration::from_secs(seconds);
            }
            (State::Open(_), Some(Step::DamagedFor(_, seconds))) => {
                camera.kept.damage = Damage::lasting(Duration::from_secs(seconds));
            }
            (State::Gone(gone), _) => gone.look_at = Instant::now(),
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
    let steps = [Step::Frame(7), Step::Frame(8), Step::Damaged(9), Step::Frame(12), Step::Frame(12), Step::Frame(3)];
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
    let steps =
        [Step::Frame(0), Step::Quiet(1), Step::Quiet(3), Step::Quiet(11), Step::There, Step::Quiet(5), Step::Frame(0)];
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
        while !script.steps.lock().unwrap().is_empty() || !camera.kept.standing.is_told() {
            if let State::Gone(gone) = &mut camera.state {
                gone.look_at = Instant::now();
            }
            if let Captured::Waiting(status) = camera.capture_into(&mut frame).unwrap() {
                seen.push(format!("{turn} {status}"));
            }
        }
        camera.kept.damage.pass(Duration::from_secs(1));
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
            State::Open(open) => open.last_frame = Instant::now() - Duration::from_secs(11),
            State::Gone(gone) => gone.look_at = Instant::now(),
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
    let State::Open(open) = &mut camera.state else { panic!("it is open") };
    open.last_frame = Instant::now() - Duration::from_secs(11);
    let mut waits = Vec::new();
    for _ in 0..4 {
        camera.capture_into(&mut Frame::default()).unwrap();
        let State::Gone(gone) = &mut camera.state else { panic!("it is gone") };
        waits.push(gone.wait.as_millis());
        gone.look_at = Instant::now();
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
    camera.state = State::gone_for(LOOK_AGAIN[0]);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let State::Gone(gone) = &mut camera.state else { panic!("it is gone") };
        waits.push(gone.wait.as_millis());
        gone.look_at = Instant::now();
        camera.capture_into(&mut Frame::default()).unwrap();
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
    let opens_and_ends = [[Step::There, Step::Damaged(1), Step::Unplugged]; 6].into_iter().flatten();
    let with_frames = [Step::There, Step::Frame(1), Step::Unplugged, Step::Missing];
    let script = Script::of(opens_and_ends.chain(with_frames), 0);
    let mut other = Returning::new("camera".into(), script.clone(), script.clone());
    other.state = State::gone_for(LOOK_AGAIN[0]);
    let mut waits = Vec::new();
    while !script.steps.lock().unwrap().is_empty() {
        if let State::Gone(gone) = &mut other.state {
            waits.push(gone.wait.as_millis());
            gone.look_at = Instant::now();
        }
        other.capture_into(&mut Frame::default()).unwrap();
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000, 250]);
    let before = Instant::now();
    camera.capture_into(&mut Frame::default()).unwrap();
    assert!(before.elapsed() < Duration::from_secs(2), "took {:?}", before.elapsed());
}
