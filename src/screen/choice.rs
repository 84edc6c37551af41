//! `--screen`: which screen to open, and the search for one that works.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use log::{debug, info, warn};
use thiserror::Error;

use super::drm::DrmScreen;
use super::fbdev::FbScreen;
use super::settings::{Rotation, ScreenSettings};
use super::spi::SpiScreen;
use super::{PngFolder, Screen, ScreenError};

/// Where the overlay goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScreenChoice {
    /// The first kind of screen that works here.
    Auto,
    /// A card of the kernel's mode setting; without a path the first with a display.
    Drm(Option<PathBuf>),
    /// A framebuffer device; without a path the first that works.
    Framebuffer(Option<PathBuf>),
    /// The panel that the board's profile describes.
    Spi,
    /// A window on the desktop.
    Window,
    /// A folder of files.
    Png(PathBuf),
    /// Nothing is shown.
    None,
}

/// A text that names no kind of screen.
#[derive(Debug, Error)]
#[error(
    "expected auto, drm, fb, spi, window, png:DIR or none; drm and fb may name a device, such as drm:/dev/dri/card1"
)]
pub struct ScreenChoiceError;

impl FromStr for ScreenChoice {
    type Err = ScreenChoiceError;

    fn from_str(text: &str) -> Result<Self, ScreenChoiceError> {
        let (kind, path) = match text.split_once(':') {
            Some((_, "")) => return Err(ScreenChoiceError),
            Some((kind, path)) => (kind, Some(PathBuf::from(path))),
            None => (text, None),
        };
        match (kind, path) {
            ("auto", None) => Ok(ScreenChoice::Auto),
            ("drm", path) => Ok(ScreenChoice::Drm(path)),
            ("fb", path) => Ok(ScreenChoice::Framebuffer(path)),
            ("spi", None) => Ok(ScreenChoice::Spi),
            ("window", None) => Ok(ScreenChoice::Window),
            ("png", Some(folder)) => Ok(ScreenChoice::Png(folder)),
            ("none", None) => Ok(ScreenChoice::None),
            _ => Err(ScreenChoiceError),
        }
    }
}

impl ScreenChoice {
    /// The one that gets a picture a frame, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            ScreenChoice::Png(folder) => Some(folder),
            _ => None,
        }
    }

    /// Which picture of an earlier run would be written over, in words.
    pub fn overwritten(&self) -> Option<String> {
        let there = PngFolder::first_there(self.folder()?)?;
        Some(format!("{} is there already; name another folder, or remove the pictures in this one", there.display()))
    }

    /// `None` where nothing is to be shown, or where there is nothing to show it on and none was
    /// asked for by name.
    pub fn open(&self, settings: &ScreenSettings) -> Result<Option<Box<dyn Screen>>, ScreenError> {
        let rotation = settings.rotation;
        Ok(Some(match self {
            ScreenChoice::None => return Ok(None),
            ScreenChoice::Auto => return Ok(first_that_works(settings)),
            ScreenChoice::Drm(Some(path)) => Box::new(DrmScreen::open(path, rotation)?),
            ScreenChoice::Drm(None) => Box::new(first_card(rotation)?),
            ScreenChoice::Framebuffer(Some(path)) => Box::new(FbScreen::open(path, rotation)?),
            ScreenChoice::Framebuffer(None) => Box::new(first_framebuffer(|path| FbScreen::open(path, rotation))?),
            ScreenChoice::Spi => {
                Box::new(SpiScreen::open(settings.spi.as_ref().ok_or(ScreenError::NoPanel)?, rotation)?)
            }
            ScreenChoice::Window => upright(open_window()?, rotation),
            ScreenChoice::Png(folder) => upright(Box::new(PngFolder::create(folder)?), rotation),
        }))
    }
}

/// Nobody mounts files and windows turned.
fn upright(screen: Box<dyn Screen>, rotation: Rotation) -> Box<dyn Screen> {
    if rotation != Rotation::Deg0 {
        log::warn!("not turned: a rotation is for a display that is mounted turned, not for files and windows");
    }
    screen
}

/// Tries all kinds; says which one it took, and why it did not take those before it.
fn first_that_works(settings: &ScreenSettings) -> Option<Box<dyn Screen>> {
    type Open = fn(&ScreenSettings) -> Result<Option<Box<dyn Screen>>, ScreenError>;
    let kinds: [(&str, Open); 4] = [
        ("drm", |settings| ScreenChoice::Drm(None).open(settings)),
        ("fb", |settings| Ok(Some(Box::new(first_framebuffer(|path| open_unless_of_drm(path, settings.rotation))?)))),
        ("spi", |settings| ScreenChoice::Spi.open(settings)),
        ("window", |settings| ScreenChoice::Window.open(settings)),
    ];
    for (name, open) in kinds {
        match open(settings) {
            Ok(screen) => {
                info!("screen: {name}");
                return screen;
            }
            Err(e) => debug!("screen: not {name}: {e}"),
        }
    }
    warn!("no screen was found, so nothing is shown (RUST_LOG=debug says why)");
    None
}

/// Where a card cannot be used, what its framebuffer shows stays hidden.
fn open_unless_of_drm(path: &Path, rotation: Rotation) -> Result<FbScreen, ScreenError> {
    let screen = FbScreen::open(path, rotation)?;
    if screen.is_of_drm() {
        return Err(ScreenError::Unsupported {
            path: path.into(),
            found: "a DRM card behind it".into(),
            expected: "a framebuffer of its own, as that card cannot be used".into(),
        });
    }
    Ok(screen)
}

fn first_card(rotation: Rotation) -> Result<DrmScreen, ScreenError> {
    let cards = devices("/dev/dri", "card");
    first_that_opens(cards, "DRM card (/dev/dri/card*)", |path| DrmScreen::open(path, rotation))
}

fn first_framebuffer(open: impl Fn(&Path) -> Result<FbScreen, ScreenError>) -> Result<FbScreen, ScreenError> {
    first_that_opens(devices("/dev", "fb"), "framebuffer (/dev/fb*)", open)
}

/// The files in a folder whose names are the prefix and a number, in the numbers' order.
fn devices(folder: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix(prefix)?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| Path::new(folder).join(format!("{prefix}{number}"))).collect()
}

/// Otherwise the error of the device that came nearest: one without a display says least.
fn first_that_opens<S>(
    paths: Vec<PathBuf>,
    kind: &'static str,
    open: impl Fn(&Path) -> Result<S, ScreenError>,
) -> Result<S, ScreenError> {
    let mut nearest = ScreenError::NoDevice(kind);
    for path in paths {
        match open(&path) {
            Ok(screen) => return Ok(screen),
            Err(e) => {
                debug!("{e}");
                if matches!(nearest, ScreenError::NoDevice(_) | ScreenError::NoDisplay { .. }) {
                    nearest = e;
                }
            }
        }
    }
    Err(nearest)
}

/// Why there can be no window, as far as that is known before one is opened.
pub fn window_fault() -> Option<ScreenError> {
    if !cfg!(feature = "window") {
        return Some(ScreenError::WindowNotBuilt);
    }
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    (!["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(is_set)).then_some(ScreenError::NoDesktop)
}

#[cfg(feature = "window")]
fn open_window() -> Result<Box<dyn Screen>, ScreenError> {
    window_fault().map_or(Ok(()), Err)?;
    Ok(Box::new(super::window::WindowScreen::open()?))
}

#[cfg(not(feature = "window"))]
fn open_window() -> Result<Box<dyn Screen>, ScreenError> {
    Err(ScreenError::WindowNotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_may_be_named() {
        for (text, expected) in [
            ("auto", ScreenChoice::Auto),
            ("drm", ScreenChoice::Drm(None)),
            ("drm:/dev/dri/card1", ScreenChoice::Drm(Some("/dev/dri/card1".into()))),
            ("fb:/dev/fb1", ScreenChoice::Framebuffer(Some("/dev/fb1".into()))),
            ("png:a:b", ScreenChoice::Png("a:b".into())),
        ] {
            assert_eq!(text.parse::<ScreenChoice>().unwrap(), expected);
        }
        for text in ["", "x11", "png", "png:", "drm:", "none:1", "spi:/dev/spidev0.0", "fb0"] {
            assert!(text.parse::<ScreenChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn devices_are_tried_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["card10", "card2", "renderD128", "cardx", "card"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let path = folder.path().to_str().unwrap();
        assert_eq!(devices(path, "card"), [folder.path().join("card2"), folder.path().join("card10")]);
    }

    #[test]
    fn the_error_that_says_most_is_kept() {
        let opened = |paths: &[&str]| {
            let paths = paths.iter().map(PathBuf::from).collect();
            first_that_opens(paths, "card", |path| match path.to_str().unwrap() {
                "works" => Ok(()),
                "empty" => Err(ScreenError::NoDisplay { path: path.into(), outputs: "HDMI-A-1".into() }),
                _ => Err(ScreenError::Taken(path.into())),
            })
        };
        assert!(opened(&["taken", "works"]).is_ok());
        assert!(matches!(opened(&["empty", "taken", "empty"]), Err(ScreenError::Taken(_))));
        assert!(matches!(opened(&["empty"]), Err(ScreenError::NoDisplay { .. })));
        assert!(matches!(opened(&[]), Err(ScreenError::NoDevice("card"))));
    }
}
