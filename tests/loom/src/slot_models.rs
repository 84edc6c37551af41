//! A thread that brings values and one that takes them.

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use crate::slot::{Policy, Slot, Taken};

const LONG: Duration = Duration::from_secs(3600);

/// What is taken of two values that another thread brings before it closes the slot.
fn taken(policy: Policy) -> Vec<u32> {
    let slot = Arc::new(Slot::new(policy));
    let bringing = Arc::clone(&slot);
    let thread = thread::spawn(move || {
        for mut value in 1..=2 {
            assert!(bringing.put(&mut value));
        }
        bringing.close();
    });
    let mut values = Vec::new();
    let mut value = 0;
    // loom's clock stands still: whoever waits waits until it is woken.
    while slot.take(&mut value, LONG) == Taken::Value {
        values.push(value);
    }
    thread.join().unwrap();
    values
}

#[test]
fn every_value_arrives() {
    loom::model(|| assert_eq!(taken(Policy::Every), [1, 2]));
}

#[test]
fn the_newest_value_arrives() {
    loom::model(|| assert!(matches!(taken(Policy::Newest)[..], [1, 2] | [2])));
}

#[test]
fn a_value_that_gives_way_hands_on_what_must_not_be_lost() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(Policy::Newest));
        let bringing = Arc::clone(&slot);
        let thread = thread::spawn(move || {
            for mut value in 1..=2 {
                assert!(bringing.put_after(&mut value, |old, new| *new += *old));
            }
            bringing.close();
        });
        let (mut value, mut sum) = (0, 0);
        while slot.take(&mut value, LONG) == Taken::Value {
            sum += value;
        }
        thread.join().unwrap();
        assert_eq!(sum, 3);
    });
}

#[test]
fn closing_wakes_who_brings_and_who_takes() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(Policy::Every));
        let (bringing, closing) = (Arc::clone(&slot), Arc::clone(&slot));
        let thread = thread::spawn(move || bringing.put(&mut 1) && bringing.put(&mut 2));
        let closer = thread::spawn(move || closing.close());
        let mut value = 0;
        let mut taken = 0;
        while slot.take(&mut value, LONG) == Taken::Value {
            taken += 1;
            assert_eq!(value, taken);
        }
        closer.join().unwrap();
        let all_brought = thread.join().unwrap();
        assert!(!all_brought || taken >= 1);
    });
}
