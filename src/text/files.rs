//! Files that are small and written at once.

use std::io;
use std::path::Path;

#[cfg(feature = "program")]
use rustix::fs::{Access, access};

/// Replaces the file as a whole: who reads it finds the old text or the new one.
#[cfg(feature = "program")]
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_os_string();
    // After the extension, so that readers that go by it, as node_exporter does, pass it over.
    name.push(".new");
    let new = path.with_file_name(name);
    let replaced = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if replaced.is_err() {
        // It may never have been there.
        let _ = std::fs::remove_file(&new);
    }
    replaced
}

/// The folder that a file lies in, or would.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Whether files can be made in a folder: one is, and removed again. What the rights say is not
/// enough: root may all, and yet /proc and what is mounted for reading take no files. A full disk
/// is no obstacle, since it may have room later.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let trial = folder.join(format!(".wingmark-{}", std::process::id()));
    match std::fs::File::create(&trial) {
        Ok(_) => std::fs::remove_file(&trial),
        Err(e) if matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Whether a file can be written, as far as it can be told without touching it: for what is written
/// after long work.
#[cfg(feature = "program")]
pub fn check_writable(path: &Path) -> io::Result<()> {
    let Ok(about) = std::fs::metadata(path) else {
        path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        return check_folder(folder_of(path));
    };
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, Access::WRITE_OK)?)
}

#[cfg(all(test, feature = "program"))]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_told_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        check_writable(&file).unwrap();
        assert!(!file.exists());
        std::fs::write(&file, "old").unwrap();
        check_writable(&file).unwrap();
        for (path, expected) in [
            (folder.path().to_path_buf(), io::ErrorKind::IsADirectory),
            (folder.path().join("no/a.json"), io::ErrorKind::NotFound),
            (file.join("a.json"), io::ErrorKind::NotADirectory),
            ("/".into(), io::ErrorKind::IsADirectory),
            ("/proc/a.json".into(), io::ErrorKind::NotFound),
        ] {
            assert_eq!(check_writable(&path).unwrap_err().kind(), expected, "{}", path.display());
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("by")).unwrap();
        assert!(replace(&taken, "text").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
