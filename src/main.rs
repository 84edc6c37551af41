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
            log::error!("{}", wingmark::doctor::in_one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
