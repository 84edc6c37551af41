//! The formats that frames are taken in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A format of cameras, shown as V4L2's four characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CameraFormat {
    /// Luma, Cb, luma, Cr: two pixels in four bytes.
    Yuyv,
    /// Cb, luma, Cr, luma: two pixels in four bytes.
    Uyvy,
    /// A plane of luma, then one of Cb, Cr pairs at half size.
    Nv12,
    /// NV12 whose two planes lie in memory of their own.
    Nv12Apart,
    /// Planes of luma, Cb, Cr, the last two at half size.
    Yu12,
    /// The same, each plane in memory of its own.
    Yu12Apart,
    /// Red, green, blue.
    Rgb24,
    /// Blue, green, red.
    Bgr24,
    /// Luma alone.
    Grey,
    /// JPEGs, maybe without their Huffman tables.
    Mjpeg,
    /// Whole JPEGs.
    Jpeg,
}

/// Frames are not taken in this format.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown format; expected one of {}", CameraFormat::names())]
pub struct UnknownFormat;

/// What other programs call formats.
const ALIASES: [(&str, CameraFormat); 4] = [
    ("MJPEG", CameraFormat::Mjpeg),
    ("I420", CameraFormat::Yu12),
    ("RGB24", CameraFormat::Rgb24),
    ("BGR24", CameraFormat::Bgr24),
];

impl CameraFormat {
    /// Those that one asks for.
    pub const ALL: [CameraFormat; 9] =
        [Self::Yuyv, Self::Uyvy, Self::Nv12, Self::Yu12, Self::Rgb24, Self::Bgr24, Self::Grey, Self::Mjpeg, Self::Jpeg];
    /// Those that drivers offer in place of others.
    const APART: [CameraFormat; 2] = [Self::Nv12Apart, Self::Yu12Apart];

    /// The four characters that V4L2 knows it by.
    pub const fn fourcc(self) -> [u8; 4] {
        *match self {
            Self::Yuyv => b"YUYV",
            Self::Uyvy => b"UYVY",
            Self::Nv12 => b"NV12",
            Self::Nv12Apart => b"NM12",
            Self::Yu12 => b"YU12",
            Self::Yu12Apart => b"YM12",
            Self::Rgb24 => b"RGB3",
            Self::Bgr24 => b"BGR3",
            Self::Grey => b"GREY",
            Self::Mjpeg => b"MJPG",
            Self::Jpeg => b"JPEG",
        }
    }

    /// The format of these four characters, if it is read.
    pub fn from_fourcc(fourcc: [u8; 4]) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::APART).find(|format| format.fourcc() == fourcc)
    }

    /// Those that one asks for, as words.
    pub(crate) fn names() -> String {
        let name = |format: CameraFormat| match ALIASES.iter().find(|(_, of)| *of == format) {
            Some((alias, _)) => format!("{format} ({alias})"),
            None => format.to_string(),
        };
        Self::ALL.map(name).join(", ")
    }

    /// Whether this is what was asked for, wherever its planes lie.
    pub fn is(self, asked: CameraFormat) -> bool {
        let together = match self {
            Self::Nv12Apart => Self::Nv12,
            Self::Yu12Apart => Self::Yu12,
            other => other,
        };
        self == asked || together == asked
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
        let text = text.to_ascii_uppercase();
        if let Some((_, format)) = ALIASES.iter().find(|(alias, _)| *alias == text) {
            return Ok(*format);
        }
        Self::from_fourcc(text.as_bytes().try_into().map_err(|_| UnknownFormat)?).ok_or(UnknownFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fourccs_are_understood() {
        for format in CameraFormat::ALL.into_iter().chain(CameraFormat::APART) {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert!(format.is(format));
        }
        assert_eq!("mjpeg".parse(), Ok(CameraFormat::Mjpeg));
        assert_eq!("RGB24".parse(), Ok(CameraFormat::Rgb24));
        assert_eq!("i420".parse(), Ok(CameraFormat::Yu12));
        for text in ["", "H264", "YU", "YUYVX", "ÄÄ"] {
            assert_eq!(text.parse::<CameraFormat>(), Err(UnknownFormat));
        }
        let expected = "unknown format; expected one of YUYV, UYVY, NV12, YU12 (I420), RGB3 (RGB24), BGR3 (BGR24), GREY, \
                        MJPG (MJPEG), JPEG";
        assert_eq!(UnknownFormat.to_string(), expected);
    }

    #[test]
    fn planes_may_lie_apart() {
        assert!(CameraFormat::Nv12Apart.is(CameraFormat::Nv12) && CameraFormat::Yu12Apart.is(CameraFormat::Yu12));
        assert!(!CameraFormat::Nv12.is(CameraFormat::Nv12Apart) && !CameraFormat::Nv12Apart.is(CameraFormat::Yu12));
    }
}
