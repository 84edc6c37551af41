//! The control groups that this process is in.

use std::path::{Path, PathBuf};

use super::tree::Tree;

/// A folder with a group's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    V1(PathBuf),
    V2(PathBuf),
}

/// This process' groups and those above them in which a controller such as `cpu` has its limits.
pub(super) fn of_this_process(tree: &Tree, controller: &str) -> Vec<Group> {
    let lines = tree.text("proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for line in lines.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        if controllers.is_empty() {
            groups.extend(upwards("sys/fs/cgroup", group).into_iter().map(Group::V2));
        } else if controllers.split(',').any(|name| name == controller) {
            for mount in [controllers, "cpu,cpuacct", controller] {
                groups.extend(upwards(&format!("sys/fs/cgroup/{mount}"), group).into_iter().map(Group::V1));
            }
        }
    }
    groups
}

/// The folders of a group and of those above it. In a container the path may be the host's: then
/// what is mounted is the container's own group.
fn upwards(mount: &str, group: &str) -> Vec<PathBuf> {
    let group = Path::new(group.trim_start_matches('/'));
    group.ancestors().map(|above| Path::new(mount).join(above)).collect()
}
