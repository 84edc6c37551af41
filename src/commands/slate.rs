//! What became of a run's reloads, for `wingmark reload` to read: lines in a file in memory that
//! the run keeps open. `/proc/PID/fd` leads there, for the run's user and for root alone, whatever
//! network, mounts and folders a service has of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

const NAME: &str = "wingmark-reloads";
/// Where it is longer, the lines so far go.
const MOST_BYTES: u64 = 64 << 10;

/// How a reload ended, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Taken(String),
    /// All stays as it was.
    Refused(String),
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct SlateLine {
    /// Reloads are numbered from 1.
    number: u64,
    /// None where it has begun.
    verdict: Option<Verdict>,
}

/// The run's end.
pub struct Slate {
    /// None where the kernel gave none: then nobody is told.
    file: Option<File>,
    begun: u64,
    ended: u64,
}

impl Slate {
    pub fn new() -> Self {
        let file = memfd_create(NAME, MemfdFlags::CLOEXEC).map(File::from);
        if let Err(e) = &file {
            log::warn!("`wingmark reload` will not hear of this run: no file in memory: {e}");
        }
        Slate { file: file.ok(), begun: 0, ended: 0 }
    }

    /// A reload begins. Each ends before the next begins.
    pub fn begin(&mut self) {
        self.begun += 1;
        self.write(&SlateLine { number: self.begun, verdict: None });
    }

    /// It ended so.
    pub fn end(&mut self, verdict: Verdict) {
        self.ended += 1;
        self.write(&SlateLine { number: self.ended, verdict: Some(verdict) });
    }

    fn write(&mut self, entry: &SlateLine) {
        let Some(file) = &mut self.file else { return };
        let line = serde_json::to_string(entry).expect("words and numbers always serialize") + "\n";
        if let Err(e) = append(file, line.as_bytes()) {
            log::warn!("`wingmark reload` is not told what became of it: {e}");
        }
    }
}

fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    if file.seek(SeekFrom::End(0))? > MOST_BYTES {
        file.set_len(0)?;
        file.rewind()?;
    }
    file.write_all(line)
}

/// The other end, of a process.
pub struct SlateReader(File);

impl SlateReader {
    /// `None` where the process has no slate: where it is no run, or one that still starts.
    pub fn of(pid: i32) -> io::Result<Option<Self>> {
        for entry in std::fs::read_dir(PathBuf::from(format!("/proc/{pid}/fd")))? {
            let path = entry?.path();
            // Others may be closed meanwhile.
            let Ok(target) = path.read_link() else { continue };
            if target.to_string_lossy().starts_with(&format!("/memfd:{NAME} ")) {
                return File::open(path).map(SlateReader).map(Some);
            }
        }
        Ok(None)
    }

    /// How many reloads began so far.
    pub fn begun(&mut self) -> io::Result<u64> {
        Ok(self.entries()?.iter().map(|entry| entry.number).max().unwrap_or(0))
    }

    /// How the first one ended that began after `begun` others.
    pub fn verdict_after(&mut self, begun: u64) -> io::Result<Option<Verdict>> {
        Ok(self.entries()?.into_iter().filter(|entry| entry.number > begun).find_map(|entry| entry.verdict))
    }

    /// Those that are whole.
    fn entries(&mut self) -> io::Result<Vec<SlateLine>> {
        let mut bytes = Vec::new();
        self.0.rewind()?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    /// Of this slate: others are in this process while other tests run.
    fn reader_of(slate: &Slate) -> SlateReader {
        let number = slate.file.as_ref().unwrap().as_raw_fd();
        SlateReader(File::open(format!("/proc/self/fd/{number}")).unwrap())
    }

    #[test]
    fn a_process_is_told_of_reloads_that_began_after_it_asked() {
        let mut slate = Slate::new();
        let mut reader = reader_of(&slate);
        assert_eq!(reader.begun().unwrap(), 0);
        slate.begin();
        // Somebody asks while one is under way.
        let begun = reader.begun().unwrap();
        assert_eq!(begun, 1);
        slate.end(Verdict::Taken("one\ntwo".into()));
        assert_eq!(reader.verdict_after(begun).unwrap(), None);
        assert_eq!(reader.verdict_after(0).unwrap(), Some(Verdict::Taken("one\ntwo".into())));
        slate.begin();
        assert_eq!(reader.verdict_after(begun).unwrap(), None);
        slate.end(Verdict::Refused("no".into()));
        assert_eq!(reader.verdict_after(begun).unwrap(), Some(Verdict::Refused("no".into())));
        // It does not grow for ever.
        for _ in 0..2000 {
            slate.begin();
            slate.end(Verdict::Taken("words ".repeat(20)));
        }
        assert!(slate.file.as_ref().unwrap().metadata().unwrap().len() < 2 * MOST_BYTES);
        assert_eq!(reader.begun().unwrap(), 2002);
    }

    #[test]
    fn the_slate_of_a_process_is_found() {
        let _slate = Slate::new();
        let here = std::process::id().try_into().unwrap();
        assert!(SlateReader::of(here).unwrap().is_some());
        assert!(SlateReader::of(i32::MAX).is_err());
    }
}
