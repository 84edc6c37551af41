//! Face landmarks in real time on small ARM Linux boards.
//!
//! A frame flows one way: a source fills a [`frame::Frame`], a crop of it is cut by [`convert`], the net turns the
//! crop into [`heatmaps`], and [`mod@decode`] turns those into landmarks.

pub mod board;
pub mod calibration;
pub mod capture;
pub mod card;
pub mod cli;
pub mod commands;
pub mod convert;
pub mod dataset;
pub mod decode;
pub mod detect;
pub mod doctor;
mod exposure;
mod files;
pub mod frame;
pub mod geometry;
pub mod glass;
pub mod heatmaps;
mod jpeg;
pub mod landmarks;
pub mod latency;
pub mod machine;
mod message;
pub mod metrics;
pub mod metrics_file;
pub mod model;
pub mod observe;
pub mod overlay;
pub mod picture;
pub mod pipeline;
pub mod plan;
pub mod record;
pub mod report;
pub mod scene;
pub mod scheme;
pub mod screen;
pub mod service;
pub mod shape;
pub mod smooth;
pub mod track;
pub mod views;
pub mod zoo;
