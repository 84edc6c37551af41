use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use super::*;

const STEPS: usize = 4;
const CHUNKS: usize = 8;

/// Runs a job of a few steps, in which `fails(step, chunk, is_caller)` says where a thread panics.
/// What was thrown, and how many chunks were done.
fn run(pool: &mut Pool, fails: impl Fn(usize, usize, bool) -> bool + Sync) -> (Result<(), String>, usize) {
    let caller: ThreadId = thread::current().id();
    let chunks: [Chunks; STEPS] = Default::default();
    let done = AtomicUsize::new(0);
    let inside = AtomicUsize::new(0);
    // It has seen too little to choose to work alone.
    pool.help = Help::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool.run(&|member| {
            let _inside = Inside::new(&inside);
            for (step, chunks) in chunks.iter().enumerate() {
                chunks.share(CHUNKS, member, |chunk| {
                    assert!(done.load(Ordering::Acquire) >= step * CHUNKS, "step {step} began too early");
                    if fails(step, chunk, thread::current().id() == caller) {
                        panic!("step {step}, chunk {chunk}");
                    }
                    done.fetch_add(1, Ordering::Release);
                })?;
            }
            Ok(())
        })
    }));
    assert_eq!(inside.load(Ordering::SeqCst), 0, "nobody is in a job that is over");
    (outcome.map_err(|panic| *panic.downcast::<String>().unwrap()), done.load(Ordering::SeqCst))
}

/// Counts the threads that are in a job.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn new(threads: &'a AtomicUsize) -> Self {
        threads.fetch_add(1, Ordering::SeqCst);
        Inside(threads)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

const ROUNDS: usize = if cfg!(miri) { 3 } else { 64 };

#[test]
fn a_panic_anywhere_reaches_the_caller_and_the_next_job_runs() {
    for threads in [1, 2, 3, 5, 8] {
        let mut pool = Pool::new(threads);
        for round in 0..ROUNDS {
            let (step, chunk) = (round % STEPS, round / STEPS % CHUNKS);
            let (outcome, done) = run(&mut pool, |s, c, _| (s, c) == (step, chunk));
            assert_eq!(outcome, Err(format!("step {step}, chunk {chunk}")), "{threads} threads");
            assert!((step * CHUNKS..(step + 1) * CHUNKS).contains(&done), "{threads} threads: {done} chunks");
            assert_eq!(run(&mut pool, |_, _, _| false), (Ok(()), STEPS * CHUNKS), "{threads} threads");
        }
    }
}

#[test]
fn a_panic_on_the_callers_thread_waits_for_the_workers() {
    for threads in [2, 3, 5] {
        let mut pool = Pool::new(threads);
        let mut seen = 0;
        for _ in 0..ROUNDS {
            let (outcome, done) = run(&mut pool, |_, _, is_caller| {
                // The caller's chunk ends while the workers are in theirs.
                if !is_caller {
                    thread::sleep(Duration::from_micros(50));
                }
                is_caller
            });
            seen += usize::from(outcome.is_err());
            assert!(outcome.is_err() || done == STEPS * CHUNKS, "{threads} threads");
            assert_eq!(run(&mut pool, |_, _, _| false), (Ok(()), STEPS * CHUNKS), "{threads} threads");
        }
        assert!(seen > 0, "the caller ran a chunk, {threads} threads");
    }
}

#[test]
fn a_panic_on_a_worker_does_not_keep_the_caller() {
    for threads in [2, 3, 5] {
        let mut pool = Pool::new(threads);
        let mut seen = 0;
        for _ in 0..ROUNDS {
            let (outcome, done) = run(&mut pool, |_, _, is_caller| {
                // Leaves chunks for the workers.
                if is_caller {
                    thread::sleep(Duration::from_micros(50));
                }
                !is_caller
            });
            seen += usize::from(outcome.is_err());
            assert_eq!(outcome.is_ok(), done == STEPS * CHUNKS, "{threads} threads");
            assert_eq!(run(&mut pool, |_, _, _| false), (Ok(()), STEPS * CHUNKS), "{threads} threads");
        }
        assert!(seen > 0, "a worker ran a chunk, {threads} threads");
    }
}

#[test]
fn panics_of_all_threads_are_one() {
    let mut pool = Pool::new(4);
    for _ in 0..ROUNDS {
        let (outcome, done) = run(&mut pool, |_, _, _| true);
        assert!(outcome.unwrap_err().starts_with("step 0"));
        assert_eq!(done, 0);
    }
    assert_eq!(run(&mut pool, |_, _, _| false), (Ok(()), STEPS * CHUNKS));
}

#[test]
fn a_pool_ends_after_a_panic() {
    for _ in 0..ROUNDS {
        let mut pool = Pool::new(3);
        run(&mut pool, |step, _, _| step == 1).0.unwrap_err();
    }
}
