//! Which camera is the one that was there before.

use std::path::{Path, PathBuf};

use super::{CameraError, Description, Device};

const NODES: &str = "/dev";
/// Where udev links cameras by what they are, and by where they are plugged in.
const LINKS: [&str; 2] = ["/dev/v4l/by-id", "/dev/v4l/by-path"];

/// The nodes of video devices, `/dev/video0` first.
pub fn nodes() -> Vec<PathBuf> {
    nodes_in(Path::new(NODES))
}

fn nodes_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut numbered: Vec<_> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}

/// The first camera that gives pictures.
pub fn first() -> Result<Device, CameraError> {
    let mut refused = None;
    for path in nodes() {
        match Device::open(&path) {
            Ok(device) => return Ok(device),
            Err(CameraError::NotACamera(_)) => {}
            Err(e) => refused = refused.or(Some(e)),
        }
    }
    Err(refused.unwrap_or(CameraError::None))
}

/// What a camera is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where it was opened.
    path: PathBuf,
    /// Links of udev to it.
    links: Vec<PathBuf>,
    description: Description,
}

impl Identity {
    pub fn of(device: &Device) -> Self {
        let links = LINKS.iter().flat_map(|folder| links_to(device.path(), Path::new(folder))).collect();
        Identity { path: device.path().into(), links, description: device.description().clone() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the same camera, wherever it is now.
    pub fn find(&self) -> Result<Device, CameraError> {
        let mut refused = None;
        for (path, is_link) in self.places(nodes()) {
            match Device::open(&path) {
                Ok(device) if self.is_same(device.description(), is_link) => return Ok(device),
                Ok(_) | Err(CameraError::NotThere { .. } | CameraError::NotACamera(_)) => {}
                Err(e) => refused = refused.or(Some(e)),
            }
        }
        Err(refused.unwrap_or_else(|| CameraError::Unplugged { path: self.path.clone() }))
    }

    /// Where to look, and whether that is a link which was made for this camera.
    fn places(&self, nodes: Vec<PathBuf>) -> Vec<(PathBuf, bool)> {
        let others = nodes.into_iter().filter(|node| *node != self.path);
        let links = self.links.iter().map(|link| (link.clone(), true));
        links.chain([(self.path.clone(), false)]).chain(others.map(|node| (node, false))).collect()
    }

    /// Other nodes may be other cameras of the same make, in other sockets.
    fn is_same(&self, found: &Description, by_link: bool) -> bool {
        found.card == self.description.card && (by_link || found.bus == self.description.bus)
    }
}

/// The links in a folder that lead to the same node as `path`.
fn links_to(path: &Path, folder: &Path) -> Vec<PathBuf> {
    let (Ok(node), Ok(entries)) = (path.canonicalize(), std::fs::read_dir(folder)) else { return Vec::new() };
    let leads_there = |link: &PathBuf| link.canonicalize().is_ok_and(|end| end == node);
    let mut links: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(leads_there).collect();
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn description(card: &str, bus: &str) -> Description {
        Description { driver: "uvcvideo".into(), card: card.into(), bus: bus.into() }
    }

    #[test]
    fn nodes_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["video10", "video2", "video", "videox", "vbi0", "media0"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(nodes_in(folder.path()), [folder.path().join("video2"), folder.path().join("video10")]);
        assert!(nodes_in(&folder.path().join("nowhere")).is_empty());
    }

    #[test]
    fn links_of_the_node_are_found_whatever_name_it_was_opened_by() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for node in ["video0", "video1"] {
            std::fs::write(at(node), "").unwrap();
        }
        std::fs::create_dir(at("by-id")).unwrap();
        symlink("../video1", at("by-id/usb-Other-index0")).unwrap();
        symlink("../video0", at("by-id/usb-Camera-index0")).unwrap();
        symlink("../gone", at("by-id/usb-Gone-index0")).unwrap();
        let expected = [at("by-id/usb-Camera-index0")];
        assert_eq!(links_to(&at("video0"), &at("by-id")), expected);
        assert_eq!(links_to(&expected[0], &at("by-id")), expected);
        assert!(links_to(&at("video0"), &at("by-path")).is_empty());
    }

    #[test]
    fn a_camera_is_looked_for_by_its_links_first_and_taken_elsewhere_only_in_its_own_socket() {
        let identity = Identity {
            path: "/dev/video0".into(),
            links: vec!["/dev/v4l/by-id/usb-Camera-index0".into()],
            description: description("Camera", "usb-1"),
        };
        let places = identity.places(vec!["/dev/video0".into(), "/dev/video1".into()]);
        let expected = [("/dev/v4l/by-id/usb-Camera-index0", true), ("/dev/video0", false), ("/dev/video1", false)];
        assert_eq!(places, expected.map(|(path, is_link)| (PathBuf::from(path), is_link)));
        assert!(identity.is_same(&description("Camera", "usb-1"), false));
        assert!(identity.is_same(&description("Camera", "usb-2"), true));
        assert!(!identity.is_same(&description("Camera", "usb-2"), false));
        assert!(!identity.is_same(&description("Other", "usb-1"), true));
    }
}
