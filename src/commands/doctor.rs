//! `wingmark doctor`: what this machine has, and what is in the way.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::settings::{self, SettingsError};
use super::{Outcome, check_writable, results};
use crate::board::Board;
use crate::capture::SourceChoice;
use crate::cli::{DoctorArgs, PasswordArgs, Role, RunArgs, is_stdout};
use crate::doctor::{Diagnosis, Finding, ModelReport, Purpose, ThisMachine, Unit, Wanted, with_advice};
use crate::face::zoo;
use crate::machine::{Program, Tree};
use crate::parts::of_room;
#[cfg(feature = "page")]
use crate::publish::page::Token;
use crate::record::RecordChoice;
use crate::record::log::Log;
use crate::record::metrics_file::MetricsFile;
use crate::text::files;

pub fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    if let Some(choice) = &args.model {
        let report = ModelReport::of(choice);
        return write(&report, args.json, report.is_sound());
    }
    let tree = Tree::here();
    let unit = Unit::read(&tree).filter(|_| args.purpose == Purpose::Service);
    let started = unit.as_ref().map(Unit::command_line).filter(|line| !line.is_empty());
    let given = started.unwrap_or_else(|| ["wingmark", "run"].map(OsString::from).into());
    let (run, mut found) = match args.purpose {
        Purpose::Bench => (None, Vec::new()),
        Purpose::Run | Purpose::Service => of_settings(given, args.purpose),
    };
    // What the settings would say of source and screen is not known.
    let is_unknown = found.iter().any(|finding| finding.blocks);
    let named = args.board.board.as_ref();
    let board = match run.as_ref().and_then(|run| run.board.board.as_ref()).filter(|_| named.is_none()) {
        Some(of_run) => Board::choose(Some(of_run)).or_else(|fault| {
            found.push(of_file(with_advice(&fault)));
            Board::choose(None)
        }),
        None => Board::choose(named),
    }?;
    let mut wanted = Wanted::by(&board, args.purpose);
    if is_unknown {
        wanted.leave_devices();
    }
    if let Some(run) = &run {
        let folder = unit.as_ref().map(Unit::folder);
        found.extend(as_started(&mut wanted, run, folder).into_iter().map(of_file));
        // The service's folder may be closed to this user.
        let remarks = of_room(run).into_iter().filter(|_| args.purpose == Purpose::Run);
        found.extend(remarks.map(|remark| Finding::advice(remark, "another --keep, or a larger disk".into())));
    }
    let mut report = Diagnosis::of(&tree, Program::this(), &wanted, &ThisMachine);
    report.findings.extend(found);
    write(&report, args.json, report.is_clear())
}

/// What a run that is started so does, and what is wrong with its settings, or does nothing there.
fn of_settings(given: Vec<OsString>, purpose: Purpose) -> (Option<RunArgs>, Vec<Finding>) {
    let (args, read) = match settings::read(given.clone()) {
        Ok(read) => read,
        Err(fault) => {
            let finding = match &fault {
                // Whether the unit's user may read them is another matter.
                SettingsError::Read { source, .. }
                    if purpose == Purpose::Service && source.kind() == ErrorKind::PermissionDenied =>
                {
                    Finding::advice(
                        format!("{fault}; what they say is not looked at"),
                        "sudo wingmark doctor --for service".into(),
                    )
                }
                _ => Finding::obstacle(fault.to_string(), "mend that; docs/using.md says what may stand there".into()),
            };
            // The command line alone says more than nothing.
            let alone = [given, ["--settings", "none"].map(OsString::from).into()].concat();
            return (settings::read(alone).ok().map(|(args, _)| args), vec![finding]);
        }
    };
    // Who types a command line knows what it has.
    let overridden = read.overridden().filter(|_| purpose == Purpose::Service);
    let found = overridden.map(|remark| {
        let remedy = "take them out; the drop-in settings.conf leaves record, keep and metrics to the file, and \
                      screen.conf shows pictures";
        Finding::advice(remark, remedy.into())
    });
    (Some(args), found.into_iter().collect())
}

/// Takes from a run's arguments what overrides the board's profile, and gives what is wrong with
/// the files that they name. A service takes its paths from its folder on.
fn as_started(wanted: &mut Wanted<'_>, run: &RunArgs, service: Option<PathBuf>) -> Vec<String> {
    let at = |path: &Path| service.as_ref().map_or_else(|| path.to_path_buf(), |folder| folder.join(path));
    if let Some(source) = &run.source {
        wanted.source = Some(match source {
            SourceChoice::Path(path) => SourceChoice::Path(at(path)),
            source => source.clone(),
        });
    }
    if let Some(screen) = &run.screen.screen {
        wanted.screen = screen.clone();
    }
    if let Some(model) = &run.model {
        wanted.model = match model {
            zoo::Choice::Folder(folder) => zoo::Choice::Folder(at(folder)),
            shipped => shipped.clone(),
        };
    }
    wanted.network = run.publish.iter().map(|to| format!("publish {to}")).collect();
    wanted.network.extend(run.serve.serve.map(|address| format!("serve {address}")));
    wanted.network.extend(match &wanted.source {
        Some(source @ SourceChoice::Http(_)) => Some(format!("source {source}")),
        _ => None,
    });
    let named = run.files(&wanted.screen);
    wanted.secrets = named.of(Role::Secret).map(at).collect();
    let files = named.written().map(|file| file.path.as_path()).filter(|file| !is_stdout(file));
    wanted.written = files.map(at).collect();
    let records = named.of(Role::Record).map(|file| files::folder_of(file).to_path_buf());
    wanted.folders = records.chain(named.of(Role::Pictures).map(Path::to_path_buf)).collect();
    if let Some(folder) = service.clone() {
        wanted.folders.iter_mut().for_each(|written| *written = folder.join(&*written).components().collect());
        if wanted.folders.is_empty() {
            wanted.folders.push(folder);
        }
    }
    let mut faults = missing(wanted);
    if wanted.purpose == Purpose::Run {
        faults.extend(unwritable(run));
    }
    faults.extend(unusable(run, wanted.purpose, at));
    faults
}

/// What a run says of the files that it would write. The service has another user.
fn unwritable(run: &RunArgs) -> Vec<String> {
    let records = run.record.iter().filter_map(RecordChoice::file);
    let mut faults: Vec<String> =
        records.filter_map(|file| Log::check(file).err()).map(|fault| with_advice(&fault)).collect();
    let metrics = run.metrics.as_deref().and_then(|file| MetricsFile::check(file).err());
    faults.extend(metrics.map(|fault| with_advice(&fault)));
    let summary = run.json_summary.as_deref().filter(|file| !is_stdout(file));
    let summary = summary.and_then(|file| check_writable(file).err());
    faults.extend(summary.map(|fault| with_advice(fault.as_ref())));
    faults
}

/// What a run says of a token and of a password that are there, as far as this user may read them.
fn unusable(run: &RunArgs, purpose: Purpose, at: impl Fn(&Path) -> PathBuf) -> Vec<String> {
    let looked_at = |file: &PathBuf| match File::open(file) {
        Err(e) => purpose == Purpose::Run && e.kind() != ErrorKind::NotFound,
        Ok(_) => true,
    };
    let mut faults = Vec::new();
    #[cfg(feature = "page")]
    if let Some(file) = run.serve.token_file.as_deref().map(&at).filter(looked_at) {
        faults.extend(Token::read(&file).err().map(|fault| with_advice(&fault)));
    }
    let file = run.password.publish_password_file.as_deref().map(&at);
    // The service has an environment of its own.
    let is_read = file.as_ref().map_or(purpose == Purpose::Run, looked_at);
    if is_read && !run.publish.is_empty() {
        let password = PasswordArgs { publish_password_file: file };
        faults.extend(password.read().err().map(|fault| with_advice(fault.as_ref())));
    }
    faults
}

fn of_file(fault: String) -> Finding {
    Finding::obstacle(fault, "mend it, or the setting that names it".into())
}

/// Which of the files with secrets are not there.
fn missing(wanted: &Wanted<'_>) -> Vec<String> {
    let files = wanted.secrets.iter();
    // What systemd hands to the service is there while that runs.
    let is_handed = |path: &Path| wanted.purpose == Purpose::Service && path.starts_with("/run/credentials");
    // What this user may not see, the service's may.
    let is_missing = |path: &PathBuf| matches!(path.try_exists(), Ok(false)) && !is_handed(path);
    files.filter(|path| is_missing(path)).map(|path| format!("there is no {}", path.display())).collect()
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

    /// What is said of a run that is started by this line with these settings, and what it wants.
    fn of(text: &str, line: &str, purpose: Purpose) -> (Vec<(bool, String)>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        let given = format!("wingmark run --settings {} {line}", path.display());
        let (run, mut found) = of_settings(given.split_whitespace().map(OsString::from).collect(), purpose);
        let board = Board::from_toml("boards/pi-4.toml", include_str!("../../boards/pi-4.toml")).unwrap();
        let mut wanted = Wanted::by(&board, purpose);
        let unit = (purpose == Purpose::Service).then(|| PathBuf::from("/srv"));
        if let Some(run) = &run {
            found.extend(as_started(&mut wanted, run, unit).into_iter().map(of_file));
        }
        let Wanted { source, screen, model, folders, .. } = wanted;
        let source = source.map(|source| source.to_string());
        let found = found.into_iter().map(|finding| (finding.blocks, finding.found)).collect();
        (found, format!("{source:?} {screen:?} {model} {folders:?}"))
    }

    #[test]
    fn what_a_run_refuses_is_in_the_way_and_what_it_passes_over_is_named() {
        let both_are_read = "source = 'clip'\nrecord = 'a.csv'\n";
        let (run, service) = (Purpose::Run, Purpose::Service);
        for (text, line, purpose, expected) in [
            ("serve = '0.0.0.0:8080'\n", "", run, "0.0.0.0:8080 is open to other machines; give --token-file"),
            (&*format!("{both_are_read}resume = true\nrecord-when = 'face'\n"), "", run, "cannot be used with"),
            ("publish = ['udp://h:1', 'udp://h:1']\n", "", service, "--publish udp://h:1 is given twice"),
            ("publish = 'udp://h:1'\npublish-password-file = '/nope'\n", "", service, "there is no /nope"),
            ("serve = 8080\ntoken-file = '/nope'\n", "", run, "there is no /nope"),
            ("publish = 'udp://h:1'\npublish-password-file = '/dev/null'\n", "", run, "the first line is empty"),
            ("serve = 8080\ntoken-file = '/dev/null'\n", "", service, "the first line is no token"),
            ("record = 'Cargo.toml/a.csv'\n", "", run, "Cargo.toml: it is a file; expected a folder"),
            ("record = '/proc/a.csv'\n", "", run, "cannot write /proc/a.csv"),
            ("metrics = '/nowhere/a.prom'\n", "", run, "cannot write metrics to /nowhere/a.prom"),
            ("json-summary = '/nowhere/a.json'\n", "", run, "cannot write /nowhere/a.json"),
            ("faces = 2\n", "--record-every 1s", service, "the command line of the run: "),
        ] {
            let (found, _) = of(text, line, purpose);
            let [(true, found)] = &found[..] else { panic!("{text}: {found:?}") };
            assert!(found.contains(expected), "{found}");
        }
        let handed = "publish = 'udp://h:1'\npublish-password-file = '/run/credentials/wingmark.service/broker'\n";
        assert_eq!(of(handed, "", service).0, []);
        let twice = "record = '/var/lib/wingmark/a.csv'\nkeep = '2G'\nfaces = 2\n";
        let words = "settings that the command line overrides: keep, record";
        assert_eq!(of(twice, "--record a.csv --keep 2G", service).0, [(false, words.into())]);
        assert_eq!(of(twice, "--record a.csv --keep 2G", run).0, []);
        assert_eq!(of("record-when = 'face'\n", "", service).0, []);
    }

    #[test]
    fn what_a_run_reaches_and_writes_is_looked_at() {
        let parse = |line: &str| settings::read(line.split_whitespace().map(OsString::from).collect()).unwrap().0;
        let board = Board::from_toml("boards/pi-4.toml", include_str!("../../boards/pi-4.toml")).unwrap();
        let mut wanted = Wanted::by(&board, Purpose::Service);
        let run = parse(
            "wingmark run --settings none --source http://me:hush@cam/a --publish mqtt://me:hush@h --serve 8080 --record a.csv \
             --json-summary - --metrics /m/w.prom --screen png:p --publish-password-file pw",
        );
        as_started(&mut wanted, &run, Some("/srv".into()));
        let network = ["publish mqtt://me@h:1883/wingmark", "serve 127.0.0.1:8080", "source http://cam/a"];
        assert_eq!(wanted.network, network);
        assert_eq!(wanted.written, ["/srv/a.csv", "/m/w.prom", "/srv/p"].map(PathBuf::from));
        assert_eq!(wanted.secrets, [PathBuf::from("/srv/pw")]);
    }

    #[test]
    fn settings_and_command_line_go_before_the_profile() {
        let (run, service) = (Purpose::Run, Purpose::Service);
        for (text, line, purpose, expected) in [
            ("", "", run, "None Auto small []"),
            ("", "", service, "None Auto small [\"/srv\"]"),
            ("source = 'rpicam'\nscreen = 'none'\nmodel = 'nano'\n", "", run, "Some(\"rpicam\") None nano []"),
            ("faces = 2\n", "--screen none --source rpicam:1", service, "Some(\"rpicam:1\") None small [\"/srv\"]"),
            ("record = ['a.csv', 'b/a.mcap', '-']\n", "", run, "None Auto small [\".\", \"b\"]"),
            ("record = ['/r/a.csv', 'b/a.mcap']\n", "", service, "None Auto small [\"/r\", \"/srv/b\"]"),
            ("record = 'a.csv'\n", "", service, "None Auto small [\"/srv\"]"),
            ("screen = 'png:/p'\n", "", run, "None Png(\"/p\") small [\"/p\"]"),
        ] {
            assert_eq!(of(text, line, purpose), (Vec::new(), expected.into()), "{text}");
        }
        // What a service reads, too, is named from its folder on.
        let files = "source = 'no/film.mp4'\nmodel = './no'\nserve = 1\ntoken-file = 'token'\n";
        let (found, wanted) = of(files, "", service);
        assert_eq!(wanted, "Some(\"/srv/no/film.mp4\") Auto /srv/./no [\"/srv\"]");
        assert_eq!(found, [(true, "there is no /srv/token".into())]);
    }
}
