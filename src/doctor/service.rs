//! What is in the way of the shipped unit.

use std::path::Path;

use super::devices::{group, is_there};
use super::{Diagnosis, Finding, Probe};
use crate::machine::Tree;

/// Where units are looked for.
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const UNIT: &str = "wingmark.service";
/// Groups of the unit's user.
const GROUPS: [&str; 2] = ["video", "render"];

pub(super) fn findings(report: &Diagnosis, tree: &Tree, probe: &dyn Probe) -> Vec<Finding> {
    let mut found = Vec::new();
    if !is_there(tree, Path::new("/run/systemd/system")) {
        found.push(Finding::obstacle(
            "systemd does not run here".into(),
            "let another manager start wingmark again when it ends, as docker run --restart always".into(),
        ));
    }
    let units = UNITS.iter().map(|folder| Path::new(folder).join(UNIT));
    match units.filter(|unit| is_there(tree, unit)).find_map(|unit| tree.text(unit.strip_prefix("/").ok()?)) {
        None => found.push(Finding::obstacle(
            format!("{UNIT} is not installed"),
            "copy service/wingmark.service to /etc/systemd/system, then sudo systemctl enable --now wingmark".into(),
        )),
        Some(unit) => found.extend(program(&unit, tree)),
    }
    found.extend(report.cameras.iter().filter_map(|camera| {
        let group = group(&camera.device, tree, probe).filter(|group| !GROUPS.contains(&group.as_str()))?;
        Some(Finding::obstacle(
            format!("{} belongs to the group {group}, and the unit's user does not", camera.device.display()),
            format!("sudo systemctl edit wingmark, with SupplementaryGroups={group} under [Service]"),
        ))
    }));
    found
}

/// The program that a unit starts has to be there.
fn program(unit: &str, tree: &Tree) -> Option<Finding> {
    let command = unit.lines().find_map(|line| line.trim().strip_prefix("ExecStart="))?;
    let program = command.split_whitespace().next()?;
    let is_missing = program.starts_with('/') && !is_there(tree, Path::new(program));
    is_missing.then(|| {
        Finding::obstacle(format!("{UNIT} starts {program}, which is not there"), format!("copy wingmark to {program}"))
    })
}
