//! What the board and this process use, as it is when it is asked for.

use std::collections::BTreeMap;

use super::exposition::{Exposition, MetricKind};
use crate::machine::{Process, State, Throttling, Tree};

const MIB: u64 = 1 << 20;

/// Adds what can be read; the rest is left out.
pub fn put(text: &mut Exposition, tree: &Tree) {
    let state = State::read(tree);
    put_heat(text, &state);
    if let Some(throttling) = state.throttling {
        put_throttling(text, throttling);
    }
    if let Some(mib) = state.available_memory_mib {
        text.single("memory_available_bytes", MetricKind::Gauge, "Memory that the board has left.", mib * MIB);
    }
    put_process(text, &Process::read(tree));
}

fn put_heat(text: &mut Exposition, state: &State) {
    // Zones of a kind share a name on some machines: the hottest stands for all.
    let mut zones = BTreeMap::<&str, (f64, Option<f64>)>::new();
    for zone in &state.temperatures {
        let hottest = zones.entry(&zone.zone).or_insert((f64::NEG_INFINITY, None));
        hottest.0 = hottest.0.max(zone.celsius);
        hottest.1 = hottest.1.into_iter().chain(zone.limit_celsius).reduce(f64::min);
    }
    if !zones.is_empty() {
        let mut family = text.family("temperature_celsius", MetricKind::Gauge, "Of each thermal zone.");
        zones.iter().for_each(|(zone, (celsius, _))| family.sample(&[("zone", zone)], celsius));
    }
    if zones.values().any(|(_, limit)| limit.is_some()) {
        let help = "Where the kernel begins to slow down.";
        let mut family = text.family("temperature_limit_celsius", MetricKind::Gauge, help);
        zones.iter().filter_map(|(zone, (_, limit))| Some((zone, (*limit)?))).for_each(|(zone, limit)| {
            family.sample(&[("zone", zone)], limit);
        });
    }
    if !state.frequencies.is_empty() {
        let mut family = text.family("cpu_frequency_hertz", MetricKind::Gauge, "Of the cores that share a clock.");
        for clock in &state.frequencies {
            if let Some(mhz) = clock.current_mhz {
                family.sample(&[("policy", &clock.policy)], u64::from(mhz) * 1_000_000);
            }
        }
    }
}

/// A Raspberry Pi's own word on its power and heat.
fn put_throttling(text: &mut Exposition, throttling: Throttling) {
    let mut put = |name, help, found: Vec<&str>| {
        let mut family = text.family(name, MetricKind::Gauge, help);
        for cause in Throttling::CAUSES {
            let label = cause.replace([' ', '-'], "_");
            family.sample(&[("cause", &label)], u8::from(found.contains(&cause)));
        }
    };
    put("throttled", "Whether the firmware holds the board back now, by cause.", throttling.now());
    put("throttled_since_boot", "Whether it did since the board was started, by cause.", throttling.since_start());
}

fn put_process(text: &mut Exposition, process: &Process) {
    if let Some(bytes) = process.resident_bytes {
        text.single("memory_resident_bytes", MetricKind::Gauge, "Memory that this process takes.", bytes);
    }
    if let Some(seconds) = process.cpu_s {
        text.single("cpu_seconds_total", MetricKind::Counter, "Time that this process took of all cores.", seconds);
    }
    if let Some(threads) = process.threads {
        text.single("threads", MetricKind::Gauge, "Threads of this process.", threads);
    }
    if let Some(descriptors) = process.descriptors {
        text.single(
            "open_descriptors",
            MetricKind::Gauge,
            "Files and connections that this process has open.",
            descriptors,
        );
    }
}
