//! Recall of a face detector.

use std::io::Write;

use anyhow::ensure;
use log::error;
use serde::Serialize;

use super::{outcome, progress, write_json};
use crate::cli::EvalArgs;
use crate::commands::{Outcome, counted};
use crate::dataset::boxes;
use crate::detect::Detector;
use crate::metrics::found_faces;
use crate::picture;
use crate::zoo;

/// Overlap that makes a detection a hit.
const HIT_IOU: f32 = 0.4;
/// A face is large when its longer side is at least this share of the picture's longer side.
const LARGE: f32 = 0.1;

pub fn run(args: &EvalArgs) -> anyhow::Result<Outcome> {
    ensure!(args.split.is_none(), "--split is for landmarks; a data set with boxes.csv has no splits");
    ensure!(args.predictions.is_none(), "--predictions is for landmarks; {} has boxes", args.data.display());
    let scenes = boxes::open(&args.data)?;
    let net = match &args.model {
        Some(choice) => choice.load()?,
        None => zoo::shipped(zoo::FACES)?.load()?,
    };
    let mut detector = Detector::new(&net, 1)?;
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
        let detected: Vec<_> = detector.detect(&frame)?.iter().map(|detection| detection.bounds).collect();
        let large_px = LARGE * frame.size.width.max(frame.size.height) as f32;
        figures.pictures += 1;
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
    writeln!(std::io::stdout(), "{name}: {}", figures.line())?;
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

impl Figures {
    fn line(&self) -> String {
        let Figures { pictures, iou, all, large, detections, unreadable } = self;
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
        if *unreadable > 0 {
            line += &format!("; {} not readable", counted(*unreadable, "picture", "pictures"));
        }
        line
    }
}
