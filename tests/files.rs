//! Files in and out, as a user meets them: folders, records, pipes.

#[path = "common/program.rs"]
mod program;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use program::{command, text, wingmark};
use rustix::fs::{CWD, Mode, mkfifoat};

const PORTRAIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/eileen-collins.jpg");

/// A folder `album` with these pictures of a face, small ones.
fn album(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("album")).unwrap();
    for name in names {
        fs::copy(PORTRAIT, folder.path().join("album").join(name)).unwrap();
    }
    folder
}

/// Frame, time and source of each row.
fn rows(table: &Path) -> Vec<(u32, String, String)> {
    let mut reader = csv::Reader::from_path(table).unwrap();
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (frame, time, source) = (column("frame"), column("timestamp"), column("source"));
    let row = |row: csv::StringRecord| (row[frame].parse().unwrap(), row[time].into(), row[source].into());
    reader.records().map(|record| row(record.unwrap())).collect()
}

const RUN: [&str; 5] = ["run", "--screen", "none", "--model", "nano"];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    wingmark(folder, &[&RUN[..], arguments].concat())
}

#[test]
fn each_row_names_its_file() {
    let folder = album(&["img10.jpg", "img2.JPG", "a, \"b\".jpeg"]);
    fs::write(folder.path().join("album/._img2.JPG"), b"\0\x05\x16\x07").unwrap();
    let output = run(folder.path(), &["--source", "album", "--record", "a.csv", "--record", "a.jsonl"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sources = ["album/a, \"b\".jpeg", "album/img2.JPG", "album/img10.jpg"];
    let found: Vec<String> = rows(&folder.path().join("a.csv")).into_iter().map(|(_, _, source)| source).collect();
    assert_eq!(found, sources);
    let objects = fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    let found: Vec<String> = objects
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["source"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, sources);
}

#[test]
fn an_animated_png_is_said_to_be_one() {
    let folder = album(&[]);
    let path = folder.path().join("album/a.png");
    image::RgbImage::new(40, 30).save(&path).unwrap();
    let png = fs::read(&path).unwrap();
    // Behind the header: two pictures, for ever.
    let chunk = b"acTL\0\0\0\x02\0\0\0\0";
    let chunk = [&8u32.to_be_bytes()[..], chunk, &crc32fast::hash(chunk).to_be_bytes()].concat();
    fs::write(&path, [&png[..33], &chunk, &png[33..]].concat()).unwrap();
    let output = run(folder.path(), &["--source", "album/a.png"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("album/a.png is animated; its first picture is taken alone").count(), 1, "{said}");
}

#[test]
fn an_interrupted_run_goes_on() {
    let folder = album(&["1.jpg", "2.jpg", "10.jpg"]);
    let portrait = fs::read(PORTRAIT).unwrap();
    fs::write(folder.path().join("album/11.mjpeg"), portrait.repeat(3)).unwrap();
    let arguments = ["--source", "album", "--record", "a.csv"];
    let table = folder.path().join("a.csv");
    run(folder.path(), &arguments);
    let whole = rows(&table);
    fs::remove_file(&table).unwrap();
    // In the middle of the pictures, then of the film.
    for frames in ["2", "2", "5"] {
        let output = run(folder.path(), &[&arguments[..], &["--resume", "--frames", frames]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(rows(&table), whole);
    let before = fs::read(&table).unwrap();
    let output = run(folder.path(), &[&arguments[..], &["--resume"]].concat());
    assert!(text(&output.stdout).starts_with("0 frames; 4 files were recorded earlier"), "{output:?}");
    assert_eq!(fs::read(&table).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Everything in a folder, and in the folders there.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let inside = if path.is_dir() { contents(&path) } else { Vec::new() };
        found.extend(inside);
        found.push((path.clone(), fs::read(&path).unwrap_or_default()));
    }
    found.sort_unstable();
    found
}

#[test]
fn a_mistake_in_an_option_changes_nothing() {
    let folder = album(&["1.jpg", "2.jpg", "10.jpg"]);
    run(folder.path(), &["--source", "album", "--record", "a.csv", "--record", "a.jsonl"]);
    for torn in ["a.csv", "a.jsonl"] {
        let file = File::options().write(true).open(folder.path().join(torn)).unwrap();
        file.set_len(file.metadata().unwrap().len() - 40).unwrap();
    }
    let before = contents(folder.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = &port.local_addr().unwrap().port().to_string();
    let resumed = "run --source album --resume --record a.csv --record a.jsonl --record new/er/a.csv";
    let resumed: Vec<&str> = resumed.split(' ').collect();
    let broker = ["--publish", "mqtt://me@127.0.0.1:9", "--publish-password-file", "nope"];
    for (mistake, screen) in [
        (&broker[..], "png:shown/here"),
        (&["--model", "nope/"], "png:shown/here"),
        #[cfg(feature = "page")]
        (&["--serve", port, "--token-file", "nope"], "png:shown/here"),
        #[cfg(feature = "page")]
        (&["--serve", port], "png:shown/here"),
        (&["--metrics", "nope/a.prom"], "png:shown/here"),
        (&["--record", "a.jsonl/a.csv"], "png:shown/here"),
        (&[], "png:a.csv/here"),
    ] {
        let output = wingmark(folder.path(), &[&resumed[..], mistake, &["--screen", screen]].concat());
        assert_eq!(output.status.code(), Some(1), "{mistake:?}: {output:?}");
        assert!(contents(folder.path()) == before, "{mistake:?} {screen}: {output:?}");
    }
}

#[test]
fn only_files_are_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--source", "clip", "--record", "a.csv", "--resume"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--resume goes on with files, and clip is none"), "{output:?}");
    for arguments in [&["--source", PORTRAIT, "--resume"][..], &["--record", "a.csv", "--resume"]] {
        assert_eq!(run(folder.path(), arguments).status.code(), Some(2));
    }
}

#[test]
fn a_folder_for_records_is_made_or_refused_before_the_first_frame() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--source", PORTRAIT, "--record", "deep/er/a.csv"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(rows(&folder.path().join("deep/er/a.csv")).len(), 1);
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    let long = "x".repeat(236) + ".csv";
    for (record, problem) in [
        ("/proc/wingmark/a.csv", "cannot write /proc/wingmark/a.csv: /proc/wingmark: "),
        ("deep/er/a.csv/b.csv", "cannot write deep/er/a.csv/b.csv: deep/er/a.csv: "),
        ("folder.csv", "cannot write folder.csv: it is a folder"),
        (long.as_str(), "its name has 240 bytes; expected at most 231"),
    ] {
        let output = run(folder.path(), &["--source", "clip", "--record", record]);
        let message = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{message}");
        assert!(message.contains(problem) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn a_pipe_is_written_to_as_it_is() {
    let folder = album(&["1.jpg", "2.jpg"]);
    let pipe = folder.path().join("pipe.csv");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let arguments = [&RUN[..], &["--source", "album", "--record", "pipe.csv", "--rotate-size", "1K"]].concat();
    let mut child = command(folder.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
    let copy = folder.path().join("copy.csv");
    let mut bytes = Vec::new();
    File::open(&pipe).unwrap().read_to_end(&mut bytes).unwrap();
    fs::write(&copy, bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(rows(&copy).len(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn whoever_reads_results_may_leave_and_hides_no_failure() {
    let folder = album(&["1.jpg"]);
    let to_nobody = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command(folder.path(), arguments).stdout(writer).stderr(Stdio::null()).status().unwrap().code()
    };
    let run = [&RUN[..], &["--source", "album"]].concat();
    assert_eq!(to_nobody(&run), Some(0));
    fs::write(folder.path().join("album/2.jpg"), b"\xff\xd8\xffbroken").unwrap();
    assert_eq!(to_nobody(&run), Some(1));
}

/// A run with these bytes on its standard input.
fn piped(folder: &Path, arguments: &[&str], bytes: &[u8]) -> Output {
    program::piped(folder, &[&RUN[..], &["--source", "-"], arguments].concat(), bytes)
}

#[test]
fn the_camera_rate_is_that_of_a_pipe_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = fs::read(PORTRAIT).unwrap();
    let output = piped(folder.path(), &["--camera-rate", "12.5", "--record", "a.csv"], &portrait.repeat(3));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows = rows(&folder.path().join("a.csv"));
    let times: Vec<&str> = rows.iter().map(|(_, time, _)| time.as_str()).collect();
    assert_eq!(times, ["0.000000", "0.080000", "0.160000"]);
    assert!(rows.iter().all(|(_, _, source)| source.is_empty()));
}

#[test]
fn an_empty_pipe_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = piped(folder.path(), &["--record", "a.csv"], b"");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn sizes_and_times_need_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    for (option, expected) in [
        ("--keep", "is no size"),
        ("--rotate-size", "is no size"),
        ("--rotate-every", "is no time"),
        ("--flush-every", "is no time"),
    ] {
        let output = run(folder.path(), &["--source", PORTRAIT, option, "10"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn a_file_is_recorded_to_once_whatever_it_is_called() {
    let folder = album(&["1.jpg"]);
    std::os::unix::fs::symlink("a.csv", folder.path().join("b.csv")).unwrap();
    for other in ["./a.csv", "b.csv", "album/../a.csv"] {
        let output = run(folder.path(), &["--source", "album", "--record", "a.csv", "--record", other]);
        assert_eq!(output.status.code(), Some(2), "{other}");
        assert!(text(&output.stderr).contains("is named by --record twice; give"), "{other}: {output:?}");
    }
}

#[test]
fn what_is_no_record_is_never_cut_off() {
    let folder = album(&["1.jpg"]);
    let arguments = ["--source", "album", "--record", "a.jsonl", "--resume"];
    for other in ["{\"mine\": 1}\n", "words\nand more", "\0\0\0\n"] {
        fs::write(folder.path().join("a.jsonl"), other).unwrap();
        let output = run(folder.path(), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = names.filter(|path| path.to_string_lossy().contains("a-0")).collect();
        assert_eq!((kept.len(), fs::read_to_string(&kept[0]).unwrap().as_str()), (1, other));
        fs::remove_file(&kept[0]).unwrap();
    }
}

#[test]
fn a_line_that_is_damaged_costs_itself() {
    let folder = album(&["1.jpg", "2.jpg", "3.jpg"]);
    for name in ["a.csv", "a.jsonl"] {
        let arguments = ["--source", "album", "--record", name];
        run(folder.path(), &arguments);
        let whole = fs::read(folder.path().join(name)).unwrap();
        let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
        let (second, last) = (lines[lines.len() - 2].len(), lines[lines.len() - 1].len());
        let at = whole.len() - last - second / 2;
        let damaged = [&whole[..at], b"#", &whole[at + 1..]].concat();
        fs::write(folder.path().join(name), &damaged).unwrap();
        let output = run(folder.path(), &[&arguments[..], &["--resume"]].concat());
        let summary = text(&output.stdout);
        assert!(summary.starts_with("1 frame, a face in each; 2 files were recorded earlier"), "{name}: {summary}");
        let archive = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let archive = archive.into_iter().find(|path| path.to_string_lossy().contains("a-0")).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), damaged, "{name}");
        fs::remove_file(archive).unwrap();
    }
}

#[test]
fn lines_on_standard_output_are_lost_neither_to_a_slow_reader_nor_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    // More than a pipe has room for.
    fs::write(folder.path().join("a.mjpeg"), fs::read(PORTRAIT).unwrap().repeat(40)).unwrap();
    let arguments = [&RUN[..], &["--source", "a.mjpeg", "--record", "-"]].concat();
    let mut child = command(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let mut lines = String::new();
    child.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
    assert_eq!((lines.lines().count(), child.wait().unwrap().code()), (40, Some(0)));

    let full = || File::options().write(true).open("/dev/full").unwrap();
    let output = command(folder.path(), &arguments).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("standard output: 0 frames were sent, 40 lost"), "{output:?}");
    // A slow reader may cost a camera's lines; no error does so in silence.
    let video = File::open(folder.path().join("a.mjpeg")).unwrap();
    let arguments = [&RUN[..], &["--source", "-", "--live", "--record", "-"]].concat();
    let output = command(folder.path(), &arguments).stdin(video).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("standard output: 0 frames were sent, "), "{output:?}");
}

#[test]
fn the_last_line_of_a_camera_is_whole_where_its_reader_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&RUN[..], &["--source", "-", "--live", "--record", "-"]].concat();
    let mut child = command(folder.path(), &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut camera, portrait) = (child.stdin.take().unwrap(), fs::read(PORTRAIT).unwrap());
    // More lines than a pipe has room for.
    for _ in 0..60 {
        camera.write_all(&portrait).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(camera);
    std::thread::sleep(Duration::from_secs(2));
    let mut lines = String::new();
    child.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
    assert!(lines.ends_with('\n') && child.wait().unwrap().success(), "{lines}");
}

#[test]
fn a_reader_who_leaves_is_missed_once_where_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mjpeg"), fs::read(PORTRAIT).unwrap().repeat(10)).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let arguments = ["--source", "a.mjpeg", "--record", "-", "--record", "a.jsonl", "--metrics", "a.prom"];
    let output = command(folder.path(), &[&RUN[..], &arguments].concat()).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected = "nobody reads standard output any more; the run goes on for a.jsonl, the metrics\n";
    assert!(text(&output.stderr).contains(expected) && text(&output.stderr).lines().count() == 2, "{output:?}");
    assert_eq!(fs::read_to_string(folder.path().join("a.jsonl")).unwrap().lines().count(), 10);
    let figures = fs::read_to_string(folder.path().join("a.prom")).unwrap();
    let lost = "wingmark_published_lost_total{receiver=\"standard output\",cause=\"not_sent\"} 10\n";
    assert!(figures.contains(lost), "{figures}");
}

#[test]
fn a_file_that_may_not_grow_costs_records_and_not_the_run() {
    let folder = album(&["1.jpg", "2.jpg", "3.jpg"]);
    let limited =
        format!("ulimit -f 4; exec {} {} --source album --record a.csv", env!("CARGO_BIN_EXE_wingmark"), RUN.join(" "));
    let output = Command::new("sh").args(["-c", &limited]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("lost (File too large"), "{output:?}");
}

#[test]
fn pictures_of_a_stream_that_are_broken_alike_are_said_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = fs::read(PORTRAIT).unwrap();
    // Its frame header says that samples have 12 bits.
    let mut deep = portrait.clone();
    let header = deep.windows(2).position(|marker| matches!(marker, [0xff, 0xc0..=0xc2])).unwrap();
    deep[header + 4] = 12;
    let cut = &portrait[..portrait.len() / 2];
    fs::write(folder.path().join("a.mjpeg"), [&portrait[..], &deep, cut].concat().repeat(20)).unwrap();
    let output = run(folder.path(), &["--source", "a.mjpeg"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 4, "{said}");
    for expected in [
        "a.mjpeg: picture 1 is broken: it has samples of more than 8 bits; expected a baseline",
        "a.mjpeg: 19 more pictures are broken like that: it has samples of more than 8 bits",
        "a.mjpeg: picture 2 is broken: it is cut short",
        "a.mjpeg: 19 more pictures are broken like that: it is cut short",
    ] {
        assert!(said.contains(expected), "{said} lacks {expected}");
    }
    let summary = text(&output.stdout);
    assert!(summary.starts_with("20 frames, a face in each; 40 pictures not readable; observing"), "{summary}");
}

#[test]
fn a_film_without_a_frame_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.y4m"), "YUV4MPEG2 W16 H16 Cmono\n").unwrap();
    let output = run(folder.path(), &["--source", "a.y4m"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "0 frames; 1 video not read whole\n");
    assert!(text(&output.stderr).contains("a.y4m: it ends before its first frame"), "{output:?}");
}

#[test]
fn a_signal_is_heeded_while_nobody_reads_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mjpeg"), fs::read(PORTRAIT).unwrap().repeat(60)).unwrap();
    let arguments = [&RUN[..], &["--source", "a.mjpeg", "--record", "-", "--record", "a.csv"]].concat();
    let mut child = command(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (_unread, record) = (child.stdout.take(), folder.path().join("a.csv"));
    // The pipe is full when records stay the same.
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = fs::metadata(&record).map_or(0, |about| about.len());
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    let signalled = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    // The film was not seen to its end.
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // Records are made safe within 0.8 s; a machine that does other work takes longer.
    assert!(signalled.elapsed() < Duration::from_secs(30), "took {:?}", signalled.elapsed());
    assert!(rows(&record).len() < 60);
}

#[test]
fn no_file_is_written_over_another_one_or_over_what_is_read() {
    let folder = album(&["1.jpg"]);
    fs::copy(folder.path().join("album/1.jpg"), folder.path().join("1.jpg")).unwrap();
    for (arguments, expected) in [
        (
            &["--source", "album", "--json-summary", "a.prom", "--metrics", "a.prom"][..],
            "by --json-summary and by --metrics",
        ),
        (&["--source", "album", "--record", "a.csv", "--json-summary", "./a.csv"], "by --record and by --json-summary"),
        (&["--source", "1.jpg", "--json-summary", "1.jpg"], "by --source and by --json-summary"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
    let output = wingmark(folder.path(), &["eval", "--data", "album", "--json", "a", "--predictions", "./a"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = wingmark(folder.path(), &["run", "--source", "album", "--screen", "png:album/."]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("would put pictures among those that are read"), "{output:?}");
    assert_eq!(fs::read_dir(folder.path().join("album")).unwrap().count(), 1);
    assert_eq!(fs::read(folder.path().join("1.jpg")).unwrap(), fs::read(PORTRAIT).unwrap());
}

#[test]
fn what_another_run_writes_is_left_alone() {
    let folder = album(&["1.jpg"]);
    let record = folder.path().join("a.csv");
    let arguments = [&RUN[..], &["--source", "-", "--record", "a.csv", "--flush-every", "10s"]].concat();
    let mut child = command(folder.path(), &arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&fs::read(PORTRAIT).unwrap()).unwrap();
    let began = Instant::now();
    while !record.exists() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::os::unix::fs::symlink("a.csv", folder.path().join("b.csv")).unwrap();
    for name in ["a.csv", "b.csv"] {
        let output = run(folder.path(), &["--source", "album", "--record", name]);
        let expected = format!("cannot write {name}: another run writes it");
        assert!(output.status.code() == Some(1) && text(&output.stderr).contains(&expected), "{output:?}");
    }
    let output = run(folder.path(), &["--source", "album", "--json-summary", "a.csv"]);
    let expected = "cannot write a.csv: another run writes it";
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains(expected), "{output:?}");
    // Another record in the same folder is none of it.
    assert!(run(folder.path(), &["--source", "album", "--record", "c.csv"]).status.success());
    drop(pipe);
    assert!(child.wait().unwrap().success());
    assert_eq!(rows(&record).len(), 1);
    // What a run that has ended left is set aside, as ever.
    assert!(run(folder.path(), &["--source", "album", "--record", "a.csv"]).status.success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}

#[test]
fn a_summary_that_cannot_be_written_is_known_before_the_run_and_hides_nothing() {
    let folder = album(&["1.jpg"]);
    let output = run(folder.path(), &["--source", "album", "--record", "a.csv", "--json-summary", "no/where.json"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{output:?}");
    assert!(text(&output.stderr).contains("cannot write no/where.json: "), "{output:?}");
    mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    let output = run(folder.path(), &["--source", "album", "--json-summary", "pipe"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).starts_with("1 frame, a face in each"), "{output:?}");
    assert!(text(&output.stderr).contains("cannot write pipe: nobody reads the pipe"), "{output:?}");
    mkfifoat(CWD, folder.path().join("pipe.prom"), Mode::RUSR | Mode::WUSR).unwrap();
    let output = run(folder.path(), &["--source", "album", "--metrics", "pipe.prom"]);
    assert!(text(&output.stderr).contains("it is a pipe; expected a file"), "{output:?}");
}

#[test]
fn a_run_goes_on_past_files_that_came_meanwhile_and_by_another_spelling() {
    let folder = album(&["1.jpg", "2.jpg", "10.jpg"]);
    fs::write(folder.path().join("album/3.mjpeg"), fs::read(PORTRAIT).unwrap().repeat(3)).unwrap();
    run(folder.path(), &["--source", "album", "--record", "a.csv", "--frames", "3"]);
    fs::rename(folder.path().join("album/2.jpg"), folder.path().join("album/02.jpg")).unwrap();
    fs::copy(PORTRAIT, folder.path().join("album/0.jpg")).unwrap();
    let arguments = ["--source", "./album//", "--resume", "--record", "a.csv", "--record", "b.csv"];
    let output = run(folder.path(), &arguments[..5]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let recorded = rows(&folder.path().join("a.csv"));
    let files: Vec<&str> = recorded.iter().map(|(_, _, source)| source.strip_prefix("album/").unwrap()).collect();
    assert_eq!(files, ["1.jpg", "2.jpg", "3.mjpeg", "3.mjpeg", "3.mjpeg", "0.jpg", "02.jpg", "10.jpg"]);
    assert!(recorded.iter().map(|(frame, ..)| *frame).eq(0..8), "{recorded:?}");
    // A record that is new begins at the first file; nothing was dropped.
    let output = run(folder.path(), &arguments);
    assert!(output.status.success() && !text(&output.stdout).contains("dropped"), "{output:?}");
    assert_eq!(rows(&folder.path().join("b.csv")).len(), 7);
    assert_eq!(rows(&folder.path().join("a.csv")), recorded);
}

#[test]
fn a_run_that_goes_on_with_other_files_says_so() {
    let folder = album(&["1.jpg"]);
    run(folder.path(), &["--source", "album", "--record", "a.csv"]);
    fs::create_dir(folder.path().join("other")).unwrap();
    fs::copy(PORTRAIT, folder.path().join("other/1.jpg")).unwrap();
    let output = run(folder.path(), &["--source", "other", "--record", "a.csv", "--resume"]);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("none of the files of other is among those"), "{output:?}");
    assert_eq!(rows(&folder.path().join("a.csv")).len(), 2);
}

#[test]
fn a_folder_that_takes_no_overlays_ends_the_run_before_its_first_frame() {
    let folder = album(&["1.jpg"]);
    let output = wingmark(folder.path(), &["run", "--source", "album", "--screen", "png:/proc/shown"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{output:?}");
    assert!(text(&output.stderr).contains("cannot write /proc/shown: "), "{output:?}");
}
