//! The shipped profiles, how boards are recognised, and what is said of profiles that are wrong.

mod machines;

use machines::Recorded;
use wingmark::board::{Board, BoardChoice, BoardError, SHIPPED};
use wingmark::machine::{Machine, Program, Tree};
use wingmark::screen::ScreenChoice;

const PI_4: &str = include_str!("../boards/pi-4.toml");

const PANEL: &str = r#"
[screen.spi]
controller = "st7789"
device = "/dev/spidev0.0"
clock_hz = 62_500_000
data_pin = "gpiochip0:25"
reset_pin = "gpiochip0:27"
width = 240
height = 240
"#;

fn machine(model: Option<&str>, compatible: &[&str], architecture: &str) -> Machine {
    let empty = tempfile::tempdir().unwrap();
    let program = Program { architecture: architecture.into(), kernels: "portable".into() };
    Machine {
        model: model.map(str::to_owned),
        compatible: compatible.iter().map(|name| (*name).to_owned()).collect(),
        ..Machine::read(&Tree::at(empty.path()), program)
    }
}

fn recognised(model: Option<&str>, compatible: &[&str], architecture: &str) -> String {
    Board::recognise(&machine(model, compatible, architecture)).unwrap().slug
}

#[test]
fn every_shipped_profile_is_sound_and_tells_its_users_something() {
    for shipped in SHIPPED {
        let board = shipped.load().unwrap();
        assert_eq!(board.slug, shipped.slug);
        assert!(!board.notes.is_empty(), "{}", board.slug);
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("boards/{}.toml", board.slug)).is_file());
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/boards")).unwrap();
    let profiles = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "toml"));
    assert_eq!(profiles.count(), SHIPPED.len());
}

#[test]
fn recorded_machines_are_recognised() {
    for (name, architecture, slug) in [
        ("pi-4", "aarch64", "pi-4"),
        ("pi-5", "aarch64", "pi-5"),
        ("jetson-orin-nano", "aarch64", "jetson-orin-nano"),
        ("x86", "x86_64", "generic-x86-64"),
    ] {
        let program = Program { architecture: architecture.into(), kernels: "portable".into() };
        let machine = Machine::read(&Tree::at(Recorded::named(name).root()), program);
        assert_eq!(Board::recognise(&machine).unwrap().slug, slug);
    }
}

#[test]
fn the_most_specific_name_decides_then_the_model_then_the_architecture() {
    assert_eq!(recognised(None, &["raspberrypi,model-zero-2-w", "brcm,bcm2837"], "aarch64"), "pi-zero-2w");
    assert_eq!(recognised(None, &["raspberrypi,3-model-b-plus", "brcm,bcm2837"], "arm"), "pi-3");
    // A board of the Pi 4's chip that has no profile of its own.
    assert_eq!(recognised(None, &["someone,board", "brcm,bcm2711"], "aarch64"), "pi-4");
    let jetson = ["nvidia,p3449-0000-b00+p3448-0000-b00", "nvidia,jetson-nano", "nvidia,tegra210"];
    assert_eq!(recognised(Some("NVIDIA Jetson Nano Developer Kit"), &jetson, "aarch64"), "jetson-nano");
    let orin = Some("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super");
    assert_eq!(recognised(orin, &["nvidia,unheard-of"], "aarch64"), "jetson-orin-nano");
    // Another board of the Nano's chip is not taken for one.
    assert_eq!(
        recognised(Some("NVIDIA Jetson TX1"), &["nvidia,p2371-2180", "nvidia,tegra210"], "aarch64"),
        "generic-aarch64"
    );
    assert_eq!(recognised(None, &[], "arm"), "generic-armv7");
    let unknown = Board::recognise(&machine(None, &[], "riscv64")).unwrap_err();
    assert!(matches!(unknown, BoardError::NoneFits(architecture) if architecture == "riscv64"));
}

#[test]
fn a_panel_is_part_of_a_profile() {
    let text = PI_4.replace("kind = \"auto\"", "kind = \"spi\"\nrotation = 90") + PANEL;
    let board = Board::from_toml("panel.toml", &text).unwrap();
    assert_eq!(board.screen, ScreenChoice::Spi);
    assert_eq!(board.screen_settings.spi.unwrap().reset_pin.unwrap().line, 27);
    assert_eq!(board.camera.size.unwrap().width, 640);
}

/// What is said of the profile with a panel where `to` stands for `from`.
fn said(from: &str, to: &str) -> String {
    let with_panel = PI_4.to_owned() + PANEL;
    assert!(with_panel.contains(from), "{from}");
    Board::from_toml("mine.toml", &with_panel.replacen(from, to, 1)).unwrap_err().to_string()
}

/// The line of that profile that begins so.
fn line(text: &str) -> usize {
    1 + (PI_4.to_owned() + PANEL).lines().position(|line| line.starts_with(text)).unwrap()
}

#[test]
fn mistakes_are_named_with_file_line_and_key() {
    assert_eq!(said("threads = 3", "threads = 0"), "mine.toml, line 4, threads is 0; expected 1 to 4");
    assert_eq!(said("gpio_lines = 58", "gpio_lines = 0"), "mine.toml, line 5, gpio_lines is 0; expected 1 to 1024");
    assert_eq!(said("threads = 3", "threads = 5"), "mine.toml, line 4, threads is 5; expected 1 to 4");
    assert_eq!(
        said("threads = 3", "threads = \"3\""),
        "mine.toml, line 4, threads: found string \"3\"; expected a whole number"
    );
    let unknown = said("threads = 3", "thread = 3");
    assert!(
        unknown.starts_with("mine.toml, line 4, thread: unknown field `thread`, expected one of `name`"),
        "{unknown}"
    );
    assert_eq!(said("threads = 3\n", ""), "mine.toml, line 1: missing field `threads`");
    assert_eq!(
        said("model = \"small\"", "model = \"tiny\""),
        "mine.toml, line 6, model is \"tiny\"; expected nano, small, base, or a folder with model.onnx and card.toml"
    );
    assert_eq!(
        said("aarch64-unknown-linux-gnu", "aarch64"),
        "mine.toml, line 2, target is \"aarch64\"; expected aarch64-unknown-linux-gnu, armv7-unknown-linux-gnueabihf, \
         x86_64-unknown-linux-gnu"
    );
    let syntax = said("threads = 3", "threads = ");
    assert!(syntax.starts_with("mine.toml, line 4") && syntax.lines().count() == 1, "{syntax}");
}

#[test]
fn mistakes_about_devices_are_named_too() {
    let camera = line("[camera]");
    assert_eq!(
        said("rate = 30", "format = \"YUV2\""),
        format!(
            "mine.toml, line {}, camera.format is \"YUV2\"; expected YUYV, UYVY, NV12, YU12, RGB3, BGR3, GREY, MJPG, JPEG",
            camera + 2
        )
    );
    assert_eq!(
        said("640x480", "640"),
        format!(
            "mine.toml, line {}, camera.size is \"640\"; expected width and height of 16 to 4096 pixels, such as 640x480",
            camera + 1
        )
    );
    assert_eq!(
        said("kind = \"auto\"", "kind = \"hdmi\""),
        format!(
            "mine.toml, line {}, screen.kind is \"hdmi\"; expected auto, drm, fb, spi, window, png:DIR or none",
            line("[screen]") + 1
        )
    );
    assert_eq!(
        said("gpiochip0:27", "gpiochip0:58"),
        format!("mine.toml, line {}, screen.spi.reset_pin is 58; expected 0 to 57", line("reset_pin"))
    );
    assert_eq!(
        said("gpiochip0:27", "/dev/gpiochip0:25"),
        format!(
            "mine.toml, line {}, screen.spi.reset_pin is line 25 of /dev/gpiochip0; expected another line than that of \
             data_pin",
            line("reset_pin")
        )
    );
    assert_eq!(
        said("width = 240\n", "width = 241\n"),
        format!("mine.toml, line {}, screen.spi.width is 241; expected 1 to 240", line("width"))
    );
    let offset = said("height = 240", "offset = [0, 81]\nheight = 240");
    assert!(
        offset.contains(", screen.spi.offset is [0, 81]; expected at most [0, 80], with which 240x240 fill the "),
        "{offset}"
    );
    let pin = said("gpiochip0:25", "25");
    let expected = format!("mine.toml, line {}, screen.spi.data_pin: \"25\" names no pin", line("data_pin"));
    assert!(pin.starts_with(&expected), "{pin}");
    let without_panel = Board::from_toml("mine.toml", &PI_4.replace("\"auto\"", "\"spi\"")).unwrap_err().to_string();
    assert!(without_panel.ends_with("expected a table [screen.spi] that describes the panel"), "{without_panel}");
}

#[test]
fn the_documents_have_each_key_of_a_profile() {
    let text = PI_4.to_owned() + PANEL;
    let keys = |table: &str| {
        let with_unknown = match table {
            "" => format!("unknown = 1\n{text}"),
            table => text.replace(&format!("[{table}]\n"), &format!("[{table}]\nunknown = 1\n")),
        };
        let refusal = Board::from_toml("mine.toml", &with_unknown).unwrap_err().to_string();
        let known = refusal.split_once("expected one of ").unwrap_or_else(|| panic!("{refusal}")).1;
        let dot = if table.is_empty() { "" } else { "." };
        known.split(", ").map(|key| format!("{table}{dot}{}", key.trim_matches('`'))).collect::<Vec<_>>()
    };
    let tables = ["recognise", "camera", "screen", "screen.spi"];
    let known = ["", "recognise", "camera", "screen", "screen.spi"].into_iter().flat_map(keys);
    let mut known: Vec<String> = known.filter(|key| !tables.contains(&key.as_str())).collect();
    let document = include_str!("../docs/boards.md").split_once("## Keys of a profile").unwrap().1;
    let rows = document.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    let mut documented: Vec<String> = rows.map(|row| row.split('`').next().unwrap().into()).collect();
    known.sort();
    documented.sort();
    assert_eq!(documented, known);
}

#[test]
fn a_choice_is_a_name_or_a_file() {
    assert!(matches!("pi-5".parse::<BoardChoice>(), Ok(BoardChoice::Shipped(shipped)) if shipped.slug == "pi-5"));
    assert!(matches!("pi-5.toml".parse::<BoardChoice>(), Ok(BoardChoice::File(_))));
    let unknown = "pi-6".parse::<BoardChoice>().unwrap_err().to_string();
    assert!(unknown.starts_with("board \"pi-6\" is not known; expected one of pi-zero-2w, pi-3, pi-4"), "{unknown}");
    let missing = Board::choose(Some(&BoardChoice::File("nowhere.toml".into()))).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read nowhere.toml"), "{missing}");
}
