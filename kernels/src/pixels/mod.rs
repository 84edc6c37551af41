//! Inner loops over the pixels of a picture: a camera's formats to packed RGB, and samples between
//! pixels.
//!
//! All arithmetic is in whole numbers: what NEON and AVX2 make of a loop are the bytes of the plain
//! one beside it, which runs on the other machines.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod columns;
mod convert;
mod mean;
#[cfg(target_arch = "aarch64")]
mod neon;
mod sample;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use convert::{Pair, pair_from_yuv, pairs_from_nv12, pairs_from_yuyv};
pub use mean::Mean;
pub use sample::{Piece, Sampling};
