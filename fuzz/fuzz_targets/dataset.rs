//! Annotations of any bytes: points.csv, .pts or a WFLW list, read from a folder as any data set is.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;

/// A folder a layout, each with the pictures' place beside its annotations. Kept in memory where the system has such a
/// place.
static FOLDERS: LazyLock<[(TempDir, PathBuf); 3]> = LazyLock::new(|| {
    let folder = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    ["points.csv", "a.pts", "list_98pt_rect_attr_train.txt"].map(|name| {
        let folder = folder();
        std::fs::create_dir(folder.path().join("WFLW_images")).expect("a folder");
        std::fs::write(folder.path().join("a.png"), []).expect("a file");
        let annotations = folder.path().join(name);
        (folder, annotations)
    })
});

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (folder, annotations) = &FOLDERS[usize::from(input.0) % FOLDERS.len()];
    std::fs::write(annotations, input.1).expect("a file");
    if let Ok(samples) = wingmark::dataset::open(folder.path()) {
        for sample in samples {
            assert_eq!(sample.points.len(), 68);
            assert!(sample.points.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
        }
    }
});
