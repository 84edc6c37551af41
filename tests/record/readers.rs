//! Files for `tests/readers/check.py`.

use wingmark::record::Format;
use wingmark::record::storage::Disk;

use crate::read_back::frames_of_log;
use crate::sample::{NO_LIMITS, entries, write, writer};

/// Writes the same frames in each format, to the folder named by `WINGMARK_READERS_DIR` where there
/// is one.
#[test]
fn files_for_other_readers() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("WINGMARK_READERS_DIR").map_or(scratch.path().into(), std::path::PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for format in Format::ALL {
        let path = folder.join("faces").with_extension(format.extension());
        let _ = std::fs::remove_file(&path);
        let (mut log, _) = writer(Disk, &path, NO_LIMITS);
        write(&mut log, &entries(31), 4);
        assert!(frames_of_log(&path).into_iter().eq(0..31), "{format:?}");
    }
}
