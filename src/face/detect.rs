//! Where faces are in a whole frame, when nothing is being followed.

use nalgebra::{Similarity2, Vector2};

use crate::face::decode::decode_peak;
use crate::face::views::View;
use crate::face::zoo::Net;
use crate::model::card::{CardError, Task};
use crate::model::heatmaps::{Heat, Heatmaps};
use crate::model::{ModelError, Session};
use crate::picture::crop::CropImage;
use crate::picture::exposure::brighten;
use crate::picture::frame::Frame;
use crate::picture::geometry::{Crop, Rect, crop_from_cells};

/// Channels of the net's output.
const HEAT: usize = 0;
const WIDTH: usize = 1;
const HEIGHT: usize = 2;

/// Of two boxes that overlap more than this, the one with the lower score is the same face.
const SAME_FACE_IOU: f32 = 0.35;

/// A face detector with its working memory.
pub struct Detector {
    session: Session,
    image: CropImage,
    meaning: Meaning,
}

/// How the channels are read; see [`Task::Faces`].
#[derive(Debug, Clone, Copy)]
struct Meaning {
    stride: f32,
    smallest_px: f32,
    octaves: f32,
    score: f32,
}

/// A face as the detector sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The box that the face's landmarks should have, in frame pixels.
    pub bounds: Rect,
    /// Heat at its centre, 0 to 1.
    pub score: f32,
    /// Roughly how far the face leans, as far as the view says in which it was found. Radians, positive clockwise on the screen.
    pub roll: f32,
}

impl Detector {
    /// `threads`, the caller's included, share each frame.
    pub fn new(net: &Net, threads: usize) -> Result<Self, CardError> {
        let card = &net.card;
        let Task::Faces { smallest_px, octaves, score } = card.task else {
            return Err(CardError::OtherTask { name: card.name.clone(), found: "landmarks", expected: "faces" });
        };
        let meaning = Meaning { stride: card.stride as f32, smallest_px, octaves, score };
        Ok(Detector { session: net.model.session_with_threads(threads), image: CropImage::new(card.input_px), meaning })
    }

    /// Finds faces that are nearly upright in this view of the frame, best first.
    ///
    /// # Panics
    /// When the frame does not pass [`Frame::check`].
    pub fn detect(&mut self, frame: &Frame, view: View) -> Result<Vec<Detection>, ModelError> {
        let crop = Crop::of_turned_frame(frame.size, view.roll, view.reach, self.image.side_px);
        self.image.fill(frame, &crop);
        brighten(&mut self.image);
        let maps = self.session.infer(&self.image)?;
        let found = self.meaning.boxes(&maps).into_iter().map(|(bounds, score)| {
            let bounds = box_of_turned(&bounds, &crop.frame_from_crop);
            Detection { bounds, score, roll: view.roll }
        });
        Ok(without_doubles(found.collect()))
    }
}

impl Meaning {
    /// A box, in pixels of the net's input, and the score for each hill of heat.
    fn boxes<T: Heat>(&self, maps: &Heatmaps<'_, T>) -> Vec<(Rect, f32)> {
        let input_from_cells = crop_from_cells(self.stride);
        let cells = (0..maps.rows).flat_map(|row| (0..maps.columns).map(move |column| (row, column)));
        cells
            .filter(|&(row, column)| maps.heat(row, column, HEAT) >= self.score && is_peak(maps, row, column))
            .map(|(row, column)| {
                let peak = decode_peak(maps, HEAT, (row, column));
                let side = |channel| self.smallest_px * (maps.heat(row, column, channel) * self.octaves).exp2();
                let centre = input_from_cells * peak.at;
                let half = Vector2::new(side(WIDTH), side(HEIGHT)) / 2.0;
                (Rect { min: centre - half, max: centre + half }, peak.confidence)
            })
            .collect()
    }
}

/// The upright box around the ellipse that fills `bounds`, in the other space: as a face turns, it is rather an ellipse than a
/// rectangle.
fn box_of_turned(bounds: &Rect, other_from_this: &Similarity2<f32>) -> Rect {
    let centre = other_from_this * bounds.centre();
    let axes = Vector2::new(bounds.width(), bounds.height()) * (other_from_this.scaling() / 2.0);
    let turn = other_from_this.isometry.rotation.to_rotation_matrix();
    let half = turn.matrix().component_mul(turn.matrix()) * axes.component_mul(&axes);
    let half = half.map(f32::sqrt);
    Rect { min: centre - half, max: centre + half }
}

/// Whether no neighbour is hotter; among equal neighbours the first in reading order is the peak.
fn is_peak<T: Heat>(maps: &Heatmaps<'_, T>, row: usize, column: usize) -> bool {
    let here = maps.stored(row, column, HEAT);
    let rows = row.saturating_sub(1)..(row + 2).min(maps.rows);
    rows.flat_map(|r| (column.saturating_sub(1)..(column + 2).min(maps.columns)).map(move |c| (r, c)))
        .filter(|&cell| cell != (row, column))
        .all(|(r, c)| {
            let there = maps.stored(r, c, HEAT);
            if (r, c) < (row, column) { here > there } else { here >= there }
        })
}

/// Best first, less those that overlap a better one.
fn without_doubles(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for detection in found {
        if kept.iter().all(|better| better.bounds.iou(&detection.bounds) <= SAME_FACE_IOU) {
            kept.push(detection);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANING: Meaning = Meaning { stride: 4.0, smallest_px: 8.0, octaves: 5.0, score: 0.3 };

    /// Maps of 12 x 12 cells with a hill at each `(x, y, heat, width in px, height in px)`.
    fn maps(faces: &[(f32, f32, f32, f32, f32)]) -> Vec<f32> {
        let mut cells = vec![0.0; 12 * 12 * 3];
        for (i, cell) in cells.chunks_exact_mut(3).enumerate() {
            for &(x, y, heat, width, height) in faces {
                let d = Vector2::new((i % 12) as f32 - x, (i / 12) as f32 - y);
                let value = heat * (-d.norm_squared() / 2.0).exp();
                if value > cell[HEAT] {
                    let size = |px: f32| (px / MEANING.smallest_px).log2() / MEANING.octaves;
                    cell.copy_from_slice(&[value, size(width), size(height)]);
                }
            }
        }
        cells
    }

    #[test]
    fn every_hill_is_a_box_of_the_size_beneath_it() {
        let cells = maps(&[(2.3, 3.0, 0.9, 10.0, 12.0), (8.0, 7.75, 0.6, 16.0, 20.0), (2.0, 10.0, 0.2, 9.0, 9.0)]);
        let found = MEANING.boxes(&Heatmaps::packed(&cells, [12, 12, 3], 1.0, 0.0));
        // A cell's centre x is 4 x + 1.5 in the net's input; the third hill is below the score.
        let expected = [Rect::new(5.7, 7.5, 15.7, 19.5), Rect::new(25.5, 22.5, 41.5, 42.5)];
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.0.iou(&expected) > 0.99, "{found:?} is not {expected:?}");
        }
        assert!((found[0].1 - 0.9).abs() < 0.05);
    }

    #[test]
    fn the_box_of_a_turned_face_is_that_of_an_ellipse() {
        let bounds = Rect::new(0.0, 0.0, 8.0, 6.0);
        let turned =
            |degrees: f32| box_of_turned(&bounds, &Similarity2::new(Vector2::zeros(), degrees.to_radians(), 2.0));
        for (degrees, width, height) in
            [(0.0, 16.0, 12.0), (90.0, 12.0, 16.0), (180.0, 16.0, 12.0), (45.0, 14.14, 14.14)]
        {
            let found = turned(degrees);
            assert!(
                (found.width() - width).abs() < 0.01 && (found.height() - height).abs() < 0.01,
                "{degrees}: {found:?}"
            );
        }
        let centre = turned(90.0).centre();
        assert!((centre.x + 6.0).abs() < 1e-4 && (centre.y - 8.0).abs() < 1e-4, "{centre}");
    }

    #[test]
    fn a_plateau_has_one_peak() {
        let mut cells = vec![0u8; 5 * 5 * 3];
        for (row, column) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            cells[(row * 5 + column) * 3] = 200;
        }
        assert_eq!(MEANING.boxes(&Heatmaps::packed(&cells, [5, 5, 3], 1.0 / 200.0, 0.0)).len(), 1);
    }

    #[test]
    fn the_better_of_two_boxes_on_a_face_stays() {
        let at = |x: f32, score| Detection { bounds: Rect::new(x, 0.0, x + 10.0, 10.0), score, roll: 0.0 };
        assert_eq!(without_doubles(vec![at(0.0, 0.5), at(2.0, 0.9), at(30.0, 0.4)]), [at(2.0, 0.9), at(30.0, 0.4)]);
    }
}
