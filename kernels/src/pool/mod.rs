//! Threads that run a frame's steps together. A whole frame is one job, because waking a thread for
//! each step would cost more than most steps.
//!
//! A panic in a job, on any thread, ends the job on all of them and is raised again on the
//! caller's. The workers stay, and the next job runs as if nothing had been. `tests/loom` tries the
//! orders in which threads can meet here.

mod chunks;
mod help;
#[cfg(all(test, not(loom)))]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

#[cfg(loom)]
use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
};
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
};

pub(crate) use chunks::Chunks;
use help::Help;

/// Turns that a thread waits for the others before it lets another process have the core.
const SPINS: u32 = if cfg!(loom) { 0 } else { 2_000 };

/// All threads but the caller's.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    help: Help,
}

struct Shared {
    posted: Mutex<Posted>,
    /// The posted job is another, or the pool ends.
    changed: Condvar,
    /// Workers that have joined the current job and not left it.
    busy: AtomicUsize,
    failure: Failure,
}

/// What workers are to do.
#[derive(Default)]
struct Posted {
    /// The job's number.
    number: u64,
    /// The job while workers may still join it.
    job: Option<Job>,
    ends: bool,
}

/// A job as a pointer: [`Pool::run`] returns when no thread uses it any more.
#[derive(Clone, Copy)]
struct Job {
    data: *const (),
    call: unsafe fn(*const (), &Failure),
}

// SAFETY: `data` is a `&F` with `F: Sync`, and is used only while `Pool::run` borrows it.
unsafe impl Send for Job {}

/// The first panic in the current job.
#[derive(Default)]
struct Failure {
    is_there: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Another thread has panicked, so that what a job waits for will not come: it has to return.
#[derive(Debug)]
pub(crate) struct Abandoned;

/// One thread in a job.
pub(crate) struct Member<'p> {
    failure: &'p Failure,
    waited: Duration,
}

impl Pool {
    /// The caller's thread and `threads - 1` others, or as many as the system gives.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            posted: Mutex::default(),
            changed: Condvar::new(),
            busy: AtomicUsize::new(0),
            failure: Failure::default(),
        });
        let start = |number: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("net {number}")).spawn(move || work(&shared))
        };
        let workers = (1..threads).map_while(|number| start(number).ok()).collect();
        Pool { shared, workers, help: Help::default() }
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` on the caller's thread and on every other that comes before the caller's has
    /// returned; returns when all have. Where that does not pay ([`Help`]), the caller's is the
    /// only one.
    ///
    /// # Panics
    /// When the job panics, on whichever thread, after all threads have left it.
    pub(crate) fn run<F: Fn(&mut Member) -> Result<(), Abandoned> + Sync>(&mut self, job: &F) {
        let started = Instant::now();
        let waited = if self.workers.is_empty() || !self.help.is_wanted() {
            let failure = Failure::default();
            let mut alone = Member { failure: &failure, waited: Duration::ZERO };
            let _ = job(&mut alone);
            alone.waited
        } else {
            self.run_together(job)
        };
        if !self.workers.is_empty() {
            self.help.record(started.elapsed(), waited);
        }
    }

    /// How long the caller's thread waited for others.
    fn run_together<F: Fn(&mut Member) -> Result<(), Abandoned> + Sync>(&mut self, job: &F) -> Duration {
        /// # Safety
        /// `data` is an `&F`.
        unsafe fn call<F: Fn(&mut Member) -> Result<(), Abandoned>>(data: *const (), failure: &Failure) {
            // SAFETY: the caller's.
            take_part(unsafe { &*data.cast::<F>() }, failure);
        }
        let Shared { posted, changed, busy, failure } = &*self.shared;
        {
            let mut posted = lock(posted);
            posted.number += 1;
            posted.job = Some(Job { data: (&raw const *job).cast(), call: call::<F> });
        }
        changed.notify_all();
        // Nothing between here and the end of waiting unwinds: workers may hold the job.
        let mut caller = take_part(job, failure);
        lock(posted).job = None;
        caller.wait(|| busy.load(Ordering::Acquire) == 0);
        let waited = caller.waited;
        if let Some(panic) = failure.take() {
            resume_unwind(panic);
        }
        waited
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.posted).ends = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has already said so.
            let _ = worker.join();
        }
    }
}

/// What a worker does all its life.
fn work(shared: &Shared) {
    let mut seen = 0;
    while let Some((job, _joined)) = join_next(shared, &mut seen) {
        // SAFETY: `Pool::run` takes the job back, under the lock under which it was joined, and
        // waits for `busy` to become 0 before the job's borrow ends.
        unsafe { (job.call)(job.data, &shared.failure) }
    }
}

/// Waits for a job other than number `seen`; `None` when the pool ends.
fn join_next<'s>(shared: &'s Shared, seen: &mut u64) -> Option<(Job, Joined<'s>)> {
    let mut posted = lock(&shared.posted);
    loop {
        if posted.ends {
            return None;
        }
        if let Some(job) = posted.job.filter(|_| posted.number != *seen) {
            *seen = posted.number;
            shared.busy.fetch_add(1, Ordering::Relaxed);
            return Some((job, Joined(&shared.busy)));
        }
        posted = shared.changed.wait(posted).unwrap_or_else(PoisonError::into_inner);
    }
}

/// A worker in a job; leaves it when dropped, however that comes.
struct Joined<'s>(&'s AtomicUsize);

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Runs a job on this thread; a panic becomes the job's failure.
fn take_part<'p>(job: &impl Fn(&mut Member) -> Result<(), Abandoned>, failure: &'p Failure) -> Member<'p> {
    let mut member = Member { failure, waited: Duration::ZERO };
    // What the job had changed is not looked at again: each frame writes all that it reads.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(&mut member))) {
        failure.put(panic);
    }
    member
}

impl Failure {
    fn put(&self, panic: Box<dyn Any + Send>) {
        match &mut *lock(&self.panic) {
            first @ None => *first = Some(panic),
            // Dropping what was thrown might panic again.
            Some(_) => std::mem::forget(panic),
        }
        self.is_there.store(true, Ordering::Release);
    }

    /// When no thread is in the job any more.
    fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.is_there.store(false, Ordering::Relaxed);
        lock(&self.panic).take()
    }
}

impl Member<'_> {
    /// Waits until something is so that other threads in the job bring about.
    fn until(&mut self, is_over: impl Fn() -> bool) -> Result<(), Abandoned> {
        let failure = self.failure;
        self.wait(|| is_over() || failure.is_there.load(Ordering::Acquire));
        if is_over() { Ok(()) } else { Err(Abandoned) }
    }

    fn wait(&mut self, is_over: impl Fn() -> bool) {
        if is_over() {
            return;
        }
        let started = Instant::now();
        let mut turns = 0;
        while !is_over() {
            if turns < SPINS {
                turns += 1;
                spin_loop();
            } else {
                thread::yield_now();
            }
        }
        self.waited += started.elapsed();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
