//! The fit of a [head](HeadModel) to landmarks, by weighted least squares.
//!
//! It is Gauss-Newton over turn, position and deformations, which have a normal prior; each
//! landmark's weight is the inverse of its covariance as [`HeadModel`] has it, made robust as
//! errors with the tails of a Student t distribution would have it (iteratively reweighted; Lange,
//! Little, Taylor, JASA 1989). A head that is followed starts from where it was.

use nalgebra::{Cholesky, Const, Matrix2, Matrix2x3, Matrix3, Rotation3, SMatrix, SVector, Unit, Vector2, Vector3};

use super::Landmark;
use super::head::{BIAS_TERMS, DEFORMATIONS, HeadModel, HeadPoint, bias_terms};
use super::pose::{HeadPose, Pinhole, upright};

// Set by hand; `wingmark eval --data aflw2000 --split hard --detect` measures how far yaw is off.

/// Turn, position, deformations.
const UNKNOWNS: usize = 6 + DEFORMATIONS;
/// [`UNKNOWNS`] and one, in whole vectors of four numbers.
const PADDED: usize = (UNKNOWNS + 1).next_multiple_of(4);
const MAX_STEPS: usize = 12;
/// Of a fit that starts from another; one that takes more starts anew.
const MAX_STEPS_FROM_LAST: usize = 5;
/// The last step's size: radians of the turn, and the position as a share of the distance. A step
/// is about a fifth of the one before, so that 0.02 degrees are left, which nobody sees; and a
/// followed head that keeps still takes one step as a rule.
const SMALL_STEP: f32 = 1e-3;
/// A step turns no further, in radians.
const LARGEST_TURN: f32 = 0.5;
/// Degrees of freedom of the errors.
const TAILS: f32 = 4.0;

/// A pose with what else the fit found.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The pose that fits.
    pub pose: HeadPose,
    /// In standard deviations.
    pub deformation: SVector<f32, DEFORMATIONS>,
}

impl HeadModel {
    /// The pose of a head with these landmarks; `None` where they are no head's.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn pose(&self, landmarks: &[Landmark], camera: &Pinhole) -> Option<HeadPose> {
        self.fit(landmarks, camera).map(|fitted| fitted.pose)
    }

    /// As [`HeadModel::pose`], with the deformations.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn fit(&self, landmarks: &[Landmark], camera: &Pinhole) -> Option<Fitted> {
        self.check(landmarks);
        self.improve(Guess::of_landmarks(self, landmarks, camera)?, MAX_STEPS, landmarks, camera)?.fitted(self)
    }

    /// As [`HeadModel::fit`], which it gives up to the size of a small step, in less time where the
    /// head has moved little since `last`.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn fit_from(&self, last: &Fitted, landmarks: &[Landmark], camera: &Pinhole) -> Option<Fitted> {
        self.check(landmarks);
        let near = self.improve(Guess::of_fitted(last), MAX_STEPS_FROM_LAST, landmarks, camera);
        match near.filter(|found| found.last_step < SMALL_STEP) {
            Some(found) => found.fitted(self),
            None => self.fit(landmarks, camera),
        }
    }

    fn check(&self, landmarks: &[Landmark]) {
        assert_eq!(landmarks.len(), self.points.len(), "landmarks of another scheme");
    }

    /// Takes steps until one is small, so many at most; `None` where the landmarks leave a step
    /// open.
    fn improve(&self, mut state: Guess, steps: usize, landmarks: &[Landmark], camera: &Pinhole) -> Option<Found> {
        let mut last = None;
        for _ in 0..steps {
            let equations = self.normal_equations(&state, landmarks, camera);
            let precision = equations.precision().cholesky()?;
            let last_step = state.take(&precision.solve(&equations.pull()));
            last = Some((precision, last_step));
            if last_step < SMALL_STEP {
                break;
            }
        }
        last.map(|(precision, last_step)| Found { state, precision, last_step })
    }

    fn normal_equations(&self, state: &Guess, landmarks: &[Landmark], camera: &Pinhole) -> NormalEquations {
        let projection = Projection::of(state, camera);
        let mut normal = NormalEquations(SMatrix::zeros());
        for (point, landmark) in self.points.iter().zip(landmarks) {
            normal.add(&projection.residual(point, landmark, &state.deformation));
        }
        for i in 0..DEFORMATIONS {
            normal.0[(6 + i, 6 + i)] += 1.0;
            normal.0[(UNKNOWNS, 6 + i)] -= state.deformation[i];
        }
        normal
    }
}

/// A fit under way.
#[derive(Clone)]
struct Guess {
    camera_from_head: Rotation3<f32>,
    position: Vector3<f32>,
    deformation: SVector<f32, DEFORMATIONS>,
}

impl Guess {
    fn of_fitted(fitted: &Fitted) -> Self {
        let Fitted { pose: HeadPose { camera_from_head, position, .. }, deformation } = *fitted;
        Guess { camera_from_head, position, deformation }
    }

    /// The mean head under the affine camera that fits best, made a turn.
    fn of_landmarks(head: &HeadModel, landmarks: &[Landmark], camera: &Pinhole) -> Option<Self> {
        let count = landmarks.len() as f32;
        let mean = head.points.iter().map(|p| p.mean).sum::<Vector3<f32>>() / count;
        let middle = landmarks.iter().map(|l| l.at - camera.centre).sum::<Vector2<f32>>() / count;
        let (mut spread, mut cross) = (Matrix3::zeros(), Matrix2x3::zeros());
        for (point, landmark) in head.points.iter().zip(landmarks) {
            let (in_head, in_picture) = (point.mean - mean, landmark.at - camera.centre - middle);
            spread += in_head * in_head.transpose();
            cross += in_picture * in_head.transpose();
        }
        let affine = cross * spread.try_inverse()?;
        let (across, down): (Vector3<f32>, Vector3<f32>) = (affine.row(0).transpose(), affine.row(1).transpose());
        let px_per_mm = (across.norm() + down.norm()) / 2.0;
        let across = Unit::try_new(across, f32::EPSILON)?;
        let down = Unit::try_new(down - across.into_inner() * across.dot(&down), f32::EPSILON)?;
        let rows = [across.transpose(), down.transpose(), across.cross(&down).transpose()];
        let camera_from_head = Rotation3::from_matrix_unchecked(Matrix3::from_rows(&rows));
        let distance = camera.focal / px_per_mm;
        let position = Vector3::new(middle.x / px_per_mm, middle.y / px_per_mm, distance) - camera_from_head * mean;
        let is_sound = distance.is_finite() && distance > 1.0 && position.iter().all(|v| v.is_finite());
        is_sound.then(|| Guess { camera_from_head, position, deformation: SVector::zeros() })
    }

    /// Takes a step; gives how large it was, as a turn in radians.
    fn take(&mut self, step: &SVector<f32, UNKNOWNS>) -> f32 {
        let turn = step.fixed_rows::<3>(0).into_owned();
        let part = (LARGEST_TURN / turn.norm().max(f32::EPSILON)).min(1.0);
        self.camera_from_head = Rotation3::new(turn * part) * self.camera_from_head;
        self.position += step.fixed_rows::<3>(3) * part;
        self.position.z = self.position.z.max(1.0);
        self.deformation += step.fixed_rows::<DEFORMATIONS>(6) * part;
        turn.norm().max(step.fixed_rows::<3>(3).norm() / self.position.z)
    }
}

/// Where the last step led.
struct Found {
    state: Guess,
    /// What the step was computed with.
    precision: Cholesky<f32, Const<UNKNOWNS>>,
    last_step: f32,
}

impl Found {
    fn fitted(self, head: &HeadModel) -> Option<Fitted> {
        let Guess { camera_from_head, position, deformation } = self.state;
        let covariance = self.precision.inverse();
        let is_sound = position.iter().chain(covariance.iter()).all(|v| v.is_finite());
        let covariance = covariance.fixed_view::<6, 6>(0, 0) * head.spread;
        is_sound.then_some(Fitted { pose: HeadPose { camera_from_head, position, covariance }, deformation })
    }
}

/// How a head in some state is seen, and what a small step changes.
struct Projection {
    camera: Pinhole,
    turn: Matrix3<f32>,
    position: Vector3<f32>,
    upright: Matrix2<f32>,
    bias: SVector<f32, BIAS_TERMS>,
    bias_by_turn: SMatrix<f32, BIAS_TERMS, 3>,
}

/// How far off a landmark is seen along two axes, in standard deviations, and how that falls as the
/// unknowns grow.
struct Residual {
    off: Vector2<f32>,
    slopes: [[f32; PADDED]; 2],
}

impl Projection {
    fn of(state: &Guess, camera: &Pinhole) -> Self {
        let turn = *state.camera_from_head.matrix();
        let forward = turn.column(2).into_owned();
        let (bias, slopes) = bias_terms(forward.xy());
        // A small turn w moves the head's z axis by w x forward.
        let forward_by_turn = Matrix2x3::new(0.0, forward.z, -forward.y, -forward.z, 0.0, forward.x);
        let bias_by_turn = slopes * forward_by_turn;
        Projection { camera: *camera, turn, position: state.position, upright: upright(&turn), bias, bias_by_turn }
    }

    fn residual(&self, point: &HeadPoint, landmark: &Landmark, deformation: &SVector<f32, DEFORMATIONS>) -> Residual {
        // In millimetres at the head's distance, so that all numbers are of one size.
        let mm_per_px = self.position.z / self.camera.focal;
        let turned = self.turn * (point.mean + point.modes * deformation);
        let at = turned + self.position;
        let depth = at.z.max(1.0);
        let scale = self.position.z / depth;
        let expected = at.xy() * scale + self.upright * (point.bias * self.bias);
        let off = (landmark.at - self.camera.centre) * mm_per_px - expected;
        let covariance = landmark.covariance * (mm_per_px * mm_per_px) + Matrix2::identity() * point.rest;
        let whitening = whitening(&covariance);
        let by_at = whitening * Matrix2x3::new(scale, 0.0, -at.x / depth * scale, 0.0, scale, -at.y / depth * scale);
        let by_turn = by_at * -turned.cross_matrix() + whitening * self.upright * (point.bias * self.bias_by_turn);
        let by_deformation = by_at * self.turn * point.modes;
        let mut slopes = [[0.0; PADDED]; 2];
        for (axis, slopes) in slopes.iter_mut().enumerate() {
            for i in 0..3 {
                (slopes[i], slopes[3 + i]) = (by_turn[(axis, i)], by_at[(axis, i)]);
            }
            for i in 0..DEFORMATIONS {
                slopes[6 + i] = by_deformation[(axis, i)];
            }
        }
        Residual { off: whitening * off, slopes }
    }
}

/// What makes an error of this covariance one of the covariance 1.
fn whitening(covariance: &Matrix2<f32>) -> Matrix2<f32> {
    let (deviation, slope) = (covariance.m11.sqrt(), covariance.m21 / covariance.m11);
    // Rounding may leave nothing of an error that is all but along one line.
    let left = (covariance.m22 - covariance.m21 * slope).max(covariance.m22 * 1e-6).sqrt();
    Matrix2::new(1.0 / deviation, 0.0, -slope / left, 1.0 / left)
}

/// The normal equations of a step, with room for whole vectors of four numbers. The first
/// [`UNKNOWNS`] rows and columns are the precision, of which the triangle below the diagonal
/// counts; the row behind them is what pulls at the unknowns.
struct NormalEquations(SMatrix<f32, PADDED, PADDED>);

impl NormalEquations {
    /// Adds a landmark, the less the further off it is.
    fn add(&mut self, Residual { off, slopes }: &Residual) {
        let weight = (TAILS + 2.0) / (TAILS + off.norm_squared());
        let [mut x, mut y] = *slopes;
        (x[UNKNOWNS], y[UNKNOWNS]) = (off.x, off.y);
        for (column, sums) in self.0.as_mut_slice().chunks_exact_mut(PADDED).enumerate().take(UNKNOWNS) {
            let (by_x, by_y) = (weight * x[column], weight * y[column]);
            for row in column / 4 * 4..PADDED {
                sums[row] += by_x * x[row] + by_y * y[row];
            }
        }
    }

    fn precision(&self) -> SMatrix<f32, UNKNOWNS, UNKNOWNS> {
        self.0.fixed_view::<UNKNOWNS, UNKNOWNS>(0, 0).into_owned()
    }

    fn pull(&self) -> SVector<f32, UNKNOWNS> {
        self.0.fixed_view::<1, UNKNOWNS>(UNKNOWNS, 0).transpose()
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::super::pose::difference;
    use super::super::pose::tests::pose;
    use super::*;

    const CAMERA: Pinhole = Pinhole { focal: 600.0, centre: Point2::new(320.0, 240.0) };

    /// Twenty points on something like a face, which one deformation makes wider; a net that sees
    /// them where they are not.
    fn head(bias: f32) -> HeadModel {
        let point = |i: usize| {
            let (x, y) = ((i % 5) as f32 * 30.0 - 60.0, (i / 5) as f32 * 35.0 - 20.0);
            let mut modes = SMatrix::zeros();
            modes[(0, 0)] = x / 20.0;
            let mut point =
                HeadPoint { mean: Vector3::new(x, y, x * x / 60.0), modes, bias: SMatrix::zeros(), rest: 0.01 };
            // As along a jaw: the more the head is turned, the further off.
            point.bias[(0, 1)] = bias * x;
            point.bias[(1, 2)] = bias * 10.0;
            point
        };
        HeadModel { points: (0..20).map(point).collect(), spread: 1.0 }
    }

    /// Where the net sees a head, each landmark off by what `noise` gives.
    fn seen(head: &HeadModel, pose: &HeadPose, deviation: f32, mut noise: impl FnMut() -> f32) -> Vec<Landmark> {
        let turn = pose.camera_from_head.matrix();
        let (terms, _) = bias_terms(turn.fixed_view::<2, 1>(0, 2).into_owned());
        let px_per_mm = CAMERA.focal / pose.position.z;
        head.points
            .iter()
            .map(|point| {
                let at = turn * (point.mean + point.modes.column(0) * 0.7) + pose.position;
                let off = upright(turn) * (point.bias * terms) * px_per_mm;
                let error = Vector2::new(noise(), noise()) * deviation;
                Landmark {
                    at: CAMERA.centre + at.xy() * (CAMERA.focal / at.z) + off + error,
                    confidence: 1.0,
                    covariance: Matrix2::identity() * (deviation * deviation + 1e-4),
                }
            })
            .collect()
    }

    #[test]
    fn the_pose_of_exact_landmarks_is_found_at_every_turn() {
        for bias in [0.0, 0.15] {
            let head = head(bias);
            for (pitch, yaw, roll) in [(0.0, 0.0, 0.0), (10.0, 35.0, -20.0), (-25.0, -60.0, 5.0), (5.0, 20.0, 170.0)] {
                let truth = pose(pitch, yaw, roll);
                let found = head.pose(&seen(&head, &truth, 0.0, || 0.0), &CAMERA).unwrap();
                let off = difference(&found, &truth);
                let turn = off.fixed_rows::<3>(0).norm().to_degrees();
                assert!(turn < 0.5, "{turn} degrees at {pitch}, {yaw}, {roll} with bias {bias}");
                let turns = found.turns().map(f32::to_degrees);
                assert!((turns - Vector3::new(pitch, yaw, roll)).norm() < 0.7, "{turns} at {pitch}, {yaw}, {roll}");
                assert!((off[5] / 700.0).abs() < 0.05, "distance off by {}", off[5]);
            }
        }
    }

    /// Degrees of the turn between two poses.
    fn apart(a: &HeadPose, b: &HeadPose) -> f32 {
        difference(a, b).fixed_rows::<3>(0).norm().to_degrees()
    }

    #[test]
    fn a_fit_from_another_pose_is_that_of_the_landmarks_alone() {
        let head = head(0.1);
        let fit = |pitch, yaw, roll| {
            let landmarks = seen(&head, &pose(pitch, yaw, roll), 0.0, || 0.0);
            (head.fit(&landmarks, &CAMERA).unwrap(), landmarks)
        };
        let (here, landmarks) = fit(5.0, -15.0, 3.0);
        for (pitch, yaw, roll) in [(5.0, -14.0, 3.0), (0.0, 0.0, 0.0), (-20.0, 50.0, 30.0), (0.0, 0.0, 175.0)] {
            let (last, _) = fit(pitch, yaw, roll);
            let found = head.fit_from(&last, &landmarks, &CAMERA).unwrap();
            let off = apart(&found.pose, &here.pose);
            assert!(off < 0.05, "{off} degrees from {pitch}, {yaw}, {roll}");
            let covariance = (found.pose.covariance - here.pose.covariance).norm() / here.pose.covariance.norm();
            assert!(covariance < 0.01, "the covariance differs by {covariance}");
        }
    }

    #[test]
    fn a_head_that_keeps_still_takes_one_step() {
        let head = head(0.1);
        for (pitch, yaw, roll) in [(0.0, 0.0, 0.0), (5.0, -15.0, 3.0), (-25.0, -60.0, 5.0), (5.0, 20.0, 170.0)] {
            let landmarks = seen(&head, &pose(pitch, yaw, roll), 0.0, || 0.0);
            let last = Guess::of_fitted(&head.fit(&landmarks, &CAMERA).unwrap());
            let found = head.improve(last, 1, &landmarks, &CAMERA).unwrap();
            assert!(found.last_step < SMALL_STEP, "{} at {pitch}, {yaw}, {roll}", found.last_step);
        }
    }

    #[test]
    fn a_last_pose_that_is_none_is_not_trusted() {
        let head = head(0.1);
        let landmarks = seen(&head, &pose(5.0, -15.0, 3.0), 0.0, || 0.0);
        let here = head.fit(&landmarks, &CAMERA).unwrap();
        let mut last = here.clone();
        last.pose.position.z = f32::NAN;
        assert_eq!(head.fit_from(&last, &landmarks, &CAMERA).unwrap().pose, here.pose);
    }

    #[test]
    fn whitened_errors_are_of_covariance_one() {
        let covariance = Matrix2::new(4.0, -1.5, -1.5, 0.75);
        let whitening = whitening(&covariance);
        assert!((whitening * covariance * whitening.transpose() - Matrix2::identity()).norm() < 1e-5);
        assert!(super::whitening(&Matrix2::new(1e6, 1e6, 1e6, 1e6)).iter().all(|value| value.is_finite()));
    }

    #[test]
    fn the_covariance_holds_what_it_says() {
        let head = head(0.1);
        let mut state = 1u32;
        // A sum of twelve uniform numbers is all but normal.
        let mut noise = || {
            (0..12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 24) as f32
                })
                .sum::<f32>()
                - 6.0
        };
        let truth = pose(5.0, -15.0, 3.0);
        let mut within = [0; 3];
        for _ in 0..300 {
            let found = head.pose(&seen(&head, &truth, 1.0, &mut noise), &CAMERA).unwrap();
            let off = difference(&found, &truth);
            for axis in 0..3 {
                within[axis] += usize::from(off[axis].abs() <= 1.96 * found.covariance[(axis, axis)].sqrt());
            }
        }
        // 95 % are 285; robust weights make the fit a little too careful.
        assert!(within.iter().all(|count| (265..=300).contains(count)), "{within:?}");
    }

    #[test]
    fn landmarks_in_one_place_or_on_a_line_are_no_head() {
        let landmark = |x: f32| Landmark { at: Point2::new(x, 5.0), confidence: 1.0, covariance: Matrix2::identity() };
        assert_eq!(head(0.0).pose(&vec![landmark(5.0); 20], &CAMERA), None);
        let line: Vec<Landmark> = (0..20).map(|i| landmark(i as f32)).collect();
        assert!(head(0.0).pose(&line, &CAMERA).is_none_or(|pose| pose.position.z.is_finite()));
    }
}
