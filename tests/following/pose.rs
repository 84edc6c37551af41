//! How steady the pose of a still head is, and what it costs to find.

use std::time::{Duration, Instant};

use nalgebra::Point2;
use wingmark::face::pose::{FieldOfView, Pinhole};
use wingmark::face::{Landmark, zoo};
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::Rect;

use crate::measure::nearest;
use crate::motion::{Act, Camera, FRAMES_A_SECOND, Motion, moved};
use crate::observer;

const FRAMES: u32 = 60;
/// The first frames, in which filters settle, are not measured.
const SETTLING: u32 = 15;
const FITS: usize = 2000;

/// Standard deviations of yaw, pitch and roll, in degrees, of a head that is still before a noisy
/// sensor; `None` where it is lost or has no pose.
pub fn flicker_deg(picture: &Frame, truth: &[Point2<f32>]) -> Option<[f32; 3]> {
    let (mut camera, mut observer) = (Camera::default(), observer(true));
    let act = Act::Moves(Motion::Still);
    let known = moved(&act.frame_from_picture(&Rect::around(truth.iter().copied())?, 0.0), truth);
    let mut turns: [Vec<f32>; 3] = Default::default();
    for sequence in 0..FRAMES {
        let mut frame = camera.see(picture, truth, act, sequence);
        frame.stamp(sequence, Duration::from_secs_f32(sequence as f32 / FRAMES_A_SECOND));
        let pose = nearest(&mut observer, &frame, &known).and_then(|face| face.measures.pose);
        if sequence < SETTLING {
            continue;
        }
        let pose = pose?;
        let degrees = [pose.yaw_deg(), pose.pitch_deg(), pose.roll_deg()];
        turns.iter_mut().zip(degrees).for_each(|(turns, degrees)| turns.push(degrees));
    }
    Some(turns.map(|turns| deviation(&turns)))
}

fn deviation(values: &[f32]) -> f32 {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

#[test]
fn a_still_head_has_a_still_pose() {
    let picture = built_in_picture();
    let faces = observer(false).observe(&picture).unwrap().faces;
    let points: Vec<_> = faces[0].landmarks.iter().map(|landmark| landmark.at).collect();
    let flicker = flicker_deg(&picture, &points).unwrap();
    assert!(flicker.iter().all(|degrees| *degrees < 0.15), "{flicker:?} degrees");
}

/// Of landmarks alone, and from the frame before, as each frame of a followed face has it.
#[test]
#[ignore = "prints a time"]
fn time_of_a_pose() {
    let picture = built_in_picture();
    let looks = looks_at_a_still_face(&picture);
    let head = zoo::shipped(zoo::DEFAULT_LANDMARKS).unwrap().load().unwrap().head.unwrap();
    let camera = Pinhole::of(picture.size(), FieldOfView::default());
    let mut last = head.fit(&looks[0], &camera).unwrap();
    time("landmarks alone", looks.iter().cycle(), |landmarks| head.pose(landmarks, &camera).is_some());
    time("the frame before", looks.iter().cycle(), |landmarks| {
        last = head.fit_from(&last, landmarks, &camera).unwrap();
        true
    });
}

/// What is seen of the built-in face in frames of a noisy sensor.
fn looks_at_a_still_face(picture: &Frame) -> Vec<Vec<Landmark>> {
    let faces = observer(false).observe(picture).unwrap().faces;
    let truth: Vec<_> = faces[0].landmarks.iter().map(|landmark| landmark.at).collect();
    let (mut camera, mut observer) = (Camera::default(), observer(true));
    let mut looks = (0..FRAMES).map(|sequence| {
        let mut frame = camera.see(picture, &truth, Act::Moves(Motion::Still), sequence);
        frame.stamp(sequence, Duration::from_secs_f32(sequence as f32 / FRAMES_A_SECOND));
        observer.observe(&frame).unwrap().faces.remove(0).landmarks.clone()
    });
    looks.by_ref().skip(SETTLING as usize).collect()
}

fn time<'a>(from: &str, looks: impl Iterator<Item = &'a Vec<Landmark>>, mut pose: impl FnMut(&[Landmark]) -> bool) {
    let mut times: Vec<Duration> = Vec::with_capacity(FITS);
    for landmarks in looks.take(FITS) {
        let start = Instant::now();
        assert!(std::hint::black_box(pose(landmarks)));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!(
        "a pose from {from}: median {:.1} µs, p90 {:.1} µs",
        micros(times[FITS / 2]),
        micros(times[FITS * 9 / 10])
    );
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
