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

/// When messages of several kinds are due, each of which is said at once and then no more than once
/// a minute.
#[derive(Debug, Default)]
pub struct EachOnceAMinute {
    /// Those of the last minute.
    said: Vec<(String, Instant)>,
}

impl EachOnceAMinute {
    /// Whether a message is due; it counts as said then. Of one kind are texts that differ in their
    /// numbers alone.
    pub fn due(&mut self, text: &str, now: Instant) -> bool {
        let kind = text.replace(|c: char| c.is_ascii_digit(), "");
        self.said.retain(|(_, at)| now.saturating_duration_since(*at) < MINUTE);
        let is_due = self.said.iter().all(|(said, _)| *said != kind);
        if is_due {
            self.said.push((kind, now));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_kind_is_said_at_once_and_a_known_one_after_a_minute() {
        let (mut seldom, start) = (EachOnceAMinute::default(), Instant::now());
        let due_at =
            [(0, "it left"), (1, "it left"), (2, "no rights"), (3, "it left"), (59, "no rights"), (60, "it left")]
                .map(|(second, text)| seldom.due(text, start + Duration::from_secs(second)));
        assert_eq!(due_at, [true, false, true, false, false, true]);
        assert!(seldom.due("7 bytes too many", start) && !seldom.due("8 bytes too many", start));
    }
}
