//! What Linux says of a process.

use std::fs;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub at: Duration,
    /// Resident memory.
    pub memory_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
}

impl Sample {
    pub fn take(pid: u32, at: Duration) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            value.split_whitespace().next().unwrap().parse().unwrap()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        Sample { at, memory_kib: number("VmRSS:"), descriptors, threads: number("Threads:") }
    }
}
