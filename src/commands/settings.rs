//! The settings file of `wingmark run`: options of its command line in TOML, by the same names. The
//! command line overrides it.
//!
//! ```toml
//! source = "/dev/video0"
//! record = ["faces.csv", "faces.mcap"]
//! record-every = "1s"
//! live = true
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory, Parser};
use thiserror::Error;
use toml::{Spanned, Value};

use crate::cli::{Cli, Command, RunArgs};
use crate::doctor::SETTINGS;
use crate::text::files;
use crate::text::message::{in_one_line, without_passwords, without_passwords_of};

const COMMAND: &str = "run";
const OPTION: &str = "settings";

#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("cannot read the settings in {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {problem}")]
    Malformed { path: PathBuf, line: usize, problem: String },
    #[error("{path}: {problem}")]
    Refused { path: PathBuf, problem: String },
    #[error("{0} is no regular file and cannot be read again; settings in a file can, or start the run anew")]
    ReadOnce(PathBuf),
    #[error("the command line of the run: {0}")]
    CommandLine(String),
}

/// The arguments of a process, and those of its settings file.
#[derive(Debug)]
pub struct Arguments {
    pub given: Vec<OsString>,
    /// What the settings file says at work, as the command line would say it.
    pub settings: Vec<OsString>,
    /// The settings that the command line overrides: it has their option, or one that they cannot
    /// be used with.
    pub overridden: Vec<Setting>,
    /// The settings that need an option which stands nowhere: they concern nothing in this run.
    pub idle: Vec<Setting>,
    /// The settings file, where there is one.
    pub file: Option<PathBuf>,
    /// Whether that holds a password.
    holds_password: bool,
}

impl Arguments {
    fn alone(given: Vec<OsString>) -> Self {
        Arguments {
            given,
            settings: Vec::new(),
            overridden: Vec::new(),
            idle: Vec::new(),
            file: None,
            holds_password: false,
        }
    }

    pub fn all(&self) -> Vec<OsString> {
        [&self.given[..], &self.settings].concat()
    }

    /// Says so where every user of the machine can read a password in the settings file.
    pub fn warn_of_readers(&self) {
        self.file.iter().filter(|_| self.holds_password).for_each(|path| files::warn_of_readers(path));
    }

    /// What of the file does nothing in this run.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        self.overridden().into_iter().chain(named("settings that concern nothing in this run", &self.idle))
    }

    /// What of the file the command line overrides.
    pub fn overridden(&self) -> Option<String> {
        named("settings that the command line overrides", &self.overridden)
    }
}

/// Settings, and what is to be said of them, if there are any.
fn named(what: &str, settings: &[Setting]) -> Option<String> {
    let names: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
}

/// The arguments of the process, and for `run` those of the settings file that they leave open.
///
/// # Errors
/// When the file cannot be read or has a key that is no option of `run`. The parser reports what is
/// wrong on the command line itself.
pub fn arguments(given: Vec<OsString>) -> Result<Arguments, SettingsError> {
    let alone = |given| Ok(Arguments::alone(given));
    let cli = built();
    let matches = cli.clone().try_get_matches_from(&given);
    // What an option needs may stand in the file.
    let is_short = matches.as_ref().is_err_and(|error| error.kind() == ErrorKind::MissingRequiredArgument);
    let matches = if is_short { Cli::command().ignore_errors(true).try_get_matches_from(&given) } else { matches };
    let Ok(matches) = matches else { return alone(given) };
    let Some((COMMAND, matches)) = matches.subcommand() else { return alone(given) };
    let named = matches.get_one::<PathBuf>(OPTION).cloned();
    // A link that leads nowhere is there, and is an error.
    let is_there = |path: &PathBuf| path.symlink_metadata().map_or_else(|e| e.kind() != NotFound, |_| true);
    let Some(path) = named.or_else(|| Some(PathBuf::from(SETTINGS)).filter(is_there)) else {
        return alone(given);
    };
    if path.as_os_str() == "none" || contradiction(&given).is_some() {
        return alone(given);
    }
    let text = files::read_text(&path).map_err(|source| SettingsError::Read { path: path.clone(), source })?;
    let run = cli.find_subcommand(COMMAND).expect("there is such a command");
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let (overridden, open): (Vec<Setting>, Vec<Setting>) = settings(run, &path, &text)?
        .into_iter()
        .partition(|setting| is_given(&setting.id) || contradicts(&given, &setting.arguments));
    let set: BTreeSet<String> =
        open.iter().filter(|setting| !setting.arguments.is_empty()).map(|s| s.id.clone()).collect();
    let is_idle = |setting: &Setting| setting.needs.iter().any(|id| !is_given(id) && !set.contains(id));
    let (idle, at_work): (Vec<Setting>, Vec<Setting>) = open.into_iter().partition(is_idle);
    let settings: Vec<OsString> = at_work.into_iter().flat_map(|setting| setting.arguments).collect();
    let all = [&given[..], &settings].concat();
    if let Some((_, problem)) = contradiction(&all) {
        return Err(SettingsError::Refused { path, problem });
    }
    match Cli::try_parse_from(&all) {
        Ok(_) => {
            let holds_password = without_passwords(&text) != text;
            Ok(Arguments { given, settings, overridden, idle, file: Some(path), holds_password })
        }
        // The command line's own fault, which the file does not mend.
        Err(error) if is_short && error.kind() == ErrorKind::MissingRequiredArgument => alone(given),
        Err(error) => Err(SettingsError::Refused { path, problem: problem(&error, &all) }),
    }
}

/// Which options of a run contradict each other, where the parser of command lines does not know.
fn contradiction(arguments: &[OsString]) -> Option<(ErrorKind, String)> {
    match Cli::try_parse_from(arguments).ok()?.command {
        Command::Run(args) => args.contradiction(),
        _ => None,
    }
}

/// Whether a setting cannot be used with what is given.
fn contradicts(given: &[OsString], setting: &[OsString]) -> bool {
    let all = [given, setting].concat();
    let kind = match Cli::try_parse_from(&all) {
        Err(error) => Some(error.kind()),
        Ok(_) => contradiction(&all).map(|(kind, _)| kind),
    };
    kind == Some(ErrorKind::ArgumentConflict)
}

/// What a run of these arguments does, its settings file included.
///
/// # Errors
/// When the file or the command line is wrong.
pub fn read(given: Vec<OsString>) -> Result<(RunArgs, Arguments), SettingsError> {
    let read = arguments(given)?;
    let all = read.all();
    let cli = Cli::try_parse_from(&all);
    match cli.map_err(|error| SettingsError::CommandLine(problem(&error, &all)))?.command {
        Command::Run(args) => match args.contradiction() {
            None => Ok((args, read)),
            Some((_, problem)) => Err(SettingsError::CommandLine(problem)),
        },
        _ => Err(SettingsError::CommandLine("it is another command than run".into())),
    }
}

/// The options that are not the same in two lists of such arguments as settings become.
pub fn differing(before: &[OsString], after: &[OsString]) -> BTreeSet<String> {
    let (before, after) = (by_option(before), by_option(after));
    let all = before.keys().chain(after.keys());
    all.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// The arguments of each option, by its name.
fn by_option(arguments: &[OsString]) -> BTreeMap<String, Vec<&OsString>> {
    let mut options = BTreeMap::<String, Vec<&OsString>>::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        let name = text.trim_start_matches('-').split('=').next().unwrap_or_default();
        options.entry(name.into()).or_default().push(argument);
    }
    options
}

/// Whether a file of this text says only what `run` knows; `path` is for messages.
pub fn check(path: &Path, text: &str) -> Result<(), SettingsError> {
    let cli = built();
    settings(cli.find_subcommand(COMMAND).expect("there is such a command"), path, text).map(drop)
}

/// What the parser of command lines says of these arguments, in one line, without its advice and
/// without passwords.
fn problem(error: &clap::Error, arguments: &[OsString]) -> String {
    let text = without_passwords_of(arguments, error.to_string());
    let said = text.split("\n\n").next().unwrap_or_default();
    in_one_line(said.trim_start_matches("error: "))
}

/// A line of the file, as the command line would have it.
#[derive(Debug)]
pub struct Setting {
    pub name: String,
    /// Of the argument.
    id: String,
    pub arguments: Vec<OsString>,
    /// The ids of the arguments without which it says nothing.
    needs: Vec<String>,
}

impl Setting {
    /// What is wrong with its value, whatever the other settings say, is the error.
    fn read(run: &clap::Command, arg: &clap::Arg, arguments: Vec<OsString>) -> Result<Self, String> {
        let name = std::env!("CARGO_PKG_NAME");
        let alone: Vec<OsString> = [name.into(), COMMAND.into()].into_iter().chain(arguments.iter().cloned()).collect();
        if let Some((ErrorKind::ArgumentConflict, problem)) = contradiction(&alone) {
            return Err(problem);
        }
        let needs = match Cli::try_parse_from(&alone) {
            Err(error) if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) => {
                return Err(problem(&error, &arguments));
            }
            Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => missing(run, &error),
            _ => Vec::new(),
        };
        let name = arg.get_long().unwrap_or_default().into();
        Ok(Setting { name, id: arg.get_id().to_string(), arguments, needs })
    }
}

/// The command line; only once it is built its arguments have the names that messages call them by.
fn built() -> clap::Command {
    let mut cli = Cli::command();
    cli.build();
    cli
}

/// The ids of the arguments that the parser of command lines misses.
fn missing(run: &clap::Command, error: &clap::Error) -> Vec<String> {
    let Some(ContextValue::Strings(shown)) = error.get(ContextKind::InvalidArg) else { return Vec::new() };
    let is_shown = |arg: &&clap::Arg| shown.contains(&arg.to_string());
    run.get_arguments().filter(is_shown).map(|arg| arg.get_id().to_string()).collect()
}

fn settings(run: &clap::Command, path: &Path, text: &str) -> Result<Vec<Setting>, SettingsError> {
    let malformed = |at: usize, problem: String| {
        let line = 1 + text[..at.min(text.len())].matches('\n').count();
        SettingsError::Malformed { path: path.into(), line, problem }
    };
    let table: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(text).map_err(|error: toml::de::Error| {
        let span = error.span().unwrap_or(0..0);
        // What reads as a whole number and was not taken has more than 64 bits.
        let problem = match text.get(span.clone()) {
            Some(value) if value.parse::<i128>().is_ok() => format!("{value} is too large a number"),
            _ => error.message().lines().next().unwrap_or_default().into(),
        };
        malformed(span.start, problem)
    })?;
    let known = || run.get_arguments().filter(|arg| ![OPTION, "help"].contains(&arg.get_id().as_str()));
    table
        .iter()
        .map(|(key, value)| {
            let name = key.get_ref();
            let arg = known().find(|arg| arg.get_long() == Some(name)).ok_or_else(|| {
                let names: Vec<&str> = known().filter_map(clap::Arg::get_long).collect();
                malformed(key.span().start, format!("{name:?} is no setting of run; there are {}", names.join(", ")))
            })?;
            let arguments = values(arg, value.get_ref()).ok_or_else(|| {
                let expected = match arg.get_action() {
                    ArgAction::SetTrue => "true or false",
                    ArgAction::Append => "a text, or a list of texts",
                    _ => "a text or a number",
                };
                let found = without_passwords(&value.get_ref().to_string());
                malformed(value.span().start, format!("{name} is {found}; expected {expected}"))
            })?;
            Setting::read(run, arg, arguments).map_err(|problem| malformed(value.span().start, problem))
        })
        .collect()
}

/// The value as arguments; `None` if it is not of the kind that the argument takes.
fn values(arg: &clap::Arg, value: &Value) -> Option<Vec<OsString>> {
    let name = arg.get_long()?;
    let one = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return None,
        };
        Some(OsString::from(format!("--{name}={text}")))
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(on)) => Some(on.then(|| format!("--{name}").into()).into_iter().collect()),
        (ArgAction::SetTrue, _) => None,
        (ArgAction::Append, Value::Array(list)) => list.iter().map(one).collect(),
        (_, value) => Some(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, given: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        let given = given.split_whitespace().map(OsString::from);
        let given = given.chain(["--settings".into(), path.clone().into()]).collect::<Vec<OsString>>();
        let folder = format!("{}/", folder.path().display());
        arguments(given)
            .map(|read| read.settings.iter().map(|argument| argument.to_string_lossy().into_owned()).collect())
            .map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn what_the_command_line_leaves_open_is_added() {
        let text = "# A comment.\nlive = true\nresume = false\nfaces = 2\nrecord = ['a.csv', 'b.mcap']\nrecord-every = \"1s\"\n";
        let all = ["--faces=2", "--live", "--record=a.csv", "--record=b.mcap", "--record-every=1s"];
        assert_eq!(with(text, "wingmark run").unwrap(), all);
        let some = ["--faces=2", "--live", "--record-every=1s"];
        assert_eq!(with(text, "wingmark run --record c.jsonl").unwrap(), some);
        assert_eq!(with("", "wingmark run").unwrap(), [""; 0]);
    }

    #[test]
    fn what_concerns_nothing_in_a_run_is_no_fault() {
        let text = "faces = 2\nmetrics-every = '1s'\npublish-rate = 2\npublish-password-file = 'a'\nrecord-every = '1s'\n\
                    record-fields = 'pose'\nrecord-when = 'face'\nresume = true\nserve-video = true\ntoken-file = 'b'\n";
        assert_eq!(with(text, "wingmark run").unwrap(), ["--faces=2"]);
        let logged = ["--faces=2", "--record-every=1s", "--record-fields=pose", "--record-when=face"];
        assert_eq!(with(text, "wingmark run --record a.csv").unwrap(), logged);
        let shown = ["--faces=2", "--serve-video", "--token-file=b"];
        assert_eq!(with(text, "wingmark run --serve 8080").unwrap(), shown);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "record-when = 'face'\nserve-video = false\ntoken-file = 'b'\n").unwrap();
        let given = ["wingmark", "run", "--settings", path.to_str().unwrap()].map(OsString::from);
        let remarks: Vec<String> = arguments(given.into()).unwrap().remarks().collect();
        assert_eq!(remarks, ["settings that concern nothing in this run: record-when, token-file"]);
        // A wrong value is one all the same.
        assert!(with("record-every = '1'\nrecord-when = 'often'\n", "wingmark run").unwrap_err().contains("line 2: "));
    }

    #[test]
    fn what_an_option_on_the_command_line_needs_may_stand_in_the_file() {
        let text = "record = 'a.csv'\npublish = 'udp://h:1'\n";
        let line = "wingmark run --record-every 1s --publish-rate 2";
        assert_eq!(with(text, line).unwrap(), ["--publish=udp://h:1", "--record=a.csv"]);
        // Where it does not, the command line is at fault, which its parser says.
        assert_eq!(with("faces = 2\n", line).unwrap(), [""; 0]);
    }

    #[test]
    fn options_that_differ_are_known() {
        let list = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let before = list("--faces=2 --live --record=a.csv --record=b.csv --model=small");
        let after = list("--faces=2 --record=a.csv --model=nano --keep=2G");
        assert_eq!(differing(&before, &after).into_iter().collect::<Vec<_>>(), ["keep", "live", "model", "record"]);
        assert!(differing(&before, &before).is_empty());
    }

    #[test]
    fn what_is_no_setting_is_refused_with_its_line() {
        for (text, expected) in [
            ("faces = 2\nface = 3\n", "settings.toml, line 2: \"face\" is no setting of run; there are source, "),
            ("\n\nsettings = 'a'\n", "settings.toml, line 3: \"settings\" is no setting"),
            ("live = 'yes'\n", "settings.toml, line 1: live is \"yes\"; expected true or false"),
            (
                "source = ['rtsp://u:secret@h/x']\n",
                "settings.toml, line 1: source is [\"rtsp://u:***@h/x\"]; expected ",
            ),
            ("faces = [1]\n", "settings.toml, line 1: faces is [1]; expected a text or a number"),
            ("faces = \n", "settings.toml, line 1: "),
            ("\nfaces = 99999999999999999999", "settings.toml, line 2: 99999999999999999999 is too large a number"),
            ("\nfaces = 0\n", "settings.toml, line 2: invalid value '0' for '--faces <N>': expected a whole number"),
            ("live = true\nmodel = \"na\\nno\"\n", "settings.toml, line 2: invalid value 'na no' for '--model"),
            ("publish = 'mqtt://me:a/b@h'\n", "settings.toml, line 1: invalid value 'mqtt://me:***@h' for '--publish"),
            (
                "record = 'a.csv'\nsource = 'b'\nresume = true\nrecord-every = '1s'\n",
                "settings.toml: the argument '--re",
            ),
            ("record = ['-', '-']\n", "settings.toml, line 1: --record - is given twice"),
            (
                "live = true\npublish = ['udp://h:1', 'udp://h:1']\n",
                "settings.toml, line 2: --publish udp://h:1 is given",
            ),
            ("serve = '0.0.0.0:1'\n", "settings.toml: --serve 0.0.0.0:1 is open to other machines; give --token-file"),
        ] {
            let error = with(text, "wingmark run").unwrap_err();
            assert!(error.starts_with(expected) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn the_command_line_goes_before_what_cannot_be_used_with_it() {
        for (text, line, added, remark) in [
            ("record = 'b.csv'\nkeep = '2G'\nfaces = 2\n", "--record a.csv --keep 1G", "--faces=2", "keep, record"),
            ("record-when = 'face'\nfaces = 2\n", "--source a --record a.csv --resume", "--faces=2", "record-when"),
            ("resume = true\nsource = 'a'\n", "--record a.csv --record-every 2", "--source=a", "resume"),
            ("json-summary = '-'\nlive = true\n", "--record -", "--live", "json-summary"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("settings.toml");
            std::fs::write(&path, text).unwrap();
            let given = format!("wingmark run --settings {} {line}", path.display());
            let given: Vec<OsString> = given.split_whitespace().map(OsString::from).collect();
            let (_, read) = read(given).unwrap();
            assert_eq!(read.settings, [OsString::from(added)], "{line}");
            let remarks: Vec<String> = read.remarks().collect();
            assert_eq!(remarks, [format!("settings that the command line overrides: {remark}")], "{line}");
        }
        // Its own contradictions are its own fault, whatever the file says.
        assert_eq!(with("faces = 2\n", "wingmark run --record - --record -").unwrap(), [""; 0]);
    }

    #[test]
    fn what_a_run_would_fail_at_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (text, line, expected) in [
            ("keep = '2G'\n", "", None),
            ("record-every = '1s'\n", "--record a.csv", None),
            ("keep = 10\n", "", Some("line 1: invalid value '10' for '--keep <SIZE>'")),
            ("live = true\nbogus = 1\n", "", Some("line 2: \"bogus\" is no setting of run")),
            ("source = 'a'\nresume = true\nrecord-when = 'face'\n", "--record a.csv", Some("toml: the argument '--re")),
            ("faces = 2\n", "--bogus", Some("the command line of the run: unexpected argument '--bogus' found")),
            ("faces = 2\n", "--record - --record -", Some("the command line of the run: --record - is given twice")),
        ] {
            std::fs::write(&path, text).unwrap();
            let given = format!("wingmark run --settings {} {line}", path.display());
            let fault =
                read(given.split_whitespace().map(OsString::from).collect()).err().map(|fault| fault.to_string());
            assert_eq!(fault.is_some(), expected.is_some(), "{fault:?}");
            assert!(fault.as_ref().is_none_or(|fault| fault.contains(expected.unwrap())), "{fault:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named_and_none_is_no_file() {
        let arguments =
            |file: &str| super::arguments(["wingmark", "run", "--settings", file].map(OsString::from).into());
        let folder = tempfile::tempdir().unwrap();
        let latin = folder.path().join("latin.toml");
        std::fs::write(&latin, b"live = true\n# Gr\xf6\xdfe\n").unwrap();
        let error = arguments(latin.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("latin.toml: line 2 is no UTF-8; save it as UTF-8"), "{error}");
        let error = arguments("/dev/zero").unwrap_err().to_string();
        assert!(error.ends_with("/dev/zero: it is too large; expected at most 1 MiB"), "{error}");
        let error = arguments("/nowhere.toml").unwrap_err().to_string();
        assert!(error.starts_with("cannot read the settings in /nowhere.toml: "), "{error}");
        assert_eq!(arguments("none").unwrap().all().len(), 4);
    }
}
