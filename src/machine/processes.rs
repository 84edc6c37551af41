//! Which processes are runs of this program.

use std::path::Path;

use super::Tree;

const PROGRAM: &str = "wingmark";
const COMMAND: &str = "run";

/// The numbers of the processes that are `wingmark run`, under any path, in ascending order.
pub fn runs(tree: &Tree) -> Vec<i32> {
    let entries = tree.entries("proc", "").into_iter();
    let mut found: Vec<i32> = entries
        .filter_map(|entry| entry.file_name()?.to_str()?.parse().ok())
        .filter(|pid| tree.text(format!("proc/{pid}/cmdline")).is_some_and(|line| is_run(&line)))
        .collect();
    found.sort_unstable();
    found
}

/// Whether a command line, whose arguments stand apart by NULs, is that of a run.
fn is_run(line: &str) -> bool {
    let mut arguments = line.split('\0');
    let program = arguments.next().and_then(|path| Path::new(path).file_name());
    program.is_some_and(|name| name == PROGRAM) && arguments.next() == Some(COMMAND)
}
