//! Cuts: frames that have nothing to do with the one before, as in a folder of unrelated pictures;
//! and light that comes and goes.

use std::time::Duration;

use crate::face::appearance::{correlation, edges, strength};
use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Crop;

// Chosen by the figures that stand beside each, measured once by hand; no command gives them. The
// tests below hold them on the built-in picture.

/// Side of the pictures that are compared. Of a frame more than twice as wide as high, or as high
/// as wide, it is a multiple, so that the frame has four cells across, too.
const SIDE_PX: u32 = 8;
const MOST_TIMES: u32 = 8;
/// Mean difference of their bytes up to which there was no cut, whatever the pictures show. A fast
/// pan and roll (1.6 % of the frame and 2.5 degrees a frame) of the built-in picture gives 9,
/// neighbouring pictures of 300-W give 32 and more, half of them over 69.
const CUT: u32 = 20;
/// Correlation of their edges from which on only the light has changed. The built-in picture twice
/// or half as bright gives 0.96 and more, in a spot of light 0.84; 99 of 100 neighbouring pictures
/// of 300-W give at most 0.63.
const SAME_EDGES: f32 = 0.75;
/// A picture with less than this share of the edges of the one before is one without light.
const DARK: f32 = 0.25;
/// Light that has gone for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a frame stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It shows what the one before showed, in whatever light.
    Same,
    /// The light is gone, as in every second frame of a camera whose lamp blinks: it tells nothing.
    Dark,
    /// Most of it is something else: the source was cut, the camera swung, or half of the picture
    /// was covered or damaged.
    Cut,
    /// Nothing in it can be where it was: it is the first frame, or of another size.
    Beginning,
}

/// Compares each frame with the last one that had light.
#[derive(Debug)]
pub struct SceneWatch {
    lit: Thumbnail,
    now: Thumbnail,
    /// Time and size of the last frame that had light.
    seen: Option<(Duration, Size)>,
}

#[derive(Debug, Clone)]
struct Thumbnail {
    image: CropImage,
    /// Bytes of the cells within the frame, and their greys.
    inside: Vec<u8>,
    cells: Vec<i32>,
    edges: Vec<i32>,
}

impl Default for SceneWatch {
    fn default() -> Self {
        let thumbnail =
            Thumbnail { image: CropImage::new(SIDE_PX), inside: Vec::new(), cells: Vec::new(), edges: Vec::new() };
        SceneWatch { lit: thumbnail.clone(), now: thumbnail, seen: None }
    }
}

impl SceneWatch {
    /// How `frame`, captured at `now`, stands to those before.
    pub fn watch(&mut self, frame: &Frame, now: Duration) -> Change {
        self.now.take(frame);
        let change = match self.seen {
            Some((at, size)) if size == frame.size() => self.change(now.saturating_sub(at)),
            _ => Change::Beginning,
        };
        if change != Change::Dark {
            std::mem::swap(&mut self.lit, &mut self.now);
            self.seen = Some((now, frame.size()));
        }
        change
    }

    /// What has changed since the last frame that had light, `passed` ago.
    fn change(&self, passed: Duration) -> Change {
        if passed < PATIENCE && strength(&self.now.edges) < DARK * strength(&self.lit.edges) {
            return Change::Dark;
        }
        let bytes = self.lit.inside.iter().zip(&self.now.inside);
        let difference: u32 = bytes.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let is_like = difference <= CUT * self.now.inside.len() as u32
            || correlation(&self.lit.edges, &self.now.edges) > SAME_EDGES;
        if is_like { Change::Same } else { Change::Cut }
    }
}

impl Thumbnail {
    fn take(&mut self, frame: &Frame) {
        let Size { width, height } = frame.size();
        let (longer, shorter) = (width.max(height), width.min(height));
        let side_px = SIDE_PX * longer.div_ceil(2 * shorter).min(MOST_TIMES);
        if self.image.side_px != side_px {
            self.image = CropImage::new(side_px);
        }
        self.image.fill(frame, &Crop::of_frame(frame.size(), side_px));
        let side = side_px as usize;
        // Two cells at least, of the thinnest frame too.
        let inside = |length: u32| {
            let outside = (side as f32 * (1.0 - length as f32 / longer as f32) / 2.0).ceil() as usize;
            let outside = outside.min(side / 2 - 1);
            outside..side - outside
        };
        let (columns, rows) = (inside(width), inside(height));
        let pixels = self.image.rgb.as_chunks::<3>().0;
        self.inside.clear();
        for row in rows {
            self.inside.extend(pixels[row * side..][columns.clone()].as_flattened());
        }
        let greys =
            self.inside.as_chunks::<3>().0.iter().map(|rgb| rgb.iter().map(|&byte| i32::from(byte)).sum::<i32>());
        self.cells.clear();
        self.cells.extend(greys);
        self.edges.clear();
        self.edges.extend(edges(&self.cells, columns.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Captured, Clip, Source};
    use crate::picture::built_in_picture;

    fn in_light(frame: &Frame, light: impl Fn(f32) -> f32) -> Frame {
        let mut changed = frame.clone();
        changed.bytes_mut().iter_mut().for_each(|byte| *byte = light(f32::from(*byte)).round() as u8);
        changed
    }

    /// Thirty frames a second.
    fn watched<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<Change> {
        let mut watch = SceneWatch::default();
        frames.into_iter().zip(0..).map(|(frame, i)| watch.watch(frame, Duration::from_millis(33) * i)).collect()
    }

    #[test]
    fn motion_is_no_cut() {
        let mut watch = SceneWatch::default();
        let mut clip = Clip::of(built_in_picture());
        let mut frame = Frame::default();
        for i in 0..40 {
            assert_eq!(clip.capture_into(&mut frame).unwrap(), Captured::Frame);
            let change = watch.watch(&frame, frame.captured_at());
            assert_eq!(change, if i == 0 { Change::Beginning } else { Change::Same }, "frame {i}");
        }
    }

    #[test]
    fn another_picture_and_another_size_are() {
        let portrait = built_in_picture();
        let mut upside_down = portrait.clone();
        upside_down.bytes_mut().reverse();
        let Size { width, height } = portrait.size();
        let smaller = Frame::from_rgb(Size { width, height: height - 1 }, portrait.bytes().to_vec()).unwrap();
        let changes = watched([&portrait, &portrait, &upside_down, &portrait, &smaller]);
        assert_eq!(changes, [Change::Beginning, Change::Same, Change::Cut, Change::Cut, Change::Beginning]);
    }

    #[test]
    fn cuts_are_seen_in_frames_of_any_shape() {
        let portrait = built_in_picture();
        let Size { width, .. } = portrait.size();
        for share in [1.0, 1.78, 2.0, 2.39, 4.0, 6.0, 12.0, 30.0] {
            let size = Size { width, height: (width as f32 / share) as u32 };
            let bytes = &portrait.bytes()[..size.height as usize * width as usize * 3];
            let strip = Frame::from_rgb(size, bytes.to_vec()).unwrap();
            let mut other = strip.clone();
            other.bytes_mut().reverse();
            let dim = in_light(&strip, |v| v * 0.5);
            let changes = watched([&strip, &strip, &dim, &other, &strip]);
            assert_eq!(changes[1..], [Change::Same, Change::Same, Change::Cut, Change::Cut], "{share} to 1");
        }
    }

    #[test]
    fn light_is_no_cut() {
        let portrait = built_in_picture();
        let dim = in_light(&portrait, |v| v * 0.5);
        let flash = in_light(&portrait, |v| v * 2.0);
        let hazy = in_light(&portrait, |v| v * 0.4 + 120.0);
        let changes = watched([&portrait, &dim, &portrait, &flash, &portrait, &hazy, &dim]);
        assert_eq!(changes[1..], [Change::Same; 6]);
    }

    #[test]
    fn a_frame_without_light_tells_nothing_and_what_comes_after_it_is_compared_with_what_came_before() {
        let portrait = built_in_picture();
        let mut upside_down = portrait.clone();
        upside_down.bytes_mut().reverse();
        for dark in [in_light(&portrait, |_| 0.0), in_light(&portrait, |v| v * 0.05)] {
            let changes = watched([&portrait, &dark, &dark, &portrait, &dark, &upside_down]);
            let expected = [Change::Dark, Change::Dark, Change::Same, Change::Dark, Change::Cut];
            assert_eq!(changes[1..], expected);
        }
    }

    #[test]
    fn light_that_stays_away_is_not_waited_for() {
        let portrait = built_in_picture();
        let dark = in_light(&portrait, |v| v * 0.05);
        let changes = watched(std::iter::once(&portrait).chain(std::iter::repeat_n(&dark, 40)));
        assert_eq!(changes.iter().filter(|change| **change == Change::Dark).count(), 30);
        assert_eq!(changes.last(), Some(&Change::Same));
    }
}
