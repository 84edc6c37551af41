//! Reports of `wingmark bench`: what was measured on one machine. `boards/results/SCHEMA.md`
//! describes the file.

pub mod chart;
mod check;
pub mod durations;
mod file;
mod names;
pub mod page;
pub mod regression;
#[cfg(test)]
mod sample;
pub mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use file::ReportError;

pub use crate::face::Stage;
use crate::machine::{Energy, Machine, State};
use crate::report::durations::Latencies;
use crate::text::message::counted;

/// Version of the file's layout. A reader refuses every other one.
pub const SCHEMA: u32 = 2;

/// What was measured on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub schema: u32,
    /// Version of wingmark.
    pub wingmark: String,
    /// When it was begun: UTC, as 2026-11-24T10:00:00Z.
    pub taken: String,
    /// Short name of the machine, for tables.
    pub board: String,
    /// The machine is emulated: its times mean nothing, its instruction counts do.
    pub emulated: bool,
    pub method: Method,
    pub machine: Machine,
    /// The machine when the first model's turn came, and after the last one's.
    pub before: State,
    pub after: State,
    pub models: Vec<Measured>,
    /// Other nets, run by tract alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Why a figure is not to be trusted.
    pub warnings: Vec<String>,
}

impl Report {
    /// What tells that they are of two kinds of machine, with both values: `cores: 4 and 2`. How
    /// many of its cores a run may use is no kind of machine.
    pub fn machine_difference(&self, other: &Report) -> Option<String> {
        let told = |report: &Report| {
            let Machine { model, architecture, cpu, .. } = report.machine.clone();
            let named = |name: Option<String>| name.unwrap_or_else(|| "not known".into());
            [
                ("board", report.board.clone()),
                ("emulated", report.emulated.to_string()),
                ("model", named(model)),
                ("architecture", architecture),
                ("CPU", named(cpu.name)),
                ("cores", cpu.cores.to_string()),
                ("features", cpu.features.join(" ")),
                ("virtual machine", cpu.virtual_machine.to_string()),
            ]
        };
        let mut pairs = told(self).into_iter().zip(told(other));
        pairs.find_map(|((what, own), (_, other))| (own != other).then(|| format!("{what}: {own} and {other}")))
    }

    /// `AMD EPYC, 2 cores, x86_64 with avx2`.
    pub fn machine_in_words(&self) -> String {
        let Machine { model, architecture, cpu, .. } = &self.machine;
        let name = model.as_deref().or(cpu.name.as_deref()).unwrap_or("a machine without a name");
        let cores = counted(cpu.cores, "core", "cores");
        format!("{name}, {cores}, {architecture} with {}", cpu.features.join(" "))
    }
}

/// How frames were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// `the built-in clip`, or the source as it was named.
    pub source: String,
    /// Frames came at the source's rate; otherwise each began when the one before was done.
    pub paced: bool,
    /// For each model, after warming up.
    pub seconds: f64,
}

/// The shipped path with one landmark model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub name: String,
    /// That share the nets' work, the main thread included.
    pub threads: usize,
    /// The kernel set that computed, such as `avx2` or `sdot`.
    pub kernel: String,
    pub input_px: u32,
    /// Multiply-adds of the landmark net for one face, in thousand millions.
    pub gmac: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Stages that never ran are absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<Stage, Quantiles>,
    /// From the frame in hand to its landmarks shown and recorded. Absent from a report that only
    /// counts instructions, as are all figures below it but the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Quantiles>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// From the start of loading the nets to the first landmarks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_landmarks_ms: Option<f64>,
    /// Resident memory of the process at its highest while this model was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// On the heap, by all threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocations_a_frame: Option<f64>,
    /// What each meter counted during the frames that were timed; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub energy: Vec<Energy>,
    /// Of the landmark net, counted in emulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions_a_frame: Option<u64>,
}

/// How good a model is, as its card says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    pub data: String,
    pub split: String,
    /// Mean error as a share of the distance between the outer eye corners; boxes from the true
    /// points.
    pub nme_percent: f64,
}

/// Any other net, on random input, run by tract on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    pub name: String,
    /// Shape of the input, as the file has it.
    pub input: Vec<usize>,
    pub load_ms: f64,
    pub net: Quantiles,
}

/// Durations in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// How often it was timed.
    pub count: usize,
    pub min_us: f64,
    pub median_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
}

impl Quantiles {
    /// `None` where nothing was timed.
    pub fn of(latencies: &Latencies) -> Option<Quantiles> {
        let us = |share| latencies.quantile(share).as_nanos() as f64 / 1e3;
        (latencies.count() > 0).then(|| Quantiles {
            count: latencies.count(),
            min_us: us(0.0),
            median_us: us(0.5),
            p90_us: us(0.9),
            p99_us: us(0.99),
        })
    }
}

/// What the machine does to figures, measured between frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Nothing at all: what a look at the clock costs.
    pub empty: Quantiles,
    /// A fixed computation of about a millisecond that needs neither memory nor the system.
    pub spin: Quantiles,
    /// Of the time that frames were timed, the share in which the main thread was ready to run but
    /// had no core. Absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_share: Option<f64>,
}

impl Noise {
    /// How far one timing of the fixed computation in ten is above the median, or what was waited,
    /// if that is more.
    pub fn share(&self) -> f64 {
        let spread = self.spin.p90_us / self.spin.median_us - 1.0;
        spread.max(self.waited_share.unwrap_or_default())
    }
}

impl Measured {
    /// Frames a second that 99 of 100 frames keep up with.
    pub fn frames_a_second(&self) -> Option<f64> {
        self.frame.map(|frame| 1e6 / frame.p99_us)
    }

    /// What a stage takes of each frame, in microseconds: its median, spread over the frames in
    /// which it did not run.
    pub fn stage_us_a_frame(&self, stage: Stage) -> Option<f64> {
        let (timed, frame) = (self.stages.get(&stage)?, self.frame?);
        Some(timed.median_us * timed.count as f64 / frame.count as f64)
    }
}
