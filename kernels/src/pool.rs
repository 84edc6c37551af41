//! Threads that run a frame's steps together. A whole frame is one job, because waking a thread for each step would
//! cost more than most steps.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Turns that a thread waits for the others before it lets another process have the core.
const SPINS: u32 = 2_000;

/// A job as a pointer: the pool outlives no call of [`Pool::run`].
#[derive(Clone, Copy)]
struct Job {
    data: *const (),
    call: unsafe fn(*const (), usize),
}

// SAFETY: `data` is a `&F` with `F: Sync`, and is used only while `Pool::run` borrows it.
unsafe impl Send for Job {}

struct Shared {
    job: Mutex<(u64, Option<Job>)>,
    started: Condvar,
    /// Workers that are still in the current job.
    busy: AtomicUsize,
    stop: AtomicBool,
}

/// Worker threads 1 to n - 1; the caller is thread 0.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            job: Mutex::new((0, None)),
            started: Condvar::new(),
            busy: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let workers = (1..threads)
            .map(|index| {
                let shared = shared.clone();
                thread::spawn(move || work(&shared, index))
            })
            .collect();
        Pool { shared, workers }
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` with each thread's number, on all threads, and returns when all have returned.
    pub(crate) fn run<F: Fn(usize) + Sync>(&mut self, job: &F) {
        if self.workers.is_empty() {
            return job(0);
        }
        unsafe fn call<F: Fn(usize)>(data: *const (), thread: usize) {
            // SAFETY: `data` is the `&F` below, which lives until all threads have returned.
            unsafe { (*data.cast::<F>())(thread) }
        }
        self.shared.busy.store(self.workers.len(), Ordering::Relaxed);
        {
            let mut current = lock(&self.shared.job);
            *current = (current.0 + 1, Some(Job { data: (job as *const F).cast(), call: call::<F> }));
        }
        self.shared.started.notify_all();
        job(0);
        let mut wait = Wait::default();
        while self.shared.busy.load(Ordering::Acquire) > 0 {
            wait.turn();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        drop(lock(&self.shared.job));
        self.shared.started.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has already said so.
            let _ = worker.join();
        }
    }
}

fn work(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let job = {
            let mut current = lock(&shared.job);
            loop {
                if shared.stop.load(Ordering::Acquire) {
                    return;
                }
                if let (number, Some(job)) = *current
                    && number != seen
                {
                    seen = number;
                    break job;
                }
                current = shared.started.wait(current).unwrap_or_else(PoisonError::into_inner);
            }
        };
        // SAFETY: `Pool::run` waits for `busy` to become 0 before the job's borrow ends.
        unsafe { (job.call)(job.data, index) }
        shared.busy.fetch_sub(1, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where threads meet between two steps.
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
}

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Barrier { threads, arrived: AtomicUsize::new(0) }
    }

    /// Returns when all threads have come for the `round`th time; rounds count from 1.
    pub(crate) fn meet(&self, round: usize) {
        let goal = round * self.threads;
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == goal {
            return;
        }
        let mut wait = Wait::default();
        while self.arrived.load(Ordering::Acquire) < goal {
            wait.turn();
        }
    }
}

#[derive(Default)]
struct Wait {
    turns: u32,
}

impl Wait {
    fn turn(&mut self) {
        if self.turns < SPINS {
            self.turns += 1;
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}
