//! What is to be known of a screen before it is opened; a board's profile holds it as `[screen]`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

use crate::picture::frame::Size;

/// A setting has a value that is not possible.
#[derive(Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum SettingError {
    #[error("a rotation of {0} is not possible; expected 0, 90, 180 or 270")]
    Rotation(String),
    #[error("there is no SPI mode {0}; expected 0, 1, 2 or 3")]
    SpiMode(u8),
    #[error("{0:?} names no pin; expected a chip and a line, such as \"gpiochip0:25\"")]
    Pin(String),
}

/// How pictures lie on a screen, and which panel is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScreenSettings {
    /// For a screen that is mounted turned.
    pub rotation: Rotation,
    /// Show the camera's picture as a mirror would. Text stays as it is.
    pub mirror: bool,
    /// The panel of `--screen spi`.
    pub spi: Option<SpiPanel>,
}

/// By how much everything is turned clockwise before it is shown. In a profile a number of degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "u32")]
pub enum Rotation {
    /// As it is.
    #[default]
    Deg0,
    /// A quarter turn clockwise.
    Deg90,
    /// Upside down.
    Deg180,
    /// A quarter turn anticlockwise.
    Deg270,
}

impl Rotation {
    /// The size of what has this size before it is turned, and the other way round.
    pub fn turned(self, Size { width, height }: Size) -> Size {
        match self {
            Rotation::Deg0 | Rotation::Deg180 => Size { width, height },
            Rotation::Deg90 | Rotation::Deg270 => Size { width: height, height: width },
        }
    }
}

impl TryFrom<u32> for Rotation {
    type Error = SettingError;

    fn try_from(degrees: u32) -> Result<Self, SettingError> {
        match degrees {
            0 => Ok(Rotation::Deg0),
            90 => Ok(Rotation::Deg90),
            180 => Ok(Rotation::Deg180),
            270 => Ok(Rotation::Deg270),
            _ => Err(SettingError::Rotation(degrees.to_string())),
        }
    }
}

impl FromStr for Rotation {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        text.parse::<u32>().map_err(|_| SettingError::Rotation(text.into()))?.try_into()
    }
}

/// A panel behind an SPI bus, driven by this program itself. One that has a driver in the kernel is
/// a DRM or framebuffer device instead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpiPanel {
    /// The chip on the panel.
    pub controller: Controller,
    /// Such as /dev/spidev0.0.
    pub device: PathBuf,
    /// Of the bus.
    pub clock_hz: u32,
    /// 0 to 3; panels without a chip select line tend to need 3.
    #[serde(default)]
    pub mode: SpiMode,
    /// High for data, low for commands.
    pub data_pin: Pin,
    /// Starts the chip anew; some panels have none.
    pub reset_pin: Option<Pin>,
    /// High while something is shown.
    pub backlight_pin: Option<Pin>,
    /// Of the panel as its maker draws it, before any rotation.
    pub width: u16,
    /// Rows of the panel.
    pub height: u16,
    /// Where the panel's first pixel lies in the controller's memory.
    #[serde(default)]
    pub offset: (u16, u16),
    /// In which order the panel's subpixels stand.
    #[serde(default)]
    pub colour_order: ColourOrder,
    /// The panel shows white where the controller means black, as most IPS panels do.
    #[serde(default)]
    pub inverted: bool,
    /// The panel's columns run from right to left.
    #[serde(default)]
    pub mirrored: bool,
}

impl SpiPanel {
    /// The bus and the chips of all pins, each once.
    pub fn devices(&self) -> BTreeSet<&Path> {
        let pins = [&self.data_pin].into_iter().chain(&self.reset_pin).chain(&self.backlight_pin);
        pins.map(|pin| pin.chip.as_path()).chain([self.device.as_path()]).collect()
    }
}

/// Polarity and phase of the clock, as SPI numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "u8")]
pub struct SpiMode(u8);

impl SpiMode {
    /// As SPI counts its modes.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for SpiMode {
    type Error = SettingError;

    fn try_from(number: u8) -> Result<Self, SettingError> {
        if number < 4 { Ok(SpiMode(number)) } else { Err(SettingError::SpiMode(number)) }
    }
}

/// Chips of panels that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// Round, 240x240.
    Gc9a01,
    /// 240x320.
    Ili9341,
    /// Up to 132x162.
    St7735s,
    /// 240x320.
    St7789,
    /// 320x480.
    St7796,
}

impl Controller {
    /// Columns and rows of its memory, of which a panel shows a part.
    pub fn memory(self) -> (u16, u16) {
        match self {
            Controller::Gc9a01 => (240, 240),
            Controller::Ili9341 | Controller::St7789 => (240, 320),
            Controller::St7735s => (132, 162),
            Controller::St7796 => (320, 480),
        }
    }
}

/// Of the colours of a pixel on the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// A line of a GPIO chip; in a profile `"gpiochip0:25"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pin {
    /// The chip's device, such as /dev/gpiochip0.
    pub chip: PathBuf,
    /// Its number on the chip.
    pub line: u32,
}

impl TryFrom<String> for Pin {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let parts = text.split_once(':').and_then(|(chip, line)| Some((chip, line.parse().ok()?)));
        match parts {
            Some((chip, line)) if !chip.is_empty() => Ok(Pin { chip: PathBuf::from("/dev").join(chip), line }),
            _ => Err(SettingError::Pin(text)),
        }
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of {}", self.line, self.chip.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANEL: &str = r#"
rotation = 90

[spi]
controller = "st7789"
device = "/dev/spidev0.0"
clock_hz = 62_500_000
data_pin = "gpiochip0:25"
backlight_pin = "/dev/gpiochip4:18"
width = 240
height = 240
offset = [0, 80]
colour_order = "bgr"
inverted = true
mode = 3
"#;

    #[test]
    fn a_profile_describes_a_panel() {
        let settings: ScreenSettings = toml::from_str(PANEL).unwrap();
        let panel = settings.spi.unwrap();
        assert_eq!((settings.rotation, settings.mirror), (Rotation::Deg90, false));
        assert_eq!((panel.controller, panel.colour_order), (Controller::St7789, ColourOrder::Bgr));
        assert_eq!((panel.offset, panel.inverted, panel.mirrored), ((0, 80), true, false));
        assert_eq!(panel.data_pin.to_string(), "line 25 of /dev/gpiochip0");
        assert_eq!((panel.clock_hz, panel.mode.number()), (62_500_000, 3));
        assert_eq!((panel.reset_pin, panel.backlight_pin.unwrap().line), (None, 18));
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, expected) in [
            ("= 90", "= 45", "a rotation of 45 is not possible; expected 0, 90, 180 or 270"),
            ("gpiochip0:25", "25", "\"25\" names no pin; expected a chip and a line"),
            ("mode = 3", "mode = 4", "there is no SPI mode 4; expected 0, 1, 2 or 3"),
            ("st7789", "st7798", "unknown variant `st7798`, expected one of `gc9a01`, `ili9341`"),
            ("inverted", "invert", "unknown field `invert`"),
        ] {
            let error = toml::from_str::<ScreenSettings>(&PANEL.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
