//! Jitter and lag of points whose true motion is known.
//!
//! A net places a point of a face always a little beside where it is annotated, which is neither
//! jitter nor lag. So a point's true place is the mean of where it was found without smoothing,
//! taken back to the picture that is moved, and moved again; of a face that changes its shape over
//! and over, the mean of the frames that show the same.

use std::time::Duration;

use nalgebra::{Point2, Vector2};
use wingmark::face::{Face, Observer};
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::Rect;

use crate::motion::{Act, Camera, FRAMES_A_SECOND, moved};
use crate::observer;

const FRAMES: u32 = 90;
/// The first frames, in which filters settle, are not measured.
const SETTLING: u32 = 15;

/// Sums over all points and frames of one kind of points.
#[derive(Debug, Default)]
struct Sums {
    /// Of changes from one frame to the next that are no motion, as shares of the distance of the
    /// eyes.
    flicker: f32,
    flickers: usize,
    /// Of deviations along the motion, times its speed; and of the squared speed.
    behind: f32,
    speed: f32,
}

/// What was measured of points as found, and smoothed.
#[derive(Debug)]
pub struct Measured {
    /// In shares of the distance of the eyes.
    pub jitter: f32,
    /// In seconds; `None` of faces at rest.
    pub lag: Option<f32>,
}

/// As found, and smoothed.
#[derive(Debug, Default)]
pub struct Following {
    kinds: [Sums; 2],
    missing: usize,
}

impl Following {
    /// Follows the face of a picture as it is moved about.
    pub fn measure(&mut self, picture: &Frame, truth: &[Point2<f32>], act: Act) {
        let face = Rect::around(truth.iter().copied()).unwrap();
        let mut camera = Camera::default();
        let mut observers = [observer(false), observer(true)];
        let mut tracks: [Vec<Option<Vec<Point2<f32>>>>; 2] = Default::default();
        for sequence in 0..FRAMES {
            let mut frame = camera.see(picture, truth, act, sequence);
            frame.stamp(sequence, Duration::from_secs_f32(seconds(sequence)));
            let known = moved(&act.frame_from_picture(&face, seconds(sequence)), truth);
            for (track, observer) in tracks.iter_mut().zip(&mut observers) {
                track.push(found(observer, &frame, &known));
            }
        }
        self.missing += tracks[0].iter().filter(|points| points.is_none()).count();
        let Some(places) = mean_places(&tracks[0], act, &face) else { return };
        let ideal = |sequence: u32| {
            let places = &places[(sequence % act.period()) as usize];
            moved(&act.frame_from_picture(&face, seconds(sequence)), places)
        };
        let [right, left] = observers[0].scheme().outer_eye_corners;
        for (sums, track) in self.kinds.iter_mut().zip(&tracks) {
            let mut before: Option<Vec<Vector2<f32>>> = None;
            for sequence in SETTLING..FRAMES {
                let (earlier, now, later) = (ideal(sequence - 1), ideal(sequence), ideal(sequence + 1));
                let eyes = (now[left] - now[right]).norm();
                let Some(points) = &track[sequence as usize] else {
                    before = None;
                    continue;
                };
                let off: Vec<Vector2<f32>> = points.iter().zip(&now).map(|(p, q)| p - q).collect();
                for (i, off) in off.iter().enumerate() {
                    let velocity = (later[i] - earlier[i]) * (FRAMES_A_SECOND / 2.0);
                    sums.behind -= off.dot(&velocity);
                    sums.speed += velocity.norm_squared();
                }
                if let Some(before) = &before {
                    sums.flicker += off.iter().zip(before).map(|(a, b)| (a - b).norm()).sum::<f32>() / eyes;
                    sums.flickers += off.len();
                }
                before = Some(off);
            }
        }
    }

    pub fn found_and_smoothed(&self) -> [Measured; 2] {
        self.kinds.each_ref().map(|sums| Measured {
            jitter: sums.flicker / sums.flickers as f32,
            lag: (sums.speed > 0.0).then(|| sums.behind / sums.speed),
        })
    }

    /// The cells of the table.
    pub fn row(&self) -> String {
        let measured = self.found_and_smoothed();
        let jitter = measured.each_ref().map(|measured| 100.0 * measured.jitter);
        let lag = measured.map(|measured| measured.lag.map_or("".into(), |lag| format!("{:.1}", 1000.0 * lag)));
        format!("| {:.3} | {:.3} | {} | {} | {} |", jitter[0], jitter[1], lag[0], lag[1], self.missing)
    }
}

fn seconds(sequence: u32) -> f32 {
    sequence as f32 / FRAMES_A_SECOND
}

fn found(observer: &mut Observer, frame: &Frame, known: &[Point2<f32>]) -> Option<Vec<Point2<f32>>> {
    let face = nearest(observer, frame, known)?;
    Some(face.landmarks.iter().map(|landmark| landmark.at).collect())
}

/// The face that overlaps the known one most.
pub fn nearest(observer: &mut Observer, frame: &Frame, known: &[Point2<f32>]) -> Option<Face> {
    let known = Rect::around(known.iter().copied())?;
    let faces = observer.observe(frame).unwrap().faces;
    let overlap = |bounds: &Rect| bounds.iou(&known);
    let nearest = faces.into_iter().max_by(|a, b| overlap(&a.bounds).total_cmp(&overlap(&b.bounds)))?;
    (overlap(&nearest.bounds) > 0.3).then_some(nearest)
}

/// Where the points were found on average, in the picture, for each frame of the act's period;
/// `None` where they never were.
fn mean_places(track: &[Option<Vec<Point2<f32>>>], act: Act, face: &Rect) -> Option<Vec<Vec<Point2<f32>>>> {
    let mean_of = |phase: u32| {
        let found: Vec<Vec<Point2<f32>>> = (0..FRAMES)
            .zip(track)
            .filter(|(sequence, _)| sequence % act.period() == phase)
            .filter_map(|(sequence, points)| {
                let picture_from_frame = act.frame_from_picture(face, seconds(sequence)).inverse();
                points.as_ref().map(|points| moved(&picture_from_frame, points))
            })
            .collect();
        let points = found.first()?.len();
        let mean = |i: usize| found.iter().map(|points| points[i].coords).sum::<Vector2<f32>>() / found.len() as f32;
        Some((0..points).map(|i| Point2::from(mean(i))).collect())
    };
    (0..act.period()).map(mean_of).collect()
}
