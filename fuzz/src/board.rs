//! Board profiles of any text: read, or refused in one line.

use wingmark::board::Board;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(e) = Board::from_toml("fuzz.toml", text) {
        assert!(!e.to_string().contains('\n'), "{e}");
    }
}
