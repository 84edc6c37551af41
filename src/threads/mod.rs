//! What threads share, and how one of them ends.

mod slot;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use slot::ClosesWhenDropped;
pub use slot::{Policy, Slot, Taken};

/// Threads of this process that panicked.
static PANICKED: AtomicUsize = AtomicUsize::new(0);

/// How many threads panicked so far, of those that [`start`] and [`start_beside`] started.
pub fn panicked() -> usize {
    PANICKED.load(Ordering::Relaxed)
}

/// Starts a thread whose panic is counted. Whoever waits for it says what is lost by that.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(move || {
        let _counts = Counts { lost: None };
        work();
    })
}

/// Starts a thread that works beside the frames, and whose panic is counted and said, with what is
/// lost by it: "the metrics file is not written any more".
pub(crate) fn start_beside(
    thread: Builder,
    lost: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread.spawn(move || {
        let _counts = Counts { lost: Some(lost) };
        work();
    })
}

/// Counts a panic of the thread that drops it.
struct Counts {
    lost: Option<&'static str>,
}

impl Drop for Counts {
    fn drop(&mut self) {
        if std::thread::panicking() {
            PANICKED.fetch_add(1, Ordering::Relaxed);
            self.lost.iter().for_each(|lost| log::error!("a thread panicked: {lost}"));
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_counts_and_an_end_does_not() {
        // Other tests have threads that panic, too.
        let before = panicked();
        let broken = start("broken", || panic!("as it should")).unwrap();
        let beside = start_beside(Builder::new(), "nothing is lost", || panic!("as it should")).unwrap();
        let whole = start("whole", || ()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(join_until(broken, deadline), Ended::Panicked);
        assert_eq!(join_until(beside, deadline), Ended::Panicked);
        assert_eq!(join_until(whole, deadline), Ended::Whole);
        assert!(panicked() >= before + 2);
    }
}
