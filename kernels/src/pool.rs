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
    call: unsafe fn(*const ()),
}

// SAFETY: `data` is a `&F` with `F: Sync`, and is used only while `Pool::run` borrows it.
unsafe impl Send for Job {}

struct Shared {
    /// The job's number, and the job while workers may still join it.
    job: Mutex<(u64, Option<Job>)>,
    started: Condvar,
    /// Workers that have joined the current job and not left it.
    busy: AtomicUsize,
    stop: AtomicBool,
}

/// All threads but the caller's.
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
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || work(&shared))
            })
            .collect();
        Pool { shared, workers }
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` on the caller's thread and on every other that comes before the caller's has returned; returns when
    /// all have.
    pub(crate) fn run<F: Fn() + Sync>(&mut self, job: &F) {
        if self.workers.is_empty() {
            return job();
        }
        unsafe fn call<F: Fn()>(data: *const ()) {
            // SAFETY: `data` is the `&F` below, which lives until all threads have returned.
            unsafe { (*data.cast::<F>())() }
        }
        {
            let mut current = lock(&self.shared.job);
            *current = (current.0 + 1, Some(Job { data: (job as *const F).cast(), call: call::<F> }));
        }
        self.shared.started.notify_all();
        job();
        lock(&self.shared.job).1 = None;
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

fn work(shared: &Shared) {
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
                    shared.busy.fetch_add(1, Ordering::Relaxed);
                    break job;
                }
                current = shared.started.wait(current).unwrap_or_else(PoisonError::into_inner);
            }
        };
        // SAFETY: `Pool::run` takes the job back, under the lock under which it was joined, and waits for `busy` to become
        // 0 before the job's borrow ends.
        unsafe { (job.call)(job.data) }
        shared.busy.fetch_sub(1, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A step's chunks, which threads claim one by one: a thread that another process keeps from its core holds up one
/// chunk at most, and one that comes late finds nothing left to do.
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

    /// Calls `run` with the number of each of `count` chunks that no other thread has claimed, and returns when all
    /// chunks are done. What any thread wrote in its chunks can be read then.
    pub(crate) fn share(&self, count: usize, mut run: impl FnMut(usize)) {
        loop {
            let chunk = self.claimed.fetch_add(1, Ordering::Relaxed);
            if chunk >= count {
                break;
            }
            run(chunk);
            self.done.fetch_add(1, Ordering::Release);
        }
        let mut wait = Wait::default();
        while self.done.load(Ordering::Acquire) < count {
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
