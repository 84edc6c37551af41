//! What was seen, drawn over the picture: boxes, contours, points with their uncertainty, figures
//! and a notice.

mod figures;
pub(crate) mod text;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Point;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Drawable, Primitive};
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle};
use nalgebra::{Affine2, Matrix2, Point2, Vector2};

pub use figures::Figures;
pub use text::{FigureLines, Notice};

use crate::face::{Face, Landmark, Observation};
use crate::model::scheme::Scheme;
use crate::picture::geometry::Rect;

const BOX: Rgb888 = Rgb888::new(70, 130, 255);
const CONTOUR: Rgb888 = Rgb888::new(0, 230, 140);
const POINT: Rgb888 = Rgb888::new(255, 240, 80);
const UNCERTAIN: Rgb888 = Rgb888::new(255, 110, 60);

/// Corners of the polygon that stands for an ellipse.
const ELLIPSE_CORNERS: usize = 24;

/// Beyond this the arithmetic of embedded-graphics overflows for the widest lines that are drawn
/// here, (2 * 5 px * length)^2.
const LONGEST_LINE_PX: i32 = 3000;

/// The faces of an observation, in the canvas's own pixels, so that lines and points are as fine on
/// any screen.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    /// Which landmarks are joined by lines.
    pub scheme: &'a Scheme,
    /// What is drawn.
    pub seen: &'a Observation,
    /// Where pixels of the frame that was observed are on the canvas.
    pub canvas_from_frame: Affine2<f32>,
}

impl Drawable for Overlay<'_> {
    type Color = Rgb888;
    type Output = ();

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        self.seen.faces.iter().try_for_each(|face| self.draw_face(face, target))
    }
}

impl Overlay<'_> {
    fn draw_face<D: DrawTarget<Color = Rgb888>>(&self, face: &Face, target: &mut D) -> Result<(), D::Error> {
        let Rect { min, max } = face.bounds;
        let (min, max) = (self.canvas_from_frame * min, self.canvas_from_frame * max);
        let side_px = (max - min).abs().max();
        let line_px = (side_px / 150.0).round().clamp(1.0, 5.0) as u32;
        let dot_px = (side_px / 60.0).round().clamp(2.0, 20.0) as u32;

        let corners = Rectangle::with_corners(pixel(min), pixel(max));
        corners.into_styled(PrimitiveStyle::with_stroke(BOX, line_px)).draw(target)?;
        for landmark in &face.landmarks {
            let outline = self.spread_around(landmark).map(pixel);
            draw_path(outline, PrimitiveStyle::with_stroke(UNCERTAIN, 1), target)?;
        }
        for curve in self.scheme.curves {
            let points = curve.points.iter().map(|&i| pixel(self.canvas_from_frame * face.landmarks[i].at));
            draw_path(points, PrimitiveStyle::with_stroke(CONTOUR, line_px), target)?;
        }
        for (i, landmark) in face.landmarks.iter().enumerate() {
            let dot = Circle::with_center(pixel(self.canvas_from_frame * landmark.at), dot_px);
            let colour = if face.guessed.contains(&i) { UNCERTAIN } else { POINT };
            dot.into_styled(PrimitiveStyle::with_fill(colour)).draw(target)?;
        }
        Ok(())
    }

    /// How far the truth may be from a landmark: one standard deviation all around, as a closed
    /// polygon. About half of the errors are within.
    fn spread_around(&self, landmark: &Landmark) -> impl Iterator<Item = Point2<f32>> {
        let scale: Matrix2<f32> = self.canvas_from_frame.matrix().fixed_view::<2, 2>(0, 0).into_owned();
        // The Cholesky factor maps the unit circle onto one standard deviation.
        let ellipse_from_unit = scale * landmark.covariance.cholesky().map(|c| c.l()).unwrap_or_default();
        let centre = self.canvas_from_frame * landmark.at;
        (0..=ELLIPSE_CORNERS).map(move |i| {
            let (sin, cos) = (std::f32::consts::TAU * i as f32 / ELLIPSE_CORNERS as f32).sin_cos();
            centre + ellipse_from_unit * Vector2::new(cos, sin)
        })
    }
}

/// The pixel that a point lies in, or the nearest that coordinates of 16 bits reach.
fn pixel(at: Point2<f32>) -> Point {
    Point::new(i32::from(at.x.round() as i16), i32::from(at.y.round() as i16))
}

/// Lines from each point to the next, without those that are too long to be drawn.
fn draw_path<D: DrawTarget<Color = Rgb888>>(
    points: impl IntoIterator<Item = Point>,
    style: PrimitiveStyle<Rgb888>,
    target: &mut D,
) -> Result<(), D::Error> {
    let mut points = points.into_iter();
    let Some(mut from) = points.next() else { return Ok(()) };
    for to in points {
        let span = (to - from).abs();
        if span.x.max(span.y) <= LONGEST_LINE_PX {
            Line::new(from, to).into_styled(style).draw(target)?;
        }
        from = to;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::RgbColor;
    use nalgebra::Matrix3;

    use super::*;
    use crate::model::scheme::{Curve, IBUG_68};
    use crate::picture::frame::Size;
    use crate::picture::geometry::Crop;
    use crate::screen::Canvas;

    /// Two points joined by a line.
    const BAR: Scheme = Scheme {
        name: "bar",
        landmarks: 2,
        flip: &[1, 0],
        curves: &[Curve { name: "bar", points: &[0, 1] }],
        outer_eye_corners: [0, 1],
        midline: [0, 1],
        nose_tip: 0,
    };

    fn drawn(landmarks: Vec<Landmark>, canvas_from_frame: Affine2<f32>, size: Size) -> String {
        drawn_with(landmarks, Vec::new(), canvas_from_frame, size)
    }

    fn drawn_with(
        landmarks: Vec<Landmark>,
        guessed: Vec<usize>,
        canvas_from_frame: Affine2<f32>,
        size: Size,
    ) -> String {
        let bounds = Rect::around(landmarks.iter().map(|l| l.at)).unwrap();
        let crop = Crop::new(Point2::origin(), 20.0, 0.0, 16);
        let face = Face { id: 1, bounds, crop, landmarks, guessed, presence: 1.0, measures: Default::default() };
        let seen = Observation { faces: vec![face], ..Observation::default() };
        let mut canvas = Canvas::new(size);
        let Ok(()) = Overlay { scheme: &BAR, seen: &seen, canvas_from_frame }.draw(&mut canvas);
        pattern(&canvas)
    }

    fn pattern(canvas: &Canvas) -> String {
        let letter = |rgb: &[u8]| match Rgb888::new(rgb[0], rgb[1], rgb[2]) {
            BOX => 'b',
            CONTOUR => 'c',
            POINT => 'P',
            UNCERTAIN => 'u',
            Rgb888::BLACK => '.',
            _ => '?',
        };
        let rows = canvas.rgb().chunks(canvas.size().width as usize * 3);
        rows.map(|row| row.chunks(3).map(letter).collect::<String>()).collect::<Vec<_>>().join("\n")
    }

    fn landmark(x: f32, y: f32, covariance: Matrix2<f32>) -> Landmark {
        Landmark { at: Point2::new(x, y), confidence: 1.0, covariance }
    }

    /// So sure that no ellipse is seen.
    fn sure(x: f32, y: f32) -> Landmark {
        landmark(x, y, Matrix2::identity() * 0.01)
    }

    #[test]
    fn a_face_is_a_box_with_points_joined_by_its_curves() {
        let expected = "
...........
.PPbbbbbb..
.PPc....b..
.b..cc..b..
.b....ccb..
.bbbbbbbPP.
........PP.";
        let picture = drawn(vec![sure(1.0, 1.0), sure(8.0, 5.0)], Affine2::identity(), Size { width: 11, height: 7 });
        assert_eq!(picture, expected.trim_start());
    }

    #[test]
    fn a_guessed_point_has_a_colour_of_its_own() {
        let points = vec![sure(1.0, 1.0), sure(8.0, 5.0)];
        let picture = drawn_with(points, vec![1], Affine2::identity(), Size { width: 11, height: 7 });
        assert!(picture.contains(".PPb") && picture.ends_with("........uu."), "{picture}");
    }

    #[test]
    fn a_frame_that_is_scaled_and_mirrored_takes_its_points_along() {
        let expected = "
bbbbbbbbPP
b......cPP
b.....c.b.
b...cc..b.
b..c....b.
b.c.....b.
bc......b.
PPbbbbbbb.
PP........";
        let mirrored = Matrix3::new(-3.0, 0.0, 8.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.0);
        let canvas_from_frame = Affine2::from_matrix_unchecked(mirrored);
        let points = vec![sure(0.0, 0.0), sure(2.7, 2.4)];
        assert_eq!(drawn(points, canvas_from_frame, Size { width: 10, height: 9 }), expected.trim_start());
    }

    #[test]
    fn an_ellipse_leans_with_its_covariance() {
        let oblique = Matrix2::new(9.0, -7.0, -7.0, 9.0);
        let places = |canvas_from_frame: Affine2<f32>| {
            let centre = canvas_from_frame.inverse() * Point2::new(5.0, 5.0);
            let points = vec![landmark(centre.x, centre.y, oblique); 2];
            let picture = drawn(points, canvas_from_frame, Size { width: 11, height: 11 });
            let row = |row: usize| -> Vec<usize> {
                let letters = picture.lines().nth(row).unwrap().char_indices();
                letters.filter(|&(_, letter)| letter == 'u').map(|(x, _)| x).collect()
            };
            (row(2), row(8))
        };
        // x and y vary against each other: up to the right and down to the left.
        let (upper, lower) = places(Affine2::identity());
        assert!(upper.contains(&7) && upper.iter().all(|&x| x > 5), "{upper:?}");
        assert!(lower.contains(&2) && lower.iter().all(|&x| x < 5), "{lower:?}");
        let mirrored = Matrix3::new(-1.0, 0.0, 10.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0);
        let (upper, lower) = places(Affine2::from_matrix_unchecked(mirrored));
        assert!(upper.contains(&3) && upper.iter().all(|&x| x < 5), "{upper:?}");
        assert!(lower.contains(&8) && lower.iter().all(|&x| x > 5), "{lower:?}");
    }

    #[test]
    fn points_that_are_nowhere_do_no_harm() {
        let wild = [f32::NAN, f32::INFINITY, -1e30, 1e9].map(|v| landmark(v, -v, Matrix2::repeat(f32::NAN)));
        let picture = drawn(wild.to_vec(), Affine2::identity(), Size { width: 4, height: 4 });
        assert_eq!(picture.len(), 19);
    }

    #[test]
    fn the_scheme_of_68_points_can_be_drawn() {
        assert!(IBUG_68.curves.iter().flat_map(|c| c.points).all(|&i| i < IBUG_68.landmarks));
    }
}
