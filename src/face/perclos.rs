//! The share of the last minute in which somebody's eyes were closed.

use std::collections::VecDeque;
use std::time::Duration;

// What literature defines names its source. The rest is set by hand.

/// Openness below which an eye counts as closed in PERCLOS (P80: lids over four fifths of the eye;
/// Wierwille 1994).
const CLOSED: f32 = 0.2;
const WINDOW: Duration = Duration::from_secs(60);
/// With less seen than this, the share says nothing.
const LEAST: Duration = Duration::from_secs(10);
/// Room for the frames of a window at thirty a second, so that following allocates nothing.
const FRAMES: usize = 2048;

/// The eyes of one face in the last minute.
#[derive(Debug, Clone)]
pub struct Perclos {
    /// Openness of the eyes in the frame before, where they were seen.
    openness: Option<f32>,
    window: VecDeque<Part>,
    /// How long they were seen in the window, and how long they were closed of that.
    seen: Duration,
    closed: Duration,
}

/// What passed between two frames.
#[derive(Debug, Clone, Copy)]
struct Part {
    until: Duration,
    lasted: Duration,
    is_closed: bool,
}

impl Part {
    fn closed(&self) -> Duration {
        if self.is_closed { self.lasted } else { Duration::ZERO }
    }
}

impl Perclos {
    pub fn new() -> Self {
        let window = VecDeque::with_capacity(FRAMES);
        Perclos { openness: None, window, seen: Duration::ZERO, closed: Duration::ZERO }
    }

    /// The face is not seen: what passes up to the next frame counts for nothing.
    pub fn face_unseen(&mut self) {
        self.openness = None;
    }

    /// Takes how open the eyes are in the next frame, `step` after the one before; gives the share,
    /// once enough was seen.
    pub fn take(&mut self, at: Duration, step: Duration, openness: Option<f32>) -> Option<f32> {
        if let Some(before) = std::mem::replace(&mut self.openness, openness) {
            let part = Part { until: at, lasted: step, is_closed: before < CLOSED };
            self.seen += part.lasted;
            self.closed += part.closed();
            self.window.push_back(part);
        }
        while let Some(&part) = self.window.front()
            && at.saturating_sub(part.until) > WINDOW
        {
            self.window.pop_front();
            self.seen -= part.lasted;
            self.closed -= part.closed();
        }
        (self.seen >= LEAST).then(|| self.closed.as_secs_f32() / self.seen.as_secs_f32())
    }
}
