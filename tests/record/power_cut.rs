//! The plug is pulled before each call to the file system: what was confirmed is there, and all
//! that is there is whole.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use wingmark::record::Format;
use wingmark::record::journal::Limits;
use wingmark::record::storage::{Listed, Storage};

use crate::read_back::frames;
use crate::sample::{entries, packed, write, writer};

/// A file's bytes: those written, and how many of them are on the medium.
#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    safe: usize,
}

type Folder = BTreeMap<String, usize>;

/// A medium with a cache in front of it. Changes of names reach it in order, as file systems with a
/// journal keep them.
struct Medium {
    inodes: Vec<Inode>,
    folder: Folder,
    /// The folder as it was when last synced, and after each change since.
    folders: Vec<Folder>,
    calls_left: usize,
}

#[derive(Clone)]
struct Plugged(Rc<RefCell<Medium>>);

impl Plugged {
    fn with_calls(calls_left: usize) -> Self {
        let (inodes, folder, folders) = (Vec::new(), Folder::new(), vec![Folder::new()]);
        Plugged(Rc::new(RefCell::new(Medium { inodes, folder, folders, calls_left })))
    }

    fn call<T>(&self, work: impl FnOnce(&mut Medium) -> io::Result<T>) -> io::Result<T> {
        let medium = &mut *self.0.borrow_mut();
        medium.calls_left = medium.calls_left.checked_sub(1).ok_or(io::ErrorKind::NotConnected)?;
        work(medium)
    }

    /// What is found after the cut: of the names and of each file's bytes, as much as `chance`
    /// (below 256) says.
    fn after_the_cut(&self, chance: impl Fn(usize) -> usize) -> Vec<(String, Vec<u8>)> {
        let medium = self.0.borrow();
        let folder = &medium.folders[chance(0) * medium.folders.len() / 256];
        let files = folder.iter().map(|(name, &inode)| {
            let Inode { bytes, safe } = &medium.inodes[inode];
            let reached = safe + (bytes.len() - safe) * chance(inode + 1) / 255;
            let mut found = bytes[..reached].to_vec();
            // The length may have reached the medium before the bytes did.
            if chance(inode + 2).is_multiple_of(2) {
                found.resize(bytes.len(), 0);
            }
            (name.clone(), found)
        });
        files.collect()
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().into()
}

impl Storage for Plugged {
    type File = usize;

    fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.call(|medium| {
            medium.inodes.push(Inode::default());
            medium.folder.insert(name_of(path), medium.inodes.len() - 1);
            medium.folders.push(medium.folder.clone());
            Ok(medium.inodes.len() - 1)
        })
    }

    fn open(&mut self, path: &Path) -> io::Result<usize> {
        self.call(|medium| medium.folder.get(&name_of(path)).copied().ok_or(io::ErrorKind::NotFound.into()))
    }

    fn append(&mut self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.call(|medium| {
            medium.inodes[*file].bytes.extend(bytes);
            Ok(())
        })
    }

    fn truncate(&mut self, _file: &mut usize, _bytes: u64) -> io::Result<()> {
        self.call(|_| unreachable!("nothing fails before the cut"))
    }

    fn sync(&mut self, file: &mut usize) -> io::Result<()> {
        self.call(|medium| {
            medium.inodes[*file].safe = medium.inodes[*file].bytes.len();
            Ok(())
        })
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        self.call(|medium| {
            medium.folders = vec![medium.folder.clone()];
            Ok(())
        })
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|medium| {
            let inode = medium.folder.remove(&name_of(from)).ok_or(io::ErrorKind::NotFound)?;
            assert_eq!(medium.folder.insert(name_of(to), inode), None, "a file was overwritten");
            medium.folders.push(medium.folder.clone());
            Ok(())
        })
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.call(|medium| {
            medium.folder.remove(&name_of(path)).ok_or(io::ErrorKind::NotFound)?;
            medium.folders.push(medium.folder.clone());
            Ok(())
        })
    }

    fn list(&mut self, _folder: &Path) -> io::Result<Vec<Listed>> {
        self.call(|medium| {
            let listed = |(name, &inode): (&String, &usize)| Listed {
                name: name.clone(),
                bytes: medium.inodes[inode].bytes.len() as u64,
                modified: SystemTime::UNIX_EPOCH,
            };
            Ok(medium.folder.iter().map(listed).collect())
        })
    }
}

#[test]
fn what_was_confirmed_survives_a_cut_at_any_call() {
    const FRAMES: u32 = 24;
    for format in Format::ALL {
        let limits = Limits { file_bytes: Some(packed(format, 12_000)), file_age: None, total_bytes: None };
        let path = Path::new("faces").with_extension(format.extension());
        let active = name_of(&path);
        let mut finished = false;
        for calls in 0.. {
            let storage = Plugged::with_calls(calls);
            let (mut log, tally) = writer(storage.clone(), &path, limits);
            write(&mut log, &entries(FRAMES), 2);
            for seed in 0..10 {
                let chance = |i: usize| (seed * 7_919 + i * 104_729 + calls * 31) % 256;
                let mut files = storage.after_the_cut(chance);
                files.sort_by_key(|(name, _)| (*name == active, name.clone()));
                let found: Vec<u32> = files.iter().flat_map(|(_, bytes)| frames(format, bytes)).collect();
                let case = format!("{format:?}, cut before call {calls}, seed {seed}: {found:?}");
                assert!(found.len() as u64 >= tally.written(), "{case}: {} were confirmed", tally.written());
                assert!(found.iter().copied().eq(0..found.len() as u32), "{case}");
            }
            if tally.written() == u64::from(FRAMES) && storage.0.borrow().calls_left > 0 {
                finished = true;
                break;
            }
        }
        assert!(finished);
    }
}
