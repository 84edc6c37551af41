//! Records of any bytes, as `--resume` reads them: refused, or what they hold, of which no more is
//! whole than there is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;
use wingmark::record::fields::Fields;
use wingmark::record::past::Past;

/// A folder, kept in memory where the system has such a place.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a folder")
});

/// The first byte chooses the format, the rest is the file.
pub fn check(bytes: &[u8]) {
    let Some((format, record)) = bytes.split_first() else { return };
    let names = ["a.csv", "b.jsonl", "c.mcap", "d.csv.gz", "e.jsonl.gz"];
    let folder: PathBuf = FOLDER.path().join(names[usize::from(*format) % names.len()]);
    read(&folder, record);
}

fn read(path: &Path, record: &[u8]) {
    std::fs::write(path, record).expect("a file");
    if let Ok(past) = Past::read(path, Fields::NONE) {
        assert!(past.whole_bytes.is_none_or(|whole| whole <= record.len() as u64));
        assert!(past.last.is_none_or(|last| past.sources.contains(&last.source)));
    }
    std::fs::remove_file(path).expect("the file that was written");
}
