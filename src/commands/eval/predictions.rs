//! What was found, face by face, for programs that judge it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::face::Landmark;
use crate::face::pose::HeadPose;
use crate::model::scheme::Scheme;

/// What was found of a face.
pub struct Found {
    pub landmarks: Vec<Landmark>,
    /// Numbers of the landmarks that the picture does not show.
    pub guessed: Vec<usize>,
    /// Of the head, where it is known.
    pub pose: Option<HeadPose>,
    /// Whether the model takes it for a face.
    pub is_face: bool,
}

/// A CSV file with a row a face of the data set: `file`, the points `x0,y0 ..`, their confidence
/// `p0 ..` (0 to 1), their covariance `xx0,xy0,yy0 ..`, and `guessed`: numbers of the points that
/// the picture does not show, with a space between. Pixels and square pixels of the picture, made
/// harder if `--degrade` says so; empty where the face was not found.
pub struct Predictions {
    writer: csv::Writer<File>,
    path: PathBuf,
    landmarks: usize,
}

/// Fields of a landmark.
const FIELDS: usize = 6;

impl Predictions {
    pub fn create(path: &Path, scheme: &Scheme) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
        let numbered = |names: &'static [&str]| {
            (0..scheme.landmarks).flat_map(move |i| names.iter().map(move |name| format!("{name}{i}")))
        };
        let columns = numbered(&["x", "y"]).chain(numbered(&["p"])).chain(numbered(&["xx", "xy", "yy"]));
        writer.write_record(std::iter::once("file".to_owned()).chain(columns).chain(["guessed".to_owned()]))?;
        Ok(Predictions { writer, path: path.into(), landmarks: scheme.landmarks })
    }

    pub fn write(&mut self, file: &str, found: Option<&Found>) -> anyhow::Result<()> {
        let fields: Vec<String> = match found {
            Some(Found { landmarks: found, guessed, .. }) => {
                let points = found.iter().flat_map(|l| [format!("{:.3}", l.at.x), format!("{:.3}", l.at.y)]);
                let confidences = found.iter().map(|l| format!("{:.4}", l.confidence));
                let covariances =
                    found.iter().flat_map(|l| [(0, 0), (0, 1), (1, 1)].map(|at| format!("{:.4}", l.covariance[at])));
                let guessed: Vec<String> = guessed.iter().map(ToString::to_string).collect();
                points.chain(confidences).chain(covariances).chain([guessed.join(" ")]).collect()
            }
            None => vec![String::new(); FIELDS * self.landmarks + 1],
        };
        let written = self.writer.write_record(std::iter::once(file.to_owned()).chain(fields));
        let flushed = written.map_err(std::io::Error::from).and_then(|()| self.writer.flush());
        flushed.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
