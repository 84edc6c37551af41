//! The formats that frames are taken in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::picture::frame::PixelFormat;

/// A format of cameras, shown as V4L2's four characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CameraFormat {
    Yuyv,
    Nv12,
    Rgb24,
    Bgr24,
    Grey,
    /// JPEGs, maybe without their Huffman tables.
    Mjpeg,
    /// Whole JPEGs.
    Jpeg,
}

/// The format is none that frames are taken in.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown format; expected one of YUYV, NV12, MJPG, JPEG, GREY, RGB3 (RGB24), BGR3 (BGR24)")]
pub struct UnknownFormat;

impl CameraFormat {
    pub const ALL: [CameraFormat; 7] =
        [Self::Yuyv, Self::Nv12, Self::Rgb24, Self::Bgr24, Self::Grey, Self::Mjpeg, Self::Jpeg];

    pub const fn fourcc(self) -> [u8; 4] {
        *match self {
            Self::Yuyv => b"YUYV",
            Self::Nv12 => b"NV12",
            Self::Rgb24 => b"RGB3",
            Self::Bgr24 => b"BGR3",
            Self::Grey => b"GREY",
            Self::Mjpeg => b"MJPG",
            Self::Jpeg => b"JPEG",
        }
    }

    pub fn from_fourcc(fourcc: [u8; 4]) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.fourcc() == fourcc)
    }

    /// How pixels lie in a buffer; `None` where they are compressed.
    pub fn pixels(self) -> Option<PixelFormat> {
        match self {
            Self::Yuyv => Some(PixelFormat::Yuyv),
            Self::Nv12 => Some(PixelFormat::Nv12),
            Self::Rgb24 => Some(PixelFormat::Rgb24),
            Self::Bgr24 => Some(PixelFormat::Bgr24),
            Self::Grey => Some(PixelFormat::Grey),
            Self::Mjpeg | Self::Jpeg => None,
        }
    }
}

impl fmt::Display for CameraFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.fourcc()).expect("they are ASCII"))
    }
}

impl FromStr for CameraFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let fourcc = match text.to_ascii_uppercase().as_str() {
            "MJPEG" => *b"MJPG",
            "RGB24" => *b"RGB3",
            "BGR24" => *b"BGR3",
            other => other.as_bytes().try_into().map_err(|_| UnknownFormat)?,
        };
        Self::from_fourcc(fourcc).ok_or(UnknownFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fourccs_are_understood() {
        for format in CameraFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("mjpeg".parse(), Ok(CameraFormat::Mjpeg));
        assert_eq!("RGB24".parse(), Ok(CameraFormat::Rgb24));
        for text in ["", "H264", "YU", "YUYVX", "ÄÄ"] {
            assert_eq!(text.parse::<CameraFormat>(), Err(UnknownFormat));
        }
    }
}
