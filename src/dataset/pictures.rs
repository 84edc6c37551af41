//! The pictures that annotations name, as the names are written on other systems.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Finds pictures below the folders in which a data set may keep them.
pub(super) struct Pictures {
    folders: Vec<PathBuf>,
    /// The files of folders that were looked into, by their names in lower case.
    listed: HashMap<PathBuf, HashMap<String, PathBuf>>,
}

impl Pictures {
    /// The folder that names begin at, and others where they may be taken to begin.
    pub fn below(folders: impl Into<Vec<PathBuf>>) -> Self {
        Pictures { folders: folders.into(), listed: HashMap::new() }
    }

    /// The file that a name stands for: with backslashes or slashes, in any case. One that is not
    /// there keeps its name, and is an error for whoever reads it.
    pub fn find(&mut self, name: &str) -> PathBuf {
        let slashes = name.replace('\\', "/");
        let names = [name, slashes.as_str()];
        let exact = self.folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|p| p.is_file());
        exact.or_else(|| self.in_any_case(&slashes)).unwrap_or_else(|| self.folders[0].join(&slashes))
    }

    fn in_any_case(&mut self, name: &str) -> Option<PathBuf> {
        let candidates: Vec<PathBuf> = self.folders.iter().map(|folder| folder.join(name)).collect();
        candidates.into_iter().find_map(|path| {
            let folder = path.parent()?;
            let name = path.file_name()?.to_string_lossy().to_lowercase();
            self.listed.entry(folder.into()).or_insert_with(|| listed(folder)).get(&name).cloned()
        })
    }
}

fn listed(folder: &Path) -> HashMap<String, PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return HashMap::new() };
    let named = |path: PathBuf| Some((path.file_name()?.to_string_lossy().to_lowercase(), path));
    entries.filter_map(|entry| named(entry.ok()?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_systems_are_found() {
        let root = tempfile::tempdir().unwrap();
        let images = root.path().join("images");
        std::fs::create_dir_all(images.join("helen")).unwrap();
        std::fs::write(images.join("helen/A 1.JPG"), []).unwrap();
        let mut pictures = Pictures::below([images.clone(), root.path().into()]);
        for name in ["helen/A 1.JPG", "helen\\A 1.JPG", "helen/a 1.jpg", "images\\helen\\A 1.jpg", "./helen/A 1.JPG"] {
            assert!(pictures.find(name).is_file(), "{name}");
        }
        assert_eq!(pictures.find("gone\\b.jpg"), images.join("gone/b.jpg"));
    }
}
