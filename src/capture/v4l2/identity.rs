//! Which camera is the one that was there before.

use std::path::{Path, PathBuf};

use super::answer::open_answering;
use super::{CameraError, Description, Device};

const NODES: &str = "/dev";
/// Where udev links cameras by what they are, and by where they are plugged in.
const LINKS: [&str; 2] = [BY_SERIAL, "/dev/v4l/by-path"];
const BY_SERIAL: &str = "/dev/v4l/by-id";
/// Where the kernel lists video devices.
const CLASS: &str = "/sys/class/video4linux";

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

/// What a camera is known by: its name, the socket that it is in, and the links of udev that have
/// its serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where it was opened.
    path: PathBuf,
    /// Links of udev to it.
    links: Vec<PathBuf>,
    /// What the kernel lists it as.
    listed: Option<String>,
    description: Description,
    /// Sockets in which other cameras of the same make were seen beside it: their serial number may
    /// be the same.
    taken: Vec<String>,
}

impl Identity {
    pub fn of(device: &Device) -> Self {
        let links = LINKS.iter().flat_map(|folder| links_to(device.path(), Path::new(folder))).collect();
        let mut identity = Identity {
            path: device.path().into(),
            links,
            listed: listed(device.path()),
            description: device.description().clone(),
            taken: Vec::new(),
        };
        identity.look_about();
        identity
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name that its driver gives it.
    pub fn card(&self) -> &str {
        &self.description.card
    }

    /// Takes note of the other cameras that are here.
    pub fn look_about(&mut self) {
        for node in nodes() {
            if self.may_be_at(&node)
                && let Ok(device) = open_answering(&node)
            {
                self.note(device.description());
            }
        }
    }

    /// Whether a camera of this make may be at a node, by what the kernel lists: other cameras are
    /// not opened, since their drivers may never answer.
    fn may_be_at(&self, node: &Path) -> bool {
        self.may_be(listed(node).as_deref())
    }

    fn may_be(&self, listed: Option<&str>) -> bool {
        self.listed.is_none() || listed.is_none() || self.listed.as_deref() == listed
    }

    fn note(&mut self, other: &Description) {
        let Description { card, bus, .. } = &self.description;
        if other.card == *card && other.bus != *bus && !self.taken.contains(&other.bus) {
            self.taken.push(other.bus.clone());
        }
    }

    /// Opens the same camera, wherever it is now.
    pub fn find(&self) -> Result<Device, CameraError> {
        let mut refused = None;
        for (path, is_link) in self.places(nodes()).into_iter().filter(|(path, _)| self.may_be_at(path)) {
            match open_answering(&path) {
                Ok(device) if self.is_same(&device, is_link) => return Ok(device),
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

    fn is_same(&self, device: &Device, by_link: bool) -> bool {
        let serials = links_to(device.path(), Path::new(BY_SERIAL));
        self.is_known(device.description(), by_link, &serials)
    }

    /// Whether a camera is this one. Its links say so where they have a serial number that no other
    /// camera here has; otherwise its socket does, unless its own links say that it is another one.
    fn is_known(&self, found: &Description, by_link: bool, serials: &[PathBuf]) -> bool {
        let own: Vec<_> = self.links.iter().filter(|link| link.starts_with(BY_SERIAL)).collect();
        let has_other_serial =
            !own.is_empty() && !serials.is_empty() && !serials.iter().any(|link| own.contains(&link));
        let is_here = found.bus == self.description.bus;
        let may_move = by_link && !self.taken.contains(&found.bus);
        found.card == self.description.card && !has_other_serial && (is_here || may_move)
    }
}

/// What the kernel lists a node as: its camera's name.
fn listed(node: &Path) -> Option<String> {
    let node = node.canonicalize().ok()?;
    let name = std::fs::read_to_string(Path::new(CLASS).join(node.file_name()?).join("name")).ok()?;
    Some(name.trim_end().into())
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

    fn camera_in_socket_1() -> Identity {
        Identity {
            path: "/dev/video0".into(),
            links: vec!["/dev/v4l/by-id/usb-Camera-index0".into(), "/dev/v4l/by-path/usb-1-index0".into()],
            listed: Some("Camera".into()),
            description: description("Camera", "usb-1"),
            taken: Vec::new(),
        }
    }

    #[test]
    fn a_camera_is_looked_for_by_its_links_first() {
        let places = camera_in_socket_1().places(vec!["/dev/video0".into(), "/dev/video1".into()]);
        let expected = [
            ("/dev/v4l/by-id/usb-Camera-index0", true),
            ("/dev/v4l/by-path/usb-1-index0", true),
            ("/dev/video0", false),
            ("/dev/video1", false),
        ];
        assert_eq!(places, expected.map(|(path, is_link)| (PathBuf::from(path), is_link)));
    }

    #[test]
    fn only_cameras_of_its_make_are_opened() {
        let listed = [Some("Camera"), None, Some("Other")];
        assert_eq!(listed.map(|listed| camera_in_socket_1().may_be(listed)), [true, true, false]);
        let unlisted = Identity { listed: None, ..camera_in_socket_1() };
        assert_eq!(listed.map(|listed| unlisted.may_be(listed)), [true; 3]);
    }

    #[test]
    fn a_camera_is_taken_elsewhere_only_by_its_serial_number() {
        let identity = camera_in_socket_1();
        let is_known = |card, bus, by_link| identity.is_known(&description(card, bus), by_link, &[]);
        assert!(is_known("Camera", "usb-1", false));
        assert!(is_known("Camera", "usb-2", true));
        assert!(!is_known("Camera", "usb-2", false));
        assert!(!is_known("Other", "usb-1", true));
    }

    #[test]
    fn where_two_cameras_have_one_serial_number_the_socket_decides() {
        let mut identity = camera_in_socket_1();
        for bus in ["usb-1", "usb-2"] {
            identity.note(&description("Camera", bus));
            identity.note(&description("Other", "usb-3"));
        }
        assert_eq!(identity.taken, ["usb-2"]);
        let is_known = |bus, by_link| identity.is_known(&description("Camera", bus), by_link, &[]);
        assert!(is_known("usb-1", true) && is_known("usb-1", false));
        assert!(!is_known("usb-2", true));
        // Nobody else was seen there.
        assert!(is_known("usb-3", true));
    }

    #[test]
    fn another_serial_number_in_the_same_socket_is_another_camera() {
        let identity = camera_in_socket_1();
        let is_known = |serials: &[PathBuf]| identity.is_known(&description("Camera", "usb-1"), true, serials);
        assert!(is_known(&["/dev/v4l/by-id/usb-Camera-index0".into()]));
        assert!(!is_known(&["/dev/v4l/by-id/usb-Camera2-index0".into()]));
    }
}
