//! The thread pool of the kernels and the slot between two threads, tried by loom: each
//! model runs in every order in which its threads can meet, with every value that the memory model
//! lets them read.
//!
//!     cargo test -p wingmark-loom

#![cfg(test)]

#[allow(dead_code, reason = "a model calls what it needs")]
#[allow(clippy::absurd_extreme_comparisons, reason = "a model does not spin, so that it ends")]
#[path = "../../../kernels/src/pool/mod.rs"]
mod pool;
#[allow(dead_code, reason = "a model calls what it needs")]
#[path = "../../../src/threads/slot.rs"]
mod slot;

mod pool_models;
mod slot_models;
