//! The files that options name, and whether one is written that is named twice.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::capture::is_shown;
use crate::face::zoo;
use crate::picture::is_named_like_one;
use crate::screen::PngFolder;
use crate::text::files;

/// What is done with a file that an option names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is read; of a folder, what is in it.
    Read,
    /// It is read, and has a password or a token in it.
    Secret,
    /// It is written.
    Result,
    /// It is written, and others beside it.
    Record,
    /// A folder that gets a picture a frame.
    Pictures,
}

impl Role {
    fn is_written(self) -> bool {
        matches!(self, Role::Result | Role::Record | Role::Pictures)
    }
}

/// A file, or a folder of files, that an option names.
#[derive(Debug)]
pub struct NamedFile {
    pub option: &'static str,
    pub role: Role,
    pub path: PathBuf,
}

/// All those of a command line, each as it is named.
#[derive(Debug, Default)]
pub struct NamedFiles(Vec<NamedFile>);

impl NamedFiles {
    /// And those of another option.
    pub fn and(
        mut self,
        option: &'static str,
        role: Role,
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
    ) -> Self {
        self.0.extend(paths.into_iter().map(|path| NamedFile { option, role, path: path.into() }));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &NamedFile> {
        self.0.iter()
    }

    /// Those of one kind.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Path> {
        self.iter().filter(move |file| file.role == role).map(|file| file.path.as_path())
    }

    pub fn written(&self) -> impl Iterator<Item = &NamedFile> {
        self.iter().filter(|file| file.role.is_written())
    }

    /// Which name of a file that is written is one for a shell, in words: no shell has read it.
    fn unexpanded(&self) -> Option<String> {
        let is_for_shell = |name: &OsStr| {
            let name = name.as_bytes();
            name == b"~" || matches!(name, [b'$', b'{' | b'A'..=b'Z' | b'a'..=b'z' | b'_', ..])
        };
        let first = |file: &NamedFile| file.path.iter().next().map(OsStr::to_owned);
        let found = self.written().find_map(|file| Some((file, first(file).filter(|name| is_for_shell(name))?)));
        found.map(|(file, name)| {
            let (name, path) = (name.display(), file.path.display());
            format!(
                "{} {path}: {name} stands for itself here; write out what it means, or ./{path} for that name",
                file.option
            )
        })
    }

    /// What is wrong with the names of the files that are written, in words.
    pub fn fault(&self) -> Option<String> {
        self.unexpanded().or_else(|| self.shared())
    }

    /// Which file is written that is read, or is written already, by whatever names and links, in
    /// words. Of a folder that is read, what is read of it by that option counts.
    fn shared(&self) -> Option<String> {
        let read = self.iter().filter(|file| !file.role.is_written());
        let mut taken: Vec<(&'static str, PathBuf)> =
            read.map(|file| (file.option, files::of_one_name(&file.path))).collect();
        for NamedFile { option: second, role, path } in self.written() {
            let path = if *role == Role::Pictures { PngFolder::path(path, 0) } else { path.clone() };
            let file = files::of_one_name(&path);
            let taken_by = taken.iter().find(|(option, other)| *other == file || is_part_of(&file, option, other));
            if let Some((first, _)) = taken_by {
                let both = if first == second { format!("{first} twice") } else { format!("{first} and by {second}") };
                return Some(format!("{} is named by {both}; give each a file of its own", path.display()));
            }
            taken.push((*second, file));
        }
        None
    }
}

/// Whether a file is one of those that an option reads of a folder.
fn is_part_of(file: &Path, option: &str, folder: &Path) -> bool {
    let is_read = if option == "--source" {
        file.parent() == Some(folder) && is_shown(file)
    } else {
        file.starts_with(folder) && is_of_data(file)
    };
    is_read && folder.is_dir() && file.is_file()
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
    fn a_file_is_written_once_and_not_over_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.json"), "").unwrap();
        std::os::unix::fs::symlink("a.json", at("b.json")).unwrap();
        let (a, b, c) = (at("a.json"), at("b.json"), at("c.json"));
        let named = |read: NamedFiles, written: &[(&'static str, &Path)]| {
            written.iter().fold(read, |all, (option, path)| all.and(option, Role::Result, [*path])).fault()
        };
        let said = |read: &[&Path], written: &[(&'static str, &Path)]| {
            named(NamedFiles::default().and("--source", Role::Read, read.iter().copied()), written)
        };
        assert_eq!(said(&[&a], &[("--json", &c)]), None);
        let expected = format!("{} is named by --source and by --json; give each a file of its own", b.display());
        assert_eq!(said(&[&a], &[("--json", &b)]), Some(expected));
        assert!(said(&[], &[("--json", &c), ("--metrics", &folder.path().join("./c.json"))]).is_some());
        for name in ["~/a.csv", "$HOME/a.csv", "${HOME}/a.csv"] {
            let words = said(&[], &[("--record", Path::new(name))]).unwrap();
            assert!(words.starts_with(&format!("--record {name}: ")), "{words}");
        }
        for name in ["./~/a.csv", "~a.csv", "$/a.csv", "a/$b.csv"] {
            assert_eq!(said(&[], &[("--record", Path::new(name))]), None, "{name}");
        }
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
            named(NamedFiles::default().and("--data", Role::Read, [folder.path()]), written)
        };
        assert_eq!(evaluated(&[("--json", &a), ("--predictions", &at("found.csv"))]), None);
        assert!(evaluated(&[("--json", &at("points.csv"))]).is_some());
        assert!(evaluated(&[("--json", &at("overlay/000000.png"))]).is_some());
        assert_eq!(evaluated(&[("--json", &at("boxes.csv"))]), None);
        assert_eq!(said(&[folder.path()], &[("--record", &at("points.csv"))]), None);
    }
}
