//! What `wingmark doctor` says of recorded machines, word for word. With `WINGMARK_WRITE_GOLDEN=1`
//! the test writes the present words instead.

mod machines;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use machines::Recorded;
use wingmark::board::Board;
use wingmark::capture::{CameraError, CaptureError, HttpUrl, NoDecoder, OtherWay};
use wingmark::doctor::{Diagnosis, ModelCheck, OfferedFormat, OfferedSize, Probe, Purpose, Wanted};
use wingmark::face::zoo::Choice;
use wingmark::machine::{Machine, Program, Tree};

/// Makes an error anew.
type Fault = fn() -> CaptureError;

/// What a machine answers that is only a folder.
struct Answers {
    cameras: Vec<(&'static str, Vec<OfferedFormat>)>,
    busy: bool,
    h264: bool,
    /// Cameras that give no frames.
    silent: Vec<&'static str>,
    forbidden: Vec<&'static str>,
    /// Forbidden whatever their rights say, as in a container.
    refused: Vec<&'static str>,
    absent: Vec<&'static str>,
    not_installed: Vec<&'static str>,
    /// Files that a run refuses.
    files: Vec<(&'static str, Fault)>,
    /// Why no camera on the network gives frames.
    stream_fault: Option<&'static str>,
    /// Number of the group that devices belong to.
    group: u32,
    free_disk_mib: u64,
    /// A folder on a disk of its own, and what is free there.
    other_disk: Option<(&'static str, u64)>,
    model_fault: Option<&'static str>,
    kernel_fault: Option<&'static str>,
    memory_fault: Option<&'static str>,
}

impl Default for Answers {
    fn default() -> Self {
        Answers {
            cameras: Vec::new(),
            busy: false,
            h264: false,
            silent: Vec::new(),
            forbidden: Vec::new(),
            refused: Vec::new(),
            absent: Vec::new(),
            not_installed: Vec::new(),
            files: Vec::new(),
            stream_fault: None,
            group: 44,
            free_disk_mib: 9000,
            other_disk: None,
            model_fault: None,
            kernel_fault: None,
            memory_fault: None,
        }
    }
}

impl Probe for Answers {
    fn may_open(&self, device: &Path) -> bool {
        !self.forbidden.iter().any(|forbidden| Path::new(forbidden) == device)
    }

    fn is_there(&self, device: &Path) -> bool {
        !self.absent.iter().any(|absent| Path::new(absent) == device)
    }

    fn has_program(&self, name: &str) -> bool {
        !self.not_installed.contains(&name)
    }

    fn try_file(&self, path: &Path) -> Result<(), CaptureError> {
        let fault = self.files.iter().find(|(file, _)| Path::new(file) == path);
        fault.map_or(Ok(()), |(_, fault)| Err(fault()))
    }

    fn try_stream(&self, url: &HttpUrl) -> Result<(), CaptureError> {
        match self.stream_fault {
            Some(problem) => Err(CaptureError::Http { url: url.to_string(), problem: problem.into() }),
            None => Ok(()),
        }
    }

    fn group(&self, _: &Path) -> Option<u32> {
        Some(self.group)
    }

    fn camera_formats(&self, path: &Path) -> Result<Vec<OfferedFormat>, CameraError> {
        if !self.may_open(path) || self.refused.iter().any(|refused| Path::new(refused) == path) {
            return Err(CameraError::NoPermission(path.into()));
        }
        let camera = self.cameras.iter().find(|(camera, _)| Path::new(camera) == path);
        Ok(camera.map(|(_, formats)| formats.clone()).unwrap_or_default())
    }

    fn try_camera(&self, path: &Path) -> Result<(), CameraError> {
        if self.busy {
            return Err(CameraError::Busy(path.into()));
        }
        if self.h264 {
            let way = OtherWay::Ffmpeg { path: path.into(), format: "h264" };
            return Err(CameraError::NoFormat { path: path.into(), offers: "H264".into(), way });
        }
        if self.silent.iter().any(|silent| Path::new(silent) == path) {
            let within = Duration::from_secs(3);
            return Err(CameraError::Silent { path: path.into(), card: "cam".into(), within });
        }
        Ok(())
    }

    fn free_disk_mib(&self, folder: &Path) -> Option<u64> {
        let other = self.other_disk.filter(|(other, _)| folder.starts_with(other));
        Some(other.map_or(self.free_disk_mib, |(_, mib)| mib))
    }

    fn folder_fault(&self, folder: &Path) -> Option<String> {
        folder.starts_with("/proc").then(|| format!("cannot write {}", folder.display()))
    }

    fn window_fault(&self) -> Option<String> {
        Some("there is no desktop for a window".into())
    }

    fn model_fault(&self, model: &Choice) -> Option<String> {
        matches!(model, Choice::Folder(_)).then(|| format!("cannot read {model}"))
    }

    fn models(&self) -> Vec<ModelCheck> {
        vec![ModelCheck { name: "small".into(), fault: self.model_fault.map(str::to_owned) }]
    }

    fn memory_fault(&self) -> Option<String> {
        self.memory_fault.map(str::to_owned)
    }

    fn kernel_fault(&self) -> Option<String> {
        self.kernel_fault.map(str::to_owned)
    }
}

fn format(name: &str, sizes: &[(&str, f64)]) -> OfferedFormat {
    let sizes = sizes.iter().map(|(size, rate)| OfferedSize { size: (*size).into(), rate: Some(*rate) });
    OfferedFormat { format: name.into(), sizes: sizes.collect() }
}

fn report(machine: &Recorded, architecture: &str, kernels: &str, answers: &Answers) -> Diagnosis {
    report_for(Purpose::Run, machine, architecture, kernels, answers)
}

fn report_for(purpose: Purpose, machine: &Recorded, architecture: &str, kernels: &str, answers: &Answers) -> Diagnosis {
    let tree = Tree::at(machine.root());
    let program = Program { architecture: architecture.into(), kernels: kernels.into() };
    let board = Board::recognise(&Machine::read(&tree, program.clone())).unwrap();
    Diagnosis::of(&tree, program, &Wanted::by(&board, purpose), answers)
}

fn assert_golden(name: &str, report: &Diagnosis) {
    let path = format!("{}/tests/machines/{name}.doctor", env!("CARGO_MANIFEST_DIR"));
    let said = report.to_string();
    if env::var_os("WINGMARK_WRITE_GOLDEN").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&path).unwrap(), "{path}");
}

#[test]
fn a_pi_4_with_camera_and_display_is_clear_and_its_power_supply_is_not() {
    let camera = vec![format("YUYV", &[("640x480", 30.0), ("1280x720", 10.0)]), format("MJPG", &[("1280x720", 30.0)])];
    let answers = Answers { cameras: vec![("/dev/video0", camera)], ..Answers::default() };
    let report = report(&Recorded::named("pi-4"), "aarch64", "smull", &answers);
    assert_golden("pi-4", &report);
    assert!(report.is_clear());
}

#[test]
fn a_hot_pi_5_without_anything_is_told_what_to_connect() {
    let report = report(&Recorded::named("pi-5"), "aarch64", "sdot", &Answers::default());
    assert_golden("pi-5", &report);
    assert!(!report.is_clear());
}

#[test]
fn a_jetson_shows_its_power_mode() {
    let answers = Answers { cameras: vec![("/dev/video0", vec![format("RG10", &[])])], ..Answers::default() };
    let jetson = Recorded::named("jetson-orin-nano");
    jetson.write("sys/class/video4linux/video0/name", "vi-output, imx219\n");
    let report = report(&jetson, "aarch64", "sdot", &answers);
    assert_golden("jetson-orin-nano", &report);
    assert!(!report.is_clear());
}

#[test]
fn each_obstacle_is_named_with_its_remedy() {
    let pi = Recorded::named("pi-4");
    let camera = vec![("/dev/video0", vec![format("YUYV", &[("640x480", 30.0)])])];
    let obstacle = |architecture: &str, answers: Answers| {
        let report = report(&pi, architecture, "smull", &answers);
        let mut blocking = report.findings.into_iter().filter(|finding| finding.blocks);
        let finding = blocking.next().map(|finding| (finding.found, finding.remedy.unwrap_or_default()));
        assert_eq!(blocking.next(), None);
        finding
    };
    let answers = || Answers { cameras: camera.clone(), ..Answers::default() };
    assert_eq!(obstacle("aarch64", answers()), None);

    let (found, remedy) = obstacle("aarch64", Answers { forbidden: vec!["/dev/video0"], ..answers() }).unwrap();
    assert_eq!(found, "/dev/video0 may not be opened");
    assert_eq!(remedy, "sudo usermod -aG video $USER, then log in again");
    let (found, remedy) = obstacle("aarch64", Answers { refused: vec!["/dev/video0"], ..answers() }).unwrap();
    assert_eq!(found, "/dev/video0 may not be opened");
    assert!(remedy.contains("start a container with --device /dev/video0"), "{remedy}");
    let (found, _) = obstacle("aarch64", Answers { forbidden: vec!["/dev/dri/card1"], ..answers() }).unwrap();
    assert_eq!(found, "/dev/dri/card1 may not be opened");
    // Nothing is shown on a bus whose panel no profile describes.
    assert_eq!(obstacle("aarch64", Answers { forbidden: vec!["/dev/spidev0.0"], ..answers() }), None);

    let (found, _) = obstacle("aarch64", Answers { busy: true, ..answers() }).unwrap();
    assert!(found.starts_with("/dev/video0 is busy"), "{found}");
    let (found, _) = obstacle("aarch64", Answers { silent: vec!["/dev/video0"], ..answers() }).unwrap();
    assert!(found.contains("(cam) looks like one, and gave no frame within 3 s; plug it in anew"), "{found}");
    let coded = vec![("/dev/video0", vec![format("H264", &[])])];
    let (found, _) = obstacle("aarch64", Answers { h264: true, cameras: coded, ..Answers::default() }).unwrap();
    assert!(found.contains("let ffmpeg decode it: ffmpeg -v error -f v4l2 -input_format h264"), "{found}");
    let (found, _) = obstacle("aarch64", Answers { free_disk_mib: 63, ..answers() }).unwrap();
    assert_eq!(found, "only 63 MiB are free here");
    let (found, _) = obstacle("aarch64", Answers { model_fault: Some("model small: cut short"), ..answers() }).unwrap();
    assert_eq!(found, "model small: cut short");
    // What cannot be loaded for another reason is not at fault itself.
    let model_fault = Some("cut short");
    let (_, remedy) = obstacle("aarch64", Answers { kernel_fault: Some("wrong"), model_fault, ..answers() }).unwrap();
    assert_eq!(remedy, "unset WINGMARK_KERNEL, or run with WINGMARK_KERNEL=portable");

    let memory_fault = Some("ulimit -v leaves 17 MiB");
    let (found, remedy) = obstacle("aarch64", Answers { memory_fault, model_fault, ..answers() }).unwrap();
    assert_eq!(found, "ulimit -v leaves 17 MiB");
    assert!(remedy.starts_with("raise the limit: ulimit -v"), "{remedy}");
    let little = Recorded::named("pi-4");
    little.write("proc/meminfo", "MemTotal: 898000 kB\nMemAvailable: 8200 kB\n");
    let findings = report(&little, "aarch64", "smull", &answers()).findings;
    let words = "only 8 MiB of memory are free; landmarks take some 64";
    assert!(findings.iter().any(|finding| finding.found == words && !finding.blocks), "{findings:?}");

    let (found, remedy) =
        obstacle("aarch64", Answers { forbidden: vec!["/dev/dri/card1"], group: 106, ..answers() }).unwrap();
    assert_eq!(found, "/dev/dri/card1 may not be opened");
    assert_eq!(remedy, "sudo usermod -aG render $USER, then log in again");
    for group in [0, 4242] {
        let forbidden = vec!["/dev/video0"];
        let (_, remedy) = obstacle("aarch64", Answers { forbidden, group, ..answers() }).unwrap();
        assert!(remedy.starts_with("it belongs to no group that one can join"), "{remedy}");
    }
}

#[test]
fn bus_and_pins_of_a_panel_have_to_be_there_and_open() {
    const PANEL: &str = r#"
        [screen.spi]
        controller = "st7789"
        device = "/dev/spidev0.0"
        clock_hz = 40_000_000
        data_pin = "gpiochip0:25"
        reset_pin = "gpiochip0:27"
        width = 240
        height = 240
    "#;
    let board = Board::from_toml("panel.toml", &[include_str!("../boards/pi-4.toml"), PANEL].concat()).unwrap();
    let pi = Recorded::named("pi-4");
    let found = |forbidden: Vec<&'static str>, group| {
        let camera = vec![("/dev/video0", vec![format("YUYV", &[("640x480", 30.0)])])];
        let answers = Answers { cameras: camera, forbidden, group, ..Answers::default() };
        let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
        let report = Diagnosis::of(&Tree::at(pi.root()), program, &Wanted::by(&board, Purpose::Run), &answers);
        let about_panel = report.findings.into_iter().filter(|finding| finding.remedy.is_some());
        about_panel.map(|finding| (finding.blocks, finding.found, finding.remedy.unwrap())).collect::<Vec<_>>()
    };
    let chip = "/dev/gpiochip0";
    let absent = found(Vec::new(), 44);
    assert!(
        matches!(&absent[..], [(false, found, _)] if found.starts_with("there is no /dev/gpiochip0")),
        "{absent:?}"
    );
    pi.write("dev/gpiochip0", "");
    assert_eq!(found(Vec::new(), 44), []);
    for (device, group, name) in [(chip, 997, "gpio"), ("/dev/spidev0.0", 999, "spi")] {
        let remedy = format!("sudo usermod -aG {name} $USER, then log in again");
        assert_eq!(found(vec![device], group), [(true, format!("{device} may not be opened"), remedy)]);
    }
}

#[test]
fn a_32_bit_program_is_advised_against() {
    let report = report(&Recorded::named("pi-4"), "arm", "portable", &Answers::default());
    assert!(report.findings.iter().any(|finding| finding.found.contains("32 bits") && !finding.blocks));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["board"]["slug"], "pi-4");
    assert_eq!(json["machine"]["cpu"]["name"], "Cortex-A72");
}

#[test]
fn each_purpose_has_obstacles_of_its_own() {
    let pi = Recorded::named("pi-4");
    let camera = || vec![("/dev/video0", vec![format("YUYV", &[("640x480", 30.0)])])];
    let obstacles = |purpose, answers: Answers| {
        let report = report_for(purpose, &pi, "aarch64", "smull", &answers);
        let blocking: Vec<String> =
            report.findings.iter().filter(|finding| finding.blocks).map(|finding| finding.found.clone()).collect();
        assert_eq!(report.is_clear(), blocking.is_empty());
        blocking
    };
    let none = || Answers::default();
    assert_eq!(obstacles(Purpose::Run, none()), ["no camera was found"]);
    assert_eq!(obstacles(Purpose::Bench, none()), [""; 0]);
    let locked = || Answers { cameras: camera(), forbidden: vec!["/dev/video0"], ..none() };
    assert_eq!(obstacles(Purpose::Run, locked()), ["/dev/video0 may not be opened"]);
    assert_eq!(obstacles(Purpose::Bench, locked()), [""; 0]);

    let service = |group| obstacles(Purpose::Service, Answers { group, ..locked() });
    assert_eq!(service(44), ["systemd does not run here", "wingmark.service is not installed"]);
    pi.write("run/systemd/system/placeholder", "");
    let masked = "wingmark.service is masked by /etc/systemd/system/wingmark.service: systemd does not start it";
    pi.write("etc/systemd/system/wingmark.service", "");
    assert_eq!(service(44), [masked]);
    fs::remove_file(pi.path("etc/systemd/system/wingmark.service")).unwrap();
    std::os::unix::fs::symlink("/dev/null", pi.path("etc/systemd/system/wingmark.service")).unwrap();
    assert_eq!(service(44), [masked]);
    fs::remove_file(pi.path("etc/systemd/system/wingmark.service")).unwrap();
    pi.write("etc/systemd/system/wingmark.service", "[Service]\nUser=root\n");
    assert_eq!(service(44), ["wingmark.service starts nothing: it has no ExecStart="]);
    pi.write("etc/systemd/system/wingmark.service", include_str!("../service/wingmark.service"));
    assert_eq!(service(44), ["wingmark.service starts /usr/local/bin/wingmark, which is not there"]);
    pi.write("usr/local/bin/wingmark", "");
    assert_eq!(service(44), [""; 0]);
    let busy = || Answers { cameras: camera(), busy: true, ..none() };
    assert_eq!(obstacles(Purpose::Service, busy()), [""; 0], "the service itself may have it");
    assert_eq!(obstacles(Purpose::Run, busy()).len(), 1);
    assert_eq!(obstacles(Purpose::Bench, busy()), [""; 0]);
    let foreign = |device: &str| format!("{device} belongs to the group spi, and the unit's user does not");
    assert_eq!(service(999), ["/dev/dri/card1", "/dev/fb0", "/dev/video0"].map(foreign));
    let drop_in = "etc/systemd/system/wingmark.service.d/spi.conf";
    pi.write(drop_in, "[Service]\nSupplementaryGroups=spi\n");
    assert_eq!(service(999), [""; 0]);
    fs::remove_file(pi.path(drop_in)).unwrap();
    assert_eq!(obstacles(Purpose::Service, Answers { model_fault: Some("cut short"), ..locked() }), ["cut short"]);

    pi.write("etc/wingmark.toml", "publish = 'mqtt://me:hush@h'\n");
    let rights = |mode| {
        let settings = pi.root().join("etc/wingmark.toml");
        fs::set_permissions(settings, fs::Permissions::from_mode(mode)).unwrap();
    };
    let unreadable = "the unit's user may not read /etc/wingmark.toml";
    // Root's group, and one of the unit's.
    for (mode, group, expected) in
        [(0o644, 0, &[][..]), (0o640, 0, &[unreadable]), (0o640, 44, &[]), (0o600, 44, &[unreadable])]
    {
        rights(mode);
        assert_eq!(service(group), expected, "{mode:o} {group}");
    }
    rights(0o600);
    pi.write("etc/systemd/system/wingmark.service.d/user.conf", "[Service]\nDynamicUser=no\nUser=root\n");
    assert_eq!(service(44), [""; 0]);
}

#[test]
fn what_the_unit_forbids_is_named_with_the_drop_in_that_allows_it() {
    const PANEL: &str = "[screen.spi]\ncontroller = \"st7789\"\ndevice = \"/dev/spidev0.0\"\nclock_hz = 40_000_000\n\
                         data_pin = \"gpiochip0:25\"\nwidth = 240\nheight = 240\n";
    const DROP_INS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/service/drop-ins");
    const HANDED: &str = "/run/credentials/wingmark.service/broker";
    let board = [include_str!("../boards/pi-4.toml"), PANEL].concat();
    let board = Board::from_toml("panel.toml", &board).unwrap();
    let default = || Wanted {
        source: Some("clip".parse().unwrap()),
        screen: "none".parse().unwrap(),
        ..Wanted::by(&board, Purpose::Service)
    };
    let pi = Recorded::named("pi-4");
    for (path, text) in [
        ("run/systemd/system/placeholder", ""),
        ("etc/systemd/system/wingmark.service", include_str!("../service/wingmark.service")),
        ("usr/local/bin/wingmark", ""),
        ("dev/gpiochip0", ""),
        ("etc/wingmark/broker", "hush"),
        ("etc/wingmark/open", "hush"),
    ] {
        pi.write(path, text);
    }
    fs::set_permissions(pi.path("etc/wingmark/broker"), fs::Permissions::from_mode(0o600)).unwrap();
    let obstacles = |wanted: &Wanted<'_>, group| {
        let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
        let answers = Answers { group, ..Answers::default() };
        let found = Diagnosis::of(&Tree::at(pi.root()), program, wanted, &answers).findings.into_iter();
        let blocking = found.filter(|finding| finding.blocks);
        blocking.map(|finding| (finding.found, finding.remedy.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(obstacles(&default(), 44), []);

    let network = || vec!["publish mqtt://me@h:1883/wingmark".to_owned(), "serve 127.0.0.1:8080".to_owned()];
    let (rpicam, screen) = ("rpicam".parse().unwrap(), "spi".parse().unwrap());
    for (wanted, group, drop_in, expected) in [
        (
            Wanted { network: network(), ..default() },
            44,
            "network.conf",
            &[
                "the unit forbids the network, which the run needs for publish mqtt://me@h:1883/wingmark, serve 127.0.0.1:8080",
            ][..],
        ),
        (
            Wanted { source: Some(rpicam), ..default() },
            44,
            "csi.conf",
            &["the unit forbids what the source rpicam needs: AF_NETLINK and /dev/dma_heap"],
        ),
        (
            Wanted { screen, ..default() },
            999,
            "screen.conf",
            &["the unit forbids /dev/gpiochip0", "the unit forbids /dev/spidev0.0"],
        ),
        (
            Wanted { secrets: vec![HANDED.into()], ..default() },
            44,
            "broker.conf",
            &["the unit hands over no /run/credentials/wingmark.service/broker"],
        ),
    ] {
        let found = obstacles(&wanted, group);
        assert_eq!(found.iter().map(|(found, _)| found).collect::<Vec<_>>(), expected, "{drop_in}");
        let remedy = format!("install the drop-in {drop_in} as it says; docs/logs.md says where it is");
        assert!(found.iter().all(|(_, said)| *said == remedy), "{found:?}");
        let path = format!("etc/systemd/system/wingmark.service.d/{drop_in}");
        pi.write(&path, &fs::read_to_string(format!("{DROP_INS}/{drop_in}")).unwrap());
        assert_eq!(obstacles(&wanted, group), [], "{drop_in}");
        fs::remove_file(pi.path(&path)).unwrap();
    }

    let found = |wanted: Wanted<'_>| obstacles(&wanted, 0).into_iter().map(|(found, _)| found).collect::<Vec<_>>();
    let own = Wanted { secrets: vec!["/etc/wingmark/broker".into(), "/etc/wingmark/open".into()], ..default() };
    assert_eq!(found(own), ["the unit's user may not read /etc/wingmark/broker"]);
    let written = ["/var/lib/wingmark/a.csv", "/run/wingmark/w.prom", "/tmp/s.json", "/mnt/a.csv"].map(Into::into);
    assert_eq!(found(Wanted { written: written.into(), ..default() }), ["the unit forbids writing /mnt/a.csv"]);
    fs::remove_file(pi.path("etc/wingmark/broker")).unwrap();
    pi.write(
        "etc/systemd/system/wingmark.service.d/broker.conf",
        &fs::read_to_string(format!("{DROP_INS}/broker.conf")).unwrap(),
    );
    let missing = "there is no /etc/wingmark/broker, which the unit hands over as broker: systemd does not start it";
    assert_eq!(found(Wanted { secrets: vec![HANDED.into()], ..default() }), [missing]);
}

#[test]
fn what_a_run_does_not_use_is_not_in_its_way_and_what_it_uses_is() {
    let pi = Recorded::named("pi-4");
    pi.write("sys/class/drm/card1-HDMI-A-1/status", "disconnected\n");
    fs::remove_dir_all(pi.path("sys/class/graphics")).unwrap();
    fs::create_dir_all(pi.path("dev/v4l/by-id")).unwrap();
    pi.write("dev/video0", "");
    std::os::unix::fs::symlink("../../video0", pi.path("dev/v4l/by-id/cam")).unwrap();
    let board = Board::from_toml("boards/pi-4.toml", include_str!("../boards/pi-4.toml")).unwrap();
    let obstacles = |purpose, source: &str, screen: &str, answers: &Answers| {
        let mut wanted = Wanted::by(&board, purpose);
        wanted.source = Some(source).filter(|source| !source.is_empty()).map(|source| source.parse().unwrap());
        wanted.screen = screen.parse().unwrap();
        let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
        let report = Diagnosis::of(&Tree::at(pi.root()), program, &wanted, answers);
        let blocking = report.findings.into_iter().filter(|finding| finding.blocks);
        blocking.map(|finding| finding.found).collect::<Vec<_>>()
    };
    let unicam = || Answers {
        cameras: vec![("/dev/video0", vec![format("YUYV", &[("640x480", 30.0)])])],
        busy: true,
        absent: vec!["/dev/nope", "/dev/fb7"],
        not_installed: vec!["rpicam-vid", "libcamera-vid", "ffmpeg"],
        forbidden: vec!["/dev/dri/card1"],
        ..Answers::default()
    };
    let nowhere: Fault = || CaptureError::NotThere("nowhere".into());
    let film = || {
        let film: Fault = || {
            let fault = NoDecoder { program: "ffmpeg".into() };
            CaptureError::NoDecoder { name: "recording".into(), kind: "AVI", fault }
        };
        Answers { files: vec![("recording", film), ("nowhere", nowhere)], ..unicam() }
    };
    let with_libcamera = || Answers { not_installed: vec!["rpicam-vid"], ..unicam() };
    let busy = "/dev/video0 is busy: another program uses it (fuser -v /dev/video0 says which)";
    let no = |what: &str, source: &str| format!("{what} is not installed, which reads the source {source}");
    let film_fault = "recording is a film (AVI), and ffmpeg, which decodes films, is not installed";
    let ends = |kind: &str| format!("no display was found for the screen {kind}, without which the run ends");
    for (source, screen, answers, expected) in [
        ("", "none", unicam(), vec![busy.into()]),
        ("/dev/video0", "none", unicam(), vec![busy.into()]),
        ("/dev/v4l/by-id/cam", "none", unicam(), vec![busy.into()]),
        ("/dev/nope", "none", unicam(), vec!["there is no /dev/nope, which is the source".into()]),
        ("clip", "none", unicam(), vec![]),
        ("clip", "none", Answers { forbidden: vec!["/dev/video0"], ..unicam() }, vec![]),
        ("http://cam/x", "none", unicam(), vec![]),
        (
            "http://cam/x",
            "none",
            Answers { stream_fault: Some("it is off"), ..unicam() },
            vec!["http://cam/x: it is off".into()],
        ),
        ("rpicam", "none", unicam(), vec![no("rpicam-vid", "rpicam")]),
        ("rpicam", "none", with_libcamera(), vec![]),
        ("recording", "none", film(), vec![film_fault.into()]),
        ("nowhere", "none", film(), vec![nowhere().to_string()]),
        ("film.mp4", "none", film(), vec![]),
        ("clip", "auto", unicam(), vec![]),
        ("clip", "drm", unicam(), vec![ends("drm")]),
        ("clip", "fb", unicam(), vec![ends("fb")]),
        ("clip", "fb:/dev/fb7", unicam(), vec![ends("/dev/fb7")]),
        ("clip", "drm:/dev/dri/card1", unicam(), vec![ends("/dev/dri/card1")]),
        ("clip", "spi", unicam(), vec!["the screen is spi, and the board's profile describes no panel".into()]),
        ("clip", "window", unicam(), vec!["there is no desktop for a window".into()]),
        ("clip", "png:/proc/x", unicam(), vec!["cannot write /proc/x".into()]),
        ("clip", "png:/tmp/x", unicam(), vec![]),
    ] {
        assert_eq!(obstacles(Purpose::Run, source, screen, &answers), expected, "{source} {screen}");
    }
}

#[test]
fn what_the_profile_names_is_tried() {
    const PANEL: &str = "[screen.spi]\ncontroller = \"st7789\"\ndevice = \"/dev/spidev9.0\"\nclock_hz = 40_000_000\n\
                         data_pin = \"gpiochip0:25\"\nwidth = 240\nheight = 240\n";
    let pi = Recorded::named("pi-4");
    pi.write("dev/gpiochip0", "");
    let profile = include_str!("../boards/pi-4.toml");
    for (text, expected) in [
        (profile.replace("model = \"small\"", "model = \"/nope/x\""), "cannot read /nope/x"),
        (profile.replace("rate = 30", "device = \"/dev/nope\""), "there is no /dev/nope, which is the source"),
        (profile.replace("\"auto\"", "\"png:/proc/x\""), "cannot write /proc/x"),
        (profile.replace("\"auto\"", "\"spi\"") + PANEL, "there is no /dev/spidev9.0, which the profile's panel needs"),
    ] {
        let board = Board::from_toml("mine.toml", &text).unwrap();
        let camera = vec![("/dev/video0", vec![format("YUYV", &[("640x480", 30.0)])])];
        let answers = Answers { cameras: camera, absent: vec!["/dev/nope"], ..Answers::default() };
        let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
        let report = Diagnosis::of(&Tree::at(pi.root()), program, &Wanted::by(&board, Purpose::Run), &answers);
        let blocking: Vec<_> = report.findings.iter().filter(|finding| finding.blocks).collect();
        assert!(matches!(&blocking[..], [finding] if finding.found == expected), "{blocking:?}");
    }
}

#[test]
fn the_disk_is_that_of_the_folders_that_are_written_to() {
    let pi = Recorded::named("pi-4");
    let board = Board::from_toml("boards/pi-4.toml", include_str!("../boards/pi-4.toml")).unwrap();
    let obstacles = |folders: &[&str], other_disk| {
        let wanted = Wanted {
            folders: folders.iter().map(Into::into).collect(),
            source: Some("clip".parse().unwrap()),
            ..Wanted::by(&board, Purpose::Run)
        };
        let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
        let answers = Answers { other_disk: Some((other_disk, 10)), ..Answers::default() };
        let report = Diagnosis::of(&Tree::at(pi.root()), program, &wanted, &answers);
        let blocking = report.findings.into_iter().filter(|finding| finding.blocks);
        blocking.map(|finding| finding.found).collect::<Vec<_>>()
    };
    assert_eq!(obstacles(&[], "."), ["only 10 MiB are free here"]);
    assert_eq!(obstacles(&["/var/lib/wingmark"], "."), [""; 0]);
    let full = ["only 10 MiB are free in /var/lib/wingmark"];
    assert_eq!(obstacles(&["/mnt", "/var/lib/wingmark"], "/var/lib/wingmark"), full);
}

#[test]
fn a_device_that_a_container_lacks_is_no_matter_of_rights() {
    let pi = Recorded::named("pi-4");
    let answers = Answers { absent: vec!["/dev/video0"], forbidden: vec!["/dev/video0"], ..Answers::default() };
    let report = report(&pi, "aarch64", "smull", &answers);
    let blocking: Vec<_> = report.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocking.len(), 1, "{blocking:?}");
    assert_eq!(blocking[0].found, "the kernel has /dev/video0, and it is not among the files here");
    assert!(blocking[0].remedy.as_ref().unwrap().contains("--device /dev/video0"), "{blocking:?}");
}

#[test]
fn what_does_not_fit_the_machine_is_said() {
    let pi = Recorded::named("pi-4");
    pi.write("proc/self/status", "Cpus_allowed_list:\t0-1\n");
    let answers = Answers { not_installed: vec!["ffmpeg"], ..Answers::default() };
    let said = report(&pi, "aarch64", "smull", &answers).to_string();
    for expected in [
        "; 2 may be used",
        "this process may use 2 of 4 cores",
        "3 threads share a frame, and this process may use 2 cores",
        "ffmpeg, which decodes films, is not installed",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    let board = Board::from_toml("boards/pi-5.toml", include_str!("../boards/pi-5.toml")).unwrap();
    let program = Program { architecture: "aarch64".into(), kernels: "smull".into() };
    let machine = Machine::read(&Tree::at(pi.root()), program);
    let doubts = board.doubts(&machine, &[1]);
    let here = "the profile pi-5 is for Raspberry Pi 5, and this is Raspberry Pi 4 Model B Rev 1.4";
    assert_eq!(doubts, [here]);
    let text = include_str!("../boards/generic-x86-64.toml").replace("e = \"x86_64\"", "e = \"vax\"");
    let doubts = Board::from_toml("a1.toml", &text).unwrap().doubts(&machine, &[1]);
    assert_eq!(doubts, ["the profile a1 is for the architecture vax, and this is aarch64"]);
}

#[test]
fn two_cameras_of_one_make_are_named_by_their_socket() {
    let pi = Recorded::named("pi-4");
    for node in ["video0", "video2"] {
        pi.write(&format!("sys/class/video4linux/{node}/name"), "C270\n");
    }
    let camera = |device| (device, vec![format("YUYV", &[("640x480", 30.0)])]);
    let twins = |cameras| {
        let report = report(&pi, "aarch64", "smull", &Answers { cameras, ..Answers::default() });
        assert!(report.is_clear());
        report.findings.into_iter().find(|finding| finding.found.contains("are both C270"))
    };
    assert_eq!(twins(vec![camera("/dev/video0")]), None);
    let found = twins(vec![camera("/dev/video0"), camera("/dev/video2")]).unwrap();
    assert!(found.found.starts_with("/dev/video0 and /dev/video2 are both C270"), "{}", found.found);
    assert!(found.remedy.unwrap().contains("--source /dev/v4l/by-path/"));
}
