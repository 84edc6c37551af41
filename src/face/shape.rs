//! What faces look like: a linear model of their shapes, which corrects landmarks that a small net
//! leaves uncertain.
//!
//! In a frame of its own, where the mean face has its centroid at the origin and a root mean square
//! radius of 1, each landmark is taken to be found at
//!
//! ```text
//! mean + bias + modes z + own + error,    z ~ N(0, I),  own ~ N(0, rest I),  error ~ N(0, NOISE confidence^-EXPONENT C)
//! ```
//!
//! with `C` the covariance of its heat; `modes`, the first principal components of annotated faces,
//! move all landmarks together, `own` is what they leave over (factor analysis; Bishop, "Pattern
//! Recognition and Machine Learning", 12.2). Given what was found, the mean of the posterior of
//! `mean + modes z + own` is the refined landmark: a sure one stays, an unsure one goes where the
//! others say. `bias` is the error that the net makes on all faces. `wingmark-trainer shape` fits
//! the numbers to training faces.

use nalgebra::{Matrix2, Point2, SMatrix, SVector, Similarity2, Vector2};
use thiserror::Error;

use crate::face::Landmark;
use crate::face::calibration::error_covariance;
use crate::picture::geometry::align;
use crate::text::numbers::{self, TableError};

// Chosen by the held-out errors that `wingmark-trainer shape` prints.

/// Principal components of a shape model.
pub const MODES: usize = 20;
/// The modes, and four that turn, scale and shift the mean face, for an alignment that the errors
/// put off.
const ALL_MODES: usize = MODES + 4;
/// How much the alignment may be off, as a share of the face's radius.
const ALIGNMENT: f32 = 0.06;
/// Variance of an error, as a multiple of the heat's variance at full confidence. Of held-out
/// faces, the mean error of `nano` and `small` is within a hundredth of its least from 0.004 to
/// 0.02.
const NOISE: f32 = 0.01;
/// How fast that variance grows with falling confidence; from 1.5 to 3 the mean error is within a
/// hundredth of its least.
const EXPONENT: f32 = 2.5;
/// Columns of the table before the modes: mean, bias, rest.
const BEFORE_MODES: usize = 3;
const COLUMNS: usize = BEFORE_MODES + MODES;
/// Numbers of the table are no larger: faces have a radius of 1.
const LARGEST: f32 = 100.0;

/// The shapes of the faces that a net was trained on, and the net's bias.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeModel {
    points: Vec<Point>,
}

/// One landmark of all shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    mean: Vector2<f32>,
    /// What the net adds to it.
    bias: Vector2<f32>,
    /// Variance, along each axis, of what the modes leave over.
    rest: f32,
    /// How it moves with each mode, by one standard deviation of that mode.
    modes: SMatrix<f32, 2, ALL_MODES>,
}

/// How well landmarks fit the shapes of faces.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeFit {
    /// Lays what was found over the mean face.
    pub face_from_found: Similarity2<f32>,
    /// How far each landmark was found from where the modes would have it, as a share of the face's
    /// radius.
    pub distances: Vec<f32>,
    /// Mean square of the modes, in standard deviations: 1 for a usual face, more for an unusual
    /// one.
    pub deviation: f32,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShapeError {
    #[error("shape.csv, {0}")]
    Table(#[from] TableError),
    #[error("shape.csv has {found} rows; expected {expected}: x and y of each landmark")]
    Rows { found: usize, expected: usize },
    #[error("shape.csv, line {line}: the rest is {found}; expected a positive number, the same for x and y")]
    Rest { line: usize, found: f32 },
    #[error("shape.csv: the mean face has no extent")]
    NoExtent,
}

impl ShapeModel {
    /// # Errors
    /// When all landmarks of the mean face lie in one place.
    pub fn new(points: Vec<Point>) -> Result<Self, ShapeError> {
        let radius = points.iter().map(|p| p.mean.norm()).fold(0.0, f32::max);
        if radius > 1e-3 { Ok(ShapeModel { points }) } else { Err(ShapeError::NoExtent) }
    }

    /// Reads `shape.csv`: a header, then for each landmark a row for x and one for y, with the
    /// columns mean, bias, rest, m1 ..
    pub fn from_csv(text: &str, landmarks: usize) -> Result<Self, ShapeError> {
        let rows = numbers::rows(text, COLUMNS, LARGEST)?;
        if rows.len() != 2 * landmarks {
            return Err(ShapeError::Rows { found: rows.len(), expected: 2 * landmarks });
        }
        let point = |(index, [x, y]): (usize, &[Vec<f32>; 2])| {
            if x[2] < 1e-9 || x[2] != y[2] {
                return Err(ShapeError::Rest { line: 2 * index + 2, found: x[2].min(y[2]) });
            }
            let modes = SMatrix::from_fn(|axis, mode| [x, y][axis][BEFORE_MODES + mode]);
            Ok(Point::new(Vector2::new(x[0], y[0]), Vector2::new(x[1], y[1]), x[2], &modes))
        };
        ShapeModel::new(rows.as_chunks().0.iter().enumerate().map(point).collect::<Result<_, _>>()?)
    }

    /// As [`ShapeModel::from_csv`] reads it.
    pub fn to_csv(&self) -> String {
        let modes = (1..=MODES).map(|mode| format!(",m{mode}")).collect::<String>();
        let mut text = format!("mean,bias,rest{modes}\n");
        for point in &self.points {
            for axis in 0..2 {
                let modes =
                    point.modes.row(axis).iter().take(MODES).map(|number| format!(",{number}")).collect::<String>();
                text += &format!("{},{},{}{modes}\n", point.mean[axis], point.bias[axis], point.rest);
            }
        }
        text
    }

    /// Where the landmarks of the mean face are.
    pub fn mean(&self) -> Vec<Vector2<f32>> {
        self.points.iter().map(|point| point.mean).collect()
    }

    /// Moves landmarks, whose covariances are those of their heat, to where a face's are likely to
    /// be, and says how well they fitted before. Those that lie all in one place stay there.
    ///
    /// # Panics
    /// When there are not as many landmarks as the model has.
    pub fn refine(&self, landmarks: &mut [Landmark]) -> Option<ShapeFit> {
        assert_eq!(landmarks.len(), self.points.len(), "landmarks of another scheme");
        let mut errors = landmarks.to_vec();
        errors.iter_mut().for_each(|landmark| landmark.covariance = error_covariance(landmark, NOISE, EXPONENT));
        let face_from_found = self.face_from_found(&errors)?;
        let pairs = self.points.iter().zip(&errors);
        let seen: Vec<_> = pairs.map(|(point, error)| point.seen(&error.mapped(&face_from_found))).collect();
        let mut precision = SMatrix::<f32, ALL_MODES, ALL_MODES>::identity();
        let mut pull = SVector::<f32, ALL_MODES>::zeros();
        for (point, (offset, weight)) in self.points.iter().zip(&seen) {
            let weighted = weight * point.modes;
            precision += point.modes.tr_mul(&weighted);
            pull += weighted.tr_mul(offset);
        }
        let z = precision.cholesky()?.solve(&pull);
        let found_from_face = face_from_found.inverse();
        let mut distances = Vec::with_capacity(landmarks.len());
        for ((landmark, point), (offset, weight)) in landmarks.iter_mut().zip(&self.points).zip(&seen) {
            let shared = point.modes * z;
            let own = weight * (offset - shared) * point.rest;
            distances.push((offset - shared).norm());
            landmark.at = found_from_face * Point2::from(point.mean + shared + own);
        }
        let deviation = z.fixed_rows::<MODES>(0).norm_squared() / MODES as f32;
        Some(ShapeFit { face_from_found, distances, deviation })
    }

    /// Lays landmarks, with the covariances of their errors, over the mean face, the surer ones
    /// more exactly.
    fn face_from_found(&self, errors: &[Landmark]) -> Option<Similarity2<f32>> {
        let mut variances: Vec<f32> = errors.iter().map(|landmark| landmark.covariance.trace()).collect();
        let middle = variances.len() / 2;
        let typical = *variances.select_nth_unstable_by(middle, f32::total_cmp).1;
        let weight = |landmark: &Landmark| 1.0 / (landmark.covariance.trace() + typical);
        align(errors.iter().zip(&self.points).map(|(l, point)| (l.at, Point2::from(point.mean), weight(l))))
    }
}

impl Point {
    /// `modes` move it by one standard deviation each, as the principal components of the shapes
    /// do.
    pub fn new(mean: Vector2<f32>, bias: Vector2<f32>, rest: f32, modes: &SMatrix<f32, 2, MODES>) -> Self {
        let (x, y) = (mean.x, mean.y);
        let alignment = SMatrix::<f32, 2, 4>::new(x, -y, 1.0, 0.0, y, x, 0.0, 1.0) * ALIGNMENT;
        let mut all = SMatrix::<f32, 2, ALL_MODES>::zeros();
        all.fixed_columns_mut::<MODES>(0).copy_from(modes);
        all.fixed_columns_mut::<4>(MODES).copy_from(&alignment);
        Point { mean, bias, rest, modes: all }
    }

    /// How far from the mean it was found, without the net's bias, and the inverse covariance of
    /// that, the shared modes aside.
    fn seen(&self, error: &Landmark) -> (Vector2<f32>, Matrix2<f32>) {
        let covariance = error.covariance + Matrix2::identity() * self.rest;
        let weight = covariance.try_inverse().unwrap_or_else(Matrix2::zeros);
        (error.at.coords - self.mean - self.bias, weight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNT: usize = 8;

    /// Eight points on a circle; the first mode moves them outwards at the right and inwards at the
    /// left.
    fn model() -> ShapeModel {
        let point = |i: usize| {
            let (sine, cosine) = (i as f32 / COUNT as f32 * std::f32::consts::TAU).sin_cos();
            let mean = Vector2::new(cosine, sine);
            let modes = SMatrix::from_fn(|axis, mode| if mode == 0 { 0.2 * cosine * mean[axis] } else { 0.0 });
            Point::new(mean, Vector2::zeros(), 1e-4, &modes)
        };
        ShapeModel::new((0..COUNT).map(point).collect()).unwrap()
    }

    fn landmark(at: Point2<f32>, confidence: f32) -> Landmark {
        Landmark { at, confidence, covariance: Matrix2::identity() }
    }

    /// The mean face moved by the first mode, 20 cells in radius.
    fn face(z: f32) -> (Similarity2<f32>, Vec<Landmark>) {
        let cells_from_face = Similarity2::new(Vector2::new(30.0, 25.0), 0.3, 20.0);
        let points = model().points.into_iter().map(|p| cells_from_face * Point2::from(p.mean + p.modes.column(0) * z));
        (cells_from_face, points.map(|at| landmark(at, 0.9)).collect())
    }

    #[test]
    fn an_unsure_landmark_goes_where_the_others_say() {
        let (_, truth) = face(1.0);
        let mut found = truth.clone();
        found[2] = landmark(truth[2].at + Vector2::new(4.0, -3.0), 0.1);
        model().refine(&mut found);
        for (found, truth) in found.iter().zip(&truth) {
            assert!((found.at - truth.at).norm() < 0.3, "{} is not {}", found.at, truth.at);
        }
    }

    #[test]
    fn a_sure_landmark_stays_where_it_was_seen() {
        let (_, mut found) = face(0.5);
        found[2] = landmark(found[2].at + Vector2::new(0.6, 0.0), 1.0);
        let seen = found.clone();
        model().refine(&mut found);
        assert!((found[2].at - seen[2].at).norm() < 0.3, "{} is not {}", found[2].at, seen[2].at);
    }

    #[test]
    fn the_bias_is_taken_off() {
        let (cells_from_face, truth) = face(0.0);
        let mut model = model();
        let bias = |i: usize| Vector2::new(0.02, -0.01) * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let mut found = truth.clone();
        for (i, (landmark, point)) in found.iter_mut().zip(&mut model.points).enumerate() {
            point.bias = bias(i);
            landmark.at += cells_from_face * bias(i);
        }
        model.refine(&mut found);
        for (found, truth) in found.iter().zip(&truth) {
            assert!((found.at - truth.at).norm() < 0.05, "{} is not {}", found.at, truth.at);
        }
    }

    proptest! {
        /// The posterior mean once more, as the textbook has it: mean + P (P + R)^-1 (found -
        /// mean), with whole matrices.
        #[test]
        fn refining_is_the_posterior_mean_of_a_normal_distribution(
            offsets in proptest::collection::vec((-2.0f32..2.0, -2.0f32..2.0, 0.05f32..1.0), COUNT),
        ) {
            const SIDE: usize = 2 * COUNT;
            let (_, mut found) = face(0.7);
            for (landmark, (x, y, confidence)) in found.iter_mut().zip(offsets) {
                landmark.at += Vector2::new(x, y);
                landmark.confidence = confidence;
            }
            let model = model();
            let with_error = |l: &Landmark| Landmark { covariance: error_covariance(l, NOISE, EXPONENT), ..*l };
            let errors: Vec<Landmark> = found.iter().map(with_error).collect();
            let face_from_found = model.face_from_found(&errors).unwrap();
            let mut modes = SMatrix::<f32, SIDE, ALL_MODES>::zeros();
            let (mut prior, mut noise) = (SMatrix::<f32, SIDE, SIDE>::zeros(), SMatrix::<f32, SIDE, SIDE>::zeros());
            let mut offset = SVector::<f32, SIDE>::zeros();
            for (i, (point, landmark)) in model.points.iter().zip(&found).enumerate() {
                let in_face = landmark.mapped(&face_from_found);
                let error = error_covariance(&in_face, NOISE, EXPONENT);
                modes.fixed_rows_mut::<2>(2 * i).copy_from(&point.modes);
                prior.fixed_view_mut::<2, 2>(2 * i, 2 * i).fill_diagonal(point.rest);
                noise.fixed_view_mut::<2, 2>(2 * i, 2 * i).copy_from(&error);
                offset.fixed_rows_mut::<2>(2 * i).copy_from(&(in_face.at.coords - point.mean));
            }
            prior += modes * modes.transpose();
            let expected = prior * (prior + noise).cholesky().unwrap().solve(&offset);
            let mut refined = found.clone();
            model.refine(&mut refined);
            for (i, (landmark, point)) in refined.iter().zip(&model.points).enumerate() {
                let at = (face_from_found * landmark.at).coords - point.mean;
                prop_assert!((at - expected.fixed_rows::<2>(2 * i)).norm() < 1e-3);
            }
        }
    }

    #[test]
    fn landmarks_in_one_place_stay_there() {
        let mut found = vec![landmark(Point2::new(3.0, 4.0), 0.5); COUNT];
        model().refine(&mut found);
        assert!(found.iter().all(|landmark| landmark.at == Point2::new(3.0, 4.0)));
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        assert_eq!(ShapeModel::from_csv(&model().to_csv(), COUNT).unwrap(), model());
    }

    #[test]
    fn a_damaged_table_is_refused_in_one_line() {
        let text = model().to_csv();
        let refused = |text: &str| ShapeModel::from_csv(text, COUNT).unwrap_err().to_string();
        assert_eq!(refused(&text[..text.len() / 2]).lines().count(), 1);
        assert_eq!(refused("mean\n"), "shape.csv has 0 rows; expected 16: x and y of each landmark");
        let first = text.lines().nth(1).unwrap();
        assert_eq!(refused(&text.replace(first, "1,2")), "shape.csv, line 2: 2 columns; expected 23");
        let with = |old, new| refused(&text.replacen(old, new, 1));
        assert_eq!(with("\n1", "\nNaN"), "shape.csv, line 2: \"NaN\" is not a number of at most 100 in size");
        assert!(with("0.0001", "-1").ends_with("expected a positive number, the same for x and y"));
    }
}
