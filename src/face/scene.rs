//! Cuts: frames that have nothing to do with the one before, as in a folder of unrelated pictures;
//! and light that comes and goes.

use std::ops::Range;
use std::time::Duration;

use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::{Crop, Rect};

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
/// A face that differs by more from the one before, laid landmarks on landmarks, and whose edges
/// correlate by less, is somebody else's. Of 22 pairs of neighbouring portraits before one wall one
/// differs by less than 23 and none correlates by more than 0.6; a head that turns by 40 degrees to
/// and fro in 1.7 s, seen five times a second, differs by 18 at most.
const OTHER_FACE: u32 = 22;
const SAME_FACE_EDGES: f32 = 0.65;
/// Side of a face's thumbnail, as a multiple of the box of its landmarks.
const FACE_MARGIN: f32 = 1.2;
/// Light that has gone for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a frame stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It shows what the one before showed, in whatever light.
    Same,
    /// The light is gone, as in every second frame of a camera whose lamp blinks: it tells nothing.
    Dark,
    /// Nothing in it can be where it was.
    Cut,
}

/// Compares each frame with the last one that had light.
#[derive(Debug, Default)]
pub struct SceneWatch {
    lit: Thumbnail,
    now: Thumbnail,
    /// Time and size of the last frame that had light.
    seen: Option<(Duration, Size)>,
}

#[derive(Debug, Clone)]
struct Thumbnail {
    image: CropImage,
    /// Bytes of the cells within the frame.
    inside: Vec<u8>,
    /// From each cell to those at its right and below, in grey.
    edges: Vec<i32>,
}

impl Default for Thumbnail {
    fn default() -> Self {
        Thumbnail { image: CropImage::new(SIDE_PX), inside: Vec::new(), edges: Vec::new() }
    }
}

impl SceneWatch {
    /// How `frame`, captured at `now`, stands to those before; the first one is a cut.
    pub fn watch(&mut self, frame: &Frame, now: Duration) -> Change {
        self.now.take(frame);
        let change = match self.seen {
            Some((at, size)) if size == frame.size() => self.change(now.saturating_sub(at)),
            _ => Change::Cut,
        };
        if change != Change::Dark {
            std::mem::swap(&mut self.lit, &mut self.now);
            self.seen = Some((now, frame.size()));
        }
        change
    }

    /// What has changed since the last frame that had light, `passed` ago.
    fn change(&self, passed: Duration) -> Change {
        if passed < PATIENCE && self.now.strength() < DARK * self.lit.strength() {
            return Change::Dark;
        }
        if self.now.is_like(&self.lit, CUT, SAME_EDGES) { Change::Same } else { Change::Cut }
    }
}

/// How the faces of a picture look, to tell whether the next picture of a folder is the next frame
/// of a film or another photograph before the same wall.
#[derive(Debug, Default)]
pub struct Portraits {
    faces: Vec<(u32, Thumbnail)>,
    now: Thumbnail,
}

impl Portraits {
    /// Keeps how these faces look in this frame: their ids and boxes.
    pub fn keep<'f>(&mut self, frame: &Frame, faces: impl Iterator<Item = (u32, &'f Rect)>) {
        self.faces.clear();
        for (id, bounds) in faces {
            let mut thumbnail = Thumbnail::default();
            thumbnail.take_face(frame, bounds);
            self.faces.push((id, thumbnail));
        }
    }

    /// Whether the face in this box may be the one that was kept by this id, or any if `None`.
    pub fn show(&mut self, frame: &Frame, id: Option<u32>, bounds: &Rect) -> bool {
        self.now.take_face(frame, bounds);
        let mut kept = self.faces.iter().filter(|(kept, _)| id.is_none_or(|id| id == *kept)).peekable();
        kept.peek().is_none() || kept.any(|(_, face)| self.now.is_like(face, OTHER_FACE, SAME_FACE_EDGES))
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
        self.compare_within(inside(width), inside(height));
    }

    fn take_face(&mut self, frame: &Frame, bounds: &Rect) {
        self.image.fill(frame, &Crop::around(bounds, FACE_MARGIN, SIDE_PX));
        let all = 0..SIDE_PX as usize;
        self.compare_within(all.clone(), all);
    }

    fn compare_within(&mut self, columns: Range<usize>, rows: Range<usize>) {
        let side = self.image.side_px as usize;
        let pixels = self.image.rgb.as_chunks::<3>().0;
        let grey =
            |row: usize, column: usize| pixels[row * side + column].iter().map(|&byte| i32::from(byte)).sum::<i32>();
        self.inside.clear();
        self.edges.clear();
        for row in rows.clone() {
            for column in columns.clone() {
                self.inside.extend(pixels[row * side + column]);
                let here = grey(row, column);
                let right = columns.contains(&(column + 1)).then(|| grey(row, column + 1) - here);
                let below = rows.contains(&(row + 1)).then(|| grey(row + 1, column) - here);
                self.edges.extend(right.into_iter().chain(below));
            }
        }
    }

    /// How strong the edges are.
    fn strength(&self) -> f32 {
        self.edges.iter().map(|edge| (edge * edge) as f32).sum::<f32>().sqrt()
    }

    /// Whether the bytes differ by no more than that in the mean, or the edges correlate by more.
    fn is_like(&self, other: &Thumbnail, most: u32, edges: f32) -> bool {
        let bytes = self.inside.iter().zip(&other.inside);
        let difference: u32 = bytes.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let common: i32 = self.edges.iter().zip(&other.edges).map(|(a, b)| a * b).sum();
        difference <= most * self.inside.len() as u32 || common as f32 > edges * self.strength() * other.strength()
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
            assert_eq!(change, if i == 0 { Change::Cut } else { Change::Same }, "frame {i}");
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
        assert_eq!(changes, [Change::Cut, Change::Same, Change::Cut, Change::Cut, Change::Cut]);
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
