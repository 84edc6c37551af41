//! Where a record goes: found out, and made if need be, before the first frame.

use std::ffi::OsStr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::io::Errno;

use super::{RecordError, journal, storage};
use crate::text::files;

/// Of the file systems that Linux has.
const LONGEST_NAME_BYTES: usize = 255;

/// What a record is written to.
#[derive(Debug, PartialEq)]
pub(super) enum Destination {
    /// A file, and those beside it that it is renamed to.
    File(PathBuf),
    /// A named pipe, or a device: it takes what is written and gives nothing back.
    Pipe(PathBuf),
}

impl Destination {
    /// Follows links. What would fail at the first record, or when a full file is renamed, fails
    /// here, and nothing is made.
    pub fn find(path: &Path) -> Result<Destination, RecordError> {
        let refused = |problem: String| RecordError::Unwritable { path: path.into(), problem };
        let target = files::target(path);
        match fs::metadata(&target).map(|about| about.file_type()) {
            Ok(kind) if kind.is_fifo() || kind.is_char_device() => return Ok(Destination::Pipe(target)),
            Ok(kind) if kind.is_dir() => return Err(refused("it is a folder; expected a file in one".into())),
            Ok(kind) if !kind.is_file() => return Err(refused("it is neither a file nor a pipe".into())),
            Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(refused("it is a link that leads back to itself".into()));
            }
            _ => {}
        }
        files::check_own(&target).map_err(|problem| refused(problem.to_string()))?;
        storage::check_free(&target).map_err(|busy| refused(busy.to_string()))?;
        let folder = files::folder_of(&target);
        files::check_folder_to_be(folder).map_err(|problem| in_folder(path, folder, &problem))?;
        let Some(name) = target.file_name().and_then(OsStr::to_str) else {
            return Err(RecordError::NameNotText(path.into()));
        };
        let name_bytes = name.len();
        let most = LONGEST_NAME_BYTES - journal::ARCHIVE_BYTES;
        if name_bytes > most {
            let why = "full files get a number and the time in theirs";
            return Err(refused(format!("its name has {name_bytes} bytes; expected at most {most}, since {why}")));
        }
        Ok(Destination::File(target))
    }

    /// Makes the folder of what [`find`](Self::find) finds.
    pub fn prepare(path: &Path) -> Result<Destination, RecordError> {
        let found = Destination::find(path)?;
        if let Destination::File(target) = &found {
            let folder = files::folder_of(target);
            files::make_folder(folder).map_err(|problem| in_folder(path, folder, &problem))?;
        }
        Ok(found)
    }
}

fn in_folder(path: &Path, folder: &Path, problem: &io::Error) -> RecordError {
    RecordError::Unwritable { path: path.into(), problem: format!("{}: {problem}", folder.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::storage::Storage;

    fn refusal(path: &Path) -> String {
        Destination::find(path).unwrap_err().to_string()
    }

    #[test]
    fn folders_are_made_and_links_followed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/faces.csv");
        assert_eq!(Destination::find(&path).unwrap(), Destination::File(path.clone()));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert_eq!(Destination::prepare(&path).unwrap(), Destination::File(path.clone()));
        let folder = path.parent().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        let link = root.path().join("faces.csv");
        std::os::unix::fs::symlink("a/b/faces.csv", &link).unwrap();
        assert_eq!(Destination::prepare(&link).unwrap(), Destination::File(path));
        std::os::unix::fs::symlink("/dev/null", root.path().join("null.csv")).unwrap();
        assert_eq!(Destination::prepare(&root.path().join("null.csv")).unwrap(), Destination::Pipe("/dev/null".into()));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("folder.csv")).unwrap();
        assert!(refusal(&root.path().join("folder.csv")).ends_with("it is a folder; expected a file in one"));
        fs::write(root.path().join("file"), []).unwrap();
        let inside = refusal(&root.path().join("file/faces.csv"));
        assert!(
            inside.starts_with("cannot write ") && inside.ends_with("/file: it is a file; expected a folder"),
            "{inside}"
        );
        // Nobody may write there, root included.
        let proc = refusal(Path::new("/proc/wingmark/faces.csv"));
        assert!(proc.contains("/proc/wingmark: "), "{proc}");
        // It says that root may.
        let proc = refusal(Path::new("/proc/faces.csv"));
        assert!(proc.starts_with("cannot write /proc/faces.csv: /proc: "), "{proc}");
        std::os::unix::fs::symlink("loop.csv", root.path().join("loop.csv")).unwrap();
        let around = refusal(&root.path().join("loop.csv"));
        assert!(around.ends_with("it is a link that leads back to itself"), "{around}");
        let taken = storage::Disk.create(&root.path().join("taken.csv")).unwrap();
        assert!(refusal(&root.path().join("taken.csv")).ends_with("taken.csv: another run writes it"));
        drop(taken);
        assert!(Destination::prepare(&root.path().join("taken.csv")).is_ok());
        // The full file would have a name that no file can have.
        let name = |bytes: usize| root.path().join("x".repeat(bytes - 4) + ".csv");
        assert!(Destination::find(&name(231)).is_ok());
        let long = refusal(&name(232));
        assert!(long.contains("its name has 232 bytes; expected at most 231"), "{long}");
    }
}
