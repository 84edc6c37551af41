//! The log: what is read back after faults, power cuts and jumps of the clock.

mod bytes;
mod clock;
mod faults;
mod fields;
mod limits;
mod made_by;
mod meddled;
mod power_cut;
mod queue;
mod read_back;
mod readers;
mod resume;
mod sample;
mod truncation;
