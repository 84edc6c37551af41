//! CSV with the columns of OpenFace's FeatureExtraction, so that its readers work: `frame, face_id, timestamp, confidence,
//! success, x_0 .. x_67, y_0 .. y_67`. A row a face; a frame without a face has one row with success 0 and no points.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{RecordError, Recorder};
use crate::observe::{Face, Observation};
use crate::scheme::IBUG_68;

pub struct CsvRecorder {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl CsvRecorder {
    /// Starts a new file; one that is there already is overwritten.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let failed = |source| RecordError::write(path, source);
        let mut writer = csv::Writer::from_writer(File::create(path).map_err(failed)?);
        let points = ["x", "y"].iter().flat_map(|axis| (0..IBUG_68.landmarks).map(move |i| format!("{axis}_{i}")));
        let fixed = ["frame", "face_id", "timestamp", "confidence", "success"].map(String::from);
        writer.write_record(fixed.into_iter().chain(points)).map_err(|e| RecordError::write(path, e))?;
        writer.flush().map_err(failed)?;
        Ok(CsvRecorder { path: path.into(), writer })
    }

    fn write_row(&mut self, seen: &Observation, face: Option<&Face>) -> csv::Result<()> {
        let (id, confidence) = face.map_or((0, 0.0), |face| (face.id, face.confidence));
        let fixed = [
            seen.sequence.to_string(),
            id.to_string(),
            format!("{:.6}", seen.captured_at.as_secs_f64()),
            format!("{confidence:.3}"),
            u8::from(face.is_some()).to_string(),
        ];
        fixed.iter().try_for_each(|field| self.writer.write_field(field))?;
        for axis in 0..2 {
            for i in 0..IBUG_68.landmarks {
                let field = face.map(|face| format!("{:.2}", face.landmarks[i].at[axis])).unwrap_or_default();
                self.writer.write_field(field)?;
            }
        }
        self.writer.write_record(None::<&[u8]>)
    }
}

impl Recorder for CsvRecorder {
    /// Hands the rows to the operating system before it returns, so that the file can be read while it grows.
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError> {
        let rows = if seen.faces.is_empty() {
            self.write_row(seen, None)
        } else {
            seen.faces.iter().try_for_each(|face| self.write_row(seen, Some(face)))
        };
        rows.map_err(|e| RecordError::write(&self.path, e))?;
        self.writer.flush().map_err(|e| RecordError::write(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nalgebra::{Matrix2, Point2};

    use super::*;
    use crate::decode::Landmark;
    use crate::geometry::{Crop, Rect};

    fn face(id: u32) -> Face {
        let landmark = |i: usize| Landmark {
            at: Point2::new(i as f32 + 0.25, 100.0 - i as f32),
            confidence: 0.9,
            covariance: Matrix2::identity(),
        };
        Face {
            id,
            bounds: Rect::new(0.0, 33.0, 67.0, 100.0),
            crop: Crop::new(Point2::new(33.0, 66.0), 90.0, 0.0, 128),
            landmarks: (0..68).map(landmark).collect(),
            confidence: 0.9,
        }
    }

    #[test]
    fn a_row_a_face_and_one_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.csv");
        let mut recorder = CsvRecorder::create(&path).unwrap();
        let at = |sequence| Duration::from_millis(40) * sequence;
        for (sequence, faces) in [(0, vec![face(1), face(2)]), (1, vec![])] {
            recorder
                .record(&Observation { sequence, captured_at: at(sequence), faces, ..Observation::default() })
                .unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("frame,face_id,timestamp,confidence,success,x_0,x_1,"), "{}", lines[0]);
        assert!(lines[0].ends_with(",y_66,y_67"), "{}", lines[0]);
        assert!(lines[1].starts_with("0,1,0.000000,0.900,1,0.25,1.25,"), "{}", lines[1]);
        assert!(lines[2].starts_with("0,2,0.000000,0.900,1,") && lines[2].ends_with(",34.00,33.00"), "{}", lines[2]);
        assert_eq!(lines[3], format!("1,0,0.040000,0.000,0{}", ",".repeat(136)));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = CsvRecorder::create(Path::new("/nowhere/at/all.csv")).err().unwrap().to_string();
        assert!(error.starts_with("cannot write /nowhere/at/all.csv: "), "{error}");
    }
}
