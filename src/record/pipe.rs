//! A named pipe or a device as storage: written to as it is, never cut, renamed or removed.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::storage::{Listed, Storage};
use crate::text::files;

/// Whoever is to read a pipe may come this much later.
const FIRST_READER_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One pipe. Once its reader has gone, records are lost until there is another.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    was_tried: bool,
}

impl Storage for Pipe {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        let patience = if self.was_tried { Duration::ZERO } else { FIRST_READER_WITHIN };
        self.was_tried = true;
        let start = Instant::now();
        loop {
            match files::open_for_reader(path) {
                Err(e) if e.kind() == ErrorKind::BrokenPipe && start.elapsed() < patience => {
                    std::thread::sleep(LOOK_EVERY);
                }
                opened => return opened,
            }
        }
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        self.create(path)
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes).map_err(|e| if e.kind() == ErrorKind::BrokenPipe { files::nobody_reads() } else { e })
    }

    fn truncate(&mut self, _: &mut File, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self, _: &mut File) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&mut self, _: &Path) -> io::Result<Vec<Listed>> {
        Ok(Vec::new())
    }
}
