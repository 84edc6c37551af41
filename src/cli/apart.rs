//! Whether files that options name are different ones.

use std::path::{Path, PathBuf};

use crate::face::zoo;
use crate::picture::is_named_like_one;
use crate::text::files;

/// Which file is written that is read, or is written already, by whatever names and links, in
/// words. Each stands with its option, which may not be given. Of a folder that is read, what data
/// sets, models and shows are made of counts as read.
pub fn shared<'a>(
    read: impl IntoIterator<Item = (&'static str, PathBuf)>,
    written: impl IntoIterator<Item = (&'static str, Option<&'a Path>)>,
) -> Option<String> {
    let mut taken: Vec<_> = read.into_iter().map(|(option, path)| (option, files::of_one_name(&path))).collect();
    for (second, path) in written.into_iter().filter_map(|(option, path)| Some((option, path?))) {
        let file = files::of_one_name(path);
        let is_part_of = |folder: &Path| folder.is_dir() && file.starts_with(folder) && is_input(&file);
        if let Some((first, _)) = taken.iter().find(|(_, other)| *other == file || is_part_of(other)) {
            let both = if *first == second { format!("{first} twice") } else { format!("{first} and by {second}") };
            return Some(format!("{} is named by {both}; give each a file of its own", path.display()));
        }
        taken.push((second, file));
    }
    None
}

/// Whether a file that is there is one that nobody writes results to.
fn is_input(file: &Path) -> bool {
    const TABLES: [&str; 7] =
        ["points.csv", "boxes.csv", "ignore.csv", zoo::SHAPE, zoo::HEAD, zoo::PRESENCE, zoo::LIDS];
    const KINDS: [&str; 7] = ["pts", "txt", "onnx", "toml", "y4m", "mjpeg", "mp4"];
    let is_table = TABLES.iter().any(|table| file.ends_with(table));
    let is_of_kind = file.extension().is_some_and(|extension| KINDS.iter().any(|kind| extension == *kind));
    file.is_file() && (is_table || is_of_kind || is_named_like_one(file))
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
            let written = written.iter().map(|(option, path)| (*option, Some(*path)));
            shared(read.iter().map(|path| ("--source", path.to_path_buf())), written)
        };
        assert_eq!(said(&[&a], &[("--json", &c)]), None);
        let expected = format!("{} is named by --source and by --json; give each a file of its own", b.display());
        assert_eq!(said(&[&a], &[("--json", &b)]), Some(expected));
        assert!(said(&[], &[("--json", &c), ("--metrics", &folder.path().join("./c.json"))]).is_some());
        // What is only read may be read twice.
        assert_eq!(said(&[&a, &b], &[]), None);
        // Results may stand beside what a data set is made of, and are written anew.
        std::fs::write(at("points.csv"), "").unwrap();
        assert_eq!(said(&[folder.path()], &[("--json", &a), ("--predictions", &at("found.csv"))]), None);
        assert!(said(&[folder.path()], &[("--json", &at("points.csv"))]).is_some());
        assert_eq!(said(&[folder.path()], &[("--json", &at("boxes.csv"))]), None);
    }
}
