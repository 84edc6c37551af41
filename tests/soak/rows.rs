//! What the run's CSV says of each frame. Files are read as they are completed, as a bridge does
//! that copies them: before the cap removes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Frames of a window: five seconds of a camera.
const WINDOW: usize = 150;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub frame: u64,
    pub dropped: u64,
    pub total_us: u64,
}

/// What all rows come to.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Found {
    pub rows: u64,
    /// The number of the last frame.
    pub last: u64,
    /// Rows that do not follow the one before, by their number and their count of drops.
    pub gaps: u64,
}

pub struct Rows {
    folder: PathBuf,
    archives: BTreeSet<PathBuf>,
    last: Option<Row>,
    found: Found,
    window: Vec<u64>,
    windows: Vec<f64>,
}

impl Rows {
    pub fn of(folder: &Path) -> Rows {
        let (folder, found) = (folder.to_owned(), Found::default());
        Rows { folder, archives: BTreeSet::new(), last: None, found, window: Vec::new(), windows: Vec::new() }
    }

    pub fn found(&self) -> Found {
        self.found
    }

    /// The 99th percentile of the time that observing a frame took, in milliseconds, a window.
    pub fn windows(&self) -> &[f64] {
        &self.windows
    }

    /// Reads the files that were completed since, in the order of their numbers.
    pub fn read_archives(&mut self) {
        let names = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let is_archive = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("run-") && name.ends_with(".csv")
        };
        let new: BTreeSet<PathBuf> = names.filter(|path| is_archive(path) && !self.archives.contains(path)).collect();
        new.iter().for_each(|path| self.read(path));
        self.archives.extend(new);
    }

    /// At the end of the run.
    pub fn read_rest(&mut self) {
        self.read_archives();
        self.read(&self.folder.join("run.csv"));
    }

    fn read(&mut self, path: &Path) {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|found| found == name).unwrap();
        let columns = ["frame", "dropped", "total_us"].map(column);
        for record in reader.records() {
            let record = record.unwrap();
            let [frame, dropped, total_us] = columns.map(|at| record[at].parse().unwrap());
            self.push(Row { frame, dropped, total_us });
        }
    }

    fn push(&mut self, row: Row) {
        // A frame with two faces has two rows.
        if self.last.is_some_and(|last| last.frame == row.frame) {
            return;
        }
        let expected = self.last.map_or(row.frame, |last| last.frame + 1 + row.dropped);
        self.found.gaps += u64::from(row.frame != expected);
        (self.found.rows, self.found.last, self.last) = (self.found.rows + 1, row.frame, Some(row));
        self.window.push(row.total_us);
        if self.window.len() == WINDOW {
            self.window.sort_unstable();
            self.windows.push(self.window[(WINDOW * 99).div_ceil(100) - 1] as f64 / 1e3);
            self.window.clear();
        }
    }
}

#[test]
fn a_row_that_is_missing_and_one_out_of_order_are_gaps() {
    let found = |rows: &[(u64, u64)]| {
        let mut all = Rows::of(Path::new("."));
        rows.iter().for_each(|(frame, dropped)| all.push(Row { frame: *frame, dropped: *dropped, total_us: 1 }));
        all.found()
    };
    assert_eq!(found(&[(3, 0), (5, 1), (5, 1), (6, 0)]), Found { rows: 3, last: 6, gaps: 0 });
    assert_eq!(found(&[(3, 0), (5, 0)]).gaps, 1);
    assert_eq!(found(&[(3, 0), (4, 0), (3, 0)]).gaps, 1);
}
