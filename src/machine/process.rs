//! What this process takes of the machine.

use super::tree::Tree;

/// The kernel counts a process' time in hundredths of a second, on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// What could not be read is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Process {
    pub resident_bytes: Option<u64>,
    /// Of all cores, in seconds.
    pub cpu_s: Option<f64>,
    pub threads: Option<u64>,
    pub descriptors: Option<usize>,
}

impl Process {
    /// This one.
    pub fn read(tree: &Tree) -> Process {
        let status = tree.text("proc/self/status").unwrap_or_default();
        Process {
            resident_bytes: status_number(&status, "VmRSS").map(|kib| kib * 1024),
            cpu_s: tree.text("proc/self/stat").and_then(|stat| cpu_s(&stat)),
            threads: status_number(&status, "Threads"),
            descriptors: std::fs::read_dir(tree.path("proc/self/fd")).ok().map(Iterator::count),
        }
    }
}

/// The number in a line such as `VmHWM:     1234 kB` of proc_pid_status(5) or proc_meminfo(5).
pub fn status_number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The fields follow the name in parentheses, which may hold any of them; user and system time are
/// the fourteenth and fifteenth of all (`man 5 proc_pid_stat`).
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|ticks| ticks.parse::<u64>().ok());
    Some((times.next()?? + times.next()??) as f64 / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let process = Process::read(&Tree::here());
        assert!(process.resident_bytes.unwrap() > 1 << 20, "{process:?}");
        assert!(process.threads.unwrap() >= 1 && process.descriptors.unwrap() >= 1, "{process:?}");
        assert!(process.cpu_s.is_some(), "{process:?}");
        assert_eq!(Process::read(&Tree::at("/nowhere")), Process::default());
    }

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = "7 (a) b 1 2) S 1 7 7 0 -1 4194560 175 0 0 0 123 77 0 0 20 0 1 0 100 8000 200";
        assert_eq!(cpu_s(stat), Some(2.0));
    }
}
