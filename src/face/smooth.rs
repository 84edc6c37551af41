//! Steady points without lag: Kalman filters that predict, then correct.
//!
//! A face is a *shape*, its points in a space of their own, and a *pose*, the similarity that takes
//! them into the frame. All points together say where the pose is, many times more exactly than one
//! point says where it is itself: a filter of constant velocity follows it. The shape, which at
//! rest is all jitter, is held by a filter a point.
//!
//! How much noise there is, is measured. A landmark's jitter is in proportion to the covariance of
//! its error, and how much all of them jitter shows in how they turn back: noise does from each
//! frame to the next, motion hardly ever does, also where frames are rare. What is found farther
//! than a few standard deviations of jitter from what was expected is no jitter, and the variance
//! of the filter is raised until it is that far and no farther; so an eye that shuts is followed at
//! once, and no point is held back by more than jitter is wide.
//!
//! Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001,
//! has the filters (6.2.2), the gate (2.5) and a variance that grows with the surprise (11.2).

use std::time::Duration;

use nalgebra::{Matrix2, Point2, Similarity2, Vector2, Vector4};

use crate::face::Landmark;
use crate::picture::geometry::align;

// Chosen on four faces of 300-W that training holds out
// (`tests/accuracy/held_out.py --data 300w --out held-out`), by the table of
// `WINGMARK_DATA=held-out WINGMARK_SPLIT=train cargo test --test following -- --ignored`.
// `docs/decisions/following.md` has what was left.

/// Standard deviations of jitter, the root mean square of the two or four numbers, beyond which a
/// point or the pose has moved.
const POINT_LIMIT: f32 = 3.5;
const POSE_LIMIT: f32 = 2.5;
/// Changes of the pose's velocity, as variance a cubic second, in variances of what is measured of
/// the pose.
const POSE_UNREST: f32 = 30.0;
/// Changes of a point's place in its face, as variance a second, in variances of its jitter.
const SHAPE_UNREST: f32 = 0.4;
/// Landmarks jitter together: so many of them say no more of the pose than one that jitters by
/// itself would.
const CORRELATED_LANDMARKS: f32 = 16.0;
/// A face that nobody sees goes on as it went for so long; that it grows and turns is foreseen for
/// less, since where a face is being covered, that is what its last looks get wrong.
const SHIFT_AHEAD: Duration = Duration::from_millis(500);
const TURN_AHEAD: Duration = Duration::from_millis(100);

/// Standard deviation of the jitter, as a share of that of the error; where the measurement starts,
/// and the least and the most it may give. That of `small` before a camera with a noise of 3 of
/// 255, a third of it and six times of it.
const USUAL_JITTER: f32 = 0.036;
const LEAST_JITTER: f32 = 0.012;
const MOST_JITTER: f32 = 0.216;
/// Jitter is averaged over this time,
const JITTER_TIME: Duration = Duration::from_millis(500);
/// and measured in no longer steps: a head goes to and fro in those.
const JITTER_STEP: Duration = Duration::from_millis(125);

/// The filters of one face.
#[derive(Debug)]
pub struct FaceFilter {
    pose: Pose,
    shape: Vec<PointInFace>,
    jitter: Jitter,
    /// What was found in this frame, in the space of the face.
    found: Vec<Found>,
    /// How surprising each of that is.
    surprises: Vec<f32>,
}

/// A filter of constant velocity for the similarity `frame_from_face`. Its changes, as
/// `(x, y, ln scale, roll)` in the space of the face, whose radius is 1, are measured equally well,
/// so that one covariance serves all four.
#[derive(Debug)]
struct Pose {
    frame_from_face: Similarity2<f32>,
    /// A second.
    velocity: Vector4<f32>,
    /// Of a change and its velocity, in variances of a measured change.
    covariance: Matrix2<f32>,
}

/// A filter for a point that rests.
#[derive(Debug)]
struct PointInFace {
    at: Point2<f32>,
    /// In variances of the point's jitter.
    variance: f32,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    at: Point2<f32>,
    /// Inverse covariance of the landmark's error.
    precision: Matrix2<f32>,
    /// Inverse mean variance of its two coordinates.
    weight: f32,
}

impl FaceFilter {
    /// Starts with points as they are.
    ///
    /// # Panics
    /// Without landmarks.
    pub fn starting(landmarks: &[Landmark]) -> Self {
        let count = landmarks.len() as f32;
        let centre = landmarks.iter().map(|landmark| landmark.at.coords).sum::<Vector2<f32>>() / count;
        let square = landmarks.iter().map(|landmark| (landmark.at.coords - centre).norm_squared()).sum::<f32>() / count;
        assert!(count > 0.0, "a face has landmarks");
        // Points that lie all in one place are no face; whatever their radius, they stay there.
        let radius = if square > 0.0 { square.sqrt() } else { 1.0 };
        let frame_from_face = Similarity2::new(centre, 0.0, radius);
        let face_from_frame = frame_from_face.inverse();
        let shape = landmarks.iter().map(|l| PointInFace { at: face_from_frame * l.at, variance: 1.0 }).collect();
        FaceFilter {
            pose: Pose::resting(frame_from_face),
            shape,
            jitter: Jitter::default(),
            found: Vec::new(),
            surprises: Vec::new(),
        }
    }

    /// Starts with points that move as one, in pixels a second.
    ///
    /// # Panics
    /// Without landmarks.
    pub fn moving(landmarks: &[Landmark], pace: Vector2<f32>) -> Self {
        let mut filter = FaceFilter::starting(landmarks);
        let pace = pace / filter.pose.frame_from_face.scaling();
        filter.pose.velocity = Vector4::new(pace.x, pace.y, 0.0, 0.0);
        filter
    }

    /// Where the points will be after `step`.
    pub fn ahead(&self, step: Duration) -> Vec<Point2<f32>> {
        let frame_from_face = self.pose.ahead(step);
        self.shape.iter().map(|point| frame_from_face * point.at).collect()
    }

    /// Takes the landmarks of a frame, in the same order, `step` after those before, and gives
    /// their places back smoothed. `strength` is the share of the jitter that is taken for jitter:
    /// 1 is right, more is steadier and later.
    ///
    /// # Panics
    /// When there are more or fewer landmarks than at the start.
    pub fn smooth(&mut self, step: Duration, landmarks: &[Landmark], strength: f32) -> Vec<Point2<f32>> {
        assert_eq!(landmarks.len(), self.shape.len(), "a filter a landmark");
        // Less unrest makes steadier points, and so does more jitter beyond which is motion.
        let calm = strength * strength;
        self.pose.predict(step, POSE_UNREST / calm);
        self.find(landmarks);
        let Some(moved) = self.movement() else {
            *self = FaceFilter::starting(landmarks);
            return landmarks.iter().map(|landmark| landmark.at).collect();
        };
        let shape_from_found = moved.inverse();
        self.found.iter_mut().for_each(|found| found.at = shape_from_found * found.at);
        self.jitter.measure(step, &self.found);
        let jitter = self.jitter.variance * calm;
        let sum: f32 = self.found.iter().map(|found| found.weight).sum();
        self.pose.correct(&moved, CORRELATED_LANDMARKS * jitter / sum);
        for (point, found) in self.shape.iter_mut().zip(&self.found) {
            point.variance += SHAPE_UNREST / calm * step.as_secs_f32();
            point.correct(found, jitter);
        }
        self.ahead(Duration::ZERO)
    }

    /// Brings the landmarks of a frame into the space of the face, as far as its pose was foreseen.
    fn find(&mut self, landmarks: &[Landmark]) {
        let face_from_frame = self.pose.frame_from_face.inverse();
        self.found.clear();
        self.found.extend(landmarks.iter().map(|landmark| {
            let Landmark { at, covariance, .. } = landmark.mapped(&face_from_frame);
            let precision = covariance.try_inverse().unwrap_or_else(Matrix2::zeros);
            Found { at, precision, weight: 2.0 / covariance.trace().max(f32::MIN_POSITIVE) }
        }));
    }

    /// How the face as a whole has moved from where it was foreseen. A mouth that opens does not
    /// move it: points that are surprising beside the others count less (Cauchy's weights).
    fn movement(&mut self) -> Option<Similarity2<f32>> {
        let pairs = || self.shape.iter().zip(&self.found);
        let mut moved = align(pairs().map(|(point, found)| (point.at, found.at, found.weight)))?;
        for _ in 0..4 {
            let surprise = |point: &PointInFace, found: &Found| {
                let off = found.at - moved * point.at;
                (found.squared_distance(&off) / (point.variance + 1.0)).sqrt()
            };
            self.surprises.clear();
            self.surprises.extend(pairs().map(|(point, found)| surprise(point, found)));
            let usual = median_mut(&mut self.surprises);
            let usual = (usual / MEDIAN_RADIUS).max(self.jitter.variance.sqrt());
            moved = align(pairs().map(|(point, found)| {
                let doubt = 1.0 + (surprise(point, found) / (2.0 * usual)).powi(2);
                (point.at, found.at, found.weight / doubt)
            }))?;
        }
        Some(moved)
    }
}

impl Found {
    /// In standard deviations of the landmark's error.
    fn squared_distance(&self, off: &Vector2<f32>) -> f32 {
        off.dot(&(self.precision * off))
    }
}

impl Pose {
    fn resting(frame_from_face: Similarity2<f32>) -> Self {
        let covariance = Matrix2::new(1.0, 0.0, 0.0, 1000.0);
        Pose { frame_from_face, velocity: Vector4::zeros(), covariance }
    }

    fn ahead(&self, step: Duration) -> Similarity2<f32> {
        let [shift, turn] = [SHIFT_AHEAD, TURN_AHEAD].map(|longest| step.min(longest).as_secs_f32());
        self.frame_from_face * similarity(&self.velocity.component_mul(&Vector4::new(shift, shift, turn, turn)))
    }

    fn predict(&mut self, step: Duration, unrest: f32) {
        self.frame_from_face = self.ahead(step);
        let s = step.as_secs_f32();
        let transition = Matrix2::new(1.0, s, 0.0, 1.0);
        let unrest = Matrix2::new(s * s * s / 3.0, s * s / 2.0, s * s / 2.0, s) * unrest;
        self.covariance = transition * self.covariance * transition.transpose() + unrest;
    }

    /// `moved` was measured, with a `variance` for each of its four numbers.
    fn correct(&mut self, moved: &Similarity2<f32>, variance: f32) {
        let shift = moved.isometry.translation.vector;
        let change = Vector4::new(shift.x, shift.y, moved.scaling().ln(), moved.isometry.rotation.angle());
        let expected = self.covariance[(0, 0)];
        let least = change.norm_squared() / (4.0 * variance * POSE_LIMIT * POSE_LIMIT) - 1.0;
        if least > expected {
            self.covariance *= least / expected;
        }
        let gain = self.covariance.column(0) / (self.covariance[(0, 0)] + 1.0);
        self.covariance -= gain * self.covariance.row(0);
        self.frame_from_face *= similarity(&(change * gain[0]));
        self.velocity += change * gain[1];
    }
}

/// The similarity of a change `(x, y, ln scale, roll)`.
fn similarity(change: &Vector4<f32>) -> Similarity2<f32> {
    Similarity2::new(Vector2::new(change.x, change.y), change.w, change.z.exp())
}

impl PointInFace {
    fn correct(&mut self, found: &Found, jitter: f32) {
        let off = found.at - self.at;
        let least = found.squared_distance(&off) / (2.0 * jitter * POINT_LIMIT * POINT_LIMIT) - 1.0;
        self.variance = self.variance.max(least);
        let gain = self.variance / (self.variance + 1.0);
        self.at += off * gain;
        self.variance *= 1.0 - gain;
    }
}

/// How much the landmarks of a face jitter.
#[derive(Debug)]
struct Jitter {
    /// In variances of a landmark's error.
    variance: f32,
    /// The shapes found in the two frames before, the newer one first.
    before: [Vec<Point2<f32>>; 2],
    distances: Vec<f32>,
}

/// The median length of a vector of two normal numbers with a variance of 1.
const MEDIAN_RADIUS: f32 = 1.177_41;

impl Default for Jitter {
    fn default() -> Self {
        Jitter { variance: USUAL_JITTER * USUAL_JITTER, before: Default::default(), distances: Vec::new() }
    }
}

impl Jitter {
    /// Noise turns back and motion goes on: of numbers that are all noise the second difference has
    /// six times the variance, and the change of two steps twice. Motion adds to the change of two
    /// steps. The median over the landmarks is that of those that rest, or nearly do.
    fn measure(&mut self, step: Duration, shape: &[Found]) {
        let [newer, older] = &mut self.before;
        if older.len() == shape.len() && step <= JITTER_STEP {
            let mut median = |change: fn(Point2<f32>, Point2<f32>, Point2<f32>) -> Vector2<f32>| {
                let points = shape.iter().zip(newer.iter().zip(older.iter()));
                self.distances.clear();
                self.distances
                    .extend(points.map(|(now, (newer, older))| now.squared_distance(&change(now.at, *newer, *older))));
                median_mut(&mut self.distances) / MEDIAN_RADIUS.powi(2)
            };
            let turned = median(|now, newer, older| (now - newer) - (newer - older));
            let went = median(|now, _, older| now - older);
            let variance = (turned - went) / 4.0;
            let share = 1.0 - (-step.as_secs_f32() / JITTER_TIME.as_secs_f32()).exp();
            self.variance += share * (variance - self.variance);
            self.variance = self.variance.clamp(LEAST_JITTER.powi(2), MOST_JITTER.powi(2));
        }
        std::mem::swap(newer, older);
        newer.clear();
        newer.extend(shape.iter().map(|found| found.at));
    }
}

/// The median of numbers whose order does not matter.
fn median_mut(numbers: &mut [f32]) -> f32 {
    let middle = numbers.len() / 2;
    *numbers.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(33_333);
    /// Standard deviation of the error that each landmark claims, in pixels.
    const ERROR: f32 = 2.0;
    /// Of the jitter that they have, unless a test says otherwise.
    const JITTER: f32 = ERROR * USUAL_JITTER;
    const SETTLED: u32 = 30;

    /// Landmarks in a spiral, 50 pixels about `(x, 0)`, and their jitter.
    struct Face {
        noise: u32,
        jitter: f32,
    }

    impl Face {
        fn at(&mut self, x: f32) -> Vec<Landmark> {
            let mut landmark = |i: u32| {
                let (sine, cosine) = (i as f32 * 2.4).sin_cos();
                let radius = 50.0 * (i as f32 / 68.0).sqrt();
                let at = Point2::new(x + radius * cosine, radius * sine) + self.shake();
                Landmark { at, confidence: 0.9, covariance: Matrix2::identity() * ERROR * ERROR }
            };
            (1..=68).map(&mut landmark).collect()
        }

        /// About normal: sums of twelve numbers.
        fn shake(&mut self) -> Vector2<f32> {
            let mut number = || {
                self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (self.noise >> 8) as f32 / (1 << 24) as f32 - 0.5
            };
            Vector2::from_fn(|_, _| (0..12).map(|_| number()).sum::<f32>()) * self.jitter
        }
    }

    fn face(jitter: f32) -> Face {
        Face { noise: 1, jitter }
    }

    /// The filter of a face that was at `x(frame)`, and how much its points flickered: found, and
    /// smoothed.
    fn followed(face: &mut Face, x: impl Fn(u32) -> f32) -> (FaceFilter, [f32; 2]) {
        let mut before = [face.at(x(0)).iter().map(|l| l.at).collect::<Vec<_>>(), Vec::new()];
        let mut filter = FaceFilter::starting(&face.at(x(0)));
        let mut flicker = [0.0, 0.0];
        for i in 1..2 * SETTLED {
            let found = face.at(x(i));
            let smoothed = filter.smooth(FRAME, &found, 1.0);
            let now = [found.iter().map(|l| l.at).collect(), smoothed];
            for ((before, now), flicker) in before.iter().zip(&now).zip(&mut flicker).filter(|_| i > SETTLED) {
                let moved = Vector2::new(x(i) - x(i - 1), 0.0);
                *flicker += before.iter().zip(now).map(|(p, q)| (q - p - moved).norm()).sum::<f32>();
            }
            before = now;
        }
        (filter, flicker)
    }

    fn off(points: &[Point2<f32>], x: f32) -> Vec<Vector2<f32>> {
        points.iter().zip(face(0.0).at(x)).map(|(point, truth)| point - truth.at).collect()
    }

    fn mean(vectors: &[Vector2<f32>]) -> Vector2<f32> {
        vectors.iter().sum::<Vector2<f32>>() / vectors.len() as f32
    }

    #[test]
    fn a_face_at_rest_flickers_a_seventh_as_much_however_noisy_it_is() {
        for jitter in [JITTER, 5.0 * JITTER] {
            let (_, [found, smoothed]) = followed(&mut face(jitter), |_| 0.0);
            assert!(smoothed < found / 7.0, "{smoothed} of {found}, jitter {jitter}");
        }
    }

    #[test]
    fn a_face_that_moves_is_not_behind_and_flickers_no_more() {
        // 20 pixels a second, and a face a second.
        for speed in [20.0, 100.0] {
            let x = |i: u32| speed * (FRAME * i).as_secs_f32();
            let (filter, [found, smoothed]) = followed(&mut face(JITTER), x);
            let behind = mean(&off(&filter.ahead(Duration::ZERO), x(2 * SETTLED - 1)));
            assert!(behind.norm() < JITTER, "{behind} at {speed} pixels a second");
            assert!(smoothed < found / 4.0, "{smoothed} of {found} at {speed} pixels a second");
            let ahead = mean(&off(&filter.ahead(FRAME * 2), x(2 * SETTLED + 1)));
            assert!(ahead.norm() < 0.02 * speed, "{ahead} at {speed} pixels a second");
        }
    }

    #[test]
    fn a_mouth_that_opens_is_followed_at_once_and_moves_nothing_else() {
        let mut face = face(JITTER);
        let (mut filter, _) = followed(&mut face, |_| 0.0);
        let mut open = face.at(0.0);
        open[..20].iter_mut().for_each(|landmark| landmark.at.y += 10.0);
        let off = off(&filter.smooth(FRAME, &open, 1.0), 0.0);
        let (mouth, others) = off.split_at(20);
        assert!((mean(mouth).y - 10.0).abs() < 0.5, "{:?} {:?}", mean(mouth), mean(others));
        assert!(mean(others).norm() < 0.5, "{:?}", mean(others));
    }

    #[test]
    fn a_stronger_filter_is_stiller() {
        let shift = [0.5, 1.0, 2.0].map(|strength| {
            let mut face = face(JITTER);
            let (mut filter, _) = followed(&mut face, |_| 0.0);
            face.jitter = 0.0;
            mean(&off(&filter.smooth(FRAME, &face.at(2.0 * JITTER), strength), 0.0)).x
        });
        assert!(shift[0] > shift[1] && shift[1] > shift[2], "{shift:?}");
    }

    #[test]
    fn points_in_one_place_stay_there() {
        let landmark = Landmark { at: Point2::new(3.0, 4.0), confidence: 0.5, covariance: Matrix2::identity() };
        let mut filter = FaceFilter::starting(&[landmark; 5]);
        assert_eq!(filter.smooth(FRAME, &[landmark; 5], 1.0), [landmark.at; 5]);
    }
}
