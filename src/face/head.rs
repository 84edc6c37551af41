//! What a head looks like in three dimensions, and how a net sees it: the file `head.csv` of a
//! model.
//!
//! In the head's own axes (x to the left of the person, y down, z from the nose backwards; origin
//! midway between the eyes; millimetres, for eyes [`EYE_DISTANCE_MM`] apart) landmark `i` stands at
//! `mean + modes z` with `z ~ N(0, I)`. A net sees it in the picture at the projection of that,
//! plus `bias(n)`, with an error of covariance `covariance of the landmark + rest`. `bias` is a
//! polynomial in `n`, where the head's z axis points: on a turned head a net puts landmarks where
//! its training pictures had them, which along the jaw is the visible edge of the face. A net's
//! errors go together, so that a pose is off by more than independent errors would have it: its
//! covariance counts `spread` times.
//!
//! All of it is learned from annotated points: shape and deformations by factorisation (Tomasi and
//! Kanade, IJCV 1992; with deformations by expectation maximisation: Torresani, Hertzmann, Bregler,
//! PAMI 2008), the rest from what the net sees.

use nalgebra::{SMatrix, SVector, Vector2, Vector3};
use thiserror::Error;

use crate::text::numbers::{self, TableError};

/// Deformations of a head: mouth, brows, width ..
pub const DEFORMATIONS: usize = 8;
/// Terms of the polynomial of the bias; see [`bias_terms`].
pub const BIAS_TERMS: usize = 8;
/// The mean distance of adults' pupils (Dodgson, "Variation and extrema of human interpupillary
/// distance", 2004).
pub const EYE_DISTANCE_MM: f32 = 63.0;
/// Numbers of the table are no larger: a head has some 100 mm.
const LARGEST: f32 = 1e5;
const AXES: [&str; 3] = ["x", "y", "z"];
const COLUMNS: usize = 3 + 2 + 2 * BIAS_TERMS + 3 * DEFORMATIONS;

/// The heads that a net was trained on, and how it sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadModel {
    pub points: Vec<HeadPoint>,
    /// The covariance of a pose, as a multiple of what it would be if the landmarks' errors were
    /// independent.
    pub spread: f32,
}

/// One landmark of all heads; millimetres.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadPoint {
    pub mean: Vector3<f32>,
    /// How it moves with each deformation, by one standard deviation of it.
    pub modes: SMatrix<f32, 3, DEFORMATIONS>,
    /// What the net adds in the picture, right and down in the head's upright, for each of
    /// [`bias_terms`].
    pub bias: SMatrix<f32, 2, BIAS_TERMS>,
    /// Variance of the error along each axis that the landmark's own covariance does not know of.
    pub rest: f32,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeadError {
    #[error("head.csv, {0}")]
    Table(#[from] TableError),
    #[error("head.csv has {found} rows; expected {expected}, one a landmark")]
    Rows { found: usize, expected: usize },
    #[error(
        "head.csv, line {line}: rest is {rest} and spread {spread}; expected numbers above 0, one spread in all lines"
    )]
    NotPositive { line: usize, rest: f32, spread: f32 },
}

/// The terms of the bias for a head whose z axis points to `n` (x and y), and their derivatives by
/// x and y.
pub fn bias_terms(n: Vector2<f32>) -> (SVector<f32, BIAS_TERMS>, SMatrix<f32, BIAS_TERMS, 2>) {
    let (x, y) = (n.x, n.y);
    let terms = SVector::from([1.0, x, y, x * x, x * y, y * y, x * x * x, x * x * y]);
    let by_x = [0.0, 1.0, 0.0, 2.0 * x, y, 0.0, 3.0 * x * x, 2.0 * x * y];
    let by_y = [0.0, 0.0, 1.0, 0.0, x, 2.0 * y, 0.0, x * x];
    (terms, SMatrix::from_fn(|term, axis| [by_x, by_y][axis][term]))
}

impl HeadModel {
    /// Reads what [`HeadModel::to_csv`] writes: a line a landmark, mean, rest, spread, bias (x and
    /// y of each term), deformations (x, y and z of each).
    pub fn from_csv(text: &str, landmarks: usize) -> Result<Self, HeadError> {
        let mut points = Vec::new();
        let mut all = None;
        for row in numbers::rows(text, COLUMNS, LARGEST)? {
            let (rest, spread, line) = (row[3], row[4], points.len() + 2);
            if rest <= 0.0 || spread <= 0.0 || spread != *all.get_or_insert(spread) {
                return Err(HeadError::NotPositive { line, rest, spread });
            }
            let (bias, modes) = row[5..].split_at(2 * BIAS_TERMS);
            points.push(HeadPoint {
                mean: Vector3::new(row[0], row[1], row[2]),
                modes: SMatrix::from_column_slice(modes),
                bias: SMatrix::from_column_slice(bias),
                rest,
            });
        }
        if points.len() != landmarks {
            return Err(HeadError::Rows { found: points.len(), expected: landmarks });
        }
        Ok(HeadModel { points, spread: all.unwrap_or(1.0) })
    }

    pub fn to_csv(&self) -> String {
        let bias = (0..BIAS_TERMS).flat_map(|term| ["x", "y"].map(|axis| format!("bias{term}_{axis}")));
        let modes = (0..DEFORMATIONS).flat_map(|mode| AXES.map(|axis| format!("d{mode}_{axis}")));
        let names = ["x", "y", "z", "rest", "spread"].map(String::from).into_iter().chain(bias).chain(modes);
        let mut text = names.collect::<Vec<_>>().join(",") + "\n";
        for point in &self.points {
            let first = point.mean.iter().chain([&point.rest, &self.spread]);
            let numbers = first.chain(point.bias.iter()).chain(point.modes.iter());
            text += &(numbers.map(|n| format!("{n:.4}")).collect::<Vec<_>>().join(",") + "\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> HeadModel {
        let point = |i: usize| HeadPoint {
            mean: Vector3::new(i as f32, -2.5, 4.0),
            modes: SMatrix::from_fn(|axis, mode| (axis * 10 + mode) as f32),
            bias: SMatrix::from_fn(|axis, term| axis as f32 - term as f32),
            rest: 0.25,
        };
        HeadModel { points: (0..4).map(point).collect(), spread: 2.0 }
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        assert_eq!(HeadModel::from_csv(&model().to_csv(), 4).unwrap(), model());
    }

    #[test]
    fn a_damaged_table_is_refused_in_one_line() {
        let text = model().to_csv();
        let refused = |text: &str| HeadModel::from_csv(text, 4).unwrap_err().to_string();
        assert_eq!(refused(&text[..text.len() / 2]).lines().count(), 1);
        assert_eq!(refused("x\n"), "head.csv has 0 rows; expected 4, one a landmark");
        assert!(refused(&text.replacen("0.2500", "NaN", 1)).contains("\"NaN\" is not a number"));
        assert!(
            refused(&text.replacen("0.2500", "0", 1)).ends_with("expected numbers above 0, one spread in all lines")
        );
    }

    #[test]
    fn the_derivatives_of_the_bias_are_its_slopes() {
        let at = Vector2::new(0.4, -0.3);
        let (_, slopes) = bias_terms(at);
        let step = 1e-2;
        for axis in 0..2 {
            let mut shift = Vector2::zeros();
            shift[axis] = step;
            let numeric = (bias_terms(at + shift).0 - bias_terms(at - shift).0) / (2.0 * step);
            assert!((numeric - slopes.column(axis)).norm() < 1e-3);
        }
    }
}
