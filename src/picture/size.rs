//! Width and height.

use thiserror::Error;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A size is two numbers of 1 to 65535 with an x between them.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected a width and a height, such as 640x480")]
pub struct SizeError;

impl std::str::FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side > 0).map(u32::from).ok_or(SizeError);
        let (width, height) = text.split_once(['x', 'X']).ok_or(SizeError)?;
        Ok(Size { width: side(width)?, height: side(height)? })
    }
}
