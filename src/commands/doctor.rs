//! `wingmark doctor`: what this machine has, and what is in the way.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::settings::{self, SettingsError};
use super::{Outcome, results};
use crate::board::Board;
use crate::capture::SourceChoice;
use crate::cli::{DoctorArgs, RunArgs};
use crate::doctor::{Diagnosis, Finding, ModelReport, Purpose, ThisMachine, Unit, with_advice};
use crate::face::LandmarkNet;
use crate::machine::{Program, Tree};

pub fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    if let Some(choice) = &args.model {
        let report = ModelReport::of(choice);
        return write(&report, args.json, report.is_sound());
    }
    let board = Board::choose(args.board.board.as_ref())?;
    let mut report = Diagnosis::of(&Tree::here(), Program::this(), &board, &ThisMachine, args.purpose);
    let unit = Unit::read(&Tree::here()).filter(|_| args.purpose == Purpose::Service);
    let started = unit.map(|unit| unit.command_line()).filter(|line| !line.is_empty());
    let given = started.unwrap_or_else(|| ["wingmark", "run"].map(OsString::from).into());
    let found = of_settings(given, args.purpose).into_iter();
    report.findings.extend(found.map(|finding| finding.only_for(args.purpose, &[Purpose::Run, Purpose::Service])));
    write(&report, args.json, report.is_clear())
}

/// What is wrong with the settings of a run that is started so, or does nothing there.
fn of_settings(given: Vec<OsString>, purpose: Purpose) -> Vec<Finding> {
    let (args, read) = match settings::read(given) {
        Ok(read) => read,
        // Whether the unit's user may read them is another matter.
        Err(SettingsError::Read { source, .. })
            if purpose == Purpose::Service && source.kind() == ErrorKind::PermissionDenied =>
        {
            return Vec::new();
        }
        Err(fault) => {
            return vec![Finding::obstacle(
                fault.to_string(),
                "mend that; docs/using.md says what may stand there".into(),
            )];
        }
    };
    let named = unreadable(&args, purpose).into_iter();
    let mut found: Vec<Finding> =
        named.map(|fault| Finding::obstacle(fault, "mend it, or the setting that names it".into())).collect();
    // Who types a command line knows what it has.
    let overridden = read.overridden().filter(|_| purpose == Purpose::Service);
    found.extend(overridden.map(|remark| {
        let remedy = "take them out; the drop-in settings.conf leaves record, keep and metrics to the file";
        Finding::advice(remark, remedy.into())
    }));
    found
}

/// What is wrong with the files that a run is to read.
fn unreadable(args: &RunArgs, purpose: Purpose) -> Vec<String> {
    let model = args.model.as_ref().and_then(|model| {
        let checked = model.load().map_err(|e| with_advice(&e));
        checked.and_then(|net| LandmarkNet::new(&net, 1).map_err(|e| with_advice(&e))).err()
    });
    let board = args.board.board.as_ref().and_then(|board| Board::choose(Some(board)).err()).map(|e| with_advice(&e));
    let source = match &args.source {
        Some(SourceChoice::Path(path)) => Some(path),
        _ => None,
    };
    let secrets = [&args.password.publish_password_file, &args.serve.token_file];
    let files = secrets.into_iter().flatten().chain(source);
    // What systemd hands to the service is there while that runs.
    let is_handed = |path: &Path| purpose == Purpose::Service && path.starts_with("/run/credentials");
    // What this user may not see, the service's may.
    let is_missing = |path: &&PathBuf| matches!(path.try_exists(), Ok(false)) && !is_handed(path);
    let missing = files.filter(is_missing).map(|path| format!("there is no {}", path.display()));
    model.into_iter().chain(board).chain(missing).collect()
}

fn write(report: &(impl Display + Serialize), as_json: bool, is_well: bool) -> anyhow::Result<Outcome> {
    let mut out = results();
    if as_json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if is_well { Outcome::Done } else { Outcome::Incomplete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_refuses_is_in_the_way_and_what_it_passes_over_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        let found = |text: &str, line: &str, purpose| {
            std::fs::write(&path, text).unwrap();
            let given = format!("wingmark run --settings {} {line}", path.display());
            let found = of_settings(given.split_whitespace().map(OsString::from).collect(), purpose);
            found.into_iter().map(|finding| (finding.blocks, finding.found)).collect::<Vec<_>>()
        };
        let both_are_read = "source = 'clip'\nrecord = 'a.csv'\n";
        let (run, service) = (Purpose::Run, Purpose::Service);
        for (text, line, purpose, expected) in [
            ("serve = '0.0.0.0:8080'\n", "", run, "0.0.0.0:8080 is open to other machines; give --token-file"),
            (&*format!("{both_are_read}resume = true\nrecord-when = 'face'\n"), "", run, "cannot be used with"),
            ("publish = ['udp://h:1', 'udp://h:1']\n", "", service, "--publish udp://h:1 is given twice"),
            ("model = '/nowhere'\n", "", service, "cannot read /nowhere/card.toml"),
            ("model = 'faces'\n", "", run, "faces finds faces; expected a model that finds landmarks"),
            ("board = '/nowhere.toml'\n", "", run, "cannot read /nowhere.toml"),
            ("source = '/nowhere.mp4'\n", "", run, "there is no /nowhere.mp4"),
            ("publish = 'udp://h:1'\npublish-password-file = '/nope'\n", "", service, "there is no /nope"),
            ("serve = 8080\ntoken-file = '/nope'\n", "", run, "there is no /nope"),
            ("faces = 2\n", "--record-every 1s", service, "the command line of the run: "),
        ] {
            let found = found(text, line, purpose);
            let [(true, found)] = &found[..] else { panic!("{text}: {found:?}") };
            assert!(found.contains(expected), "{found}");
        }
        let handed = "publish = 'udp://h:1'\npublish-password-file = '/run/credentials/wingmark.service/broker'\n";
        assert_eq!(found(handed, "", service), []);
        let twice = "record = '/var/lib/wingmark/a.csv'\nkeep = '2G'\nfaces = 2\n";
        let words = "settings that the command line goes before: keep, record";
        assert_eq!(found(twice, "--record a.csv --keep 2G", service), [(false, words.into())]);
        assert_eq!(found(twice, "--record a.csv --keep 2G", run), []);
        assert_eq!(found("record-when = 'face'\n", "", service), []);
    }
}
