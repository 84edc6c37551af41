//! What threads share, and how one of them ends.

mod slot;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) use slot::ClosesWhenDropped;
pub use slot::{Policy, Slot, Taken};

/// How a thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Whole,
    /// Its message has been printed.
    Panicked,
    /// Not in time.
    NotYet,
}

/// Waits for a thread no longer than until `deadline`.
pub(crate) fn join_until(thread: JoinHandle<()>, deadline: Instant) -> Ended {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return Ended::NotYet;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().map_or(Ended::Panicked, |()| Ended::Whole)
}
