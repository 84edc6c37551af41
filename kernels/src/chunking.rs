//! How a step is cut into chunks that threads share.
//!
//! `tests/arm/threads.sh` simulates what the figures come to:
//! `docs/decisions/threads.md`.

use std::ops::Range;

use crate::kernel::InstructionSet;
use crate::step::Step;

/// Cycles below which work is not worth another thread's attention: claiming a chunk and seeing the
/// last one done takes some hundreds.
const CHUNK_CYCLES: u64 = 2_500;

/// Chunks of a large step for each thread, so that nobody waits long for the last one.
const CHUNKS_A_THREAD: usize = 4;

/// A step's pieces in chunks of equal size, give or take one piece.
#[derive(Clone, Copy)]
pub(crate) struct Chunking {
    pieces: usize,
    count: usize,
}

impl Chunking {
    pub(crate) fn new(step: &Step, kernel: &dyn InstructionSet, threads: usize) -> Self {
        let pieces = step.pieces(kernel);
        let most = if threads == 1 { 1 } else { threads * CHUNKS_A_THREAD };
        let worth = usize::try_from(step.cycles(kernel) / CHUNK_CYCLES).unwrap_or(usize::MAX);
        let count = worth.min(most).min(pieces).max(1);
        Chunking { pieces, count }
    }

    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// Those of one chunk.
    pub(crate) fn pieces(self, chunk: usize) -> Range<usize> {
        self.pieces * chunk / self.count..self.pieces * (chunk + 1) / self.count
    }
}
