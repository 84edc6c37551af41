//! Letterboxes a frame on a canvas: as large as fits, in the middle, between black bars.

use nalgebra::{Affine2, Matrix3};

use super::Canvas;
use super::scale::Scaler;
use crate::picture::frame::{Frame, Size};
use crate::picture::pixels::{PixelReader, Pixels};

/// Puts frames on a canvas. What depends only on the sizes is worked out when they change.
#[derive(Debug, Default)]
pub struct Fitter {
    /// As in a mirror: left and right changed over.
    mirrored: bool,
    frame: Size,
    canvas: Size,
    place: Place,
    scaler: Scaler,
}

impl Fitter {
    pub fn new(mirrored: bool) -> Self {
        Fitter { mirrored, ..Fitter::default() }
    }

    /// Overwrites all of the canvas.
    ///
    /// # Panics
    /// When the canvas has no pixels.
    pub fn fit(&mut self, frame: &Frame, canvas: &mut Canvas) {
        if (frame.size(), canvas.size()) != (self.frame, self.canvas) {
            self.prepare(frame.size(), canvas.size());
        }
        self.place.blacken_around(canvas);
        canvas.sequence = frame.sequence();
        frame.read_pixels(Fill { fitter: self, canvas });
    }

    /// Where pixels of the last frame are on the canvas.
    pub fn canvas_from_frame(&self) -> Affine2<f32> {
        let Place { left, top, size } = self.place;
        let scale_x = size.width as f32 / self.frame.width.max(1) as f32;
        let scale_y = size.height as f32 / self.frame.height.max(1) as f32;
        // Edges map onto edges; the first pixel's centre is half a pixel from them.
        let top = top as f32 + (scale_y - 1.0) / 2.0;
        let (scale_x, left) = if self.mirrored {
            (-scale_x, (left + size.width) as f32 - (scale_x + 1.0) / 2.0)
        } else {
            (scale_x, left as f32 + (scale_x - 1.0) / 2.0)
        };
        Affine2::from_matrix_unchecked(Matrix3::new(scale_x, 0.0, left, 0.0, scale_y, top, 0.0, 0.0, 1.0))
    }

    fn prepare(&mut self, frame: Size, canvas: Size) {
        (self.frame, self.canvas) = (frame, canvas);
        self.place = Place::of(frame, canvas);
        self.scaler = Scaler::new(frame, self.place.size, self.mirrored);
    }
}

/// The part of a canvas that shows the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    left: u32,
    top: u32,
    size: Size,
}

impl Place {
    fn of(picture: Size, canvas: Size) -> Self {
        let scaled = |length: u32, numerator: u32, denominator: u32| {
            let (length, numerator, denominator) = (u64::from(length), u64::from(numerator), u64::from(denominator));
            ((length * numerator + denominator / 2) / denominator).max(1) as u32
        };
        let is_wider =
            u64::from(picture.width) * u64::from(canvas.height) >= u64::from(canvas.width) * u64::from(picture.height);
        let size = if is_wider {
            Size { width: canvas.width, height: scaled(picture.height, canvas.width, picture.width) }
        } else {
            Size { width: scaled(picture.width, canvas.height, picture.height), height: canvas.height }
        };
        Place { left: (canvas.width - size.width) / 2, top: (canvas.height - size.height) / 2, size }
    }

    fn blacken_around(&self, canvas: &mut Canvas) {
        let row_bytes = canvas.size().width as usize * 3;
        let (left, width) = (self.left as usize * 3, self.size.width as usize * 3);
        let (top, bottom) = (self.top as usize, (self.top + self.size.height) as usize);
        let rgb = canvas.rgb_mut();
        rgb[..top * row_bytes].fill(0);
        rgb[bottom * row_bytes..].fill(0);
        if width < row_bytes {
            for row in rgb[top * row_bytes..bottom * row_bytes].chunks_exact_mut(row_bytes) {
                row[..left].fill(0);
                row[left + width..].fill(0);
            }
        }
    }
}

struct Fill<'a> {
    fitter: &'a mut Fitter,
    canvas: &'a mut Canvas,
}

impl PixelReader for Fill<'_> {
    type Output = ();

    fn read(self, _: Size, pixels: impl Pixels) {
        let Fitter { place, scaler, .. } = self.fitter;
        let canvas_width = self.canvas.size().width as usize;
        let rows = self.canvas.rgb_mut().as_chunks_mut().0.chunks_exact_mut(canvas_width);
        let (left, width) = (place.left as usize, place.size.width as usize);
        scaler.scale(&pixels, rows.skip(place.top as usize).map(|row| &mut row[left..left + width]));
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;
    use crate::picture::frame::PixelFormat;

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn noise(size: Size) -> Frame {
        let mut state = 1u32;
        let bytes = (0..size.width * size.height * 3).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        Frame::from_rgb(size, bytes.collect()).unwrap()
    }

    fn fitted(frame: &Frame, canvas: Size, mirrored: bool) -> Canvas {
        let mut target = Canvas::new(canvas);
        target.rgb_mut().fill(99);
        Fitter::new(mirrored).fit(frame, &mut target);
        target
    }

    /// How much of source pixel `k` goes into pixel `i`, from the definition, in floating point.
    fn share(i: u32, k: u32, source: u32, target: u32) -> f64 {
        let (i, k, scale) = (f64::from(i), f64::from(k), f64::from(source) / f64::from(target));
        if source > target {
            (((i + 1.0) * scale).min(k + 1.0) - (i * scale).max(k)).max(0.0) / scale
        } else {
            let centre = ((i + 0.5) * scale - 0.5).clamp(0.0, f64::from(source) - 1.0);
            (1.0 - (centre - k).abs()).max(0.0)
        }
    }

    fn reference(frame: &Frame, place: Place, x: u32, y: u32, channel: u32) -> f64 {
        let mut sum = 0.0;
        for row in 0..frame.size().height {
            for column in 0..frame.size().width {
                let weight = share(x, column, frame.size().width, place.size.width)
                    * share(y, row, frame.size().height, place.size.height);
                sum += weight * f64::from(frame.bytes()[((row * frame.size().width + column) * 3 + channel) as usize]);
            }
        }
        sum
    }

    #[test]
    fn every_pixel_is_what_the_definition_says() {
        for (from, to) in [
            (size(16, 12), size(7, 7)),
            (size(5, 9), size(13, 11)),
            (size(11, 3), size(11, 8)),
            (size(40, 2), size(9, 30)),
            (size(1, 1), size(4, 3)),
            (size(13, 8), size(10, 16)),
        ] {
            let frame = noise(from);
            let place = Place::of(from, to);
            for mirrored in [false, true] {
                let canvas = fitted(&frame, to, mirrored);
                for (i, &found) in canvas.rgb().iter().enumerate() {
                    let (x, y, channel) = (i as u32 / 3 % to.width, i as u32 / 3 / to.width, i as u32 % 3);
                    let (column, row) = (x.wrapping_sub(place.left), y.wrapping_sub(place.top));
                    let inside = column < place.size.width && row < place.size.height;
                    let column = if mirrored { place.size.width.wrapping_sub(column.wrapping_add(1)) } else { column };
                    let expected = if inside { reference(&frame, place, column, row, channel) } else { 0.0 };
                    // Rounded twice, once an axis.
                    let error = (f64::from(found) - expected).abs();
                    assert!(error <= 1.02 && (inside || found == 0), "{from} to {to}, {x} {y}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn a_frame_of_the_canvas_size_is_copied_and_a_mirror_turns_each_row_round() {
        let frame = noise(size(9, 4));
        assert_eq!(fitted(&frame, frame.size(), false).rgb(), frame.bytes());
        let rows = frame.bytes().chunks(27);
        let turned: Vec<u8> = rows.flat_map(|row| row.chunks(3).rev().flatten().copied()).collect();
        assert_eq!(fitted(&frame, frame.size(), true).rgb(), turned);
    }

    #[test]
    fn a_picture_of_one_colour_keeps_it_at_every_size() {
        let colour = [250, 131, 7];
        for side in 1..60 {
            let frame = Frame::from_rgb(size(31, 17), colour.repeat(31 * 17)).unwrap();
            let canvas = fitted(&frame, size(side, side), false);
            let (shown, around): (Vec<&[u8]>, Vec<&[u8]>) = canvas.rgb().chunks(3).partition(|pixel| *pixel == colour);
            let Size { width, height } = Place::of(frame.size(), canvas.size()).size;
            assert_eq!(shown.len(), (width * height) as usize, "{side}");
            assert!(around.iter().all(|pixel| *pixel == [0; 3]), "{side}");
        }
    }

    #[test]
    fn pictures_stand_in_the_middle_with_their_proportions() {
        for (picture, canvas, expected) in [
            (size(640, 480), size(240, 240), (0, 30, size(240, 180))),
            (size(640, 480), size(1920, 1080), (240, 0, size(1440, 1080))),
            (size(480, 640), size(800, 480), (220, 0, size(360, 480))),
            (size(16_384, 1), size(100, 100), (0, 49, size(100, 1))),
        ] {
            let place = Place::of(picture, canvas);
            assert_eq!((place.left, place.top, place.size), expected, "{picture} on {canvas}");
        }
    }

    #[test]
    fn points_go_where_their_pixels_go() {
        // One white pixel, seen as the centre of what is light on the canvas.
        for (mirrored, canvas) in [(false, size(90, 50)), (true, size(90, 50)), (true, size(6, 9))] {
            let mut frame = Frame::from_rgb(size(18, 10), vec![0; 540]).unwrap();
            frame.bytes_mut()[(4 * 18 + 5) * 3..][..3].fill(255);
            let mut fitter = Fitter::new(mirrored);
            let mut target = Canvas::new(canvas);
            fitter.fit(&frame, &mut target);
            let light = |i: usize| f32::from(target.rgb()[i * 3]);
            let pixels = 0..(canvas.width * canvas.height) as usize;
            let total: f32 = pixels.clone().map(light).sum();
            let at = |i: usize| Point2::new((i as u32 % canvas.width) as f32, (i as u32 / canvas.width) as f32);
            let centre = pixels.map(|i| at(i).coords * light(i)).sum::<nalgebra::Vector2<f32>>() / total;
            let expected = fitter.canvas_from_frame() * Point2::new(5.0, 4.0);
            // Averaged pixels know the point to half their own size.
            let tolerance = if canvas.width < 18 { 0.5 } else { 0.05 };
            assert!((centre - expected.coords).norm() < tolerance, "{mirrored} {canvas}: {centre} {expected}");
        }
    }

    #[test]
    fn formats_and_sizes_may_change_from_frame_to_frame() {
        let mut fitter = Fitter::new(false);
        let mut canvas = Canvas::new(size(8, 8));
        fitter.fit(&noise(size(30, 20)), &mut canvas);
        let grey = Frame::new(PixelFormat::Grey, size(2, 2), 2, vec![80; 4]).unwrap();
        fitter.fit(&grey, &mut canvas);
        assert_eq!(canvas.rgb(), [80; 192]);
    }
}
