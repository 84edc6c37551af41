//! Face landmarks in real time on small ARM Linux boards.
//!
//! A frame flows one way: a [`capture::Source`] fills a [`picture::frame::Frame`], a
//! [`face::Observer`] finds faces in it and their landmarks, and what it saw goes to a screen, to
//! files, or both.
//!
//! ```
//! use wingmark::face::Observer;
//! use wingmark::picture::built_in_picture;
//!
//! let seen = Observer::builder().build()?.observe(&built_in_picture())?;
//! let nose = seen.faces[0].landmarks[30].at;
//! assert!((220.0..232.0).contains(&nose.x) && (122.0..134.0).contains(&nose.y), "{nose}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | feature | what it adds |
//! |---|---|
//! | `program` (default) | the commands of the binary; a program that links the library does without |
//! | `base` (default) | the net `base` inside the binary |
//! | `float` (default) | nets that are not quantised |
//! | `page` (default) | a page for a browser, Prometheus and health checks |
//! | `window` | a screen in a window |
//! | `tls` | MQTT over TLS |
//!
//! Modules that are not shown here belong to the program, its trainer and its tests; they change
//! without notice.

#![warn(missing_docs)]

#[doc(hidden)]
pub mod board;
pub mod capture;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod commands;
pub mod dataset;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod doctor;
pub mod face;
#[doc(hidden)]
pub mod machine;
pub mod model;
pub mod overlay;
#[cfg(feature = "program")]
mod parts;
pub mod picture;
#[doc(hidden)]
pub mod pipeline;
#[doc(hidden)]
pub mod publish;
#[doc(hidden)]
pub mod record;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod report;
pub mod screen;
mod text;
mod threads;
