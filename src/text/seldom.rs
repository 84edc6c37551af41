//! Messages about what goes on and on.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// When a message is due that is said at once and then no more than once a minute.
#[derive(Debug, Default)]
pub struct OnceAMinute {
    said_at: Option<Instant>,
}

impl OnceAMinute {
    /// Whether the message is due; it counts as said then.
    pub fn due(&mut self, now: Instant) -> bool {
        let is_due = self.said_at.is_none_or(|at| now.saturating_duration_since(at) >= MINUTE);
        if is_due {
            self.said(now);
        }
        is_due
    }

    /// The message was said for another reason.
    pub fn said(&mut self, now: Instant) {
        self.said_at = Some(now);
    }
}
