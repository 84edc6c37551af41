//! One verb, one file.

mod bench;
mod compare;
mod demo;
mod doctor;
mod eval;
mod latency;
mod run;
mod testcard;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::cli::{Cli, Command};

/// How a command ended that did not stop with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Some pictures could not be read, or something is in the way; the rest was dealt with.
    Incomplete,
}

pub fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Testcard(args) => testcard::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Latency(args) => latency::run(&args),
    }
}

fn write_json(path: &Path, figures: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(figures).expect("figures have text keys") + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// `1 face`, `2 faces`.
fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
