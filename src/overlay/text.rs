//! Text in a size that suits the canvas. What is not ASCII becomes a question mark.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Dimensions, Point, Size};
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_8X13, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Drawable, Pixel};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};

const NOTICE: Rgb888 = Rgb888::new(170, 30, 30);

/// A canvas whose shorter side is below this has the small font,
const SMALL_BELOW_PX: u32 = 400;
/// and one below this the middle one.
const MIDDLE_BELOW_PX: u32 = 700;
/// So many pixels of the shorter side are worth one size of a font.
const PX_A_SIZE: u32 = 500;

/// Figures at the top left. They are parted by two spaces, and each stays whole where a line ends.
/// Lines beyond the first take a quarter of the canvas at most: the picture matters more.
#[derive(Debug, Clone, Copy)]
pub struct FigureLines<'a>(pub &'a str);

impl Drawable for FigureLines<'_> {
    type Color = Rgb888;
    type Output = ();

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        let (font, mut target) = magnified(target);
        let columns = columns(&target, font);
        let cell = font.character_size;
        let lines = (target.bounding_box().size.height / 4 / cell.height).max(1);
        for (row, line) in (0..lines as i32).zip(wrap(self.0, "  ", columns)) {
            let at = Point::new(0, row * cell.height as i32);
            target.fill_solid(
                &Rectangle::new(at, Size::new((line.len() as u32 + 2) * cell.width, cell.height)),
                Rgb888::BLACK,
            )?;
            write(line, at + Point::new(cell.width as i32, 0), font, &mut target)?;
        }
        Ok(())
    }
}

/// A sentence in a bar across the lower part, for what a user has to know before anything else.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a>(pub &'a str);

impl Drawable for Notice<'_> {
    type Color = Rgb888;
    type Output = ();

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        let (font, mut target) = magnified(target);
        let canvas = target.bounding_box().size;
        let cell = font.character_size;
        let columns = columns(&target, font);
        let lines = wrap(self.0, " ", columns).count() as u32;
        // Half a line above and below, and a line to the edge.
        let height = (lines + 1) * cell.height;
        let top = canvas.height.saturating_sub(height + cell.height) as i32;
        target.fill_solid(&Rectangle::new(Point::new(0, top), Size::new(canvas.width, height)), NOTICE)?;
        for (row, line) in (0..).zip(wrap(self.0, " ", columns)) {
            let left = canvas.width.saturating_sub(line.len() as u32 * cell.width) / 2;
            let at = Point::new(left as i32, top + (row * cell.height + cell.height / 2) as i32);
            write(line, at, font, &mut target)?;
        }
        Ok(())
    }
}

fn write<D: DrawTarget<Color = Rgb888>>(
    line: &str,
    at: Point,
    font: &MonoFont,
    target: &mut D,
) -> Result<(), D::Error> {
    Text::with_baseline(line, at, MonoTextStyle::new(font, Rgb888::WHITE), Baseline::Top).draw(target).map(|_| ())
}

/// Characters that a line holds between two margins of one each.
fn columns(target: &impl Dimensions, font: &MonoFont) -> usize {
    (target.bounding_box().size.width / font.character_size.width).saturating_sub(2) as usize
}

/// Lines of at most so many bytes where the text can be parted at a separator, longer ones where it
/// cannot.
fn wrap<'a>(text: &'a str, separator: &'a str, columns: usize) -> impl Iterator<Item = &'a str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        let mut ends = rest.match_indices(separator).map(|(at, _)| at).chain([rest.len()]).peekable();
        let shortest = *ends.peek()?;
        let end = ends.take_while(|&end| end <= columns).last().unwrap_or(shortest);
        let line = &rest[..end];
        rest = rest[end..].trim_start();
        (!line.is_empty()).then_some(line)
    })
}

/// The font for a canvas, and the canvas seen so that the font's pixels have the right size on it.
pub fn magnified<D: DrawTarget<Color = Rgb888>>(target: &mut D) -> (&'static MonoFont<'static>, Magnified<'_, D>) {
    let Size { width, height } = target.bounding_box().size;
    let shorter = width.min(height);
    let font = match shorter {
        ..SMALL_BELOW_PX => &FONT_6X10,
        SMALL_BELOW_PX..MIDDLE_BELOW_PX => &FONT_8X13,
        _ => &FONT_10X20,
    };
    (font, Magnified { target, factor: (shorter / PX_A_SIZE).max(1) })
}

/// A target of which each pixel is a square of another one's.
pub struct Magnified<'a, D> {
    target: &'a mut D,
    pub factor: u32,
}

impl<D: DrawTarget> Dimensions for Magnified<'_, D> {
    fn bounding_box(&self) -> Rectangle {
        let Rectangle { top_left, size } = self.target.bounding_box();
        Rectangle::new(top_left / self.factor as i32, size / self.factor)
    }
}

impl<D: DrawTarget> DrawTarget for Magnified<'_, D> {
    type Color = D::Color;
    type Error = D::Error;

    fn draw_iter<I: IntoIterator<Item = Pixel<D::Color>>>(&mut self, pixels: I) -> Result<(), D::Error> {
        pixels
            .into_iter()
            .try_for_each(|Pixel(at, colour)| self.fill_solid(&Rectangle::new(at, Size::new_equal(1)), colour))
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: D::Color) -> Result<(), D::Error> {
        let area = Rectangle::new(area.top_left * self.factor as i32, area.size * self.factor);
        self.target.fill_solid(&area, colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame;
    use crate::screen::Canvas;

    fn pattern(canvas: &Canvas) -> Vec<String> {
        let letter = |rgb: &[u8]| match Rgb888::new(rgb[0], rgb[1], rgb[2]) {
            NOTICE => 'n',
            Rgb888::WHITE => 'W',
            Rgb888::BLACK => '.',
            _ => ' ',
        };
        let rows = canvas.rgb().chunks(canvas.size().width as usize * 3);
        rows.map(|row| row.chunks(3).map(letter).collect()).collect()
    }

    fn drawn(text: impl Drawable<Color = Rgb888>, width: u32, height: u32) -> Vec<String> {
        let mut canvas = Canvas::new(frame::Size { width, height });
        canvas.rgb_mut().fill(60);
        let Ok(_) = text.draw(&mut canvas);
        pattern(&canvas)
    }

    #[test]
    fn figures_stand_at_the_top_left_on_black() {
        let expected = [
            "..................      ",
            "........W.........      ",
            ".......WW.........      ",
            "......W.W.........      ",
            "........W.........      ",
            "........W.........      ",
            "........W.........      ",
            "......WWWWW.......      ",
            "..................      ",
            "..................      ",
            "                        ",
        ];
        assert_eq!(drawn(FigureLines("1"), 24, 11), expected);
    }

    #[test]
    fn lines_end_between_figures() {
        let lines = |text, columns| wrap(text, "  ", columns).collect::<Vec<_>>();
        assert_eq!(lines("30.0 fps  4.8 ms  1 face", 16), ["30.0 fps  4.8 ms", "1 face"]);
        assert_eq!(lines("30.0 fps  4.8 ms  1 face", 15), ["30.0 fps", "4.8 ms  1 face"]);
        assert_eq!(lines("30.0 fps  4.8 ms", 3), ["30.0 fps", "4.8 ms"]);
        assert_eq!(lines("", 9), [""; 0]);
    }

    #[test]
    fn a_notice_is_a_bar_with_its_lines_in_the_middle() {
        let rows = drawn(Notice("gone gone"), 48, 60);
        let bar: Vec<usize> = (0..60).filter(|&y| rows[y].starts_with('n')).collect();
        assert_eq!((bar.first(), bar.len(), bar.last()), (Some(&20), 30, Some(&49)));
        for (row, line) in rows.iter().enumerate().filter(|(_, line)| line.contains('W')) {
            let (first, last) = (line.find('W').unwrap(), line.rfind('W').unwrap());
            assert!(first >= 12 && last < 36 && (25..45).contains(&row), "{row}: {line}");
        }
    }

    #[test]
    fn large_canvases_have_large_letters() {
        let height = |width: u32, canvas_height: u32| {
            let rows = drawn(FigureLines("1"), width, canvas_height);
            rows.iter().filter(|row| row.starts_with('.')).count()
        };
        assert_eq!([height(240, 240), height(800, 480), height(1280, 720), height(1920, 1080)], [10, 13, 20, 40]);
    }

    #[test]
    fn of_text_that_does_not_fit_its_corner_is_drawn() {
        // The letters begin a cell from the corner.
        assert_eq!(drawn(FigureLines("30.0 fps  4.8 ms"), 3, 2), ["...", "..."]);
        let large = drawn(Notice("camera gone"), 48, 10);
        assert!(large.iter().all(|row| row.len() == 48 && row.starts_with('n')), "{large:#?}");
        assert_eq!(drawn(Notice("camera gone"), 1, 1), ["n"]);
    }
}
