//! `--json-summary`: what a run came to, for programs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::totals::Totals;
use crate::cli::is_stdout;
use crate::commands::{check_writable, results};
use crate::record::metrics::Metrics;
use crate::text::files;

/// Where the summary goes.
#[derive(Clone)]
pub struct JsonSummary {
    /// `None` is standard output.
    file: Option<PathBuf>,
}

impl JsonSummary {
    /// Looks whether the file can be written, so that this is known before the run, and removes
    /// that of an earlier run: who finds one knows that it is of this run. `-` is standard output,
    /// and so is `/dev/stdout`.
    pub fn to(path: &Path) -> anyhow::Result<Self> {
        if is_stdout(path) {
            return Ok(JsonSummary { file: None });
        }
        check_writable(path)?;
        if path.is_file() {
            // One that stays is written over.
            let _ = std::fs::remove_file(files::target(path));
        }
        Ok(JsonSummary { file: Some(path.into()) })
    }

    pub fn is_to_stdout(&self) -> bool {
        self.file.is_none()
    }

    /// Writes it, as one object.
    pub fn write(self, totals: &Totals, metrics: &Metrics, complete: bool, lasted: Duration) -> anyhow::Result<()> {
        let mut object = object(totals, metrics);
        object["complete"] = json!(complete);
        object["started"] = json!(Timestamp::try_from(SystemTime::now() - lasted).unwrap_or_default().to_string());
        object["lasted_s"] = json!(lasted.as_secs_f64());
        let text = format!("{object:#}\n");
        match self.file {
            None => Ok(results().write_all(text.as_bytes())?),
            Some(path) => files::put(&path, &text).with_context(|| format!("cannot write {}", path.display())),
        }
    }
}

fn object(totals: &Totals, metrics: &Metrics) -> Value {
    let ms = |share| totals.latencies.quantile(share).as_secs_f64() * 1e3;
    let health = metrics.health();
    let outlets = health.outlets.into_iter();
    let outlets = outlets
        .map(|outlet| json!({ "name": outlet.name, "done": outlet.done, "lost": outlet.lost, "bytes": outlet.bytes }));
    json!({
        "made_by": metrics.made_by().as_deref(),
        "frames": totals.frames, "with_a_face": totals.with_a_face, "dropped": totals.dropped(), "damaged": totals.damaged,
        "unreadable": totals.unreadable, "videos_not_whole": totals.videos_not_whole, "recorded_earlier": totals.recorded_files,
        "camera_reconnects": health.reconnects, "screen_failures": totals.screen_failures,
        "panicked_threads": totals.panicked,
        "observe_ms": { "median": ms(0.5), "p90": ms(0.9), "p99": ms(0.99) },
        "outlets": outlets.collect::<Vec<_>>(),
    })
}

/// The end of a run that is stopped while its source is opened: nobody else says anything then.
pub fn end_early(json_summary: Option<JsonSummary>, has_stdout: bool, started: Instant) -> anyhow::Result<()> {
    let totals = Totals::default();
    say(&totals, has_stdout)?;
    let write = |summary: JsonSummary| summary.write(&totals, &Metrics::default(), false, started.elapsed());
    json_summary.map_or(Ok(()), write)
}

/// Where standard output has records, the line goes beside it.
pub fn say(totals: &Totals, has_stdout: bool) -> std::io::Result<()> {
    let summary = totals.summary();
    if has_stdout { writeln!(std::io::stderr(), "{summary}") } else { writeln!(results(), "{summary}") }
}
