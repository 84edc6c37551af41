//! Figures of a run in Prometheus' text format, for the textfile collector of node_exporter.
//!
//! The file is replaced as a whole by a thread of its own, so that a slow disk holds nothing up and nobody reads half a
//! file.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

use crate::capture::Status;
use crate::face::{Observation, Timings};
use crate::record::log::Log;
use crate::record::losses::Tally;
use crate::text::files;

const WRITE_EVERY: Duration = Duration::from_secs(10);

/// Upper ends of the buckets of a stage's latencies, in seconds.
const BUCKETS_S: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

#[derive(Debug, Error)]
pub enum MetricsFileError {
    #[error("cannot write metrics to {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot start a thread to write metrics: {0}")]
    Thread(io::Error),
}

#[derive(Debug, Default)]
struct Counts {
    frames: u64,
    dropped: u64,
    faces: u64,
    faces_now: usize,
    source_errors: u64,
    /// Why no frames come that can be used; empty while they do.
    camera_trouble: String,
    camera_reconnects: u64,
    stages: [Histogram; Timings::NAMES.len()],
}

#[derive(Debug, Default)]
struct Histogram {
    /// Not cumulative; the last one holds what is slower than all buckets.
    buckets: [u64; BUCKETS_S.len() + 1],
    sum_s: f64,
}

impl Histogram {
    fn count(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.buckets[BUCKETS_S.partition_point(|&end| end < seconds)] += 1;
        self.sum_s += seconds;
    }
}

/// Writes the figures of a run until it is dropped, and once more then.
pub struct MetricsFile {
    counts: Arc<Mutex<Counts>>,
    stop: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

impl MetricsFile {
    /// Writes the file for the first time before it returns.
    pub fn start(path: &Path, logs: &[Log]) -> Result<Self, MetricsFileError> {
        let counts = Arc::<Mutex<Counts>>::default();
        let records: Vec<_> =
            logs.iter().map(|log| (log.path().display().to_string(), Arc::clone(log.tally()))).collect();
        let failed = |source| MetricsFileError::Write { path: path.into(), source };
        files::replace(path, &text(&counts.lock().expect(UNPOISONED), &records)).map_err(failed)?;
        let (stop, stopped) = mpsc::channel();
        let (thread_counts, path) = (Arc::clone(&counts), path.to_path_buf());
        let write_on = move || {
            let mut failing = false;
            loop {
                let more = stopped.recv_timeout(WRITE_EVERY) == Err(RecvTimeoutError::Timeout);
                let text = text(&thread_counts.lock().expect(UNPOISONED), &records);
                let written = files::replace(&path, &text);
                // Said once for each time of trouble: the figures themselves come back with the next file.
                if let Err(e) = &written
                    && !failing
                {
                    log::warn!("cannot write metrics to {}: {e}", path.display());
                }
                failing = written.is_err();
                if !more {
                    return;
                }
            }
        };
        let writer =
            std::thread::Builder::new().name("metrics".into()).spawn(write_on).map_err(MetricsFileError::Thread)?;
        Ok(MetricsFile { counts, stop: Some(stop), writer: Some(writer) })
    }

    pub fn count(&self, seen: &Observation) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.frames += 1;
        counts.dropped += u64::from(seen.dropped);
        counts.faces += seen.faces.len() as u64;
        counts.faces_now = seen.faces.len();
        for (histogram, took) in counts.stages.iter_mut().zip(seen.timings.all()) {
            histogram.count(took);
        }
    }

    /// How the source stands, and how often it came back.
    pub fn set_camera(&self, status: &Status, reconnects: u64) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.camera_trouble = if status.is_live() { String::new() } else { status.to_string() };
        counts.camera_reconnects = reconnects;
        if !status.is_live() {
            counts.faces_now = 0;
        }
    }

    /// A frame that the source could not give, or gave damaged.
    pub fn count_source_error(&self) {
        self.counts.lock().expect(UNPOISONED).source_errors += 1;
    }
}

const UNPOISONED: &str = "nobody panics while holding the counts";

impl Drop for MetricsFile {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the thread has been printed.
            let _ = writer.join();
        }
    }
}

fn text(counts: &Counts, records: &[(String, Arc<Tally>)]) -> String {
    let mut out = String::new();
    let figures = [
        ("frames_total", "counter", "Frames observed.", counts.frames),
        ("dropped_frames_total", "counter", "Frames that the source dropped.", counts.dropped),
        (
            "source_errors_total",
            "counter",
            "Frames that the source could not give, or gave damaged.",
            counts.source_errors,
        ),
        ("camera_up", "gauge", "Whether frames come.", u64::from(counts.camera_trouble.is_empty())),
        ("camera_reconnects_total", "counter", "Times that the camera came back.", counts.camera_reconnects),
        ("faces_total", "counter", "Faces seen, summed over all frames.", counts.faces),
        ("faces", "gauge", "Faces seen in the last frame.", counts.faces_now as u64),
    ];
    for (name, kind, help, value) in figures {
        head(&mut out, name, kind, help);
        let _ = writeln!(out, "wingmark_{name} {value}");
    }
    if !counts.camera_trouble.is_empty() {
        head(&mut out, "camera_trouble", "gauge", "Why no frames come that can be used.");
        let _ = writeln!(out, "wingmark_camera_trouble{{cause=\"{}\"}} 1", escaped(&counts.camera_trouble));
    }
    head(&mut out, "records_total", "counter", "Frames recorded, by what became of them.");
    for (file, tally) in records {
        let file = escaped(file);
        for (fate, value) in [("written", tally.written()), ("lost", tally.lost())] {
            let _ = writeln!(out, "wingmark_records_total{{file=\"{file}\",fate=\"{fate}\"}} {value}");
        }
    }
    head(&mut out, "stage_seconds", "histogram", "Time each stage of a frame took.");
    for (stage, histogram) in Timings::NAMES.iter().zip(&counts.stages) {
        let mut below = 0;
        let ends = BUCKETS_S.iter().map(f64::to_string).chain(["+Inf".into()]);
        for (end, bucket) in ends.zip(histogram.buckets) {
            below += bucket;
            let _ = writeln!(out, "wingmark_stage_seconds_bucket{{stage=\"{stage}\",le=\"{end}\"}} {below}");
        }
        let _ = writeln!(out, "wingmark_stage_seconds_sum{{stage=\"{stage}\"}} {}", histogram.sum_s);
        let _ = writeln!(out, "wingmark_stage_seconds_count{{stage=\"{stage}\"}} {below}");
    }
    out
}

/// A label's value as the format has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP wingmark_{name} {help}\n# TYPE wingmark_{name} {kind}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_last_figures_when_the_run_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wingmark.prom");
        let metrics = MetricsFile::start(&path, &[]).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("\nwingmark_camera_up 1\n"));
        for total in [Duration::from_millis(2), Duration::from_millis(15), Duration::from_secs(3)] {
            let timings = Timings { total, ..Timings::default() };
            metrics.count(&Observation { dropped: 2, timings, ..Observation::default() });
        }
        metrics.count_source_error();
        let cause = "they have no \"bytes\"".into();
        metrics.set_camera(&Status::Unusable { name: "camera".into(), cause }, 3);
        drop(metrics);
        let text = std::fs::read_to_string(&path).unwrap();
        for line in [
            "wingmark_frames_total 3",
            "wingmark_dropped_frames_total 6",
            "wingmark_source_errors_total 1",
            "wingmark_camera_up 0",
            "wingmark_camera_trouble{cause=\"camera gives only damaged frames: they have no \\\"bytes\\\"\"} 1",
            "wingmark_camera_reconnects_total 3",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.001\"} 0",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.002\"} 1",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.02\"} 2",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"+Inf\"} 3",
            "wingmark_stage_seconds_count{stage=\"total\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = MetricsFile::start(Path::new("/nowhere/at/all.prom"), &[]).err().unwrap().to_string();
        assert!(error.starts_with("cannot write metrics to /nowhere/at/all.prom: "), "{error}");
    }
}
