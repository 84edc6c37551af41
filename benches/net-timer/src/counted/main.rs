//! What tests/arm/count.sh and threads.sh count, under an emulator:
//!
//!     counted net FILE.onnx          a net, frame by frame
//!     counted stages FORMAT          the stages of a whole frame, yuyv or nv12, one by one
//!     counted chunks FILE.onnx       the chunks into which one to four threads cut a net's steps
//!     counted play RATE <CHUNKS      simulated cores, with chunks that were counted
//!     counted memory FILE.onnx       nothing is counted: bytes in which one to four threads hold a frame
//!
//! Asks for its process before each part and for that one's parent after it, system calls by which
//! a counting emulator tells parts apart (tests/arm/count.c), and prints a line for each part.

mod net;
mod scene;
mod simulate;
mod stages;
mod threads;

use std::cell::RefCell;
use std::fmt::Display;
use std::os::unix::process::parent_id;
use std::process::id;

use anyhow::{Result, bail};

thread_local! {
    static PARTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A part begins here, or after the part before.
fn begin() {
    let _ = id();
}

/// What was done since the last part, or [`begin`], was this one.
fn done(part: impl Display) {
    let _ = parent_id();
    PARTS.with_borrow_mut(|parts| parts.push(part.to_string()));
    begin();
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["net", file] => net::run(file)?,
        ["stages", format] => stages::run(format.parse()?)?,
        ["chunks", file] => threads::run_chunks(file)?,
        ["play", rate] => threads::play(rate.parse()?)?,
        ["memory", file] => threads::memory(file)?,
        _ => bail!("counted net FILE.onnx | stages FORMAT | chunks FILE.onnx | play RATE <CHUNKS | memory FILE.onnx"),
    }
    PARTS.with_borrow(|parts| parts.iter().for_each(|part| println!("{part}")));
    Ok(())
}
