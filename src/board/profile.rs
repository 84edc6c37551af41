//! A profile as it is written, and what it has to hold.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Board, CameraProfile, Recognise};
use crate::capture::v4l2::CameraFormat;
use crate::face::pose::FieldOfView;
use crate::face::zoo;
use crate::picture::frame::{Size, SizeError};
use crate::screen::settings::{Pin, Rotation, SpiPanel};
use crate::screen::{ScreenChoice, ScreenSettings};

/// `boards/<slug>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBoard {
    name: String,
    target: String,
    /// Absent where boards differ.
    cores: Option<usize>,
    threads: usize,
    /// Lines of the largest GPIO chip.
    gpio_lines: Option<u32>,
    model: String,
    #[serde(default)]
    notes: Vec<String>,
    recognise: Recognise,
    #[serde(default)]
    camera: RawCamera,
    #[serde(default)]
    screen: RawScreen,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCamera {
    device: Option<PathBuf>,
    format: Option<String>,
    size: Option<String>,
    rate: Option<u32>,
    fov: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawScreen {
    kind: Option<String>,
    rotation: Rotation,
    mirror: bool,
    spi: Option<SpiPanel>,
}

/// A value that is of the right type and makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub key: String,
    pub found: String,
    pub expected: String,
}

const TARGETS: [&str; 3] = ["aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf", "x86_64-unknown-linux-gnu"];
const MAX_CORES: usize = 256;
/// As many as a chip of the kernel may have.
const MAX_GPIO_LINES: u32 = 1024;

impl RawBoard {
    pub fn check(self, slug: &str) -> Result<Board, Invalid> {
        if self.name.trim().is_empty() {
            return invalid("name", &self.name, "the board's name");
        }
        if !TARGETS.contains(&self.target.as_str()) {
            return invalid("target", &self.target, TARGETS.join(", "));
        }
        if let Some(cores) = self.cores {
            within("cores", cores, 1, MAX_CORES)?;
        }
        within("threads", self.threads, 1, self.cores.unwrap_or(MAX_CORES))?;
        let Some(model) = self.model.parse().ok().filter(|model: &zoo::Choice| !model.is_shipped_detector()) else {
            let known: Vec<String> = zoo::landmark_models().map(|model| model.to_string()).collect();
            return invalid(
                "model",
                &self.model,
                format!("{}, or a folder with model.onnx and card.toml", known.join(", ")),
            );
        };
        let recognise = self.recognise;
        if recognise.model.is_none() && recognise.compatible.is_empty() && recognise.architecture.is_none() {
            return invalid("recognise", "", "one of model, compatible and architecture");
        }
        let gpio_lines = self.gpio_lines.unwrap_or(MAX_GPIO_LINES);
        within("gpio_lines", gpio_lines, 1, MAX_GPIO_LINES)?;
        let (screen, screen_settings) = self.screen.check(gpio_lines)?;
        Ok(Board {
            slug: slug.into(),
            name: self.name,
            target: self.target,
            cores: self.cores,
            threads: self.threads,
            model,
            notes: self.notes,
            recognise,
            camera: self.camera.check()?,
            screen,
            screen_settings,
        })
    }
}

impl RawCamera {
    fn check(self) -> Result<CameraProfile, Invalid> {
        let format = self.format.as_deref().map(|format| match format.parse::<CameraFormat>() {
            Ok(known) => Ok(known),
            Err(_) => invalid("camera.format", format, CameraFormat::ALL.map(|known| known.to_string()).join(", ")),
        });
        let size = self.size.as_deref();
        let size = size.map(|size| size.parse::<Size>().or_else(|_| invalid("camera.size", size, SizeError::EXPECTED)));
        if let Some(rate) = self.rate {
            within("camera.rate", rate, 1, 1000)?;
        }
        let fov = self.fov.map(|degrees| {
            let (least, most) = FieldOfView::DEGREES.into_inner();
            FieldOfView::new(degrees as f32)
                .or_else(|_| invalid("camera.fov", degrees, format!("{least} to {most} degrees")))
        });
        let (format, size, fov) = (format.transpose()?, size.transpose()?, fov.transpose()?);
        Ok(CameraProfile { device: self.device, format, size, rate: self.rate, fov })
    }
}

impl RawScreen {
    fn check(self, gpio_lines: u32) -> Result<(ScreenChoice, ScreenSettings), Invalid> {
        let kind = self.kind.as_deref().unwrap_or("auto");
        let Ok(choice) = kind.parse::<ScreenChoice>() else {
            return invalid("screen.kind", kind, "auto, drm, fb, spi, window, png:DIR or none");
        };
        match &self.spi {
            Some(panel) => check_panel(panel, gpio_lines)?,
            None if choice == ScreenChoice::Spi => {
                return invalid("screen.kind", kind, "a table [screen.spi] that describes the panel");
            }
            None => {}
        }
        Ok((choice, ScreenSettings { rotation: self.rotation, mirror: self.mirror, spi: self.spi }))
    }
}

fn check_panel(panel: &SpiPanel, gpio_lines: u32) -> Result<(), Invalid> {
    if !panel.device.starts_with("/dev") {
        return invalid("screen.spi.device", panel.device.display(), "a device such as /dev/spidev0.0");
    }
    within("screen.spi.clock_hz", panel.clock_hz, 10_000, 200_000_000)?;
    let (columns, rows) = panel.controller.memory();
    within("screen.spi.width", panel.width, 1, columns)?;
    within("screen.spi.height", panel.height, 1, rows)?;
    let (most_x, most_y) = (columns - panel.width, rows - panel.height);
    if panel.offset.0 > most_x || panel.offset.1 > most_y {
        let (x, y) = panel.offset;
        let expected = format!(
            "at most [{most_x}, {most_y}], with which {}x{} fill the controller's memory of {columns}x{rows}",
            panel.width, panel.height
        );
        return Err(Invalid { key: "screen.spi.offset".into(), found: format!("[{x}, {y}]"), expected });
    }
    let pins = [("reset_pin", &panel.reset_pin), ("backlight_pin", &panel.backlight_pin)];
    let pins = pins.into_iter().filter_map(|(key, pin)| Some((key, pin.as_ref()?)));
    let pins: Vec<(&str, &Pin)> = [("data_pin", &panel.data_pin)].into_iter().chain(pins).collect();
    for (i, (key, pin)) in pins.iter().enumerate() {
        let key = format!("screen.spi.{key}");
        within(&key, pin.line, 0, gpio_lines - 1)?;
        if let Some((other, _)) = pins[..i].iter().find(|(_, other)| other == pin) {
            return Err(Invalid {
                key,
                found: pin.to_string(),
                expected: format!("another line than that of {other}"),
            });
        }
    }
    Ok(())
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, found: T, least: T, most: T) -> Result<(), Invalid> {
    if (&least..=&most).contains(&&found) {
        return Ok(());
    }
    Err(Invalid { key: key.into(), found: found.to_string(), expected: format!("{least} to {most}") })
}

fn invalid<T>(key: &str, found: impl std::fmt::Display, expected: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid { key: key.into(), found: format!("{:?}", found.to_string()), expected: expected.into() })
}
