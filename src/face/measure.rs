//! What a followed face does: eyes and mouth against this person's own open state, blinks, closed
//! eyes, yawns, nods.
//!
//! Each event has two thresholds, so that a value that rests near one does not make many events.
//! `docs/measures.md` defines each, with its source.

use std::collections::VecDeque;
use std::time::Duration;

use super::Landmark;
use super::fit::Fitted;
use super::head::HeadModel;
use super::openness::Ratios;
use super::pose::{HeadPose, Pinhole};

// What literature defines names its source. The rest is set by hand: no data set with marked
// blinks, yawns and nods was measured.

/// The pose of a head is looked for anew so often.
const FIT_ANEW_EVERY: Duration = Duration::from_secs(1);
/// The eyes' and the mouth's own states are learned in this time; before, those of most people
/// serve.
const LEARN: Duration = Duration::from_secs(3);
/// Room for what comes in these times at thirty frames a second, so that following allocates
/// nothing.
const LEARNED: usize = 128;
const WINDOW: usize = 2048;
/// What most people's eyes are open by.
const USUAL_EYE: f32 = 0.3;
/// Of an eye's own open ratio, what a closed one still has: the lashes' line.
const CLOSED_EYE: f32 = 0.35;
/// The part of the time that an eye is less open than its open state.
const OPEN_QUANTILE: f32 = 0.7;
/// How fast the open state follows later, as a share of itself a second.
const FOLLOW_A_SECOND: f32 = 0.02;
/// A mouth's ratio when it yawns widely.
const WIDE_MOUTH: f32 = 0.8;
/// The eyes are closed below the first and open again above the second.
const EYES: Hysteresis = Hysteresis { on: 0.3, off: 0.5 };
/// Shorter is noise; longer is no blink but closed eyes (Caffier, Erdmann, Ullsperger 2003).
const BLINK: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(500)];
/// Openness below which an eye counts as closed in PERCLOS (P80: lids over four fifths of the eye;
/// Wierwille 1994).
const PERCLOS_OPENNESS: f32 = 0.2;
const PERCLOS_WINDOW: Duration = Duration::from_secs(60);
/// With less seen than this, the share says nothing.
const PERCLOS_LEAST: Duration = Duration::from_secs(10);
/// Frames further apart than this say nothing of the time between them.
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// Openness of the mouth of a yawn, and how long it stays so.
const YAWN: Hysteresis = Hysteresis { on: 0.6, off: 0.4 };
const YAWN_TIME: Duration = Duration::from_millis(1500);
/// Pitch above where the head was, in degrees: a nod goes over the first and comes back below the
/// second.
const NOD: Hysteresis = Hysteresis { on: 10.0, off: 5.0 };
const NOD_TIME: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(1500)];
/// Where the head was: its pitch, followed with this time constant, in seconds.
const PITCH_FOLLOWS_S: f32 = 2.0;

/// On beyond one threshold, off beyond the other.
#[derive(Debug, Clone, Copy)]
struct Hysteresis {
    on: f32,
    off: f32,
}

impl Hysteresis {
    fn next(self, was_on: bool, value: f32) -> bool {
        let threshold = if was_on { self.off } else { self.on };
        if self.on < self.off { value < threshold } else { value > threshold }
    }
}

/// What is known of a face beside its landmarks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// Where the head is and looks; `None` where the model's folder has no `head.csv`, and where
    /// the landmarks are no head's.
    pub pose: Option<HeadPose>,
    /// Heights over widths of eyes and mouth.
    pub ratios: Ratios,
    /// 0 closed, 1 this person's open state; `None` where it is not seen.
    pub right_eye: Option<f32>,
    /// As `right_eye`.
    pub left_eye: Option<f32>,
    /// 0 this person's rest, 1 wide open.
    pub mouth: Option<f32>,
    /// Share of the last minute in which the eyes were closed; `None` until enough was seen.
    pub perclos: Option<f32>,
    /// Whether the eyes are closed now, with hysteresis; `None` where they are not seen.
    pub eyes_closed: Option<bool>,
}

/// What a face did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Eyes closed and open again within half a second.
    Blink,
    /// Eyes are closed for half a second; its end is [`EventKind::EyesOpened`].
    EyesClosed,
    /// Eyes that were closed for longer than a blink opened.
    EyesOpened,
    /// The mouth was wide open for a while.
    Yawn,
    /// The head went down and came up again.
    Nod,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 5] =
        [EventKind::Blink, EventKind::EyesClosed, EventKind::EyesOpened, EventKind::Yawn, EventKind::Nod];

    /// As it stands in records and messages.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Blink => "blink",
            EventKind::EyesClosed => "eyes_closed",
            EventKind::EyesOpened => "eyes_opened",
            EventKind::Yawn => "yawn",
            EventKind::Nod => "nod",
        }
    }
}

/// Something that a face did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What it did.
    pub kind: EventKind,
    /// The face's id.
    pub face: u32,
    /// When it was known, by the frames' time.
    pub at: Duration,
    /// How long it had lasted then.
    pub lasted: Duration,
}

/// What was seen of one face so far.
#[derive(Debug, Clone)]
pub struct Person {
    id: u32,
    began: Duration,
    at: Option<Duration>,
    /// As it was last fitted.
    head: Option<Fitted>,
    /// When it was fitted without regard to what was before.
    fitted_anew: Duration,
    right_eye: OwnState,
    left_eye: OwnState,
    mouth: OwnState,
    closed: Phase,
    said_closed: bool,
    yawn: Phase,
    nod: Phase,
    pitch: Option<f32>,
    window: VecDeque<(Duration, Duration, bool)>,
}

/// Whether something goes on, and since when.
#[derive(Debug, Clone, Copy, Default)]
struct Phase {
    since: Option<Duration>,
}

impl Phase {
    /// Takes the next state; gives how long it went on where it just ended.
    fn next(&mut self, on: bool, at: Duration) -> Option<Duration> {
        match (self.since, on) {
            (None, true) => self.since = Some(at),
            (Some(since), false) => {
                self.since = None;
                return Some(at.saturating_sub(since));
            }
            _ => {}
        }
        None
    }
}

/// A level that a ratio stays below, or above, for a given part of the time.
#[derive(Debug, Clone)]
struct OwnState {
    quantile: f32,
    usual: f32,
    learned: Vec<f32>,
    level: Option<f32>,
}

impl OwnState {
    fn new(quantile: f32, usual: f32) -> Self {
        OwnState { quantile, usual, learned: Vec::with_capacity(LEARNED), level: None }
    }

    /// Takes a ratio; gives the level.
    fn take(&mut self, ratio: f32, learning: bool, step_s: f32) -> f32 {
        if learning {
            let place = self.learned.partition_point(|other| *other < ratio);
            self.learned.insert(place, ratio);
            let last = (self.learned.len() - 1) as f32;
            let seen = self.learned[(last * self.quantile).round() as usize];
            // Somebody who begins with closed eyes has no open state yet.
            self.level = Some(seen.max(0.6 * self.usual));
        }
        let level = self.level.get_or_insert(self.usual);
        if !learning {
            let way = if ratio > *level { self.quantile } else { self.quantile - 1.0 };
            *level = (*level * (1.0 + way * FOLLOW_A_SECOND * step_s)).max(0.6 * self.usual);
        }
        *level
    }
}

impl Person {
    /// A person of this id, seen first at this time.
    pub fn new(id: u32, at: Duration) -> Self {
        let eye = OwnState::new(OPEN_QUANTILE, USUAL_EYE);
        Person {
            id,
            began: at,
            at: None,
            head: None,
            fitted_anew: at,
            right_eye: eye.clone(),
            left_eye: eye,
            mouth: OwnState::new(0.3, 0.02),
            closed: Phase::default(),
            said_closed: false,
            yawn: Phase::default(),
            nod: Phase::default(),
            pitch: None,
            window: VecDeque::with_capacity(WINDOW),
        }
    }

    /// That of the face.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether the face was seen at most `time` before `now`.
    pub fn was_seen_within(&self, time: Duration, now: Duration) -> bool {
        self.at.is_some_and(|at| now.saturating_sub(at) <= time)
    }

    /// The pose of the person's head in the next frame, looked for from where it was. Now and then
    /// it is looked for anew, so that a wrong one does not stay.
    pub fn pose(
        &mut self,
        head: &HeadModel,
        landmarks: &[Landmark],
        camera: &Pinhole,
        now: Duration,
    ) -> Option<HeadPose> {
        let last = self.head.as_ref().filter(|_| now.saturating_sub(self.fitted_anew) < FIT_ANEW_EVERY);
        self.head = match last {
            Some(last) => head.fit_from(last, landmarks, camera),
            None => {
                self.fitted_anew = now;
                head.fit(landmarks, camera)
            }
        };
        self.head.as_ref().map(|fitted| fitted.pose)
    }

    /// Takes what the next frame shows of the face; adds what it did to `events`.
    pub fn take(&mut self, at: Duration, pose: Option<HeadPose>, ratios: Ratios, events: &mut Vec<Event>) -> Measures {
        let step = self.at.map_or(Duration::ZERO, |before| at.saturating_sub(before)).min(LONGEST_STEP);
        self.at = Some(at);
        let learning = at.saturating_sub(self.began) <= LEARN;
        let step_s = step.as_secs_f32();
        let eye = |own: &mut OwnState, ratio: Option<f32>| {
            ratio.map(|ratio| {
                let open = own.take(ratio, learning, step_s);
                ((ratio - CLOSED_EYE * open) / ((1.0 - CLOSED_EYE) * open)).clamp(0.0, 1.0)
            })
        };
        let right_eye = eye(&mut self.right_eye, ratios.right_eye);
        let left_eye = eye(&mut self.left_eye, ratios.left_eye);
        let mouth = ratios.mouth.map(|ratio| {
            let rest = self.mouth.take(ratio, learning, step_s).min(WIDE_MOUTH / 2.0);
            ((ratio - rest) / (WIDE_MOUTH - rest)).clamp(0.0, 1.0)
        });
        let openness = match (right_eye, left_eye) {
            (Some(right), Some(left)) => Some((right + left) / 2.0),
            (one, other) => one.or(other),
        };
        let nodded = self.nodded(at, pose.as_ref(), step_s);
        let face = self.id;
        let mut say = |kind, lasted| events.push(Event { kind, face, at, lasted });
        let eyes_closed = openness.map(|openness| EYES.next(self.closed.since.is_some(), openness));
        match eyes_closed {
            Some(is_closed) => {
                let ended = self.closed.next(is_closed, at);
                let lasts = self.closed.since.map_or(Duration::ZERO, |since| at.saturating_sub(since));
                if lasts > BLINK[1] && !self.said_closed {
                    self.said_closed = true;
                    say(EventKind::EyesClosed, lasts);
                }
                if let Some(lasted) = ended {
                    if self.said_closed || lasted > BLINK[1] {
                        say(EventKind::EyesOpened, lasted);
                    } else if lasted >= BLINK[0] {
                        say(EventKind::Blink, lasted);
                    }
                    self.said_closed = false;
                }
            }
            // Eyes that are no longer seen did not open.
            None => {
                self.closed = Phase::default();
                self.said_closed = false;
            }
        }
        let yawns = mouth.is_some_and(|mouth| YAWN.next(self.yawn.since.is_some(), mouth));
        if let Some(lasted) = self.yawn.next(yawns, at).filter(|lasted| *lasted >= YAWN_TIME) {
            say(EventKind::Yawn, lasted);
        }
        if let Some(lasted) = nodded {
            say(EventKind::Nod, lasted);
        }
        let perclos = self.perclos(at, step, openness);
        Measures { pose, ratios, right_eye, left_eye, mouth, perclos, eyes_closed }
    }

    /// A nod that just ended.
    fn nodded(&mut self, at: Duration, pose: Option<&HeadPose>, step_s: f32) -> Option<Duration> {
        let Some(pitch) = pose.map(HeadPose::pitch_deg) else {
            self.nod = Phase::default();
            return None;
        };
        let rest = *self.pitch.get_or_insert(pitch);
        self.pitch = Some(rest + (pitch - rest) * (step_s / PITCH_FOLLOWS_S).min(1.0));
        let is_down = NOD.next(self.nod.since.is_some(), pitch - rest);
        self.nod.next(is_down, at).filter(|lasted| (NOD_TIME[0]..=NOD_TIME[1]).contains(lasted))
    }

    fn perclos(&mut self, at: Duration, step: Duration, openness: Option<f32>) -> Option<f32> {
        if let Some(openness) = openness {
            self.window.push_back((at, step, openness < PERCLOS_OPENNESS));
        }
        while self.window.front().is_some_and(|(then, ..)| at.saturating_sub(*then) > PERCLOS_WINDOW) {
            self.window.pop_front();
        }
        let all: Duration = self.window.iter().map(|(_, step, _)| *step).sum();
        let closed: Duration = self.window.iter().filter(|(.., closed)| *closed).map(|(_, step, _)| *step).sum();
        (all >= PERCLOS_LEAST).then(|| closed.as_secs_f32() / all.as_secs_f32())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix6, Rotation3, Vector3};

    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    fn pose(pitch_deg: f32) -> HeadPose {
        let camera_from_head = Rotation3::from_axis_angle(&Vector3::x_axis(), pitch_deg.to_radians());
        HeadPose { camera_from_head, position: Vector3::z() * 600.0, covariance: Matrix6::identity() }
    }

    /// Frames of (eyes, mouth, pitch); gives the events and the last measures.
    fn watch(frames: impl IntoIterator<Item = (f32, f32, f32)>) -> (Vec<Event>, Measures) {
        let mut person = Person::new(7, Duration::ZERO);
        let (mut events, mut last) = (Vec::new(), Measures::default());
        for (i, (eyes, mouth, pitch)) in frames.into_iter().enumerate() {
            let ratios = Ratios { right_eye: Some(eyes), left_eye: Some(eyes), mouth: Some(mouth) };
            last = person.take(FRAME * i as u32, Some(pose(pitch)), ratios, &mut events);
        }
        (events, last)
    }

    fn kinds(events: &[Event]) -> Vec<EventKind> {
        events.iter().map(|event| event.kind).collect()
    }

    /// Open for five seconds, then `frames`.
    fn after_a_while(frames: Vec<(f32, f32, f32)>) -> (Vec<Event>, Measures) {
        watch(std::iter::repeat_n((0.28, 0.02, 0.0), 150).chain(frames))
    }

    #[test]
    fn a_short_closure_is_a_blink_with_its_duration() {
        let mut frames = vec![(0.05, 0.02, 0.0); 6];
        frames.push((0.28, 0.02, 0.0));
        let (events, measures) = after_a_while(frames);
        assert_eq!(kinds(&events), [EventKind::Blink]);
        assert_eq!((events[0].face, events[0].lasted), (7, FRAME * 6));
        assert_eq!(measures.right_eye, Some(1.0));
    }

    #[test]
    fn a_long_closure_is_said_while_it_lasts_and_when_it_ends() {
        let mut frames = vec![(0.05, 0.02, 0.0); 60];
        let (events, measures) = after_a_while(frames.clone());
        assert_eq!(kinds(&events), [EventKind::EyesClosed]);
        assert!(events[0].lasted > BLINK[1] && events[0].lasted < BLINK[1] + FRAME * 2);
        assert_eq!((measures.right_eye, measures.eyes_closed), (Some(0.0), Some(true)));
        frames.push((0.28, 0.02, 0.0));
        let (events, _) = after_a_while(frames);
        assert_eq!(kinds(&events), [EventKind::EyesClosed, EventKind::EyesOpened]);
        assert_eq!(events[1].lasted, FRAME * 60);
    }

    #[test]
    fn a_value_that_rests_between_the_thresholds_makes_no_events() {
        let flutter = |i: usize| (0.28 * (0.35 + 0.65 * if i.is_multiple_of(2) { 0.35 } else { 0.45 }), 0.02, 0.0);
        let (events, _) = after_a_while((0..100).map(flutter).collect());
        assert_eq!(events, []);
    }

    #[test]
    fn narrow_eyes_are_open_against_their_own_state() {
        let (_, measures) = watch(std::iter::repeat_n((0.19, 0.02, 0.0), 120));
        assert!(measures.right_eye.unwrap() > 0.95, "{measures:?}");
    }

    #[test]
    fn perclos_is_the_share_of_the_last_minute() {
        let cycle = |i: usize| (if i % 100 < 20 { 0.05 } else { 0.28 }, 0.02, 0.0);
        let (_, early) = watch((0..200).map(cycle));
        assert_eq!(early.perclos, None);
        let (_, later) = watch((0..4000).map(cycle));
        assert!((later.perclos.unwrap() - 0.2).abs() < 0.02, "{:?}", later.perclos);
    }

    #[test]
    fn a_yawn_lasts_and_speech_does_not() {
        let open = |frames: usize| {
            let mut all = vec![(0.28, 0.75, 0.0); frames];
            all.push((0.28, 0.02, 0.0));
            kinds(&after_a_while(all).0)
        };
        assert_eq!(open(10), []);
        assert_eq!(open(75), [EventKind::Yawn]);
    }

    #[test]
    fn a_nod_goes_down_and_comes_back_and_looking_down_is_none() {
        let nod = |frames: usize| {
            let mut all = vec![(0.28, 0.02, 18.0); frames];
            all.extend([(0.28, 0.02, 0.0); 3]);
            kinds(&after_a_while(all).0)
        };
        assert_eq!(nod(15), [EventKind::Nod]);
        assert_eq!(nod(90), []);
    }

    #[test]
    fn eyes_that_are_no_longer_seen_are_unknown_and_make_no_event() {
        let mut person = Person::new(1, Duration::ZERO);
        let mut events = Vec::new();
        let mut last = Measures::default();
        for i in 0..40 {
            let eye = (i < 20).then_some(if i < 15 { 0.28 } else { 0.05 });
            let ratios = Ratios { right_eye: eye, left_eye: eye, mouth: Some(0.02) };
            last = person.take(FRAME * i, Some(pose(0.0)), ratios, &mut events);
        }
        assert_eq!((last.right_eye, last.eyes_closed, events), (None, None, vec![]));
    }
}
