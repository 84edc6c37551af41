//! From handing a picture to a screen to having a camera's frame that shows it (glass-to-glass
//! latency).
//!
//! A screen flips between black and white; the camera sees it. The delay of a flip ends with the
//! first frame in hand whose mean brightness is past the middle of the two, so that a frame in the
//! midst of whose exposure the screen changed counts for what it shows most of. A flip comes at any
//! phase of the camera's period with equal chance; delays are therefore spread over one period, as
//! they are in use.

use std::time::Duration;

use thiserror::Error;

use crate::picture::crop::CropImage;
use crate::picture::frame::Frame;
use crate::picture::geometry::Crop;
use crate::report::durations::Latencies;

/// Side of the grid of cells in which the screen is looked for.
const GRID: u32 = 16;
/// Difference of black and white that a cell has to show, of 255.
const LEAST_CONTRAST: f64 = 16.0;
/// Cells with this share of the best one's contrast belong to the screen.
const SCREEN_SHARE: f64 = 0.5;

/// The screen was told to change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flip {
    /// Before the picture was handed over.
    pub at: Duration,
    pub to_white: bool,
}

/// A frame of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// When it was in hand.
    pub at: Duration,
    /// Of the part that shows the screen: 0 to 1 from black to white.
    pub brightness: f64,
}

/// What became of the flips.
#[derive(Debug, Clone, Default)]
pub struct Delays {
    pub seen: Latencies,
    pub missed: usize,
}

#[derive(Debug, Error, PartialEq)]
pub enum SpotError {
    #[error(
        "the camera does not see the screen: black and white differ by {0:.0} of 255, expected {LEAST_CONTRAST} or more; \
         point it at the screen and darken the room"
    )]
    NoContrast(f64),
}

/// Mean brightness of each cell of a frame, 0 to 255, row by row.
pub struct Cells(Vec<f64>);

/// The cells that show the screen, and their brightness when it is black and white.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    cells: Vec<usize>,
    black: f64,
    white: f64,
}

impl Cells {
    pub fn of(frame: &Frame) -> Cells {
        let mut image = CropImage::new(GRID);
        image.fill(frame, &Crop::of_frame(frame.size(), GRID));
        let sum = |pixel: &[u8]| pixel.iter().map(|value| f64::from(*value)).sum::<f64>();
        Cells(image.rgb.chunks_exact(3).map(|pixel| sum(pixel) / 3.0).collect())
    }

    fn mean(&self, cells: &[usize]) -> f64 {
        cells.iter().map(|&i| self.0[i]).sum::<f64>() / cells.len() as f64
    }
}

impl Spot {
    /// Finds the screen from a frame that shows it black and one that shows it white.
    pub fn find(black: &Cells, white: &Cells) -> Result<Spot, SpotError> {
        let contrast: Vec<f64> = white.0.iter().zip(&black.0).map(|(white, black)| white - black).collect();
        let best = contrast.iter().copied().fold(0.0, f64::max);
        if best < LEAST_CONTRAST {
            return Err(SpotError::NoContrast(best));
        }
        let cells: Vec<usize> = (0..contrast.len()).filter(|&i| contrast[i] >= best * SCREEN_SHARE).collect();
        Ok(Spot { black: black.mean(&cells), white: white.mean(&cells), cells })
    }

    /// 0 where the screen is black, 1 where it is white.
    pub fn brightness(&self, cells: &Cells) -> f64 {
        (cells.mean(&self.cells) - self.black) / (self.white - self.black)
    }
}

/// The delay of each flip: until the first frame past the middle that the next frame confirms. A
/// flip is missed when that does not happen before the next flip, or when the frame before already
/// showed it.
///
/// Both in order of time; the screen's colours alternate.
pub fn delays(flips: &[Flip], sights: &[Sight]) -> Delays {
    let mut delays = Delays::default();
    for (i, flip) in flips.iter().enumerate() {
        let shows = |sight: &Sight| (sight.brightness > 0.5) == flip.to_white;
        let next_flip = flips.get(i + 1).map_or(Duration::MAX, |next| next.at);
        let (until, after) = sights.split_at(sights.partition_point(|sight| sight.at <= flip.at));
        let before = until.last();
        let mut after = after.iter().take_while(|sight| sight.at <= next_flip).peekable();
        let mut found = None;
        while let Some(sight) = after.next() {
            if shows(sight) && after.peek().is_none_or(|next| shows(next)) {
                found = Some(sight.at - flip.at);
                break;
            }
        }
        match found {
            Some(delay) if before.is_none_or(|sight| !shows(sight)) => delays.seen.push(delay),
            _ => delays.missed += 1,
        }
    }
    delays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame::Size;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sight(at: u64, brightness: f64) -> Sight {
        Sight { at: ms(at), brightness }
    }

    fn flip(at: u64, to_white: bool) -> Flip {
        Flip { at: ms(at), to_white }
    }

    #[test]
    fn a_delay_ends_with_the_first_frame_past_the_middle() {
        let flips = [flip(100, true), flip(600, false)];
        let sights =
            [sight(90, 0.0), sight(130, 0.1), sight(160, 0.45), sight(190, 0.9), sight(220, 1.0), sight(590, 1.0)];
        let then = [sight(620, 0.98), sight(650, 0.4), sight(680, 0.0)];
        let found = delays(&flips, &[&sights[..], &then].concat());
        assert_eq!((found.seen.count(), found.missed), (2, 0));
        assert_eq!((found.seen.quantile(1.0), found.seen.quantile(0.0)), (ms(90), ms(50)));
    }

    #[test]
    fn a_flash_is_no_flip_and_what_is_never_seen_is_missed() {
        let flips = [flip(100, true), flip(300, false), flip(500, true)];
        let sights = [
            // One bright frame that the next takes back, then the flip.
            [sight(90, 0.0), sight(120, 0.8), sight(150, 0.1), sight(180, 0.9), sight(210, 1.0)],
            // Stays white.
            [sight(310, 1.0), sight(340, 1.0), sight(370, 1.0), sight(400, 1.0), sight(490, 1.0)],
            // Was white before it was told to be.
            [sight(510, 1.0), sight(540, 1.0), sight(570, 1.0), sight(600, 1.0), sight(630, 1.0)],
        ];
        let found = delays(&flips, &sights.concat());
        assert_eq!((found.seen.count(), found.missed), (1, 2));
        assert_eq!(found.seen.quantile(1.0), ms(80));
    }

    /// A frame of 64 x 64 whose left half has one grey and whose right half another.
    fn halves(left: u8, right: u8) -> Cells {
        let row: Vec<u8> = (0..64 * 3).map(|i| if i < 32 * 3 { left } else { right }).collect();
        Cells::of(&Frame::from_rgb(Size { width: 64, height: 64 }, row.repeat(64)).unwrap())
    }

    #[test]
    fn the_screen_is_found_where_the_picture_changes() {
        let spot = Spot::find(&halves(30, 100), &halves(200, 104)).unwrap();
        assert_eq!(spot.cells.len(), (GRID * GRID / 2) as usize);
        assert!((spot.brightness(&halves(115, 0)) - 0.5).abs() < 0.02);
        let error = Spot::find(&halves(30, 100), &halves(40, 100)).unwrap_err();
        assert!(error.to_string().contains("differ by 10 of 255"), "{error}");
    }
}
