//! What the system says of this process.

use std::time::Duration;

use stats_alloc::INSTRUMENTED_SYSTEM;

use crate::machine::status_number;

/// From here on, the peak counts anew. Where the system does not allow that, it counts from the
/// process's start.
pub fn restart_peak() {
    // "5" resets VmHWM: proc_pid_clear_refs(5).
    if let Err(e) = std::fs::write("/proc/self/clear_refs", "5") {
        log::debug!("cannot reset the peak of memory: {e}");
    }
}

/// Resident memory at its highest, in bytes. `None` where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    peak_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// How long the calling thread was ready to run but had no core, so far. `None` where the system
/// does not tell.
pub fn waited() -> Option<Duration> {
    // Nanoseconds on a core, nanoseconds waiting for one, time slices: the kernel's
    // Documentation/scheduler/sched-stats.rst.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().nth(1)?.parse().ok()?))
}

fn peak_in(status: &str) -> Option<u64> {
    status_number(status, "VmHWM").map(|kib| kib * 1024)
}

/// Allocations of the process so far, by all threads; growth in place counts as one. `None` in a
/// program that does not count them, as `main.rs` does.
pub fn allocations() -> Option<usize> {
    let stats = INSTRUMENTED_SYSTEM.stats();
    (stats.allocations > 0).then_some(stats.allocations + stats.reallocations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_in("Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t   1234 kB\nVmRSS:\t  7 kB\n"), Some(1_263_616));
        assert_eq!(peak_in("Name:\tx\n"), None);
        assert!(peak_bytes().unwrap() > 100_000);
    }
}
