//! What is known of a followed face beside its landmarks, and what it did. `docs/measures.md`
//! defines each, with its source.

use std::time::Duration;

use super::openness::Ratios;
use super::pose::HeadPose;

/// What is known of a face beside its landmarks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// Where the head is and looks; `None` where the model's folder has no `head.csv`, and where
    /// the landmarks are no head's.
    pub pose: Option<HeadPose>,
    /// Heights over widths of eyes and mouth.
    pub ratios: Ratios,
    /// 0 closed, 1 this person's open state; `None` where it is not seen.
    pub right_eye: Option<f32>,
    /// As `right_eye`.
    pub left_eye: Option<f32>,
    /// 0 this person's rest, 1 wide open.
    pub mouth: Option<f32>,
    /// Share of the last minute in which the eyes were closed; `None` until enough was seen.
    pub perclos: Option<f32>,
    /// Whether the eyes are closed now, with hysteresis; `None` where they are not seen.
    pub eyes_closed: Option<bool>,
}

/// What a face did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Eyes closed and open again within half a second.
    Blink,
    /// Eyes are closed for half a second; its end is [`EventKind::EyesOpened`].
    EyesClosed,
    /// Eyes that were closed for longer than a blink opened.
    EyesOpened,
    /// The mouth was wide open for a while.
    Yawn,
    /// The head went down and came up again.
    Nod,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 5] =
        [EventKind::Blink, EventKind::EyesClosed, EventKind::EyesOpened, EventKind::Yawn, EventKind::Nod];

    /// As it stands in records and messages.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Blink => "blink",
            EventKind::EyesClosed => "eyes_closed",
            EventKind::EyesOpened => "eyes_opened",
            EventKind::Yawn => "yawn",
            EventKind::Nod => "nod",
        }
    }
}

/// Something that a face did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What it did.
    pub kind: EventKind,
    /// The face's id.
    pub face: u32,
    /// When the frame was captured that showed it.
    pub at: Duration,
    /// How long it had lasted then.
    pub lasted: Duration,
}
