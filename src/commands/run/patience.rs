//! Where frames can wait for the logs.

use std::time::{Duration, Instant};

use log::warn;

use crate::record::log::Log;

/// Holds back the frames of a source that can wait, so that a slow log loses none of them.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
    was_said: bool,
}

impl Patience {
    const NAP: Duration = Duration::from_millis(2);
    const SAY_AFTER: Duration = Duration::from_secs(10);

    /// Whether a log has no room; sleeps for a moment then.
    pub fn waits_for(&mut self, logs: &[Log]) -> bool {
        let Some(full) = logs.iter().find(|log| !log.has_room()) else {
            *self = Patience::default();
            return false;
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.was_said && since.elapsed() >= Patience::SAY_AFTER {
            self.was_said = true;
            warn!("{}: nothing was taken for {} s; frames wait", full.path().display(), since.elapsed().as_secs());
        }
        std::thread::sleep(Patience::NAP);
        true
    }
}
