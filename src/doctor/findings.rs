//! What is in the way, and what to do about it.

use std::io::ErrorKind;
use std::path::Path;

use super::devices::{is_there, named};
use super::{CameraReport, Diagnosis, Finding, Locked, OfferedFormat, Probe, Purpose, Wanted, service, with_advice};
use crate::board::Board;
use crate::capture::v4l2::formats;
use crate::capture::{CaptureError, NoDecoder, SourceChoice, film};
use crate::machine::{Tree, warnings};
use crate::screen::ScreenChoice;
use crate::screen::settings::SpiPanel;

/// Less than this is not enough for an hour of records.
const LEAST_DISK_MIB: u64 = 64;
/// A run takes 43 MiB with `base`, the program's own pages among them, and more for large pictures.
pub(super) const ENOUGH_MEMORY_MIB: u64 = 64;

pub(super) fn findings(report: &Diagnosis, wanted: &Wanted<'_>, tree: &Tree, probe: &dyn Probe) -> Vec<Finding> {
    let (purpose, board) = (wanted.purpose, wanted.board);
    let of_a_run = |finding: Finding| finding.only_for(purpose, &[Purpose::Run, Purpose::Service]);
    let is_camera = |device: &Path| report.cameras.iter().any(|camera| camera.device == device);
    let mut found = Vec::new();
    found.extend(program(report, board));
    found.extend(model(report).map(of_a_run));
    let file = wanted.source.as_ref().and_then(SourceChoice::file);
    let file_fault = file.and_then(|file| probe.try_file(file).err());
    found.extend(source(report, wanted, file_fault.as_ref(), tree, probe).map(of_a_run));
    found.extend(twins(report, wanted));
    found.extend(screen(report, wanted, tree, probe).into_iter().map(of_a_run));
    // The service's user is another one.
    found.extend(report.locked.iter().map(|locked| permission(locked).only_for(purpose, &[Purpose::Run])));
    found.extend(report.missing.iter().map(|device| {
        let purposes: &[Purpose] = if is_camera(device) { &[Purpose::Run, Purpose::Service] } else { &[Purpose::Run] };
        missing(device).only_for(purpose, purposes)
    }));
    if purpose == Purpose::Service {
        found.extend(service::findings(report, wanted, tree, probe));
    }
    let (decoder, is_said) = (film::decoder(), matches!(file_fault, Some(CaptureError::NoDecoder { .. })));
    // Who names none wants none.
    if !is_said && !decoder.is_empty() && !probe.has_program(&decoder) {
        let fault = NoDecoder { program: decoder };
        found.push(Finding::advice(fault.what(), fault.remedy()));
    }
    if let Some(mib) = report.free_disk_mib
        && mib < LEAST_DISK_MIB
    {
        found.push(Finding::obstacle(
            format!("only {mib} MiB are free {}", report.disk_place()),
            match purpose {
                Purpose::Bench => "free some, or name another folder in TMPDIR".into(),
                _ => "free some, or record elsewhere; --keep caps what records take".into(),
            },
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

fn model(report: &Diagnosis) -> Option<Finding> {
    let remedy = "mend it, or name another one by --model, in the settings or in the board's profile";
    report.model_fault.as_ref().map(|fault| Finding::obstacle(fault.clone(), remedy.into()))
}

/// Whether there is something that frames can come from. The fault is that of a file.
fn source(
    report: &Diagnosis,
    wanted: &Wanted<'_>,
    file_fault: Option<&CaptureError>,
    tree: &Tree,
    probe: &dyn Probe,
) -> Option<Finding> {
    let purpose = wanted.purpose;
    let Some(source) = &wanted.source else { return cameras(&report.cameras.iter().collect::<Vec<_>>(), purpose) };
    if let Some((programs, package)) = source.programs() {
        let is_there = programs.iter().any(|program| probe.has_program(program));
        return (!is_there).then(|| {
            Finding::obstacle(
                format!("{} is not installed, which reads the source {source}", programs[0]),
                format!("sudo apt-get install {package}"),
            )
        });
    }
    if let Some(fault) = file_fault {
        return unreadable(source, fault, purpose);
    }
    if let SourceChoice::Http(url) = source {
        return probe.try_stream(url).err().and_then(|fault| unreadable(source, &fault, purpose));
    }
    let device = source.device()?;
    let listed = report.cameras.iter().find(|camera| camera.device == named(device, tree));
    match listed {
        Some(camera) => cameras(&[camera], purpose),
        None if !probe.is_there(device) => Some(Finding::obstacle(
            format!("there is no {}, which is the source", device.display()),
            "connect that camera, or name another one: ls /dev/video* /dev/v4l/by-id".into(),
        )),
        // The service has another user.
        None if purpose == Purpose::Service => None,
        None => probe.try_camera(device).err().map(|e| Finding { blocks: true, found: with_advice(&e), remedy: None }),
    }
}

/// What a run says of the file or the stream that is its source.
fn unreadable(source: &SourceChoice, fault: &CaptureError, purpose: Purpose) -> Option<Finding> {
    match fault {
        CaptureError::NoDecoder { kind, fault, .. } => {
            Some(Finding::obstacle(format!("{source} is a film ({kind}), and {}", fault.what()), fault.remedy()))
        }
        // The service has another user.
        CaptureError::Read { source, .. }
            if purpose == Purpose::Service && source.kind() == ErrorKind::PermissionDenied =>
        {
            None
        }
        fault => Some(Finding::obstacle(with_advice(fault), "mend that, or name another source".into())),
    }
}

fn cameras(found: &[&CameraReport], purpose: Purpose) -> Option<Finding> {
    if found.is_empty() {
        return Some(Finding::obstacle(
            "no camera was found".into(),
            "connect a USB camera; one at a ribbon connector is read by --source rpicam (Raspberry Pi) or gst: (the board's notes)".into(),
        ));
    }
    let works = |camera: &CameraReport| camera.formats.iter().any(OfferedFormat::is_readable);
    let may_work = |camera: &&CameraReport| camera.fault.is_none() && (!camera.may_open || works(camera));
    if found.iter().any(may_work) {
        return None;
    }
    if let Some((fault, is_busy)) = found.iter().find_map(|camera| Some((camera.fault.clone()?, camera.is_busy))) {
        // It may be the service itself that has it.
        let blocks = !(is_busy && purpose == Purpose::Service);
        return Some(Finding { blocks, found: fault, remedy: None });
    }
    let mut given: Vec<&str> =
        found.iter().flat_map(|camera| &camera.formats).map(|format| format.format.as_str()).collect();
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
fn twins(report: &Diagnosis, wanted: &Wanted<'_>) -> Option<Finding> {
    let device = wanted.source.as_ref().map(|source| source.device());
    if device.is_some_and(|device| device.is_none_or(|device| !device.to_string_lossy().starts_with("/dev/video"))) {
        return None;
    }
    let cameras = report.cameras.iter().filter(|camera| !camera.formats.is_empty());
    let cameras: Vec<(&Path, &str)> =
        cameras.filter_map(|camera| Some((&*camera.device, camera.name.as_deref()?))).collect();
    let twin = |(i, (_, name)): (usize, &(&Path, &str))| cameras[..i].iter().position(|(_, other)| other == name);
    let (one, other) = cameras.iter().enumerate().find_map(|(i, camera)| Some((twin((i, camera))?, i)))?;
    let [(one, name), (other, _)] = [cameras[one], cameras[other]];
    Some(Finding::advice(
        format!("{} and {} are both {name}, and may change places at the next start", one.display(), other.display()),
        "name one by its USB port: --source /dev/v4l/by-path/.. (ls -l /dev/v4l/by-path)".into(),
    ))
}

/// Whether there is something that pictures can be shown on. A run without a screen goes on only
/// where none was asked for by name.
fn screen(report: &Diagnosis, wanted: &Wanted<'_>, tree: &Tree, probe: &dyn Probe) -> Vec<Finding> {
    let panel = wanted.board.screen_settings.spi.as_ref();
    let another = || "connect one, or use --screen png:DIR or --screen none".to_string();
    let is_ready = || report.screens.iter().any(|screen| screen.is_ready && wanted.shows_on(&screen.device, tree));
    let none = |kind: &str| {
        let found = format!("no display was found for the screen {kind}, without which the run ends");
        (!is_ready()).then(|| Finding::obstacle(found, another()))
    };
    let at = |path: &Path| {
        (!probe.is_there(path) || report.screens.iter().any(|screen| screen.device == named(path, tree)))
            .then(|| none(&path.display().to_string()))
            .flatten()
    };
    let fault = |fault: Option<String>, remedy: &str| fault.map(|fault| Finding::obstacle(fault, remedy.into()));
    match &wanted.screen {
        ScreenChoice::None => Vec::new(),
        ScreenChoice::Auto if panel.is_none() => {
            let found = "no display was found, so nothing is shown";
            (!is_ready()).then(|| Finding::advice(found.into(), another())).into_iter().collect()
        }
        ScreenChoice::Auto => unreached(panel, tree, false),
        ScreenChoice::Spi if panel.is_none() => vec![Finding::obstacle(
            "the screen is spi, and the board's profile describes no panel".into(),
            "give --board a profile with [screen.spi]: docs/screens.md".into(),
        )],
        ScreenChoice::Spi => unreached(panel, tree, true),
        ScreenChoice::Drm(None) => none("drm").into_iter().collect(),
        ScreenChoice::Framebuffer(None) => none("fb").into_iter().collect(),
        ScreenChoice::Drm(Some(path)) | ScreenChoice::Framebuffer(Some(path)) => at(path).into_iter().collect(),
        ScreenChoice::Window => fault(probe.window_fault(), "mend that, or use another --screen").into_iter().collect(),
        // The service has another user, and folders of its own.
        ScreenChoice::Png(_) if wanted.purpose == Purpose::Service => Vec::new(),
        ScreenChoice::Png(folder) => {
            fault(probe.folder_fault(folder), "name another folder for the pictures").into_iter().collect()
        }
    }
}

/// Where the profile's panel cannot be reached, the kernel gives no access to its bus or its pins.
fn unreached(panel: Option<&SpiPanel>, tree: &Tree, blocks: bool) -> Vec<Finding> {
    let devices = panel.into_iter().flat_map(SpiPanel::devices).filter(|device| !is_there(tree, device));
    let missing = devices.map(|device| Finding {
        blocks,
        found: format!("there is no {}, which the profile's panel needs", device.display()),
        remedy: Some(
            "switch SPI on (dtparam=spi=on in config.txt of a Raspberry Pi), or name another device in the profile"
                .into(),
        ),
    });
    missing.collect()
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
