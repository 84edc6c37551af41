//! Programs that end with this process, however that ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread::Builder;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use crate::threads;

/// A program to start, and where to say how that went.
type Job = (Command, Sender<io::Result<Child>>);

/// To the thread that starts programs. It ends with the process.
static STARTER: Mutex<Option<Sender<Job>>> = Mutex::new(None);

/// Starts a program that the kernel ends when this process ends. Where this process is killed,
/// nothing else would, and the program would keep its camera. The kernel goes by the thread that
/// starts a program, and whoever opens a source may do so on one that ends: so it is always the
/// same thread, which does not.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    tie(&mut command);
    let (answer, started) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts programs is gone");
    starter()?.send((command, answer)).map_err(|_| gone())?;
    started.recv().unwrap_or_else(|_| Err(gone()))
}

fn starter() -> io::Result<Sender<Job>> {
    let mut starter = STARTER.lock().expect("nobody panics while holding it");
    if let Some(starter) = &*starter {
        return Ok(starter.clone());
    }
    let (give, jobs) = mpsc::channel::<Job>();
    let start_all = move || {
        for (mut command, answer) in jobs {
            // Who asked waits for it.
            let _ = answer.send(command.spawn());
        }
    };
    threads::start_beside(Builder::new().name("programs".into()), "no program can be started any more", start_all)?;
    Ok(starter.insert(give).clone())
}

/// Ctrl-C in a terminal is for this process: it ends its programs itself.
fn tie(command: &mut Command) {
    command.process_group(0);
    let parent = getpid();
    let tie = move || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Who ended before that gives no signal any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec, the function makes two calls of the system, and neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(tie) };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_program_outlives_the_thread_that_asked_for_it() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let mut child = std::thread::spawn(move || spawn(command)).join().unwrap().unwrap();
        // Time for a signal to come.
        std::thread::sleep(Duration::from_millis(200));
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ended, None);
    }
}
