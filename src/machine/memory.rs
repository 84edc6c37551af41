//! How much memory this process may have.

use super::groups::{self, Group};
use super::process::status_number;
use super::tree::Tree;

const MIB: u64 = 1024 * 1024;
/// Landmarks take at least so much beside the program itself (`run --source clip`: 20 MiB with
/// `nano`, 2026-11-29).
const LEAST_MIB: u64 = 24;

/// Why landmarks find too little memory. What finds none ends the program, wherever it is; so this
/// is asked beforehand.
pub fn memory_fault(tree: &Tree) -> Option<String> {
    let limit = MemoryLimit::read(tree);
    let has_room = || Vec::<u8>::new().try_reserve_exact((LEAST_MIB * MIB) as usize).is_ok();
    if limit.is_none_or(|limit| limit.mib >= LEAST_MIB) && has_room() {
        return None;
    }
    let left = limit.map_or("too little is free".into(), |limit| format!("{} leaves {} MiB", limit.by, limit.mib));
    Some(format!("{left}; wingmark takes {LEAST_MIB} MiB of memory at least, beside the program itself"))
}

/// What limits this process' memory: the limit, and the name of what set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit {
    /// In MiB; of address space, what this process has not taken yet.
    pub mib: u64,
    /// Such as `ulimit -v`.
    pub by: &'static str,
}

impl MemoryLimit {
    /// The lowest one; `None` where there is none.
    pub fn read(tree: &Tree) -> Option<MemoryLimit> {
        let groups = groups::of_this_process(tree, "memory");
        let of_groups = groups.iter().filter_map(|group| of_group(tree, group)).min();
        let of_groups = of_groups.map(|mib| MemoryLimit { mib, by: "its control group (MemoryMax=, docker --memory)" });
        let own = address_space(tree).map(|mib| MemoryLimit { mib, by: "ulimit -v" });
        own.into_iter().chain(of_groups).min_by_key(|limit| limit.mib)
    }
}

/// What the soft limit of this process' address space leaves: the program and its models lie in it,
/// too.
fn address_space(tree: &Tree) -> Option<u64> {
    let limits = tree.text("proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let bytes = line.split_whitespace().next()?.parse::<u64>().ok()?;
    let taken_kib = tree.text("proc/self/status").and_then(|status| status_number(&status, "VmSize"));
    Some(bytes.saturating_sub(taken_kib.unwrap_or(0) * 1024) / MIB)
}

/// Without a limit, version 2 says `max`, and version 1 more than any machine has.
fn of_group(tree: &Tree, group: &Group) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 60;
    let bytes = match group {
        Group::V1(folder) => tree.number::<u64>(folder.join("memory.limit_in_bytes")),
        Group::V2(folder) => tree.number(folder.join("memory.max")),
    };
    bytes.filter(|bytes| *bytes < NO_LIMIT).map(|bytes| bytes / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(files: &[(&str, &str)]) -> Option<(u64, &'static str)> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        MemoryLimit::read(&Tree::at(folder.path())).map(|limit| (limit.mib, limit.by))
    }

    #[test]
    fn too_little_memory_is_a_fault_before_it_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/self")).unwrap();
        let fault = |size_kib: u64| {
            std::fs::write(
                folder.path().join("proc/self/limits"),
                "Max address space         92160000 unlimited bytes\n",
            )
            .unwrap();
            std::fs::write(folder.path().join("proc/self/status"), format!("VmSize:\t{size_kib} kB\n")).unwrap();
            memory_fault(&Tree::at(folder.path()))
        };
        assert_eq!(fault(60_000), None);
        let expected = "ulimit -v leaves 17 MiB; wingmark takes 24 MiB of memory at least, beside the program itself";
        assert_eq!(fault(72_000).as_deref(), Some(expected));
    }

    #[test]
    fn the_lowest_limit_counts() {
        let head = "Limit                     Soft Limit           Hard Limit           Units     \n";
        let own =
            |soft: &str| format!("{head}Max address space         {soft}            unlimited            bytes     \n");
        let (narrow, wide) = (own("83886080"), own("unlimited"));
        let v2 = ("proc/self/cgroup", "0::/system.slice/wingmark.service\n");
        let max = |text| ("sys/fs/cgroup/system.slice/memory.max", text);
        assert_eq!(limit(&[("proc/self/limits", &wide)]), None);
        assert_eq!(limit(&[("proc/self/limits", &narrow)]), Some((80, "ulimit -v")));
        let status = |size| ("proc/self/status", size);
        assert_eq!(limit(&[("proc/self/limits", &narrow), status("VmSize:\t   71680 kB\n")]), Some((10, "ulimit -v")));
        assert_eq!(limit(&[("proc/self/limits", &narrow), status("VmSize:\t   90000 kB\n")]), Some((0, "ulimit -v")));
        assert_eq!(limit(&[("proc/self/limits", &wide), v2, max("max\n")]), None);
        assert_eq!(limit(&[("proc/self/limits", &narrow), v2, max("67108864\n")]).unwrap().0, 64);
        let v1 = ("proc/self/cgroup", "9:memory:/docker/abc\n");
        let in_bytes = |text| ("sys/fs/cgroup/memory/memory.limit_in_bytes", text);
        assert_eq!(limit(&[v1, in_bytes("33554432\n")]).unwrap().0, 32);
        assert_eq!(limit(&[v1, in_bytes("9223372036854771712\n")]), None);
    }
}
