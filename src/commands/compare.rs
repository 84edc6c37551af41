//! `wingmark compare`: reports of `bench` side by side, and whether a machine became slower.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{Outcome, check_writable, counted, results};
use crate::cli::CompareArgs;
use crate::report::regression::changes;
use crate::report::{Report, chart, page, table};
use crate::text::files;

pub fn run(args: &CompareArgs) -> anyhow::Result<Outcome> {
    [&args.markdown, &args.html].into_iter().flatten().try_for_each(|file| check_writable(file))?;
    let reports = args.reports.iter().map(|path| Report::read(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some((path, _)) = args.reports.iter().zip(&reports).find(|(_, report)| report.models.is_empty()) {
        bail!(
            "{} has no model that was measured; expected a report that `bench --json` wrote to its end",
            path.display()
        );
    }
    if let Some(folder) = &args.svg {
        files::make_folder(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let shown = told_apart(&args.reports, &reports);
    let mut out = results();
    for (title, rows) in table::all(&shown) {
        writeln!(out, "{title}\n\n{}", rows.terminal())?;
    }
    for report in &shown {
        report.warnings.iter().try_for_each(|warning| writeln!(out, "{}: {warning}", report.board))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &markdown(&shown))?;
    }
    if let Some(path) = &args.html {
        write(path, &page::html(&shown))?;
    }
    if let Some(folder) = &args.svg {
        for (name, chart) in chart::FILES.into_iter().zip([chart::accuracy(&shown), chart::stages(&shown)]) {
            match chart {
                Some(svg) => write(&folder.join(name), &svg)?,
                None => log::warn!("no {name}: the reports have no figures for it"),
            }
        }
    }
    match &reports[..] {
        [_] => Ok(Outcome::Done),
        [before, after] => check(before, after, &mut out),
        more => {
            writeln!(out, "No check for regressions: it takes two reports, and these are {}", more.len())?;
            Ok(Outcome::Done)
        }
    }
}

/// The reports; of those that share a board's name, the file follows on it.
fn told_apart(paths: &[PathBuf], reports: &[Report]) -> Vec<Report> {
    let file = |path: &PathBuf| path.file_name().unwrap_or_default().to_owned();
    let named = paths.iter().zip(reports).map(|(path, report)| {
        let namesakes = || paths.iter().zip(reports).filter(|(_, other)| other.board == report.board);
        let same_file = namesakes().filter(|(other, _)| file(other) == file(path)).count() > 1;
        let board = match namesakes().count() {
            1 => report.board.clone(),
            _ if same_file => format!("{} ({})", report.board, path.display()),
            _ => format!("{} ({})", report.board, file(path).display()),
        };
        Report { board, ..report.clone() }
    });
    named.collect()
}

/// Compares two reports of one machine, figure by figure.
fn check(before: &Report, after: &Report, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let changes = match changes(before, after) {
        Ok(changes) => changes,
        Err(reason) => {
            writeln!(out, "No check for regressions: {reason}")?;
            return Ok(Outcome::Done);
        }
    };
    for change in &changes {
        writeln!(out, "{change}")?;
    }
    let regressions = changes.iter().filter(|change| change.is_regression());
    let worst = regressions.clone().max_by(|a, b| a.share().total_cmp(&b.share()));
    match worst {
        None => Ok(Outcome::Done),
        Some(worst) => bail!("{}: {worst}", counted(regressions.count(), "regression, it", "regressions, the worst")),
    }
}

fn markdown(reports: &[Report]) -> String {
    let mut text = String::new();
    for (title, rows) in table::all(reports) {
        let _ = writeln!(text, "{title}:\n\n{}", rows.markdown());
    }
    for report in reports {
        for warning in &report.warnings {
            let _ = writeln!(text, "* {}", table::in_markdown(&format!("{}: {warning}", report.board)));
        }
    }
    text
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    files::put(path, text).with_context(|| format!("cannot write {}", path.display()))
}
