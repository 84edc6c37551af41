//! Reports for tests.

use std::collections::BTreeMap;

use super::{Accuracy, Measured, Method, Noise, Quantiles, Report, SCHEMA, Stage};
use crate::machine::{Cpu, Machine, State};

/// 5 ms a frame, 4 of them the net's; the detector runs in one frame of ten. Noise 1 %.
pub fn report() -> Report {
    let us = |count, median_us: f64| Quantiles {
        count,
        min_us: median_us * 0.8,
        median_us,
        p90_us: median_us * 1.01,
        p99_us: median_us * 1.6,
    };
    let stages = [
        (Stage::Capture, us(1000, 900.0)),
        (Stage::Detect, us(100, 3000.0)),
        (Stage::Net, us(1000, 4000.0)),
        (Stage::Record, us(1000, 20.0)),
    ];
    let small = Measured {
        accuracy: Some(Accuracy { data: "300-W".into(), split: "common".into(), nme_percent: 3.43 }),
        stages: BTreeMap::from(stages),
        frame: Some(us(1000, 5000.0)),
        noise: Some(Noise { empty: us(200, 0.04), spin: us(200, 1000.0), waited_share: Some(0.002) }),
        first_landmarks_ms: Some(31.0),
        peak_memory_bytes: Some(23_000_000),
        allocations_a_frame: Some(12.0),
        ..small("avx2")
    };
    Report {
        schema: SCHEMA,
        wingmark: "0.1.0".into(),
        taken: "2026-11-24T10:00:00Z".into(),
        board: "bench".into(),
        emulated: false,
        method: Method { source: "the built-in clip".into(), paced: false, seconds: 10.0 },
        machine: machine("x86_64", "AMD EPYC", "avx2"),
        before: State::default(),
        after: State::default(),
        models: vec![small],
        peers: Vec::new(),
        warnings: vec!["a warning".into()],
    }
}

/// Of an emulated board: only instructions are counted, 0.1 for each multiply-add.
pub fn emulated() -> Report {
    Report {
        board: "emulated".into(),
        emulated: true,
        machine: machine("aarch64", "Cortex-A76", "asimddp"),
        models: vec![Measured { instructions_a_frame: Some(28_900_000), ..small("sdot") }],
        warnings: Vec::new(),
        ..report()
    }
}

fn small(kernel: &str) -> Measured {
    Measured {
        name: "small".into(),
        threads: 1,
        kernel: kernel.into(),
        input_px: 128,
        gmac: 0.289,
        ..Measured::default()
    }
}

fn machine(architecture: &str, name: &str, feature: &str) -> Machine {
    let cpu = Cpu {
        name: Some(name.into()),
        cores: 2,
        usable_cores: None,
        features: vec![feature.into()],
        virtual_machine: false,
    };
    Machine {
        model: None,
        compatible: Vec::new(),
        architecture: architecture.into(),
        cpu,
        kernels: feature.into(),
        kernel_release: None,
        memory_mib: None,
    }
}
