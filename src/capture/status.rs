//! How a live source stands, for the screen, the log and the metrics.

use std::fmt;
use std::time::Duration;

/// Shown as one short line of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Status {
    /// Frames come.
    #[default]
    Live,
    /// The source is there, and has given no frame for so long.
    Stalled {
        /// What messages call the source.
        name: String,
        /// How long ago the last frame came.
        since: Duration,
    },
    /// The source gives frames, none of which can be used.
    Unusable {
        /// What messages call the source.
        name: String,
        /// What is wrong with the frames, in a few words.
        cause: String,
    },
    /// The source is gone and looked for again and again.
    Gone {
        /// What messages call the source.
        name: String,
        /// Why, in a few words.
        reason: String,
    },
    /// The source is back; its first frame is awaited.
    Returning {
        /// What messages call the source.
        name: String,
    },
}

impl Status {
    /// Of each, as metrics write it.
    pub const NAMES: [&'static str; 5] = ["live", Status::STALLED, "unusable", "gone", "returning"];
    /// Of a source that is there and gives no frame.
    pub const STALLED: &'static str = "stalled";

    /// One of [`Status::NAMES`].
    pub fn name(&self) -> &'static str {
        let place = match self {
            Status::Live => 0,
            Status::Stalled { .. } => 1,
            Status::Unusable { .. } => 2,
            Status::Gone { .. } => 3,
            Status::Returning { .. } => 4,
        };
        Status::NAMES[place]
    }

    /// Whether frames come.
    pub fn is_live(&self) -> bool {
        *self == Status::Live
    }

    /// Whether both say the same but for times.
    pub fn is_like(&self, other: &Status) -> bool {
        matches!((self, other), (Status::Stalled { .. }, Status::Stalled { .. })) || self == other
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Live => write!(f, "live"),
            Status::Stalled { name, since } => write!(f, "{name} stalled: no frame for {} s", since.as_secs()),
            Status::Unusable { name, cause } => write!(f, "{name} gives only damaged frames: {cause}"),
            Status::Gone { name, reason } => write!(f, "{name} gone: {reason}; looking for it"),
            Status::Returning { name } => write!(f, "{name} is back; waiting for its first frame"),
        }
    }
}
