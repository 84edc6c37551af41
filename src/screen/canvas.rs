//! A picture in memory that embedded-graphics draws on.

use std::convert::Infallible;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{self, OriginDimensions};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::Dimensions;
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::{Pixel, geometry::Point};

use crate::picture::frame::Size;

/// Packed RGB, `[row, column, channel]`. Drawing outside is ignored.
#[derive(Debug, Default)]
pub struct Canvas {
    /// The number of the frame that is shown.
    pub sequence: u32,
    size: Size,
    rgb: Vec<u8>,
}

impl Clone for Canvas {
    fn clone(&self) -> Self {
        let mut clone = Canvas::default();
        clone.clone_from(self);
        clone
    }

    /// Keeps the memory of the canvas before.
    fn clone_from(&mut self, other: &Self) {
        let Canvas { sequence, size, rgb } = other;
        (self.sequence, self.size) = (*sequence, *size);
        self.rgb.clone_from(rgb);
    }
}

impl Canvas {
    /// A black canvas.
    pub fn new(size: Size) -> Self {
        let mut canvas = Canvas::default();
        canvas.resize(size);
        canvas
    }

    /// Takes another size and turns black; keeps what it shows where it has that size already.
    pub fn resize(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.rgb.clear();
            self.rgb.resize(size.width as usize * size.height as usize * 3, 0);
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Its pixels, `[row, column, channel]`: red, green, blue.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Its pixels, to be changed.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    fn offset(&self, Point { x, y }: Point) -> Option<usize> {
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        let inside = x < self.size.width && y < self.size.height;
        inside.then(|| (y as usize * self.size.width as usize + x as usize) * 3)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> geometry::Size {
        geometry::Size::new(self.size.width, self.size.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            if let Some(offset) = self.offset(at) {
                self.rgb[offset..][..3].copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        let inside = area.intersection(&self.bounding_box());
        for row in inside.rows() {
            let start = self.offset(Point::new(inside.top_left.x, row));
            for pixel in start.into_iter().flat_map(|o| o..o + inside.size.width as usize * 3).step_by(3) {
                self.rgb[pixel..][..3].copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::prelude::PointsIter;

    use super::*;

    #[test]
    fn drawing_changes_the_pixel_meant_and_nothing_outside() {
        let mut canvas = Canvas::new(Size { width: 3, height: 2 });
        canvas.rgb_mut().fill(7);
        let pixels =
            [(2, 1), (3, 1), (2, 2), (-1, 0), (i32::MIN, i32::MAX)].map(|(x, y)| Pixel(Point::new(x, y), Rgb888::RED));
        canvas.draw_iter(pixels).unwrap();
        let mut expected = vec![7; 18];
        expected[15..].copy_from_slice(&[255, 0, 0]);
        assert_eq!(canvas.rgb(), expected);
    }

    #[test]
    fn filling_is_drawing_every_pixel_of_the_area() {
        for (x, y, width, height) in [(1, 1, 2, 2), (-2, -1, 4, 3), (3, 2, 9, 9), (5, 0, 1, 1), (0, 0, 0, 3)] {
            let area = Rectangle::new(Point::new(x, y), geometry::Size::new(width, height));
            let (mut filled, mut drawn) = (Canvas::new(Size { width: 5, height: 4 }), Canvas::default());
            drawn.resize(filled.size);
            filled.fill_solid(&area, Rgb888::GREEN).unwrap();
            drawn.draw_iter(area.points().map(|at| Pixel(at, Rgb888::GREEN))).unwrap();
            assert_eq!(filled.rgb(), drawn.rgb(), "{area:?}");
        }
    }
}
