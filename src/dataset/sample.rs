//! One annotated face.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::Point2;

use crate::model::scheme::IBUG_68;
use crate::picture::geometry::Rect;

/// Errors are not measured by a face, or a distance between its eyes, that is smaller than this, in
/// pixels.
const SMALLEST_PX: f32 = 0.5;
/// No coordinate of a picture is further from its first pixel than this.
const FARTHEST_PX: f32 = 1e6;

/// One annotated face. A picture with two faces gives two samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The file.
    pub picture: PathBuf,
    /// The picture's name as the data set writes it.
    pub file: String,
    /// `common`, `train` and the like, as the data set calls it.
    pub split: String,
    /// 68 points in iBUG order, in pixels of the picture, pixel centres at whole numbers.
    pub points: Vec<Point2<f32>>,
    /// The head's yaw in degrees, positive to the person's right, where the data set has it.
    pub yaw_deg: Option<f32>,
    /// Where the annotation stands.
    pub place: AnnotationLine,
}

/// Where an annotation stands.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotationLine {
    /// The annotation's file.
    pub path: Arc<Path>,
    /// From 1.
    pub line: u64,
}

impl fmt::Display for AnnotationLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.line)
    }
}

impl Sample {
    /// The box of the landmarks.
    pub fn bounds(&self) -> Rect {
        Rect::around(self.points.iter().copied()).expect("a sample has points")
    }

    /// Whether it is the same face of the same picture, however its numbers are written.
    pub(super) fn is_same_face(&self, other: &Sample) -> bool {
        let mut pairs = self.points.iter().zip(&other.points);
        self.picture == other.picture && pairs.all(|(a, b)| (a - b).norm() < SMALLEST_PX)
    }
}

/// Whether errors can be measured on a face with these 68 points.
pub(super) fn check(points: &[Point2<f32>]) -> Result<(), String> {
    let bounds = Rect::around(points.iter().copied()).ok_or("it has no points")?;
    if bounds.width().max(bounds.height()) < SMALLEST_PX {
        return Err("its points all lie in one place".into());
    }
    let [right, left] = IBUG_68.outer_eye_corners;
    if (points[right] - points[left]).norm() < SMALLEST_PX {
        return Err("its outer eye corners lie in one place, and errors are measured by their distance".into());
    }
    Ok(())
}

/// Reads a coordinate; infinities, NaN and what lies in no picture are refused.
pub(super) fn coordinate(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if value.abs() <= FARTHEST_PX => Ok(value),
        _ => Err(format!("expected a coordinate, found {:?}", text.trim())),
    }
}
