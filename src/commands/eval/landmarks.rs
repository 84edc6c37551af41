//! NME, failure rate and AUC of a landmark model.

use std::io::Write;

use anyhow::ensure;
use log::error;
use nalgebra::Point2;
use serde::Serialize;

use super::heads::{HeadFigures, Heads};
use super::predictions::{Found, Predictions};
use super::{nothing_to_measure, outcome, progress, say_repeated};
use crate::cli::EvalArgs;
use crate::commands::{Outcome, counted, results, write_json};
use crate::dataset::degrade::Degradation;
use crate::dataset::metrics::{Coverage, Summary, normalised_mean_error};
use crate::dataset::{self, Sample, UnreadableItem};
use crate::face::head::HeadModel;
use crate::face::look::{Landmarker, LookTimings};
use crate::face::pose::{FieldOfView, Pinhole};
use crate::face::zoo::{self, Net};
use crate::face::{Face, Observer, Options};
use crate::model::scheme::Scheme;
use crate::picture::frame::Frame;
use crate::picture::geometry::Rect;

/// A face is found whose landmarks' box overlaps that of the true points by more than this (IoU).
const FOUND_IOU: f32 = 0.3;

pub fn run(args: &EvalArgs, named: Option<Net>) -> anyhow::Result<Outcome> {
    let mut set = dataset::open(&args.data)?;
    if let Some(split) = &args.split {
        set = set.only(split, &args.data)?;
    }
    set.faults.iter().for_each(|fault| error!("{}", fault.error));
    let faults = set.faults.len();
    ensure!(!set.samples.is_empty(), "{}", nothing_to_measure(&args.data, faults));
    let has_heads = set.samples.iter().any(|sample| sample.yaw_deg.is_some());
    ensure!(args.fov.is_none() || has_heads, "--fov is for head pose; {} has no column \"yaw\"", args.data.display());
    let net = match named {
        Some(net) => net,
        None => zoo::shipped(zoo::DEFAULT_LANDMARKS)?.load()?,
    };
    let mut finder = Finder::new(&net, args)?;
    let mut heads = Heads::default();
    let mut predictions =
        args.predictions.as_deref().map(|path| Predictions::create(path, finder.scheme())).transpose()?;
    let mut figures = serde_json::Map::new();
    let mut unreadable = faults;
    let unreadable_items = |split: &str| set.faults.iter().filter(|fault| fault.split == split).count();
    for (split, samples) in by_split(set.samples, &set.faults) {
        let mut result = evaluate(&split, &samples, args.degrade, &mut finder, &mut heads, predictions.as_mut())?;
        result.unreadable_items = unreadable_items(&split);
        writeln!(results(), "{split}: {}", result.line())?;
        unreadable += result.unreadable;
        figures.insert(split, serde_json::to_value(result).expect("figures are plain data"));
        if let Some(path) = &args.json {
            write_json(path, &figures)?;
        }
    }
    let of_no_split = unreadable_items("");
    if of_no_split > 0 {
        let rows = counted(of_no_split, "item is not readable and of", "items are not readable and of");
        writeln!(results(), "{rows} a split that cannot be told")?;
    }
    say_repeated(set.repeated.len())?;
    Ok(outcome(unreadable))
}

/// Samples of each split, splits in the order in which they first occur; then those of which none
/// can be read.
fn by_split(samples: Vec<Sample>, faults: &[UnreadableItem]) -> Vec<(String, Vec<Sample>)> {
    let mut splits: Vec<(String, Vec<Sample>)> = Vec::new();
    for sample in samples {
        match splits.iter_mut().find(|(split, _)| *split == sample.split) {
            Some((_, samples)) => samples.push(sample),
            None => splits.push((sample.split.clone(), vec![sample])),
        }
    }
    for fault in faults.iter().filter(|fault| !fault.split.is_empty()) {
        if !splits.iter().any(|(split, _)| *split == fault.split) {
            splits.push((fault.split.clone(), Vec::new()));
        }
    }
    splits
}

/// The figures of a split, as they stand in the JSON file.
#[derive(Debug, Serialize)]
struct SplitFigures {
    #[serde(flatten)]
    summary: Summary,
    normaliser: &'static str,
    #[serde(rename = "box")]
    boxes: &'static str,
    /// Faces whose look the model rejects. Where the boxes are the true ones, they still count in
    /// the mean.
    rejected: usize,
    /// Shares of points within the 68 % and the 95 % ellipse that the model reports, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    ellipses_cover_percent: Option<[f64; 2]>,
    /// Where the data set has the head's yaw.
    #[serde(skip_serializing_if = "Option::is_none")]
    head_pose: Option<HeadFigures>,
    /// Faces that the detector did not find: failures, but not part of the mean.
    missed: usize,
    /// Pictures that cannot be read.
    unreadable: usize,
    /// Annotations that cannot be read.
    unreadable_items: usize,
}

impl SplitFigures {
    fn line(&self) -> String {
        let Summary { faces, nme_percent, failure_rate_10_percent, auc_10 } = &self.summary;
        let measured = if self.missed == *faces { "no NME".into() } else { format!("NME {nme_percent:.2} %") };
        let mut line = counted(*faces, "face", "faces");
        if *faces > 0 {
            line += &format!(
                ", {measured} ({}), failures over 10 % {failure_rate_10_percent:.2} %, AUC up to 10 % {auc_10:.3}; box: {}",
                self.normaliser, self.boxes,
            );
        }
        if let Some([within_68, within_95]) = self.ellipses_cover_percent {
            line += &format!("; points within the 68 % ellipse {within_68:.1} %, the 95 % ellipse {within_95:.1} %");
        }
        if let Some(heads) = &self.head_pose {
            line += &heads.line();
        }
        if self.rejected > 0 {
            line += &format!("; {} taken for no face", counted(self.rejected, "face", "faces"));
        }
        if self.missed > 0 {
            line += &format!("; {} missed by the detector count as failures and not in the NME", self.missed);
        }
        if self.unreadable > 0 {
            line += &format!("; {} not readable", counted(self.unreadable, "picture", "pictures"));
        }
        if self.unreadable_items > 0 {
            line += &format!("; {} not readable", counted(self.unreadable_items, "annotation", "annotations"));
        }
        line
    }
}

fn evaluate(
    split: &str,
    samples: &[Sample],
    degradation: Option<Degradation>,
    finder: &mut Finder,
    heads: &mut Heads,
    mut predictions: Option<&mut Predictions>,
) -> anyhow::Result<SplitFigures> {
    let bar = progress(samples.len()).with_prefix(split.to_owned());
    let mut errors = Vec::with_capacity(samples.len());
    let (mut unreadable, mut rejected, mut coverage) = (0, 0, Coverage::of(finder.tails()));
    for sample in bar.wrap_iter(samples.iter()) {
        let frame = match sample.read_picture() {
            Ok(frame) => frame,
            Err(e) => {
                bar.suspend(|| error!("{e}"));
                unreadable += 1;
                continue;
            }
        };
        let (frame, truth) = match degradation {
            Some(degradation) => degradation.apply(&frame, &sample.points),
            None => (frame, sample.points.clone()),
        };
        let found = finder.find(&frame, &truth)?;
        errors.push(found.as_ref().map_or(f64::INFINITY, |found| {
            let points: Vec<_> = found.landmarks.iter().map(|landmark| landmark.at).collect();
            normalised_mean_error(finder.scheme(), &truth, &points)
        }));
        if let (Some(pose), Some(yaw_deg)) = (found.as_ref().and_then(|found| found.pose), sample.yaw_deg) {
            heads.count(&pose, yaw_deg);
        }
        if let Some(found) = &found {
            rejected += usize::from(!found.is_face);
            found.landmarks.iter().zip(&truth).for_each(|(landmark, truth)| coverage.count(landmark, *truth));
        }
        if let Some(predictions) = &mut predictions {
            predictions.write(&sample.file, found.as_ref())?;
        }
    }
    bar.finish_and_clear();
    let found: Vec<f64> = errors.iter().copied().filter(|e| e.is_finite()).collect();
    let summary = Summary { nme_percent: Summary::of(&found).nme_percent, ..Summary::of(&errors) };
    let missed = errors.len() - found.len();
    Ok(SplitFigures {
        summary,
        normaliser: "inter-ocular",
        boxes: finder.boxes(),
        rejected,
        ellipses_cover_percent: coverage.percent(),
        head_pose: heads.take(),
        missed,
        unreadable,
        unreadable_items: 0,
    })
}

/// Where the crop comes from.
enum Finder {
    TruePoints(Box<TruePoints>),
    Detector(Box<Observer>),
}

/// Looks at crops around the true points.
struct TruePoints {
    landmarker: Landmarker,
    head: Option<HeadModel>,
    fov: FieldOfView,
    /// Whether the crop turns with the face.
    upright: bool,
}

impl Finder {
    fn new(net: &Net, args: &EvalArgs) -> anyhow::Result<Self> {
        let fov = args.fov.unwrap_or_else(FieldOfView::of_cut_outs);
        if args.detect {
            let faces = zoo::shipped(zoo::FACES)?.load()?;
            let options = Options { fov, ..Options::unsmoothed() };
            Ok(Finder::Detector(Box::new(Observer::new(&faces, net, &options)?)))
        } else {
            let (landmarker, head) = (Landmarker::new(net, 1)?, net.head.clone());
            Ok(Finder::TruePoints(Box::new(TruePoints { landmarker, head, fov, upright: args.upright })))
        }
    }

    fn scheme(&self) -> &'static Scheme {
        match self {
            Finder::TruePoints(looks) => looks.landmarker.scheme(),
            Finder::Detector(observer) => observer.scheme(),
        }
    }

    /// Of the model's errors; see [`crate::face::calibration`].
    fn tails(&self) -> Option<f32> {
        let calibration = match self {
            Finder::TruePoints(looks) => looks.landmarker.calibration(),
            Finder::Detector(observer) => observer.calibration(),
        };
        calibration.map(|calibration| calibration.tails)
    }

    fn boxes(&self) -> &'static str {
        match self {
            Finder::TruePoints(looks) if looks.upright => "true points, upright",
            Finder::TruePoints(_) => "true points",
            Finder::Detector(_) => "detector",
        }
    }

    /// Finds the landmarks of the face with these true points; `None` where the detector misses it.
    fn find(&mut self, frame: &Frame, truth: &[Point2<f32>]) -> anyhow::Result<Option<Found>> {
        let bounds = Rect::around(truth.iter().copied()).expect("a sample has points");
        match self {
            Finder::TruePoints(looks) => Ok(Some(looks.find(frame, truth, &bounds)?)),
            Finder::Detector(observer) => {
                observer.forget();
                let faces = observer.observe(frame)?.faces;
                let overlap = |found: &Rect| found.iou(&bounds);
                let nearest = faces.into_iter().max_by(|a, b| overlap(&a.bounds).total_cmp(&overlap(&b.bounds)));
                let own = nearest.filter(|face| overlap(&face.bounds) > FOUND_IOU);
                Ok(own.map(|Face { landmarks, guessed, measures, .. }| Found {
                    landmarks,
                    guessed,
                    pose: measures.pose,
                    is_face: true,
                }))
            }
        }
    }
}

impl TruePoints {
    fn find(&mut self, frame: &Frame, truth: &[Point2<f32>], bounds: &Rect) -> anyhow::Result<Found> {
        let landmarker = &mut self.landmarker;
        let crop =
            if self.upright { landmarker.crop_around_points(truth) } else { landmarker.crop_around(bounds, 0.0) };
        let look = landmarker.look(frame, &crop, &mut LookTimings::default())?;
        let size = frame.size();
        let pose = self.head.as_ref().and_then(|head| head.pose(&look.landmarks, &Pinhole::of(size, self.fov)));
        let guessed = landmarker.visibility().guessed(&look.landmarks, pose.as_ref(), size);
        Ok(Found { is_face: look.is_face(), landmarks: look.landmarks, guessed, pose })
    }
}
