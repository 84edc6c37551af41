//! `wingmark bench`: how fast models are on this machine.

mod looped;
mod measure;
mod noise;
mod peer;
mod process;
mod rig;

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};
use log::warn;

use super::{Outcome, check_writable, results};
use crate::board::Board;
use crate::capture::CameraWish;
use crate::cli::BenchArgs;
use crate::face::zoo;
use crate::machine::{self, Machine, State, Tree};
use crate::report::{Method, Report, ReportError, SCHEMA, table};

pub fn run(args: &BenchArgs) -> anyhow::Result<Outcome> {
    let models: Vec<zoo::Choice> =
        if args.model.is_empty() { zoo::landmark_models().collect() } else { args.model.clone() };
    let board = Board::choose(args.board.board.as_ref())?;
    let threads: Vec<usize> =
        if args.threads.is_empty() { vec![board.threads] } else { args.threads.iter().map(|n| (*n).into()).collect() };
    let wish = args.camera.wish(&board.camera);
    let doubts = board.doubts(&Machine::here(), &threads);
    args.json.as_deref().map_or(Ok(()), check_writable)?;
    args.against.iter().try_for_each(|file| peer::check(file))?;
    let mut report = begun(args, board);
    report.warnings.extend(doubts);
    let measured = measure_all(&mut report, &models, &threads, args, wish);
    // What was measured before a mistake is shown all the same.
    for warning in &report.warnings {
        warn!("{warning}");
    }
    let mut out = results();
    for (title, rows) in table::all(std::slice::from_ref(&report)) {
        writeln!(out, "{title}\n\n{}", rows.terminal())?;
    }
    measured.map(|()| Outcome::Done)
}

/// Adds to the report model after model, then the nets beside them.
fn measure_all(
    report: &mut Report,
    models: &[zoo::Choice],
    threads: &[usize],
    args: &BenchArgs,
    wish: CameraWish,
) -> anyhow::Result<()> {
    for model in models {
        for &threads in threads {
            let bar = progress(format!("{model}, threads {threads}"), args.seconds);
            let (measured, warnings) = measure::landmark_model(model, threads, args, wish, &bar)?;
            bar.finish_and_clear();
            report.models.push(measured);
            report.warnings.extend(warnings);
            save(report, args)?;
        }
    }
    for file in &args.against {
        report.peers.push(peer::measure(file, args.seconds)?);
        save(report, args)?;
    }
    let about_machine = machine::warnings(&report.machine, &report.before, &report.after);
    report.warnings.extend(about_machine);
    Ok(save(report, args)?)
}

/// A report without figures.
fn begun(args: &BenchArgs, board: Board) -> Report {
    let machine = Machine::here();
    let before = State::read(&Tree::here());
    Report {
        schema: SCHEMA,
        wingmark: machine::VERSION.into(),
        taken: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        board: board.slug,
        emulated: false,
        method: Method {
            source: args.source.as_ref().map_or_else(|| "the built-in clip".into(), |source| source.to_string()),
            paced: args.paced,
            seconds: args.seconds,
        },
        machine,
        after: before.clone(),
        before,
        models: Vec::new(),
        peers: Vec::new(),
        warnings: Vec::from_iter(slow_build().map(String::from)),
    }
}

/// Why this program is slower than it could be.
fn slow_build() -> Option<&'static str> {
    if matches!(env!("WINGMARK_OPT_LEVEL"), "0" | "1") {
        Some("this program was built with little optimisation; build it with the profiles of Cargo.toml")
    } else if cfg!(debug_assertions) {
        Some(
            "this program was built with checks (profile dev), which slow down all but the nets; build it with --release",
        )
    } else {
        None
    }
}

/// Writes what there is so far, so that a crash loses no more than the model under way.
fn save(report: &mut Report, args: &BenchArgs) -> Result<(), ReportError> {
    report.after = State::read(&Tree::here());
    args.json.as_deref().map_or(Ok(()), |path| report.write(path))
}

/// A bar on a terminal, nothing elsewhere.
fn progress(message: String, seconds: f64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {elapsed}").expect("the template is sound");
    let milliseconds = seconds * (1.0 + measure::WARM_UP) * 1e3;
    ProgressBar::new(milliseconds as u64).with_style(style).with_message(message)
}
