//! Whether there is a standard output. Where there is none, Rust's runtime puts `/dev/null` in its
//! place before `main`, and what is written there is lost in silence.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::io::{Errno, fcntl_getfd};

const STDOUT: RawFd = 1;

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether it was closed when this process began (`>&-` of a shell).
pub fn was_closed() -> bool {
    WAS_CLOSED.load(Relaxed)
}

/// Runs before the runtime begins.
extern "C" fn look() {
    // SAFETY: the descriptor is asked about and not kept; of one that is closed the kernel says so.
    let stdout = unsafe { BorrowedFd::borrow_raw(STDOUT) };
    WAS_CLOSED.store(fcntl_getfd(stdout) == Err(Errno::BADF), Relaxed);
}

// SAFETY: the loader calls each function of this section once, in one thread, before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
