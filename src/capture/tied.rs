//! Programs that end with this process, however that ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Starts a program that the kernel ends when the thread ends that calls this. Where this process
/// is killed, nothing else would, and the program would keep its camera.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let parent = getpid();
    let tie = move || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Who ended before that gives no signal any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec, the function makes two calls of the system, and neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(tie) };
    command.spawn()
}
