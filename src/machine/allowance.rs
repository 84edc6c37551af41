//! How many of the machine's cores this process may use.

use std::path::Path;

use super::groups::{self, Group};
use super::tree::Tree;

/// By affinity and by the quotas of control groups; a quota gives fractions of cores. `None` where
/// neither can be read.
pub(super) fn usable_cores(tree: &Tree) -> Option<f64> {
    let affinity = affinity(tree).map(|cores| cores as f64);
    affinity.into_iter().chain(quotas(tree)).reduce(f64::min)
}

/// The kernel's list of cores: `0-3,6`.
fn affinity(tree: &Tree) -> Option<usize> {
    let status = tree.text("proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (last + 1).checked_sub(first)
    };
    list.trim().split(',').map(count).sum()
}

/// Of this process' groups and those above them, version 1 and 2.
fn quotas(tree: &Tree) -> Vec<f64> {
    let quota = |group: &Group| match group {
        Group::V1(folder) => quota_v1(tree, folder),
        Group::V2(folder) => quota_v2(tree, folder),
    };
    groups::of_this_process(tree, "cpu").iter().filter_map(quota).collect()
}

/// `cpu.max`: a quota, or `max`, and the period that it is for, in microseconds.
fn quota_v2(tree: &Tree, folder: &Path) -> Option<f64> {
    let text = tree.text(folder.join("cpu.max"))?;
    let mut fields = text.split_whitespace().map(str::parse::<f64>);
    cores(fields.next()?.ok()?, fields.next()?.ok()?)
}

/// The quota is -1 where there is none.
fn quota_v1(tree: &Tree, folder: &Path) -> Option<f64> {
    cores(tree.number(folder.join("cpu.cfs_quota_us"))?, tree.number(folder.join("cpu.cfs_period_us"))?)
}

fn cores(quota: f64, period: f64) -> Option<f64> {
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(files: &[(&str, &str)]) -> Option<f64> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        usable_cores(&Tree::at(folder.path()))
    }

    const STATUS: &str = "proc/self/status";
    const CGROUP: &str = "proc/self/cgroup";

    #[test]
    fn affinity_is_counted() {
        for (list, cores) in [("0-3", 4.0), ("2", 1.0), ("0-1,4,6-7", 5.0)] {
            let status =
                format!("Name:\twingmark\nCpus_allowed:\tf\nCpus_allowed_list:\t{list}\nMems_allowed_list:\t0\n");
            assert_eq!(usable(&[(STATUS, &status)]), Some(cores));
        }
        assert_eq!(usable(&[(STATUS, "Cpus_allowed_list:\t3-0,x\n")]), None);
        assert_eq!(usable(&[]), None);
    }

    #[test]
    fn the_smallest_quota_counts() {
        let status = (STATUS, "Cpus_allowed_list:\t0-7\n");
        let v2 = (CGROUP, "0::/user.slice/a.service\n");
        let max = |path, text| usable(&[status, v2, (path, text)]);
        assert_eq!(max("sys/fs/cgroup/user.slice/a.service/cpu.max", "150000 100000\n"), Some(1.5));
        assert_eq!(max("sys/fs/cgroup/user.slice/cpu.max", "200000 100000\n"), Some(2.0));
        assert_eq!(max("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"), Some(8.0));
        // As a container sees it.
        assert_eq!(usable(&[status, (CGROUP, "0::/\n"), ("sys/fs/cgroup/cpu.max", "50000 100000")]), Some(0.5));
        let v1 = (CGROUP, "4:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n");
        for folder in ["sys/fs/cgroup/cpu,cpuacct/docker/abc", "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpu"] {
            let (quota, period) = (format!("{folder}/cpu.cfs_quota_us"), format!("{folder}/cpu.cfs_period_us"));
            let quota_of = |text| usable(&[status, v1, (&quota, text), (&period, "100000\n")]);
            assert_eq!((quota_of("300000\n"), quota_of("-1\n")), (Some(3.0), Some(8.0)), "{folder}");
        }
    }
}
