//! How a part of the picture has moved since an earlier frame.
//!
//! A search takes some frames, and somebody who walks is elsewhere by then. Two small pictures of
//! the frame, from then and now, are laid over each other about the place.

use nalgebra::{Point2, Vector2};

use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::{Crop, Rect};

// Set by hand: `cargo test --test following` has somebody who walks by.

/// Side of the small pictures.
const SIDE_PX: u32 = 128;
/// The place is compared in about so many samples across, whatever its size.
const SAMPLES: f32 = 12.0;
/// What was there is looked for up to so many times its size away,
const FARTHEST: f32 = 1.2;
/// and has moved where it differs there by less than this share of what it differs by here.
const BETTER: f32 = 0.6;

#[derive(Debug)]
pub struct ShiftFinder {
    then: CropImage,
    size: Size,
    now: CropImage,
}

impl Default for ShiftFinder {
    fn default() -> Self {
        let image = CropImage::new(SIDE_PX);
        ShiftFinder { then: image.clone(), size: Size::default(), now: image }
    }
}

impl ShiftFinder {
    /// Shifts are counted from this frame on.
    pub fn remember(&mut self, frame: &Frame) {
        self.size = frame.size();
        self.then.fill(frame, &Crop::of_frame(self.size, SIDE_PX));
    }

    /// How what was at these places has moved up to this frame; zero where it has not, or where
    /// that cannot be told.
    pub fn shifts(&mut self, frame: &Frame, places: &[Rect]) -> Vec<Vector2<f32>> {
        if places.is_empty() || frame.size() != self.size {
            return vec![Vector2::zeros(); places.len()];
        }
        let crop = Crop::of_frame(self.size, SIDE_PX);
        self.now.fill(frame, &crop);
        let crop_from_frame = crop.crop_from_frame();
        let in_cells = |point: &Point2<f32>| (crop_from_frame * point).coords.map(|cell| cell.round() as i32);
        let shift = |place: &Rect| self.shift(in_cells(&place.min), in_cells(&place.max)).cast::<f32>();
        places.iter().map(|place| shift(place) / crop_from_frame.scaling()).collect()
    }

    /// In cells of the small pictures, of what is between two of them.
    fn shift(&self, min: Vector2<i32>, max: Vector2<i32>) -> Vector2<i32> {
        let size = (max - min).max() as f32;
        let step = (size / SAMPLES).ceil().max(1.0) as usize;
        let reach = (size * FARTHEST / step as f32).ceil() as i32;
        let difference = |shift: Vector2<i32>| {
            let cells = (min.y..=max.y).step_by(step).flat_map(|y| (min.x..=max.x).step_by(step).map(move |x| (x, y)));
            let pairs = cells
                .filter_map(|(x, y)| Some((pixel(&self.then, x, y)?, pixel(&self.now, x + shift.x, y + shift.y)?)));
            let (sum, count) = pairs.fold((0, 0), |(sum, count), (a, b)| (sum + u32::from(a.abs_diff(b)), count + 1));
            // Of what has left the picture, most has to be seen.
            (count * 2 > (size / step as f32).powi(2) as u32).then(|| sum as f32 / count as f32)
        };
        let shifts = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| Vector2::new(x, y) * step as i32));
        let seen = shifts.filter_map(|shift| Some((shift, difference(shift)?)));
        let best = seen.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let here = difference(Vector2::zeros());
        best.filter(|(_, best)| here.is_some_and(|here| *best < BETTER * here))
            .map_or(Vector2::zeros(), |(shift, _)| shift)
    }
}

/// How green a pixel is, which tells nearly as much as all of its colours.
fn pixel(image: &CropImage, x: i32, y: i32) -> Option<u8> {
    let within = |at: i32| (0..SIDE_PX as i32).contains(&at);
    (within(x) && within(y)).then(|| image.rgb[(y as usize * SIDE_PX as usize + x as usize) * 3 + 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::built_in_picture;

    const SIZE: Size = Size { width: 640, height: 480 };

    /// A wall with the built-in face, scaled to a side, at a place.
    fn scene(side_px: u32, left: i32, top: i32) -> Frame {
        let mut image = CropImage::new(side_px);
        image.fill(&built_in_picture(), &Crop::around(&Rect::new(180.0, 95.0, 266.0, 186.0), 1.4, side_px));
        let mut bytes: Vec<u8> = (0..SIZE.width * SIZE.height).flat_map(|i| [90 + (i % 640 / 16) as u8; 3]).collect();
        for (y, row) in (0..).zip(image.rgb.chunks_exact(side_px as usize * 3)) {
            let start = ((top + y) as usize * SIZE.width as usize + left as usize) * 3;
            bytes[start..start + row.len()].copy_from_slice(row);
        }
        Frame::from_rgb(SIZE, bytes).unwrap()
    }

    #[test]
    fn what_has_moved_is_found_where_it_is_and_what_rests_stays() {
        for side in [40, 80, 200] {
            for shift in [[0, 0], [35, 0], [-30, 12], [0, 40]] {
                let mut finder = ShiftFinder::default();
                finder.remember(&scene(side, 200, 100));
                let place = Rect::new(200.0, 100.0, 200.0 + side as f32, 100.0 + side as f32);
                let found = finder.shifts(&scene(side, 200 + shift[0], 100 + shift[1]), &[place])[0];
                let off = found - Vector2::from(shift).cast::<f32>();
                assert!(off.norm() < 0.12 * side as f32, "{found} of {shift:?}, {side} px");
            }
        }
    }

    #[test]
    fn what_is_gone_has_not_moved() {
        let mut finder = ShiftFinder::default();
        finder.remember(&scene(80, 200, 100));
        let gone = finder.shifts(&scene(80, 500, 380), &[Rect::new(200.0, 100.0, 280.0, 180.0)]);
        assert_eq!(gone, [Vector2::zeros()]);
    }
}
