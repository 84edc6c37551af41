//! Tables of shapes of any text: refused in one line, or written and read again, and landmarks
//! refined by them.
use nalgebra::{Matrix2, Point2};
use wingmark::face::Landmark;
use wingmark::face::shape::ShapeModel;

/// As the inputs have.
const LANDMARKS: usize = 3;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ShapeModel::from_csv(text, LANDMARKS) {
        Ok(shape) => {
            let at = |i: usize| Point2::new(i as f32, (i * i) as f32);
            let landmark = |i| Landmark { at: at(i), confidence: 0.5, covariance: Matrix2::identity() };
            shape.refine(&mut [0, 1, 2].map(landmark));
            assert_eq!(ShapeModel::from_csv(&shape.to_csv(), LANDMARKS).expect("a table that was accepted"), shape);
        }
        Err(e) => assert!(!e.to_string().contains('\n'), "{e}"),
    }
}
