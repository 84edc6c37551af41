//! What was seen, drawn over the picture: boxes, contours, points with their uncertainty, and a line of figures.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyleBuilder};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Drawable, Primitive};
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use nalgebra::{Point2, Vector2};

use crate::decode::Landmark;
use crate::observe::{Face, Observation};
use crate::scheme::Scheme;

const BOX: Rgb888 = Rgb888::new(70, 130, 255);
const CONTOUR: Rgb888 = Rgb888::new(0, 230, 140);
const POINT: Rgb888 = Rgb888::new(255, 240, 80);
const UNCERTAIN: Rgb888 = Rgb888::new(255, 110, 60);

/// Corners of the polygon that stands for an ellipse.
const ELLIPSE_CORNERS: usize = 24;

/// Beyond this the arithmetic of embedded-graphics overflows for the widest lines that are drawn here, (2 * 5 px * length)^2.
const LONGEST_LINE_PX: i32 = 3000;

/// Draws an observation over the frame that it was made from, pixel for pixel.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    pub scheme: &'a Scheme,
    pub seen: &'a Observation,
    /// Draw one standard deviation of the heat around each point.
    pub ellipses: bool,
    /// A line of ASCII text for the top left corner; may be empty.
    pub figures: &'a str,
}

impl Drawable for Overlay<'_> {
    type Color = Rgb888;
    type Output = ();

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        for face in &self.seen.faces {
            self.draw_face(face, target)?;
        }
        draw_figures(self.figures, target)
    }
}

impl Overlay<'_> {
    fn draw_face<D: DrawTarget<Color = Rgb888>>(&self, face: &Face, target: &mut D) -> Result<(), D::Error> {
        let side_px = face.bounds.width().max(face.bounds.height());
        let line_px = (side_px / 150.0).round().clamp(1.0, 5.0) as u32;
        let dot_px = (side_px / 60.0).round().clamp(2.0, 20.0) as u32;

        let corners = Rectangle::with_corners(pixel(face.bounds.min), pixel(face.bounds.max));
        corners.into_styled(PrimitiveStyle::with_stroke(BOX, line_px)).draw(target)?;
        if self.ellipses {
            for landmark in &face.landmarks {
                draw_path(ellipse(landmark), PrimitiveStyle::with_stroke(UNCERTAIN, 1), target)?;
            }
        }
        for curve in self.scheme.curves {
            let points = curve.points.iter().map(|&i| pixel(face.landmarks[i].at));
            draw_path(points, PrimitiveStyle::with_stroke(CONTOUR, line_px), target)?;
        }
        for landmark in &face.landmarks {
            let dot = Circle::with_center(pixel(landmark.at), dot_px);
            dot.into_styled(PrimitiveStyle::with_fill(POINT)).draw(target)?;
        }
        Ok(())
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

/// One standard deviation around a landmark, as a closed polygon.
fn ellipse(landmark: &Landmark) -> impl Iterator<Item = Point> {
    // The Cholesky factor maps the unit circle onto the ellipse.
    let unit_to_ellipse = landmark.covariance.cholesky().map(|c| c.l()).unwrap_or_default();
    let centre = landmark.at;
    (0..=ELLIPSE_CORNERS).map(move |i| {
        let (sin, cos) = (std::f32::consts::TAU * i as f32 / ELLIPSE_CORNERS as f32).sin_cos();
        pixel(centre + unit_to_ellipse * Vector2::new(cos, sin))
    })
}

fn draw_figures<D: DrawTarget<Color = Rgb888>>(text: &str, target: &mut D) -> Result<(), D::Error> {
    let width = target.bounding_box().size.width;
    let font: &MonoFont = if width >= 640 { &FONT_10X20 } else { &FONT_6X10 };
    let style =
        MonoTextStyleBuilder::new().font(font).text_color(Rgb888::WHITE).background_color(Rgb888::BLACK).build();
    Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(target).map(|_| ())
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix2;

    use super::*;
    use crate::frame::{Frame, Size};
    use crate::geometry::{Crop, Rect};
    use crate::scheme::{Curve, IBUG_68};
    use crate::screen::Canvas;

    /// Two points joined by a line.
    const BAR: Scheme = Scheme {
        name: "bar",
        landmarks: 2,
        flip: &[1, 0],
        curves: &[Curve { name: "bar", points: &[0, 1] }],
        outer_eye_corners: [0, 1],
        midline: [0, 1],
    };

    fn drawn(landmarks: Vec<Landmark>, ellipses: bool, figures: &str, size: Size) -> String {
        let bounds = Rect::around(landmarks.iter().map(|l| l.at)).unwrap();
        let crop = Crop::new(Point2::origin(), 20.0, 0.0, 16);
        let face = Face { id: 1, bounds, crop, landmarks, confidence: 1.0 };
        let seen = Observation { faces: vec![face], ..Observation::default() };
        let mut canvas = Canvas::default();
        let black = vec![0; (size.width * size.height * 3) as usize];
        canvas.show(&Frame::from_rgb(size, black).unwrap());
        let Ok(()) = Overlay { scheme: &BAR, seen: &seen, ellipses, figures }.draw(&mut canvas);
        pattern(&canvas)
    }

    fn pattern(canvas: &Canvas) -> String {
        let letter = |rgb: &[u8]| match Rgb888::new(rgb[0], rgb[1], rgb[2]) {
            BOX => 'b',
            CONTOUR => 'c',
            POINT => 'P',
            UNCERTAIN => 'u',
            Rgb888::WHITE => 'W',
            Rgb888::BLACK => '.',
            _ => '?',
        };
        let rows = canvas.rgb().chunks(canvas.size().width as usize * 3);
        rows.map(|row| row.chunks(3).map(letter).collect::<String>()).collect::<Vec<_>>().join("\n")
    }

    fn landmark(x: f32, y: f32, covariance: Matrix2<f32>) -> Landmark {
        Landmark { at: Point2::new(x, y), confidence: 1.0, covariance }
    }

    #[test]
    fn a_face_is_a_box_with_points_joined_by_its_curves() {
        let points = vec![landmark(1.0, 1.0, Matrix2::identity()), landmark(8.0, 5.0, Matrix2::identity())];
        let expected = "
...........
.PPbbbbbb..
.PPc....b..
.b..cc..b..
.b....ccb..
.bbbbbbbPP.
........PP.";
        assert_eq!(drawn(points, false, "", Size { width: 11, height: 7 }), expected.trim_start());
    }

    #[test]
    fn an_ellipse_leans_with_its_covariance() {
        let oblique = Matrix2::new(9.0, -7.0, -7.0, 9.0);
        let picture = drawn(vec![landmark(5.0, 5.0, oblique); 2], true, "", Size { width: 11, height: 11 });
        let rows: Vec<&str> = picture.lines().collect();
        // x and y vary against each other: up to the right and down to the left.
        assert_eq!((rows[2].find('u'), rows[8].find('u')), (Some(7), Some(2)), "\n{picture}");
        assert!(!rows[2][..6].contains('u') && !rows[8][6..].contains('u'), "\n{picture}");
    }

    #[test]
    fn figures_stand_at_the_top_left() {
        let picture =
            drawn(vec![landmark(30.0, 30.0, Matrix2::identity()); 2], false, "1", Size { width: 12, height: 10 });
        let column: String = picture.lines().map(|row| &row[2..3]).collect();
        assert_eq!(column, ".WWWWWWW..", "\n{picture}");
        assert!(!picture.lines().any(|row| row[6..].contains('W')));
    }

    #[test]
    fn points_that_are_nowhere_do_no_harm() {
        let wild = [f32::NAN, f32::INFINITY, -1e30, 1e9].map(|v| landmark(v, -v, Matrix2::repeat(f32::NAN)));
        let picture = drawn(wild.to_vec(), true, "", Size { width: 4, height: 4 });
        assert_eq!(picture.len(), 19);
    }

    #[test]
    fn the_scheme_of_68_points_can_be_drawn() {
        assert!(IBUG_68.curves.iter().flat_map(|c| c.points).all(|&i| i < IBUG_68.landmarks));
    }
}
