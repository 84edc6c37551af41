//! Whether files that options name are different ones.

use std::path::Path;

use super::files;

/// Which file is written that is read, or is written already, by whatever names and links, in
/// words. Each stands with its option, which may not be given.
pub fn shared<'a>(
    read: impl IntoIterator<Item = (&'static str, &'a Path)>,
    written: impl IntoIterator<Item = (&'static str, Option<&'a Path>)>,
) -> Option<String> {
    let mut taken: Vec<_> = read.into_iter().map(|(option, path)| (option, files::of_one_name(path))).collect();
    for (second, path) in written.into_iter().filter_map(|(option, path)| Some((option, path?))) {
        let file = files::of_one_name(path);
        if let Some((first, _)) = taken.iter().find(|(_, other)| *other == file) {
            let both = if *first == second { format!("{first} twice") } else { format!("{first} and by {second}") };
            return Some(format!("{} is named by {both}; give each a file of its own", path.display()));
        }
        taken.push((second, file));
    }
    None
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
            shared(read.iter().map(|path| ("--source", *path)), written)
        };
        assert_eq!(said(&[&a], &[("--json", &c)]), None);
        let expected = format!("{} is named by --source and by --json; give each a file of its own", b.display());
        assert_eq!(said(&[&a], &[("--json", &b)]), Some(expected));
        assert!(said(&[], &[("--json", &c), ("--metrics", &folder.path().join("./c.json"))]).is_some());
        // What is only read may be read twice.
        assert_eq!(said(&[&a, &b], &[]), None);
    }
}
