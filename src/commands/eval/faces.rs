//! Recall of a face detector, and what it and the landmark net take for faces where there are none.

use std::io::Write;

use anyhow::ensure;
use log::error;
use serde::Serialize;

use super::{outcome, progress};
use crate::cli::EvalArgs;
use crate::commands::{Outcome, counted, results, write_json};
use crate::dataset::boxes;
use crate::dataset::metrics::found_faces;
use crate::face::detect::Detector;
use crate::face::look::{Landmarker, LookTimings};
use crate::face::views::View;
use crate::face::zoo::{self, Net};
use crate::face::{Observer, Options};
use crate::picture;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Rect;

/// Overlap that makes a detection a hit.
const HIT_IOU: f32 = 0.4;
/// A face is large when its longer side is at least this share of the picture's longer side.
const LARGE: f32 = 0.1;

pub fn run(args: &EvalArgs) -> anyhow::Result<Outcome> {
    ensure!(args.degrade.is_none(), "--degrade is for landmarks; {} has boxes", args.data.display());
    ensure!(args.split.is_none(), "--split is for landmarks; a data set with boxes.csv has no splits");
    ensure!(args.predictions.is_none(), "--predictions is for landmarks; {} has boxes", args.data.display());
    let scenes = boxes::open(&args.data)?;
    let net = match &args.model {
        Some(choice) => choice.load()?,
        None => zoo::shipped(zoo::FACES)?.load()?,
    };
    let mut detector = Detector::new(&net, 1)?;
    let mut alarms = scenes.iter().any(|scene| scene.faces.is_empty()).then(|| AlarmCheck::new(&net)).transpose()?;
    let mut figures = Figures { iou: HIT_IOU, ..Figures::default() };
    let bar = progress(scenes.len());
    for scene in bar.wrap_iter(scenes.iter()) {
        let frame = match picture::read(&scene.picture) {
            Ok(frame) => frame,
            Err(e) => {
                bar.suspend(|| error!("{e}"));
                figures.unreadable += 1;
                continue;
            }
        };
        figures.pictures += 1;
        if scene.faces.is_empty() {
            let alarms = alarms.as_mut().expect("there are pictures without faces");
            figures.detections += alarms.count(&frame, &mut figures.without_faces)?;
            continue;
        }
        let detected: Vec<_> =
            detector.detect(&frame, View::UPRIGHT)?.iter().map(|detection| detection.bounds).collect();
        let large_px = LARGE * frame.size.width.max(frame.size.height) as f32;
        figures.detections += detected.len();
        for (face, found) in scene.faces.iter().zip(found_faces(&scene.faces, &detected, HIT_IOU)) {
            figures.all.count(found);
            if face.width().max(face.height()) >= large_px {
                figures.large.count(found);
            }
        }
    }
    bar.finish_and_clear();
    let name = std::path::absolute(&args.data)?.file_name().unwrap_or_default().to_string_lossy().into_owned();
    writeln!(results(), "{name}: {}", figures.line())?;
    if let Some(path) = &args.json {
        write_json(path, &serde_json::json!({ name: figures }))?;
    }
    Ok(outcome(figures.unreadable))
}

/// The figures of a data set, as they stand in the JSON file.
#[derive(Debug, Default, Serialize)]
struct Figures {
    pictures: usize,
    iou: f32,
    all: Recall,
    /// Faces whose longer side is a tenth of the picture's longer side or more.
    large: Recall,
    /// Those at faces that nobody has marked included.
    detections: usize,
    /// Of the pictures that are known to show no face.
    without_faces: Alarms,
    unreadable: usize,
}

#[derive(Debug, Default, Serialize)]
struct Recall {
    faces: usize,
    found: usize,
    recall_percent: f64,
}

impl Recall {
    fn count(&mut self, found: bool) {
        self.faces += 1;
        self.found += usize::from(found);
        self.recall_percent = 100.0 * self.found as f64 / self.faces as f64;
    }
}

/// What was taken for a face where there is none.
#[derive(Debug, Default, Serialize)]
struct Alarms {
    pictures: usize,
    /// Pictures in which the detector alone saw a face, whichever way up.
    detected: usize,
    /// Pictures in which a face was reported, as `run` would: the landmark net looked at what the detector saw.
    reported: usize,
    /// Crops all over the pictures, and how many of them the landmark net took for a face.
    crops: usize,
    accepted: usize,
}

/// Looks for faces where there are none.
struct AlarmCheck {
    observer: Observer,
    landmarker: Landmarker,
}

impl AlarmCheck {
    fn new(faces: &Net) -> anyhow::Result<Self> {
        let landmarks = zoo::shipped(zoo::DEFAULT_LANDMARKS)?.load()?;
        Ok(AlarmCheck {
            observer: Observer::new(faces, &landmarks, &Options::unsmoothed())?,
            landmarker: Landmarker::new(&landmarks, 1)?,
        })
    }

    /// Gives how many detections there were.
    fn count(&mut self, frame: &Frame, alarms: &mut Alarms) -> anyhow::Result<usize> {
        alarms.pictures += 1;
        self.observer.forget();
        alarms.reported += usize::from(!self.observer.observe(frame)?.faces.is_empty());
        let detections = self.observer.detections().len();
        alarms.detected += usize::from(detections > 0);
        for bounds in boxes_all_over(frame.size) {
            let crop = self.landmarker.crop_around(&bounds, 0.0);
            let look = self.landmarker.look(frame, &crop, &mut LookTimings::default())?;
            alarms.crops += 1;
            alarms.accepted += usize::from(self.landmarker.is_face(&look));
        }
        Ok(detections)
    }
}

/// Squares of a half, a quarter and an eighth of the shorter side, side by side.
fn boxes_all_over(size: Size) -> impl Iterator<Item = Rect> {
    let (width, height) = (size.width as f32, size.height as f32);
    [2.0, 4.0, 8.0].into_iter().flat_map(move |parts| {
        let side = width.min(height) / parts;
        let (columns, rows) = ((width / side) as usize, (height / side) as usize);
        (0..rows).flat_map(move |row| {
            (0..columns).map(move |column| {
                let (x, y) = (column as f32 * side, row as f32 * side);
                Rect::new(x, y, x + side, y + side)
            })
        })
    })
}

impl Figures {
    fn line(&self) -> String {
        let Figures { pictures, iou, all, large, detections, without_faces, unreadable } = self;
        let mut line = format!(
            "{}, recall at IoU {iou} of faces of a tenth of the picture or more {:.1} % ({} of {}), of all {:.1} % ({} of {}); \
             {detections} detections",
            counted(*pictures, "picture", "pictures"),
            large.recall_percent,
            large.found,
            large.faces,
            all.recall_percent,
            all.found,
            all.faces,
        );
        if without_faces.pictures > 0 {
            let Alarms { pictures, detected, reported, crops, accepted } = without_faces;
            line += &format!(
                "; of {} without a face, the detector sees one in {detected}, one is reported in {reported}; \
                 of {crops} crops of these, {accepted} are taken for faces",
                counted(*pictures, "picture", "pictures"),
            );
        }
        if *unreadable > 0 {
            line += &format!("; {} not readable", counted(*unreadable, "picture", "pictures"));
        }
        line
    }
}
