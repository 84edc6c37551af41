//! `wingmark run`: every frame of a source through the observer, to screen and recorders.

use std::io::Write;
use std::time::{Duration, Instant};

use log::error;

use super::{Outcome, counted};
use crate::capture::Captured;
use crate::cli::RunArgs;
use crate::frame::Frame;
use crate::latency::Latencies;
use crate::metrics_file::MetricsFile;
use crate::observe::Observation;
use crate::plan::RunPlan;
use crate::record::Recorder;
use crate::record::log::Log;
use crate::service::{ServiceManager, Signals};

/// Logs have this long to be made safe after a signal, so that the process is gone within a second.
const SAFE_WITHIN_OF_SIGNAL: Duration = Duration::from_millis(800);
/// And this long when the source ended.
const SAFE_WITHIN: Duration = Duration::from_secs(30);

pub fn run(args: &RunArgs) -> anyhow::Result<Outcome> {
    let signals = Signals::catch()?;
    let mut plan = RunPlan::open(args)?;
    let mut service = ServiceManager::from_environment();
    let mut tally = Tally::default();
    let observed = observe_all(&mut plan, &signals, &mut service, &mut tally);
    // However the frames ended, what was recorded is made safe.
    service.stopping();
    let within = if signals.stop() { SAFE_WITHIN_OF_SIGNAL } else { SAFE_WITHIN };
    let kept = finish(plan.logs, within);
    observed?;
    writeln!(std::io::stdout(), "{}", tally.summary())?;
    // Who stops a service knows of its losses from its log.
    let complete = tally.unreadable == 0 && (kept || signals.stop());
    Ok(if complete { Outcome::Done } else { Outcome::Incomplete })
}

/// Takes frames until the source ends, enough were seen or a signal comes.
fn observe_all(
    plan: &mut RunPlan,
    signals: &Signals,
    service: &mut ServiceManager,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut frame = Frame::default();
    let enough = |tally: &Tally| plan.frames.is_some_and(|limit| tally.frames + tally.unreadable >= limit as usize);
    while !signals.stop() && !enough(tally) {
        if signals.take_reopen() {
            plan.logs.iter().for_each(Log::reopen);
        }
        match plan.source.capture_into(&mut frame) {
            Ok(Captured::Frame) => {}
            Ok(Captured::End) => break,
            Err(e) => {
                error!("{e}");
                tally.unreadable += 1;
                plan.metrics.iter().for_each(MetricsFile::count_source_error);
                continue;
            }
        }
        let seen = plan.observer.observe(&frame)?;
        for log in &mut plan.logs {
            log.record(&seen)?;
        }
        if let Some(view) = &mut plan.view {
            view.show(&frame, &seen)?;
        }
        plan.metrics.iter().for_each(|metrics| metrics.count(&seen));
        tally.count(&seen);
        service.frame_done();
    }
    Ok(())
}

/// Makes all logs safe; whether nothing was lost.
fn finish(logs: Vec<Log>, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    let mut kept = true;
    for log in logs {
        if let Err(e) = log.finish(deadline.saturating_duration_since(Instant::now())) {
            error!("{e}");
            kept = false;
        }
    }
    kept
}

/// What a run came to.
#[derive(Debug, Default)]
struct Tally {
    frames: usize,
    with_a_face: usize,
    unreadable: usize,
    latencies: Latencies,
}

impl Tally {
    fn count(&mut self, seen: &Observation) {
        self.frames += 1;
        self.with_a_face += usize::from(!seen.faces.is_empty());
        self.latencies.push(seen.timings.total);
    }

    fn summary(&self) -> String {
        let frames = counted(self.frames, "frame", "frames");
        let faces = match self.with_a_face {
            0 => "no face found".into(),
            all if all == self.frames => "a face in each".into(),
            some => format!("a face in {some}"),
        };
        let unreadable = match self.unreadable {
            0 => String::new(),
            some => format!("; {} not readable", counted(some, "picture", "pictures")),
        };
        format!("{frames}, {faces}{unreadable}; observing one: {}", self.latencies)
    }
}
