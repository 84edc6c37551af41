//! Recall of a face detector, and what it and the landmark net take for faces where there are none.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use log::error;
use nalgebra::Point2;
use serde::Serialize;

use super::{nothing_to_measure, outcome, progress, say_repeated};
use crate::cli::EvalArgs;
use crate::commands::{Outcome, counted, results, write_json};
use crate::dataset::degrade::Degradation;
use crate::dataset::metrics::found_faces;
use crate::dataset::{self, DatasetError, boxes};
use crate::face::detect::{Detection, Detector};
use crate::face::look::{Landmarker, LookTimings};
use crate::face::zoo::{self, Net};
use crate::face::{Observer, Options};
use crate::picture;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::{Rect, box_of_turned};

/// Overlap that makes a detection a hit.
const HIT_IOU: f32 = 0.4;

/// With the model that was named, a detector or a landmark net, and the shipped ones for the rest.
pub fn run(args: &EvalArgs, named: Option<Net>) -> anyhow::Result<Outcome> {
    for (option, given) in [("--detect", args.detect), ("--upright", args.upright), ("--fov", args.fov.is_some())] {
        ensure!(!given, "{option} is for landmarks; {} is evaluated with the detector alone", args.data.display());
    }
    let Read { scenes, faults, repeated } = scenes(args)?;
    faults.iter().for_each(|fault| error!("{fault}"));
    ensure!(!scenes.is_empty(), "{}", nothing_to_measure(&args.data, faults.len()));
    let without_faces = scenes.iter().any(Scene::is_without_faces);
    let landmarks = named.as_ref().is_some_and(|net| !net.card.task.is_faces());
    ensure!(
        !landmarks || without_faces,
        "a landmark model is asked about pictures without faces; {} has none, and the detector is measured there",
        args.data.display()
    );
    let shipped = zoo::shipped(if landmarks { zoo::FACES } else { zoo::DEFAULT_LANDMARKS })?.load()?;
    let (faces, landmarks) = match named {
        Some(net) if landmarks => (shipped, net),
        Some(net) => (net, shipped),
        None => (zoo::shipped(zoo::FACES)?.load()?, shipped),
    };
    let mut detector = Detector::new(&faces, 1)?;
    let mut alarms = without_faces.then(|| AlarmCheck::new(&faces, &landmarks)).transpose()?;
    let mut table = args.predictions.as_deref().map(Table::create).transpose()?;
    let mut figures = Figures { iou: HIT_IOU, unreadable_items: faults.len(), ..Figures::default() };
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
        let Seen { frame, faces, ignored } = scene.degraded(frame, args.degrade);
        figures.pictures += 1;
        let detections = if scene.is_without_faces() {
            alarms.as_mut().expect("there are pictures without faces").count(&frame, &mut figures.without_faces)?
        } else {
            detector.detect(&frame)?
        };
        figures.count(&faces, &ignored, &detections, frame.size());
        if let Some(table) = &mut table {
            table.write(&scene.file, &detections)?;
        }
    }
    bar.finish_and_clear();
    if let Some(table) = table {
        table.finish()?;
    }
    let name = std::path::absolute(&args.data)?.file_name().unwrap_or_default().to_string_lossy().into_owned();
    writeln!(results(), "{name}: {}", figures.line())?;
    say_repeated(repeated)?;
    if let Some(path) = &args.json {
        write_json(path, &serde_json::json!({ name: figures }))?;
    }
    Ok(outcome(figures.unreadable + faults.len()))
}

/// A picture and what is known of its faces.
struct Scene {
    picture: PathBuf,
    file: String,
    /// The landmarks of each face, or two corners of their box.
    faces: Vec<Vec<Point2<f32>>>,
    ignored: Vec<Rect>,
}

impl Scene {
    /// Whether it shows none, nor anything that may be one.
    fn is_without_faces(&self) -> bool {
        self.faces.is_empty() && self.ignored.is_empty()
    }

    /// A scene a face, in which the others are ignored.
    fn face_by_face(self) -> Vec<Scene> {
        let one = |at: usize| {
            let others = self.faces.iter().enumerate().filter(|(other, _)| *other != at);
            let ignored = others.filter_map(|(_, face)| Rect::around(face.iter().copied())).collect();
            let (picture, file) = (self.picture.clone(), self.file.clone());
            Scene { picture, file, faces: vec![self.faces[at].clone()], ignored }
        };
        (0..self.faces.len()).map(one).collect()
    }

    /// What is evaluated: the picture, made harder for its one face where that is asked for.
    fn degraded(&self, frame: Frame, degradation: Option<Degradation>) -> Seen {
        let bounds = |points: &Vec<Point2<f32>>| Rect::around(points.iter().copied()).expect("a face has points");
        match (degradation, self.faces.as_slice()) {
            (Some(degradation), [face]) => {
                let (frame, harder_from_frame) = degradation.of_face(&frame, face);
                let face = face.iter().map(|point| harder_from_frame * point).collect();
                let ignored = self.ignored.iter().map(|ignored| box_of_turned(ignored, &harder_from_frame)).collect();
                Seen { frame, faces: vec![bounds(&face)], ignored }
            }
            _ => Seen { frame, faces: self.faces.iter().map(bounds).collect(), ignored: self.ignored.clone() },
        }
    }
}

/// A picture as it is evaluated, and the boxes in it.
struct Seen {
    frame: Frame,
    faces: Vec<Rect>,
    ignored: Vec<Rect>,
}

/// What a data set holds for a detector.
struct Read {
    scenes: Vec<Scene>,
    faults: Vec<DatasetError>,
    /// Faces that it lists twice.
    repeated: usize,
}

/// The pictures of `boxes.csv`, or those of a data set of landmarks, and what cannot be read.
fn scenes(args: &EvalArgs) -> anyhow::Result<Read> {
    let data = &args.data;
    if boxes::are_in(data) {
        ensure!(args.degrade.is_none(), "--degrade needs landmarks; {} has boxes", data.display());
        ensure!(args.split.is_none(), "--split needs a column \"split\"; boxes.csv of {} has none", data.display());
        let scene = |boxes::Scene { picture, file, faces, ignored }| Scene {
            picture,
            file,
            faces: faces.into_iter().map(|face| vec![face.min, face.max]).collect(),
            ignored,
        };
        let boxes::Scenes { scenes, faults, repeated } = boxes::read(data)?;
        return Ok(Read { scenes: scenes.into_iter().map(scene).collect(), faults, repeated });
    }
    let mut set = dataset::open(data)?;
    if let Some(split) = &args.split {
        set = set.only(split, data)?;
    }
    let faults = set.faults.into_iter().map(|fault| fault.error).collect();
    let mut scenes: Vec<Scene> = Vec::new();
    // A picture may be in several splits, with the same faces.
    let mut of_picture: HashMap<(String, PathBuf), usize> = HashMap::new();
    for dataset::Sample { picture, file, split, points, .. } in set.samples {
        let key = (split, picture.clone());
        match of_picture.get(&key) {
            Some(&at) => scenes[at].faces.push(points),
            None => {
                of_picture.insert(key, scenes.len());
                scenes.push(Scene { picture, file, faces: vec![points], ignored: vec![] });
            }
        }
    }
    // What makes a picture harder is measured by a face, so that each face is a scene then.
    if args.degrade.is_some() {
        scenes = scenes.into_iter().flat_map(Scene::face_by_face).collect();
    }
    Ok(Read { scenes, faults, repeated: set.repeated.len() })
}

/// Every detection, a row each.
struct Table(csv::Writer<File>);

impl Table {
    fn create(path: &Path) -> anyhow::Result<Table> {
        let mut table = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
        table.write_record(["file", "x0", "y0", "x1", "y1", "score", "roll_degrees"])?;
        Ok(Table(table))
    }

    fn write(&mut self, file: &str, detections: &[Detection]) -> anyhow::Result<()> {
        for Detection { bounds: Rect { min, max }, score, roll, .. } in detections {
            let numbers = [min.x, min.y, max.x, max.y].map(|v| format!("{v:.2}"));
            let [x0, y0, x1, y1] = &numbers;
            self.0.write_record([
                file,
                x0,
                y0,
                x1,
                y1,
                &format!("{score:.3}"),
                &format!("{:.1}", roll.to_degrees()),
            ])?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// The figures of a data set, as they stand in the JSON file.
#[derive(Debug, Default, Serialize)]
struct Figures {
    pictures: usize,
    iou: f32,
    all: Recall,
    /// Faces whose longer side is a tenth of the picture's longer side or more.
    large: Recall,
    /// From a twentieth to a tenth.
    medium: Recall,
    small: Recall,
    detections: usize,
    /// Detections that overlap neither a marked nor an ignored face: false alarms and faces that
    /// nobody marked.
    unmatched: usize,
    /// Of the pictures that are known to show no face.
    without_faces: Alarms,
    unreadable: usize,
    /// Annotations.
    unreadable_items: usize,
}

impl Figures {
    /// Ignored faces count neither way.
    fn count(&mut self, faces: &[Rect], ignored: &[Rect], detections: &[Detection], size: Size) {
        let detected: Vec<Rect> = detections.iter().map(|detection| detection.bounds).collect();
        let longer_px = size.width.max(size.height) as f32;
        for (face, found) in faces.iter().zip(found_faces(faces, &detected, HIT_IOU)) {
            self.all.count(found);
            let share = face.width().max(face.height()) / longer_px;
            let class = match share {
                0.1.. => &mut self.large,
                0.05.. => &mut self.medium,
                _ => &mut self.small,
            };
            class.count(found);
        }
        let known = |detection: &Rect| faces.iter().chain(ignored).any(|face| face.iou(detection) > UNMATCHED_IOU);
        self.detections += detected.len();
        self.unmatched += detected.iter().filter(|detection| !known(detection)).count();
    }
}

/// A detection that overlaps each known face by less is at none of them.
const UNMATCHED_IOU: f32 = 0.1;

#[derive(Debug, Serialize)]
struct Recall {
    faces: usize,
    found: usize,
    /// NaN of none, which is null in JSON.
    recall_percent: f64,
}

impl Default for Recall {
    fn default() -> Recall {
        Recall { faces: 0, found: 0, recall_percent: f64::NAN }
    }
}

impl Recall {
    fn count(&mut self, found: bool) {
        self.faces += 1;
        self.found += usize::from(found);
        self.recall_percent = 100.0 * self.found as f64 / self.faces as f64;
    }
}

/// `98.2 % (331 of 337)`
impl std::fmt::Display for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Recall { faces, found, recall_percent } = self;
        if *faces == 0 {
            f.write_str("unknown (of none)")
        } else {
            write!(f, "{recall_percent:.1} % ({found} of {faces})")
        }
    }
}

/// What was taken for a face where there is none.
#[derive(Debug, Default, Serialize)]
struct Alarms {
    pictures: usize,
    /// Pictures in which the detector alone saw a face.
    detected: usize,
    /// Pictures in which `run` would report a face: the landmark net confirmed a detection.
    reported: usize,
    /// Crops that it looked at for that, in all, and in the picture with the most of them.
    looks: usize,
    most_looks: usize,
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
    fn new(faces: &Net, landmarks: &Net) -> anyhow::Result<Self> {
        Ok(AlarmCheck {
            observer: Observer::new(faces, landmarks, &Options::unsmoothed())?,
            landmarker: Landmarker::new(landmarks, 1)?,
        })
    }

    /// Gives what the detector saw.
    fn count(&mut self, frame: &Frame, alarms: &mut Alarms) -> anyhow::Result<Vec<Detection>> {
        alarms.pictures += 1;
        self.observer.forget();
        alarms.reported += usize::from(!self.observer.observe(frame)?.faces.is_empty());
        alarms.looks += self.observer.looks();
        alarms.most_looks = alarms.most_looks.max(self.observer.looks());
        let detections = self.observer.detections().to_vec();
        alarms.detected += usize::from(!detections.is_empty());
        for bounds in boxes_all_over(frame.size()) {
            let crop = self.landmarker.crop_around(&bounds, 0.0);
            let look = self.landmarker.look(frame, &crop, &mut LookTimings::default())?;
            alarms.crops += 1;
            alarms.accepted += usize::from(look.is_face());
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
        let Figures {
            pictures,
            iou,
            all,
            large,
            medium,
            small,
            detections,
            unmatched,
            without_faces,
            unreadable,
            unreadable_items,
        } = self;
        let mut line = format!(
            "{}, recall at IoU {iou} of faces of a tenth of the picture or more {large}, of a twentieth to a tenth {medium}, \
             of smaller ones {small}, of all {all}; {detections} detections, {unmatched} at no known face",
            counted(*pictures, "picture", "pictures"),
        );
        if without_faces.pictures > 0 {
            let Alarms { pictures, detected, reported, looks, most_looks, crops, accepted } = without_faces;
            line += &format!(
                "; of {} without a face, the detector sees one in {detected}, one is reported in {reported}, after {} \
                 ({most_looks} at most in one); of {crops} crops of these, {accepted} are taken for faces",
                counted(*pictures, "picture", "pictures"),
                counted(*looks, "look", "looks"),
            );
        }
        if *unreadable > 0 {
            line += &format!("; {} not readable", counted(*unreadable, "picture", "pictures"));
        }
        if *unreadable_items > 0 {
            line += &format!("; {} not readable", counted(*unreadable_items, "annotation", "annotations"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_that_is_made_harder_has_the_others_of_its_picture_beside_it() {
        let square = |x: f32| vec![Point2::new(x, 10.0), Point2::new(x + 20.0, 30.0)];
        let scene = Scene {
            picture: PathBuf::new(),
            file: String::new(),
            faces: vec![square(10.0), square(60.0)],
            ignored: vec![],
        };
        let [first, second] = scene.face_by_face().try_into().ok().unwrap();
        assert_eq!((first.faces, second.faces.clone()), (vec![square(10.0)], vec![square(60.0)]));
        assert_eq!(first.ignored, [Rect::new(60.0, 10.0, 80.0, 30.0)]);
        // Half as large, the square of 100 px being one of 50 from then on.
        let frame = Frame::from_rgb(Size { width: 100, height: 100 }, vec![90; 100 * 100 * 3]).unwrap();
        let seen = second.degraded(frame, Some(Degradation::FacePx(10.0)));
        assert_eq!(seen.frame.size(), Size { width: 50, height: 50 });
        for (at, expected) in [(seen.faces[0].centre(), [34.75, 9.75]), (seen.ignored[0].centre(), [9.75, 9.75])] {
            assert!((at - Point2::from(expected)).norm() < 1e-3, "{at}, expected {expected:?}");
        }
        assert!((seen.ignored[0].width() - 10.0).abs() < 1e-3);
    }
}
