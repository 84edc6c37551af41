//! Figures of a run, and their text in Prometheus' format.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::capture::Status;
use crate::face::{Observation, Stage, Timings};
use crate::record::log::Log;
use crate::record::losses::Tally;
use crate::record::provenance::Provenance;

/// Upper ends of the buckets of a stage's latencies, in seconds.
const BUCKETS_S: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// A run whose last frame is older than this does not do its work.
const FRAMES_WITHIN: Duration = Duration::from_secs(10);

/// Counted by the thread that observes, read by everybody.
#[derive(Debug, Default)]
pub struct Metrics {
    made_by: Mutex<Option<Arc<Provenance>>>,
    counts: Mutex<Counts>,
    records: Mutex<Tallies>,
    receivers: Mutex<Tallies>,
}

/// Each with its name.
type Tallies = Vec<(String, Arc<Tally>)>;

#[derive(Debug, Default)]
struct Counts {
    frames: u64,
    frame_at: Option<Instant>,
    dropped: u64,
    faces: u64,
    frames_with_a_face: u64,
    faces_now: usize,
    source_errors: u64,
    /// Why no frames come that can be used; empty while they do.
    camera_trouble: String,
    camera_reconnects: u64,
    stages: [Histogram; Timings::NAMES.len()],
    publish: Histogram,
}

/// How a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why it does not do its work, if it does not.
    pub trouble: Option<String>,
    pub frames: u64,
    pub frames_with_a_face: u64,
    pub dropped: u64,
    pub source_errors: u64,
    /// Records and receivers: name, what was written or sent, what was lost.
    pub outlets: Vec<(String, u64, u64)>,
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

impl Metrics {
    /// Counts what becomes of the records of these logs too.
    pub fn of_logs(logs: &[Log]) -> Self {
        let record = |log: &Log| (log.path().display().to_string(), Arc::clone(log.tally()));
        Metrics { records: Mutex::new(logs.iter().map(record).collect()), ..Metrics::default() }
    }

    /// Who makes what is counted.
    pub fn describe(&self, made_by: &Arc<Provenance>) {
        *self.made_by.lock().expect(UNPOISONED) = Some(Arc::clone(made_by));
    }

    /// Who makes what is counted, once that was said.
    pub fn made_by(&self) -> Option<Arc<Provenance>> {
        self.made_by.lock().expect(UNPOISONED).clone()
    }

    /// Counts what a receiver of live output gets too.
    pub fn add_receiver(&self, name: &str, tally: &Arc<Tally>) {
        self.receivers.lock().expect(UNPOISONED).push((name.into(), Arc::clone(tally)));
    }

    pub fn count(&self, seen: &Observation) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.frames += 1;
        counts.frame_at = Some(Instant::now());
        counts.dropped += u64::from(seen.dropped);
        counts.faces += seen.faces.len() as u64;
        counts.frames_with_a_face += u64::from(!seen.faces.is_empty());
        counts.faces_now = seen.faces.len();
        for (histogram, took) in counts.stages.iter_mut().zip(seen.timings.all()) {
            histogram.count(took);
        }
    }

    /// How long it took to hand a frame to all receivers.
    pub fn count_published(&self, took: Duration) {
        self.counts.lock().expect(UNPOISONED).publish.count(took);
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

    pub fn health(&self) -> Health {
        let counts = self.counts.lock().expect(UNPOISONED);
        let age = counts.frame_at.map(|at| at.elapsed());
        let trouble = match age {
            _ if !counts.camera_trouble.is_empty() => Some(counts.camera_trouble.clone()),
            None => Some("no frame was seen yet".into()),
            Some(age) if age > FRAMES_WITHIN => Some(format!("no frame was seen for {} s", age.as_secs())),
            Some(_) => None,
        };
        let outlets = [&self.records, &self.receivers].into_iter().flat_map(|tallies| {
            let tallies = tallies.lock().expect(UNPOISONED);
            tallies.iter().map(|(name, tally)| (name.clone(), tally.written(), tally.lost())).collect::<Vec<_>>()
        });
        Health {
            trouble,
            frames: counts.frames,
            frames_with_a_face: counts.frames_with_a_face,
            dropped: counts.dropped,
            source_errors: counts.source_errors,
            outlets: outlets.collect(),
        }
    }

    /// All figures in Prometheus' text format.
    pub fn text(&self) -> String {
        text(&self.counts.lock().expect(UNPOISONED), &self.records, &self.receivers)
    }
}

const UNPOISONED: &str = "nobody panics while holding the counts";

fn text(counts: &Counts, records: &Mutex<Tallies>, receivers: &Mutex<Tallies>) -> String {
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
    put_fates(&mut out, "records_total", "file", "written", records);
    head(&mut out, "published_total", "counter", "Frames for each receiver of live output, by what became of them.");
    put_fates(&mut out, "published_total", "receiver", "sent", receivers);
    head(&mut out, "stage_seconds", "histogram", "Time each stage of a frame took.");
    let publish = (Stage::Publish.name(), &counts.publish);
    for (stage, histogram) in Timings::NAMES.into_iter().zip(&counts.stages).chain([publish]) {
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

/// A line for what came through and one for what was lost, for each.
fn put_fates(out: &mut String, name: &str, label: &str, kept: &str, tallies: &Mutex<Tallies>) {
    for (who, tally) in tallies.lock().expect(UNPOISONED).iter() {
        let who = escaped(who);
        for (fate, value) in [(kept, tally.written()), ("lost", tally.lost())] {
            let _ = writeln!(out, "wingmark_{name}{{{label}=\"{who}\",fate=\"{fate}\"}} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_figure() {
        let metrics = Metrics::default();
        let tally = Arc::<Tally>::default();
        metrics.add_receiver("udp://\"desk\":1", &tally);
        tally.count_written(2);
        tally.count_lost(1, "full");
        assert!(metrics.text().contains("\nwingmark_camera_up 1\n"));
        assert_eq!(metrics.health().trouble.as_deref(), Some("no frame was seen yet"));
        for total in [Duration::from_millis(2), Duration::from_millis(15), Duration::from_secs(3)] {
            let timings = Timings { total, ..Timings::default() };
            metrics.count(&Observation { dropped: 2, timings, ..Observation::default() });
        }
        metrics.count_published(Duration::from_micros(20));
        metrics.count_source_error();
        assert_eq!(metrics.health().trouble, None);
        let cause = "they have no \"bytes\"".into();
        metrics.set_camera(&Status::Unusable { name: "camera".into(), cause }, 3);
        let health = metrics.health();
        assert!(health.trouble.unwrap().contains("damaged frames"));
        assert_eq!((health.frames, health.dropped), (3, 6));
        assert_eq!(health.outlets, [("udp://\"desk\":1".to_string(), 2, 1)]);
        let text = metrics.text();
        for line in [
            "wingmark_frames_total 3",
            "wingmark_dropped_frames_total 6",
            "wingmark_source_errors_total 1",
            "wingmark_camera_up 0",
            "wingmark_camera_trouble{cause=\"camera gives only damaged frames: they have no \\\"bytes\\\"\"} 1",
            "wingmark_camera_reconnects_total 3",
            "wingmark_published_total{receiver=\"udp://\\\"desk\\\":1\",fate=\"sent\"} 2",
            "wingmark_published_total{receiver=\"udp://\\\"desk\\\":1\",fate=\"lost\"} 1",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.001\"} 0",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.002\"} 1",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.02\"} 2",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"+Inf\"} 3",
            "wingmark_stage_seconds_count{stage=\"total\"} 3",
            "wingmark_stage_seconds_count{stage=\"publish\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
