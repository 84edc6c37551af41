//! A run takes another model between two frames, or keeps the one that it has.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::files::{Csv, jpeg};

/// What takes longer than this never comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Frames after which the crop of a still face moves no more.
const SETTLED: u32 = 4;
/// How sure one net is of one picture varies by less, and that of two nets by more.
const SURE_WITHIN: f64 = 0.04;

/// A `wingmark run` that is given one picture after the other.
pub struct Run {
    child: Child,
    /// What it saw, an object a frame.
    seen: Receiver<String>,
    /// What it said.
    said: Receiver<String>,
    picture: Vec<u8>,
}

fn reload_of(pid: &str, time: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wingmark")).args(["reload", "--pid", pid, "--within", time]).output().unwrap()
}

/// The lines of a pipe, as they come.
fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    lines
}

impl Run {
    pub fn start(folder: &Path, arguments: &[&str]) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wingmark"))
            .args(["run", "--screen", "none", "--source", "-", "--record", "-"])
            .args(arguments)
            .current_dir(folder)
            .env("RUST_LOG", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (seen, said) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Run { child, seen, said, picture: jpeg() }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Feeds one more frame; gives the id of its only face.
    pub fn frame(&mut self) -> u64 {
        self.face().0
    }

    /// Feeds frames until the crop stands still; gives how sure the net is of its landmarks, which
    /// tells nets apart.
    fn confidence(&mut self) -> f64 {
        (0..SETTLED).map(|_| self.face().1).last().unwrap()
    }

    /// Feeds one more frame; gives the model that its line names, if it does.
    fn maker(&mut self) -> Option<String> {
        self.line().get("made_by").map(|made_by| made_by["model"].as_str().unwrap().to_owned())
    }

    fn line(&mut self) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(&self.picture).unwrap();
        serde_json::from_str(&self.seen.recv_timeout(PATIENCE).unwrap()).unwrap()
    }

    fn face(&mut self) -> (u64, f64) {
        let seen = self.line();
        let faces = seen["faces"].as_array().unwrap();
        assert_eq!(faces.len(), 1, "{seen}");
        let confidences = faces[0]["point_confidence"].as_array().unwrap();
        let sum: f64 = confidences.iter().map(|confidence| confidence.as_f64().unwrap()).sum();
        (faces[0]["id"].as_u64().unwrap(), sum / confidences.len() as f64)
    }

    /// Has it reload, by the command; gives what that said.
    fn reload(&self) -> String {
        let output = self.reload_within("60s");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has it reload what it must not take; gives what the command said.
    fn fails_to_reload(&self, within: &str) -> String {
        let output = self.reload_within(within);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn reload_within(&self, time: &str) -> Output {
        reload_of(&self.pid(), time)
    }

    /// The next line that it says with these words in it.
    pub fn says(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap();
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn outcome(&self) -> String {
        self.says("reloaded")
    }

    /// Ends its source, and waits for it.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FILES: [&str; 10] = [
    "card.toml",
    "model.onnx",
    "shape.csv",
    "head.csv",
    "presence.csv",
    "lids.csv",
    "golden/input.png",
    "golden/heatmaps.u8",
    "golden/landmarks.csv",
    "golden/faces.csv",
];

/// A copy of a shipped model's folder.
pub fn copy_of(name: &str, to: &Path) -> PathBuf {
    fs::create_dir_all(to.join("golden")).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    for file in FILES.iter().filter(|file| from.join(file).exists()) {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to.into()
}

/// The files of a log in their order: `a-000001-..`, `a-000002-..`, then `a.csv`.
fn files_of(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

/// Has the link `current` name another folder, at once.
pub fn roll(folder: &Path, to: &str) {
    let next = folder.join("next");
    std::os::unix::fs::symlink(to, &next).unwrap();
    fs::rename(next, folder.join("current")).unwrap();
}

#[test]
fn a_model_is_rolled_out_and_back_and_faces_keep_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    ["small", "nano"].iter().for_each(|name| drop(copy_of(name, &folder.path().join(name))));
    roll(folder.path(), "small");
    let records = ["--record", "a.csv", "--record", "a.jsonl"];
    let mut run = Run::start(folder.path(), &[&["--model", "./current", "--smoothing", "off"], &records[..]].concat());
    let id = run.frame();
    let of_small = run.confidence();
    roll(folder.path(), "nano");
    let told = run.reload();
    assert!(told.contains(": model ./current is at work now: nano of "), "{told}");
    assert!(run.outcome().contains("reloaded: model ./current is at work now: nano of "));
    assert_eq!(run.frame(), id);
    let of_nano = run.confidence();
    assert!((of_nano - of_small).abs() > SURE_WITHIN, "{of_small} {of_nano}");
    roll(folder.path(), "small");
    run.reload();
    assert!(run.outcome().contains("reloaded: model ./current is at work now: small of "));
    assert_eq!(run.frame(), id);
    assert!((run.confidence() - of_small).abs() < SURE_WITHIN);
    run.reload();
    assert!(run.outcome().contains("reloaded: model ./current is the one at work, digest "));
    run.end();
    // Each reload began a file, which says whose it is, and no frame is missing in them.
    let files = files_of(folder.path(), "csv");
    assert_eq!(files.len(), 3, "{files:?}");
    let frames: Vec<u32> = files.iter().flat_map(|file| Csv::read(file).frames).collect();
    assert!(frames.into_iter().eq(0..3 + 3 * SETTLED), "{files:?}");
    let makers = files_of(folder.path(), "jsonl").into_iter().map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        first["made_by"]["model"].as_str().unwrap().to_owned()
    });
    assert_eq!(makers.collect::<Vec<_>>(), ["small", "nano", "small"]);
}

#[test]
fn the_first_line_of_each_model_says_who_made_it() {
    let folder = tempfile::tempdir().unwrap();
    ["small", "nano"].iter().for_each(|name| drop(copy_of(name, &folder.path().join(name))));
    roll(folder.path(), "small");
    let mut run = Run::start(folder.path(), &["--model", "./current"]);
    let before = [run.maker(), run.maker()];
    roll(folder.path(), "nano");
    run.reload();
    run.outcome();
    let after = [run.maker(), run.maker()];
    assert_eq!((before, after), ([Some("small".into()), None], [Some("nano".into()), None]));
    run.end();
}

#[test]
fn a_model_that_is_not_whole_is_not_taken_and_the_log_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of("small", &folder.path().join("model"));
    let arguments = ["--model", "./model", "--smoothing", "off", "--record", "a.csv", "--flush-every", "10ms"];
    let mut run = Run::start(folder.path(), &arguments);
    let (id, before) = (run.frame(), run.confidence());
    let nano = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
    let take = |file: &str| assert!(fs::copy(nano.join(file), model.join(file)).is_ok());
    type Damage<'a> = (&'a dyn Fn(), &'a str);
    let damages: [Damage<'_>; 5] = [
        (&|| fs::remove_file(model.join("card.toml")).unwrap(), "cannot read ./model/card.toml: "),
        (&|| take("model.onnx"), "card of model ./model: model.onnx has the SHA-256 "),
        (&|| take("golden/heatmaps.u8"), "model ./model: 6"),
        (&|| fs::remove_dir_all(model.join("golden")).unwrap(), "model ./model: its golden sample cannot be read: "),
        (&|| drop(copy_of("faces", &model)), "faces finds faces; expected a model that finds landmarks"),
    ];
    for (damage, expected) in damages {
        damage();
        // Otherwise the model is the one at work, whose sample nobody asks for.
        fs::write(model.join("head.csv"), fs::read(nano.join("head.csv")).unwrap()).unwrap();
        if expected.starts_with("faces") {
            ["shape.csv", "head.csv", "presence.csv", "lids.csv"]
                .iter()
                .for_each(|file| fs::remove_file(model.join(file)).unwrap());
        }
        let told = run.fails_to_reload("60s");
        assert!(told.contains(&format!("did not reload, all stays as it was: {expected}")), "{told}");
        let said = run.outcome();
        assert!(said.contains(&format!("not reloaded, all stays as it was: {expected}")), "{said}");
        assert_eq!(run.frame(), id, "{said}");
        assert!((run.confidence() - before).abs() < SURE_WITHIN, "{said}");
        copy_of("small", &model);
    }
    run.end();
    // Nothing changed, and so no file begins.
    assert_eq!(files_of(folder.path(), "csv").len(), 1);
}

#[test]
fn no_frame_waits_for_a_model_and_who_asks_meanwhile_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of("small", &folder.path().join("model"));
    let mut run = Run::start(folder.path(), &["--model", "./model"]);
    let id = run.frame();
    // Who reads the card waits until somebody writes it.
    let card = model.join("card.toml");
    let text = fs::read(&card).unwrap();
    fs::remove_file(&card).unwrap();
    mknodat(CWD, &card, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let told = run.fails_to_reload("200ms");
    assert!(told.contains(" said nothing within 0.2 s and goes on with it; "), "{told}");
    for _ in 0..20 {
        assert_eq!(run.frame(), id);
    }
    assert!(run.said.try_iter().all(|line| !line.contains("reloaded")));
    run.fails_to_reload("200ms");
    run.frame();
    fs::OpenOptions::new().write(true).open(&card).unwrap().write_all(&text).unwrap();
    assert!(run.outcome().contains("is the one at work, digest "));
    fs::OpenOptions::new().write(true).open(&card).unwrap().write_all(&text).unwrap();
    assert!(run.outcome().contains("is the one at work, digest "));
    run.end();
}

#[test]
fn settings_are_taken_all_or_none_and_some_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("wingmark.toml");
    fs::write(&settings, "record-when = \"always\"\nmodel = \"small\"\n").unwrap();
    let arguments = ["--settings", "wingmark.toml", "--smoothing", "off", "--record", "a.csv"];
    let mut run = Run::start(folder.path(), &arguments);
    let (id, of_small) = (run.frame(), run.confidence());
    let changed = "record-when = \"change\"\nmodel = \"nano\"\nkeep = \"2G\"\nrecord = \"b.csv\"\n";
    fs::write(&settings, changed).unwrap();
    run.reload();
    assert!(run.says("changed in the settings").ends_with(", and taken at the next start: keep"));
    assert!(run.says("changed in the settings").ends_with(", since the command line overrides them: record"));
    let said = run.outcome();
    assert!(
        said.contains("model nano is at work now: ") && said.ends_with("; settings taken: model, record-when"),
        "{said}"
    );
    let (same, of_nano) = (run.frame(), run.confidence());
    assert!(same == id && (of_nano - of_small).abs() > SURE_WITHIN, "{of_small} {of_nano}");
    fs::write(&settings, "record-when = \"always\"\nmodel = \"small\"\nfaces = 0\n").unwrap();
    run.fails_to_reload("60s");
    let said = run.outcome();
    assert!(
        said.contains("not reloaded, all stays as it was: wingmark.toml, line 3: invalid value '0' for '--faces"),
        "{said}"
    );
    assert!((run.confidence() - of_nano).abs() < SURE_WITHIN);
    // What was taken back waits for no start.
    fs::write(&settings, "record-when = \"change\"\nmodel = \"nano\"\n").unwrap();
    run.reload();
    loop {
        let line = run.said.recv_timeout(PATIENCE).unwrap();
        assert!(!line.contains("changed in the settings"), "{line}");
        if line.contains("reloaded") {
            break;
        }
    }
    run.end();
    // With nobody coming or going, the frames after the reload are not recorded.
    assert!(Csv::read(&folder.path().join("a.csv")).frames.into_iter().eq(0..=SETTLED));
}

#[test]
fn settings_that_come_by_a_pipe_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("settings");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, "smoothing = \"off\"\n").unwrap())
    };
    let mut run = Run::start(folder.path(), &["--settings", "settings"]);
    run.frame();
    writer.join().unwrap();
    let told = run.fails_to_reload("60s");
    assert!(told.contains("all stays as it was: settings is no regular file and cannot be read again; "), "{told}");
    run.frame();
    run.end();
}

#[test]
fn who_cannot_reload_is_named_and_goes_on() {
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let output = reload_of(&other.id().to_string(), "60s");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains(" does not reload: it is no `wingmark run`, or still opens "), "{text}");
    assert_eq!(other.try_wait().unwrap(), None, "SIGHUP would have ended it");
    other.kill().unwrap();
    other.wait().unwrap();
    let gone = reload_of(&other.id().to_string(), "60s");
    assert!(String::from_utf8(gone.stderr).unwrap().contains("cannot signal process "));
}

#[test]
fn who_ends_before_it_answers_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of("small", &folder.path().join("model"));
    let mut run = Run::start(folder.path(), &["--model", "./model"]);
    run.frame();
    let card = model.join("card.toml");
    fs::remove_file(&card).unwrap();
    mknodat(CWD, &card, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let pid = run.pid();
    let told = std::thread::spawn(move || reload_of(&pid, "60s"));
    // It has heard of the reload when somebody reads the card.
    let _card = fs::OpenOptions::new().write(true).open(&card).unwrap();
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    let output = told.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(" ended before it said what became of it"));
}
