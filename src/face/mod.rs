//! Finds faces in frames, follows them, and finds their landmarks: the [`Observer`], and what it
//! tells those above it.

pub(crate) mod appearance;
mod builder;
pub mod calibration;
mod candidates;
mod clock;
mod confirm;
#[doc(hidden)]
pub mod decode;
pub mod detect;
mod eyes;
#[doc(hidden)]
pub mod fit;
#[doc(hidden)]
pub mod golden;
#[doc(hidden)]
pub mod head;
#[doc(hidden)]
pub mod layers;
#[doc(hidden)]
pub mod lids;
#[doc(hidden)]
pub mod look;
pub mod measure;
mod mouth;
pub(crate) mod nearest;
mod nod;
mod observer;
#[doc(hidden)]
pub mod openness;
mod own_state;
mod pacing;
mod perclos;
mod person;
mod phase;
pub mod pose;
#[doc(hidden)]
pub mod presence;
mod room;
#[doc(hidden)]
pub mod scene;
mod search;
#[doc(hidden)]
pub mod shape;
mod shift;
mod smooth;
mod stage;
mod track;
mod views;
#[doc(hidden)]
pub mod visibility;
pub mod zoo;

use std::sync::Arc;
use std::time::Duration;

use nalgebra::{Matrix2, Point2, Similarity2};

pub use builder::{BuildError, ObserverBuilder};
pub use observer::{LandmarkNet, ObserveError, Observer, Options};
pub use stage::{Stage, Timings};
pub use track::{Smoothing, SmoothingError, Strength};

use self::measure::{Event, Measures};
use crate::picture::frame::Size;
use crate::picture::geometry::{Crop, Rect};

/// A decoded point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmark {
    /// Where it is; the centre of the first pixel is (0, 0).
    pub at: Point2<f32>,
    /// The heat of the hottest cell, cut to 0..=1.
    pub confidence: f32,
    /// In squared units of `at`. As it is decoded, the spread of the heat around the point; from a
    /// model whose card has a [`calibration`], the covariance of the point's error.
    pub covariance: Matrix2<f32>,
}

impl Landmark {
    /// The same landmark in another space.
    pub fn mapped(&self, other_from_this: &Similarity2<f32>) -> Landmark {
        let rotation = other_from_this.isometry.rotation.to_rotation_matrix();
        let linear = rotation.matrix() * other_from_this.scaling();
        Landmark {
            at: other_from_this * self.at,
            covariance: linear * self.covariance * linear.transpose(),
            confidence: self.confidence,
        }
    }
}

/// One face in one frame, in frame pixels.
#[derive(Debug, Clone)]
pub struct Face {
    /// Counts from 1. Stays the same from frame to frame while the face is followed; never used
    /// again for another one.
    pub id: u32,
    /// The box of the landmarks.
    pub bounds: Rect,
    /// What the landmark net looked at.
    pub crop: Crop,
    /// 68 points in iBUG order.
    pub landmarks: Vec<Landmark>,
    /// Numbers of the landmarks, rising, that the picture does not show: the head hides them, or
    /// something else does, or they lie beyond the border. They are guessed from the others.
    pub guessed: Vec<usize>,
    /// 0 to 1: how likely this is a face and these are its landmarks; means the same for every
    /// model. See [presence].
    pub presence: f32,
    /// Head pose, eyes and mouth.
    pub measures: Measures,
}

/// Everything seen in one frame.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// The frame's own number; gaps are frames that the source dropped.
    pub sequence: u32,
    /// Since the source's start, monotonic.
    pub captured_at: Duration,
    /// The file that the frame is from, if it is from one.
    pub source: Option<Arc<str>>,
    /// Frames dropped between the previous observation, or the source's start, and this one.
    pub dropped: u32,
    /// Of the frame; zero before the first one.
    pub size: Size,
    /// Those that are followed or were found; none where nobody is.
    pub faces: Vec<Face>,
    /// Blinks, yawns and the like that are known since this frame.
    pub events: Vec<Event>,
    /// How long each stage took.
    pub timings: Timings,
}
