//! The newest of what comes, for any number of threads that look when they are ready.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const UNPOISONED: &str = "nobody panics while holding what is newest";

#[derive(Debug)]
pub struct Newest<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// How many came.
    number: u64,
    value: Option<Arc<T>>,
    viewers: usize,
    closed: bool,
}

/// What a viewer finds.
#[derive(Debug)]
pub enum Look<T> {
    New(u64, Arc<T>),
    /// Nothing new came in time.
    Nothing,
    Closed,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        let state = State { number: 0, value: None, viewers: 0, closed: false };
        Newest { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<T> Newest<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect(UNPOISONED)
    }

    pub fn put(&self, value: T) {
        let mut state = self.lock();
        state.number += 1;
        state.value = Some(Arc::new(value));
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for one that is newer than number `seen`, no longer than `within`.
    pub fn look(&self, seen: u64, within: Duration) -> Look<T> {
        let deadline = Instant::now() + within;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Look::Closed;
            }
            if let (true, Some(value)) = (state.number > seen, &state.value) {
                return Look::New(state.number, Arc::clone(value));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Look::Nothing;
            }
            state = self.changed.wait_timeout(state, left).expect(UNPOISONED).0;
        }
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub fn has_viewers(&self) -> bool {
        self.lock().viewers > 0
    }

    /// Whoever holds it counts as one who looks.
    pub fn viewer(&self) -> Viewer<'_, T> {
        self.lock().viewers += 1;
        Viewer(self)
    }
}

pub struct Viewer<'a, T>(&'a Newest<T>);

impl<T> Drop for Viewer<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.viewers -= 1;
        if state.viewers == 0 {
            // Who comes in an hour is not to see what was an hour before.
            state.value = None;
        }
    }
}
