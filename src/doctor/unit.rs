//! The service's unit as it is installed, with its drop-ins: what systemd would start, and who that
//! is.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Probe;
use super::devices::{group, is_there, named};
use crate::machine::Tree;
use crate::text::words::words;

/// Where units are looked for.
const FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
/// What the unit's file is called.
pub const NAME: &str = "wingmark.service";

#[derive(Debug)]
pub struct Unit {
    /// The lines of a unit and of its drop-ins, in the order in which they hold.
    lines: Vec<(String, String)>,
    /// An empty file, or a link to a device that is one, which keeps systemd from starting it.
    mask: Option<PathBuf>,
}

impl Unit {
    /// `None` where none is installed.
    pub fn read(tree: &Tree) -> Option<Unit> {
        let inside = |path: &Path| path.strip_prefix("/").map(Path::to_path_buf).unwrap_or_default();
        let units = FOLDERS.iter().map(|folder| Path::new(folder).join(NAME));
        let file = units.into_iter().find(|unit| is_there(tree, unit))?;
        let is_mask = tree.path(inside(&file)).metadata().is_ok_and(|about| !about.is_file() || about.len() == 0);
        let unit = tree.text(inside(&file))?;
        let folders = FOLDERS.iter().map(|folder| inside(Path::new(folder)).join(format!("{NAME}.d")));
        let mut drop_ins: Vec<PathBuf> =
            folders.flat_map(|folder| tree.entries(&folder.to_string_lossy(), "")).collect();
        drop_ins.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
        drop_ins.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        // Of one name the first folder's holds.
        drop_ins.dedup_by(|b, a| a.file_name() == b.file_name());
        let texts = [unit].into_iter().chain(drop_ins.iter().filter_map(|file| tree.text(file)));
        Some(Unit { lines: texts.flat_map(|text| pairs(&text)).collect(), mask: is_mask.then_some(file) })
    }

    /// The values of a key that may stand several times; an empty one takes those before it away.
    fn all(&self, key: &str) -> Vec<&str> {
        let values = self.lines.iter().filter(|(found, _)| found == key).map(|(_, value)| value.as_str());
        values.fold(Vec::new(), |mut all, value| {
            if value.is_empty() {
                all.clear()
            } else {
                all.push(value)
            }
            all
        })
    }

    fn last(&self, key: &str) -> Option<&str> {
        self.all(key).pop()
    }

    /// What it starts, word for word.
    pub fn command_line(&self) -> Vec<OsString> {
        let environment: Vec<String> = self.all("Environment").into_iter().flat_map(words).map(specified).collect();
        let variable = |name: &str| {
            let pairs = environment.iter().rev().filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value).unwrap_or_default()
        };
        let command = self.last("ExecStart").unwrap_or_default();
        let command = words(command.trim_start_matches(['-', '@', ':', '+', '!']));
        let expanded = command.into_iter().flat_map(|word| match word.strip_prefix('$') {
            Some(name) if !name.starts_with(['{', '$']) => {
                variable(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            }
            _ => vec![specified(word)],
        });
        expanded.map(OsString::from).collect()
    }

    /// The file that keeps systemd from starting it.
    pub(super) fn mask(&self) -> Option<&Path> {
        self.mask.as_deref()
    }

    /// From where on it takes paths.
    pub fn folder(&self) -> PathBuf {
        let folder = self.last("WorkingDirectory").map(|folder| specified(folder.trim_start_matches('-').into()));
        folder.filter(|folder| folder.starts_with('/')).unwrap_or_else(|| "/".into()).into()
    }

    /// Whose rights it has; `None` where systemd makes a user up.
    pub fn user(&self) -> Option<&str> {
        if self.is_on("DynamicUser") { None } else { Some(self.last("User").unwrap_or("root")) }
    }

    fn is_on(&self, key: &str) -> bool {
        self.last(key).is_some_and(|value| ["yes", "true", "on", "1"].contains(&value))
    }

    /// Whether its program reaches no network, nor is reached by one.
    pub(super) fn forbids_network(&self) -> bool {
        let is_closed = || self.all("IPAddressDeny").contains(&"any") && self.all("IPAddressAllow").is_empty();
        let has_family = || ["AF_INET", "AF_INET6"].iter().any(|family| self.allows_family(family));
        self.is_on("PrivateNetwork") || !has_family() || is_closed()
    }

    /// Whether its program may have sockets of a family. The first line says whether all others are
    /// forbidden or allowed.
    pub(super) fn allows_family(&self, family: &str) -> bool {
        let lines = self.all("RestrictAddressFamilies");
        let names_forbidden = |line: &str| line.starts_with('~');
        let of_others = lines.first().is_none_or(|line| names_forbidden(line));
        let naming = lines.iter().rfind(|line| line.trim_start_matches('~').split_whitespace().any(|it| it == family));
        naming.map_or(of_others, |line| !names_forbidden(line))
    }

    /// Whether it lets its program open a device, whatever the user's rights.
    pub(super) fn allows_device(&self, device: &Path, tree: &Tree) -> bool {
        let allowed = self.all("DeviceAllow");
        let is_closed = matches!(self.last("DevicePolicy"), Some("closed" | "strict")) || !allowed.is_empty();
        let Some(kind) = kind(device).filter(|_| is_closed) else { return true };
        let words = allowed.into_iter().filter_map(|line| line.split_whitespace().next());
        let is_named = |word: &str| match word.strip_prefix("char-") {
            Some(pattern) => pattern == kind || pattern.contains(['*', '?', '[']),
            None => named(Path::new(word), tree) == device,
        };
        words.into_iter().any(is_named)
    }

    /// Whether what it forbids leaves a file to be written.
    pub(super) fn allows_writing(&self, file: &Path) -> bool {
        const FOLDERS: [(&str, &str); 5] = [
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("CacheDirectory", "/var/cache"),
            ("LogsDirectory", "/var/log"),
            ("ReadWritePaths", "/"),
        ];
        let is_strict = self.last("ProtectSystem") == Some("strict") || self.is_on("DynamicUser");
        let is_below = |folder: &str, word: String| {
            let word = specified(word);
            let own = word.trim_start_matches(['-', '+']).split(':').next().unwrap_or_default();
            file.starts_with(Path::new(folder).join(own))
        };
        let mut named = FOLDERS.iter().flat_map(|(key, folder)| self.all(key).into_iter().map(move |it| (folder, it)));
        !is_strict
            || ["/dev", "/tmp", "/var/tmp"].iter().any(|folder| file.starts_with(folder))
            || named.any(|(folder, value)| words(value).into_iter().any(|word| is_below(folder, word)))
    }

    /// Whether systemd hands a credential to its program, as far as that can be told.
    pub(super) fn hands_over(&self, name: &str) -> bool {
        const KEYS: [&str; 4] =
            ["LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"];
        let is_imported = !self.all("ImportCredential").is_empty();
        is_imported || KEYS.iter().flat_map(|key| self.all(key)).any(|line| line.split(':').next() == Some(name))
    }

    /// The file of a credential, without which it does not start.
    pub(super) fn credential_file(&self, name: &str) -> Option<&Path> {
        let has_default = self.all("SetCredential").iter().any(|line| line.split(':').next() == Some(name));
        let pairs = self.all("LoadCredential").into_iter().filter_map(|line| line.split_once(':'));
        let file = pairs.into_iter().find(|(id, _)| *id == name).map(|(_, file)| Path::new(file));
        file.filter(|file| file.is_absolute() && !has_default)
    }

    /// Whether the unit puts its user into a group; root may all.
    pub(super) fn is_in_group(&self, group: &str) -> bool {
        let more = self.all("SupplementaryGroups").into_iter().flat_map(str::split_whitespace);
        self.user() == Some("root") || more.chain(self.last("Group")).chain(self.user()).any(|own| own == group)
    }

    /// Whether its user may read a file of the folder `/etc`; what is not there is no matter of
    /// rights.
    pub fn may_read(&self, file: &Path, tree: &Tree, probe: &dyn Probe) -> bool {
        let Ok(about) = tree.path(file.strip_prefix("/").unwrap_or(file)).metadata() else { return true };
        let lets = |rights: u32| about.mode() & rights != 0;
        self.user() == Some("root")
            || lets(0o004)
            || (lets(0o040) && group(file, tree, probe).is_some_and(|group| self.is_in_group(&group)))
            || (lets(0o400) && self.user().is_some_and(|user| user_number(tree, user) == Some(about.uid())))
    }
}

/// Of which kind a device is, as `/proc/devices` names it.
fn kind(device: &Path) -> Option<&'static str> {
    const KINDS: [(&str, &str); 7] = [
        ("/dev/video", "video4linux"),
        ("/dev/media", "media"),
        ("/dev/dri/", "drm"),
        ("/dev/fb", "fb"),
        ("/dev/spidev", "spi"),
        ("/dev/gpiochip", "gpiochip"),
        ("/dev/dma_heap/", "dma_heap"),
    ];
    let device = device.to_string_lossy();
    KINDS.iter().find(|(begin, _)| device.starts_with(begin)).map(|(_, kind)| *kind)
}

/// Keys and values.
fn pairs(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().into(), value.trim().into())).collect()
}

/// With systemd's folders in place of what stands for them.
fn specified(word: String) -> String {
    word.replace("%S", "/var/lib").replace("%t", "/run").replace("%%", "%")
}

fn user_number(tree: &Tree, name: &str) -> Option<u32> {
    let users = tree.text("etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split(':').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../service/wingmark.service");

    fn unit(drop_ins: &[(&str, &str)]) -> Unit {
        let folder = tempfile::tempdir().unwrap();
        let units = folder.path().join("etc/systemd/system");
        std::fs::create_dir_all(units.join("wingmark.service.d")).unwrap();
        std::fs::write(units.join(NAME), SHIPPED).unwrap();
        for (name, text) in drop_ins {
            std::fs::write(units.join("wingmark.service.d").join(name), text).unwrap();
        }
        Unit::read(&Tree::at(folder.path())).unwrap()
    }

    #[test]
    fn the_command_line_is_that_of_the_unit_and_its_drop_ins() {
        let start = |drop_ins: &[(&str, &str)]| {
            let words = unit(drop_ins).command_line();
            words.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let record = "--record /var/lib/wingmark/faces.csv --keep 2G";
        let metrics = "--metrics /run/wingmark/wingmark.prom";
        assert_eq!(start(&[]), format!("/usr/local/bin/wingmark run --screen none {record} {metrics}"));
        let csi = ("csi.conf", include_str!("../../service/drop-ins/csi.conf"));
        let screen = ("screen.conf", include_str!("../../service/drop-ins/screen.conf"));
        let expected = format!("/usr/local/bin/wingmark run --source rpicam --screen auto {record} {metrics}");
        assert_eq!(start(&[csi, screen]), expected);
        let settings = ("settings.conf", include_str!("../../service/drop-ins/settings.conf"));
        assert_eq!(start(&[settings]), "/usr/local/bin/wingmark run --screen none");
        let own =
            ("z.conf", "[Service]\nExecStart=\nExecStart=-/opt/w run \\\n  --source 'gst:a ! fdsink'\n# ExecStart=b\n");
        assert_eq!(unit(&[own]).command_line().last().unwrap(), "gst:a ! fdsink");
    }

    #[test]
    fn paths_are_taken_from_the_working_directory_on() {
        let folder = |line: &str| unit(&[("own.conf", &format!("[Service]\n{line}\n"))]).folder();
        assert_eq!(folder(""), Path::new("/"));
        assert_eq!(folder("WorkingDirectory=-%S/wingmark"), Path::new("/var/lib/wingmark"));
        assert_eq!(folder("WorkingDirectory=~"), Path::new("/"));
    }

    #[test]
    fn what_is_forbidden_is_what_systemd_forbids() {
        let with = |lines: &str| unit(&[("own.conf", &format!("[Service]\n{lines}\n"))]);
        for (lines, forbids) in [
            ("", true),
            ("PrivateNetwork=no", true),
            ("PrivateNetwork=no\nRestrictAddressFamilies=AF_INET6", true),
            ("PrivateNetwork=no\nRestrictAddressFamilies=AF_INET6\nIPAddressAllow=10.0.0.0/8", false),
            ("PrivateNetwork=no\nRestrictAddressFamilies=\nIPAddressDeny=", false),
            ("PrivateNetwork=no\nRestrictAddressFamilies=\nRestrictAddressFamilies=~AF_INET\nIPAddressDeny=", false),
            ("PrivateNetwork=no\nRestrictAddressFamilies=~AF_INET AF_INET6\nIPAddressDeny=", true),
        ] {
            assert_eq!(with(lines).forbids_network(), forbids, "{lines}");
        }
        let tree = Tree::at(tempfile::tempdir().unwrap().path());
        let opens = |lines: &str, device: &str| with(lines).allows_device(Path::new(device), &tree);
        assert!(opens("", "/dev/dri/card0") && !opens("", "/dev/spidev0.0") && opens("", "/dev/unknown"));
        assert!(opens("DeviceAllow=/dev/spidev0.0", "/dev/spidev0.0") && opens("DeviceAllow=char-*", "/dev/gpiochip0"));
        assert!(opens("DevicePolicy=auto\nDeviceAllow=", "/dev/spidev0.0"));
        let writes = |lines: &str, file: &str| with(lines).allows_writing(Path::new(file));
        assert!(writes("ReadWritePaths=-/mnt /srv", "/mnt/a.csv") && !writes("", "/var/lib/other/a.csv"));
        assert!(writes("ProtectSystem=yes\nDynamicUser=no", "/mnt/a.csv"));
    }

    #[test]
    fn the_user_is_made_up_unless_a_drop_in_names_one() {
        assert_eq!(unit(&[]).user(), None);
        let readers = unit(&[("readers.conf", include_str!("../../service/drop-ins/readers.conf"))]);
        assert_eq!(readers.user(), Some("wingmark"));
        assert!(readers.is_in_group("wingmark") && readers.is_in_group("video") && !unit(&[]).is_in_group("wingmark"));
    }
}
