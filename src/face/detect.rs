//! Where faces are in a whole frame, how large, and which way up.

use std::f32::consts::FRAC_1_SQRT_2;

use nalgebra::Vector2;

use crate::face::decode::decode_peak;
use crate::face::views::FrameView;
use crate::face::zoo::Net;
use crate::model::card::{CardError, Task};
use crate::model::heatmaps::{Heat, Heatmaps};
use crate::model::{ModelError, Session};
use crate::picture::crop::CropImage;
use crate::picture::exposure::show;
use crate::picture::frame::Frame;
use crate::picture::geometry::{Rect, box_of_turned, crop_from_cells};

/// Channels of the net's output.
const HEAT: usize = 0;
const WIDTH: usize = 1;
const HEIGHT: usize = 2;
const COSINE: usize = 3;
const SINE: usize = 4;

// Set by hand. `tests/accuracy/held_out.py --data 300w --detector --out held-out`, then
// `wingmark eval --data held-out --split train --detect`, measures what comes of them.

/// Cells on each side of a peak that tell where it lies: of two small faces side by side, the peaks
/// are two cells apart.
const REACH: usize = 1;

/// Of two boxes that overlap more than this, non-maximum suppression keeps the one with the higher
/// score.
const NMS_IOU: f32 = 0.35;

/// A face detector with its working memory.
pub struct Detector {
    session: Session,
    image: CropImage,
    /// The view that is being looked at, and how many parts of the work are done.
    look: Option<(FrameView, usize)>,
    output: Output,
}

/// How the channels are read.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Input pixels a cell.
    pub stride: f32,
    /// See [`Task::Faces`].
    pub smallest_px: f32,
    /// See [`Task::Faces`].
    pub octaves: f32,
    /// Heat from which a peak is a face.
    pub score: f32,
}

/// A face as the detector sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The upright box that the face's landmarks should have, in frame pixels.
    pub bounds: Rect,
    /// Heat at its centre, 0 to 1.
    pub score: f32,
    /// How far the face leans. Radians, positive clockwise on the screen.
    pub roll: f32,
    /// How it moves, in frame pixels a second; zero where that is not known.
    pub pace: Vector2<f32>,
}

impl Detector {
    /// `threads`, the caller's included, share each frame.
    pub fn new(net: &Net, threads: usize) -> Result<Self, CardError> {
        let card = &net.card;
        let Task::Faces { smallest_px, octaves, score } = card.task else {
            return Err(CardError::OtherTask { name: card.name.clone(), found: "landmarks", expected: "faces" });
        };
        let output = Output { stride: card.stride as f32, smallest_px, octaves, score };
        Ok(Detector {
            session: net.model.session_with_threads(threads),
            image: CropImage::new(card.input_px),
            look: None,
            output,
        })
    }

    /// Finds faces, whichever way up, in all views of the frame, best first.
    pub fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, ModelError> {
        self.detect_in(frame, FrameView::all(frame.size(), self.image.side_px))
    }

    /// Finds faces in the frame rotated by a quarter, a half and three, best first.
    pub fn detect_rotated(&mut self, frame: &Frame) -> Result<Vec<Detection>, ModelError> {
        self.detect_in(frame, FrameView::rotated(frame.size(), self.image.side_px))
    }

    fn detect_in(
        &mut self,
        frame: &Frame,
        views: impl Iterator<Item = FrameView>,
    ) -> Result<Vec<Detection>, ModelError> {
        let mut found = Vec::new();
        for view in views {
            self.take(frame, view);
            found.extend(self.go_on(1)?.unwrap_or_default());
        }
        Ok(non_maximum_suppression(found))
    }

    /// Takes a look at one view of the frame, for [`Detector::go_on`]: views take turns, beginning
    /// with the whole frame at turn 0. A look that was not finished is forgotten.
    pub fn begin(&mut self, frame: &Frame, turn: usize) {
        self.take(frame, FrameView::in_turn(frame.size(), self.image.side_px, turn));
    }

    fn take(&mut self, frame: &Frame, view: FrameView) {
        show(&mut self.image, frame, &view.crop);
        self.look = Some((view, 0));
    }

    /// Whether a look was taken whose faces are not known yet.
    pub fn is_looking(&self) -> bool {
        self.look.is_some()
    }

    /// Does one of `parts` equal parts of the work on the look taken last. The last part gives the
    /// faces in that view, best first.
    pub fn go_on(&mut self, parts: usize) -> Result<Option<Vec<Detection>>, ModelError> {
        let Some((view, part)) = self.look.take() else { return Ok(None) };
        let Some(maps) = self.session.infer_part(&self.image, part, parts)? else {
            self.look = Some((view, part + 1));
            return Ok(None);
        };
        let found = self.output.faces(&maps).into_iter().map(|face| {
            let bounds = box_of_turned(&face.bounds, &view.crop.frame_from_crop);
            Detection { bounds, roll: face.roll + view.roll(), ..face }
        });
        let found = found.filter(|face| view.shows_whole(&face.bounds));
        Ok(Some(non_maximum_suppression(found.collect())))
    }
}

impl Detection {
    /// The square that the face fills when it is turned upright. A face is nearly an ellipse, and
    /// the sides of the box around an ellipse have the same sum of squares however it is turned.
    pub fn upright_square(&self) -> Rect {
        let side = (self.bounds.width().powi(2) + self.bounds.height().powi(2)).sqrt() * FRAC_1_SQRT_2;
        let (centre, half) = (self.bounds.centre(), Vector2::repeat(side / 2.0));
        Rect { min: centre - half, max: centre + half }
    }
}

impl Output {
    /// A face, in pixels of the net's input, for each peak of the heat.
    pub fn faces<T: Heat>(&self, maps: &Heatmaps<'_, T>) -> Vec<Detection> {
        let input_from_cells = crop_from_cells(self.stride);
        let cells = (0..maps.rows).flat_map(|row| (0..maps.columns).map(move |column| (row, column)));
        cells
            .filter(|&(row, column)| maps.heat(row, column, HEAT) >= self.score && is_peak(maps, row, column))
            .map(|(row, column)| {
                let peak = decode_peak(maps, HEAT, (row, column), REACH);
                let value = |channel| maps.heat(row, column, channel);
                let side = |channel| self.smallest_px * (value(channel) * self.octaves).exp2();
                let centre = input_from_cells * peak.at;
                let half = Vector2::new(side(WIDTH), side(HEIGHT)) / 2.0;
                let up = Vector2::new(value(COSINE), value(SINE)) * 2.0 - Vector2::repeat(1.0);
                Detection {
                    bounds: Rect { min: centre - half, max: centre + half },
                    score: peak.confidence,
                    roll: up.y.atan2(up.x),
                    pace: Vector2::zeros(),
                }
            })
            .collect()
    }
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
fn non_maximum_suppression(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for detection in found {
        if kept.iter().all(|better| better.bounds.iou(&detection.bounds) <= NMS_IOU) {
            kept.push(detection);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use nalgebra::Similarity2;

    use super::*;

    const OUTPUT: Output = Output { stride: 4.0, smallest_px: 8.0, octaves: 5.0, score: 0.3 };

    /// A peak: x, y in cells, heat, width and height in pixels, roll in degrees.
    type Peak = (f32, f32, f32, f32, f32, f32);

    /// Maps of 12 x 12 cells.
    fn maps(faces: &[Peak]) -> Vec<f32> {
        let mut cells = vec![0.0; 12 * 12 * 5];
        for (i, cell) in cells.chunks_exact_mut(5).enumerate() {
            for &(x, y, heat, width, height, roll) in faces {
                let d = Vector2::new((i % 12) as f32 - x, (i / 12) as f32 - y);
                let value = heat * (-d.norm_squared() / 2.0).exp();
                if value > cell[HEAT] {
                    let size = |px: f32| (px / OUTPUT.smallest_px).log2() / OUTPUT.octaves;
                    let (sine, cosine) = roll.to_radians().sin_cos();
                    let (sine, cosine) = ((1.0 + sine) / 2.0, (1.0 + cosine) / 2.0);
                    cell.copy_from_slice(&[value, size(width), size(height), cosine, sine]);
                }
            }
        }
        cells
    }

    #[test]
    fn every_peak_is_a_face_of_the_size_and_roll_beneath_it() {
        let cells = maps(&[
            (2.3, 3.0, 0.9, 10.0, 12.0, -100.0),
            (8.0, 7.75, 0.6, 16.0, 20.0, 15.0),
            (2.0, 10.0, 0.2, 9.0, 9.0, 0.0),
        ]);
        let found = OUTPUT.faces(&Heatmaps::packed(&cells, [12, 12, 5], 1.0, 0.0));
        // A cell's centre x is 4 x + 1.5 in the net's input; the third peak is below the score.
        let expected = [(Rect::new(5.7, 7.5, 15.7, 19.5), -100.0), (Rect::new(25.5, 22.5, 41.5, 42.5), 15.0)];
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, (bounds, roll)) in found.iter().zip(expected) {
            assert!(found.bounds.iou(&bounds) > 0.99, "{found:?} is not {bounds:?}");
            assert!((found.roll.to_degrees() - roll).abs() < 0.1, "{found:?} does not lean by {roll}");
        }
        assert!((found[0].score - 0.9).abs() < 0.05);
    }

    #[test]
    fn a_plateau_has_one_peak() {
        let mut cells = vec![0u8; 5 * 5 * 5];
        for (row, column) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            cells[(row * 5 + column) * 5] = 200;
        }
        assert_eq!(OUTPUT.faces(&Heatmaps::packed(&cells, [5, 5, 5], 1.0 / 200.0, 0.0)).len(), 1);
    }

    #[test]
    fn the_better_of_two_boxes_on_a_face_stays() {
        let at = |x: f32, score| Detection {
            bounds: Rect::new(x, 0.0, x + 10.0, 10.0),
            score,
            roll: 0.0,
            pace: Vector2::zeros(),
        };
        let found = vec![at(0.0, 0.5), at(2.0, 0.9), at(30.0, 0.4)];
        assert_eq!(non_maximum_suppression(found), [at(2.0, 0.9), at(30.0, 0.4)]);
    }

    #[test]
    fn the_upright_square_does_not_change_as_a_face_turns() {
        let upright = Rect::new(0.0, 0.0, 8.0, 6.0);
        for degrees in [0.0_f32, 30.0, 45.0, 90.0, 180.0] {
            let turn = Similarity2::new(Vector2::zeros(), degrees.to_radians(), 1.0);
            let (bounds, roll) = (box_of_turned(&upright, &turn), degrees.to_radians());
            let seen = Detection { bounds, score: 1.0, roll, pace: Vector2::zeros() };
            assert!((seen.upright_square().width() - 50.0_f32.sqrt()).abs() < 1e-3, "{degrees}");
        }
    }
}
