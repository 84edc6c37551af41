//! What a run writes, shows and sends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::Inputs;
use crate::cli::{LogArgs, RunArgs};
use crate::pipeline::Display;
#[cfg(feature = "page")]
use crate::publish::page::{Page, Video};
use crate::publish::{Policy, PublishError, Publisher, ReceiverSettings, Stdout};
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::metrics::Metrics;
use crate::record::metrics_file::MetricsFile;
use crate::record::{RecordChoice, RecordError};
use crate::screen::{PngFolder, View};

/// From one state to the next that a broker gets.
const STATE_EVERY: Duration = Duration::from_millis(200);

/// Where a run's frames go, each with its threads started.
#[derive(Default)]
pub struct Outputs {
    pub logs: Vec<Log>,
    pub publishers: Vec<Publisher>,
    #[cfg(feature = "page")]
    pub video: Option<Arc<Video>>,
    pub metrics: Arc<Metrics>,
    pub metrics_file: Option<MetricsFile>,
    pub display: Option<Display>,
}

impl Outputs {
    /// Takes over what the inputs have for the outputs alone.
    pub fn open(args: &RunArgs, inputs: &mut Inputs) -> anyhow::Result<Outputs> {
        check(args, inputs)?;
        let policy = if inputs.source.is_live() { Policy::Newest } else { Policy::Every };
        let display = open_display(args, inputs, policy)?;
        let logs = open_logs(args, inputs)?;
        let metrics = Arc::new(Metrics::of_logs(&logs));
        metrics.describe(&inputs.made_by);
        let mut outputs = Outputs { logs, metrics, display, ..Outputs::default() };
        outputs.publishers = publishers(args, inputs, &outputs.metrics, policy)?;
        #[cfg(feature = "page")]
        outputs.open_page(args.serve.serve_video, inputs)?;
        for publisher in &mut outputs.publishers {
            publisher.describe(&inputs.made_by);
            outputs.metrics.add_receiver(publisher.name(), publisher.tally());
        }
        let start = |path| MetricsFile::start(path, args.metrics_every, Arc::clone(&outputs.metrics));
        outputs.metrics_file = args.metrics.as_deref().map(start).transpose()?;
        Ok(outputs)
    }

    #[cfg(feature = "page")]
    fn open_page(&mut self, with_video: bool, inputs: &mut Inputs) -> Result<(), PublishError> {
        let Some(listener) = inputs.page.take() else { return Ok(()) };
        let page = Page::open(listener, with_video, Arc::clone(&self.metrics))?;
        self.video = page.video();
        let name = format!("http://{}", page.address());
        self.publishers.push(Publisher::start(name, Policy::Newest, Box::new(page))?);
        Ok(())
    }
}

/// Whether each output can be written, so that a mistake in one leaves no folder of another behind.
fn check(args: &RunArgs, inputs: &Inputs) -> anyhow::Result<()> {
    args.screen.choice(&inputs.board).folder().map_or(Ok(()), PngFolder::check)?;
    files(args).try_for_each(Log::check)?;
    Ok(args.metrics.as_deref().map_or(Ok(()), MetricsFile::check)?)
}

fn files(args: &RunArgs) -> impl Iterator<Item = &Path> {
    args.record.iter().filter_map(RecordChoice::file)
}

fn open_display(args: &RunArgs, inputs: &Inputs, policy: Policy) -> anyhow::Result<Option<Display>> {
    let mut settings = args.screen.settings(&inputs.board.screen_settings);
    settings.mirror |= args.mirror;
    let Some(screen) = args.screen.open(&inputs.board, &settings)? else { return Ok(None) };
    let view = View::new(screen, inputs.observer.scheme(), &settings);
    Display::start(view, policy).map(Some).context("cannot start the thread that shows")
}

impl LogArgs {
    fn options(&self) -> LogOptions {
        let quarter = self.keep.0.map(|total| total / 4);
        let limits = Limits {
            file_bytes: self.rotate_size.0.into_iter().chain(quarter).min(),
            file_age: self.rotate_every.0,
            total_bytes: self.keep.0,
        };
        LogOptions { flush_interval: self.flush_every, limits, fields: self.record_fields }
    }
}

fn open_logs(args: &RunArgs, inputs: &mut Inputs) -> Result<Vec<Log>, RecordError> {
    let options = args.log.options();
    let mut pasts = std::mem::take(&mut inputs.pasts).into_iter();
    let open = |file| match pasts.next() {
        Some(past) => Log::resume(file, options, past),
        None => Log::to(file, options),
    };
    let mut logs = files(args).map(open).collect::<Result<Vec<Log>, RecordError>>()?;
    logs.iter_mut().for_each(|log| log.describe(&inputs.made_by));
    Ok(logs)
}

/// Starts a thread for each receiver; standard output gets every frame of a source that can wait.
fn publishers(
    args: &RunArgs,
    inputs: &Inputs,
    metrics: &Arc<Metrics>,
    policy: Policy,
) -> Result<Vec<Publisher>, PublishError> {
    let every = args.publish_rate.unwrap_or(STATE_EVERY);
    let (head, password) = (inputs.head.as_ref(), inputs.password.as_deref());
    let settings = ReceiverSettings { head, every, password, metrics };
    let mut publishers = Vec::new();
    if args.record.contains(&RecordChoice::Stdout) {
        publishers.push(Publisher::start("standard output".into(), policy, Box::<Stdout>::default())?);
    }
    for target in &args.publish {
        publishers.push(Publisher::start(target.to_string(), Policy::Newest, target.receiver(&settings))?);
    }
    Ok(publishers)
}
