//! The report of a run: Markdown for people, CSV of the samples.

use std::fmt::Write;
use std::path::Path;

use crate::judge::Verdict;
use crate::rows::Rows;
use crate::watch::Sample;

pub fn write(folder: &Path, samples: &[Sample], rows: &Rows, verdicts: &[Verdict]) {
    std::fs::write(folder.join("report.md"), text(samples, rows, verdicts)).unwrap();

    let mut table = csv::Writer::from_path(folder.join("samples.csv")).unwrap();
    table.write_record(["seconds", "fed", "memory_kib", "descriptors", "threads", "ran_s", "waited_s"]).unwrap();
    for sample in samples {
        let seconds = |duration: std::time::Duration| format!("{:.2}", duration.as_secs_f64());
        let numbers = [sample.fed, sample.memory_kib, sample.descriptors, sample.threads].map(|n| n.to_string());
        let [at, ran, waited] = [sample.at, sample.ran, sample.waited].map(seconds);
        table.write_record([vec![at], numbers.to_vec(), vec![ran, waited]].concat()).unwrap();
    }
    table.flush().unwrap();

    let mut table = csv::Writer::from_path(folder.join("latency.csv")).unwrap();
    table.write_record(["window", "p99_ms"]).unwrap();
    for (i, p99) in rows.windows().iter().enumerate() {
        table.write_record([i.to_string(), format!("{p99:.3}")]).unwrap();
    }
    table.flush().unwrap();
}

pub fn text(samples: &[Sample], rows: &Rows, verdicts: &[Verdict]) -> String {
    let last = samples.last().copied().unwrap_or_default();
    let minutes = last.at.as_secs_f64() / 60.0;
    let waited = last.waited.as_secs_f64() / (last.ran + last.waited).as_secs_f64() * 100.0;
    let mut text = format!(
        "# Soak: {} frames in {minutes:.1} minutes\n\n{} build on {} with {} cores. Of the time in which its threads \
         were ready to run, they waited for a core for {waited:.0} %.\n\n| rule | found | |\n|---|---|---|\n",
        rows.found().rows,
        if cfg!(debug_assertions) { "dev" } else { "release" },
        std::env::consts::ARCH,
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    for Verdict { rule, found, holds } in verdicts {
        let _ = writeln!(text, "| {rule} | {found} | {} |", if *holds { "holds" } else { "**broken**" });
    }
    text
}
