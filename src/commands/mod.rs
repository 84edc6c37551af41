//! One verb, one file.

mod bench;
mod compare;
mod demo;
mod doctor;
mod eval;
mod latency;
pub mod messages;
mod publish;
mod reload;
mod renewal;
mod run;
pub mod settings;
mod slate;
mod testcard;

use std::ffi::OsString;
use std::io::{self, ErrorKind, StdoutLock, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use self::settings::Arguments;
use crate::cli::{Cli, Command};
use crate::machine::{Tree, memory_fault};
use crate::text::files;
use crate::text::message::{counted, without_passwords};

/// How a command ended that did not stop with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Some pictures could not be read, or something is in the way; the rest was dealt with.
    Incomplete,
}

/// Says that the arguments of a process are no place for a password.
pub fn warn_of_passwords(arguments: &[OsString]) {
    let texts = arguments.iter().map(|argument| argument.to_string_lossy());
    let telling: Vec<_> = texts.filter(|text| without_passwords(text) != *text).collect();
    if telling.is_empty() {
        return;
    }
    let are_brokers = telling.iter().all(|text| text.contains("mqtt://") || text.contains("mqtts://"));
    let file = if are_brokers { "--publish-password-file or the settings file" } else { "the settings file" };
    log::warn!("a password on the command line is seen by everybody on this machine (ps); {file} hides it");
}

/// Does what the command line says, which was read of these arguments.
pub fn run(cli: Cli, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let is_looked_at = matches!(&cli.command, Command::Doctor(args) if args.model.is_none());
    if !is_looked_at && let Some(fault) = memory_fault(&Tree::here()) {
        anyhow::bail!("{fault}: raise the limit");
    }
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => {
            arguments.warn_of_readers();
            run::run(&args, arguments)
        }
        Command::Eval(args) => eval::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Testcard(args) => testcard::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Latency(args) => latency::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Reload(args) => reload::run(&args),
    }
}

/// Whether results can be written to a file: asked before what takes long.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    files::check_writable(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Standard output. A reader may close the pipe when it has seen enough: that is no failure, and it
/// hides none.
fn results() -> impl Write {
    struct Results(StdoutLock<'static>);

    impl Results {
        fn unless_closed<T>(done: io::Result<T>, instead: T) -> io::Result<T> {
            match done {
                Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(instead),
                done => done.map_err(|e| io::Error::new(e.kind(), format!("cannot write to standard output: {e}"))),
            }
        }
    }

    impl Write for Results {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Results::unless_closed(self.0.write(bytes), bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Results::unless_closed(self.0.flush(), ())
        }
    }

    Results(io::stdout().lock())
}

fn write_json(path: &Path, figures: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(figures).expect("figures have text keys") + "\n";
    files::put(path, &text).with_context(|| format!("cannot write {}", path.display()))
}
