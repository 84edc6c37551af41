//! A camera's frame of 640x480 in which one face is seen.

use anyhow::{Result, bail};
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::{Frame, PixelFormat, Size};

const SIZE: Size = Size { width: 640, height: 480 };

/// A format of [`SIZE`].
#[derive(Debug, Clone, Copy)]
pub enum Format {
    Yuyv,
    Nv12,
}

impl std::str::FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "yuyv" => Format::Yuyv,
            "nv12" => Format::Nv12,
            _ => bail!("{text}: expected yuyv or nv12"),
        })
    }
}

/// The middle of the built-in picture, between grey bars.
pub fn frame(format: Format) -> Result<Frame> {
    let picture = built_in_picture();
    let rgb = picture.to_rgb();
    let (left, top) = (inset(picture.size().width, SIZE.width), inset(picture.size().height, SIZE.height));
    let yuv = |x: u32, y: u32| {
        let column = usize::try_from(i64::from(x) + left).ok().filter(|x| *x < picture.size().width as usize);
        let row = (i64::from(y) + top) as usize;
        let at = column.map(|column| (row * picture.size().width as usize + column) * 3);
        yuv_from_rgb(at.map_or([128; 3], |at| [rgb[at], rgb[at + 1], rgb[at + 2]]))
    };
    let pixels = |rows: u32| (0..rows).flat_map(|y| (0..SIZE.width).map(move |x| (x, y)));
    Ok(match format {
        Format::Yuyv => {
            let bytes = pixels(SIZE.height).flat_map(|(x, y)| [yuv(x, y)[0], yuv(x & !1, y)[1 + (x & 1) as usize]]);
            Frame::new(PixelFormat::Yuyv, SIZE, SIZE.width * 2, bytes.collect())?
        }
        Format::Nv12 => {
            let luma = pixels(SIZE.height).map(|(x, y)| yuv(x, y)[0]);
            let chroma = pixels(SIZE.height / 2).map(|(x, y)| yuv(x & !1, y * 2)[1 + (x & 1) as usize]);
            Frame::new(PixelFormat::Nv12, SIZE, SIZE.width, luma.chain(chroma).collect())?
        }
    })
}

/// Where the middle `length` of `of` pixels begins.
fn inset(of: u32, length: u32) -> i64 {
    (i64::from(of) - i64::from(length)) / 2
}

/// BT.601, limited range.
fn yuv_from_rgb(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(f32::from);
    let luma = 0.299 * r + 0.587 * g + 0.114 * b;
    let scaled = |value: f32, range: f32, zero: f32| (value * range / 255.0 + zero).round() as u8;
    [scaled(luma, 219.0, 16.0), scaled((b - luma) / 1.772, 224.0, 128.0), scaled((r - luma) / 1.402, 224.0, 128.0)]
}
