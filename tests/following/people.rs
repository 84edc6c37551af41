//! Who is who: two persons that cross, one in changing light.

use std::num::NonZeroUsize;
use std::time::Duration;

use wingmark::face::{Observation, Options};
use wingmark::picture::built_in_picture;
use wingmark::picture::crop::CropImage;
use wingmark::picture::frame::{Frame, Size};
use wingmark::picture::geometry::{Crop, Rect};

use crate::observer_with;

const SIZE: Size = Size { width: 640, height: 360 };
/// Of the square about a person's face.
const SIDE: usize = 150;

/// The face of the built-in picture and a little around it, as it is or mirrored.
fn person(mirrored: bool) -> CropImage {
    let picture = built_in_picture();
    let mut image = CropImage::new(SIDE as u32);
    image.fill(&picture, &Crop::around_turned(&Rect::new(180.0, 95.0, 266.0, 186.0), 0.0, 1.4, SIDE as u32));
    if mirrored {
        image.rgb.chunks_exact_mut(SIDE * 3).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
    }
    image
}

/// Persons at `(left, top)` before a grey wall, the last one in front, in a light of so much.
fn scene(persons: &[(&CropImage, i32, i32)], light: f32) -> Frame {
    let width = SIZE.width as usize;
    let mut bytes = vec![100; width * SIZE.height as usize * 3];
    for &(person, left, top) in persons {
        for (row, pixels) in person.rgb.chunks_exact(SIDE * 3).enumerate() {
            let radius = SIDE as f32 / 2.0;
            let half = (radius * radius - (row as f32 + 0.5 - radius).powi(2)).sqrt() as usize;
            let columns = SIDE / 2 - half..SIDE / 2 + half;
            let start = (top as usize + row) * width + left as usize;
            bytes[(start + columns.start) * 3..(start + columns.end) * 3]
                .copy_from_slice(&pixels[columns.start * 3..columns.end * 3]);
        }
    }
    bytes.iter_mut().for_each(|byte| *byte = (f32::from(*byte) * light).min(255.0) as u8);
    Frame::from_rgb(SIZE, bytes).unwrap()
}

/// What is seen of frames at thirty a second.
fn observations(frames: impl Iterator<Item = Frame>) -> Vec<Observation> {
    observations_with(&Options::default(), frames)
}

fn observations_with(options: &Options, frames: impl Iterator<Item = Frame>) -> Vec<Observation> {
    let mut observer = observer_with(options);
    let observe = |(sequence, mut frame): (u32, Frame)| {
        frame.stamp(sequence, Duration::from_micros(33_333) * sequence);
        observer.observe(&frame).unwrap()
    };
    (0..).zip(frames).map(observe).collect()
}

#[test]
fn two_persons_that_cross_keep_their_numbers() {
    let persons = [person(false), person(true)];
    for front in [0, 1] {
        let place = |i: i32, person: usize| {
            let walked = 9 * i;
            let left = if person == 0 { 10 + walked } else { 480 - walked };
            (&persons[person], left, [70, 85][person])
        };
        let frames = (0..52).map(|i| scene(&[place(i, 1 - front), place(i, front)], 1.0));
        let seen = observations(frames);
        let by_place = |seen: &Observation| {
            let mut faces: Vec<_> = seen.faces.iter().map(|face| (face.bounds.centre().x, face.id)).collect();
            faces.sort_by(|a, b| a.0.total_cmp(&b.0));
            faces.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        let before = by_place(&seen[5]);
        let after = by_place(&seen[51]);
        assert_eq!(before.len(), 2, "{front} in front");
        assert_eq!(after, [before[1], before[0]], "{front} in front");
    }
}

/// Two searches at the start, and the regular ones for new faces, each of which is spread over
/// seven frames.
fn assert_one_face(seen: &[Observation], lit: impl Fn(usize) -> bool, what: &str) {
    for (i, observation) in seen.iter().enumerate().filter(|(i, _)| lit(*i)) {
        let ids: Vec<_> = observation.faces.iter().map(|face| face.id).collect();
        assert_eq!(ids, [1], "frame {i}, {what}");
    }
    let searches = seen.iter().filter(|observation| !observation.timings.detect.is_zero()).count();
    assert!(searches <= 2 + 7 * (seen.len() / 15), "{searches} frames of {} with searches, {what}", seen.len());
}

#[test]
fn a_lamp_that_blinks_changes_nobody() {
    let person = person(false);
    for (period, dark) in [(2, 0.05), (2, 0.0), (3, 0.05), (3, 0.0), (5, 0.02)] {
        let is_lit = |i: usize| i.is_multiple_of(period);
        let light = |i: usize| if is_lit(i) { 1.0 } else { dark };
        let seen = observations((0..60).map(|i| scene(&[(&person, 150 + 2 * i as i32, 70)], light(i))));
        assert_one_face(&seen, is_lit, &format!("one frame of {period} lit, {dark} else"));
    }
}

#[test]
fn light_that_is_switched_on_and_a_flash_change_nobody() {
    let person = person(false);
    let switched = |i: usize| if i < 30 { 0.4 } else { 1.0 };
    let flash = |i: usize| if i == 30 { 2.0 } else { 0.7 };
    let lights: [(&str, &dyn Fn(usize) -> f32); 2] = [("switched on", &switched), ("a flash", &flash)];
    for (what, light) in lights {
        let seen = observations((0..60).map(|i| scene(&[(&person, 150 + i as i32, 70)], light(i))));
        assert_one_face(&seen, |_| true, what);
    }
}

/// That one is missed begins a search, also while a look at the third one goes on.
#[test]
fn a_third_person_is_seen_though_another_is_missed_meanwhile() {
    let persons = [person(false), person(true)];
    let all = [(&persons[0], 10, 70), (&persons[1], 480, 85), (&persons[0], 245, 80)];
    for missed in [40, 52, 55] {
        let is_there = |person: usize, i: usize| [true, i != missed, i >= 20][person];
        let there = |i: usize| (0..3).filter(|person| is_there(*person, i)).map(|person| all[person]).collect();
        let frames = (0..80).map(there).map(|persons: Vec<_>| scene(&persons, 1.0));
        let faces: Vec<_> = observations(frames).iter().map(|observation| observation.faces.len()).collect();
        assert_eq!(faces[79], 3, "missed in frame {missed}: {faces:?}");
    }
}

#[test]
fn somebody_who_walks_by_is_found_while_another_is_followed() {
    let persons = [person(false), person(true)];
    // A tenth of the face a frame, to and fro.
    let left = |i: i32| 10 + (10 * i % 940 - 470).abs();
    let walker = |i: i32| (i >= 20).then(|| (&persons[1], left(i), 20));
    let frames = (0..80).map(|i| scene(&Vec::from_iter([(&persons[0], 480, 195)].into_iter().chain(walker(i))), 1.0));
    let faces: Vec<_> = observations(frames).iter().map(|observation| observation.faces.len()).collect();
    assert!(faces[79] == 2 && faces[60] == 2, "{faces:?}");
}

/// A search for a face that would have no room says only that it is there.
#[test]
fn while_there_is_no_room_searches_are_seldom_and_who_has_room_again_is_seen_soon() {
    let persons = [person(false), person(true)];
    let all = [(&persons[0], 10, 70), (&persons[1], 245, 80), (&persons[0], 480, 85)];
    // The last one comes where there is no room, and one of the others leaves.
    for (most, comes, leaves) in [(1, 30, 110), (2, 30, 110), (2, 107, 110)] {
        let is_there = |person: usize, i: usize| match person {
            0 => i < leaves,
            1 => most == 2,
            _ => i >= comes,
        };
        let there = |i: usize| (0..3).filter(|person| is_there(*person, i)).map(|person| all[person]).collect();
        let frames = (0..140).map(there).map(|persons: Vec<_>| scene(&persons, 1.0));
        let options = Options { most_faces: NonZeroUsize::new(most).unwrap(), ..Options::default() };
        let seen = observations_with(&options, frames);
        let what = format!("{most} followed, one more from frame {comes} on");
        let searches = seen[1..leaves].iter().filter(|seen| !seen.timings.detect.is_zero()).count();
        let found = seen.iter().position(|seen| seen.faces.iter().any(|face| face.id as usize > most));
        println!("{what}: {searches} frames with searches, seen in frame {found:?}");
        assert!(searches <= 2 + 7 * (leaves / 90), "{searches} frames with searches, {what}");
        assert!(found.is_some_and(|frame| frame < leaves + 30), "seen in frame {found:?}, {what}");
    }
}
