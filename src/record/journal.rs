//! The files of one log: blocks of whole records go in, each either safe on the medium or not there
//! at all.
//!
//! The file under way has the name that was asked for. When it is full, or is found left over from
//! an earlier run, it is renamed: `faces.csv` becomes `faces-000042-20261124T062804Z.csv`, where
//! the number counts up, whatever the clock does, and the time is that of the last write, in UTC.
//! When all files together outgrow the cap, those with the lowest numbers are removed.
//!
//! After an error the file is cut back to its last whole block and left alone: after a failed fsync
//! nobody knows which pages reached the medium, and a second fsync may report success for pages
//! that were dropped (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC
//! 2020). The next block begins a new file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::Format;
use super::storage::{Disk, Listed, Storage};
use crate::text::files;

/// What a full file's name has more of: `-000042-20261124T062804Z`.
pub(super) const ARCHIVE_BYTES: usize = 24;

/// When a file ends and how much all of them may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A file with this many bytes or more is full.
    pub file_bytes: Option<u64>,
    /// A file is full this long after its first block, by the monotonic clock.
    pub file_age: Option<Duration>,
    /// The files of the log together stay within this many bytes.
    pub total_bytes: Option<u64>,
}

impl Limits {
    /// One file that grows for ever.
    pub const NONE: Limits = Limits { file_bytes: None, file_age: None, total_bytes: None };
}

/// A file that is complete and renamed.
#[derive(Debug, Clone, Copy)]
struct Archive {
    number: u64,
    modified: SystemTime,
    bytes: u64,
}

struct Open<F> {
    file: F,
    /// Bytes that are safe on the medium.
    bytes: u64,
    /// Whether more may follow them, which the next block takes the place of.
    has_torn_end: bool,
    since: Instant,
}

impl<F> Open<F> {
    fn new(file: F, bytes: u64) -> Self {
        Open { file, bytes, has_torn_end: false, since: Instant::now() }
    }
}

pub struct Journal<S: Storage> {
    storage: S,
    names: Names,
    limits: Limits,
    open: Option<Open<S::File>>,
    /// By number, the oldest first; as found when the file under way was begun.
    archives: Vec<Archive>,
}

impl<S: Storage> Journal<S> {
    /// A log whose file under way is `path`. Touches nothing yet.
    pub fn new(storage: S, path: &Path, limits: Limits) -> Self {
        Journal { storage, names: Names::of(path), limits, open: None, archives: Vec::new() }
    }

    /// Goes on with the file under way after its first `bytes` bytes. What follows them is cut off
    /// when the next block takes its place, so that who writes none changes nothing.
    pub fn go_on(&mut self, bytes: u64) -> io::Result<()> {
        self.list_archives()?;
        let file = self.storage.open(&self.names.path)?;
        self.open = Some(Open { has_torn_end: true, ..Open::new(file, bytes) });
        Ok(())
    }

    /// Writes a block and returns when it is safe on the medium. After an error nothing of it is
    /// left, unless cutting it off failed too, and the next block begins a new file. [`Tampering`]
    /// with the file under way is such an error.
    pub fn append(&mut self, block: &[u8]) -> io::Result<()> {
        match self.open.take() {
            Some(open) => self.append_to(open, block),
            None => self.begin(block),
        }
    }

    fn append_to(&mut self, mut open: Open<S::File>, block: &[u8]) -> io::Result<()> {
        self.check(&open.file, open.bytes)?;
        self.make_room(open.bytes + block.len() as u64);
        if open.has_torn_end {
            self.storage.truncate(&mut open.file, open.bytes)?;
            open.has_torn_end = false;
        }
        let written = self.write_through(&mut open.file, open.bytes, block);
        match &written {
            Ok(()) => {
                open.bytes += block.len() as u64;
                self.open = Some(open);
            }
            // Whatever comes of this, the file is not written to again, and the error told is the
            // first one.
            Err(_) => {
                // A file that is shorter by now would get longer.
                let _ = self
                    .check(&open.file, open.bytes)
                    .and_then(|()| self.storage.truncate(&mut open.file, open.bytes))
                    .and_then(|()| self.storage.sync(&mut open.file));
            }
        }
        written
    }

    /// Begins a file with its first block.
    fn begin(&mut self, block: &[u8]) -> io::Result<()> {
        self.set_aside()?;
        self.make_room(block.len() as u64);
        let mut file = self.storage.create(&self.names.path)?;
        let written =
            self.write_through(&mut file, 0, block).and_then(|()| self.storage.sync_folder(&self.names.folder));
        match &written {
            Ok(()) => self.open = Some(Open::new(file, block.len() as u64)),
            Err(_) => {
                // An empty file is removed by the next attempt if it cannot be now.
                let _ = self.storage.truncate(&mut file, 0);
                drop(file);
                let _ = self.storage.remove(&self.names.path);
            }
        }
        written
    }

    /// Adds to a file that has so many bytes.
    fn write_through(&mut self, file: &mut S::File, before: u64, bytes: &[u8]) -> io::Result<()> {
        self.storage.append(file, bytes)?;
        self.storage.sync(file)?;
        self.check(file, before + bytes.len() as u64)
    }

    /// Whether a file still is what was made of it.
    fn check(&self, file: &S::File, bytes: u64) -> io::Result<()> {
        self.storage.tampering(file, bytes).map_or(Ok(()), |found| Err(io::Error::other(found)))
    }

    /// Whether so many more bytes fill the file under way.
    pub fn would_be_full(&self, bytes: u64) -> bool {
        let safe = self.open.as_ref().map_or(0, |open| open.bytes);
        self.limits.file_bytes.is_some_and(|limit| safe + bytes >= limit)
    }

    /// Whether the file under way has reached a limit.
    pub fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            self.limits.file_bytes.is_some_and(|limit| open.bytes >= limit)
                || self.limits.file_age.is_some_and(|limit| open.since.elapsed() >= limit)
        })
    }

    /// Completes the file under way with `tail`. It keeps its name, and no other run takes it,
    /// until another one is begun.
    pub fn finish(&mut self, tail: &[u8]) -> io::Result<()> {
        let mut finished = Ok(());
        if !tail.is_empty()
            && let Some(open) = self.open.take_if(|open| self.storage.tampering(&open.file, open.bytes).is_none())
        {
            finished = self.append_to(open, tail);
        }
        if let Some(open) = self.open.take() {
            self.storage.keep(open.file);
        }
        finished
    }

    /// Gives all files of the folder.
    fn list_archives(&mut self) -> io::Result<Vec<Listed>> {
        let listed = self.storage.list(&self.names.folder)?;
        self.archives = self.names.archives(&listed);
        Ok(listed)
    }

    /// Renames the file that stands where the next one is to be made, and counts the archives.
    fn set_aside(&mut self) -> io::Result<()> {
        let listed = self.list_archives()?;
        let Some(left) = listed.iter().find(|file| file.name == self.names.file_name()) else { return Ok(()) };
        if left.bytes == 0 {
            return self.storage.remove(&self.names.path);
        }
        let number = self.archives.last().map_or(Some(1), |last| last.number.checked_add(1));
        let number = number.ok_or_else(|| io::Error::other("its files' numbers are used up; move them away"))?;
        let archive = Archive { number, modified: left.modified, bytes: left.bytes };
        self.storage.rename(&self.names.path, &self.names.archive_path(archive))?;
        self.archives.push(archive);
        Ok(())
    }

    /// Removes the oldest archives until `bytes` of the file under way are within the cap.
    fn make_room(&mut self, bytes: u64) {
        let Some(cap) = self.limits.total_bytes else { return };
        let mut total = bytes + self.archives.iter().map(|archive| archive.bytes).sum::<u64>();
        while total > cap && !self.archives.is_empty() {
            let oldest = self.archives.remove(0);
            let path = self.names.archive_path(oldest);
            match self.storage.remove(&path) {
                // Somebody else tidied up.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                // It is found again when the next file is begun.
                Err(e) => log::warn!("cannot remove {}: {e}; the log takes more room than it may", path.display()),
                Ok(()) => log::debug!("removed {}", path.display()),
            }
            total -= oldest.bytes;
        }
    }
}

/// The files of the log `path`, the oldest first. A folder that is not there holds none.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let names = Names::of(path);
    let listed = match Disk.list(&names.folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let archives = names.archives(&listed).into_iter().map(|archive| names.archive_path(archive));
    let under_way = listed.iter().filter(|file| file.name == names.file_name()).map(|_| path.to_path_buf());
    Ok(archives.chain(under_way).collect())
}

/// How the files of a log are called.
struct Names {
    folder: PathBuf,
    path: PathBuf,
    stem: String,
    /// With its dot; empty without one.
    extension: String,
}

impl Names {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = Format::of(path).map_or(0, |format| 1 + format.extension().len());
        let (stem, extension) = name.split_at(name.len() - extension);
        let folder = files::folder_of(path).into();
        Names { folder, path: path.into(), stem: stem.into(), extension: extension.into() }
    }

    fn file_name(&self) -> String {
        format!("{}{}", self.stem, self.extension)
    }

    /// Those among the files that are archives of this log, by number.
    fn archives(&self, files: &[Listed]) -> Vec<Archive> {
        let mut archives: Vec<Archive> = files.iter().filter_map(|file| self.archive(file)).collect();
        archives.sort_unstable_by_key(|archive| archive.number);
        archives
    }

    fn archive_path(&self, archive: Archive) -> PathBuf {
        self.folder.join(self.archive_name(archive))
    }

    fn archive_name(&self, archive: Archive) -> String {
        // A clock that stands before 1970 or after 9999 is as good as none.
        let utc = Timestamp::try_from(archive.modified).unwrap_or_default().max(Timestamp::UNIX_EPOCH);
        let utc = utc.strftime("%Y%m%dT%H%M%SZ");
        format!("{}-{:06}-{utc}{}", self.stem, archive.number, self.extension)
    }

    /// The archive that a file is, if its name is one that this log gives.
    fn archive(&self, file: &Listed) -> Option<Archive> {
        let middle = file.name.strip_prefix(&self.stem)?.strip_prefix('-')?.strip_suffix(&self.extension)?;
        let (number, utc) = middle.split_once('-')?;
        let number = number.parse().ok()?;
        let modified = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", utc).ok()?;
        let modified = modified.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let archive = Archive { number, modified: modified.into(), bytes: file.bytes };
        (self.archive_name(archive) == file.name).then_some(archive)
    }
}
