//! What the log asks of a file system, so that tests can fail each call in turn or pull the plug.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use thiserror::Error;

use crate::text::files::locked;

/// A file in a folder, as [`Storage::list`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub bytes: u64,
    /// When it was last written, by the wall clock.
    pub modified: SystemTime,
}

/// What somebody did to a file that is written: what is added to it is lost, or has no head before
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Tampering {
    #[error("somebody removed it")]
    Removed,
    #[error("somebody cut it short")]
    Cut,
}

impl Tampering {
    /// Whether an error is one.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Tampering>())
    }
}

/// The calls that a log makes. All paths lie in the folder of the log.
pub trait Storage {
    type File;

    /// Makes a file that does not exist yet.
    fn create(&mut self, path: &Path) -> io::Result<Self::File>;
    /// Opens a file that exists, to append to it.
    fn open(&mut self, path: &Path) -> io::Result<Self::File>;
    /// Writes all of `bytes` at the end of the file. After an error any part of them may be there.
    fn append(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to its first `bytes` bytes.
    fn truncate(&mut self, file: &mut Self::File, bytes: u64) -> io::Result<()>;
    /// Returns when what was written to the file survives a power cut.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// Returns when files made, renamed and removed in the folder stay so after a power cut.
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Takes a file that is complete, and keeps it from other runs until the next one is made.
    fn keep(&mut self, _file: Self::File) {}
    /// What somebody did to an open file into which so many bytes were written.
    fn tampering(&self, _file: &Self::File, _bytes: u64) -> Option<Tampering> {
        None
    }
    /// The regular files in a folder, in any order.
    fn list(&mut self, folder: &Path) -> io::Result<Vec<Listed>>;
}

/// Whether no other run writes a file: it would lose it, and the files before it to the cap.
pub fn check_free(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).open(path) {
        Ok(file) => locked(file).map(drop),
        // Who may not write it may yet rename it; what else is wrong is found when it is written.
        Err(_) => Ok(()),
    }
}

/// The machine's own file systems.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Storage for Disk {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).open(path).and_then(locked)
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).open(path).and_then(locked)
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn truncate(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        check_free(from)?;
        std::fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        check_free(path)?;
        std::fs::remove_file(path)
    }

    fn tampering(&self, file: &File, bytes: u64) -> Option<Tampering> {
        let about = file.metadata().ok()?;
        let is_short = about.len() < bytes;
        if about.nlink() == 0 { Some(Tampering::Removed) } else { is_short.then_some(Tampering::Cut) }
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // The names that a log gives are text; a file that vanished meanwhile is no error.
            let (Ok(name), Ok(about)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if about.is_file() {
                found.push(Listed { name, bytes: about.len(), modified: about.modified()? });
            }
        }
        Ok(found)
    }
}
