//! Annotated pictures made harder in known ways, to see where a model gives in.

use std::str::FromStr;

use image::{RgbImage, imageops};
use nalgebra::{Point2, Similarity2};
use thiserror::Error;

use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::{Crop, Rect};

/// One way to make a picture harder. Lengths are relative to the longer side of the box of the
/// face's landmarks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Degradation {
    /// Turned about the face, in degrees, clockwise on the screen. Shows a square as wide as the
    /// picture's longer side.
    Rotate(f32),
    /// Gaussian blur; its standard deviation in per cent of the face.
    Blur(f32),
    /// Darker by this factor (1 is the picture as it is), with the noise of a sensor that has
    /// little light: a standard deviation of 4 of 255 before 8 bits are taken.
    Dark(f32),
    /// Shrunk until the face is this long, in pixels.
    FacePx(f32),
    /// A grey rectangle over the lower part of the face, as a hand or a mask, covering this share
    /// of its box, in per cent.
    Cover(f32),
}

#[derive(Debug, Error, PartialEq)]
#[error(
    "expected rotate:DEGREES, blur:PER_CENT_OF_FACE (0 to 100), dark:FACTOR (1 or more), face:PIXELS (4 or more) or \
     cover:PER_CENT (0 to 100), found {0:?}"
)]
/// A text that names no degradation.
pub struct DegradationError(String);

impl FromStr for Degradation {
    type Err = DegradationError;

    fn from_str(text: &str) -> Result<Self, DegradationError> {
        let unknown = || DegradationError(text.into());
        let (kind, amount) = text.split_once(':').ok_or_else(unknown)?;
        let amount: f32 = amount.parse().ok().filter(|a: &f32| a.is_finite()).ok_or_else(unknown)?;
        match kind {
            "rotate" => Ok(Degradation::Rotate(amount)),
            "blur" if (0.0..=100.0).contains(&amount) => Ok(Degradation::Blur(amount)),
            "dark" if amount >= 1.0 => Ok(Degradation::Dark(amount)),
            "face" if amount >= 4.0 => Ok(Degradation::FacePx(amount)),
            "cover" if (0.0..=100.0).contains(&amount) => Ok(Degradation::Cover(amount)),
            _ => Err(unknown()),
        }
    }
}

impl Degradation {
    /// The harder picture, and where the landmarks lie in it.
    ///
    /// # Panics
    /// Without points.
    pub fn apply(self, frame: &Frame, points: &[Point2<f32>]) -> (Frame, Vec<Point2<f32>>) {
        let (harder, harder_from_frame) = self.of_face(frame, points);
        (harder, points.iter().map(|point| harder_from_frame * point).collect())
    }

    /// The picture made harder for the face with these landmarks, and where what it shows went.
    ///
    /// # Panics
    /// Without points.
    pub fn of_face(self, frame: &Frame, points: &[Point2<f32>]) -> (Frame, Similarity2<f32>) {
        let face = Rect::around(points.iter().copied()).expect("an annotated face has points");
        let face_px = face.width().max(face.height()).max(1.0);
        let longer = frame.size().width.max(frame.size().height);
        let in_place = |frame: Frame| (frame, Similarity2::identity());
        match self {
            Degradation::Rotate(degrees) => {
                seen_through(&Crop::new(face.centre(), longer as f32, -degrees.to_radians(), longer), frame)
            }
            Degradation::FacePx(wanted_px) => {
                let side_px = ((longer as f32 * wanted_px / face_px).round() as u32).clamp(1, longer);
                seen_through(&Crop::of_frame(frame.size(), side_px), frame)
            }
            Degradation::Blur(per_cent) => in_place(edit(frame, |picture| {
                let sigma = per_cent / 100.0 * face_px;
                if sigma > 0.0 { imageops::blur(&picture, sigma) } else { picture }
            })),
            Degradation::Dark(factor) => in_place(edit(frame, |mut picture| {
                let mut noise = Noise(0x2545_f491_4f6c_dd1d);
                for value in picture.iter_mut() {
                    *value = (f32::from(*value) / factor + noise.normal() * 4.0).round() as u8;
                }
                picture
            })),
            Degradation::Cover(per_cent) => in_place(edit(frame, |mut picture| {
                let top = face.max.y - face.height() * per_cent / 100.0;
                for (x, y, pixel) in picture.enumerate_pixels_mut() {
                    let (x, y) = (x as f32, y as f32);
                    if (face.min.x..=face.max.x).contains(&x) && y > top && y <= face.max.y {
                        *pixel = image::Rgb([128; 3]);
                    }
                }
                picture
            })),
        }
    }
}

fn seen_through(crop: &Crop, frame: &Frame) -> (Frame, Similarity2<f32>) {
    let mut image = CropImage::new(crop.side_px);
    image.fill(frame, crop);
    let size = Size { width: crop.side_px, height: crop.side_px };
    let seen = Frame::from_rgb(size, image.rgb).expect("a crop is packed RGB");
    (seen, crop.crop_from_frame())
}

fn edit(frame: &Frame, change: impl FnOnce(RgbImage) -> RgbImage) -> Frame {
    let Size { width, height } = frame.size();
    let picture = RgbImage::from_raw(width, height, frame.to_rgb()).expect("RGB has three bytes a pixel");
    Frame::from_rgb(frame.size(), change(picture).into_raw()).expect("the size is as before")
}

/// Numbers that look random and are the same in each run (xorshift64).
struct Noise(u64);

impl Noise {
    /// Sum of twelve even ones: nearly normal, standard deviation 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.even()).sum::<f32>() - 6.0
    }

    fn even(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bright dot at each point of a face in a dark picture.
    fn dotted() -> (Frame, Vec<Point2<f32>>) {
        let size = Size { width: 90, height: 70 };
        let points = vec![Point2::new(20.0, 20.0), Point2::new(60.0, 25.0), Point2::new(40.0, 50.0)];
        let mut bytes = vec![10; 90 * 70 * 3];
        for p in &points {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (-1, -1), (1, -1), (-1, 1)] {
                let (x, y) = ((p.x as i32 + dx) as usize, (p.y as i32 + dy) as usize);
                bytes[(y * 90 + x) * 3..][..3].fill(250);
            }
        }
        (Frame::from_rgb(size, bytes).unwrap(), points)
    }

    fn brightness(frame: &Frame, at: Point2<f32>) -> u8 {
        frame.bytes()[(at.y.round() as usize * frame.size().width as usize + at.x.round() as usize) * 3]
    }

    #[test]
    fn points_move_with_the_picture() {
        let (frame, points) = dotted();
        for degradation in [Degradation::Rotate(37.0), Degradation::Rotate(-90.0), Degradation::FacePx(80.0)] {
            let (changed, moved) = degradation.apply(&frame, &points);
            for point in moved {
                assert!(brightness(&changed, point) > 150, "{degradation:?}: nothing bright at {point}");
            }
        }
    }

    #[test]
    fn a_turn_to_the_right_takes_what_was_above_to_the_right() {
        let (frame, points) = dotted();
        let (_, before) = Degradation::Rotate(0.0).apply(&frame, &points);
        let (_, after) = Degradation::Rotate(90.0).apply(&frame, &points);
        let centre = Point2::new(44.5, 44.5);
        let (from, to) = (before[0] - centre, after[0] - centre);
        assert!((to.x + from.y).abs() < 1e-3 && (to.y - from.x).abs() < 1e-3, "{from} {to}");
    }

    #[test]
    fn a_face_gets_the_length_asked_for() {
        let (frame, points) = dotted();
        let (_, moved) = Degradation::FacePx(20.0).apply(&frame, &points);
        let bounds = Rect::around(moved).unwrap();
        assert!((bounds.width().max(bounds.height()) - 20.0).abs() < 0.5);
        // It is never made larger.
        let (_, unmoved) = Degradation::FacePx(1e9).apply(&frame, &points);
        let width = |points: &[Point2<f32>]| Rect::around(points.iter().copied()).unwrap().width();
        assert_eq!(width(&unmoved), width(&points));
    }

    #[test]
    fn light_blur_and_cover_change_what_they_say() {
        let (frame, points) = dotted();
        let (dark, _) = Degradation::Dark(5.0).apply(&frame, &points);
        let mean = dark.bytes().iter().map(|&b| f64::from(b)).sum::<f64>() / dark.bytes().len() as f64;
        assert!(brightness(&dark, points[0]).abs_diff(50) < 20 && (1.0..5.0).contains(&mean), "{mean}");
        let (blurred, _) = Degradation::Blur(10.0).apply(&frame, &points);
        assert!(brightness(&blurred, points[0]) < 120);
        let (covered, _) = Degradation::Cover(50.0).apply(&frame, &points);
        assert_eq!(brightness(&covered, points[2]), 128);
        assert_eq!(brightness(&covered, points[0]), 250);
    }

    #[test]
    fn what_is_not_known_is_refused_in_words() {
        assert_eq!("blur:2.5".parse(), Ok(Degradation::Blur(2.5)));
        for wrong in ["blur", "blur:x", "blur:1e9", "dark:0.5", "face:1", "cover:101", "fog:3", "rotate:NaN"] {
            let error = wrong.parse::<Degradation>().unwrap_err().to_string();
            assert!(error.starts_with("expected rotate:DEGREES") && error.ends_with(&format!("{wrong:?}")), "{error}");
        }
    }
}
