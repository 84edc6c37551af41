//! `wingmark reload`: a run takes its model and settings anew.

use std::io::Write;

use anyhow::{Context, anyhow, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{Outcome, results};
use crate::cli::ReloadArgs;
use crate::machine::{Tree, runs};

pub fn run(args: &ReloadArgs) -> anyhow::Result<Outcome> {
    let pid = match args.pid {
        Some(pid) => pid,
        None => the_only(&runs(&Tree::here()))?,
    };
    let process = Pid::from_raw(pid).context("0 is no process")?;
    kill_process(process, Signal::HUP).map_err(|e| match e {
        Errno::PERM => anyhow!("process {pid} is another user's; tell it as that user or as root"),
        e => anyhow!("cannot signal process {pid}: {e}"),
    })?;
    writeln!(results(), "process {pid} takes its model and settings anew; its log says what became of it")?;
    Ok(Outcome::Done)
}

fn the_only(runs: &[i32]) -> anyhow::Result<i32> {
    match runs {
        [] => bail!("no wingmark run was found; name its process with --pid, or start one"),
        [pid] => Ok(*pid),
        several => {
            let list: Vec<String> = several.iter().map(i32::to_string).collect();
            bail!("there are several runs; name one with --pid: {}", list.join(", "))
        }
    }
}
