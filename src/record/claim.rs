//! A record's file that is held from the start on, so that a second run is refused at once, and not
//! only when it has written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::storage::{Disk, Listed, Storage, Tampering};
use crate::text::files::{id, is_full_disk, locked};

/// The disk, with one file taken: the one under way, or that which stands where it will be.
#[derive(Debug)]
pub(super) struct Claimed {
    path: PathBuf,
    held: Option<File>,
    /// Whether the file was made to be held.
    is_made: bool,
}

impl Claimed {
    /// Takes the file, which is made empty where there is none. One that may be renamed and not be
    /// opened is not held.
    pub fn take(path: &Path) -> io::Result<Claimed> {
        let (made, is_made) = match OpenOptions::new().append(true).create_new(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => (None, false),
            // There may be room later.
            Err(e) if is_full_disk(&e) => (None, false),
            made => (Some(made?), true),
        };
        let there = || OpenOptions::new().append(true).open(path).ok();
        let held = made.or_else(there).map(locked).transpose()?;
        Ok(Claimed { path: path.into(), held, is_made })
    }

    /// Whether the file that is held still stands there.
    fn holds(&self, path: &Path) -> bool {
        let is_same = |held: &File| Some(id(&held.metadata().ok()?) == id(&fs::metadata(path).ok()?));
        path == self.path && self.held.as_ref().and_then(is_same).unwrap_or(false)
    }
}

impl Drop for Claimed {
    /// Leaves no file behind that has nothing in it.
    fn drop(&mut self) {
        if self.is_made && self.holds(&self.path) && fs::metadata(&self.path).is_ok_and(|about| about.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Storage for Claimed {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        let is_held = self.holds(path);
        match self.held.take().filter(|_| is_held) {
            Some(file) => Ok(file),
            None => Disk.create(path),
        }
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        let is_held = self.holds(path);
        match self.held.take().filter(|_| is_held) {
            Some(file) => Ok(file),
            None => Disk.open(path),
        }
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        Disk.append(file, bytes)
    }

    fn truncate(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        Disk.truncate(file, bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        Disk.sync(file)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        Disk.sync_folder(folder)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.holds(from) {
            return Disk.rename(from, to);
        }
        fs::rename(from, to)?;
        self.held = None;
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        // An empty one makes room for the next file, and can be that.
        if self.holds(path) { Ok(()) } else { Disk.remove(path) }
    }

    fn keep(&mut self, file: File) {
        (self.held, self.is_made) = (Some(file), false);
    }

    fn tampering(&self, file: &File, bytes: u64) -> Option<Tampering> {
        Disk.tampering(file, bytes)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<Listed>> {
        Disk.list(folder)
    }
}
