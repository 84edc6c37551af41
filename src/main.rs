use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use wingmark::cli::Cli;
use wingmark::commands::settings::{self, SettingsError};
use wingmark::commands::{self, Outcome, messages};

/// Counts allocations for `bench`. That costs two additions each, beside some two hundred
/// instructions of the allocation itself; a frame makes so few that it cannot be measured.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As clap ends with for a command line that is wrong, or settings that stand for it.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    messages::start();
    wingmark::model::hide_guarded_panics();
    let arguments = match settings::arguments(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            log::error!("{error}");
            let is_unread = matches!(error, SettingsError::Read { .. });
            return if is_unread { ExitCode::FAILURE } else { ExitCode::from(WRONG_USAGE) };
        }
    };
    arguments.remarks().for_each(|remark| log::info!("{remark}"));
    let cli = Cli::read(arguments.all());
    commands::warn_of_passwords(&arguments.given);
    match commands::run(cli, &arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::FAILURE,
        Err(error) => {
            log::error!("{}", wingmark::doctor::with_advice(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
