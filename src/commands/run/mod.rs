//! `wingmark run`: the frames of a source through the observer, to screen and recorders.

mod complaints;
mod patience;
mod summary;
mod totals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use log::{error, info, warn};

use self::complaints::Complaints;
use self::patience::Patience;
use self::summary::JsonSummary;
use self::totals::Totals;
use super::Outcome;
use super::renewal::{Loaded, Renewal, RenewalError, Renewed};
use super::settings::Arguments;
use super::slate::Verdict;
use crate::capture::{Origin, SourceChoice};
use crate::cli::RunArgs;
use crate::doctor::with_advice;
use crate::face::Observer;
use crate::parts::{Inputs, Outputs};
use crate::picture::frame::Frame;
use crate::pipeline::service::{ServiceManager, Signals};
use crate::pipeline::{Display, Feed, Hourly, Note, StatusWatch, Taken};
use crate::publish::Publisher;
use crate::record::RecordChoice;
use crate::record::entry::Entry;
use crate::record::log::Log;
use crate::record::provenance::Provenance;
use crate::record::selection::Selector;
use crate::screen::ScreenError;
use crate::text::message::counted;
use crate::threads;

/// After a signal all records are safe within this time, so that the process ends within a second.
const SAFE_WITHIN_OF_SIGNAL: Duration = Duration::from_millis(800);
/// And within this time when the source ended.
const SAFE_WITHIN: Duration = Duration::from_secs(30);
/// Signals are looked for this often while no frame comes.
const TICK: Duration = Duration::from_millis(50);

pub fn run(args: &RunArgs, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let json_summary = args.json_summary.as_deref().map(JsonSummary::to).transpose()?;
    let has_stdout =
        args.record.contains(&RecordChoice::Stdout) || json_summary.as_ref().is_some_and(JsonSummary::is_to_stdout);
    let early_summary = json_summary.clone();
    let when_early = move || {
        summary::end_early(early_summary, has_stdout, started).unwrap_or_else(|e| error!("{e:#}"));
        // Who stops a service does not mean that it failed.
        i32::from(!ServiceManager::from_environment().is_there())
    };
    let signals = Signals::catch(when_early).context("cannot start the thread that waits for signals")?;
    let panicked_before = threads::panicked();
    let mut inputs = Inputs::read(args)?;
    let outputs = Outputs::open(args, &mut inputs)?;
    signals.opened();
    let started = Instant::now();
    let Inputs { source, observer, made_by, board, recorded_files, .. } = inputs;
    let mut run = Run {
        observer,
        renewal: Renewal::of(arguments, board, made_by.model_digest.clone()),
        made_by,
        selector: Selector::new(args.log.selection()),
        hourly: Hourly::start(&outputs.metrics),
        outputs,
        patience: (!source.is_live()).then(Patience::default),
        service: ServiceManager::from_environment(),
        frames: args.frames.map(u32::from),
        panicked_before,
        progress: Progress::default(),
    };
    run.progress.totals.recorded_files = recorded_files;
    run.progress.watch = StatusWatch::new(args.source.as_ref().is_some_and(SourceChoice::waits));
    let is_service = run.service.is_there();
    let feed = Feed::start(source).context("cannot start the thread that captures")?;
    let observed = run.observe_all(&feed, &signals);
    // However the frames ended, what was recorded is made safe.
    let kept = run.finish(feed, &signals);
    let Progress { totals, watch, seen_to_end, .. } = run.progress;
    let had_frames = totals.frames > 0 || (totals.damaged == 0 && watch.status().is_live());
    let files = args.source.as_ref().filter(|source| source.file().is_some() && !seen_to_end);
    let saw_all = observed.is_ok() && totals.failures() == 0 && had_frames;
    let (complete, lasted) = (saw_all && kept && files.is_none(), started.elapsed());
    let metrics = &run.outputs.metrics;
    let written = json_summary.map(|summary| summary.write(&totals, metrics, complete, lasted)).transpose();
    observed?;
    if !totals.found_nothing() {
        summary::say(&totals, has_stdout)?;
    }
    written?;
    if let Some(files) = files.filter(|_| signals.stop() && !is_service) {
        let read = counted(totals.frames + totals.unread(), "frame of it was", "frames of it were");
        error!("stopped before the end of {files}: {read} read");
        return Ok(Outcome::Incomplete);
    }
    // Who stops a service knows of its losses from its log, and who closes a window has seen
    // enough.
    Ok(if complete || (saw_all && (signals.stop() || kept)) { Outcome::Done } else { Outcome::Incomplete })
}

/// What frames go through.
struct Run {
    observer: Observer,
    renewal: Renewal,
    made_by: Arc<Provenance>,
    /// Which observations the logs are given.
    selector: Selector,
    outputs: Outputs,
    hourly: Hourly,
    /// Where frames can wait until there is room for them.
    patience: Option<Patience>,
    service: ServiceManager,
    frames: Option<u32>,
    /// Threads that had panicked before.
    panicked_before: usize,
    progress: Progress,
}

/// What has happened in a run so far.
#[derive(Default)]
struct Progress {
    totals: Totals,
    watch: StatusWatch,
    complaints: Complaints,
    /// A camera that came back as another one, and its first frame.
    other_camera: Option<(Origin, u32)>,
    window_closed: bool,
    /// All frames were taken that there are, or that were asked for.
    seen_to_end: bool,
    /// Whether it was said that nobody reads standard output.
    reader_was_missed: bool,
}

impl Run {
    /// Takes frames until the source ends, enough were seen or a signal comes.
    fn observe_all(&mut self, feed: &Feed, signals: &Signals) -> anyhow::Result<()> {
        let mut frame = Frame::default();
        while !signals.stop() && !self.is_enough() {
            self.miss_reader();
            if let Some(line) = self.hourly.due(&self.outputs.metrics, Instant::now()) {
                info!("{line}");
            }
            if signals.take_reload() {
                self.renewal.begin();
            }
            if let Some(made) = self.renewal.take() {
                self.renew(made);
            }
            if let Some(patience) = &mut self.patience
                && patience.waits_for(&self.outputs)
            {
                continue;
            }
            let taken = feed.take(&mut frame, TICK);
            feed.notes().for_each(|note| self.take_note(note));
            self.outputs.metrics.set_overtaken(feed.overtaken());
            match taken {
                Taken::Value if self.is_enough() => {}
                Taken::Value => self.observe(&mut frame)?,
                Taken::Nothing => self.remind(),
                Taken::Closed => {
                    self.progress.seen_to_end = true;
                    return Ok(());
                }
            }
        }
        self.progress.seen_to_end = self.has_all_wanted();
        Ok(())
    }

    fn is_enough(&self) -> bool {
        let has_gone = self.progress.window_closed || self.outputs.publishers.iter().any(Publisher::is_gone);
        (has_gone && self.others().next().is_none()) || self.has_all_wanted()
    }

    fn has_all_wanted(&self) -> bool {
        let totals = &self.progress.totals;
        self.frames.is_some_and(|limit| totals.frames + totals.unread() >= limit as usize)
    }

    /// What the run goes on for.
    fn others(&self) -> impl Iterator<Item = String> {
        let logs = self.outputs.logs.iter().map(|log| log.path().display().to_string());
        let receivers = self.outputs.publishers.iter().filter(|publisher| !publisher.is_gone());
        let screen = self.outputs.display.as_ref().map(|_| "the screen".into());
        let metrics = self.outputs.metrics_file.as_ref().map(|_| "the metrics".into());
        logs.chain(receivers.map(|receiver| receiver.name().into())).chain(screen).chain(metrics)
    }

    /// Says so, once, where who read standard output has left.
    fn miss_reader(&mut self) {
        if self.progress.reader_was_missed || !self.outputs.publishers.iter().any(Publisher::is_gone) {
            return;
        }
        let others: Vec<String> = self.others().collect();
        if !others.is_empty() {
            self.progress.reader_was_missed = true;
            warn!("nobody reads standard output any more; the run goes on for {}", others.join(", "));
        }
    }

    /// The frame leaves with another one's memory.
    fn observe(&mut self, frame: &mut Frame) -> anyhow::Result<()> {
        self.progress.watch.frame(Instant::now());
        if let Some((camera, _)) = self.progress.other_camera.take_if(|(_, from)| frame.sequence() >= *from) {
            warn!("frames come from {camera} now");
            self.outputs.logs.iter_mut().for_each(Log::reopen);
            self.describe(self.made_by.with_camera(camera));
        }
        // One time for all who get it.
        let mut entry = Entry::now(self.observer.observe(frame)?);
        let dropped = entry.seen.dropped;
        if self.selector.takes(&mut entry.seen) {
            self.outputs.logs.iter_mut().for_each(|log| log.add(&entry));
            entry.seen.dropped = dropped;
        }
        // Receivers say how the run stands, too, which this frame is part of.
        self.outputs.metrics.count(&entry.seen);
        self.publish(frame, &entry);
        self.progress.totals.count(&entry.seen);
        self.show(|display| display.show(frame, entry.seen));
        // This may have been the last frame of a camera that is known to be gone.
        self.notify();
        self.service.frame_done();
        Ok(())
    }

    /// Takes the new model and settings, and begins a new file of each log, so that one file holds
    /// rows of one model; or stays as it is.
    fn renew(&mut self, made: Result<Renewed, RenewalError>) {
        let verdict = match made {
            Ok(renewed) => {
                self.outputs.logs.iter_mut().for_each(Log::reopen);
                if let Some(Loaded { net, card, digest }) = renewed.model {
                    self.observer.set_landmarks(net);
                    self.describe(self.made_by.with_model(&card, digest));
                }
                self.observer.set_options(&renewed.options);
                self.selector.select(renewed.selection);
                info!("reloaded: {}", renewed.summary);
                self.service.status(&renewed.summary);
                Verdict::Taken(renewed.summary)
            }
            Err(e) => {
                let reason = with_advice(&e);
                let words = format!("not reloaded, all stays as it was: {reason}");
                error!("{words}");
                self.service.status(&words);
                Verdict::Refused(reason)
            }
        };
        self.renewal.tell(verdict);
    }

    /// Tells everybody who makes the frames from the next one on.
    fn describe(&mut self, made_by: Provenance) {
        self.made_by = Arc::new(made_by);
        self.outputs.logs.iter_mut().for_each(|log| log.describe(&self.made_by));
        self.outputs.publishers.iter_mut().for_each(|publisher| publisher.describe(&self.made_by));
        self.outputs.metrics.describe(&self.made_by);
    }

    fn publish(&mut self, frame: &Frame, entry: &Entry) {
        if self.outputs.publishers.is_empty() {
            return;
        }
        let start = Instant::now();
        self.outputs.publishers.iter_mut().for_each(|publisher| publisher.publish(entry));
        #[cfg(feature = "page")]
        self.outputs.video.iter().for_each(|video| video.offer(frame));
        #[cfg(not(feature = "page"))]
        let _ = frame;
        self.outputs.metrics.count_published(start.elapsed());
    }

    fn take_note(&mut self, note: Note) {
        match note {
            Note::Unreadable(e) => {
                self.progress.totals.count_unread(&e);
                self.outputs.metrics.count_unreadable();
                self.progress.complaints.take(e, Instant::now()).iter().for_each(|said| error!("{said}"));
            }
            Note::Damaged => {
                self.progress.totals.count_damaged();
                self.outputs.metrics.count_damaged();
            }
            Note::Status(status, at) => {
                if let Some(message) = self.progress.watch.change(status, at) {
                    warn!("{message}");
                }
                if self.progress.watch.status().is_live() {
                    // Who was there may have left meanwhile.
                    self.observer.forget();
                }
                self.outputs.metrics.set_camera(self.progress.watch.status(), self.progress.watch.reconnects());
                self.notify();
            }
            Note::Origin(camera, from) => self.progress.other_camera = Some((camera, from)),
        }
    }

    /// No frame came for a moment: says now and then that none comes.
    fn remind(&mut self) {
        let Some(message) = self.progress.watch.reminder(Instant::now()) else { return };
        warn!("{message}");
        // Otherwise the screen has shown how the source stands.
        if self.progress.watch.status().is_live() {
            self.show(|display| display.notify(message));
        }
    }

    fn notify(&mut self) {
        let status = self.progress.watch.status();
        if !status.is_live() {
            let notice = status.to_string();
            self.show(|display| display.notify(notice));
        }
    }

    /// A run goes on without its screen. Where the screen was a window and nothing is recorded, the
    /// run ends: nobody sees it.
    fn show(&mut self, show: impl FnOnce(&mut Display) -> Result<(), ScreenError>) {
        let Some(display) = &mut self.outputs.display else { return };
        let Err(e) = show(display) else { return };
        self.outputs.display = None;
        if let ScreenError::WindowClosed = e {
            self.progress.window_closed = true;
            if !self.is_enough() {
                warn!("{e}; recording goes on");
            }
        } else {
            error!("{e}; going on without a screen");
            self.progress.totals.screen_failures += 1;
        }
    }

    /// Tells all outputs that no more frames come, and waits for them; a signal shortens that.
    /// Gives when the wait had to end.
    fn close_outputs(&mut self, signals: &Signals) -> Instant {
        let mut deadline = Instant::now() + SAFE_WITHIN;
        let mut is_stopped = false;
        let Outputs { logs, publishers, display, .. } = &mut self.outputs;
        display.iter().for_each(Display::close);
        logs.iter_mut().for_each(Log::close);
        publishers.iter_mut().for_each(Publisher::close);
        loop {
            if signals.stop() && !std::mem::replace(&mut is_stopped, true) {
                deadline = deadline.min(Instant::now() + SAFE_WITHIN_OF_SIGNAL);
            }
            let recorded = logs.iter().all(Log::is_done);
            let sent = publishers.iter().all(Publisher::is_done);
            let shown = display.iter().all(Display::is_done);
            if (recorded && sent && shown) || Instant::now() >= deadline {
                return deadline;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends all threads and makes all logs safe; whether nothing was lost.
    fn finish(&mut self, feed: Feed, signals: &Signals) -> bool {
        self.service.stopping();
        self.progress.complaints.rest().for_each(|said| error!("{said}"));
        self.progress.watch.rest(Instant::now()).iter().for_each(|said| warn!("{said}"));
        self.progress.totals.reconnects = self.progress.watch.reconnects();
        let deadline = self.close_outputs(signals);
        let mut kept = true;
        for publisher in self.outputs.publishers.drain(..) {
            kept &= publisher.finish(deadline);
        }
        for log in self.outputs.logs.drain(..) {
            if let Err(e) = log.finish(deadline.saturating_duration_since(Instant::now())) {
                error!("{e}");
                kept = false;
            }
        }
        match self.outputs.display.take().map(|display| display.finish(deadline)) {
            None | Some(Ok(()) | Err(ScreenError::WindowClosed)) => {}
            Some(Err(e)) => {
                error!("{e}");
                self.progress.totals.screen_failures += 1;
            }
        }
        if let Err(e) = feed.stop(deadline.min(Instant::now() + TICK * 5)) {
            error!("{e}");
        }
        // The last figures have what the logs wrote, so they come after them; those may have taken
        // all the time.
        let deadline = deadline.max(Instant::now() + TICK * 5);
        if let Some(Err(e)) = self.outputs.metrics_file.take().map(|file| file.finish(deadline)) {
            error!("{e}");
        }
        self.progress.totals.panicked = threads::panicked() - self.panicked_before;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;
    use crate::board::Board;
    use crate::capture::{CaptureError, Captured, Clip, Source};
    use crate::face::zoo;
    use crate::face::{Observation, Options};
    use crate::picture::built_in_picture;
    use crate::pipeline::{Policy, Show};
    use crate::record::fields::Fields;
    use crate::record::journal::Limits;
    use crate::record::log::LogOptions;
    use crate::record::provenance::Chosen;
    use crate::record::storage::Disk;

    /// A window that somebody closes after so many frames.
    struct Window {
        frames: u32,
    }

    impl Show for Window {
        fn show(&mut self, _: &Frame, _: &Observation, _: &str) -> Result<(), ScreenError> {
            self.frames = self.frames.checked_sub(1).ok_or(ScreenError::WindowClosed)?;
            Ok(())
        }

        fn notify(&mut self, _: &str) -> Result<(), ScreenError> {
            Ok(())
        }
    }

    /// What a run of at most 50 frames on that window comes to.
    fn run_of(source: Box<dyn Source>, logs: Vec<Log>, window: Window) -> Totals {
        let net = |name| zoo::shipped(name).unwrap().load().unwrap();
        let display = Display::start(window, Policy::Every).unwrap();
        let outputs = Outputs { logs, display: Some(display), ..Outputs::default() };
        let mut run = Run {
            observer: Observer::new(&net(zoo::FACES), &net(zoo::DEFAULT_LANDMARKS), &Options::default()).unwrap(),
            renewal: Renewal::of(
                &settings::arguments(Vec::new()).unwrap(),
                Board::choose(None).unwrap(),
                String::new(),
            ),
            made_by: Arc::new(Provenance::here(Chosen {
                card: &zoo::SHIPPED[0].card().unwrap(),
                digest: String::new(),
                board: "pi-5",
                source: None,
                camera: None,
            })),
            selector: Selector::default(),
            hourly: Hourly::start(&outputs.metrics),
            outputs,
            patience: Some(Patience::default()),
            service: ServiceManager::from_environment(),
            frames: Some(50),
            panicked_before: threads::panicked(),
            progress: Progress::default(),
        };
        let feed = Feed::start(source).unwrap();
        let signals = Signals::catch(|| 0).unwrap();
        signals.opened();
        run.observe_all(&feed, &signals).unwrap();
        assert!(run.finish(feed, &signals));
        run.progress.totals
    }

    fn frames_of_run(logs: Vec<Log>) -> usize {
        let totals = run_of(Box::new(Clip::of(built_in_picture())), logs, Window { frames: 1 });
        // Threads of other tests may panic meanwhile.
        assert_eq!(totals.failures(), totals.panicked);
        totals.frames
    }

    /// Panics at its third frame.
    struct Broken(u32, Clip);

    impl Source for Broken {
        fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
            self.0 += 1;
            assert!(self.0 < 3, "broken");
            self.1.capture_into(frame)
        }
    }

    #[test]
    fn frames_that_end_by_a_panic_make_no_whole_run() {
        // A window that closed might end the run before the panic, which takes a while to be said.
        let source = Box::new(Broken(0, Clip::of(built_in_picture())));
        let totals = run_of(source, Vec::new(), Window { frames: 50 });
        assert!(totals.frames == 2 && totals.failures() >= 1, "{totals:?}");
    }

    #[test]
    fn a_closed_window_ends_a_run_that_nothing_else_wants() {
        assert!(frames_of_run(Vec::new()) < 10);
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { file_bytes: None, file_age: None, total_bytes: None };
        let options = LogOptions { flush_interval: Duration::from_secs(1), limits, fields: Fields::ALL };
        let log = Log::open(Disk, &folder.path().join("a.csv"), options).unwrap();
        assert_eq!(frames_of_run(vec![log]), 50);
    }
}
