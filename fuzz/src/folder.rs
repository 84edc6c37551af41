//! Folders with files of any names: a log that rotates there overwrites nothing and removes only
//! archives of its own.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use wingmark::record::journal::{Journal, Limits};
use wingmark::record::storage::{Listed, Storage};

/// A folder in memory: names, and how many bytes each file has.
#[derive(Clone)]
struct Memory {
    files: Rc<RefCell<BTreeMap<String, u64>>>,
    now: SystemTime,
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file's path").to_str().expect("text").into()
}

impl Storage for Memory {
    type File = String;

    fn create(&mut self, path: &Path) -> io::Result<String> {
        assert!(self.files.borrow_mut().insert(name(path), 0).is_none(), "{path:?} is overwritten");
        Ok(name(path))
    }

    fn open(&mut self, path: &Path) -> io::Result<String> {
        Ok(name(path))
    }

    fn append(&mut self, file: &mut String, bytes: &[u8]) -> io::Result<()> {
        *self.files.borrow_mut().get_mut(file).expect("a file that was made") += bytes.len() as u64;
        Ok(())
    }

    fn truncate(&mut self, file: &mut String, bytes: u64) -> io::Result<()> {
        self.files.borrow_mut().insert(file.clone(), bytes);
        Ok(())
    }

    fn sync(&mut self, _file: &mut String) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files.borrow_mut();
        let bytes = files.remove(&name(from)).expect("a file to rename");
        assert!(files.insert(name(to), bytes).is_none(), "{to:?} is overwritten");
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let name = name(path);
        assert!(name == "faces.csv" || is_archive(&name), "{name} is removed");
        self.files.borrow_mut().remove(&name).expect("a file to remove");
        Ok(())
    }

    fn list(&mut self, _folder: &Path) -> io::Result<Vec<Listed>> {
        let listed = |(name, bytes): (&String, &u64)| Listed { name: name.clone(), bytes: *bytes, modified: self.now };
        Ok(self.files.borrow().iter().map(listed).collect())
    }
}

/// `faces-`, at least six digits, `-20261124T062804Z.csv`.
fn is_archive(name: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let middle = name.strip_prefix("faces-").and_then(|rest| rest.strip_suffix("Z.csv"));
    let Some((number, (date, time))) =
        middle.and_then(|middle| middle.split_once('-')).and_then(|(n, utc)| Some((n, utc.split_once('T')?)))
    else {
        return false;
    };
    number.len() >= 6 && digits(number) && (date.len(), time.len()) == (8, 6) && digits(date) && digits(time)
}

/// The first four bytes are the clock's seconds, the rest are names with line breaks between them.
pub fn check(bytes: &[u8]) {
    let Some((seconds, names)) = bytes.split_first_chunk() else { return };
    let Ok(names) = std::str::from_utf8(names) else { return };
    let files = names.lines().map(|name| (name.to_string(), 1000)).collect();
    let storage = Memory {
        files: Rc::new(RefCell::new(files)),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(u32::from_le_bytes(*seconds).into()),
    };
    let limits = Limits { file_bytes: Some(1), file_age: None, total_bytes: Some(2500) };
    let mut journal = Journal::new(storage, Path::new("faces.csv"), limits);
    for _ in 0..3 {
        if journal.append(b"row\n").is_ok() {
            journal.finish(&[]).expect("memory takes every write");
        }
    }
}
