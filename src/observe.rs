//! What was seen in one frame.

use std::time::Duration;

use crate::decode::Landmark;
use crate::geometry::{Crop, Rect};

/// One face in one frame, in frame pixels.
#[derive(Debug, Clone)]
pub struct Face {
    /// Stays the same from frame to frame while the face is followed; never used again for another one.
    pub id: u32,
    /// The box of the landmarks.
    pub bounds: Rect,
    /// What the landmark net looked at.
    pub crop: Crop,
    /// 68 points in iBUG order.
    pub landmarks: Vec<Landmark>,
    /// 0 to 1: how sure the net is that this is a face.
    pub confidence: f32,
}

/// How long each stage took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    pub detect: Duration,
    pub crop: Duration,
    pub net: Duration,
    pub decode: Duration,
    pub track: Duration,
}

/// Everything seen in one frame.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// The frame's own number; gaps are frames that the source dropped.
    pub sequence: u32,
    /// Since the source's start, monotonic.
    pub captured_at: Duration,
    /// Frames dropped between the previous observation and this one.
    pub dropped: u32,
    pub faces: Vec<Face>,
    pub timings: Timings,
}
