//! What leaves the board live: one file a receiver behind one small trait.
//!
//! A receiver has a thread of its own and room for one frame before it. Where it is slow or gone,
//! the newest frame replaces the one that waits, and takes over its events. The loss is counted and
//! reported once a minute, a new cause at once. No frame is held up. What could not be sent is not
//! sent later.

mod backoff;
mod json;
mod mqtt;
mod openseeface;
mod opentrack;
#[cfg(feature = "page")]
pub mod page;
mod publisher;
mod stdout;
mod target;
mod udp;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use json::Datagrams;
pub use publisher::Publisher;
pub use stdout::Stdout;
pub use target::{LONGEST_LOGIN, PartFault, ReceiverSettings, Target, TargetError, without_password};

use crate::record::entry::Entry;
use crate::record::provenance::Provenance;
pub use crate::threads::Policy;

/// Somewhere that what is seen goes at once.
pub trait Receiver: Send {
    /// Who makes the frames from the next one on.
    fn describe(&mut self, _made_by: Arc<Provenance>) {}

    /// May take its time; frames that come meanwhile are lost but for the newest.
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError>;

    /// At the end of a run the last frame leaves within this time, or not at all.
    fn last_frame_within(&self) -> Duration {
        Duration::from_millis(200)
    }

    /// No frame came for a while: what has to be done now and then is done.
    fn idle(&mut self) -> Result<Way, PublishError> {
        Ok(Way::Unused)
    }
}

/// What a receiver knows of the way to who listens, when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Something went over it, or a connection stands.
    Works,
    /// There was nothing to send.
    Unused,
}

/// Why nothing can be published.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum PublishError {
    #[error("{target}: {source}")]
    Send { target: String, source: std::io::Error },
    #[error("{target}: {source}")]
    Mqtt { target: String, source: mqtt::SessionError },
    #[error("{target}: not reached yet, trying again: {cause}")]
    Waiting { target: String, cause: String },
    #[error("nobody reads standard output any more")]
    StdoutClosed,
    #[error("standard output: {0}")]
    Stdout(std::io::Error),
    #[error("cannot start a thread to publish: {0}")]
    Thread(std::io::Error),
    #[cfg(feature = "page")]
    #[error("cannot serve the page at {at}: {source}; choose another port or address")]
    Serve { at: std::net::SocketAddr, source: std::io::Error },
    #[cfg(feature = "page")]
    #[error("{0} is open to other machines, and no token keeps them out")]
    NoToken(std::net::SocketAddr),
    #[cfg(feature = "page")]
    #[error(transparent)]
    Token(#[from] page::TokenError),
}

/// What an error means for the receiver, and for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// It may pass.
    Passing,
    /// Somebody waits for each frame and lacks one: the run has failed.
    Broken,
    /// Nobody will receive anything any more.
    Gone,
}

impl PublishError {
    fn severity(&self) -> Severity {
        match self {
            PublishError::StdoutClosed => Severity::Gone,
            PublishError::Stdout(_) => Severity::Broken,
            _ => Severity::Passing,
        }
    }

    /// What failed, without where; it stays the same until it is tried again.
    fn cause(&self) -> String {
        match self {
            PublishError::Waiting { cause, .. } => cause.clone(),
            error => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        }
    }
}
