//! Room for one value between two threads. `tests/loom` tries every order of their steps.

#[cfg(loom)]
use loom::sync::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What becomes of a value that has not been taken when the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It gives way.
    Newest,
    /// It stays, and who brings the next one waits.
    Every,
}

/// What was found in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A value.
    Value,
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

/// Values are swapped in and out, so that their memory goes round and none is allocated.
#[derive(Debug)]
pub struct Slot<T> {
    policy: Policy,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    value: T,
    /// Whether the value is one to take, and not memory of one that was.
    full: bool,
    closed: bool,
    /// Values that gave way.
    overtaken: u64,
}

impl<T: Default> Slot<T> {
    pub fn new(policy: Policy) -> Self {
        let state = State { value: T::default(), full: false, closed: false, overtaken: 0 };
        Slot { policy, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Puts a value in and gives memory of an earlier one back; `false` where the slot is closed.
    pub fn put(&self, value: &mut T) -> bool {
        self.put_after(value, |_, _| ())
    }

    /// As [`put`](Self::put). A value that gives way first hands on to the new one what must not be
    /// lost: `hand_on(old, new)`.
    pub fn put_after(&self, value: &mut T, hand_on: impl FnOnce(&mut T, &mut T)) -> bool {
        let mut state = self.lock();
        while self.policy == Policy::Every && state.full && !state.closed {
            state = self.changed.wait(state).expect(UNPOISONED);
        }
        if state.closed {
            return false;
        }
        if state.full {
            hand_on(&mut state.value, value);
            state.overtaken += 1;
        }
        std::mem::swap(&mut state.value, value);
        state.full = true;
        self.changed.notify_all();
        true
    }

    /// Takes the value and leaves memory of an earlier one for it, waiting no longer than `within`.
    pub fn take(&self, value: &mut T, within: Duration) -> Taken {
        let mut state = self.lock();
        let started = Instant::now();
        while !state.full && !state.closed {
            let Some(left) = within.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else { break };
            state = self.changed.wait_timeout(state, left).expect(UNPOISONED).0;
        }
        if !state.full {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        std::mem::swap(&mut state.value, value);
        state.full = false;
        self.changed.notify_all();
        Taken::Value
    }

    /// Whether [`put`](Self::put) does not wait now.
    pub fn has_room(&self) -> bool {
        let state = self.lock();
        self.policy == Policy::Newest || !state.full || state.closed
    }

    /// How many values gave way to newer ones so far.
    pub fn overtaken(&self) -> u64 {
        self.lock().overtaken
    }

    /// No more values will be put in; the one that is there can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect(UNPOISONED)
    }
}

/// Closes a slot at the end of a thread, even where that panicked: whoever is at the other end
/// learns that it is gone.
#[derive(Debug)]
pub struct ClosesWhenDropped<T: Default>(pub Arc<Slot<T>>);

impl<T: Default> Drop for ClosesWhenDropped<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

const UNPOISONED: &str = "nobody panics while holding the slot";

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn the_newest_value_takes_the_place_of_one_that_waits() {
        let slot = Slot::new(Policy::Newest);
        let mut taken = 0;
        assert_eq!(slot.take(&mut taken, SOON), Taken::Nothing);
        for mut value in 1..=3 {
            assert!(slot.put(&mut value));
        }
        assert_eq!((slot.take(&mut taken, SOON), taken), (Taken::Value, 3));
        assert_eq!(slot.take(&mut taken, SOON), Taken::Nothing);
    }

    #[test]
    fn a_value_that_gives_way_hands_on_what_must_not_be_lost() {
        let slot = Slot::new(Policy::Newest);
        for number in 1..=3 {
            assert!(slot.put_after(&mut vec![number], |old, new| new.splice(0..0, old.drain(..)).for_each(drop)));
        }
        let mut taken = Vec::new();
        assert_eq!((slot.take(&mut taken, SOON), slot.overtaken()), (Taken::Value, 2));
        assert_eq!(taken, [1, 2, 3]);
    }

    #[test]
    fn every_value_arrives_where_every_one_has_to() {
        let slot = Slot::new(Policy::Every);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..=1000).for_each(|mut value| assert!(slot.put(&mut value)));
                slot.close();
            });
            let mut taken = 0;
            for expected in 1..=1000 {
                assert_eq!((slot.take(&mut taken, Duration::from_secs(60)), taken), (Taken::Value, expected));
            }
            assert_eq!(slot.take(&mut taken, Duration::from_secs(60)), Taken::Closed);
        });
    }

    #[test]
    fn closing_ends_waiting_and_keeps_the_last_value() {
        let slot = Slot::new(Policy::Every);
        assert!(slot.has_room() && slot.put(&mut 1) && !slot.has_room());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slot.put(&mut 2));
            std::thread::sleep(SOON);
            slot.close();
            assert!(!waiting.join().unwrap());
        });
        assert!(slot.has_room());
        let mut taken = 0;
        assert_eq!((slot.take(&mut taken, SOON), taken), (Taken::Value, 1));
        assert_eq!(slot.take(&mut taken, SOON), Taken::Closed);
    }

    #[test]
    fn memory_goes_round() {
        let slot = Slot::<Vec<u8>>::new(Policy::Newest);
        let (mut put, mut taken) = (Vec::with_capacity(100), Vec::with_capacity(100));
        slot.put(&mut Vec::with_capacity(100));
        for _ in 0..5 {
            assert!(slot.put(&mut put) && put.capacity() == 100);
            assert_eq!(slot.take(&mut taken, SOON), Taken::Value);
            assert_eq!(taken.capacity(), 100);
        }
    }
}
