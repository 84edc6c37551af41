//! The portrait that this binary carries.

use std::path::Path;

use super::decode;
use super::frame::Frame;

const PORTRAIT: &[u8] = include_bytes!("../../assets/eileen-collins.jpg");

/// A portrait of Eileen Collins, decoded.
pub fn built_in_picture() -> Frame {
    decode(PORTRAIT, Path::new("the built-in picture")).expect("the built-in picture is a sound JPEG")
}
