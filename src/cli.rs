//! The command line: reading it, and the list of commands.

mod apart;
mod machine;
mod measure;
mod named;
mod run;
mod shared;

use std::ffi::OsString;
use std::io::Write;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

pub use self::machine::{DoctorArgs, LatencyArgs, TestcardArgs};
pub use self::measure::{BenchArgs, CompareArgs, EvalArgs};
pub(crate) use self::named::Role;
pub(crate) use self::run::is_stdout;
pub use self::run::{DemoArgs, PasswordArgs, PublishArgs, ReloadArgs, RunArgs, ServeArgs};
pub use self::shared::{BoardArgs, CameraArgs, FollowArgs, LogArgs, ScreenArgs};
use crate::face::zoo;
use crate::machine::{COMMIT, VERSION};
use crate::text::message::without_passwords_of;

/// Face landmarks in real time on small boards.
///
/// Results go to standard output, messages to standard error. RUST_LOG=info says more. Exit codes:
/// 0 when all was done, 1 when something failed, 2 when the command line or the settings are wrong.
#[derive(Debug, Parser)]
#[command(version, long_version = long_version(), max_term_width = 100, mut_subcommands = values_below_zero)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line; where it is wrong, says why and ends the process with code 2.
    pub fn read(arguments: Vec<OsString>) -> Self {
        let cli = Cli::try_parse_from(&arguments).unwrap_or_else(|error| refuse(&error, &arguments));
        if let Some((command, kind, words)) = cli.command.contradiction() {
            wrong(command, kind, &words);
        }
        cli
    }
}

/// Takes `-1` for a value, so that who gives it is told what is expected.
fn values_below_zero(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let takes_values = arg.get_action().takes_values();
        if takes_values { arg.allow_negative_numbers(true) } else { arg }
    })
}

/// Ends the process as clap does, with how the command is used.
fn wrong(command: &str, kind: ErrorKind, words: &str) -> ! {
    let mut cli = Cli::command();
    cli.build();
    cli.find_subcommand_mut(command).expect("there is such a command").error(kind, words).exit()
}

/// Says what is wrong and ends the process as clap does, without the passwords in what was given.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ! {
    let said = error.render().to_string();
    let clean = without_passwords_of(arguments, said.clone());
    if clean == said {
        // Help and version are results: a full disk is no success.
        let is_lost =
            error.print().is_err_and(|e| e.kind() != std::io::ErrorKind::BrokenPipe) && error.exit_code() == 0;
        std::process::exit(if is_lost { 1 } else { error.exit_code() });
    }
    // Where standard error is closed, nobody reads it.
    let _ = std::io::stderr().write_all(clean.as_bytes());
    std::process::exit(error.exit_code())
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is matched once")]
pub enum Command {
    Demo(DemoArgs),
    Run(RunArgs),
    Eval(EvalArgs),
    Testcard(TestcardArgs),
    Bench(BenchArgs),
    Compare(CompareArgs),
    Latency(LatencyArgs),
    Doctor(DoctorArgs),
    Publish(PublishArgs),
    Reload(ReloadArgs),
}

impl Command {
    /// Its name, and which of its options contradict each other, where a parser of single options
    /// cannot know.
    fn contradiction(&self) -> Option<(&'static str, ErrorKind, String)> {
        let conflict = |words: String| (ErrorKind::ArgumentConflict, words);
        let (name, found) = match self {
            Command::Run(args) => ("run", args.contradiction()),
            Command::Eval(args) => ("eval", args.files().fault().map(conflict)),
            Command::Bench(args) => ("bench", args.contradiction().map(conflict)),
            Command::Compare(args) => ("compare", args.files().fault().map(conflict)),
            Command::Latency(args) => ("latency", args.files().fault().map(conflict)),
            Command::Publish(args) => ("publish", args.contradiction().map(conflict)),
            _ => return None,
        };
        found.map(|(kind, words)| (name, kind, words))
    }
}

/// Version, commit, features and models of this binary.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let features = [
            ("base", cfg!(feature = "base")),
            ("float", cfg!(feature = "float")),
            ("page", cfg!(feature = "page")),
            ("tls", cfg!(feature = "tls")),
            ("window", cfg!(feature = "window")),
        ];
        let features: Vec<&str> = features.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name).collect();
        let model = |shipped: &zoo::Shipped| match shipped.card() {
            Ok(card) => format!("{} ({}, {:.8})", shipped.name, card.date, card.sha256),
            Err(_) => shipped.name.into(),
        };
        let models: Vec<String> = zoo::SHIPPED.iter().map(model).collect();
        format!(
            "{VERSION}\ncommit: {COMMIT}\nfeatures: {}\nmodels: {}",
            if features.is_empty() { "none".into() } else { features.join(", ") },
            models.join(", ")
        )
    });
    &TEXT
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Arg;

    use super::*;
    use crate::screen::ScreenChoice;

    /// A file that is missing in a command's list may be written over.
    #[cfg(feature = "page")]
    #[test]
    fn every_file_that_a_command_names_is_in_its_list() {
        const FILES: [&str; 6] = ["FILE", "DIR", "PATH", "REPORT", "SCREEN", "SOURCE"];
        for line in [
            "run --source a --settings b --record c.csv --json-summary d --metrics e.prom --screen png:f --model ./g \
             --board h.toml --publish udp://i:1 --publish-password-file j --serve 80 --token-file k",
            "eval --data a --model ./b --json c --predictions d.csv",
            "bench --model ./a --source b --against c.onnx --board d.toml --json e",
            "compare a.json --markdown b.md --html c.html --svg d",
            "latency --source a --board b.toml --screen png:c --json d",
        ] {
            let cli = Cli::try_parse_from(["wingmark"].into_iter().chain(line.split_whitespace())).unwrap();
            let (name, files) = match &cli.command {
                Command::Run(args) => ("run", args.files(args.screen.screen.as_ref().unwrap_or(&ScreenChoice::None))),
                Command::Eval(args) => ("eval", args.files()),
                Command::Bench(args) => ("bench", args.files()),
                Command::Compare(args) => ("compare", args.files()),
                Command::Latency(args) => ("latency", args.files()),
                other => panic!("{other:?}"),
            };
            let listed: BTreeSet<String> = files.iter().map(|file| file.option.into()).collect();
            let mut all = Cli::command();
            all.build();
            let command = all.find_subcommand(name).unwrap();
            let values = |arg: &Arg| arg.get_value_names().unwrap_or_default().join(" ");
            let named = command.get_arguments().filter(|arg| FILES.iter().any(|file| values(arg).contains(file)));
            let named = named.map(|arg| arg.get_long().map_or_else(|| values(arg), |long| format!("--{long}")));
            assert_eq!(listed, named.collect(), "{line}");
        }
    }
}
