//! Jobs of two steps on a pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::thread;

use crate::pool::{Chunks, Member, Pool};

const CHUNKS: usize = 2;

/// What a job works on. loom refuses a read of a cell that is not ordered behind the write. What
/// only the model counts are the standard library's atomics, which give loom no more orders to try.
struct Work {
    cells: [UnsafeCell<usize>; CHUNKS],
    sums: AtomicUsize,
    chunks: [Chunks; 2],
}

// SAFETY: loom looks at each access to the cells.
unsafe impl Sync for Work {}

impl Work {
    fn write(&self, chunk: usize) {
        // SAFETY: nobody else has this chunk.
        self.cells[chunk].with_mut(|cell| unsafe { *cell = chunk + 1 });
    }

    fn sum(&self) -> usize {
        // SAFETY: the step that writes is done.
        self.cells.iter().map(|cell| cell.with(|cell| unsafe { *cell })).sum()
    }
}

/// Which thread panics in its first chunk of the first step.
#[derive(Clone, Copy)]
enum Fails {
    Nobody,
    Caller,
    Worker,
    All,
}

/// Every chunk of the first step writes a cell; every chunk of the second reads all. Whether it
/// panicked, and how many chunks of the second step there were.
fn run(pool: &mut Pool, fails: Fails) -> (bool, usize) {
    let caller = thread::current().id();
    let is_over = AtomicBool::new(false);
    let work = Work { cells: Default::default(), sums: AtomicUsize::new(0), chunks: Default::default() };
    // It outlives `Pool::run` here, so that a thread that is still in it can tell.
    let job = |member: &mut Member| {
        work.chunks[0].share(CHUNKS, member, |chunk| {
            assert!(!is_over.load(Ordering::SeqCst), "a thread is in a job that is over");
            let is_caller = thread::current().id() == caller;
            match fails {
                Fails::Caller if is_caller => panic!("the caller fails"),
                Fails::Worker if !is_caller => panic!("a worker fails"),
                Fails::All => panic!("all fail"),
                _ => {}
            }
            work.write(chunk);
        })?;
        work.chunks[1].share(CHUNKS, member, |_| {
            assert_eq!(work.sum(), 3, "all chunks of a step are seen by the next one");
            work.sums.fetch_add(1, Ordering::SeqCst);
        })
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| pool.run(&job)));
    is_over.store(true, Ordering::SeqCst);
    (outcome.is_err(), work.sums.load(Ordering::SeqCst))
}

/// Two jobs, the first of which may fail, on a pool that ends.
fn model(threads: usize, preemptions: usize, fails: Fails) {
    // Panics on purpose by the thousand are not printed.
    std::panic::set_hook(Box::new(|panic| {
        if !panic.to_string().contains("fail") {
            eprintln!("{panic}");
        }
    }));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let mut pool = Pool::new(threads);
        let (panicked, sums) = run(&mut pool, fails);
        match fails {
            Fails::Nobody => assert!(!panicked && sums == CHUNKS),
            Fails::All => assert!(panicked && sums == 0),
            // A thread that came too late for a chunk has not failed.
            Fails::Caller | Fails::Worker => assert!(panicked == (sums == 0) && (panicked || sums == CHUNKS)),
        }
        assert_eq!(run(&mut pool, Fails::Nobody), (false, CHUNKS), "the next job runs");
    });
}

#[test]
fn jobs_are_done_by_all_and_seen_by_all() {
    model(2, 2, Fails::Nobody);
}

#[test]
fn three_threads() {
    model(3, 1, Fails::Nobody);
}

#[test]
fn a_caller_that_panics_leaves_no_worker_in_the_job() {
    model(2, 2, Fails::Caller);
}

#[test]
fn a_worker_that_panics_does_not_keep_the_caller() {
    model(2, 2, Fails::Worker);
}

#[test]
fn all_may_panic() {
    model(2, 2, Fails::All);
}
