//! What is in the way of the shipped unit.

use std::path::Path;

use super::devices::{group, is_there, to_open};
use super::unit::{NAME, Unit};
use super::{Diagnosis, Finding, Probe, SETTINGS, Wanted};
use crate::capture::{SourceChoice, StreamProgram};
use crate::machine::Tree;
use crate::screen::settings::SpiPanel;

/// Groups of the shipped unit's user.
const GROUPS: [&str; 2] = ["video", "render"];
/// Where systemd puts what it hands to the service.
const CREDENTIALS: &str = "/run/credentials/wingmark.service";

pub(super) fn findings(report: &Diagnosis, wanted: &Wanted<'_>, tree: &Tree, probe: &dyn Probe) -> Vec<Finding> {
    let mut found = Vec::new();
    if !is_there(tree, Path::new("/run/systemd/system")) {
        found.push(Finding::obstacle(
            "systemd does not run here".into(),
            "let another manager start wingmark again when it ends, as docker run --restart always".into(),
        ));
    }
    let unit = Unit::read(tree);
    match &unit {
        None => found.push(Finding::obstacle(
            format!("{NAME} is not installed"),
            "copy service/wingmark.service to /etc/systemd/system, then sudo systemctl enable --now wingmark".into(),
        )),
        Some(unit) if unit.mask().is_some() => found.extend(unit.mask().map(masked)),
        Some(unit) => {
            found.extend(program(unit, tree).into_iter().chain(settings(unit, tree, probe)));
            found.extend(network(unit, wanted).into_iter().chain(ribbon(unit, wanted, tree)));
            found.extend(wanted.written.iter().filter(|file| !unit.allows_writing(file)).map(|file| unwritten(file)));
            found.extend(wanted.secrets.iter().filter_map(|file| secret(file, unit, tree, probe)));
        }
    }
    let installed = unit.as_ref().filter(|unit| unit.mask().is_none());
    let is_in_group = |group: &str| match installed {
        Some(unit) => unit.is_in_group(group),
        None => GROUPS.contains(&group),
    };
    let devices = to_open(&report.cameras, &report.screens, wanted, tree);
    found.extend(devices.iter().filter_map(|device| {
        let shown = device.display();
        let is_of_panel = wanted.board.screen_settings.spi.iter().flat_map(SpiPanel::devices).any(|of| of == device);
        let remedy = |line: String| if is_of_panel { drop_in("screen.conf") } else { edit(&line) };
        if installed.is_some_and(|unit| !unit.allows_device(device, tree)) {
            let words = format!("the unit forbids {shown}");
            return Some(Finding::obstacle(words, remedy(format!("DeviceAllow={shown} rw"))));
        }
        let group = group(device, tree, probe).filter(|group| !is_in_group(group))?;
        Some(Finding::obstacle(
            format!("{shown} belongs to the group {group}, and the unit's user does not"),
            remedy(format!("SupplementaryGroups={group}")),
        ))
    }));
    found
}

fn edit(line: &str) -> String {
    format!("sudo systemctl edit wingmark, with {line} under [Service]")
}

/// What the unit forbids is allowed by drop-ins that come with it.
fn drop_in(name: &str) -> String {
    format!("install the drop-in {name} as it says; docs/logs.md says where it is")
}

/// Receivers, the page and a camera on the network need a network.
fn network(unit: &Unit, wanted: &Wanted<'_>) -> Option<Finding> {
    let is_wanted = !wanted.network.is_empty() && unit.forbids_network();
    is_wanted.then(|| {
        let found = format!("the unit forbids the network, which the run needs for {}", wanted.network.join(", "));
        Finding::obstacle(found, drop_in("network.conf"))
    })
}

/// `rpicam-vid` takes memory from the kernel's heaps and asks udev for cameras.
fn ribbon(unit: &Unit, wanted: &Wanted<'_>, tree: &Tree) -> Option<Finding> {
    let source = wanted.source.as_ref()?;
    let is_rpicam = matches!(source, SourceChoice::Program(StreamProgram::Rpicam(_)));
    let has = || unit.allows_family("AF_NETLINK") && unit.allows_device(Path::new("/dev/dma_heap/system"), tree);
    (is_rpicam && !has()).then(|| {
        let found = format!("the unit forbids what the source {source} needs: AF_NETLINK and /dev/dma_heap");
        Finding::obstacle(found, drop_in("csi.conf"))
    })
}

fn unwritten(file: &Path) -> Finding {
    Finding::obstacle(
        format!("the unit forbids writing {}", file.display()),
        "name one below /var/lib/wingmark or /run/wingmark, as the drop-in settings.conf has it".into(),
    )
}

/// Passwords are handed over by systemd, or are files that the unit's user may read.
fn secret(file: &Path, unit: &Unit, tree: &Tree, probe: &dyn Probe) -> Option<Finding> {
    let shown = file.display();
    let Ok(name) = file.strip_prefix(CREDENTIALS) else {
        return (!unit.may_read(file, tree, probe)).then(|| {
            let remedy = "have systemd hand it over, as the drop-in broker.conf does; docs/logs.md says where it is";
            Finding::obstacle(format!("the unit's user may not read {shown}"), remedy.into())
        });
    };
    let name = name.to_string_lossy();
    if !unit.hands_over(&name) {
        let line = format!("LoadCredential={name}:FILE");
        return Some(Finding::obstacle(
            format!("the unit hands over no {shown}"),
            if name == "broker" { drop_in("broker.conf") } else { edit(&line) },
        ));
    }
    let is_missing = |file: &Path| matches!(tree.path(file.strip_prefix("/").unwrap_or(file)).try_exists(), Ok(false));
    let from = unit.credential_file(&name).filter(|file| is_missing(file))?;
    let found =
        format!("there is no {}, which the unit hands over as {name}: systemd does not start it", from.display());
    Some(Finding::obstacle(found, "write it, or take the line LoadCredential= away".into()))
}

/// What `systemctl mask` makes; a file that came out empty does the same.
fn masked(file: &Path) -> Finding {
    let remedy = format!(
        "sudo systemctl unmask wingmark; where {} is still there and empty, copy service/wingmark.service over it",
        file.display()
    );
    Finding::obstacle(format!("{NAME} is masked by {}: systemd does not start it", file.display()), remedy)
}

/// The program that a unit starts has to be there.
fn program(unit: &Unit, tree: &Tree) -> Option<Finding> {
    let command = unit.command_line();
    let Some(program) = command.first().map(Path::new) else {
        return Some(Finding::obstacle(
            format!("{NAME} starts nothing: it has no ExecStart="),
            "copy service/wingmark.service over it, then sudo systemctl daemon-reload".into(),
        ));
    };
    let is_missing = program.is_absolute() && !is_there(tree, program);
    let program = program.display();
    is_missing.then(|| {
        Finding::obstacle(format!("{NAME} starts {program}, which is not there"), format!("copy wingmark to {program}"))
    })
}

/// The unit's user has to read the settings, which may be closed to others for a password in them.
fn settings(unit: &Unit, tree: &Tree, probe: &dyn Probe) -> Option<Finding> {
    let may_read = unit.may_read(Path::new(SETTINGS), tree, probe);
    let first = if unit.user().is_none() { "install the drop-in readers.conf as it says, then " } else { "" };
    let user = unit.user().unwrap_or("wingmark");
    (!may_read).then(|| {
        Finding::obstacle(
            format!("the unit's user may not read {SETTINGS}"),
            format!("{first}sudo chgrp {user} {SETTINGS}; sudo chmod 640 {SETTINGS}"),
        )
    })
}
