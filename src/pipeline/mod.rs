//! The threads of a run: one captures, one observes and records, one shows. On a live source a slow
//! thread never holds up the one before it: it gets the newest frame. Sequence numbers tell how
//! many frames it missed.

mod display;
mod feed;
mod hourly;
#[cfg(feature = "program")]
pub mod service;
mod slot;
mod watch;

pub use display::{Display, Show};
pub use feed::{Feed, Note};
pub use hourly::Hourly;
pub use slot::{Policy, Slot, Taken};
pub use watch::StatusWatch;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    /// Its message has been printed.
    Panicked,
    /// Not in time.
    NotYet,
}

/// Waits for a thread no longer than until `deadline`.
fn join_until(thread: JoinHandle<()>, deadline: Instant) -> Ended {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return Ended::NotYet;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().map_or(Ended::Panicked, |()| Ended::Whole)
}
