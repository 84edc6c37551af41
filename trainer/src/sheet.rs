//! A contact sheet: training pictures as the net sees them, with what it should find in them.

use std::path::Path;

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};

use crate::loader;
use crate::task::Task;

const COLUMNS: u32 = 8;
const ROWS: u32 = 6;

/// Draws random training examples side by side; the hottest target of each cell is laid over the
/// picture in green.
pub fn write(task: &dyn Task, out: &Path) -> Result<()> {
    let examples = loader::examples(task, (COLUMNS * ROWS) as usize, 1, 0);
    let side = examples[0].image.side_px;
    let mut sheet = RgbImage::new(COLUMNS * side, ROWS * side);
    let cells = examples[0].target.len() / task.channels();
    let map_side = cells.isqrt() as u32;
    let stride = side / map_side;
    for (i, example) in (0..).zip(&examples) {
        let (left, top) = (i % COLUMNS * side, i / COLUMNS * side);
        for (p, pixel) in (0..).zip(example.image.rgb.as_chunks::<3>().0) {
            let (x, y) = (p % side, p / side);
            let cell = (y / stride * map_side + x / stride) as usize;
            // Points only: a boundary, where there is one, comes last and would hide the face.
            let heat = (0..task.points()).map(|c| example.target[c * cells + cell]).fold(0.0, f32::max);
            let green = |v: u8, target: f32| (f32::from(v) * (1.0 - heat) + target * heat) as u8;
            sheet.put_pixel(
                left + x,
                top + y,
                Rgb([green(pixel[0], 0.0), green(pixel[1], 255.0), green(pixel[2], 0.0)]),
            );
        }
    }
    sheet.save(out).with_context(|| format!("cannot write {}", out.display()))
}
