//! Face landmarks in real time on small ARM Linux boards.
//!
//! A frame flows one way: a [`capture::Source`] fills a [`picture::frame::Frame`], a [`face::Observer`] finds faces in it and
//! their landmarks, and what it saw goes to a screen, to files, or both.

pub mod board;
pub mod capture;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod doctor;
pub mod face;
pub mod machine;
pub mod model;
pub mod overlay;
pub mod picture;
pub mod pipeline;
pub mod plan;
pub mod record;
pub mod report;
pub mod screen;
mod text;
