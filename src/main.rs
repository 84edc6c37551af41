use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use wingmark::cli::Cli;
use wingmark::commands::{self, Outcome};

/// Counts allocations for `bench`: two additions each, against some two hundred instructions for the allocation itself, and
/// so few allocations a frame that it cannot be measured.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .format_timestamp(None)
        .format_target(false)
        .init();
    wingmark::model::hide_guarded_panics();
    match commands::run(Cli::read()) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::FAILURE,
        Err(error) => {
            log::error!("{}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, the first line of each; what the text already says is not said again.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        let first = cause.lines().next().unwrap_or_default();
        if !text.contains(first) {
            text = format!("{text}: {first}");
        }
    }
    text
}
