//! A card that looks wrong where a screen's settings are wrong; boards/TESTCARD.md says which
//! setting each fault means.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Drawable, Pixel, PointsIter, Primitive};
use embedded_graphics::primitives::{Circle, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::overlay::text::magnified;

const GROUND: Rgb888 = Rgb888::new(40, 40, 48);
const GRID: Rgb888 = Rgb888::new(80, 80, 92);

/// Pixels between the lines of the grid, and the width of the marks along the edges.
const GRID_PX: u32 = 16;
/// Lines of each mark, two pixels from one to the next.
const MARK_LINES: i32 = 5;

/// Fills the target.
#[derive(Debug, Clone, Copy)]
pub struct TestCard;

impl Drawable for TestCard {
    type Color = Rgb888;
    type Output = ();

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        let card = target.bounding_box();
        target.fill_solid(&card, GROUND)?;
        draw_grid(card, target)?;
        draw_circle(card, target)?;
        draw_bars(band(card, 18, 16), target)?;
        draw_gradients(band(card, 38, 24), target)?;
        draw_patterns(band(card, 66, 12), target)?;
        let size = format!("{}x{}", card.size.width, card.size.height);
        draw_text(&size, band(card, 80, 8).center(), target)?;
        draw_corners(card, target)?;
        draw_edges(card, target)
    }
}

/// A strip of the middle three fifths, so many hundredths from the top and so many high.
fn band(card: Rectangle, top: u32, height: u32) -> Rectangle {
    let Size { width, height: card_height } = card.size;
    let corner = Point::new((width / 5) as i32, (card_height * top / 100) as i32);
    Rectangle::new(card.top_left + corner, Size::new(width * 3 / 5, card_height * height / 100))
}

/// The strip's part of that number, out of so many beside each other.
fn column(strip: Rectangle, number: u32, of: u32) -> Rectangle {
    let edge = |number: u32| strip.size.width * number / of;
    let left = Point::new(edge(number) as i32, 0);
    Rectangle::new(strip.top_left + left, Size::new(edge(number + 1) - edge(number), strip.size.height))
}

/// Lines of one pixel: uneven where a display scales, slanted where its rows have another length.
fn draw_grid<D: DrawTarget<Color = Rgb888>>(card: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let Size { width, height } = card.size;
    for x in (0..width).step_by(GRID_PX as usize) {
        target.fill_solid(&Rectangle::new(Point::new(x as i32, 0), Size::new(1, height)), GRID)?;
    }
    for y in (0..height).step_by(GRID_PX as usize) {
        target.fill_solid(&Rectangle::new(Point::new(0, y as i32), Size::new(width, 1)), GRID)?;
    }
    Ok(())
}

/// Round where pixels are square.
fn draw_circle<D: DrawTarget<Color = Rgb888>>(card: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let diameter = card.size.width.min(card.size.height) * 9 / 10;
    let style = PrimitiveStyle::with_stroke(Rgb888::WHITE, 1 + diameter / 300);
    Circle::with_center(card.center(), diameter).into_styled(style).draw(target)
}

/// Red, green, blue, white and black, each with its letter.
fn draw_bars<D: DrawTarget<Color = Rgb888>>(strip: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let bars =
        [("R", Rgb888::RED), ("G", Rgb888::GREEN), ("B", Rgb888::BLUE), ("W", Rgb888::WHITE), ("K", Rgb888::BLACK)];
    for (i, (letter, colour)) in (0..).zip(bars) {
        let bar = column(strip, i, bars.len() as u32);
        target.fill_solid(&bar, colour)?;
        draw_text(letter, bar.center(), target)?;
    }
    Ok(())
}

/// From black to red, green, blue and white: even, in steps where pixels have few bits, torn where
/// bytes change places.
fn draw_gradients<D: DrawTarget<Color = Rgb888>>(strip: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let Size { width, height } = strip.size;
    let shade = |row: u32, level: u8| match row {
        0 => Rgb888::new(level, 0, 0),
        1 => Rgb888::new(0, level, 0),
        2 => Rgb888::new(0, 0, level),
        _ => Rgb888::new(level, level, level),
    };
    for row in 0..4 {
        let (top, bottom) = (height * row / 4, height * (row + 1) / 4);
        for x in 0..width {
            let level = (x * 255 / (width - 1).max(1)) as u8;
            let line = Rectangle::new(strip.top_left + Point::new(x as i32, top as i32), Size::new(1, bottom - top));
            target.fill_solid(&line, shade(row, level))?;
        }
    }
    Ok(())
}

/// Upright lines, level lines and a chessboard of single pixels.
fn draw_patterns<D: DrawTarget<Color = Rgb888>>(strip: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let patterns: [fn(Point) -> bool; 3] = [|p| p.x % 2 == 0, |p| p.y % 2 == 0, |p| (p.x + p.y) % 2 == 0];
    for (i, is_white) in (0..).zip(patterns) {
        let place = column(strip, i, 3);
        let colour = |p| if is_white(p) { Rgb888::WHITE } else { Rgb888::BLACK };
        target.draw_iter(place.points().map(|p| Pixel(p, colour(p - place.top_left))))?;
    }
    Ok(())
}

/// The name of each corner: top left, top right, bottom left, bottom right.
fn draw_corners<D: DrawTarget<Color = Rgb888>>(card: Rectangle, target: &mut D) -> Result<(), D::Error> {
    let inset = 2 * MARK_LINES + 4;
    for (name, right, bottom) in [("TL", false, false), ("TR", true, false), ("BL", false, true), ("BR", true, true)] {
        let Size { width, height } = plate_size(name, target);
        let place = |far: bool, side: u32, plate: u32| {
            let near = inset + plate as i32 / 2;
            if far { side as i32 - near } else { near }
        };
        let centre = Point::new(place(right, card.size.width, width), place(bottom, card.size.height, height));
        draw_text(name, centre, target)?;
    }
    Ok(())
}

/// A frame of single pixels, and in the middle of each edge lines that can be counted.
fn draw_edges<D: DrawTarget<Color = Rgb888>>(card: Rectangle, target: &mut D) -> Result<(), D::Error> {
    card.into_styled(PrimitiveStyle::with_stroke(Rgb888::WHITE, 1)).draw(target)?;
    let (middle, half) = (card.center(), GRID_PX as i32);
    let (right, bottom) = (card.size.width as i32 - 1, card.size.height as i32 - 1);
    for depth in 0..2 * MARK_LINES {
        let colour = if depth % 2 == 0 { Rgb888::WHITE } else { Rgb888::BLACK };
        let level = Size::new(2 * GRID_PX, 1);
        let upright = Size::new(1, 2 * GRID_PX);
        for (corner, size) in [
            (Point::new(middle.x - half, depth), level),
            (Point::new(middle.x - half, bottom - depth), level),
            (Point::new(depth, middle.y - half), upright),
            (Point::new(right - depth, middle.y - half), upright),
        ] {
            target.fill_solid(&Rectangle::new(corner, size), colour)?;
        }
    }
    Ok(())
}

/// What [`draw_text`] covers.
fn plate_size<D: DrawTarget<Color = Rgb888>>(text: &str, target: &mut D) -> Size {
    let (font, magnified) = magnified(target);
    let Size { width, height } = font.character_size;
    Size::new((text.len() as u32 + 1) * width, height) * magnified.factor
}

/// White on a plate of black, so that it is read on any colour.
fn draw_text<D: DrawTarget<Color = Rgb888>>(text: &str, centre: Point, target: &mut D) -> Result<(), D::Error> {
    let plate = plate_size(text, target);
    target.fill_solid(&Rectangle::with_center(centre, plate), Rgb888::BLACK)?;
    let (font, mut target) = magnified(target);
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Middle).build();
    let centre = centre / target.factor as i32;
    Text::with_text_style(text, centre, MonoTextStyle::new(font, Rgb888::WHITE), style).draw(&mut target).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame;
    use crate::screen::Canvas;

    /// The card is as it was when a person looked at it. `WINGMARK_BLESS=1 cargo test testcard`
    /// draws it anew.
    #[test]
    fn the_card_is_the_one_that_was_looked_at() {
        for (width, height) in [(240, 240), (320, 240), (80, 160)] {
            let mut canvas = Canvas::new(frame::Size { width, height });
            let Ok(()) = TestCard.draw(&mut canvas);
            let path = format!("{}/tests/screens/testcard-{width}x{height}.png", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("WINGMARK_BLESS").is_some() {
                image::save_buffer(&path, canvas.rgb(), width, height, image::ColorType::Rgb8).unwrap();
            }
            let golden = crate::picture::read(path.as_ref()).unwrap();
            assert_eq!((golden.size(), golden.bytes()), (canvas.size(), canvas.rgb()), "{path}");
        }
    }

    /// What the page says of the card: the outermost pixels are white, and five lines can be
    /// counted at each edge.
    #[test]
    fn every_edge_can_be_checked_by_eye() {
        let (width, height) = (200, 100);
        let mut canvas = Canvas::new(frame::Size { width, height });
        let Ok(()) = TestCard.draw(&mut canvas);
        let is_white = |x: u32, y: u32| canvas.rgb()[((y * width + x) * 3) as usize..][..3] == [255; 3];
        assert!((0..width).all(|x| is_white(x, 0) && is_white(x, height - 1)));
        assert!((0..height).all(|y| is_white(0, y) && is_white(width - 1, y)));
        for depth in 0..10 {
            let expected = depth % 2 == 0;
            let (x, y) = (width / 2, height / 2);
            let edges = [(x, depth), (x, height - 1 - depth), (depth, y), (width - 1 - depth, y)];
            assert!(edges.iter().all(|&(x, y)| is_white(x, y) == expected), "{depth}");
        }
    }
}
