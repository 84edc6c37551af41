//! The ground: a picture's pixels, their geometry, the crop that a net reads, and picture files. Knows nothing of the rest.

mod built_in;
pub mod crop;
pub(crate) mod exposure;
mod file;
pub mod folder;
pub mod frame;
pub mod geometry;
pub(crate) mod jpeg;

pub use built_in::built_in_picture;
pub use file::{PictureError, decode, is_named_like_one, read};
pub use jpeg::JpegError;

/// Longest side of a frame that is taken from a stream or a camera: bounds what a hostile header makes us allocate.
pub(crate) const MAX_SIDE_PX: u32 = 4096;
