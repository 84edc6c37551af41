//! Width and height.

use std::ops::RangeInclusive;

use thiserror::Error;

use super::MAX_SIDE_PX;

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

/// Of what is asked of a camera.
const SIDE_PX: RangeInclusive<u32> = 16..=MAX_SIDE_PX;

/// A size is two numbers of 16 to 4096 with an x between them.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected {}", Self::EXPECTED)]
pub struct SizeError;

impl SizeError {
    pub(crate) const EXPECTED: &str = "width and height of 16 to 4096 pixels, such as 640x480";
}

impl std::str::FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| SIDE_PX.contains(side)).ok_or(SizeError);
        let (width, height) = text.split_once(['x', 'X']).ok_or(SizeError)?;
        Ok(Size { width: side(width)?, height: side(height)? })
    }
}
