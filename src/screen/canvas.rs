//! A picture in memory that embedded-graphics draws on.

use std::convert::Infallible;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{self, OriginDimensions};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::{Pixel, geometry::Point};

use crate::frame::{Frame, Size};

/// Packed RGB, `[row, column, channel]`. Drawing outside is ignored.
#[derive(Debug, Clone, Default)]
pub struct Canvas {
    sequence: u32,
    size: Size,
    rgb: Vec<u8>,
}

impl Canvas {
    /// Becomes a copy of the frame, in its size.
    ///
    /// # Panics
    /// When the frame does not pass [`Frame::check`].
    pub fn show(&mut self, frame: &Frame) {
        self.sequence = frame.sequence;
        self.size = frame.size;
        self.rgb = frame.to_rgb();
    }

    /// The number of the frame that is shown.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn rgb(&self) -> &[u8] {
        &self.rgb
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_changes_the_pixel_meant_and_nothing_outside() {
        let mut canvas = Canvas::default();
        canvas.show(&Frame::from_rgb(Size { width: 3, height: 2 }, vec![7; 18]).unwrap());
        let pixels =
            [(2, 1), (3, 1), (2, 2), (-1, 0), (i32::MIN, i32::MAX)].map(|(x, y)| Pixel(Point::new(x, y), Rgb888::RED));
        canvas.draw_iter(pixels).unwrap();
        let mut expected = vec![7; 18];
        expected[15..].copy_from_slice(&[255, 0, 0]);
        assert_eq!(canvas.rgb(), expected);
    }
}
