//! Settings files of any text: taken, or refused with a line.

use std::path::Path;

use wingmark::commands::settings;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = settings::check(Path::new("wingmark.toml"), text) {
        let said = error.to_string();
        assert!(!said.contains('\n') && said.starts_with("wingmark.toml, line "), "{said:?}");
    }
}
