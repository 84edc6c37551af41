//! Starting the binary.
#![allow(dead_code)] // Not every file of tests needs all of it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in a folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmark"));
    command.args(arguments).current_dir(folder);
    command
}

pub fn wingmark(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the binary runs")
}

/// The binary with these bytes on its standard input, which then ends.
pub fn piped(folder: &Path, arguments: &[&str], bytes: &[u8]) -> Output {
    let mut command = command(folder, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A reader that has seen enough closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
