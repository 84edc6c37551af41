//! Threads that run a frame's steps together. A whole frame is one job, because waking a thread for each step would
//! cost more than most steps.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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
    help: Help,
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
        Pool { shared, workers, help: Help::default() }
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` on the caller's thread and on every other that comes before the caller's has returned; returns when
    /// all have. Where that does not pay ([`Help`]), the caller's is the only one.
    pub(crate) fn run<F: Fn(&mut Waiting) + Sync>(&mut self, job: &F) {
        let mut waiting = Waiting::default();
        if self.workers.is_empty() {
            return job(&mut waiting);
        }
        let started = Instant::now();
        if self.help.is_wanted() {
            self.run_together(job, &mut waiting);
        } else {
            job(&mut waiting);
        }
        self.help.record(started.elapsed(), waiting.0);
    }

    fn run_together<F: Fn(&mut Waiting) + Sync>(&mut self, job: &F, waiting: &mut Waiting) {
        unsafe fn call<F: Fn(&mut Waiting)>(data: *const ()) {
            // SAFETY: `data` is the `&F` below, which lives until all threads have returned.
            unsafe { (*data.cast::<F>())(&mut Waiting::default()) }
        }
        {
            let mut current = lock(&self.shared.job);
            *current = (current.0 + 1, Some(Job { data: (job as *const F).cast(), call: call::<F> }));
        }
        self.shared.started.notify_all();
        job(waiting);
        lock(&self.shared.job).1 = None;
        waiting.until(|| self.shared.busy.load(Ordering::Acquire) == 0);
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
    pub(crate) fn share(&self, count: usize, waiting: &mut Waiting, mut run: impl FnMut(usize)) {
        loop {
            let chunk = self.claimed.fetch_add(1, Ordering::Relaxed);
            if chunk >= count {
                break;
            }
            run(chunk);
            self.done.fetch_add(1, Ordering::Release);
        }
        waiting.until(|| self.done.load(Ordering::Acquire) >= count);
    }
}

/// How long a thread has waited for others.
#[derive(Default)]
pub(crate) struct Waiting(Duration);

impl Waiting {
    fn until(&mut self, is_over: impl Fn() -> bool) {
        if is_over() {
            return;
        }
        let started = Instant::now();
        let mut turns = 0;
        while !is_over() {
            if turns < SPINS {
                turns += 1;
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        self.0 += started.elapsed();
    }
}

/// Frames whose times are added up before they are compared.
const WINDOW: u32 = 32;

/// Windows for which a comparison holds.
const HOLDS: u32 = 7;

/// Whether other threads make frames faster. Where other programs want the cores, a thread may be kept from its own in the middle of
/// a chunk for which all others wait. When that takes much of the time, frames alone are timed, too, and for a while the faster way is
/// taken.
#[derive(Default)]
struct Help {
    mode: Mode,
    frames: u32,
    time: Duration,
    waited: Duration,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Mode {
    #[default]
    Together,
    /// Alone, to be compared with a window together that took so long.
    Trial(Duration),
    /// As a comparison has shown, for so many windows.
    Settled { together: bool, windows: u32 },
}

impl Help {
    fn is_wanted(&self) -> bool {
        matches!(self.mode, Mode::Together | Mode::Settled { together: true, .. })
    }

    /// A frame took `time`, in which the caller `waited`.
    fn record(&mut self, time: Duration, waited: Duration) {
        self.frames += 1;
        self.time += time;
        self.waited += waited;
        if self.frames < WINDOW {
            return;
        }
        let Help { mode, time, waited, .. } = std::mem::take(self);
        self.mode = match mode {
            Mode::Together if waited * 4 > time => Mode::Trial(time),
            Mode::Trial(together) => Mode::Settled { together: together <= time, windows: HOLDS },
            Mode::Settled { together, windows } if windows > 1 => Mode::Settled { together, windows: windows - 1 },
            Mode::Together | Mode::Settled { .. } => Mode::Together,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_refused_while_frames_alone_are_faster() {
        let mut help = Help::default();
        let mut frames = |together_ms: u64, alone_ms: u64, waited_ms: u64, count: u32| {
            let mut wanted = 0;
            for _ in 0..count {
                let together = help.is_wanted();
                wanted += u32::from(together);
                let (time, waited) = if together { (together_ms, waited_ms) } else { (alone_ms, 0) };
                help.record(Duration::from_millis(time), Duration::from_millis(waited));
            }
            wanted
        };
        let cycle = (2 + HOLDS) * WINDOW;
        assert_eq!(frames(6, 10, 1, cycle), cycle, "little waiting is no reason to try");
        assert_eq!(frames(12, 10, 5, cycle), WINDOW, "one window in a cycle finds out whether it is still so");
        assert_eq!(frames(6, 10, 1, cycle), cycle, "and then all is as before");
        assert_eq!(frames(6, 10, 2, cycle), cycle - WINDOW, "with much waiting, frames alone are timed");
    }
}
