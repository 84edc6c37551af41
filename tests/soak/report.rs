//! The report of a run: Markdown for people, CSV of the samples.

use std::fmt::Write;
use std::path::Path;

use crate::judge::Verdict;
use crate::watch::Sample;

pub fn write(folder: &Path, samples: &[Sample], windows: &[f64], verdicts: &[Verdict]) {
    let minutes = samples.last().map_or(0.0, |last| last.at.as_secs_f64() / 60.0);
    let build = if cfg!(debug_assertions) { "dev" } else { "release" };
    let text = format!(
        "# Soak: {minutes:.1} minutes, {} build on {} with {} cores\n\n{}",
        build,
        std::env::consts::ARCH,
        std::thread::available_parallelism().map_or(1, usize::from),
        table(verdicts)
    );
    std::fs::write(folder.join("report.md"), text).unwrap();

    let mut table = csv::Writer::from_path(folder.join("samples.csv")).unwrap();
    table.write_record(["seconds", "memory_kib", "descriptors", "threads"]).unwrap();
    for sample in samples {
        let numbers = [sample.memory_kib, sample.descriptors, sample.threads].map(|n| n.to_string());
        table.write_record([vec![format!("{:.1}", sample.at.as_secs_f64())], numbers.to_vec()].concat()).unwrap();
    }
    table.flush().unwrap();

    let mut table = csv::Writer::from_path(folder.join("latency.csv")).unwrap();
    table.write_record(["window", "p99_ms"]).unwrap();
    for (i, p99) in windows.iter().enumerate() {
        table.write_record([i.to_string(), format!("{p99:.3}")]).unwrap();
    }
    table.flush().unwrap();
}

pub fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::from("| rule | found | |\n|---|---|---|\n");
    for Verdict { rule, found, holds } in verdicts {
        let _ = writeln!(text, "| {rule} | {found} | {} |", if *holds { "holds" } else { "**broken**" });
    }
    text
}
