//! `wingmark run`: the frames of a source through the observer, to screen and recorders.

use std::io::Write;
use std::time::{Duration, Instant};

use log::{error, warn};

use super::{Outcome, counted};
use crate::cli::RunArgs;
use crate::frame::Frame;
use crate::latency::Latencies;
use crate::metrics_file::MetricsFile;
use crate::observe::{Observation, Observer};
use crate::pipeline::{Display, Feed, Note, Policy, StatusWatch, Taken};
use crate::plan::RunPlan;
use crate::record::Recorder;
use crate::record::log::Log;
use crate::screen::ScreenError;
use crate::service::{ServiceManager, Signals};

/// After a signal everything is made safe within this time, so that the process is gone within a second.
const SAFE_WITHIN_OF_SIGNAL: Duration = Duration::from_millis(800);
/// And within this time when the source ended.
const SAFE_WITHIN: Duration = Duration::from_secs(30);
/// Signals are looked for this often while no frame comes.
const TICK: Duration = Duration::from_millis(50);

pub fn run(args: &RunArgs) -> anyhow::Result<Outcome> {
    let signals = Signals::catch()?;
    let plan = RunPlan::open(args)?;
    let policy = if plan.source.is_live() { Policy::Newest } else { Policy::Every };
    let mut run = Run {
        observer: plan.observer,
        logs: plan.logs,
        metrics: plan.metrics,
        display: plan.view.map(|view| Display::start(view, policy)).transpose()?,
        service: ServiceManager::from_environment(),
        watch: StatusWatch::default(),
        tally: Tally::default(),
        frames: plan.frames,
    };
    let feed = Feed::start(plan.source)?;
    let observed = run.observe_all(&feed, &signals);
    // However the frames ended, what was recorded is made safe.
    let within = if signals.stop() { SAFE_WITHIN_OF_SIGNAL } else { SAFE_WITHIN };
    let kept = run.finish(feed, within);
    observed?;
    writeln!(std::io::stdout(), "{}", run.tally.summary())?;
    // Who stops a service knows of its losses from its log.
    let complete = run.tally.failures() == 0 && (kept || signals.stop());
    Ok(if complete { Outcome::Done } else { Outcome::Incomplete })
}

/// What frames go through.
struct Run {
    observer: Observer,
    logs: Vec<Log>,
    metrics: Option<MetricsFile>,
    display: Option<Display>,
    service: ServiceManager,
    watch: StatusWatch,
    tally: Tally,
    frames: Option<u32>,
}

impl Run {
    /// Takes frames until the source ends, enough were seen or a signal comes.
    fn observe_all(&mut self, feed: &Feed, signals: &Signals) -> anyhow::Result<()> {
        let mut frame = Frame::default();
        while !signals.stop() && !self.is_enough() {
            if signals.take_reopen() {
                self.logs.iter().for_each(Log::reopen);
            }
            let taken = feed.take(&mut frame, TICK);
            feed.notes().for_each(|note| self.heed(note));
            match taken {
                Taken::Value if self.is_enough() => {}
                Taken::Value => self.observe(&mut frame)?,
                Taken::Nothing => self.wait(),
                Taken::Closed => break,
            }
        }
        Ok(())
    }

    fn is_enough(&self) -> bool {
        self.frames.is_some_and(|limit| self.tally.frames + self.tally.unreadable >= limit as usize)
    }

    /// The frame leaves with another one's memory.
    fn observe(&mut self, frame: &mut Frame) -> anyhow::Result<()> {
        let seen = self.observer.observe(frame)?;
        for log in &mut self.logs {
            log.record(&seen)?;
        }
        self.metrics.iter().for_each(|metrics| metrics.count(&seen));
        self.tally.count(&seen);
        self.show(|display| display.show(frame, seen));
        // This may have been the last frame of a camera that is known to be gone.
        self.notify();
        self.service.frame_done();
        Ok(())
    }

    fn heed(&mut self, note: Note) {
        match note {
            Note::Unreadable(e) => {
                error!("{e}");
                self.tally.unreadable += 1;
                self.metrics.iter().for_each(MetricsFile::count_source_error);
            }
            Note::Damaged => {
                self.tally.damaged += 1;
                self.metrics.iter().for_each(MetricsFile::count_source_error);
            }
            Note::Status(status, at) => {
                if let Some(message) = self.watch.change(status, at) {
                    warn!("{message}");
                }
                if self.watch.status().is_live() {
                    // Who was there may have left meanwhile.
                    self.observer.forget();
                }
                let (up, reconnects) = (self.watch.status().is_live(), self.watch.reconnects());
                self.metrics.iter().for_each(|metrics| metrics.set_camera(up, reconnects));
                self.notify();
            }
        }
    }

    /// No frame came for a moment.
    fn wait(&mut self) {
        if let Some(message) = self.watch.reminder(Instant::now()) {
            warn!("{message}");
        }
    }

    fn notify(&mut self) {
        let status = self.watch.status();
        if !status.is_live() {
            let notice = status.to_string();
            self.show(|display| display.notify(notice));
        }
    }

    /// A run goes on without its screen.
    fn show(&mut self, show: impl FnOnce(&mut Display) -> Result<(), ScreenError>) {
        let Some(display) = &mut self.display else { return };
        if let Err(e) = show(display) {
            error!("{e}; going on without a screen");
            self.tally.screen_failures += 1;
            self.display = None;
        }
    }

    /// Ends all threads and makes all logs safe; whether nothing was lost.
    fn finish(&mut self, feed: Feed, within: Duration) -> bool {
        self.service.stopping();
        let deadline = Instant::now() + within;
        self.display.iter().for_each(Display::close);
        let mut kept = true;
        for log in self.logs.drain(..) {
            if let Err(e) = log.finish(deadline.saturating_duration_since(Instant::now())) {
                error!("{e}");
                kept = false;
            }
        }
        if let Some(Err(e)) = self.display.take().map(|display| display.finish(deadline)) {
            error!("{e}");
            self.tally.screen_failures += 1;
        }
        feed.stop(deadline.min(Instant::now() + TICK * 5));
        kept
    }
}

/// What a run came to.
#[derive(Debug, Default)]
struct Tally {
    frames: usize,
    dropped: u64,
    with_a_face: usize,
    unreadable: usize,
    damaged: usize,
    screen_failures: usize,
    latencies: Latencies,
}

impl Tally {
    fn count(&mut self, seen: &Observation) {
        self.frames += 1;
        self.dropped += u64::from(seen.dropped);
        self.with_a_face += usize::from(!seen.faces.is_empty());
        self.latencies.push(seen.timings.total);
    }

    /// What makes a run incomplete. Damaged frames do not: cameras give them now and then.
    fn failures(&self) -> usize {
        self.unreadable + self.screen_failures
    }

    fn summary(&self) -> String {
        let frames = counted(self.frames, "frame", "frames");
        let faces = match self.with_a_face {
            0 => "no face found".into(),
            all if all == self.frames => "a face in each".into(),
            some => format!("a face in {some}"),
        };
        let some = |count: usize, text: String| if count == 0 { String::new() } else { text };
        let unreadable =
            some(self.unreadable, format!("; {} not readable", counted(self.unreadable, "picture", "pictures")));
        let dropped = some(self.dropped as usize, format!("; {} dropped", self.dropped));
        let damaged = some(self.damaged, format!(", {} of them damaged", self.damaged));
        format!("{frames}, {faces}{unreadable}{dropped}{damaged}; observing one: {}", self.latencies)
    }
}
