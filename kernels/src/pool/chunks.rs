//! Sharing a step.

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Abandoned, Member};

/// A step's chunks, which threads claim one by one: a thread that another process keeps from its
/// core holds up one chunk at most, and one that comes late finds nothing left to do.
#[derive(Default)]
pub(crate) struct Chunks {
    claimed: AtomicUsize,
    done: AtomicUsize,
}

impl Chunks {
    /// Before a frame, while no thread works.
    pub(crate) fn reset(&mut self) {
        *self = Chunks::default();
    }

    /// Calls `run` with the number of each of `count` chunks that no other thread has claimed, and
    /// returns when all chunks are done. What any thread wrote in its chunks can be read then.
    pub(crate) fn share(&self, count: usize, member: &mut Member, mut run: impl FnMut(usize)) -> Result<(), Abandoned> {
        loop {
            let chunk = self.claimed.fetch_add(1, Ordering::Relaxed);
            if chunk >= count {
                break;
            }
            run(chunk);
            self.done.fetch_add(1, Ordering::Release);
        }
        member.until(|| self.done.load(Ordering::Acquire) >= count)
    }
}
