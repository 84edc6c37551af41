//! `wingmark reload`: a run takes its model and settings anew.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::slate::{SlateReader, Verdict};
use super::{Outcome, results};
use crate::cli::ReloadArgs;
use crate::machine::{Tree, runs};

/// Between looks at what became of it.
const TICK: Duration = Duration::from_millis(50);

pub fn run(args: &ReloadArgs) -> anyhow::Result<Outcome> {
    let pid = match args.pid {
        Some(pid) => pid,
        None => the_only(&runs(&Tree::here()))?,
    };
    let process = Pid::from_raw(pid).context("0 is no process")?;
    let mut slate = slate_of(pid)?;
    let begun = slate.begun()?;
    kill_process(process, Signal::HUP).map_err(|e| no_signal(pid, e))?;
    match verdict(&mut slate, begun, process, args.within)? {
        Verdict::Taken(words) => writeln!(results(), "process {pid}: {words}")?,
        Verdict::Refused(reason) => bail!("process {pid} did not reload, all stays as it was: {reason}"),
    }
    Ok(Outcome::Done)
}

fn slate_of(pid: i32) -> anyhow::Result<SlateReader> {
    match SlateReader::of(pid) {
        Ok(Some(slate)) => Ok(slate),
        Ok(None) => {
            bail!("process {pid} does not reload: it is no `wingmark run`, or still opens its model and camera")
        }
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Err(no_signal(pid, Errno::PERM)),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(no_signal(pid, Errno::SRCH)),
        Err(e) => Err(anyhow!("cannot look into process {pid}: {e}")),
    }
}

fn no_signal(pid: i32, error: Errno) -> anyhow::Error {
    match error {
        Errno::PERM => anyhow!("process {pid} is another user's; tell it as that user or as root"),
        e => anyhow!("cannot signal process {pid}: {e}"),
    }
}

/// Waits for what becomes of the first reload after `begun` others.
fn verdict(slate: &mut SlateReader, begun: u64, process: Pid, within: Duration) -> anyhow::Result<Verdict> {
    let end = Instant::now() + within;
    loop {
        // What a process said before it ended counts.
        let has_ended = test_kill_process(process).is_err();
        if let Some(verdict) = slate.verdict_after(begun)? {
            return Ok(verdict);
        }
        let pid = process.as_raw_nonzero();
        if has_ended {
            bail!("process {pid} ended before it said what became of it");
        }
        if Instant::now() >= end {
            bail!(
                "process {pid} said nothing within {} s and goes on with it; its log will say what became of it",
                within.as_secs_f64()
            );
        }
        std::thread::sleep(TICK);
    }
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
