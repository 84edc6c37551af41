//! Following a face whose motion is known: how much its points flicker, and how far they are
//! behind.
//!
//! ```sh
//! WINGMARK_DATA=300w cargo test --test following -- --ignored --nocapture
//! ```
//!
//! prints a table for faces of the folder's `common` split (`WINGMARK_SPLIT`), each moved about, or
//! changing, as an [`Act`] says before a noisy sensor.

mod expression;
mod measure;
mod motion;
mod people;
mod pose;

use wingmark::capture::{Captured, Clip, Source};
use wingmark::dataset;
use wingmark::face::{Observer, Options, zoo};
use wingmark::picture;
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::Frame;

use expression::Expression;
use measure::Following;
use motion::{Act, Motion};

/// Faces of the table, spread evenly over the split.
const FACES: usize = 12;

fn observer(smoothing: bool) -> Observer {
    observer_with(&if smoothing { Options::default() } else { Options::unsmoothed() })
}

fn observer_with(options: &Options) -> Observer {
    let net = |name| zoo::shipped(name).unwrap().load().unwrap();
    Observer::new(&net(zoo::FACES), &net(zoo::DEFAULT_LANDMARKS), options).unwrap()
}

#[test]
fn the_clips_face_is_followed_where_it_goes() {
    // What is smoothed is a little behind.
    for (smoothing, bound) in [(false, 0.04), (true, 0.05)] {
        let mut observer = observer(smoothing);
        let mut clip = Clip::of(built_in_picture());
        let mut frame = Frame::default();
        let mut first = None;
        let mut worst: f32 = 0.0;
        for _ in 0..60 {
            assert_eq!(clip.capture_into(&mut frame).unwrap(), Captured::Frame);
            let faces = observer.observe(&frame).unwrap().faces;
            assert_eq!(faces.iter().map(|face| face.id).collect::<Vec<_>>(), [1], "frame {}", frame.sequence());
            // Where the points of the first frame have gone since.
            let picture_from_frame = clip.frame_from_picture(frame.sequence()).inverse();
            let points: Vec<_> = faces[0].landmarks.iter().map(|l| picture_from_frame * l.at).collect();
            let start = first.get_or_insert_with(|| points.clone());
            let [right, left] = observer.scheme().outer_eye_corners;
            let eyes = (start[left] - start[right]).norm();
            let off = points.iter().zip(start.iter()).map(|(p, q)| (p - q).norm()).sum::<f32>() / points.len() as f32;
            worst = worst.max(off / eyes);
        }
        assert!(worst < bound, "off by {worst} of the distance of the eyes, smoothing {smoothing}");
    }
}

#[test]
#[ignore = "needs WINGMARK_DATA, annotated faces"]
fn table_of_jitter_and_lag() {
    let folder = std::env::var_os("WINGMARK_DATA").expect("WINGMARK_DATA names a folder of annotated faces");
    let split = std::env::var("WINGMARK_SPLIT").unwrap_or("common".into());
    let samples = dataset::open_split(folder.as_ref(), Some(&split)).unwrap();
    let samples: Vec<_> = samples.iter().step_by(samples.len().div_ceil(FACES)).collect();
    println!(
        "| motion | jitter, % of the eyes' distance: found | smoothed | lag in ms: found | smoothed | frames without |"
    );
    println!("|---|---|---|---|---|---|");
    for act in Act::all() {
        let mut following = Following::default();
        for sample in &samples {
            following.measure(&picture::read(&sample.picture).unwrap(), &sample.points, act);
        }
        println!("| {} {}", act.name(), following.row());
    }
}

#[test]
#[ignore = "needs WINGMARK_DATA, annotated faces"]
fn table_of_the_pose_of_still_heads() {
    let folder = std::env::var_os("WINGMARK_DATA").expect("WINGMARK_DATA names a folder of annotated faces");
    let split = std::env::var("WINGMARK_SPLIT").unwrap_or("common".into());
    let samples = dataset::open_split(folder.as_ref(), Some(&split)).unwrap();
    println!("| face | flicker in degrees: yaw | pitch | roll |\n|---|---|---|---|");
    for (i, sample) in samples.iter().step_by(samples.len().div_ceil(FACES)).enumerate() {
        match pose::flicker_deg(&picture::read(&sample.picture).unwrap(), &sample.points) {
            Some([yaw, pitch, roll]) => println!("| {i} | {yaw:.3} | {pitch:.3} | {roll:.3} |"),
            None => println!("| {i} | lost | | |"),
        }
    }
}

/// Steadiness must not be bought by freezing the shape.
#[test]
fn eyes_that_shut_and_mouths_that_open_are_not_held_back() {
    let picture = built_in_picture();
    let faces = observer(false).observe(&picture).unwrap().faces;
    let points: Vec<_> = faces[0].landmarks.iter().map(|landmark| landmark.at).collect();
    for expression in Expression::ALL {
        let mut following = Following::default();
        following.measure(&picture, &points, Act::Changes(expression));
        let [found, smoothed] = following.found_and_smoothed();
        println!("{}: {found:?}, {smoothed:?}", expression.name());
        assert!(smoothed.lag.unwrap() < 0.015, "{} is {:?} s late", expression.name(), smoothed.lag);
    }
}

#[test]
fn a_face_at_rest_rests() {
    let picture = built_in_picture();
    let faces = observer(false).observe(&picture).unwrap().faces;
    let points: Vec<_> = faces[0].landmarks.iter().map(|landmark| landmark.at).collect();
    let mut following = Following::default();
    following.measure(&picture, &points, Act::Moves(Motion::Still));
    let [found, smoothed] = following.found_and_smoothed();
    assert!(smoothed.jitter < found.jitter / 4.0, "{found:?}, {smoothed:?}");
}
