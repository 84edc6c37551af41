//! Holds frames of files back while a log, a receiver or the screen has no room.

use std::time::{Duration, Instant};

use log::warn;

use crate::parts::Outputs;

/// Holds back the frames of a source that can wait, so that a slow log, a slow reader of standard
/// output and a slow screen lose none of them, and signals are acted on meanwhile.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
    was_said: bool,
}

impl Patience {
    const NAP: Duration = Duration::from_millis(2);
    const SAY_AFTER: Duration = Duration::from_secs(10);

    /// Whether one of them has no room; sleeps for a moment then.
    pub fn waits_for(&mut self, Outputs { logs, publishers, display, .. }: &Outputs) -> bool {
        let full_logs = logs.iter().filter(|log| !log.has_room()).map(|log| log.path().display().to_string());
        let full = publishers.iter().filter(|publisher| !publisher.has_room());
        let full_screen = display.iter().filter(|display| !display.has_room()).map(|_| "the screen".to_owned());
        let mut all = full_logs.chain(full.map(|publisher| publisher.name().to_owned())).chain(full_screen);
        let Some(full) = all.next() else {
            *self = Patience::default();
            return false;
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.was_said && since.elapsed() >= Patience::SAY_AFTER {
            self.was_said = true;
            warn!("{}: nothing was taken for {} s; frames wait", full, since.elapsed().as_secs());
        }
        std::thread::sleep(Patience::NAP);
        true
    }
}
