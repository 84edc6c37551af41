//! The files in which Linux describes a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The root folder, or a copy of parts of another machine's.
#[derive(Debug, Clone)]
pub struct Tree(PathBuf);

impl Tree {
    /// This machine.
    pub fn here() -> Tree {
        Tree(PathBuf::from("/"))
    }

    /// The machine whose root folder is kept at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Tree {
        Tree(root.into())
    }

    /// Where `path`, written without a slash at its begin, lies.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// A file's text without white space and NULs around it; `None` where it is not there or cannot
    /// be read.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
    }

    pub fn number<T: FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// Paths of what is in `folder` under names that begin with `prefix`: `zone2` before `zone10`.
    pub fn entries(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        names.into_iter().map(|name| Path::new(folder).join(name)).collect()
    }
}
