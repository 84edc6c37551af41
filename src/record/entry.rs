//! What is logged of one frame.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::face::Observation;

/// An observation and when it was made.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seen: Observation,
    /// By the wall clock, which may jump.
    pub wall: SystemTime,
    /// By the monotonic clock, which does not.
    pub at: Instant,
}

impl Entry {
    pub fn now(seen: Observation) -> Self {
        Entry { seen, wall: SystemTime::now(), at: Instant::now() }
    }

    /// The wall time as RFC 3339 in UTC with microseconds, e.g. `2026-11-24T06:28:04.123456Z`.
    pub fn wall_time(&self) -> String {
        format!("{:.6}", Timestamp::try_from(self.wall).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// The wall time as nanoseconds since 1970; 0 before that.
    pub fn wall_nanos(&self) -> u64 {
        self.wall.duration_since(UNIX_EPOCH).map_or(0, nanos)
    }
}

/// Whole nanoseconds; [`u64`] has room for 584 years.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
