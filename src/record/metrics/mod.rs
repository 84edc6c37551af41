//! Metrics of a run, for Prometheus and for health checks. `docs/metrics.md` lists them.

mod board;
mod drops;
mod exposition;
mod histogram;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::exposition::{Exposition, Label, MetricKind};
use self::histogram::Histogram;
use crate::capture::Status;
use crate::face::{Observation, Stage, Timings};
use crate::machine::Tree;
use crate::record::log::Log;
use crate::record::losses::{Cause, Tally};
use crate::record::provenance::Provenance;
use crate::text::files;
use crate::threads;

pub use drops::Drops;
pub use exposition::MetricsFormat;

/// A run whose last frame is older than this does not do its work.
const FRAMES_WITHIN: Duration = Duration::from_secs(10);
const UNPOISONED: &str = "nobody panics while holding the counts";

/// Counted by the thread that observes, read by everybody. No disk is asked for anything while a
/// lock is held: frames would wait for it.
#[derive(Debug, Default)]
pub struct Metrics {
    made_by: Mutex<Option<Arc<Provenance>>>,
    counts: Mutex<Counts>,
    records: Vec<Record>,
    receivers: Mutex<Vec<(String, Arc<Tally>)>>,
}

#[derive(Debug)]
struct Record {
    path: PathBuf,
    tally: Arc<Tally>,
}

#[derive(Debug)]
struct Counts {
    started: Started,
    frames: u64,
    frame_at: Option<(Instant, SystemTime)>,
    drops: Drops,
    faces: u64,
    frames_with_a_face: u64,
    faces_now: usize,
    source_errors: u64,
    camera: Status,
    camera_reconnects: u64,
    stages: [Histogram; Timings::NAMES.len()],
    publish: Histogram,
}

/// When the run began. A board without a clock of its own learns the time later.
#[derive(Debug)]
struct Started {
    at: Instant,
    said: SystemTime,
}

impl Started {
    /// By the clock as it stands now; the same as before, unless the clock was set.
    fn by_wall(&mut self, now: SystemTime) -> SystemTime {
        const LEAST: Duration = Duration::from_secs(1);
        let began = now.checked_sub(self.at.elapsed()).unwrap_or(UNIX_EPOCH);
        let moved = began.duration_since(self.said).unwrap_or_else(|error| error.duration());
        if moved > LEAST {
            self.said = began;
        }
        self.said
    }
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            started: Started { at: Instant::now(), said: SystemTime::now() },
            frames: 0,
            frame_at: None,
            drops: Drops::default(),
            faces: 0,
            frames_with_a_face: 0,
            faces_now: 0,
            source_errors: 0,
            camera: Status::Live,
            camera_reconnects: 0,
            stages: Default::default(),
            publish: Histogram::default(),
        }
    }
}

impl Counts {
    /// Why no frames come, if none do. A pipe that gives none says nothing of it.
    fn trouble(&self) -> Option<String> {
        match self.frame_at.map(|(at, _)| at.elapsed()) {
            _ if !self.camera.is_live() => Some(self.camera.to_string()),
            None => Some("no frame was seen yet".into()),
            Some(age) if age > FRAMES_WITHIN => Some(format!("no frame was seen for {} s", age.as_secs())),
            Some(_) => None,
        }
    }
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
    pub reconnects: u64,
    /// Records, then receivers.
    pub outlets: Vec<Outlet>,
}

/// Where observations go, and what became of them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    pub name: String,
    /// Written or sent.
    pub done: u64,
    pub lost: u64,
    /// Written; 0 of receivers.
    pub bytes: u64,
}

impl Outlet {
    fn of(name: String, tally: &Tally) -> Self {
        Outlet { name, done: tally.written(), lost: tally.lost(), bytes: tally.written_bytes() }
    }
}

impl Metrics {
    /// Counts what becomes of the records of these logs too.
    pub fn of_logs(logs: &[Log]) -> Self {
        let record = |log: &Log| Record { path: log.path().into(), tally: Arc::clone(log.tally()) };
        Metrics { records: logs.iter().map(record).collect(), ..Metrics::default() }
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
        counts.frame_at = Some((Instant::now(), SystemTime::now()));
        counts.drops.count(seen.dropped.into());
        counts.faces += seen.faces.len() as u64;
        counts.frames_with_a_face += u64::from(!seen.faces.is_empty());
        counts.faces_now = seen.faces.len();
        for (histogram, took) in counts.stages.iter_mut().zip(seen.timings.all()) {
            histogram.push(took);
        }
    }

    /// How long it took to hand a frame to all receivers.
    pub fn count_published(&self, took: Duration) {
        self.counts.lock().expect(UNPOISONED).publish.push(took);
    }

    /// How many frames gave way to newer ones since the start, while others were observed.
    pub fn set_overtaken(&self, frames: u64) {
        self.counts.lock().expect(UNPOISONED).drops.set_overtaken(frames);
    }

    /// How the source stands, and how often it came back.
    pub fn set_camera(&self, status: &Status, reconnects: u64) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.camera = status.clone();
        counts.camera_reconnects = reconnects;
    }

    /// A frame that the source could not give.
    pub fn count_unreadable(&self) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.source_errors += 1;
        counts.drops.count_unreadable();
    }

    /// A frame that the source gave damaged.
    pub fn count_damaged(&self) {
        let mut counts = self.counts.lock().expect(UNPOISONED);
        counts.source_errors += 1;
        counts.drops.count_damaged();
    }

    pub fn health(&self) -> Health {
        let outlets = self.outlets();
        let counts = self.counts.lock().expect(UNPOISONED);
        Health {
            trouble: counts.trouble(),
            frames: counts.frames,
            frames_with_a_face: counts.frames_with_a_face,
            dropped: counts.drops.undamaged(),
            source_errors: counts.source_errors,
            reconnects: counts.camera_reconnects,
            outlets,
        }
    }

    fn outlets(&self) -> Vec<Outlet> {
        let receivers = self.receivers.lock().expect(UNPOISONED);
        let records = self.records.iter().map(|record| Outlet::of(record.path.display().to_string(), &record.tally));
        let receivers = receivers.iter().map(|(name, tally)| Outlet::of(name.clone(), tally));
        records.chain(receivers).collect()
    }

    /// All figures in that format.
    pub fn text(&self, format: MetricsFormat) -> String {
        let mut text = Exposition::new(format);
        if let Some(made_by) = self.made_by() {
            let fields: Vec<(String, String)> = made_by.fields().collect();
            let labels: Vec<Label<'_>> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            text.family("build_info", MetricKind::Info, "Who makes these figures.").sample(&labels, 1);
        }
        put_counts(&mut text, &mut self.counts.lock().expect(UNPOISONED));
        text.single("panicked_threads_total", MetricKind::Counter, "Threads that panicked.", threads::panicked());
        put_records(&mut text, &self.records);
        put_receivers(&mut text, &self.receivers.lock().expect(UNPOISONED));
        board::put(&mut text, &Tree::here());
        text.finish()
    }
}

fn put_counts(text: &mut Exposition, counts: &mut Counts) {
    use MetricKind::{Counter, Gauge};
    text.single(
        "start_time_seconds",
        Gauge,
        "When the run began, since 1970.",
        unix_s(counts.started.by_wall(SystemTime::now())),
    );
    text.single("frames_total", Counter, "Frames observed.", counts.frames);
    if let Some((_, at)) = counts.frame_at {
        text.single("last_frame_timestamp_seconds", Gauge, "When the last frame was seen, since 1970.", unix_s(at));
    }
    let help = "Frames that were not observed: the board was busy, they came damaged, or the source lost them.";
    let mut family = text.family("dropped_frames_total", Counter, help);
    counts.drops.by_cause().iter().for_each(|(cause, count)| family.sample(&[("cause", cause)], count));
    let help = "Pictures and videos that could not be read whole, and damaged frames.";
    text.single("source_errors_total", Counter, help, counts.source_errors);
    let is_up = counts.trouble().is_none();
    text.single("camera_up", Gauge, "Whether frames come.", u8::from(is_up));
    let camera = if is_up || !counts.camera.is_live() { counts.camera.name() } else { Status::STALLED };
    let mut family = text.family("camera_state", Gauge, "How the source stands: 1 at its state.");
    for state in Status::NAMES {
        family.sample(&[("state", state)], u8::from(state == camera));
    }
    text.single("camera_reconnects_total", Counter, "Times that the camera came back.", counts.camera_reconnects);
    text.single("faces_seen_total", Counter, "Faces seen, summed over all frames.", counts.faces);
    text.single("frames_with_a_face_total", Counter, "Frames with a face, one or more.", counts.frames_with_a_face);
    let faces = if is_up { counts.faces_now } else { 0 };
    text.single("faces", Gauge, "Faces seen in the last frame; 0 where no frames come.", faces);
    let stages = Timings::NAMES.into_iter().zip(&counts.stages).chain([(Stage::Publish.name(), &counts.publish)]);
    text.histograms("stage_seconds", "Time each stage of a frame took.", "stage", stages);
}

/// A path as a label, which no other path has: bytes that are no text as `\xFF`.
fn label(path: &Path) -> String {
    path.to_str().map_or_else(|| format!("{path:?}").trim_matches('"').into(), Into::into)
}

fn put_records(text: &mut Exposition, records: &[Record]) {
    let names: Vec<String> = records.iter().map(|record| label(&record.path)).collect();
    let named = || names.iter().zip(records).map(|(name, record)| (name.as_str(), record));
    let mut family = text.family("records_written_total", MetricKind::Counter, "Frames recorded, safe on the medium.");
    named().for_each(|(file, record)| family.sample(&[("file", file)], record.tally.written()));
    let mut family = text.family(
        "records_lost_total",
        MetricKind::Counter,
        "Frames that were to be recorded and are not, by cause.",
    );
    for (file, record) in named() {
        for cause in Cause::OF_RECORDS {
            family.sample(&[("file", file), ("cause", cause.name())], record.tally.lost_by(cause));
        }
    }
    let mut family =
        text.family("record_bytes_written_total", MetricKind::Counter, "Bytes of records, safe on the medium.");
    named().for_each(|(file, record)| family.sample(&[("file", file)], record.tally.written_bytes()));
    let help = "Bytes of records that the medium did not take; a record that did not reach the writer has none.";
    let mut family = text.family("record_bytes_lost_total", MetricKind::Counter, help);
    for (file, record) in named() {
        for cause in Cause::OF_RECORDS {
            family.sample(&[("file", file), ("cause", cause.name())], record.tally.lost_bytes_by(cause));
        }
    }
    let mut family =
        text.family("record_free_bytes", MetricKind::Gauge, "Bytes that are left for us where the file lies.");
    for (file, record) in named() {
        if let Some(bytes) = files::free_bytes(files::folder_of(&files::target(&record.path))) {
            family.sample(&[("file", file)], bytes);
        }
    }
}

fn put_receivers(text: &mut Exposition, receivers: &[(String, Arc<Tally>)]) {
    let help = "Frames that each receiver of live output took; of some it may have nothing to send.";
    let mut family = text.family("published_sent_total", MetricKind::Counter, help);
    receivers.iter().for_each(|(name, tally)| family.sample(&[("receiver", name)], tally.written()));
    let help = "Frames that a receiver did not get: a newer one took the place, or it could not be reached.";
    let mut family = text.family("published_lost_total", MetricKind::Counter, help);
    for (name, tally) in receivers {
        for cause in Cause::OF_RECEIVERS {
            family.sample(&[("receiver", name), ("cause", cause.name())], tally.lost_by(cause));
        }
    }
}

fn unix_s(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
impl Metrics {
    /// From now on, who reads the figures panics.
    pub fn poison(self: &Arc<Self>) {
        let poisoned = Arc::clone(self);
        let poison = move || {
            let _held = poisoned.counts.lock();
            panic!("as it should");
        };
        std::thread::spawn(poison).join().expect_err("it panics");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }

    #[test]
    fn a_clock_that_is_set_moves_the_start() {
        let then = SystemTime::now();
        let mut started = Started { at: Instant::now(), said: then };
        assert_eq!(started.by_wall(then + Duration::from_millis(500)), then);
        let year = Duration::from_secs(365 * 24 * 3600);
        for now in [then + year, then] {
            let began = started.by_wall(now);
            assert!(now.duration_since(began).unwrap() < Duration::from_secs(60));
            assert_eq!(started.by_wall(now + Duration::from_millis(10)), began);
        }
    }

    #[test]
    fn the_text_has_every_figure() {
        let metrics = Metrics::default();
        let tally = Arc::<Tally>::default();
        metrics.add_receiver("udp://\"desk\":1", &tally);
        tally.count_written(2);
        tally.count_lost(1, Cause::NotSent, "not sent");
        has(&metrics.text(MetricsFormat::Prometheus), "wingmark_camera_up 0");
        assert_eq!(metrics.health().trouble.as_deref(), Some("no frame was seen yet"));
        for total in [Duration::from_millis(2), Duration::from_millis(15), Duration::from_secs(3)] {
            let timings = Timings { total, ..Timings::default() };
            metrics.count(&Observation { dropped: 2, timings, ..Observation::default() });
        }
        metrics.count_published(Duration::from_micros(20));
        metrics.count_unreadable();
        assert_eq!(metrics.health().trouble, None);
        metrics.set_camera(&Status::Unusable { name: "camera".into(), cause: "no bytes".into() }, 3);
        let health = metrics.health();
        assert!(health.trouble.unwrap().contains("damaged frames"));
        assert_eq!((health.frames, health.dropped), (3, 6));
        let outlet = Outlet { name: "udp://\"desk\":1".into(), done: 2, lost: 1, bytes: 0 };
        assert_eq!(health.outlets, [outlet]);
        let text = metrics.text(MetricsFormat::Prometheus);
        for line in [
            "wingmark_frames_total 3",
            "wingmark_dropped_frames_total{cause=\"source\"} 6",
            "wingmark_dropped_frames_total{cause=\"busy\"} 0",
            "wingmark_source_errors_total 1",
            "wingmark_camera_up 0",
            "wingmark_camera_state{state=\"unusable\"} 1",
            "wingmark_camera_state{state=\"live\"} 0",
            "wingmark_camera_reconnects_total 3",
            "wingmark_published_sent_total{receiver=\"udp://\\\"desk\\\":1\"} 2",
            "wingmark_published_lost_total{receiver=\"udp://\\\"desk\\\":1\",cause=\"not_sent\"} 1",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.001\"} 0",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.002\"} 1",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"0.02\"} 2",
            "wingmark_stage_seconds_bucket{stage=\"total\",le=\"+Inf\"} 3",
            "wingmark_stage_seconds_count{stage=\"total\"} 3",
            "wingmark_stage_seconds_count{stage=\"publish\"} 1",
        ] {
            has(&text, line);
        }
    }

    #[test]
    fn all_say_alike_whether_frames_come() {
        let metrics = Metrics::default();
        metrics.count(&Observation::default());
        metrics.counts.lock().unwrap().faces_now = 1;
        let long_ago = Instant::now().checked_sub(FRAMES_WITHIN + Duration::from_secs(1)).unwrap();
        for (is_up, state) in [(1, "live"), (0, "stalled")] {
            let text = metrics.text(MetricsFormat::Prometheus);
            has(&text, &format!("wingmark_camera_up {is_up}"));
            has(&text, &format!("wingmark_faces {is_up}"));
            for name in Status::NAMES {
                let is_there = u8::from(name == state);
                has(&text, &format!("wingmark_camera_state{{state=\"{name}\"}} {is_there}"));
            }
            assert_eq!(metrics.health().trouble.is_none(), is_up == 1);
            // A pipe stays open, and nothing comes.
            metrics.counts.lock().unwrap().frame_at = Some((long_ago, SystemTime::now()));
        }
    }

    #[test]
    fn open_metrics_has_no_family_twice() {
        let text = Metrics::default().text(MetricsFormat::OpenMetrics);
        let mut families: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        families.sort_unstable();
        // A counter and a gauge may differ in `_total` alone.
        assert!(families.is_sorted_by(|a, b| a < b), "{families:?}");
        assert!(text.contains("\nwingmark_frames_total 0\n") && text.ends_with("\n# EOF\n"), "{text}");
    }

    #[test]
    fn a_record_has_its_bytes_and_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let tally = Arc::<Tally>::default();
        tally.count_written(3);
        tally.count_written_bytes(300);
        tally.count_lost(2, Cause::Full, "the disk is full");
        tally.count_lost_bytes(200, Cause::Full);
        let records = [Record { path: folder.path().join("a.csv"), tally }];
        let mut text = Exposition::default();
        put_records(&mut text, &records);
        let (text, file) = (text.finish(), records[0].path.display());
        has(&text, &format!("wingmark_records_written_total{{file=\"{file}\"}} 3"));
        has(&text, &format!("wingmark_records_lost_total{{file=\"{file}\",cause=\"disk_full\"}} 2"));
        has(&text, &format!("wingmark_records_lost_total{{file=\"{file}\",cause=\"too_slow\"}} 0"));
        has(&text, &format!("wingmark_record_bytes_written_total{{file=\"{file}\"}} 300"));
        has(&text, &format!("wingmark_record_bytes_lost_total{{file=\"{file}\",cause=\"disk_full\"}} 200"));
        assert!(text.contains(&format!("wingmark_record_free_bytes{{file=\"{file}\"}} ")), "{text}");
    }
}
