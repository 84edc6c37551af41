//! Heads in three dimensions from the points of many pictures: a rigid factorisation to start with
//! (Tomasi and Kanade, IJCV 1992), then turns and deformations of each face and the heads' common
//! shape in turn, until they agree (Torresani, Hertzmann, Bregler, PAMI 2008).

use anyhow::{Context, Result, ensure};
use nalgebra::{DMatrix, DVector, Matrix2x3, Matrix3, Point2, Rotation3, SMatrix, SVector, Vector2, Vector3};
use wingmark::face::head::{DEFORMATIONS, EYE_DISTANCE_MM, HeadModel, HeadPoint};
use wingmark::model::scheme::IBUG_68;

const POINTS: usize = IBUG_68.landmarks;
/// The shape moves by less than a thousandth after six.
const ROUNDS: usize = 10;
/// Turn, scale, shift, deformations.
const UNKNOWNS: usize = 6 + DEFORMATIONS;
/// Numbers of the common shape at one point: mean and deformations, three each.
const SHAPE: usize = 3 * (1 + DEFORMATIONS);
const FEWEST_FACES: usize = 100;

type Shape = SMatrix<f64, 3, POINTS>;
type Modes = [Shape; DEFORMATIONS];

/// A face under a camera without perspective: `scale * turn * shape + shift`.
struct View {
    points: SMatrix<f64, 2, POINTS>,
    turn: Rotation3<f64>,
    scale: f64,
    shift: Vector2<f64>,
    z: SVector<f64, DEFORMATIONS>,
    z_square: SMatrix<f64, DEFORMATIONS, DEFORMATIONS>,
}

/// The mean head and its deformations. `faces` has each face's mirror image too, so that heads are
/// symmetric.
pub fn head(faces: &[Vec<Point2<f32>>]) -> Result<HeadModel> {
    ensure!(faces.len() >= FEWEST_FACES, "{} faces; a head is learned from {FEWEST_FACES} or more", faces.len());
    let mut mean = rigid(faces)?;
    let mut modes: Modes = std::array::from_fn(first_mode);
    let mut views: Vec<View> = faces.iter().map(|face| View::start(&normalised(face), &mean)).collect();
    let mut variance = 1e-3;
    for _ in 0..ROUNDS {
        views.iter_mut().for_each(|view| view.settle(&mean, &modes, variance));
        variance = views.iter().map(|view| view.squared_error(&mean, &modes)).sum::<f64>()
            / (views.len() * (2 * POINTS - UNKNOWNS)) as f64;
        reshape(&mut views, &mut mean, &mut modes)?;
    }
    Ok(in_millimetres(&mean, &modes, variance))
}

/// Points about their centre, with a root mean square radius of 1.
fn normalised(face: &[Point2<f32>]) -> SMatrix<f64, 2, POINTS> {
    let points = SMatrix::<f64, 2, POINTS>::from_fn(|axis, i| f64::from(face[i][axis]));
    let centred = points - points.column_mean() * SMatrix::<f64, 1, POINTS>::repeat(1.0);
    centred * ((POINTS as f64).sqrt() / centred.norm().max(f64::MIN_POSITIVE))
}

/// Something small and different to start each deformation with.
fn first_mode(mode: usize) -> Shape {
    Shape::from_fn(|axis, i| 0.02 * ((1 + mode) as f64 * 1.7 * i as f64 + axis as f64 * 2.1).sin())
}

/// The rigid head that explains all faces best (Tomasi and Kanade), in a head's axes.
fn rigid(faces: &[Vec<Point2<f32>>]) -> Result<Shape> {
    // The rows of all faces have rank three; their space is that of the sum of squares.
    let shapes: Vec<_> = faces.iter().map(|face| normalised(face)).collect();
    let mut square = DMatrix::<f64>::zeros(POINTS, POINTS);
    shapes.iter().for_each(|s| square += s.transpose() * s);
    let eigen = square.symmetric_eigen();
    let mut order: Vec<usize> = (0..POINTS).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let basis = DMatrix::from_fn(3, POINTS, |row, i| eigen.eigenvectors[(i, order[row])]);
    // Cameras have rows of one length at right angles: linear in the metric of the basis (six
    // numbers).
    let terms = |a: &Vector3<f64>, b: &Vector3<f64>| {
        SVector::<f64, 6>::from([
            a.x * b.x,
            a.x * b.y + a.y * b.x,
            a.x * b.z + a.z * b.x,
            a.y * b.y,
            a.y * b.z + a.z * b.y,
            a.z * b.z,
        ])
    };
    let mut normal = SMatrix::<f64, 6, 6>::zeros();
    let mut size = SVector::<f64, 6>::zeros();
    for shape in &shapes {
        let camera = shape * basis.transpose();
        let row = |i: usize| Vector3::new(camera[(i, 0)], camera[(i, 1)], camera[(i, 2)]);
        let (a, b) = (row(0), row(1));
        for equation in [terms(&a, &a) - terms(&b, &b), terms(&a, &b)] {
            normal += equation * equation.transpose();
        }
        size += terms(&a, &a) + terms(&b, &b);
    }
    // The lengths' sum is fixed, or else nothing would explain all.
    let count = shapes.len() as f64;
    normal += size * size.transpose() / count;
    let metric = normal.cholesky().context("the faces have one pose; turned ones are needed")?.solve(&(size * 2.0));
    let [a, b, c, d, e, f] = metric.data.0[0];
    let eigen = Matrix3::new(a, b, c, b, d, e, c, e, f).symmetric_eigen();
    ensure!(eigen.eigenvalues.min() > 0.0, "the faces have no common rigid head; are the points of the 3D scheme?");
    let root = eigen.eigenvectors * Matrix3::from_diagonal(&eigen.eigenvalues.map(f64::sqrt));
    let shape = root.try_inverse().context("the faces have no depth")? * basis;
    let shape = Shape::from_fn(|axis, i| shape[(axis, i)]);
    let shape = axes(&shape) * centred(&shape);
    // Depth has no sign without perspective: noses point at the camera.
    let nose_in_front = shape[(2, 30)] < shape[(2, 36)];
    let shape = if nose_in_front { shape } else { Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, -1.0)) * shape };
    Ok(unit(&symmetric(&shape)).0)
}

fn centred(shape: &Shape) -> Shape {
    shape - shape.column_mean() * SMatrix::<f64, 1, POINTS>::repeat(1.0)
}

/// Divided by its root mean square radius in a plane, which is given too.
fn unit(shape: &Shape) -> (Shape, f64) {
    let radius = (shape.norm_squared() / POINTS as f64 * 2.0 / 3.0).sqrt();
    (shape / radius, radius)
}

/// The mean of a head and its mirror image.
fn symmetric(shape: &Shape) -> Shape {
    let mirror = Shape::from_fn(|axis, i| shape[(axis, IBUG_68.flip[i])] * if axis == 0 { -1.0 } else { 1.0 });
    (shape + mirror) / 2.0
}

/// The turn into a head's axes: x from right to left eyes and corners of the mouth, y from eyes to
/// mouth.
fn axes(shape: &Shape) -> Matrix3<f64> {
    let at = |i: usize| shape.column(i).into_owned();
    let x = (at(45) - at(36) + at(54) - at(48)).normalize();
    let down = (at(48) + at(54) - at(36) - at(45)) / 2.0;
    let y = (down - x * x.dot(&down)).normalize();
    Matrix3::from_rows(&[x.transpose(), y.transpose(), x.cross(&y).transpose()])
}

impl View {
    fn start(points: &SMatrix<f64, 2, POINTS>, mean: &Shape) -> Self {
        let square = (mean * mean.transpose()).try_inverse().expect("a head has an extent");
        let affine: Matrix2x3<f64> = points * mean.transpose() * square;
        let (across, down) = (affine.row(0).transpose(), affine.row(1).transpose());
        let scale = (across.norm() + down.norm()) / 2.0;
        let x = across.normalize();
        let y = (down - x * x.dot(&down)).normalize();
        let rows = [x.transpose(), y.transpose(), x.cross(&y).transpose()];
        View {
            points: *points,
            turn: Rotation3::from_matrix_unchecked(Matrix3::from_rows(&rows)),
            scale,
            shift: Vector2::zeros(),
            z: SVector::zeros(),
            z_square: SMatrix::identity(),
        }
    }

    fn turned(&self, mean: &Shape, modes: &Modes) -> Shape {
        let shape = modes.iter().zip(self.z.iter()).fold(*mean, |shape, (mode, z)| shape + mode * *z);
        self.turn.matrix() * shape
    }

    fn residual(&self, turned: &Shape) -> SMatrix<f64, 2, POINTS> {
        let shift = self.shift * SMatrix::<f64, 1, POINTS>::repeat(1.0);
        self.points - turned.fixed_rows::<2>(0) * self.scale - shift
    }

    fn squared_error(&self, mean: &Shape, modes: &Modes) -> f64 {
        self.residual(&self.turned(mean, modes)).norm_squared()
    }

    /// Two steps of Gauss-Newton, and the posterior of the deformations.
    fn settle(&mut self, mean: &Shape, modes: &Modes, variance: f64) {
        for _ in 0..2 {
            let turned = self.turned(mean, modes);
            let residual = self.residual(&turned);
            let turned_modes: [Shape; DEFORMATIONS] = std::array::from_fn(|k| self.turn.matrix() * modes[k]);
            let mut precision = SMatrix::<f64, UNKNOWNS, UNKNOWNS>::identity() * 1e-6;
            let mut pull = SVector::<f64, UNKNOWNS>::zeros();
            for i in 0..POINTS {
                let at = turned.column(i);
                let mut slope = SMatrix::<f64, 2, UNKNOWNS>::zeros();
                slope[(0, 1)] = self.scale * at[2];
                slope[(0, 2)] = -self.scale * at[1];
                slope[(1, 0)] = -self.scale * at[2];
                slope[(1, 2)] = self.scale * at[0];
                for axis in 0..2 {
                    slope[(axis, 3)] = self.scale * at[axis];
                    slope[(axis, 4 + axis)] = 1.0;
                    for (k, mode) in turned_modes.iter().enumerate() {
                        slope[(axis, 6 + k)] = self.scale * mode[(axis, i)];
                    }
                }
                precision += slope.tr_mul(&slope) / variance;
                pull += slope.tr_mul(&residual.column(i)) / variance;
            }
            for k in 0..DEFORMATIONS {
                precision[(6 + k, 6 + k)] += 1.0;
                pull[6 + k] -= self.z[k];
            }
            let inverse = precision.cholesky().expect("a sum of squares with a diagonal").inverse();
            let step = inverse * pull;
            self.turn = Rotation3::new(step.fixed_rows::<3>(0).into_owned()) * self.turn;
            self.scale *= step[3].exp();
            self.shift += step.fixed_rows::<2>(4);
            self.z += step.fixed_rows::<DEFORMATIONS>(6);
            self.z_square = self.z * self.z.transpose() + inverse.fixed_view::<DEFORMATIONS, DEFORMATIONS>(6, 6);
        }
    }
}

/// The common shape that explains all views best, made symmetric, in a head's axes and with
/// deformations of one standard deviation each.
fn reshape(views: &mut [View], mean: &mut Shape, modes: &mut Modes) -> Result<()> {
    let mut square = DMatrix::<f64>::identity(SHAPE, SHAPE) * 1e-3;
    let mut cross = DMatrix::<f64>::zeros(SHAPE, POINTS);
    for view in views.iter() {
        let camera = view.turn.matrix().fixed_rows::<2>(0) * view.scale;
        let of_camera = camera.tr_mul(&camera);
        let shifted = view.points - view.shift * SMatrix::<f64, 1, POINTS>::repeat(1.0);
        let back = camera.tr_mul(&shifted);
        let z = |k: usize| if k == 0 { 1.0 } else { view.z[k - 1] };
        for k in 0..=DEFORMATIONS {
            let mut rows = cross.view_mut((3 * k, 0), (3, POINTS));
            rows += back * z(k);
            for l in 0..=DEFORMATIONS {
                let both = if k > 0 && l > 0 { view.z_square[(k - 1, l - 1)] } else { z(k) * z(l) };
                let mut block = square.view_mut((3 * k, 3 * l), (3, 3));
                block += of_camera * both;
            }
        }
    }
    let solved = square.cholesky().context("the faces do not say what a head looks like")?.solve(&cross);
    let part = |k: usize| Shape::from_fn(|axis, i| solved[(3 * k + axis, i)]);
    *mean = centred(&symmetric(&part(0)));
    *modes = std::array::from_fn(|k| part(k + 1));
    let turn = axes(mean);
    let (unit, radius) = unit(&(turn * *mean));
    *mean = unit;
    // z = root z' with z' of unit covariance.
    let count = views.len() as f64;
    let covariance = views.iter().map(|v| v.z_square).sum::<SMatrix<f64, DEFORMATIONS, DEFORMATIONS>>() / count;
    let eigen = covariance.symmetric_eigen();
    let root = eigen.eigenvectors * SMatrix::from_diagonal(&eigen.eigenvalues.map(|value| value.max(1e-12).sqrt()));
    let inverse = root.try_inverse().context("a deformation explains nothing; there are too few faces")?;
    *modes = std::array::from_fn(|k| {
        let mixed = (0..DEFORMATIONS).map(|l| modes[l] * root[(l, k)]).sum::<Shape>();
        turn * mixed / radius
    });
    for view in views {
        view.turn *= Rotation3::from_matrix_unchecked(turn.transpose());
        view.scale *= radius;
        view.z = inverse * view.z;
    }
    Ok(())
}

/// The origin midway between the eyes, which are [`EYE_DISTANCE_MM`] apart; deformations in the
/// order of their size.
fn in_millimetres(mean: &Shape, modes: &Modes, variance: f64) -> HeadModel {
    let eye = |from: usize| mean.columns(from, 6).column_mean();
    let (right, left) = (eye(36), eye(42));
    let mm = f64::from(EYE_DISTANCE_MM) / (left - right).norm();
    let origin = (left + right) / 2.0;
    let all = DMatrix::from_fn(DEFORMATIONS, 3 * POINTS, |k, i| modes[k][(i % 3, i / 3)]);
    let eigen = (&all * all.transpose()).symmetric_eigen();
    let mut order: Vec<usize> = (0..DEFORMATIONS).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let ordered: Vec<DVector<f64>> = order.iter().map(|&k| all.tr_mul(&eigen.eigenvectors.column(k))).collect();
    let point = |i: usize| HeadPoint {
        mean: ((mean.column(i) - origin) * mm).cast(),
        modes: SMatrix::from_fn(|axis, k| (ordered[k][3 * i + axis] * mm) as f32),
        bias: SMatrix::zeros(),
        rest: (variance * mm * mm) as f32,
    };
    HeadModel { points: (0..POINTS).map(point).collect(), spread: 1.0 }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use wingmark::face::zoo;

    use super::*;
    use crate::augment::normal;

    /// Faces of heads that deform as those of `truth`, turned at random, far from the camera; each
    /// with its mirror image.
    fn faces(truth: &HeadModel, count: usize) -> Vec<Vec<Point2<f32>>> {
        let mut rng = StdRng::seed_from_u64(3);
        let face = |rng: &mut StdRng| -> Vec<Point2<f32>> {
            let [pitch, yaw, roll] = [0.4, 1.2, 0.3].map(|most: f32| rng.random_range(-most..most));
            let turn = Rotation3::from_euler_angles(pitch, yaw, roll);
            let deformation = SVector::<f32, DEFORMATIONS>::from_fn(|_, _| normal(rng));
            let at = |point: &HeadPoint| turn * (point.mean + point.modes * deformation);
            truth.points.iter().map(|point| Point2::from(at(point).xy() * 1.7)).collect()
        };
        (0..count)
            .flat_map(|_| {
                let face = face(&mut rng);
                [crate::augment::mirrored(&face, 0.0, &IBUG_68), face]
            })
            .collect()
    }

    #[test]
    fn a_head_is_found_again_from_faces_of_its_like() {
        let truth = zoo::shipped("nano").unwrap().load().unwrap().head.unwrap();
        let found = head(&faces(&truth, 300)).unwrap();
        let off = found.points.iter().zip(&truth.points).map(|(a, b)| (a.mean - b.mean).norm());
        let mean_mm = off.sum::<f32>() / POINTS as f32;
        assert!(mean_mm < 3.0, "the mean head is off by {mean_mm} mm");
        let size = |head: &HeadModel| head.points.iter().map(|p| p.modes.norm_squared()).sum::<f32>().sqrt();
        let ratio = size(&found) / size(&truth);
        assert!((0.8..1.25).contains(&ratio), "deformations are {ratio} times as large");
    }

    #[test]
    fn too_few_faces_are_refused() {
        let truth = zoo::shipped("nano").unwrap().load().unwrap().head.unwrap();
        let few = head(&faces(&truth, 10)).unwrap_err().to_string();
        assert!(few.starts_with("20 faces; a head is learned from 100 or more"), "{few}");
    }
}
