//! The golden sample in a model's folder: a picture, and what another program made of it. A model
//! that gives the same is whole, and this machine computes it rightly.
//!
//! | file in `golden/` | what |
//! |---|---|
//! | `input.png` | the picture, as wide as the net reads; for a landmark model, a crop of a face |
//! | `heatmaps.u8` | the stored heat, layout `[channel, row, column]`, one byte each |
//! | `landmarks.csv` | `x,y` a landmark, in pixels of the picture; of landmark models |
//! | `faces.csv` | `x0,y0,x1,y1,roll` a face, in pixels of the picture and radians; of detectors |
//!
//! `tests/ort/record_golden.py` writes all but the first with onnxruntime.

use std::path::Path;

use nalgebra::Point2;
use serde::Serialize;
use thiserror::Error;

use crate::face::detect::Detector;
use crate::face::lids::EYE_POINTS;
use crate::face::look::{Landmarker, LookTimings};
use crate::face::zoo::{Files, LIDS, LoadError, Net, PRESENCE, SHAPE};
use crate::model::card::{CardError, Task};
use crate::model::{Model, ModelError};
use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::{Crop, Rect};
use crate::picture::{PictureError, decode};
use crate::text::files;

/// No file of a sample is larger.
const MOST_BYTES: u64 = 256 << 20;
/// Heat may be rounded to the next step,
const MOST_STEPS: u8 = 1;
/// in one cell of so many.
const CELLS_A_ROUNDED: usize = 1000;
/// That moves a point by a few hundredths of a pixel; other shapes move it by whole ones.
const MOST_PX: f32 = 0.2;

/// How well a net agrees with its golden sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Values of heat in the sample.
    pub heats: usize,
    /// Of these, those that are a step off.
    pub a_step_off: usize,
    #[serde(flatten)]
    pub farthest: Farthest,
}

/// What is off farthest, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Farthest {
    /// A landmark.
    #[serde(rename = "landmarks_within_px")]
    Landmark(f32),
    /// The side of a face's box.
    #[serde(rename = "boxes_within_px")]
    Box(f32),
}

/// Why a model is not taken.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum CheckError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("model {name}: {source}")]
    Golden { name: String, source: GoldenError },
}

/// In what a net differs from its golden sample.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum GoldenError {
    #[error("its golden sample cannot be read: {file}: {source}; tests/ort/record_golden.py records it")]
    Read { file: &'static str, source: std::io::Error },
    #[error("its golden sample cannot be read: {0}")]
    Picture(#[from] PictureError),
    #[error("{INPUT} has {found} px; the net reads {expected}")]
    Size { found: Size, expected: Size },
    #[error("{HEATMAPS} has {found} bytes; expected {expected}, one for each cell of each map")]
    Length { found: usize, expected: usize },
    #[error("{LANDMARKS} has {found}; expected {expected} lines of x,y")]
    Points { found: String, expected: usize },
    #[error("{FACES} has the line {found:?}; expected x0,y0,x1,y1,roll")]
    Face { found: String },
    #[error("{found} faces are found in {INPUT}, {expected} in {FACES}; the card is another model's")]
    Faces { found: usize, expected: usize },
    #[error("face {index} lies {off_px:.2} px off {FACES}; the card is another model's")]
    Box { index: usize, off_px: f32 },
    #[error(
        "{unequal} of {all} values of heat are not those of {HEATMAPS}, by up to {farthest} steps; \
         the sample is another model's, or this machine computes wrongly"
    )]
    Heat { unequal: usize, all: usize, farthest: u8 },
    #[error("landmark {index} lies {off_px:.2} px off {LANDMARKS}; {}", of_table(table, *.has_table))]
    Landmark { index: usize, off_px: f32, table: &'static str, has_table: bool },
    #[error("the face in {INPUT} is taken for none (presence {presence:.2}); {}", of_table(PRESENCE, *.has_table))]
    NoFace { presence: f32, has_table: bool },
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Card(#[from] CardError),
}

/// What is wrong with a table by which the sample is not met.
fn of_table(file: &str, is_there: bool) -> String {
    if is_there { format!("{file} is another model's") } else { format!("the folder lacks the model's {file}") }
}

/// The picture, in a model's folder.
pub const INPUT: &str = "golden/input.png";
const HEATMAPS: &str = "golden/heatmaps.u8";
const LANDMARKS: &str = "golden/landmarks.csv";
const FACES: &str = "golden/faces.csv";
/// What is recorded of one net, in its folder.
pub const RECORDED: [&str; 3] = [HEATMAPS, LANDMARKS, FACES];

/// Loads a net from its files and checks it whole: card, hash, shapes and golden sample. A shipped
/// one has no sample: it was checked when it was built.
pub fn checked(files: &Files) -> Result<(Net, Option<Agreement>), CheckError> {
    let net = files.net()?;
    let Some(folder) = files.folder() else { return Ok((net, None)) };
    match Golden::read(folder, &net).and_then(|golden| golden.check(&net)) {
        Ok(agreement) => Ok((net, Some(agreement))),
        Err(source) => Err(CheckError::Golden { name: files.name().into(), source }),
    }
}

struct Golden {
    input: CropImage,
    /// `[channel, row, column]`.
    heatmaps: Vec<u8>,
    found: Found,
}

/// What is in the picture, in its pixels.
enum Found {
    Landmarks(Vec<Point2<f32>>),
    /// x0, y0, x1, y1 and roll of each face.
    Faces(Vec<[f32; 5]>),
}

impl Golden {
    fn read(folder: &Path, net: &Net) -> Result<Golden, GoldenError> {
        let read =
            |file| files::read(&folder.join(file), MOST_BYTES).map_err(|source| GoldenError::Read { file, source });
        let input = input(&read(INPUT)?, net.card.input_px)?;
        let heatmaps = read(HEATMAPS)?;
        let expected = net.model.output_shape().iter().product();
        if heatmaps.len() != expected {
            return Err(GoldenError::Length { found: heatmaps.len(), expected });
        }
        let text = |file| Ok::<_, GoldenError>(String::from_utf8_lossy(&read(file)?).into_owned());
        let found = match net.card.task {
            Task::Landmarks { scheme, .. } => Found::Landmarks(points(&text(LANDMARKS)?, scheme.landmarks)?),
            Task::Faces { .. } => Found::Faces(faces(&text(FACES)?)?),
        };
        Ok(Golden { input, heatmaps, found })
    }

    fn check(&self, net: &Net) -> Result<Agreement, GoldenError> {
        let a_step_off = self.check_heat(&net.model)?;
        let farthest = match &self.found {
            Found::Landmarks(landmarks) => Farthest::Landmark(self.check_landmarks(net, landmarks)?),
            Found::Faces(faces) => Farthest::Box(self.check_faces(net, faces)?),
        };
        Ok(Agreement { heats: self.heatmaps.len(), a_step_off, farthest })
    }

    /// The picture, which is what a crop of itself shows.
    fn frame(&self) -> Frame {
        self.input.to_frame()
    }

    /// How many values are a step off.
    fn check_heat(&self, model: &Model) -> Result<usize, GoldenError> {
        let mut session = model.session();
        let maps = session.infer(&self.input)?;
        let cells = maps.rows * maps.columns;
        let steps = self.heatmaps.iter().enumerate().map(|(i, expected)| {
            let (channel, cell) = (i / cells, i % cells);
            maps.stored(cell / maps.columns, cell % maps.columns, channel).abs_diff(*expected)
        });
        let (unequal, farthest) = steps.fold((0, 0), |(unequal, farthest): (usize, u8), steps| {
            (unequal + usize::from(steps > 0), farthest.max(steps))
        });
        let all = self.heatmaps.len();
        if farthest > MOST_STEPS || unequal * CELLS_A_ROUNDED > all {
            return Err(GoldenError::Heat { unequal, all, farthest });
        }
        Ok(unequal)
    }

    /// How far the landmark is off that is off farthest, in pixels.
    fn check_landmarks(&self, net: &Net, landmarks: &[Point2<f32>]) -> Result<f32, GoldenError> {
        let frame = self.frame();
        let crop = Crop::of_frame(frame.size(), self.input.side_px);
        let look = Landmarker::new(net, 1)?.look(&frame, &crop, &mut LookTimings::default())?;
        let off = look.points().into_iter().zip(landmarks).map(|(at, expected)| (at - expected).norm());
        let (of_eyes, others): (Vec<_>, Vec<_>) = off.enumerate().partition(|(index, _)| EYE_POINTS.contains(index));
        let farthest = |off: Vec<(usize, f32)>, table, has_table| {
            let (index, off_px) = off.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b)).expect("there are landmarks");
            // A point that is no number is not near either.
            let is_near = off_px < MOST_PX;
            is_near.then_some(off_px).ok_or(GoldenError::Landmark { index, off_px, table, has_table })
        };
        let others = farthest(others, SHAPE, net.shape.is_some())?;
        // Of a face alone eyes are drawn anew.
        if !look.is_face() {
            return Err(GoldenError::NoFace { presence: look.presence, has_table: net.presence.is_some() });
        }
        Ok(others.max(farthest(of_eyes, LIDS, net.lids.is_some())?))
    }

    /// How far the side of a box is off that is off farthest, in pixels; a roll counts as far as it
    /// moves a corner.
    fn check_faces(&self, net: &Net, faces: &[[f32; 5]]) -> Result<f32, GoldenError> {
        let mut found = Detector::new(net, 1)?.detect(&self.frame())?;
        // Of two that are as sure, each may come first.
        found.sort_by(|a, b| a.bounds.min.x.total_cmp(&b.bounds.min.x));
        if found.len() != faces.len() {
            return Err(GoldenError::Faces { found: found.len(), expected: faces.len() });
        }
        let off = found.iter().zip(faces).map(|(face, [x0, y0, x1, y1, roll])| {
            let Rect { min, max } = face.bounds;
            // Half a turn to the left is half a turn to the right.
            let turned = (face.roll - roll).sin().atan2((face.roll - roll).cos()).abs() * face.bounds.width() / 2.0;
            [min.x - x0, min.y - y0, max.x - x1, max.y - y1].iter().fold(turned, |most, off| most.max(off.abs()))
        });
        let (index, off_px) = off.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default();
        if off_px < MOST_PX { Ok(off_px) } else { Err(GoldenError::Box { index, off_px }) }
    }
}

fn input(bytes: &[u8], side_px: u32) -> Result<CropImage, GoldenError> {
    let frame = decode(bytes, Path::new(INPUT))?;
    let expected = Size { width: side_px, height: side_px };
    if frame.size() != expected {
        return Err(GoldenError::Size { found: frame.size(), expected });
    }
    let mut image = CropImage::new(side_px);
    image.fill(&frame, &Crop::of_frame(expected, side_px));
    Ok(image)
}

fn faces(text: &str) -> Result<Vec<[f32; 5]>, GoldenError> {
    let face = |line: &str| {
        let number = |text: &str| text.parse().ok().filter(|number: &f32| number.is_finite());
        let numbers: Vec<f32> = line.split(',').map_while(number).collect();
        numbers.try_into().map_err(|_| GoldenError::Face { found: line.into() })
    };
    text.lines().map(face).collect()
}

fn points(text: &str, count: usize) -> Result<Vec<Point2<f32>>, GoldenError> {
    let wrong = |found: String| GoldenError::Points { found, expected: count };
    let points = text.lines().map(|line| {
        let numbers = line.split_once(',').and_then(|(x, y)| Some(Point2::new(x.parse().ok()?, y.parse().ok()?)));
        numbers.ok_or_else(|| wrong(format!("the line {line:?}")))
    });
    let points: Vec<Point2<f32>> = points.collect::<Result<_, _>>()?;
    if points.len() == count { Ok(points) } else { Err(wrong(format!("{} lines", points.len()))) }
}
