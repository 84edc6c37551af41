//! What a camera is, and how its frames come.

use std::fmt;

use super::v4l2::CameraFormat;
use crate::picture::frame::Size;

/// A camera as it was opened. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// What it calls itself: `HD Pro Webcam C920`; or what gives its frames: `rpicam`.
    pub name: String,
    /// Where it is plugged in: `usb-0000:01:00.0-1.3`.
    pub link: Option<String>,
    /// As the camera gives it, before it is decompressed.
    pub format: Option<CameraFormat>,
    /// In pixels.
    pub size: Option<Size>,
    /// Frames a second.
    pub rate: Option<f64>,
}

/// `HD Pro Webcam C920 (usb-0000:01:00.0-1.3), MJPG 640x480 at 30 fps`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(link) = &self.link {
            write!(f, " ({link})")?;
        }
        let format = self.format.map(|format| format!(" {format}"));
        let size = self.size.map(|size| format!(" {size}"));
        let rate = self.rate.map(|rate| format!(" at {rate} fps"));
        let frames: String = [format, size, rate].into_iter().flatten().collect();
        if frames.is_empty() { Ok(()) } else { write!(f, ",{frames}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut origin = Origin { name: "rpicam".into(), ..Origin::default() };
        assert_eq!(origin.to_string(), "rpicam");
        origin.rate = Some(29.97);
        assert_eq!(origin.to_string(), "rpicam, at 29.97 fps");
        origin.link = Some("usb-1.3".into());
        (origin.format, origin.size) = (Some(CameraFormat::Mjpeg), Some(Size { width: 640, height: 480 }));
        assert_eq!(origin.to_string(), "rpicam (usb-1.3), MJPG 640x480 at 29.97 fps");
    }
}
