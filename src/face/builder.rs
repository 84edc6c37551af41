//! Makes an [`Observer`]: with the shipped nets, unless told otherwise.

use std::num::NonZeroUsize;

use thiserror::Error;

use crate::face::pose::FieldOfView;
use crate::face::zoo::{self, Choice, LoadError};
use crate::face::{Observer, Options, Smoothing};
use crate::model::card::CardError;

/// What an [`Observer`] is made of; [`Observer::builder`] begins one.
#[derive(Debug, Clone)]
pub struct ObserverBuilder {
    detector: Choice,
    landmarks: Choice,
    options: Options,
}

/// Why there is no Observer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A net could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A net does not find what it is to find.
    #[error(transparent)]
    Card(#[from] CardError),
}

impl Observer {
    /// The shipped nets `faces` and `small`, and [`Options::default`].
    pub fn builder() -> ObserverBuilder {
        let shipped = |name| zoo::shipped(name).expect("it is in every build");
        ObserverBuilder {
            detector: shipped(zoo::FACES),
            landmarks: shipped(zoo::DEFAULT_LANDMARKS),
            options: Options::default(),
        }
    }
}

impl ObserverBuilder {
    /// The net that finds faces.
    pub fn detector(mut self, net: Choice) -> Self {
        self.detector = net;
        self
    }

    /// The net that finds landmarks.
    pub fn landmarks(mut self, net: Choice) -> Self {
        self.landmarks = net;
        self
    }

    /// How points are steadied from frame to frame.
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.options.smoothing = smoothing;
        self
    }

    /// No more faces are followed at once.
    pub fn most_faces(mut self, faces: NonZeroUsize) -> Self {
        self.options.most_faces = faces;
        self
    }

    /// What the camera sees, for head pose.
    pub fn fov(mut self, fov: FieldOfView) -> Self {
        self.options.fov = fov;
        self
    }

    /// Threads that share each frame, the caller's included.
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads;
        self
    }

    /// Loads the nets.
    pub fn build(&self) -> Result<Observer, BuildError> {
        let (detector, landmarks) = (self.detector.load()?, self.landmarks.load()?);
        Ok(Observer::new(&detector, &landmarks, &self.options)?)
    }
}
