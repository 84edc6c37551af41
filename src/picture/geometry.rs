//! Coordinates and similarity transforms.
//!
//! One convention holds everywhere: the centre of the first pixel (or heatmap cell) is at (0, 0),
//! the centre of its right neighbour at (1, 0), x to the right and y down. So a picture of width
//! `w` covers -0.5 to `w - 0.5`. Transforms are named `destination_from_source`, points
//! `name_in_space`.

use nalgebra::{Point2, Similarity2, UnitComplex, Vector2};

use crate::picture::frame::Size;

/// An axis-parallel box, in pixels of the space it lives in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// The corner at the upper left.
    pub min: Point2<f32>,
    /// The corner at the lower right.
    pub max: Point2<f32>,
}

impl Rect {
    /// From the upper left corner to the lower right one.
    pub fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Rect { min: Point2::new(x0, y0), max: Point2::new(x1, y1) }
    }

    /// The smallest box around all points; `None` without points.
    pub fn around(points: impl IntoIterator<Item = Point2<f32>>) -> Option<Self> {
        points.into_iter().fold(None, |found, p| match found {
            None => Some(Rect { min: p, max: p }),
            Some(r) => Some(Rect { min: r.min.inf(&p), max: r.max.sup(&p) }),
        })
    }

    /// From left to right.
    pub fn width(&self) -> f32 {
        self.max.x - self.min.x
    }

    /// From top to bottom.
    pub fn height(&self) -> f32 {
        self.max.y - self.min.y
    }

    /// Its middle.
    pub fn centre(&self) -> Point2<f32> {
        nalgebra::center(&self.min, &self.max)
    }

    /// As large, elsewhere.
    pub fn moved(&self, by: Vector2<f32>) -> Rect {
        Rect { min: self.min + by, max: self.max + by }
    }

    /// Width times height.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(&self, other: &Rect) -> f32 {
        let common = Rect { min: self.min.sup(&other.min), max: self.max.inf(&other.max) };
        let union = self.area() + other.area() - common.area();
        if union > 0.0 { common.area() / union } else { 0.0 }
    }
}

/// A square part of a frame, possibly rotated and scaled, that becomes a picture of `side_px` x
/// `side_px`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// From crop pixels to frame pixels. Its scale is frame pixels per crop pixel.
    pub frame_from_crop: Similarity2<f32>,
    /// Width and height of the crop's own picture.
    pub side_px: u32,
}

impl Crop {
    /// A crop of `side_px` pixels that shows a square of `side_in_frame` frame pixels around
    /// `centre_in_frame`, turned so that a face with the given roll (radians, positive clockwise on
    /// the screen) stands upright.
    pub fn new(centre_in_frame: Point2<f32>, side_in_frame: f32, roll: f32, side_px: u32) -> Self {
        let scale = side_in_frame / side_px as f32;
        let middle = (side_px as f32 - 1.0) / 2.0;
        let rotation = UnitComplex::new(roll);
        let offset = rotation * (Vector2::repeat(middle) * scale);
        let frame_from_crop = Similarity2::new(centre_in_frame.coords - offset, roll, scale);
        Crop { frame_from_crop, side_px }
    }

    /// The crop for a face whose landmarks fill `bounds`: a square around its centre, `margin`
    /// times its longer side.
    pub fn around(bounds: &Rect, margin: f32, side_px: u32) -> Self {
        Crop::around_turned(bounds, 0.0, margin, side_px)
    }

    /// The same square turned about its centre, so that a face with the given roll stands upright.
    pub fn around_turned(bounds: &Rect, roll: f32, margin: f32, side_px: u32) -> Self {
        Crop::new(bounds.centre(), bounds.width().max(bounds.height()).max(1.0) * margin, roll, side_px)
    }

    /// The crop for a face with these landmarks, turned by `roll`; the margin applies to the box in
    /// the turned frame. `None` without points.
    pub fn around_points(points_in_frame: &[Point2<f32>], roll: f32, margin: f32, side_px: u32) -> Option<Self> {
        let upright = UnitComplex::new(-roll);
        let bounds = Rect::around(points_in_frame.iter().map(|p| upright * p))?;
        let side = bounds.width().max(bounds.height()).max(1.0) * margin;
        Some(Crop::new(upright.inverse() * bounds.centre(), side, roll, side_px))
    }

    /// The crop that shows a whole frame: the smallest square around it.
    pub fn of_frame(size: Size, side_px: u32) -> Self {
        Crop::of_turned_frame(size, 0.0, 1.0, side_px)
    }

    /// The same square with `reach` times the side, turned about its centre, so that a face with
    /// the given roll stands upright; of a turn that is no multiple of a right angle, the frame's
    /// corners stay outside unless the reach is 1.42 or more.
    pub fn of_turned_frame(size: Size, roll: f32, reach: f32, side_px: u32) -> Self {
        let (width, height) = (size.width as f32, size.height as f32);
        let centre = Point2::new((width - 1.0) / 2.0, (height - 1.0) / 2.0);
        Crop::new(centre, width.max(height) * reach, roll, side_px)
    }

    /// The centre, the side in frame pixels and the roll that [`Crop::new`] takes.
    pub fn square(&self) -> (Point2<f32>, f32, f32) {
        let map = self.frame_from_crop;
        let middle = Point2::from(Vector2::repeat((self.side_px as f32 - 1.0) / 2.0));
        (map * middle, map.scaling() * self.side_px as f32, map.isometry.rotation.angle())
    }

    /// Maps pixels of the frame to those of the crop.
    pub fn crop_from_frame(&self) -> Similarity2<f32> {
        self.frame_from_crop.inverse()
    }

    /// Where the four corners of the crop's area lie in the frame, clockwise from the top left.
    pub fn corners_in_frame(&self) -> [Point2<f32>; 4] {
        let far = self.side_px as f32 - 0.5;
        [(-0.5, -0.5), (far, -0.5), (far, far), (-0.5, far)].map(|(x, y)| self.frame_from_crop * Point2::new(x, y))
    }
}

/// From heatmap cells to pixels of the net's input, where a cell covers `stride` x `stride` pixels.
pub fn crop_from_cells(stride: f32) -> Similarity2<f32> {
    Similarity2::new(Vector2::repeat((stride - 1.0) / 2.0), 0.0, stride)
}

/// The upright box around the ellipse that fills `bounds`, in the other space: as a face turns, it
/// is rather an ellipse than a rectangle.
pub fn box_of_turned(bounds: &Rect, other_from_this: &Similarity2<f32>) -> Rect {
    let centre = other_from_this * bounds.centre();
    let axes = Vector2::new(bounds.width(), bounds.height()) * (other_from_this.scaling() / 2.0);
    let turn = other_from_this.isometry.rotation.to_rotation_matrix();
    let half = turn.matrix().component_mul(turn.matrix()) * axes.component_mul(&axes);
    let half = half.map(f32::sqrt);
    Rect { min: centre - half, max: centre + half }
}

/// The similarity that lays weighted points `(from, to, weight)` over each other with the least sum
/// of weighted squared distances (Umeyama, "Least-squares estimation of transformation parameters
/// between two point patterns", PAMI 1991; without mirroring). `None` where the points on one side
/// lie all in one place.
pub fn align(pairs: impl Iterator<Item = (Point2<f32>, Point2<f32>, f32)> + Clone) -> Option<Similarity2<f32>> {
    let total: f32 = pairs.clone().map(|(_, _, weight)| weight).sum();
    let centroid = |side: fn(Point2<f32>, Point2<f32>) -> Point2<f32>| {
        pairs.clone().map(|(from, to, weight)| side(from, to).coords * weight).sum::<Vector2<f32>>() / total
    };
    let (from_centre, to_centre) = (centroid(|from, _| from), centroid(|_, to| to));
    let (mut cosine, mut sine, mut spread) = (0.0, 0.0, 0.0);
    for (from, to, weight) in pairs {
        let (from, to) = (from.coords - from_centre, to.coords - to_centre);
        cosine += weight * from.dot(&to);
        sine += weight * from.perp(&to);
        spread += weight * from.norm_squared();
    }
    let scale = cosine.hypot(sine) / spread;
    if !(scale.is_normal() && scale.recip().is_normal()) {
        return None;
    }
    let roll = sine.atan2(cosine);
    let offset = UnitComplex::new(roll) * from_centre * scale;
    Some(Similarity2::new(to_centre - offset, roll, scale))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::FRAC_PI_2;

    use super::*;

    #[test]
    fn a_crops_square_makes_the_crop_anew() {
        let crop = Crop::new(Point2::new(40.0, 25.0), 90.0, 0.4, 128);
        let (centre, side, roll) = crop.square();
        assert!(
            (centre - Point2::new(40.0, 25.0)).norm() < 1e-4 && (side - 90.0).abs() < 1e-4 && (roll - 0.4).abs() < 1e-6
        );
        let finer = Crop::new(centre, side, roll, 192);
        for (a, b) in crop.corners_in_frame().iter().zip(finer.corners_in_frame()) {
            assert!((a - b).norm() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn a_crop_covers_the_square_it_was_asked_for() {
        let crop = Crop::new(Point2::new(50.0, 40.0), 20.0, 0.0, 10);
        let [top_left, _, bottom_right, _] = crop.corners_in_frame();
        assert!((top_left - Point2::new(40.0, 30.0)).norm() < 1e-4);
        assert!((bottom_right - Point2::new(60.0, 50.0)).norm() < 1e-4);
        // The middle of an even crop lies between its two middle pixels.
        assert!((crop.frame_from_crop * Point2::new(4.5, 4.5) - Point2::new(50.0, 40.0)).norm() < 1e-4);
    }

    #[test]
    fn roll_turns_a_leaning_face_upright() {
        // A face whose forehead points to the right of the frame has a roll of +90 degrees.
        let crop = Crop::new(Point2::new(50.0, 40.0), 20.0, FRAC_PI_2, 10);
        let forehead = crop.crop_from_frame() * Point2::new(58.0, 40.0);
        assert!((forehead - Point2::new(4.5, 0.5)).norm() < 1e-4, "{forehead}");
        let points = [Point2::new(58.0, 40.0), Point2::new(42.0, 40.0)];
        let same = Crop::around_points(&points, FRAC_PI_2, 1.25, 10).unwrap();
        assert!((same.frame_from_crop.to_homogeneous() - crop.frame_from_crop.to_homogeneous()).norm() < 1e-3);
    }

    #[test]
    fn a_wide_frame_fits_between_bars() {
        let [top_left, _, bottom_right, _] = Crop::of_frame(Size { width: 640, height: 480 }, 192).corners_in_frame();
        assert!((top_left - Point2::new(-0.5, -80.5)).norm() < 1e-3, "{top_left}");
        assert!((bottom_right - Point2::new(639.5, 559.5)).norm() < 1e-3, "{bottom_right}");
    }

    #[test]
    fn cells_and_pixels_share_their_outer_edges() {
        let map = crop_from_cells(4.0);
        assert_eq!(map * Point2::new(-0.5, 31.5), Point2::new(-0.5, 127.5));
    }

    #[test]
    fn aligned_points_lie_where_the_similarity_puts_them() {
        let expected = Similarity2::new(Vector2::new(3.0, -7.0), 2.1, 0.4);
        let corners = [(0.0, 0.0), (5.0, 1.0), (2.0, 8.0)].map(|(x, y)| Point2::new(x, y));
        // A fourth pair, which fits none of the others, has no weight.
        let outlier = (Point2::new(50.0, 50.0), Point2::origin(), 0.0);
        let pairs =
            corners.into_iter().zip([1.0, 0.5, 2.0]).map(|(p, weight)| (p, expected * p, weight)).chain([outlier]);
        let found = align(pairs).unwrap();
        assert!((found.to_homogeneous() - expected.to_homogeneous()).norm() < 1e-4, "{found}");
        assert!(align(corners.into_iter().map(|p| (Point2::origin(), p, 1.0))).is_none());
        assert!(align(std::iter::empty()).is_none());
    }

    #[test]
    fn iou_of_shifted_boxes() {
        let a = Rect::new(0.0, 0.0, 2.0, 2.0);
        assert_eq!(a.iou(&Rect::new(1.0, 0.0, 3.0, 2.0)), 1.0 / 3.0);
        assert_eq!(a.iou(&Rect::new(5.0, 5.0, 6.0, 6.0)), 0.0);
    }

    #[test]
    fn the_box_of_a_turned_face_is_that_of_an_ellipse() {
        let bounds = Rect::new(0.0, 0.0, 8.0, 6.0);
        let turned =
            |degrees: f32| box_of_turned(&bounds, &Similarity2::new(Vector2::zeros(), degrees.to_radians(), 2.0));
        for (degrees, width, height) in
            [(0.0, 16.0, 12.0), (90.0, 12.0, 16.0), (180.0, 16.0, 12.0), (45.0, 14.14, 14.14)]
        {
            let found = turned(degrees);
            assert!(
                (found.width() - width).abs() < 0.01 && (found.height() - height).abs() < 0.01,
                "{degrees}: {found:?}"
            );
        }
        let centre = turned(90.0).centre();
        assert!((centre.x + 6.0).abs() < 1e-4 && (centre.y - 8.0).abs() < 1e-4, "{centre}");
    }
}
