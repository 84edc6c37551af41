//! The real disk, with something else at each call. What is written to it need not survive a power
//! cut, for which it would be waited for minutes.

use std::fs::File;
use std::io;
use std::path::Path;

use wingmark::record::storage::{Disk, Listed, Storage, Tampering};

/// A call to the disk.
pub enum Call<'a> {
    Append(&'a mut File, &'a [u8]),
    Sync(&'a mut File),
    Other,
}

/// A disk on which a function is called before each call; its error is that call's.
pub struct Meddled<F: FnMut(Call<'_>) -> io::Result<()>>(pub F);

impl<F: FnMut(Call<'_>) -> io::Result<()>> Storage for Meddled<F> {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        self.0(Call::Other)?;
        Disk.create(path)
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        self.0(Call::Other)?;
        Disk.open(path)
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.0(Call::Append(file, bytes))?;
        Disk.append(file, bytes)
    }

    fn truncate(&mut self, file: &mut File, bytes: u64) -> io::Result<()> {
        self.0(Call::Other)?;
        Disk.truncate(file, bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        self.0(Call::Sync(file))
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        self.0(Call::Other)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.0(Call::Other)?;
        Disk.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.0(Call::Other)?;
        Disk.remove(path)
    }

    fn tampering(&self, file: &File, bytes: u64) -> Option<Tampering> {
        Disk.tampering(file, bytes)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<Listed>> {
        self.0(Call::Other)?;
        Disk.list(folder)
    }
}
