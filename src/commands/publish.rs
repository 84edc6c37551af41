//! `wingmark publish --forget`: what a broker keeps of a run is removed.

use std::io::Write;

use super::{Outcome, results};
use crate::cli::PublishArgs;

pub fn run(args: &PublishArgs) -> anyhow::Result<Outcome> {
    let password = args.password.read_for("--forget", &args.forget)?;
    for target in &args.forget {
        target.forget(password.as_deref())?;
        writeln!(results(), "{target}: nothing of it is kept any more")?;
    }
    Ok(Outcome::Done)
}
