//! Files that are small and written at once.

use std::io;
use std::path::Path;

/// Replaces the file as a whole: who reads it finds the old text or the new one.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_os_string();
    // After the extension, so that readers that go by it, as node_exporter does, pass it over.
    name.push(".new");
    let new = path.with_file_name(name);
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}
