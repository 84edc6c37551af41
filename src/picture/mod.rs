//! A picture's pixels, their geometry, the crop that a net reads, and picture files. Knows nothing
//! of the rest but how files are read.

mod built_in;
pub mod crop;
pub mod exposure;
mod file;
pub mod folder;
pub mod frame;
pub mod geometry;
pub(crate) mod jpeg;
pub mod pixels;
mod separable;
mod size;

use frame::Size;
use thiserror::Error;

pub use built_in::built_in_picture;
pub use file::{HEIF_BRANDS, PictureError, decode, is_named_like_one, read};
pub use jpeg::JpegError;

/// Longest side of a frame that is taken from a stream or a camera.
pub(crate) const MAX_SIDE_PX: u32 = 4096;

/// How large a picture may be, so that what a hostile header says is not allocated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub side_px: u32,
    pub megapixels: u32,
}

/// What decoding takes for a pixel: samples as they are decoded, turned, and as they are kept.
const DECODING_BYTES_PER_PIXEL: usize = 9;
/// Whether there is memory for a picture is asked of larger ones alone.
const LARGE_PX: u64 = 4_000_000;

/// Of frames of streams and cameras.
pub(crate) const FRAME_BOUNDS: Bounds = Bounds { side_px: MAX_SIDE_PX, megapixels: 17 };

/// A picture is larger than is read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TooLarge(String);

impl Bounds {
    pub(crate) fn check(&self, size: Size) -> Result<(), TooLarge> {
        let Bounds { side_px, megapixels } = *self;
        if size.width.max(size.height) > side_px {
            return Err(TooLarge(format!("its size is {size}; expected at most {side_px}x{side_px}")));
        }
        let pixels = u64::from(size.width) * u64::from(size.height);
        if pixels > u64::from(megapixels) * 1_000_000 {
            return Err(TooLarge(format!("its size is {size}; expected at most {megapixels} million pixels")));
        }
        if pixels > LARGE_PX {
            check_memory(size, pixels as usize * DECODING_BYTES_PER_PIXEL)?;
        }
        Ok(())
    }
}

/// Decoders end the program where they find no memory; this is an error.
fn check_memory(size: Size, bytes: usize) -> Result<(), TooLarge> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| {
        TooLarge(format!("its size is {size}, which takes {} MiB of memory; so much cannot be had here", bytes >> 20))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        let size = Size { width: 8000, height: 8000 };
        let said = check_memory(size, isize::MAX as usize).unwrap_err().to_string();
        assert!(
            said.starts_with("its size is 8000x8000, which takes ") && said.ends_with("cannot be had here"),
            "{said}"
        );
        assert!(check_memory(size, 1 << 20).is_ok());
    }
}
