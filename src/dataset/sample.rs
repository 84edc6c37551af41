//! One annotated face.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::Point2;

use crate::model::scheme::IBUG_68;
use crate::picture;
use crate::picture::frame::{Frame, Size};
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
    /// How far the looks of the nets that gave it its points differ, as a share of its side, where
    /// they came so (`wingmark-trainer label`).
    pub spread: Option<f32>,
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

    /// Its picture, if its points can be about it.
    ///
    /// # Errors
    /// In words, with the annotation's place.
    pub fn read_picture(&self) -> Result<Frame, String> {
        let frame = picture::read(&self.picture).map_err(|e| format!("{}: {e}", self.place))?;
        self.check_in(frame.size()).map(|()| frame)
    }

    /// Whether its points can be about a picture of this size; much of a face may lie outside.
    ///
    /// # Errors
    /// In words, with the annotation's place, where all points lie outside, as those of another
    /// picture may.
    pub fn check_in(&self, size: Size) -> Result<(), String> {
        let [width, height] = [size.width, size.height].map(|side| side as f32);
        let is_within = |point: &Point2<f32>| (0.0..width).contains(&point.x) && (0.0..height).contains(&point.y);
        if self.points.iter().any(is_within) {
            return Ok(());
        }
        let centre = self.bounds().centre();
        let place = &self.place;
        Err(format!(
            "{place}: its points lie about ({:.0}, {:.0}), outside of its picture of {size}",
            centre.x, centre.y
        ))
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
    let is_marked = |a: &&Point2<f32>| a.x <= 0.0 && a.y <= 0.0 && points.iter().filter(|b| a == b).count() > 1;
    let marked = points.iter().filter(is_marked).count();
    if marked > 0 {
        return Err(format!(
            "{marked} of its points stand before the picture's corner, as missing ones do; expected all"
        ));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_are_about_no_part_of_a_picture_are_refused() {
        let points: Vec<_> = (0..68).map(|i| Point2::new(i as f32, 10.0 + (i % 7) as f32)).collect();
        let moved = |x: f32| Sample {
            picture: "a.jpg".into(),
            file: "a.jpg".into(),
            split: "test".into(),
            points: points.iter().map(|point| Point2::new(point.x + x, point.y)).collect(),
            yaw_deg: None,
            spread: None,
            place: AnnotationLine { path: Path::new("a.pts").into(), line: 1 },
        };
        let size = Size { width: 100, height: 80 };
        for at_the_border in [0.0, -60.0, 90.0] {
            moved(at_the_border).check_in(size).unwrap();
        }
        let error = moved(5000.0).check_in(size).unwrap_err();
        assert_eq!(error, "a.pts, line 1: its points lie about (5034, 13), outside of its picture of 100x80");
        moved(-68.0).check_in(size).unwrap_err();
    }
}
