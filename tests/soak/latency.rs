//! What the run's CSV says of each frame.

use std::path::Path;

/// Length of a window.
const WINDOW_S: f64 = 5.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub frame: u64,
    pub dropped: u64,
    /// Since the source's start.
    pub at_s: f64,
    pub total_us: u64,
}

/// A row a frame, of all files in the order in which they were written.
pub fn rows(folder: &Path) -> Vec<Row> {
    let archived = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "csv") && archived(path)).collect();
    files.sort_unstable();
    files.push(folder.join("run.csv"));
    let mut rows: Vec<Row> = Vec::new();
    for file in files {
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|found| found == name).unwrap();
        let [frame, dropped, at, total] = ["frame", "dropped", "timestamp", "total_us"].map(column);
        for record in reader.records() {
            let record = record.unwrap();
            let number = |i: usize| record[i].parse().unwrap();
            let row = Row {
                frame: number(frame),
                dropped: number(dropped),
                at_s: record[at].parse().unwrap(),
                total_us: number(total),
            };
            // A frame with two faces has two rows.
            if rows.last().is_none_or(|last| last.frame != row.frame) {
                rows.push(row);
            }
        }
    }
    rows
}

/// The 99th percentile of the time that observing a frame took, in milliseconds, for each window of
/// five seconds.
pub fn windows(rows: &[Row]) -> Vec<f64> {
    let same_window = |a: &Row, b: &Row| (a.at_s / WINDOW_S).floor() == (b.at_s / WINDOW_S).floor();
    rows.chunk_by(same_window)
        .map(|window| {
            let mut times: Vec<u64> = window.iter().map(|row| row.total_us).collect();
            times.sort_unstable();
            times[(times.len() * 99).div_ceil(100) - 1] as f64 / 1e3
        })
        .collect()
}
