//! What is in the way of the shipped unit.

use std::path::Path;

use super::devices::{group, is_there};
use super::unit::{NAME, Unit};
use super::{Diagnosis, Finding, Probe, SETTINGS, Wanted};
use crate::machine::Tree;

/// Groups of the shipped unit's user.
const GROUPS: [&str; 2] = ["video", "render"];

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
        Some(unit) => found.extend(program(unit, tree).into_iter().chain(settings(unit, tree, probe))),
    }
    let is_in_group = |group: &str| match unit.as_ref().filter(|unit| unit.mask().is_none()) {
        Some(unit) => unit.is_in_group(group),
        None => GROUPS.contains(&group),
    };
    let cameras = report.cameras.iter().filter(|camera| wanted.reads(&camera.device, tree));
    found.extend(cameras.filter_map(|camera| {
        let group = group(&camera.device, tree, probe).filter(|group| !is_in_group(group))?;
        Some(Finding::obstacle(
            format!("{} belongs to the group {group}, and the unit's user does not", camera.device.display()),
            format!("sudo systemctl edit wingmark, with SupplementaryGroups={group} under [Service]"),
        ))
    }));
    found
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
