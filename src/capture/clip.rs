//! A still picture moved about smoothly, as a camera might see it: the built-in source, with the
//! motion known exactly.

use std::f32::consts::TAU;

use nalgebra::{Point2, Similarity2, Vector2};

use super::{CaptureError, Captured, NOMINAL_RATE, Pace, Source};
use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, FrameError, PixelFormat, Size};
use crate::picture::geometry::Crop;

/// Seconds after which the motion repeats.
const PERIOD_S: f32 = 4.0;
/// Largest shift in each direction, as a share of the frame's side.
const PAN: f32 = 0.06;
/// Largest change of scale, up and down.
const ZOOM: f32 = 0.2;
/// Largest roll, in radians.
const ROLL: f32 = 0.35;

/// Ten seconds of a picture that pans, zooms and rolls. The first frame shows it as it is, up to a
/// crop to a square.
pub struct Clip {
    picture: Frame,
    rendered: CropImage,
    next: u32,
}

impl Clip {
    /// How many frames it has.
    pub const FRAMES: u32 = 10 * NOMINAL_RATE;

    /// A clip of square frames, as large as fits into `picture`.
    pub fn of(picture: Frame) -> Self {
        let side_px = picture.size().width.min(picture.size().height);
        Clip { picture, rendered: CropImage::new(side_px), next: 0 }
    }

    /// Where the picture's points are in the frame of that number.
    pub fn frame_from_picture(&self, sequence: u32) -> Similarity2<f32> {
        self.view(sequence).crop_from_frame()
    }

    /// The part of the picture that the frame of that number shows.
    fn view(&self, sequence: u32) -> Crop {
        let side = self.rendered.side_px as f32;
        let phase = TAU * Pace::default().time(sequence).as_secs_f32() / PERIOD_S;
        // Different frequencies, so that position, scale and roll take many combinations.
        let shift = Vector2::new((2.0 * phase).sin(), phase.sin()) * (PAN * side);
        let scale = 1.0 + ZOOM * (1.5 * phase).sin();
        let Size { width, height } = self.picture.size();
        let middle = Point2::new((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
        Crop::new(middle + shift, side * scale, ROLL * phase.sin(), self.rendered.side_px)
    }
}

impl Source for Clip {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        if self.next == Clip::FRAMES {
            return Ok(Captured::End);
        }
        let view = self.view(self.next);
        self.rendered.fill(&self.picture, &view);
        let side = self.rendered.side_px;
        let filled: Result<(), FrameError> =
            frame.fill(PixelFormat::Rgb24, Size { width: side, height: side }, side * 3, |bytes| {
                bytes.clone_from(&self.rendered.rgb);
                Ok(())
            });
        filled.expect("a crop has a pixel for each of its cells");
        frame.stamp(self.next, Pace::default().time(self.next));
        self.next += 1;
        Ok(Captured::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark picture with one bright spot of 5 x 5 pixels.
    fn spot(x: usize, y: usize) -> Frame {
        let mut bytes = vec![0; 64 * 48 * 3];
        for row in y - 2..=y + 2 {
            bytes[(row * 64 + x - 2) * 3..][..15].fill(255);
        }
        Frame::from_rgb(Size { width: 64, height: 48 }, bytes).unwrap()
    }

    /// The centre of what is brighter than the grey outside the picture.
    fn centre_of_light(frame: &Frame) -> Point2<f32> {
        let side = frame.size().width as usize;
        let lit = (0..side * side).filter(|i| frame.bytes()[i * 3] > 140);
        let (count, sum) = lit.fold((0.0, Vector2::zeros()), |(count, sum), i| {
            (count + 1.0, sum + Vector2::new((i % side) as f32, (i / side) as f32))
        });
        Point2::from(sum / count)
    }

    #[test]
    fn the_first_frame_is_the_middle_of_the_picture() {
        let mut frame = Frame::default();
        Clip::of(spot(30, 20)).capture_into(&mut frame).unwrap();
        assert_eq!(frame.size(), Size { width: 48, height: 48 });
        assert_eq!(centre_of_light(&frame), Point2::new(22.0, 20.0));
    }

    #[test]
    fn what_moves_is_where_it_is_said_to_be() {
        let mut clip = Clip::of(spot(35, 20));
        let mut frame = Frame::default();
        let mut seen = 0;
        while clip.capture_into(&mut frame).unwrap() == Captured::Frame {
            let expected = clip.frame_from_picture(frame.sequence()) * Point2::new(35.0, 20.0);
            let found = centre_of_light(&frame);
            assert!((found - expected).norm() < 0.5, "frame {}: {found} is not {expected}", frame.sequence());
            seen += 1;
        }
        assert_eq!(seen, Clip::FRAMES);
    }
}
