//! Which files of a folder are read: those that people put there, in natural order.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Folders and files that systems put beside those of people. What begins with a dot is one, too.
const COMPANIONS: [&str; 8] = [
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "Thumbs.db",
    "desktop.ini",
];

/// What is directly in a folder, companions left out, in [`natural_order`].
pub fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !is_companion(&entry.file_name()) {
            entries.push(entry.path());
        }
    }
    // Names that are no text may look alike.
    entries.sort_by(|a, b| natural_order(&name(a), &name(b)).then_with(|| a.cmp(b)));
    Ok(entries)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a name is one that macOS, Windows or a NAS gives: `._a.jpg`, `.DS_Store`, `__MACOSX`,
/// `Thumbs.db`.
fn is_companion(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || COMPANIONS.iter().any(|known| known.eq_ignore_ascii_case(&name))
}

/// Compares names by the values of their numbers, and byte by byte between them: `img2` before
/// `img10`.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let ([x, left_rest @ ..], [y, right_rest @ ..]) = (left, right) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((n, after_n), (m, after_m)) = (number(left), number(right));
            (left, right) = (after_n, after_m);
            // Of numbers without leading zeros, the longer one is the larger one.
            n.len().cmp(&m.len()).then_with(|| n.cmp(m))
        } else {
            (left, right) = (left_rest, right_rest);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
    // `img1` and `img01` count the same; one of them has to be first.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits that the text begins with, without leading zeros, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|digit| **digit == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let ordered = [
            "a.jpg",
            "a1.jpg",
            "a1b2.jpg",
            "a1b10.jpg",
            "img-1.jpg",
            "img.jpg",
            "img01.jpg",
            "img1.jpg",
            "img2.jpg",
            "img010.jpg",
            "img10.jpg",
            "img99999999999999999998.jpg",
            "img99999999999999999999.jpg",
            "img100000000000000000000.jpg",
            "é1.jpg",
        ];
        let mut names = ordered;
        names.reverse();
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ordered);
    }

    #[test]
    fn what_systems_add_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["10.jpg", "9.JPG", "._9.JPG", ".DS_Store", "Thumbs.db", "desktop.ini", "notes"] {
            std::fs::write(folder.path().join(name), []).unwrap();
        }
        for name in ["__MACOSX", "@eaDir", ".thumbnails", "album"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names: Vec<String> = entries(folder.path()).unwrap().iter().map(|path| name(path)).collect();
        assert_eq!(names, ["9.JPG", "10.jpg", "album", "notes"]);
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_one(names in proptest::collection::vec("[0-2a./-]{0,5}", 3)) {
            let [a, b, c] = [&names[0], &names[1], &names[2]];
            proptest::prop_assert_eq!(natural_order(a, b), natural_order(b, a).reverse());
            proptest::prop_assert_eq!(natural_order(a, b).is_eq(), a == b);
            if natural_order(a, b).is_le() && natural_order(b, c).is_le() {
                proptest::prop_assert!(natural_order(a, c).is_le());
            }
        }
    }
}
