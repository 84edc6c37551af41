//! Whether what options name is different each time.

use std::path::{Path, PathBuf};

use crate::capture::is_shown;
use crate::face::zoo;
use crate::picture::is_named_like_one;
use crate::text::files;

/// Which file is written that is read, or is written already, by whatever names and links, in
/// words. Each stands with its option, which may not be given. Of a folder that is read, what is
/// read of it by that option counts.
pub fn shared<'a>(
    read: impl IntoIterator<Item = (&'static str, Option<&'a Path>)>,
    written: impl IntoIterator<Item = (&'static str, Option<&'a Path>)>,
) -> Option<String> {
    let named = |(option, path): (&'static str, Option<&Path>)| Some((option, files::of_one_name(path?)));
    let mut taken: Vec<(&'static str, PathBuf)> = read.into_iter().filter_map(named).collect();
    for (second, path) in written.into_iter().filter_map(|(option, path)| Some((option, path?))) {
        let file = files::of_one_name(path);
        let is_part_of = |option: &str, folder: &Path| {
            let is_read = if option == "--source" {
                file.parent() == Some(folder) && is_shown(&file)
            } else {
                file.starts_with(folder) && is_of_data(&file)
            };
            is_read && folder.is_dir() && file.is_file()
        };
        let is_same = |(option, other): &&(&'static str, PathBuf)| *other == file || is_part_of(option, other);
        if let Some((first, _)) = taken.iter().find(is_same) {
            let both = if *first == second { format!("{first} twice") } else { format!("{first} and by {second}") };
            return Some(format!("{} is named by {both}; give each a file of its own", path.display()));
        }
        taken.push((second, file));
    }
    None
}

/// Which value an option is given twice, in words. A value may have several names.
pub fn repeated<T>(
    option: &str,
    values: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    name: impl Fn(&T) -> String,
) -> Option<String> {
    values.iter().enumerate().find_map(|(i, second)| {
        let first = values[..i].iter().find(|first| is_same(first, second))?;
        let (first, second) = (name(first), name(second));
        Some(if first == second {
            format!("{option} {second} is given twice; give it once")
        } else {
            format!("{option} {first} and {option} {second} are the same; give one of them")
        })
    })
}

/// Whether data sets and models are made of such files.
fn is_of_data(file: &Path) -> bool {
    const TABLES: [&str; 7] =
        ["points.csv", "boxes.csv", "ignore.csv", zoo::SHAPE, zoo::HEAD, zoo::PRESENCE, zoo::LIDS];
    const KINDS: [&str; 4] = ["pts", "txt", "onnx", "toml"];
    let is_table = TABLES.iter().any(|table| file.ends_with(table));
    let is_of_kind = file.extension().is_some_and(|extension| KINDS.iter().any(|kind| extension == *kind));
    is_table || is_of_kind || is_named_like_one(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_twice_is_found_under_both_names() {
        let is_same = |one: &&str, other: &&str| one.eq_ignore_ascii_case(other);
        let said = |values: &[&str]| repeated("--model", values, is_same, ToString::to_string);
        assert_eq!(said(&["a", "b", "c"]), None);
        assert_eq!(said(&["a", "b", "a"]).as_deref(), Some("--model a is given twice; give it once"));
        let expected = "--model b and --model B are the same; give one of them";
        assert_eq!(said(&["a", "b", "B"]).as_deref(), Some(expected));
    }

    #[test]
    fn a_file_is_written_once_and_not_over_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.json"), "").unwrap();
        std::os::unix::fs::symlink("a.json", at("b.json")).unwrap();
        let (a, b, c) = (at("a.json"), at("b.json"), at("c.json"));
        let said = |read: &[&Path], written: &[(&'static str, &Path)]| {
            let written = written.iter().map(|(option, path)| (*option, Some(*path)));
            shared(read.iter().map(|path| ("--source", Some(*path))), written)
        };
        assert_eq!(said(&[&a], &[("--json", &c)]), None);
        let expected = format!("{} is named by --source and by --json; give each a file of its own", b.display());
        assert_eq!(said(&[&a], &[("--json", &b)]), Some(expected));
        assert!(said(&[], &[("--json", &c), ("--metrics", &folder.path().join("./c.json"))]).is_some());
        // What is only read may be read twice.
        assert_eq!(said(&[&a, &b], &[]), None);
        // Of a folder that is shown, pictures and films directly in it are read.
        ["d.jpg", "d.mkv"].iter().for_each(|name| std::fs::write(at(name), "").unwrap());
        std::fs::create_dir(at("overlay")).unwrap();
        std::fs::write(at("overlay/000000.png"), "").unwrap();
        let shown = |name: &str| said(&[folder.path()], &[("--json-summary", &at(name))]);
        assert!(shown("d.jpg").is_some() && shown("d.mkv").is_some());
        assert_eq!((shown("a.json"), shown("overlay/000000.png")), (None, None));
        // Results may stand beside what a data set is made of, and are written anew.
        std::fs::write(at("points.csv"), "").unwrap();
        let evaluated = |written: &[(&'static str, &Path)]| {
            let written = written.iter().map(|(option, path)| (*option, Some(*path)));
            shared([("--data", Some(folder.path()))], written)
        };
        assert_eq!(evaluated(&[("--json", &a), ("--predictions", &at("found.csv"))]), None);
        assert!(evaluated(&[("--json", &at("points.csv"))]).is_some());
        assert!(evaluated(&[("--json", &at("overlay/000000.png"))]).is_some());
        assert_eq!(evaluated(&[("--json", &at("boxes.csv"))]), None);
        assert_eq!(said(&[folder.path()], &[("--record", &at("points.csv"))]), None);
    }
}
