//! What is in the way, and what to do about it.

use std::path::Path;

use super::devices::is_there;
use super::{Diagnosis, Finding, Locked, OfferedFormat, Probe, Purpose, service};
use crate::board::Board;
use crate::capture::v4l2::formats;
use crate::machine::{Tree, warnings};
use crate::screen::ScreenChoice;
use crate::screen::settings::SpiPanel;

/// Less than this is not enough for an hour of records.
const LEAST_DISK_MIB: u64 = 64;
/// A run takes 43 MiB with `base`, the program's own pages among them, and more for large pictures.
pub(super) const ENOUGH_MEMORY_MIB: u64 = 64;

pub(super) fn findings(report: &Diagnosis, board: &Board, tree: &Tree, probe: &dyn Probe) -> Vec<Finding> {
    let purpose = report.purpose;
    let is_camera = |device: &Path| report.cameras.iter().any(|camera| camera.device == device);
    let mut found = Vec::new();
    found.extend(program(report, board));
    found.extend(cameras(report).map(|finding| finding.only_for(purpose, &[Purpose::Run, Purpose::Service])));
    found.extend(twins(report));
    found.extend(screens(report, board));
    found.extend(panel(board, tree));
    // The service's user is another one.
    found.extend(report.locked.iter().map(|locked| permission(locked).only_for(purpose, &[Purpose::Run])));
    found.extend(report.missing.iter().map(|device| {
        let purposes: &[Purpose] = if is_camera(device) { &[Purpose::Run, Purpose::Service] } else { &[Purpose::Run] };
        missing(device).only_for(purpose, purposes)
    }));
    if purpose == Purpose::Service {
        found.extend(service::findings(report, tree, probe));
    }
    if !probe.has_program("ffmpeg") {
        found.push(Finding::advice(
            "ffmpeg is not installed, which films such as .mp4 and .mkv need".into(),
            "sudo apt-get install ffmpeg".into(),
        ));
    }
    if let Some(mib) = report.free_disk_mib
        && mib < LEAST_DISK_MIB
    {
        found.push(Finding::obstacle(
            format!("only {mib} MiB are free here"),
            "free some, or record elsewhere; --keep caps what records take".into(),
        ));
    }
    found.extend(memory(report));
    let doubts = board.doubts(&report.machine, &[board.threads]).into_iter();
    let doubts = doubts.chain(warnings(&report.machine, &report.state, &report.state));
    found.extend(doubts.into_iter().map(|found| Finding { blocks: false, found, remedy: None }));
    found
}

fn memory(report: &Diagnosis) -> Vec<Finding> {
    let to_raise = "raise the limit: ulimit -v, MemoryMax= of a service, docker --memory";
    let mut found = Vec::new();
    if let Some(fault) = &report.memory_fault {
        found.push(Finding::obstacle(fault.clone(), to_raise.into()));
    } else if report.has_little_memory() {
        let limit = report.memory_limit_mib.unwrap_or_default();
        let words = format!("this process may use {limit} MiB of memory; landmarks take some {ENOUGH_MEMORY_MIB}");
        found.push(Finding::advice(words, to_raise.into()));
    }
    if let Some(free) = report.state.available_memory_mib.filter(|free| *free < ENOUGH_MEMORY_MIB) {
        found.push(Finding::advice(
            format!("only {free} MiB of memory are free; landmarks take some {ENOUGH_MEMORY_MIB}"),
            "end other programs, a desktop first; of the models nano takes least".into(),
        ));
    }
    found
}

fn program(report: &Diagnosis, board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(fault) = &report.kernel_fault {
        let remedy = format!("unset {0}, or run with {0}=portable", wingmark_kernels::kernel::ENVIRONMENT);
        found.push(Finding::obstacle(fault.clone(), remedy));
    }
    for model in &report.models {
        if let Some(fault) = &model.fault {
            found.push(Finding::obstacle(fault.clone(), "install the program anew".into()));
        }
    }
    if report.machine.architecture == "arm" && board.target.starts_with("aarch64") {
        found.push(Finding::advice(
            "this is a program in 32 bits on a board with 64".into(),
            format!("use a system in 64 bits and a program for {}: its kernels are much faster", board.target),
        ));
    }
    found
}

fn cameras(report: &Diagnosis) -> Option<Finding> {
    if report.cameras.is_empty() {
        return Some(Finding::obstacle(
            "no camera was found".into(),
            "connect a USB camera; one at a ribbon connector is read by --source rpicam (Raspberry Pi) or gst: (the board's notes)".into(),
        ));
    }
    let works = |camera: &super::CameraReport| camera.formats.iter().any(OfferedFormat::is_readable);
    let may_work = |camera: &super::CameraReport| camera.fault.is_none() && (!camera.may_open || works(camera));
    if report.cameras.iter().any(may_work) {
        return None;
    }
    if let Some((fault, is_busy)) =
        report.cameras.iter().find_map(|camera| Some((camera.fault.clone()?, camera.is_busy)))
    {
        // It may be the service itself that has it.
        let blocks = !(is_busy && report.purpose == Purpose::Service);
        return Some(Finding { blocks, found: fault, remedy: None });
    }
    let mut given: Vec<&str> =
        report.cameras.iter().flat_map(|camera| &camera.formats).map(|format| format.format.as_str()).collect();
    given.sort_unstable();
    given.dedup();
    Some(Finding::obstacle(
        format!("no camera gives a format that can be read; they give {}", given.join(", ")),
        format!(
            "use a camera that gives one of {}; one at a ribbon connector is read by --source rpicam (Raspberry Pi) or \
             gst:\"nvarguscamerasrc ! nvvidconv ! video/x-raw,format=I420 ! y4menc ! fdsink\" (Jetson)",
            formats()
        ),
    ))
}

/// Two cameras of one make change their numbers as they are plugged in.
fn twins(report: &Diagnosis) -> Option<Finding> {
    let cameras = report.cameras.iter().filter(|camera| !camera.formats.is_empty());
    let cameras: Vec<(&Path, &str)> =
        cameras.filter_map(|camera| Some((&*camera.device, camera.name.as_deref()?))).collect();
    let twin = |(i, (_, name)): (usize, &(&Path, &str))| cameras[..i].iter().position(|(_, other)| other == name);
    let (one, other) = cameras.iter().enumerate().find_map(|(i, camera)| Some((twin((i, camera))?, i)))?;
    let [(one, name), (other, _)] = [cameras[one], cameras[other]];
    Some(Finding::advice(
        format!("{} and {} are both {name}, and may change places at the next start", one.display(), other.display()),
        "name one by its socket: --source /dev/v4l/by-path/.. (ls -l /dev/v4l/by-path)".into(),
    ))
}

fn screens(report: &Diagnosis, board: &Board) -> Option<Finding> {
    let is_wanted = board.screen != ScreenChoice::None && board.screen_settings.spi.is_none();
    let is_there = report.screens.iter().any(|screen| screen.is_ready);
    (is_wanted && !is_there).then(|| {
        Finding::advice(
            "no display was found, so nothing is shown".into(),
            "connect one, or use --screen png:DIR or --screen none".into(),
        )
    })
}

/// Where the profile's panel cannot be reached, the kernel gives no access to its bus or its pins.
fn panel<'a>(board: &'a Board, tree: &'a Tree) -> impl Iterator<Item = Finding> + 'a {
    let devices = board.screen_settings.spi.iter().flat_map(SpiPanel::devices);
    devices.filter(|device| !is_there(tree, device)).map(|device| {
        Finding::advice(
            format!("there is no {}, which the profile's panel needs", device.display()),
            "switch SPI on (dtparam=spi=on in config.txt of a Raspberry Pi), or name another device in the profile"
                .into(),
        )
    })
}

/// The kernel's list of devices is that of the whole machine, also in a container.
fn missing(device: &Path) -> Finding {
    let device = device.display();
    Finding::obstacle(
        format!("the kernel has {device}, and it is not among the files here"),
        format!("start a container with --device {device}; elsewhere: sudo udevadm trigger"),
    )
}

fn permission(locked: &Locked) -> Finding {
    let device = locked.device.display();
    let remedy = match &locked.group {
        _ if locked.is_forbidden => {
            format!(
                "its rights would allow it: start a container with --device {device}, a service with DeviceAllow={device}"
            )
        }
        Some(group) => format!("sudo usermod -aG {group} $USER, then log in again"),
        None => "it belongs to no group that one can join; a udev rule can give it to a group of yours".into(),
    };
    Finding::obstacle(format!("{device} may not be opened"), remedy)
}
