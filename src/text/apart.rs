//! Whether files that options name are different ones.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::files;

/// A file that one option would write is another one's.
#[derive(Debug, Error)]
#[error("{path} is named by {}; give each a file of its own", both(.first, .second))]
pub struct SameFile {
    path: PathBuf,
    first: &'static str,
    second: &'static str,
}

fn both(first: &str, second: &str) -> String {
    if first == second { format!("{first} twice") } else { format!("{first} and by {second}") }
}

/// Whether no file is written that is read, or is written already, by whatever names and links.
/// Each stands with its option.
pub fn check<'a>(
    read: impl IntoIterator<Item = (&'static str, &'a Path)>,
    written: impl IntoIterator<Item = (&'static str, &'a Path)>,
) -> Result<(), SameFile> {
    let mut taken: Vec<_> = read.into_iter().map(|(option, path)| (option, files::of_one_name(path))).collect();
    for (second, path) in written {
        let file = files::of_one_name(path);
        if let Some((first, _)) = taken.iter().find(|(_, other)| *other == file) {
            return Err(SameFile { path: path.into(), first, second });
        }
        taken.push((second, file));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_not_over_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.json"), "").unwrap();
        std::os::unix::fs::symlink("a.json", at("b.json")).unwrap();
        let (a, b, c) = (at("a.json"), at("b.json"), at("c.json"));
        let said = |read: &[&Path], written: &[(&'static str, &Path)]| {
            check(read.iter().map(|path| ("--source", *path)), written.iter().copied()).err().map(|e| e.to_string())
        };
        assert_eq!(said(&[&a], &[("--json", &c)]), None);
        let expected = format!("{} is named by --source and by --json; give each a file of its own", b.display());
        assert_eq!(said(&[&a], &[("--json", &b)]), Some(expected));
        assert!(said(&[], &[("--json", &c), ("--metrics", &folder.path().join("./c.json"))]).is_some());
        // What is only read may be read twice.
        assert_eq!(said(&[&a, &b], &[]), None);
    }
}
