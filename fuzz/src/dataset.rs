//! Annotations of any bytes: points.csv, .pts, a WFLW list or boxes.csv, read from a folder as any
//! data set is.
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;
use wingmark::dataset;

/// A folder a layout, each with the pictures' place beside its annotations. Kept in memory where
/// the system has such a place.
static FOLDERS: LazyLock<[(TempDir, PathBuf); 4]> = LazyLock::new(|| {
    let folder = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    ["points.csv", "a.pts", "list_98pt_rect_attr_train.txt", "boxes.csv"].map(|name| {
        let folder = folder();
        std::fs::create_dir(folder.path().join("WFLW_images")).expect("a folder");
        std::fs::write(folder.path().join("a.png"), []).expect("a file");
        let annotations = folder.path().join(name);
        (folder, annotations)
    })
});

/// The first byte chooses the layout, the rest is the file.
pub fn check(bytes: &[u8]) {
    let Some((layout, text)) = bytes.split_first() else { return };
    let (folder, annotations) = &FOLDERS[usize::from(*layout) % FOLDERS.len()];
    std::fs::write(annotations, text).expect("a file");
    if dataset::boxes::are_in(folder.path()) { read_boxes(folder.path()) } else { read_points(folder.path()) }
}

fn read_points(folder: &Path) {
    for sample in dataset::open(folder).into_iter().flat_map(|set| set.samples) {
        assert_eq!(sample.points.len(), 68);
        assert!(sample.points.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
    }
}

fn read_boxes(folder: &Path) {
    for face in dataset::boxes::open(folder).into_iter().flatten().flat_map(|scene| scene.faces) {
        assert!(face.width() > 0.0 && face.height() > 0.0);
        assert!(face.width().is_finite() && face.height().is_finite());
    }
}
