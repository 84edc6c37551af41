//! Cameras and screens, as the kernel lists them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::probe::Probe;
use super::{CameraReport, Locked, ScreenReport, Wanted};
use crate::capture::CameraError;
use crate::machine::Tree;
use crate::screen::settings::SpiPanel;

/// Video devices that capture something, or that may not be asked; those are tried that would be
/// read.
pub(super) fn cameras(tree: &Tree, probe: &dyn Probe, wanted: &Wanted<'_>) -> Vec<CameraReport> {
    let devices = tree.entries("sys/class/video4linux", "video");
    let cameras = devices.iter().filter_map(|folder| {
        let device = Path::new("/dev").join(folder.file_name()?);
        let name = tree.text(folder.join("name"));
        // Whether it may be opened shows when it is: its rights are not all that forbids it.
        let (formats, tried) = match probe.camera_formats(&device) {
            Err(CameraError::NoPermission(_) | CameraError::NotThere { .. }) => {
                return Some(CameraReport {
                    device,
                    name,
                    formats: Vec::new(),
                    may_open: false,
                    fault: None,
                    is_busy: false,
                });
            }
            Ok(formats) if formats.is_empty() => return None,
            Ok(formats) if wanted.reads(&device, tree) => (formats, probe.try_camera(&device)),
            Ok(formats) => (formats, Ok(())),
            Err(e) => (Vec::new(), Err(e)),
        };
        let is_busy = matches!(tried, Err(CameraError::Busy(_)));
        let fault = tried.err().map(|e| super::with_advice(&e));
        Some(CameraReport { device, name, formats, may_open: true, fault, is_busy })
    });
    cameras.collect()
}

/// Outputs of DRM cards, framebuffers and SPI buses.
pub(super) fn screens(tree: &Tree, probe: &dyn Probe) -> Vec<ScreenReport> {
    let node = |folder: &Path| Path::new("/dev").join(folder.file_name().unwrap_or_default());
    let screen = |device: PathBuf, name: String, shows: String, is_ready: bool| {
        let may_open = probe.may_open(&device);
        ScreenReport { device, name, shows, is_ready, may_open }
    };
    let outputs = tree.entries("sys/class/drm", "card").into_iter().filter_map(|folder| {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        let (card, output) = name.split_once('-')?;
        let is_connected = tree.text(folder.join("status"))? == "connected";
        let modes = tree.text(folder.join("modes")).unwrap_or_default();
        let shows =
            if is_connected { modes.lines().next().unwrap_or("no mode").into() } else { "nothing connected".into() };
        Some(screen(Path::new("/dev/dri").join(card), output.into(), shows, is_connected))
    });
    let framebuffers = tree.entries("sys/class/graphics", "fb").into_iter().filter_map(|folder| {
        let size = tree.text(folder.join("virtual_size"))?.replace(',', "x");
        let bits = tree.text(folder.join("bits_per_pixel"))?;
        let name = tree.text(folder.join("name")).unwrap_or_default();
        Some(screen(node(&folder), name, format!("{size}, {bits} bits"), true))
    });
    let buses = tree.entries("dev", "spidev").into_iter();
    let buses =
        buses.map(|device| screen(node(&device), "SPI".into(), "a panel, if the profile describes one".into(), false));
    outputs.chain(framebuffers).chain(buses).collect()
}

/// Devices that a run may open: cameras, displays, and the bus and pins of the profile's panel.
pub(super) fn to_open(
    cameras: &[CameraReport],
    screens: &[ScreenReport],
    wanted: &Wanted<'_>,
    tree: &Tree,
) -> BTreeSet<PathBuf> {
    let cameras = cameras.iter().map(|camera| &camera.device).filter(|camera| wanted.reads(camera, tree));
    let screens = screens.iter().filter(|screen| screen.is_ready && wanted.shows_on(&screen.device, tree));
    let panel = wanted.board.screen_settings.spi.iter().filter(|_| wanted.shows_on_panel()).flat_map(SpiPanel::devices);
    let panel = panel.filter(|device| is_there(tree, device)).map(Path::to_path_buf);
    cameras.cloned().chain(screens.map(|screen| screen.device.clone())).chain(panel).collect()
}

/// The node that a path names or links to.
pub(super) fn named(path: &Path, tree: &Tree) -> PathBuf {
    let inside = tree.path(path.strip_prefix("/").unwrap_or(path)).canonicalize();
    let root = tree.path("").canonicalize();
    match (inside, root) {
        (Ok(inside), Ok(root)) => {
            inside.strip_prefix(root).map_or_else(|_| path.into(), |node| Path::new("/").join(node))
        }
        _ => path.into(),
    }
}

/// Those that may not be opened, and those that are not there.
pub(super) fn locked_and_missing(
    devices: BTreeSet<PathBuf>,
    cameras: &[CameraReport],
    tree: &Tree,
    probe: &dyn Probe,
) -> (Vec<Locked>, Vec<PathBuf>) {
    let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) = devices.into_iter().partition(|device| probe.is_there(device));
    let is_locked = |device: &PathBuf| match cameras.iter().find(|camera| camera.device == *device) {
        Some(camera) => !camera.may_open,
        None => !probe.may_open(device),
    };
    let locked = there.into_iter().filter(is_locked).map(|device| Locked {
        group: group(&device, tree, probe),
        is_forbidden: probe.may_open(&device),
        device,
    });
    (locked.collect(), missing)
}

/// The name of the group that a device belongs to, where it has members.
pub(super) fn group(device: &Path, tree: &Tree, probe: &dyn Probe) -> Option<String> {
    probe.group(device).and_then(|number| group_name(tree, number))
}

/// Whether a file is there, given by its path from the root folder on.
pub(super) fn is_there(tree: &Tree, file: &Path) -> bool {
    tree.path(file.strip_prefix("/").unwrap_or(file)).exists()
}

fn group_name(tree: &Tree, number: u32) -> Option<String> {
    const ROOT: u32 = 0;
    let groups = tree.text("etc/group")?;
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?.parse::<u32>().ok()?);
        (found == number).then_some(name)
    });
    name.filter(|_| number != ROOT).map(str::to_owned)
}
