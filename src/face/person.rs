//! Somebody whose face is followed: head pose, eyes and mouth against the own open state, blinks,
//! closed eyes, yawns, nods.

use std::time::Duration;

use super::Landmark;
use super::eyes::{Eyes, Openness};
use super::fit::Fitted;
use super::head::HeadModel;
use super::measure::{Event, Measures};
use super::mouth::Mouth;
use super::nod::Nod;
use super::openness::Ratios;
use super::perclos::Perclos;
use super::phase::LONGEST_STEP;
use super::pose::{HeadPose, Pinhole};
use crate::model::card::EyeRatios;

// Set by hand.

/// The pose of a head is looked for anew so often.
const FIT_ANEW_EVERY: Duration = Duration::from_secs(1);
/// What two frames show that are further apart is not one and the same.
const LONGEST_GAP: Duration = Duration::from_secs(5);

/// What was seen of one face so far.
#[derive(Debug, Clone)]
pub struct Person {
    id: u32,
    at: Option<Duration>,
    /// As it was last fitted.
    head: Option<Fitted>,
    /// When it was fitted without regard to what was before.
    fitted_anew: Duration,
    eyes: Eyes,
    mouth: Mouth,
    nod: Nod,
    perclos: Perclos,
}

impl Person {
    /// A person of this id, seen first at this time.
    pub fn new(id: u32, at: Duration) -> Self {
        Person {
            id,
            at: None,
            head: None,
            fitted_anew: at,
            eyes: Eyes::new(),
            mouth: Mouth::new(),
            nod: Nod::default(),
            perclos: Perclos::new(),
        }
    }

    /// That of the face.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The face is not seen in a frame: what was begun is over. Only a yawn, and closed eyes, that
    /// lasted long enough before wait a moment for it to come back.
    pub fn unseen(&mut self, at: Duration) {
        self.eyes.face_unseen(at);
        self.mouth.face_unseen(at);
        self.nod.face_unseen();
        self.perclos.face_unseen();
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

    /// Takes what the next frame shows of the face, and how its net draws eyes; adds what the face
    /// did to `events`.
    pub fn take(
        &mut self,
        at: Duration,
        pose: Option<HeadPose>,
        ratios: Ratios,
        drawn: EyeRatios,
        events: &mut Vec<Event>,
    ) -> Measures {
        let step = self.at.map_or(Duration::ZERO, |before| at.saturating_sub(before)).min(LONGEST_STEP);
        self.at = Some(at);
        self.eyes.forget(at, LONGEST_GAP);
        self.mouth.forget(at, LONGEST_GAP);
        self.nod.forget(at, LONGEST_GAP);
        let face = self.id;
        let mut say = |kind, lasted| events.push(Event { kind, face, at, lasted });
        let eyes = self.eyes.take(at, step, ratios, drawn, &mut say);
        let mouth = self.mouth.take(at, step, ratios.mouth, &mut say);
        self.nod.take(at, step, pose.as_ref().map(HeadPose::pitch_deg), &mut say);
        let perclos = self.perclos.take(at, step, eyes.of_both());
        let Openness { right: right_eye, left: left_eye, closed: eyes_closed } = eyes;
        Measures { pose, ratios, right_eye, left_eye, mouth, perclos, eyes_closed }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix6, Rotation3, Vector3};

    use super::*;
    use crate::face::eyes::BLINK;
    use crate::face::measure::EventKind;

    const FRAME: Duration = Duration::from_millis(33);
    /// How wide eyes are that are open and closed, as our nets draw them.
    const OPEN: f32 = 0.33;
    const CLOSED: f32 = 0.21;

    fn pose(pitch_deg: f32) -> HeadPose {
        let camera_from_head = Rotation3::from_axis_angle(&Vector3::x_axis(), pitch_deg.to_radians());
        HeadPose { camera_from_head, position: Vector3::z() * 600.0, covariance: Matrix6::identity() }
    }

    fn ratios(eyes: impl Into<Option<f32>>, mouth: impl Into<Option<f32>>) -> Ratios {
        let eyes = eyes.into();
        Ratios { right_eye: eyes, left_eye: eyes, mouth: mouth.into() }
    }

    /// Frames of a time and (eyes, mouth, pitch); gives the events and the last measures.
    fn watch_at(frames: impl IntoIterator<Item = (Duration, (f32, f32, f32))>) -> (Vec<Event>, Measures) {
        let mut person = Person::new(7, Duration::ZERO);
        let (mut events, mut last) = (Vec::new(), Measures::default());
        for (at, (eyes, mouth, pitch)) in frames {
            last = person.take(at, Some(pose(pitch)), ratios(eyes, mouth), EyeRatios::default(), &mut events);
        }
        (events, last)
    }

    fn watch(frames: impl IntoIterator<Item = (f32, f32, f32)>) -> (Vec<Event>, Measures) {
        watch_at((0..).map(|i| FRAME * i).zip(frames))
    }

    fn kinds(events: &[Event]) -> Vec<EventKind> {
        events.iter().map(|event| event.kind).collect()
    }

    /// Open for five seconds, then `frames`.
    fn after_a_while(frames: Vec<(f32, f32, f32)>) -> (Vec<Event>, Measures) {
        watch(std::iter::repeat_n((OPEN, 0.02, 0.0), 150).chain(frames))
    }

    #[test]
    fn a_short_closure_is_a_blink_with_its_duration() {
        let mut frames = vec![(CLOSED, 0.02, 0.0); 6];
        frames.push((OPEN, 0.02, 0.0));
        let (events, measures) = after_a_while(frames);
        assert_eq!(kinds(&events), [EventKind::Blink]);
        assert_eq!((events[0].face, events[0].lasted), (7, FRAME * 6));
        assert!(measures.right_eye.unwrap() > 0.99, "{measures:?}");
    }

    #[test]
    fn a_long_closure_is_said_while_it_lasts_and_when_it_ends() {
        let mut frames = vec![(CLOSED, 0.02, 0.0); 60];
        let (events, measures) = after_a_while(frames.clone());
        assert_eq!(kinds(&events), [EventKind::EyesClosed]);
        assert!(events[0].lasted > BLINK[1] && events[0].lasted < BLINK[1] + FRAME * 2);
        assert!(measures.right_eye.unwrap() < 0.05 && measures.eyes_closed == Some(true), "{measures:?}");
        frames.push((OPEN, 0.02, 0.0));
        let (events, _) = after_a_while(frames);
        assert_eq!(kinds(&events), [EventKind::EyesClosed, EventKind::EyesOpened]);
        assert_eq!(events[1].lasted, FRAME * 60);
    }

    /// Eyes close for `closed` after five seconds; frames come `rate` a second, but for every
    /// `drops`th.
    fn closure(closed: Duration, rate: u32, drops: u32) -> Vec<Event> {
        let (start, end) = (Duration::from_secs(5), Duration::from_secs(5) + closed);
        let kept = (0..rate * 10).filter(|i| drops == 0 || i % drops != 0).map(|i| Duration::from_secs(1) * i / rate);
        let frame = |at: Duration| (at, (if (start..end).contains(&at) { CLOSED } else { OPEN }, 0.02, 0.0));
        watch_at(kept.map(frame)).0
    }

    #[test]
    fn blinks_and_closed_eyes_are_told_at_any_rate_and_between_dropped_frames() {
        let ms = Duration::from_millis;
        for rate in [5, 15, 30, 60] {
            for drops in [0, 2, 3, 7] {
                let step = ms(1000) / rate * if drops == 0 { 1 } else { 2 } + ms(1);
                let events = closure(ms(150), rate, drops);
                assert_eq!(kinds(&events), [EventKind::Blink], "{rate} a second, without each {drops}th");
                assert!(events[0].lasted.abs_diff(ms(150)) <= step, "{rate}, {drops}: {events:?}");
                let events = closure(ms(2000), rate, drops);
                let at = format!("{rate} a second, without each {drops}th: {events:?}");
                assert_eq!(kinds(&events), [EventKind::EyesClosed, EventKind::EyesOpened], "{at}");
                assert!(events[0].lasted > BLINK[1] && events[0].lasted <= BLINK[1] + step, "{at}");
                assert!(events[1].lasted.abs_diff(ms(2000)) <= step, "{at}");
            }
        }
    }

    /// However a closure falls between frames, who is told that eyes opened was told that they
    /// closed.
    #[test]
    fn eyes_that_open_were_said_to_be_closed() {
        for rate in [3, 5, 12, 15, 25, 30, 60] {
            for closed_ms in (0..1200).step_by(7) {
                let events = kinds(&closure(Duration::from_millis(closed_ms), rate, 0));
                let expected: [&[_]; 3] = [&[], &[EventKind::Blink], &[EventKind::EyesClosed, EventKind::EyesOpened]];
                assert!(expected.contains(&events.as_slice()), "{closed_ms} ms at {rate} a second: {events:?}");
            }
        }
    }

    #[test]
    fn frames_far_apart_say_nothing_of_the_time_between_them() {
        let second = Duration::from_secs(1);
        let watch = |closed: std::ops::Range<u32>| {
            let frame = |i: u32| (second * i, (if closed.contains(&i) { CLOSED } else { OPEN }, 0.02, 0.0));
            watch_at((0..20).map(frame)).0
        };
        assert_eq!(watch(10..11), []);
        let events = watch(10..14);
        assert_eq!(kinds(&events), [EventKind::EyesClosed, EventKind::EyesOpened]);
        assert_eq!((events[0].lasted, events[1].lasted), (second, second * 3));
        // A wide mouth and a low head in one frame.
        let frame = |i: u32| (second * 2 * i, if i == 9 { (OPEN, 0.75, 18.0) } else { (OPEN, 0.02, 0.0) });
        assert_eq!(watch_at((0..20).map(frame)).0, []);
    }

    #[test]
    fn a_value_that_rests_between_the_thresholds_makes_no_events() {
        let openness = |i: usize| if i.is_multiple_of(2) { 0.35 } else { 0.45 };
        let flutter = |i: usize| (CLOSED + (OPEN - CLOSED) * openness(i), 0.02, 0.0);
        let (events, _) = after_a_while((0..100).map(flutter).collect());
        assert_eq!(events, []);
    }

    #[test]
    fn narrow_eyes_are_open_against_their_own_state() {
        let (_, measures) = watch(std::iter::repeat_n((0.29, 0.02, 0.0), 120));
        assert!(measures.right_eye.unwrap() > 0.95, "{measures:?}");
        // The narrowest count as open, too, and their blinks are blinks.
        let narrow = |i: usize| (if i % 100 < 6 { 0.18 } else { 0.25 }, 0.02, 0.0);
        let (events, measures) = watch((50..580).map(narrow));
        assert_eq!(measures.eyes_closed, Some(false));
        assert_eq!(kinds(&events), [EventKind::Blink; 5]);
    }

    #[test]
    fn who_begins_with_closed_eyes_has_them_closed() {
        let (events, measures) = watch(std::iter::repeat_n((CLOSED, 0.02, 0.0), 400));
        assert_eq!((measures.eyes_closed, kinds(&events)), (Some(true), vec![EventKind::EyesClosed]));
        let (_, first) = watch([(CLOSED, 0.02, 0.0)]);
        assert_eq!(first.eyes_closed, Some(true));
        // They say nothing of how wide the eyes are when they open.
        let (_, measures) = watch([vec![(CLOSED, 0.02, 0.0); 400], vec![(0.29, 0.02, 0.0); 120]].concat());
        assert!(measures.right_eye.unwrap() > 0.95, "{measures:?}");
    }

    #[test]
    fn eyes_that_stay_nearly_closed_stay_so() {
        // Of somebody with wide eyes, of most people, and of somebody with narrow ones.
        for open in [0.4, OPEN, 0.29] {
            let nearly = open * (CLOSED / OPEN + 0.15 * (1.0 - CLOSED / OPEN));
            let frames = |seconds: u32| (0..seconds * 5).map(|i| if i < 50 { open } else { nearly });
            let at = |(i, eyes)| (Duration::from_millis(200) * i, (eyes, 0.02, 0.0));
            for seconds in [75, 160] {
                let (events, measures) = watch_at((0..).zip(frames(seconds)).map(at));
                assert!((measures.right_eye.unwrap() - 0.15).abs() < 0.01, "{measures:?} of {open}");
                assert_eq!((measures.perclos, kinds(&events)), (Some(1.0), vec![EventKind::EyesClosed]), "{open}");
            }
        }
    }

    #[test]
    fn an_open_state_that_began_wrong_is_learned_anew() {
        let (_, measures) = watch([vec![(0.5, 0.02, 0.0); 120], vec![(OPEN, 0.02, 0.0); 10_000]].concat());
        assert!(measures.right_eye.unwrap() > 0.95 && measures.eyes_closed == Some(false), "{measures:?}");
    }

    #[test]
    fn an_own_state_is_learned_while_the_eye_is_seen() {
        let mut person = Person::new(1, Duration::ZERO);
        let mut last = Measures::default();
        for i in 0..400 {
            let eye = (i >= 200).then_some(0.29);
            last = person.take(FRAME * i, Some(pose(0.0)), ratios(eye, 0.02), EyeRatios::default(), &mut Vec::new());
        }
        assert!(last.right_eye.unwrap() > 0.95, "{last:?}");
    }

    #[test]
    fn openness_goes_from_what_the_net_draws_of_closed_eyes_to_what_it_draws_of_open_ones() {
        for drawn in [EyeRatios { closed: 0.1, open: 0.3 }, EyeRatios { closed: 0.25, open: 0.35 }] {
            for (share, expected) in [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)] {
                let mut person = Person::new(1, Duration::ZERO);
                let eyes = drawn.closed + share * (drawn.open - drawn.closed);
                let first = person.take(Duration::ZERO, None, ratios(eyes, 0.02), drawn, &mut Vec::new());
                assert!((first.left_eye.unwrap() - expected).abs() < 1e-4, "{drawn:?}: {first:?}");
            }
        }
    }

    #[test]
    fn perclos_is_the_share_of_the_last_minute_at_any_rate() {
        for rate in [5, 15, 30, 60] {
            let cycle = |seconds: u32| {
                let closed = |i: u32| i * 10 / rate % 30 < 6;
                let frame = |i| (Duration::from_secs(1) * i / rate, (if closed(i) { CLOSED } else { OPEN }, 0.02, 0.0));
                watch_at((0..rate * seconds).map(frame)).1.perclos
            };
            assert_eq!(cycle(9), None);
            assert!((cycle(130).unwrap() - 0.2).abs() < 0.02, "{rate} a second: {:?}", cycle(130));
        }
    }

    #[test]
    fn what_a_frame_shows_counts_up_to_the_next_one() {
        let times = (0..20).flat_map(|i| [0, 100, 200, 300, 400].map(|ms| Duration::from_millis(1000 * i + ms)));
        let frame = |at: Duration| (at, (if at.subsec_millis() == 400 { CLOSED } else { OPEN }, 0.02, 0.0));
        // The last frame of each five counts for half a second, each other one for a tenth.
        let perclos = watch_at(times.map(frame)).1.perclos.unwrap();
        assert!((perclos - 5.0 / 9.0).abs() < 0.03, "{perclos}");
    }

    #[test]
    fn frames_with_a_long_gap_between_them_show_two_closures() {
        let second = Duration::from_secs(1);
        let at = |i: u32| if i < 12 { FRAME * 20 * i } else { second * 7200 + FRAME * 20 * i };
        let frame = |i: u32| (at(i), (if (9..15).contains(&i) { CLOSED } else { OPEN }, 0.02, 0.0));
        let (events, _) = watch_at((0..20).map(frame));
        assert_eq!(kinds(&events), [EventKind::EyesClosed, EventKind::EyesClosed, EventKind::EyesOpened]);
        assert!(events.iter().all(|event| event.lasted < second * 3), "{events:?}");
    }

    /// What is said of a person who is seen in frames of this (eyes, mouth, pitch), and not in
    /// others.
    fn with_gaps(frames: impl IntoIterator<Item = Option<(f32, f32, f32)>>) -> Vec<Event> {
        let (mut person, mut events) = (Person::new(1, Duration::ZERO), Vec::new());
        for (i, frame) in (0..).zip(frames) {
            let at = FRAME * i;
            let Some((eyes, mouth, pitch)) = frame else {
                person.unseen(at);
                continue;
            };
            person.take(at, Some(pose(pitch)), ratios(eyes, mouth), EyeRatios::default(), &mut events);
        }
        events
    }

    #[test]
    fn what_was_begun_is_over_when_the_face_is_not_seen() {
        let rest = (OPEN, 0.02, 0.0);
        for (shown, before, after) in [
            ((CLOSED, 0.02, 0.0), 10, 10),
            // As where somebody comes out from behind another.
            ((CLOSED, 0.02, 0.0), 1, 3),
            ((OPEN, 0.75, 0.0), 30, 30),
            ((OPEN, 0.02, 18.0), 10, 0),
        ] {
            for gap in [1, 12] {
                let seen = [vec![Some(rest); 30], vec![Some(shown); before], vec![None; gap], vec![Some(shown); after]];
                let blinks_at_last = usize::from(shown.0 == CLOSED);
                let events = with_gaps(seen.concat().into_iter().chain([Some(rest)]));
                let expected = vec![EventKind::Blink; blinks_at_last];
                assert_eq!(kinds(&events), expected, "{shown:?} {before}, {gap}, {after}");
            }
        }
    }

    #[test]
    fn what_lasted_long_enough_waits_a_moment_for_the_face() {
        let rest = (OPEN, 0.02, 0.0);
        for (shown, waited_for, gone) in [
            ((CLOSED, 0.02, 0.0), vec![EventKind::EyesClosed, EventKind::EyesOpened], vec![EventKind::EyesClosed]),
            ((OPEN, 0.75, 0.0), vec![EventKind::Yawn], vec![]),
        ] {
            for (gap, expected) in [(10, &waited_for), (20, &gone)] {
                let seen = [vec![Some(rest); 30], vec![Some(shown); 60], vec![None; gap], vec![Some(rest)]];
                let events = with_gaps(seen.concat());
                assert_eq!(&kinds(&events), expected, "{gap}");
                // What was not seen does not count.
                assert!(events.iter().all(|event| event.lasted <= FRAME * 59), "{events:?}");
            }
        }
    }

    #[test]
    fn a_yawn_lasts_and_speech_does_not() {
        let open = |frames: usize| {
            let mut all = vec![(OPEN, 0.75, 0.0); frames];
            all.push((OPEN, 0.02, 0.0));
            kinds(&after_a_while(all).0)
        };
        assert_eq!(open(10), []);
        assert_eq!(open(75), [EventKind::Yawn]);
    }

    #[test]
    fn a_hand_before_a_mouth_ends_a_yawn() {
        for (frames, expected) in [(30, vec![]), (60, vec![EventKind::Yawn])] {
            let (mut person, mut events) = (Person::new(1, Duration::ZERO), Vec::new());
            for i in 0..frames + 60 {
                let mouth = (i < frames).then_some(0.75);
                let measures = person.take(FRAME * i, None, ratios(OPEN, mouth), EyeRatios::default(), &mut events);
                assert_eq!(measures.mouth.is_some(), i < frames);
            }
            assert_eq!(kinds(&events), expected);
            assert!(events.iter().all(|event| event.lasted == FRAME * (frames - 1)), "{events:?}");
        }
    }

    #[test]
    fn a_nod_goes_down_and_comes_back_and_looking_down_is_none() {
        let nod = |frames: usize| {
            let mut all = vec![(OPEN, 0.02, 18.0); frames];
            all.extend([(OPEN, 0.02, 0.0); 3]);
            kinds(&after_a_while(all).0)
        };
        assert_eq!(nod(15), [EventKind::Nod]);
        assert_eq!(nod(90), []);
    }

    #[test]
    fn a_head_that_stays_down_does_not_nod() {
        // It goes down by so many degrees within so many frames, and stays for ten seconds.
        for degrees in [10.2, 10.5, 11.5, 13.0, 16.0, 19.5, 30.0] {
            for frames in [1, 15, 30, 60, 90] {
                let down = (1..=300).map(|i| (OPEN, 0.02, degrees * (i.min(frames) as f32 / frames as f32)));
                assert_eq!(kinds(&after_a_while(down.collect()).0), [], "{degrees} degrees in {frames} frames");
            }
        }
    }

    /// Open for half a second, then closed for 165 ms, then not seen for `unseen` frames; closed or
    /// open at last.
    fn hidden(unseen: u32, closed: bool) -> (Vec<EventKind>, Vec<Measures>) {
        let mut person = Person::new(1, Duration::ZERO);
        let mut events = Vec::new();
        let seen = (0..60 + unseen).map(|i| {
            let eye = match i {
                0..15 => Some(OPEN),
                15..20 => Some(CLOSED),
                _ if i < 20 + unseen => None,
                _ => Some(if closed { CLOSED } else { OPEN }),
            };
            person.take(FRAME * i, Some(pose(0.0)), ratios(eye, 0.02), EyeRatios::default(), &mut events)
        });
        let seen = seen.collect();
        (kinds(&events), seen)
    }

    #[test]
    fn eyes_that_are_no_longer_seen_are_unknown_and_make_no_event() {
        let (events, seen) = hidden(30, false);
        assert_eq!((seen[25].right_eye, seen[25].eyes_closed, events), (None, None, vec![]));
        assert_eq!(hidden(30, true).0, [EventKind::EyesClosed]);
        // A moment without them changes nothing.
        assert_eq!(hidden(5, true).0, [EventKind::EyesClosed]);
        assert_eq!(hidden(5, false).0, [EventKind::Blink]);
    }
}
