//! What is in the way, and what to do about it.

use std::path::Path;

use super::{Finding, Report};
use crate::board::Board;
use crate::capture::v4l2::CameraFormat;
use crate::machine::{Tree, warnings};
use crate::screen::ScreenChoice;

/// Less than this is not enough for an hour of records.
const LEAST_DISK_MIB: u64 = 64;

pub(super) fn findings(report: &Report, board: &Board, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(program(report, board));
    found.extend(cameras(report));
    found.extend(screens(report, board));
    found.extend(permissions(report, board, tree));
    if let Some(mib) = report.free_disk_mib
        && mib < LEAST_DISK_MIB
    {
        found.push(Finding::obstacle(
            format!("only {mib} MiB are free here"),
            "free some, or record elsewhere; --keep caps what records take".into(),
        ));
    }
    let doubts = warnings(&report.machine, &report.state, &report.state);
    found.extend(doubts.into_iter().map(|found| Finding { blocks: false, found, remedy: None }));
    found
}

fn program(report: &Report, board: &Board) -> Vec<Finding> {
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

fn cameras(report: &Report) -> Option<Finding> {
    if report.cameras.is_empty() {
        return Some(Finding::obstacle(
            "no camera was found".into(),
            "connect a USB camera; the board's notes say how to use one at the ribbon connector".into(),
        ));
    }
    let is_readable = |format: &str| format.parse::<CameraFormat>().is_ok();
    let works = |camera: &super::Camera| camera.formats.iter().any(|format| is_readable(&format.format));
    let may_work = |camera: &super::Camera| camera.fault.is_none() && (!camera.may_open || works(camera));
    if report.cameras.iter().any(may_work) {
        return None;
    }
    if let Some(fault) = report.cameras.iter().find_map(|camera| camera.fault.clone()) {
        return Some(Finding { blocks: true, found: fault, remedy: None });
    }
    let mut given: Vec<&str> =
        report.cameras.iter().flat_map(|camera| &camera.formats).map(|format| format.format.as_str()).collect();
    given.sort_unstable();
    given.dedup();
    Some(Finding::obstacle(
        format!("no camera gives a format that can be read; they give {}", given.join(", ")),
        format!("use a camera that gives one of {}", CameraFormat::ALL.map(|format| format.to_string()).join(", ")),
    ))
}

fn screens(report: &Report, board: &Board) -> Option<Finding> {
    let is_wanted = board.screen != ScreenChoice::None && board.screen_settings.spi.is_none();
    let is_there = report.screens.iter().any(|screen| screen.is_ready);
    (is_wanted && !is_there).then(|| {
        Finding::advice(
            "no display was found, so nothing is shown".into(),
            "connect one, or use --screen png:DIR or --screen none".into(),
        )
    })
}

/// One finding for each device that is there and may not be opened.
fn permissions(report: &Report, board: &Board, tree: &Tree) -> Vec<Finding> {
    let has_panel = board.screen_settings.spi.is_some();
    let cameras = report.cameras.iter().filter(|camera| !camera.may_open).map(|camera| camera.device.as_path());
    let screens = report.screens.iter().filter(|screen| !screen.may_open && (screen.is_ready || has_panel));
    let mut devices: Vec<&Path> = cameras.chain(screens.map(|screen| screen.device.as_path())).collect();
    devices.dedup();
    devices
        .into_iter()
        .map(|device| {
            let group = if device.to_string_lossy().contains("spidev") { "spi" } else { "video" };
            let groups = tree.text("etc/group").unwrap_or_default();
            let remedy = if groups.lines().any(|line| line.split(':').next() == Some(group)) {
                format!("sudo usermod -aG {group} $USER, then log in again")
            } else {
                format!("there is no group {group} here; a udev rule can give the device to a group of yours")
            };
            Finding::obstacle(format!("{} may not be opened", device.display()), remedy)
        })
        .collect()
}
