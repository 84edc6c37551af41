//! `service/roll-out-model` on boards that are folders of this machine, each with a run of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::reload::{Run, copy_of, roll};

const BOARDS: [&str; 3] = ["desk", "hall", "door"];
/// Goes to a board's folder, where the programs of boards are found first.
const SSH: &str = "#!/bin/sh\ncd \"$FLEET/$1\"\nPATH=$FLEET/bin:$PATH exec sh -c \"$2\"\n";
/// Knows the process of a board's run.
const SYSTEMCTL: &str = "#!/bin/sh\n[ \"$*\" = 'show --property MainPID --value wingmark' ] && cat ../pid\n";

struct Fleet {
    folder: tempfile::TempDir,
    runs: Vec<Run>,
}

impl Fleet {
    /// Boards with the model `small`, whose runs take the one that is named.
    fn start(model: &str) -> Fleet {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_wingmark"), bin.join("wingmark")).unwrap();
        for (name, text) in [("ssh", SSH), ("systemctl", SYSTEMCTL)] {
            fs::write(bin.join(name), text).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let runs = BOARDS.map(|board| {
            let board = folder.path().join(board);
            copy_of("small", &board.join("models/small"));
            roll(&board.join("models"), "small");
            let mut run = Run::start(&board, &["--model", model]);
            run.frame();
            fs::write(board.join("pid"), run.pid()).unwrap();
            run
        });
        Fleet { folder, runs: runs.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn roll_out(&self, model: &Path) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/service/roll-out-model"))
            .arg(model)
            .args(BOARDS)
            .env("FLEET", self.folder.path())
            .env("WINGMARK_MODELS", "models")
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// All boards take it, and say so.
    fn takes(&self, model: &Path, name: &str) {
        let output = self.roll_out(model);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told, BOARDS.map(|board| format!("{board}: {name}\n")).concat());
        for run in &self.runs {
            run.says(&format!("is at work now: {name} of "));
        }
        self.has(name);
    }

    /// The first board does not take it, and nothing changes.
    fn refuses(&self, model: &Path, why: &str, stays: &str) {
        let output = self.roll_out(model);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(why) && told.contains("desk: stays with its model"), "{told}");
        let name = model.file_name().unwrap();
        assert!(BOARDS[1..].iter().all(|board| !self.path(board).join("models").join(name).exists()));
        self.has(stays);
    }

    fn has(&self, name: &str) {
        for board in BOARDS {
            assert_eq!(fs::read_link(self.path(board).join("models/current")).unwrap(), Path::new(name), "{board}");
        }
    }
}

#[test]
fn a_model_goes_to_a_fleet_and_back_and_no_further_than_a_board_that_refuses() {
    let fleet = Fleet::start("./models/current");
    let nano = copy_of("nano", &fleet.path("nano"));
    fleet.takes(&nano, "nano");
    let torn = copy_of("small", &fleet.path("torn"));
    fs::copy(nano.join("model.onnx"), torn.join("model.onnx")).unwrap();
    fleet.refuses(&torn, "model.onnx has the SHA-256 ", "nano");
    // It is whole, and yet none for a run.
    fleet.refuses(&copy_of("faces", &fleet.path("faces")), "expected a model that finds landmarks", "nano");
    fleet.takes(Path::new("--back"), "small");
    // Another model of a name that is there.
    let other = copy_of("small", &fleet.path("other/nano"));
    let output = fleet.roll_out(&other);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is another model nano; "));
    fleet.has("small");
    fleet.takes(&nano, "nano");
    fleet.runs.into_iter().for_each(Run::end);
}

#[test]
fn a_board_whose_run_takes_its_model_from_elsewhere_does_not_take_this_one() {
    let fleet = Fleet::start("small");
    let nano = copy_of("nano", &fleet.path("nano"));
    fleet.refuses(&nano, "expected nano: have /etc/wingmark.toml name the link, model = \"models/current\"", "small");
    // A net of the same bytes with other tables is another model.
    let other = copy_of("small", &fleet.path("other"));
    fs::copy(nano.join("head.csv"), other.join("head.csv")).unwrap();
    fleet.refuses(&other, "expected other: have /etc/wingmark.toml name the link", "small");
    fleet.runs.into_iter().for_each(Run::end);
}
