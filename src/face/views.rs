//! The squares of a frame that the detector looks at: all of it, and closer up the squares that fit
//! into it from one end to the other, where a small face has more pixels.

use std::f32::consts::{FRAC_PI_2, PI};

use nalgebra::Point2;

use crate::picture::frame::Size;
use crate::picture::geometry::{Crop, Rect};

// Set by hand. `tests/accuracy/held_out.py --data wider_scenes --out held-out`, then
// `wingmark eval --data held-out`, measures what the squares find: `docs/decisions/finding.md`.

/// A frame whose sides differ by less than this is not looked at closer up: little would be gained.
const SQUARE: f32 = 1.15;
/// No more squares than this make up a frame, however long it is.
const MOST_SQUARES: usize = 4;
/// A box that ends nearer than this to where a square was cut, as a share of the square's side,
/// belongs to a face that was cut too: another view shows it whole.
const CUT: f32 = 0.01;

/// A square of a frame, as the detector's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameView {
    /// From pixels of the input to those of the frame.
    pub crop: Crop,
    /// What of the frame it shows whole: nothing is cut at the frame's own edges.
    whole: Rect,
}

/// How many squares make up a frame of that size, beside the view of all of it.
fn squares(size: Size) -> usize {
    let (longer, shorter) = (size.width.max(size.height), size.width.min(size.height));
    match longer as f32 / shorter as f32 {
        ..SQUARE => 0,
        ratio => (ratio.ceil() as usize).min(MOST_SQUARES),
    }
}

impl FrameView {
    /// All views of a frame, in pictures of `side_px`: the whole frame first, then the squares from
    /// left to right or from top to bottom.
    pub fn all(size: Size, side_px: u32) -> impl Iterator<Item = FrameView> {
        let (width, height) = (size.width as f32, size.height as f32);
        let (longer, shorter) = (width.max(height), width.min(height));
        let squares = squares(size);
        let everything = Rect::new(f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY, f32::INFINITY);
        let first = FrameView { crop: Crop::of_frame(size, side_px), whole: everything };
        let square = move |i: usize| {
            let start = (longer - shorter) * i as f32 / (squares - 1) as f32;
            let from = if i == 0 { f32::NEG_INFINITY } else { start + CUT * shorter };
            let to = if i + 1 == squares { f32::INFINITY } else { start + shorter * (1.0 - CUT) };
            let (along, across) = (start + (shorter - 1.0) / 2.0, (shorter - 1.0) / 2.0);
            let (centre, whole) = if width > height {
                (Point2::new(along, across), Rect::new(from, f32::NEG_INFINITY, to, f32::INFINITY))
            } else {
                (Point2::new(across, along), Rect::new(f32::NEG_INFINITY, from, f32::INFINITY, to))
            };
            FrameView { crop: Crop::new(centre, shorter, 0.0, side_px), whole }
        };
        std::iter::once(first).chain((0..squares).map(square))
    }

    /// The whole frame, rotated by a quarter, by a half and by three: a face that fills much of it
    /// is seen best the right way up.
    pub fn rotated(size: Size, side_px: u32) -> impl Iterator<Item = FrameView> {
        let whole = FrameView::all(size, side_px).next().expect("a frame has a view");
        let rotated = move |roll| FrameView { crop: Crop::of_turned_frame(size, roll, 1.0, side_px), ..whole };
        [FRAC_PI_2, PI, -FRAC_PI_2].into_iter().map(rotated)
    }

    /// How far what stands upright in the view leans in the frame.
    pub fn roll(&self) -> f32 {
        self.crop.frame_from_crop.isometry.rotation.angle()
    }

    /// The views take turns, the whole frame before each of the squares.
    pub fn in_turn(size: Size, side_px: u32, turn: usize) -> FrameView {
        let squares = squares(size);
        let number = if turn.is_multiple_of(2) || squares == 0 { 0 } else { 1 + turn / 2 % squares };
        FrameView::all(size, side_px).nth(number).expect("a frame has a view")
    }

    /// Whether a box, in frame pixels, ends before the view was cut.
    pub fn shows_whole(&self, bounds: &Rect) -> bool {
        let Rect { min, max } = self.whole;
        bounds.min.x >= min.x && bounds.min.y >= min.y && bounds.max.x <= max.x && bounds.max.y <= max.y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(size: Size) -> Vec<[f32; 4]> {
        FrameView::all(size, 320)
            .map(|view| {
                let [top_left, _, bottom_right, _] = view.crop.corners_in_frame();
                [top_left.x, top_left.y, bottom_right.x, bottom_right.y]
            })
            .collect()
    }

    #[test]
    fn a_long_frame_is_seen_whole_and_in_squares_from_end_to_end() {
        let whole = [-0.5, -80.5, 639.5, 559.5];
        let squares = [[-0.5, -0.5, 479.5, 479.5], [159.5, -0.5, 639.5, 479.5]];
        assert_eq!(corners(Size { width: 640, height: 480 }), [whole, squares[0], squares[1]]);
        let upright = corners(Size { width: 480, height: 640 });
        assert_eq!(upright[2], [-0.5, 159.5, 479.5, 639.5]);
        assert_eq!(corners(Size { width: 300, height: 280 }).len(), 1);
        assert_eq!(corners(Size { width: 900, height: 400 }).len(), 4);
        assert_eq!(corners(Size { width: 60_000, height: 1 }).len(), 5);
    }

    #[test]
    fn rotated_views_show_the_whole_frame() {
        let size = Size { width: 640, height: 480 };
        for (view, degrees) in FrameView::rotated(size, 320).zip([90.0, 180.0, -90.0_f32]) {
            let off = (view.roll().to_degrees() - degrees).rem_euclid(360.0);
            assert!(off.min(360.0 - off) < 1e-3, "{off}");
            let corners = view.crop.corners_in_frame();
            let reach = |pick: fn(&Point2<f32>) -> f32| corners.iter().map(pick).fold(f32::MIN, f32::max);
            assert!((reach(|p| p.x) - 639.5).abs() < 1e-2 && (reach(|p| p.y) - 559.5).abs() < 1e-2, "{corners:?}");
            assert!(view.shows_whole(&Rect::new(-9.0, -9.0, 700.0, 500.0)));
        }
    }

    #[test]
    fn the_whole_frame_comes_before_each_square() {
        let size = Size { width: 640, height: 480 };
        let views: Vec<FrameView> = FrameView::all(size, 320).collect();
        let turns = [0, 1, 2, 3, 4, 5].map(|turn| FrameView::in_turn(size, 320, turn));
        assert_eq!(turns, [0, 1, 0, 2, 0, 1].map(|number| views[number]));
        assert_eq!(
            FrameView::in_turn(Size { width: 9, height: 9 }, 320, 1).crop,
            Crop::of_frame(Size { width: 9, height: 9 }, 320)
        );
    }

    #[test]
    fn a_face_at_a_cut_is_left_to_another_view_and_one_at_the_frames_edge_is_not() {
        let views: Vec<FrameView> = FrameView::all(Size { width: 640, height: 480 }, 320).collect();
        let seen_by = |bounds: Rect| views.iter().map(|view| view.shows_whole(&bounds)).collect::<Vec<_>>();
        assert_eq!(seen_by(Rect::new(440.0, 10.0, 479.0, 60.0)), [true, false, true]);
        assert_eq!(seen_by(Rect::new(-4.0, -9.0, 30.0, 60.0)), [true, true, false]);
        assert_eq!(seen_by(Rect::new(610.0, 450.0, 650.0, 490.0)), [true, false, true]);
        assert_eq!(seen_by(Rect::new(200.0, 100.0, 400.0, 300.0)), [true, true, true]);
        assert_eq!(seen_by(Rect::new(100.0, 100.0, 600.0, 400.0)), [true, false, false]);
    }
}
