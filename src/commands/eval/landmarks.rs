//! NME, failure rate and AUC of a landmark model.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use log::error;
use nalgebra::Point2;
use serde::Serialize;

use super::{outcome, progress, write_json};
use crate::cli::EvalArgs;
use crate::commands::{Outcome, counted};
use crate::dataset::{self, Sample};
use crate::frame::Frame;
use crate::landmarks::{Landmarker, LookTimings};
use crate::metrics::{Summary, normalised_mean_error};
use crate::observe::Observer;
use crate::picture;
use crate::scheme::Scheme;
use crate::zoo::{self, Net};

pub fn run(args: &EvalArgs) -> anyhow::Result<Outcome> {
    let samples = dataset::open_split(&args.data, args.split.as_deref())?;
    let net = match &args.model {
        Some(choice) => choice.load()?,
        None => zoo::shipped(zoo::DEFAULT_LANDMARKS)?.load()?,
    };
    let mut finder = Finder::new(&net, args.detect)?;
    let mut predictions =
        args.predictions.as_deref().map(|path| Predictions::create(path, finder.scheme())).transpose()?;
    let mut figures = serde_json::Map::new();
    let mut unreadable = 0;
    for (split, samples) in by_split(samples) {
        let result = evaluate(&split, &samples, &mut finder, predictions.as_mut())?;
        writeln!(std::io::stdout(), "{split}: {}", result.line())?;
        unreadable += result.unreadable;
        figures.insert(split, serde_json::to_value(result).expect("figures are plain data"));
        if let Some(path) = &args.json {
            write_json(path, &figures.clone().into())?;
        }
    }
    Ok(outcome(unreadable))
}

/// Samples of each split, splits in the order in which they first occur.
fn by_split(samples: Vec<Sample>) -> Vec<(String, Vec<Sample>)> {
    let mut splits: Vec<(String, Vec<Sample>)> = Vec::new();
    for sample in samples {
        match splits.iter_mut().find(|(split, _)| *split == sample.split) {
            Some((_, samples)) => samples.push(sample),
            None => splits.push((sample.split.clone(), vec![sample])),
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
    /// Faces that the detector did not find: failures, but not part of the mean.
    missed: usize,
    unreadable: usize,
}

impl SplitFigures {
    fn line(&self) -> String {
        let Summary { faces, nme_percent, failure_rate_10_percent, auc_10 } = &self.summary;
        let mut line = format!(
            "{}, NME {nme_percent:.2} % ({}), failures over 10 % {failure_rate_10_percent:.2} %, AUC up to 10 % {auc_10:.3}; box: {}",
            counted(*faces, "face", "faces"),
            self.normaliser,
            self.boxes,
        );
        if self.missed > 0 {
            line += &format!("; {} missed by the detector count as failures and not in the NME", self.missed);
        }
        if self.unreadable > 0 {
            line += &format!("; {} not readable", counted(self.unreadable, "picture", "pictures"));
        }
        line
    }
}

fn evaluate(
    split: &str,
    samples: &[Sample],
    finder: &mut Finder,
    mut predictions: Option<&mut Predictions>,
) -> anyhow::Result<SplitFigures> {
    let bar = progress(samples.len()).with_prefix(split.to_owned());
    let mut errors = Vec::with_capacity(samples.len());
    let mut unreadable = 0;
    for sample in bar.wrap_iter(samples.iter()) {
        let frame = match picture::read(&sample.picture) {
            Ok(frame) => frame,
            Err(e) => {
                bar.suspend(|| error!("{e}"));
                unreadable += 1;
                continue;
            }
        };
        let found = finder.find(&frame, sample)?;
        errors.push(match &found {
            Some(points) => normalised_mean_error(finder.scheme(), &sample.points, points),
            None => f64::INFINITY,
        });
        if let Some(predictions) = &mut predictions {
            predictions.write(&sample.file, found.as_deref())?;
        }
    }
    bar.finish_and_clear();
    let found: Vec<f64> = errors.iter().copied().filter(|e| e.is_finite()).collect();
    let summary = Summary { nme_percent: Summary::of(&found).nme_percent, ..Summary::of(&errors) };
    let missed = errors.len() - found.len();
    Ok(SplitFigures { summary, normaliser: "inter-ocular", boxes: finder.boxes(), missed, unreadable })
}

/// Where the crop comes from.
enum Finder {
    TruePoints(Landmarker),
    Detector(Box<Observer>),
}

impl Finder {
    fn new(net: &Net, detect: bool) -> anyhow::Result<Self> {
        if detect {
            let faces = zoo::shipped(zoo::FACES)?.load()?;
            Ok(Finder::Detector(Box::new(Observer::new(&faces, net, false)?)))
        } else {
            Ok(Finder::TruePoints(Landmarker::new(net, 1)?))
        }
    }

    fn scheme(&self) -> &'static Scheme {
        match self {
            Finder::TruePoints(landmarker) => landmarker.scheme(),
            Finder::Detector(observer) => observer.scheme(),
        }
    }

    fn boxes(&self) -> &'static str {
        match self {
            Finder::TruePoints(_) => "true points",
            Finder::Detector(_) => "detector",
        }
    }

    /// The points of the sample's face; `None` where the detector does not find it.
    fn find(&mut self, frame: &Frame, sample: &Sample) -> anyhow::Result<Option<Vec<Point2<f32>>>> {
        let truth = sample.bounds();
        match self {
            Finder::TruePoints(landmarker) => {
                let crop = landmarker.crop_around(&truth);
                Ok(Some(landmarker.look(frame, &crop, &mut LookTimings::default())?.points()))
            }
            Finder::Detector(observer) => {
                observer.forget();
                let faces = observer.observe(frame)?.faces;
                let overlap = |bounds: &crate::geometry::Rect| bounds.iou(&truth);
                let nearest = faces.iter().max_by(|a, b| overlap(&a.bounds).total_cmp(&overlap(&b.bounds)));
                Ok(nearest
                    .filter(|face| overlap(&face.bounds) > 0.0)
                    .map(|f| f.landmarks.iter().map(|l| l.at).collect()))
            }
        }
    }
}

/// A row of points a face of the data set; no points where the face was not found.
struct Predictions {
    writer: csv::Writer<std::fs::File>,
    landmarks: usize,
}

impl Predictions {
    fn create(path: &Path, scheme: &Scheme) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
        let points = (0..scheme.landmarks).flat_map(|i| [format!("x{i}"), format!("y{i}")]);
        writer.write_record(std::iter::once("file".to_owned()).chain(points))?;
        Ok(Predictions { writer, landmarks: scheme.landmarks })
    }

    fn write(&mut self, file: &str, points: Option<&[Point2<f32>]>) -> anyhow::Result<()> {
        let fields = match points {
            Some(points) => points.iter().flat_map(|p| [format!("{:.3}", p.x), format!("{:.3}", p.y)]).collect(),
            None => vec![String::new(); 2 * self.landmarks],
        };
        self.writer.write_record(std::iter::once(file.to_owned()).chain(fields))?;
        Ok(self.writer.flush()?)
    }
}
