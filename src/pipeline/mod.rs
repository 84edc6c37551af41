//! The threads of a run: one captures, one observes and records, one shows. On a live source a slow
//! thread never holds up the one before it: it gets the newest frame. Sequence numbers tell how
//! many frames it missed.

mod display;
mod feed;
mod hourly;
#[cfg(feature = "program")]
pub mod service;
mod watch;

pub use display::{Display, Show};
pub use feed::{Feed, Note};
pub use hourly::Hourly;
pub use watch::StatusWatch;

pub use crate::threads::{Policy, Taken};
