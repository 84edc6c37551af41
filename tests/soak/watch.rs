//! What Linux says of a process.

use std::fs;
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub at: Duration,
    /// Pictures that it had been fed.
    pub fed: u64,
    /// Resident memory.
    pub memory_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// That its threads ran, and that they were ready to run while other work had the cores.
    pub ran: Duration,
    pub waited: Duration,
}

impl Sample {
    pub fn take(pid: u32, at: Duration, fed: u64) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            value.split_whitespace().next().unwrap().parse().unwrap()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        let (ran, waited) = scheduled(pid);
        Sample { at, fed, memory_kib: number("VmRSS:"), descriptors, threads: number("Threads:"), ran, waited }
    }
}

/// Of all its present threads: nanoseconds on a core, and nanoseconds of waiting for one.
fn scheduled(pid: u32) -> (Duration, Duration) {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let times = threads.filter_map(|thread| {
        // It may have ended meanwhile.
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(|number| Duration::from_nanos(number.parse().unwrap()));
        Some((numbers.next()?, numbers.next()?))
    });
    times.fold((Duration::ZERO, Duration::ZERO), |(ran, waited), (more, longer)| (ran + more, waited + longer))
}
