//! What of a machine changes from minute to minute.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::process::status_number;
use super::throttling::Throttling;
use super::tree::Tree;
use super::warnings::is_of_cores;

/// What could not be read is absent or empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub frequencies: Vec<Frequency>,
    pub temperatures: Vec<Temperature>,
    /// Raspberry Pi only.
    pub throttling: Option<Throttling>,
    /// Jetson only.
    pub power_mode: Option<PowerMode>,
    /// Tasks that ran or waited, over the last minute.
    pub load_average: Option<f64>,
    pub available_memory_mib: Option<u64>,
}

/// Cores that share a clock: one folder of cpufreq.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequency {
    pub policy: String,
    /// Numbers of the cores, as the kernel writes them.
    pub cores: Option<String>,
    /// `intel_pstate` and `amd-pstate-epp` give `powersave` a meaning of their own.
    pub driver: Option<String>,
    pub governor: Option<String>,
    pub current_mhz: Option<u32>,
    /// What the governor may choose at most.
    pub allowed_mhz: Option<u32>,
    /// What the cores can do.
    pub highest_mhz: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// The kernel's type of the thermal zone: `cpu-thermal`.
    pub zone: String,
    pub celsius: f64,
    /// Where the kernel begins to slow down: the lowest passive trip point.
    pub limit_celsius: Option<f64>,
}

/// What `nvpmodel` has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerMode {
    pub id: u32,
    /// `15W`, `MAXN`.
    pub name: Option<String>,
}

impl State {
    /// The hottest of the cores' zones, in degrees Celsius. Nothing else is read.
    pub fn hottest(tree: &Tree) -> Option<f64> {
        let zones = zones(tree).into_iter().filter_map(|folder| Temperature::of(tree, &folder));
        zones.filter(is_of_cores).map(|zone| zone.celsius).reduce(f64::max)
    }

    pub fn read(tree: &Tree) -> State {
        State {
            frequencies: frequencies(tree),
            temperatures: temperatures(tree),
            throttling: Throttling::read(tree),
            power_mode: power_mode(tree),
            load_average: tree.text("proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
            available_memory_mib: memory_mib(tree, "MemAvailable"),
        }
    }
}

impl Frequency {
    /// Of the core that the calling thread runs on.
    pub fn here(tree: &Tree) -> Option<Frequency> {
        // Its number is the field 39; the third one follows the name: proc_pid_stat(5).
        let stat = tree.text("proc/thread-self/stat")?;
        let core = stat.rsplit_once(')')?.1.split_whitespace().nth(36)?;
        let has_core =
            |policy: &Frequency| policy.cores.iter().flat_map(|cores| cores.split_whitespace()).any(|own| own == core);
        frequencies(tree).into_iter().find(has_core)
    }
}

fn frequencies(tree: &Tree) -> Vec<Frequency> {
    let policies = tree.entries("sys/devices/system/cpu/cpufreq", "policy");
    policies
        .iter()
        .map(|folder| {
            let text = |name: &str| tree.text(folder.join(name));
            let mhz = |name: &str| tree.number::<u32>(folder.join(name)).map(|khz| khz / 1000);
            Frequency {
                policy: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                cores: text("affected_cpus"),
                driver: text("scaling_driver"),
                governor: text("scaling_governor"),
                current_mhz: mhz("scaling_cur_freq"),
                allowed_mhz: mhz("scaling_max_freq"),
                highest_mhz: mhz("cpuinfo_max_freq"),
            }
        })
        .collect()
}

fn zones(tree: &Tree) -> Vec<PathBuf> {
    tree.entries("sys/class/thermal", "thermal_zone")
}

impl Temperature {
    /// Without its limit.
    fn of(tree: &Tree, folder: &Path) -> Option<Temperature> {
        let celsius = tree.number::<f64>(folder.join("temp"))? / 1000.0;
        Some(Temperature { zone: tree.text(folder.join("type"))?, celsius, limit_celsius: None })
    }
}

fn temperatures(tree: &Tree) -> Vec<Temperature> {
    zones(tree)
        .iter()
        .filter_map(|folder| {
            let celsius = |name: &str| tree.number::<f64>(folder.join(name)).map(|thousandths| thousandths / 1000.0);
            let passive = (0..)
                .map_while(|trip| Some((trip, tree.text(folder.join(format!("trip_point_{trip}_type")))?)))
                .filter(|(_, kind)| kind == "passive")
                .filter_map(|(trip, _)| celsius(&format!("trip_point_{trip}_temp")));
            Some(Temperature { limit_celsius: passive.reduce(f64::min), ..Temperature::of(tree, folder)? })
        })
        .collect()
}

/// Mode from the status file (`pmode:0002 fmode:cool`), name from the table of modes.
fn power_mode(tree: &Tree) -> Option<PowerMode> {
    let status = tree.text("var/lib/nvpmodel/status")?;
    let id = status.split_whitespace().find_map(|word| word.strip_prefix("pmode:")?.parse().ok())?;
    let modes = tree.text("etc/nvpmodel.conf").unwrap_or_default();
    // < POWER_MODEL ID=0 NAME=MAXN >
    let name = modes.lines().filter(|line| line.contains("POWER_MODEL")).find_map(|line| {
        let value = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key));
        (value("ID=")?.parse() == Ok(id)).then(|| value("NAME=").map(str::to_owned))?
    });
    Some(PowerMode { id, name })
}

/// A line of `/proc/meminfo`.
pub(super) fn memory_mib(tree: &Tree, key: &str) -> Option<u64> {
    status_number(&tree.text("proc/meminfo")?, key).map(|kib| kib / 1024)
}
