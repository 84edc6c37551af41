//! Machines as text, laid out as files. README.md describes the form.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A machine's root folder; gone when dropped.
pub struct Recorded(TempDir);

impl Recorded {
    /// `tests/machines/<name>.txt`.
    pub fn named(name: &str) -> Recorded {
        let path = format!("{}/tests/machines/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let recorded = Recorded(tempfile::tempdir().unwrap());
        for file in fs::read_to_string(path).unwrap().split("== ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            recorded.write(path, text);
        }
        recorded
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Replaces a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("\\0", "\0")).unwrap();
    }
}
