//! The binary, as a user meets it.

#[path = "common/program.rs"]
mod program;

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use program::{command, piped, text, wingmark};

const PORTRAIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/eileen-collins.jpg");

/// Runs, checks the exit code and that there is a message of one line, and gives it back.
fn failure(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = wingmark(folder, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(code == 2 || message.trim().lines().count() == 1, "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

#[test]
fn demo_needs_no_file_and_finds_the_face() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(folder.path(), &["demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("right eye"), "{}", text(&output.stdout));
    assert!(folder.path().join("wingmark-demo/000000.png").is_file());
    let table = std::fs::read_to_string(folder.path().join("wingmark-demo/landmarks.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 120);
    // Its own folder is written anew; what is in another one stays.
    assert!(wingmark(folder.path(), &["demo"]).status.success());
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    for file in ["landmarks.csv", "000042.png"] {
        let path = folder.path().join("mine").join(file);
        std::fs::write(&path, "mine").unwrap();
        let message = failure(folder.path(), &["demo", "--out", "mine"], 1);
        assert!(message.contains(&format!("mine/{file} is there already; name another folder")), "{message}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        std::fs::remove_file(path).unwrap();
    }
    let message = failure(folder.path(), &["demo", "--out", "wingmark-demo/000000.png"], 1);
    assert!(message.contains("cannot write wingmark-demo/000000.png: it is a file; expected a folder"), "{message}");
}

#[test]
fn pictures_of_an_earlier_run_stay() {
    let folder = tempfile::tempdir().unwrap();
    let frames = |more: &[&'static str]| [&["run", "--source", PORTRAIT, "--screen", "png:shown"], more].concat();
    assert!(wingmark(folder.path(), &frames(&[])).status.success());
    std::fs::write(folder.path().join("shown/000000.png"), "mine").unwrap();
    for arguments in [&frames(&[])[..], &["testcard", "--screen", "png:shown"]] {
        let message = failure(folder.path(), arguments, 1);
        assert!(message.contains("shown/000000.png is there already; name another folder"), "{message}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("shown/000000.png")).unwrap(), "mine");
    // A run that goes on draws its last frames again.
    assert!(wingmark(folder.path(), &frames(&["--record", "a.csv", "--resume"])).status.success());
    assert!(wingmark::picture::read(&folder.path().join("shown/000000.png")).is_ok());
}

#[test]
fn a_settings_file_says_what_the_command_line_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "source = \"clip\"\nrecord = [\"seen.csv\"]\nframes = 9\nscreen = \"none\"\n").unwrap();
    let output = wingmark(folder.path(), &["run", "--settings", "settings.toml", "--frames", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows = std::fs::read_to_string(folder.path().join("seen.csv")).unwrap().lines().count();
    assert_eq!(rows, 1 + 3);
    std::fs::write(&settings, "frame = 9\n").unwrap();
    let message = failure(folder.path(), &["run", "--settings", "settings.toml"], 2);
    assert!(message.contains("settings.toml, line 1: \"frame\" is no setting of run"), "{message}");
}

#[test]
fn run_writes_what_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(
        folder.path(),
        &["run", "--source", PORTRAIT, "--screen", "png:shown", "--record", "a.csv", "--record", "b.csv"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("1 frame, a face in each"), "{}", text(&output.stdout));
    assert!(folder.path().join("shown/000000.png").is_file());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    // After OpenFace's columns come ours, the wall time among them.
    let openface = |name: &str| -> Vec<String> {
        read(name).lines().map(|line| line.split(',').take(X_0 + 2 * 68).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(openface("a.csv"), openface("b.csv"));
}

/// The column of the first point. Frame, face, time, confidence, success and pose stand before it.
const X_0: usize = 11;

#[test]
fn lines_of_json_go_to_standard_output_and_the_closing_line_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(folder.path(), &["run", "--source", PORTRAIT, "--screen", "none", "--record", "-"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert!(text(&output.stderr).contains("1 frame, a face in each"), "{}", text(&output.stderr));
    let face = &lines[0]["faces"][0];
    assert!(lines[0]["width"].as_u64().unwrap() > 0);
    // She looks at the camera with open eyes.
    for turn in ["yaw", "pitch", "roll"] {
        assert!(face["pose"][turn].as_f64().unwrap().abs() < 30.0, "{face}");
    }
    assert!(face["eyes"]["right_ratio"].as_f64().unwrap() > 0.15, "{face}");
}

#[test]
fn a_frame_has_one_wall_time_wherever_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "--source", PORTRAIT, "--screen", "none", "--record", "-"];
    let files = ["--record", "a.jsonl", "--record", "b.jsonl", "--record", "c.csv"];
    let output = wingmark(folder.path(), &[&arguments[..], &files].concat());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let time = line["wall_time"].as_str().unwrap();
    for name in ["a.jsonl", "b.jsonl", "c.csv"] {
        assert!(read(name).contains(time), "{name} lacks {time}");
    }
}

#[test]
fn a_receiver_that_is_not_there_is_no_failure_and_one_that_listens_gets_datagrams() {
    let folder = tempfile::tempdir().unwrap();
    let listeners = [(); 3].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = |i: usize, scheme: &str| format!("{scheme}://127.0.0.1:{}", listeners[i].local_addr().unwrap().port());
    let (opentrack, openseeface, json) = (to(0, "opentrack"), to(1, "openseeface"), to(2, "udp"));
    let output = wingmark(
        folder.path(),
        &[
            "run",
            "--source",
            PORTRAIT,
            "--screen",
            "none",
            "--publish",
            &opentrack,
            "--publish",
            &openseeface,
            "--publish",
            &json,
            "--publish",
            "opentrack://127.0.0.1:9",
            "--publish",
            "udp://nowhere.invalid:5000",
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sizes = listeners.map(|listener| {
        listener.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        listener.recv(&mut [0; 65536]).unwrap()
    });
    assert!(sizes[0] == 48 && sizes[1] == 1785 && sizes[2] <= 1400, "{sizes:?}");
}

#[test]
fn a_run_that_ends_before_a_broker_answers_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // It is connected to, and never says anything.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = |port| format!("mqtt://127.0.0.1:{port}/desk");
    for (place, expected) in [
        (place(silent.local_addr().unwrap().port()), "0 frames were sent, 1 lost; none was taken in time"),
        (place(9), "0 frames were sent, 1 lost; at last: "),
    ] {
        let arguments = ["run", "--source", PORTRAIT, "--screen", "none", "--publish", &place];
        let output = wingmark(folder.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(text(&output.stderr).contains(&format!("{place}: {expected}")), "{output:?}");
    }
}

#[test]
fn more_faces_than_are_followed_are_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = image::open(PORTRAIT).unwrap().into_rgb8();
    let mut two = image::RgbImage::new(2 * portrait.width(), portrait.height());
    image::imageops::replace(&mut two, &portrait, 0, 0);
    image::imageops::replace(&mut two, &image::imageops::flip_horizontal(&portrait), portrait.width().into(), 0);
    std::fs::create_dir(folder.path().join("album")).unwrap();
    (0..20).for_each(|i| two.save(folder.path().join(format!("album/{i:02}.png"))).unwrap());
    for (faces, rows, said) in [("1", 20, 1), ("2", 40, 0)] {
        let record = format!("{faces}.csv");
        let arguments = ["run", "--source", "album", "--screen", "none", "--faces", faces, "--record", &record];
        let output = wingmark(folder.path(), &arguments);
        let messages = text(&output.stderr);
        assert_eq!(messages.matches("more faces than").count(), said, "--faces {faces}: {messages}");
        let table = std::fs::read_to_string(folder.path().join(&record)).unwrap();
        assert_eq!(table.lines().count(), 1 + rows, "--faces {faces}");
    }
}

#[test]
fn pictures_without_a_face_are_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    for (name, side) in [("tiny.png", 1), ("huge.png", 8000)] {
        image::GrayImage::new(side, side).save(folder.path().join(name)).unwrap();
        let output = wingmark(folder.path(), &["run", "--screen", "none", "--source", name, "--record", "seen.csv"]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("1 frame, no face found"), "{name}: {}", text(&output.stdout));
        let table = std::fs::read_to_string(folder.path().join("seen.csv")).unwrap();
        let row = table.lines().nth(1).unwrap();
        assert!(row.starts_with("0,0,0.000000,0.0000,0,"), "{row}");
    }
}

#[test]
fn broken_pictures_are_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("album")).unwrap();
    let portrait = std::fs::read(PORTRAIT).unwrap();
    std::fs::write(folder.path().join("album/a.jpg"), &portrait[..portrait.len() / 2]).unwrap();
    std::fs::write(folder.path().join("album/b.jpg"), &portrait).unwrap();
    let message = failure(folder.path(), &["run", "--screen", "none", "--source", "album", "--record", "seen.csv"], 1);
    assert!(message.contains("a.jpg is a broken picture: it is cut short"), "{message}");
    let table = std::fs::read_to_string(folder.path().join("seen.csv")).unwrap();
    assert!(table.lines().nth(1).unwrap().starts_with("1,1,"), "{table}");
}

#[test]
fn sources_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "hello").unwrap();
    for (source, expected) in [
        ("empty", "holds no picture; expected files named .jpg, .jpeg or .png"),
        ("nothing.png", "there is no nothing.png; expected a file, a folder, a camera (/dev/video0, rpicam"),
        ("notes.txt", "notes.txt is neither a picture (JPEG, PNG) nor a stream (Y4M, MJPEG)"),
    ] {
        let message = failure(folder.path(), &["run", "--screen", "none", "--source", source], 1);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_is_no_camera_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (source, expected) in [
        ("/dev/video99", "there is no /dev/video99; "),
        ("/dev/v4l/by-id/usb-Camera-index0", "there is no /dev/v4l/by-id/usb-Camera-index0; "),
        ("/dev/null", "/dev/null is no camera"),
        ("/dev/tty", "/dev/tty is no camera"),
    ] {
        let message = failure(folder.path(), &["run", "--source", source, "--record", "seen.csv"], 1);
        assert!(message.contains(expected), "{message}");
    }
    // A machine with a camera would take it.
    if wingmark::capture::v4l2::nodes().is_empty() {
        let message = failure(folder.path(), &["run", "--record", "seen.csv"], 1);
        assert!(message.contains("no camera was found") && message.contains("wingmark demo"), "{message}");
    }
    assert!(!folder.path().join("seen.csv").exists());
}

#[test]
fn a_pipe_of_jpegs_gives_what_the_picture_gives() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = std::fs::read(PORTRAIT).unwrap();
    let output =
        piped(folder.path(), &["run", "--source", "-", "--record", "piped.csv"], &[&portrait[..], &portrait].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("2 frames, a face in each"), "{}", text(&output.stdout));
    let output = wingmark(folder.path(), &["run", "--source", PORTRAIT, "--record", "file.csv"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let first_row = |name: &str| -> Vec<String> {
        let table = std::fs::read_to_string(folder.path().join(name)).unwrap();
        table.lines().nth(1).unwrap().split(',').take(5 + 2 * 68).map(String::from).collect()
    };
    assert_eq!(first_row("piped.csv"), first_row("file.csv"));
}

#[test]
fn a_pipe_that_ends_in_the_middle_of_a_frame_is_said_and_its_whole_frames_count() {
    let folder = tempfile::tempdir().unwrap();
    let y4m =
        [&b"YUV4MPEG2 W64 H48 F30:1 C420jpeg\n"[..], &[b"FRAME\n", &[128; 64 * 48 * 3 / 2][..]].concat().repeat(3)];
    let y4m = y4m.concat();
    let portrait = std::fs::read(PORTRAIT).unwrap();
    for (bytes, end, frames, expected) in [
        (&y4m, 100, 2, "standard input: it ends in the middle of frame 2, after 4508 of 4608 bytes"),
        (&[&portrait[..], &portrait].concat(), 9, 1, "standard input: picture 1 is broken: it is cut short"),
    ] {
        let output = piped(
            folder.path(),
            &["run", "--screen", "none", "--source", "-", "--record", "seen.csv"],
            &bytes[..bytes.len() - end],
        );
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected) && message.trim().lines().count() == 1, "{message}");
        let table = std::fs::read_to_string(folder.path().join("seen.csv")).unwrap();
        assert_eq!(table.lines().count(), 1 + frames);
        std::fs::remove_file(folder.path().join("seen.csv")).unwrap();
    }
}

#[test]
fn a_pipe_without_video_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, expected) in [
        (&b""[..], "standard input is neither a picture (JPEG, PNG) nor a stream (Y4M, MJPEG): it is empty"),
        (
            b"\0\0\0\x01\x27\x64\0\x28\xac\x2b",
            "| wingmark run --source -; rpicam-vid --codec mjpeg writes what is read by itself",
        ),
        (b"YUV4MPEG2 W640 H480 C420p10\n", "expected C420jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "it is a PNG picture, which is read from a file alone"),
    ] {
        let output = piped(folder.path(), &["run", "--screen", "none", "--source", "-"], bytes);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected) && message.trim().lines().count() == 1, "{message}");
    }
}

#[test]
fn a_run_that_waits_for_a_pipe_ends_at_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    for started in [&b""[..], b"YUV4MPEG2 W64 H48 C420\nFRAME\n123"] {
        let mut child = command(folder.path(), &["run", "--source", "-", "--metrics", "ready.prom"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(started).unwrap();
        while !folder.path().join("ready.prom").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let signalled = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(signalled.elapsed() < Duration::from_secs(1), "took {:?}", signalled.elapsed());
        std::fs::remove_file(folder.path().join("ready.prom")).unwrap();
    }
}

#[test]
fn screens_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (screen, expected) in [
        ("drm:/nowhere/card0", "cannot open /nowhere/card0: No such file"),
        ("fb:/nowhere/fb0", "cannot open /nowhere/fb0: No such file"),
        ("drm:/dev/null", "/dev/null has no modes to set; expected a card's device"),
        ("fb:/dev/null", "/dev/null has no picture memory; expected a framebuffer device"),
        ("spi", "no panel is described; expected [screen.spi] in the board's profile"),
        ("png:/dev/null/shown", "cannot write /dev/null/shown: /dev/null is a file; expected a folder"),
    ] {
        for command in [&["run", "--source", "clip"][..], &["testcard"]] {
            let message = failure(folder.path(), &[command, &["--screen", screen]].concat(), 1);
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn the_test_card_is_a_picture_too() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(folder.path(), &["testcard", "--screen", "png:card"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("800x480; "), "{}", text(&output.stdout));
    let card = wingmark::picture::read(&folder.path().join("card/000000.png")).unwrap();
    assert_eq!((card.size().width, card.size().height), (800, 480));
}

#[test]
fn a_run_says_who_made_what_and_sums_up_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let all = [&["run", "--source", PORTRAIT, "--screen", "none"], arguments].concat();
        command(folder.path(), &all).env("RUST_LOG", "debug").output().unwrap()
    };
    let output = run(&["--record", "a.jsonl", "--metrics", "a.prom", "--json-summary", "-"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&summary["complete"], summary["frames"].as_u64()), (&true.into(), Some(1)));
    assert_eq!(summary["outlets"][0]["name"], "a.jsonl");
    let record = std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    let made_by = &serde_json::from_str::<serde_json::Value>(&record).unwrap()["made_by"];
    assert_eq!(&summary["made_by"], made_by);
    let of = |key: &str| made_by[key].as_str().unwrap();
    let (model, hash, digest) = (of("model"), of("model_sha256"), of("model_digest"));
    // The messages begin with the same, and tract's do not drown it.
    let messages = text(&output.stderr);
    assert!(messages.starts_with(concat!("[INFO ] wingmark ", env!("CARGO_PKG_VERSION"), " (")), "{messages}");
    assert!(
        messages.lines().next().unwrap().contains(&format!("model {model} (SHA-256 {hash}, digest {digest})")),
        "{messages}"
    );
    assert!(messages.lines().count() < 20, "{messages}");

    assert!(run(&["--json-summary", "a.json"]).status.success());
    let file = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&file).unwrap()["frames"], 1);
    let message = failure(folder.path(), &["run", "--json-summary", "-", "--record", "-"], 2);
    assert!(message.contains("cannot share standard output"), "{message}");
    let message = failure(
        folder.path(),
        &["run", "--source", PORTRAIT, "--screen", "none", "--json-summary", "no/where.json"],
        1,
    );
    assert!(message.contains("cannot write no/where.json"), "{message}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 62] = [
        (
            &["run", "--model", "tall"],
            "there is no such model; expected one of nano, small, base, or a folder with model.onnx and card.toml",
        ),
        (&["run", "--model", "faces"], "it finds faces, not landmarks; expected one of nano, small, base"),
        (&["bench", "--model", "faces"], "it finds faces, not landmarks; expected one of nano, small, base"),
        (&["eval", "--data", "a", "--model", "tall"], "expected one of nano, small, base, faces, or a folder"),
        (&["bench", "--threads", "x"], "expected 1 to 64 threads"),
        (&["bench", "--threads", ""], "expected 1 to 64 threads"),
        (&["bench", "--threads", "0"], "expected 1 to 64 threads"),
        (&["bench", "--seconds", "-1"], "expected 0.1 to 86400 seconds"),
        (&["latency", "--source", "a", "--flips", "9"], "expected a whole number from 10 to 65535"),
        (&["reload", "--pid", "x"], "expected the number of a process"),
        (&["run", "--frames", "-1"], "expected a whole number from 1 on"),
        (&["run", "--smoothing", "-1"], "expected off, or a strength of 0.1 to 10"),
        (&["testcard", "--seconds", "-1"], "expected a whole number from 1 on"),
        (&["run", "--source", "clip", "--record", "a.csv", "--resume"], "clip is none; leave --resume out"),
        (&["run", "--source", "-", "--record", "a.csv", "--resume"], "- is none; leave --resume out"),
        (&["run", "--source", "/dev/video0", "--record", "a.csv", "--resume"], "/dev/video0 is none; leave"),
        (&["publish", "--forget", "foo"], "expected a broker: mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX]"),
        (&["run", "--screen", "x11"], "expected auto, drm, fb, spi, window, png:DIR or none"),
        (&["run", "--rotate", "45"], "a rotation of 45 is not possible; expected 0, 90, 180 or 270"),
        (&["run", "--record", "a.xyz"], ".csv"),
        (&["run", "--frames", "0"], "--frames"),
        (&["run", "--faces", "0"], "--faces"),
        (&["run", "--smoothing", "on"], "expected off, or a strength of 0.1 to 10"),
        (&["run", "--camera-format", "H264"], "expected one of YUYV, UYVY, NV12, YU12"),
        (&["run", "--camera-size", "640"], "expected width and height of 16 to 4096 pixels, such as 640x480"),
        (&["run", "--camera-size", "99999x99999"], "expected width and height of 16 to 4096 pixels"),
        (&["run", "--camera-rate", "0"], "expected 0.01 to 1000 frames a second"),
        (&["run", "--board", "pi4"], "board \"pi4\" is not known; expected one of pi-zero-2w, pi-3, pi-4"),
        (&["run", "--source=rtsp://me:sec/ret@cam/x"], "'rtsp://me:***@cam/x' for '--source"),
        (&["run", "--publish=mqtt://me:sec/ret@hub"], "'mqtt://me:***@hub' for '--publish"),
        (&["run", "--publish=mqtt:me:sec/ret@hub"], "'mqtt:***@hub' for '--publish"),
        (&["run", "--publish=mqtt://me:sec/ret"], "'mqtt://me:***' for '--publish"),
        (&["publish", "--forget=mqtt:/me:sec/ret@hub/a"], "'mqtt:/***@hub/a' for '--forget"),
        (&["run", "--source=http://[::1/x"], "an IPv6 address stands in brackets, a port behind them: [::1]:5000"),
        (&["run", "--publish=udp://::1:99"], "an IPv6 address stands in brackets, a port behind them: [::1]:5000"),
        (&["run", "--publish-rate", "2"], "--publish <URL>"),
        (&["run", "--publish-password-file", "a"], "--publish <URL>"),
        (&["run", "--metrics", "a.prom", "--metrics-every", "none"], "expected a number with ms, s, m, h or d"),
        (&["run", "--metrics", "a.txt"], "expected a file that ends in .prom"),
        (&["run", "--metrics", "-"], "expected a file that ends in .prom"),
        (&["run", "--metrics", "a.prom/"], "expected a file that ends in .prom"),
        (&["run", "--record", "-", "--json-summary", "-"], "Usage: wingmark run"),
        (&["run", "--record", "-", "--record", "a.csv", "--record", "-"], "--record - is given twice"),
        (&["run", "--publish", "udp://h:1", "--publish", "udp://h:1"], "--publish udp://h:1 is given twice"),
        (&["publish", "--forget=mqtt://h", "--forget=mqtt://a@h"], "--forget mqtt://a@h:1883/wingmark are the same"),
        (
            &["run", "--publish", "mqtt://a:sec%2fret@h", "--publish", "mqtt://b@h/wingmark/"],
            "mqtt://b@h:1883/wingmark are the",
        ),
        (
            &["run", "--publish", "opentrack://h:99", "--publish", "udp://H:99"],
            "udp://H:99 are the same; give one of them",
        ),
        (&["run", "--record", "-", "--json-summary", "/dev/stdout"], "cannot share standard output"),
        (&["run", "--record-when", "face"], "--record <FILE|->"),
        (&["bench", "--fov", "60"], "unexpected argument '--fov'"),
        (&["latency", "--source", "a", "--fov", "60"], "unexpected argument '--fov'"),
        (&["latency", "--source", "a", "--mirror"], "unexpected argument '--mirror'"),
        (&["testcard", "--mirror"], "unexpected argument '--mirror'"),
        (&["run", "--keep", "2G"], "--record <FILE|->"),
        (&["run", "--flush-every", "5s"], "--record <FILE|->"),
        (&["run", "--rotate-size", "2G"], "--record <FILE|->"),
        (&["run", "--rotate-every", "1h"], "--record <FILE|->"),
        (&["run", "--source", "a", "--record", "-", "--resume"], "--record - is none; give --record FILE"),
        (&["run", "--serve", "0.0.0.0:1"], "give --token-file FILE with it"),
        (&["run", "--serve", "0"], "expected a port from 1 on, such as 8080"),
        (&["run", "--serve", "::1:8080"], "expected a port from 1 on, such as 8080"),
        (&["run", "--serve", "localhost:8080"], "an address in numbers with one, such as 0.0.0.0:8080 or [::1]:8080"),
    ];
    for (arguments, expected) in cases {
        let message = failure(folder.path(), arguments, 2);
        assert!(message.contains(expected) && !message.contains("sec/ret"), "{message}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "record-when = 'face'\nfaces = 1\nsource = 'b'\n").unwrap();
    let arguments = ["run", "--settings", "a.toml", "--source", PORTRAIT, "--screen", "none"];
    for (wanted, expected) in [
        ("info,inof", "[WARN ] RUST_LOG: \"inof\" is passed over; expected off, error, "),
        ("info", "[INFO ] settings that concern nothing in this run: record-when\n"),
        ("info", "[INFO ] settings that the command line overrides: source\n"),
    ] {
        let output = command(folder.path(), &arguments).env("RUST_LOG", wanted).output().unwrap();
        assert!(output.status.success() && text(&output.stderr).contains(expected), "{output:?}");
    }
    let password = |arguments: &[&str]| {
        let all = [&["run", "--settings", "none", "--source", PORTRAIT, "--screen", "none"], arguments].concat();
        let output = command(folder.path(), &all).env("WINGMARK_MQTT_PASSWORD", "hush").output().unwrap();
        assert!(output.status.success() && !text(&output.stderr).contains("hush"), "{output:?}");
        text(&output.stderr).contains("the password is sent to nobody")
    };
    assert!(password(&["--publish", "mqtt://127.0.0.1:9"]));
    assert!(!password(&["--publish", "mqtt://127.0.0.1:9", "--publish", "mqtt://me@127.0.0.1:9/desk"]));
    assert!(!password(&[]));
    let rate = |place: &str| {
        let publish = ["run", "--source", PORTRAIT, "--screen", "none", "--publish-rate", "2", "--publish", place];
        let output = wingmark(folder.path(), &publish);
        assert!(output.status.success(), "{output:?}");
        text(&output.stderr).contains("--publish-rate holds for nobody: no URL of --publish names a broker")
    };
    assert!(rate("udp://127.0.0.1:9") && !rate("mqtt://127.0.0.1:9"));
    let of_files = |records: &[&str], options: &[&str]| {
        let all = [&["run", "--source", PORTRAIT, "--screen", "none"], records, options].concat();
        let output = wingmark(folder.path(), &all);
        assert!(output.status.success(), "{output:?}");
        text(&output.stderr).lines().find(|line| line.contains("of use to files alone")).map(str::to_owned)
    };
    let options = ["--record-when", "face", "--record-fields", "pose", "--record-every", "2", "--keep", "10M"];
    let said = of_files(&["--record", "-"], &options).unwrap();
    assert!(said.contains("of use to files alone: --keep, --record-every, --record-when, --record-fields;"), "{said}");
    assert_eq!(of_files(&["--record", "-"], &[]), None);
    assert_eq!(of_files(&["--record", "-", "--record", "a.csv"], &options), None);
    let of_screens = |options: &[&str]| {
        let output = wingmark(folder.path(), &[&["run", "--source", PORTRAIT], options].concat());
        assert!(output.status.success(), "{output:?}");
        text(&output.stderr).lines().find(|line| line.contains("of use to a screen alone")).map(str::to_owned)
    };
    let said = of_screens(&["--screen", "none", "--rotate", "90", "--mirror"]).unwrap();
    assert!(said.ends_with("of use to a screen alone: --rotate, --mirror; nothing is shown"), "{said}");
    assert_eq!(of_screens(&["--screen", "none"]), None);
    assert_eq!(of_screens(&["--screen", "png:shown", "--mirror"]), None);
    // Pose is told of models alone that know what heads look like.
    std::fs::create_dir(folder.path().join("headless")).unwrap();
    for file in ["card.toml", "model.onnx"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        std::fs::copy(shipped.join(file), folder.path().join("headless").join(file)).unwrap();
    }
    for (model, is_said) in [("./headless", true), ("nano", false)] {
        let arguments = ["run", "--source", PORTRAIT, "--screen", "none", "--fov", "50", "--model", model];
        let output = wingmark(folder.path(), &arguments);
        let said = text(&output.stderr).contains("--fov; model ./headless has no head.csv");
        assert!(output.status.success() && said == is_said, "{output:?}");
    }
    let arguments = ["publish", "--forget", "mqtt://127.0.0.1:9"];
    let output = command(folder.path(), &arguments).env("WINGMARK_MQTT_PASSWORD", "hush").output().unwrap();
    let expected = "the password is sent to nobody: no URL of --forget names a user without one";
    assert!(text(&output.stderr).contains(expected), "{output:?}");
    // The variable's password is as a file's.
    let arguments = ["run", "--source", PORTRAIT, "--screen", "none", "--publish", "mqtt://me@127.0.0.1:9"];
    let output = command(folder.path(), &arguments).env("WINGMARK_MQTT_PASSWORD", "\nhush").output().unwrap();
    let expected = "WINGMARK_MQTT_PASSWORD: the first line is empty; expected a password\n";
    assert!(output.status.code() == Some(1) && text(&output.stderr).ends_with(expected), "{output:?}");
    let output = command(folder.path(), &arguments).env("WINGMARK_MQTT_PASSWORD", "x".repeat(65_536)).output().unwrap();
    let expected = "WINGMARK_MQTT_PASSWORD: the password has 65536 bytes; expected at most 65535\n";
    assert!(output.status.code() == Some(1) && text(&output.stderr).ends_with(expected), "{output:?}");
    // What the settings file hides, another program does not.
    std::fs::write(folder.path().join("b.toml"), "source = 'gst:rtspsrc user-pw=hush ! fdsink'\n").unwrap();
    let output = command(folder.path(), &["run", "--settings", "b.toml"]).env("PATH", "").output().unwrap();
    let said = text(&output.stderr);
    assert!(
        said.contains("gst-launch-1.0 has the pipeline's password on its command line, which is seen by "),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_password_on_the_command_line_is_told_what_hides_it() {
    let folder = tempfile::tempdir().unwrap();
    let broker = ["--publish", "mqtt://me:hush@127.0.0.1:9", "--source", "nowhere"];
    for (options, expected) in [
        (&broker[..], "; --publish-password-file or the settings file hides it"),
        (&["--source", "http://me:hush@127.0.0.1:9/"], "; the settings file hides it"),
    ] {
        let output = wingmark(folder.path(), &[&["run"], options].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(&format!("(ps){expected}\n")), "{said}");
    }
    // A line that is refused is told why, and nothing else.
    let said = failure(folder.path(), &["run", "--publish", "mqtt://127.0.0.1:x"], 2);
    assert!(said.contains("'mqtt://127.0.0.1:x'") && said.contains("a port is a number of 1 to 65535"), "{said}");
    assert!(!said.contains("password on the command line"), "{said}");
}

#[test]
fn a_secret_that_every_user_can_read_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    std::fs::write(folder.path().join("password"), "hush\n").unwrap();
    // Folders for what is temporary may be closed themselves.
    let is_reached = folder.path().ancestors().all(|f| f.metadata().unwrap().permissions().mode() & 0o1 != 0);
    let settings = "publish = \"mqtt://me:hush@127.0.0.1:9/desk\"\npublish-password-file = \"password\"\n";
    std::fs::write(folder.path().join("settings.toml"), settings).unwrap();
    for (rights, expected) in [(0o644, usize::from(is_reached)), (0o640, 0)] {
        mode("password", rights);
        mode("settings.toml", rights);
        let words = ["run", "--settings", "settings.toml", "--source", "clip", "--screen", "none", "--frames", "1"];
        let output = wingmark(folder.path(), &words);
        let said = text(&output.stderr);
        for name in ["password", "settings.toml"] {
            assert_eq!(said.matches(&format!("{name} holds a secret")).count(), expected, "{rights:o}: {said}");
        }
        assert!(output.status.success() && !said.contains("hush"), "{said}");
    }
    // Without a secret there is nothing to close; /dev/null is everybody's.
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    for name in ["empty", "/dev/null"] {
        let words = "run --source clip --screen none --publish mqtt://me@127.0.0.1:9 --publish-password-file";
        let words: Vec<&str> = words.split(' ').chain([name]).collect();
        let output = wingmark(folder.path(), &words);
        let said = text(&output.stderr);
        let expected = format!("[ERROR] {name}: the first line is empty; expected a password\n");
        assert_eq!((output.status.code(), said), (Some(1), expected));
    }
}

#[test]
fn the_version_names_commit_features_and_models() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(folder.path(), &["--version"]);
    assert!(output.status.success());
    let shown = text(&output.stdout);
    assert!(shown.starts_with(concat!("wingmark ", env!("CARGO_PKG_VERSION"), "\ncommit: ")), "{shown}");
    assert_eq!(shown.contains(", float"), cfg!(feature = "float"), "{shown}");
    for shipped in wingmark::face::zoo::SHIPPED {
        let card = shipped.card().unwrap();
        assert!(shown.contains(&format!("{} ({}, {:.8})", card.name, card.date, card.sha256)), "{shown}");
    }
    assert_eq!(text(&wingmark(folder.path(), &["-V"]).stdout), concat!("wingmark ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn models_that_are_damaged_or_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/small");
    let card = std::fs::read_to_string(shipped.join("card.toml")).unwrap();
    let model = std::fs::read(shipped.join("model.onnx")).unwrap();
    let error = |name: &str, card: &str, model: &[u8]| {
        let model_folder = folder.path().join(name);
        std::fs::create_dir(&model_folder).unwrap();
        std::fs::write(model_folder.join("card.toml"), card).unwrap();
        std::fs::write(model_folder.join("model.onnx"), model).unwrap();
        failure(folder.path(), &["run", "--source", PORTRAIT, "--model", name], 1)
    };
    assert!(error("short", &card, &model[..model.len() / 2]).contains("the file is cut short or another model's"));
    let other_shape = card.replacen("stride = 4", "stride = 2", 1);
    assert!(error("shape", &other_shape, &model).contains("its card says 68 maps of 64x64"));
    let other_heat = card.replacen("zero_point = ", "zero_point = 1", 1);
    assert!(error("heat", &other_heat, &model).contains("heat is scale"));
    let other_work = card.replacen("gmac = 0", "gmac = 1", 1);
    assert!(error("work", &other_work, &model).contains("gmac is 1"));
    assert!(error("key", &format!("wrong = 1\n{card}"), &model).contains("unknown field `wrong`"));
    let detector = concat!(env!("CARGO_MANIFEST_DIR"), "/models/faces");
    assert!(failure(folder.path(), &["run", "--source", "clip", "--model", detector], 1).contains("finds faces"));
    let message = failure(folder.path(), &["run", "--source", "clip", "--model", "./nowhere"], 1);
    assert!(message.contains("cannot read ./nowhere/card.toml") && message.contains("expected a folder"), "{message}");
}

#[test]
fn a_model_that_lacks_a_part_says_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("mine");
    std::fs::create_dir(&model).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
    for file in ["card.toml", "model.onnx", "shape.csv", "head.csv"] {
        std::fs::copy(shipped.join(file), model.join(file)).unwrap();
    }
    let arguments = ["run", "--screen", "none", "--source", PORTRAIT, "--model", "mine"];
    let output = wingmark(folder.path(), &arguments);
    assert!(output.status.success() && text(&output.stderr).contains("model mine has no presence.csv"), "{output:?}");
    std::os::unix::fs::symlink("gone.csv", model.join("presence.csv")).unwrap();
    let message = failure(folder.path(), &arguments, 1);
    assert!(message.contains("cannot read mine/presence.csv"), "{message}");
}

#[test]
fn names_of_files_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsString::from_vec(b"a\xff.jpg".into());
    std::fs::copy(PORTRAIT, folder.path().join(&name)).unwrap();
    let arguments = ["run", "--screen", "none", "--model", "nano", "--record", "seen.csv", "--source"];
    let output = command(folder.path(), &arguments).arg(&name).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(std::fs::read_to_string(folder.path().join("seen.csv")).unwrap().contains(",a\\xff.jpg,"));
}

/// Makes `data`: the portrait with what `run` finds in it, moved by `shift` pixels to the right,
/// and a row for a picture that does not exist.
fn annotated_portrait(folder: &Path, shift: f32) {
    let data = folder.join("data");
    std::fs::create_dir_all(data.join("images")).unwrap();
    std::fs::copy(PORTRAIT, data.join("images/a.jpg")).unwrap();
    let points: Vec<f32> = {
        let output = wingmark(folder, &["run", "--screen", "none", "--source", PORTRAIT, "--record", "seen.csv"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let table = std::fs::read_to_string(folder.join("seen.csv")).unwrap();
        table.lines().nth(1).unwrap().split(',').skip(X_0).take(2 * 68).map(|field| field.parse().unwrap()).collect()
    };
    let header: String = (0..68).map(|i| format!(",x{i},y{i}")).collect();
    let row: String = (0..68).map(|i| format!(",{},{}", points[i] + shift, points[68 + i])).collect();
    std::fs::write(data.join("points.csv"), format!("file,split{header}\na.jpg,mine{row}\ngone.jpg,mine{row}\n"))
        .unwrap();
}

fn figures_of_mine(folder: &Path) -> serde_json::Value {
    let figures: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("figures.json")).unwrap()).unwrap();
    figures["mine"].clone()
}

#[test]
fn eval_measures_its_own_predictions_as_perfect() {
    let folder = tempfile::tempdir().unwrap();
    annotated_portrait(folder.path(), 0.0);
    let message = failure(
        folder.path(),
        &["eval", "--data", "data", "--split", "mine", "--json", "figures.json", "--predictions", "found.csv"],
        1,
    );
    assert!(message.contains("cannot read data/images/gone.jpg"), "{message}");
    let mine = figures_of_mine(folder.path());
    assert_eq!((&mine["faces"], &mine["unreadable"]), (&1.into(), &1.into()), "{mine}");
    // The crop is upright here and turned with the face there, so the points differ a little.
    assert!(mine["nme_percent"].as_f64().unwrap() < 2.0, "{mine}");
    assert_eq!(mine["box"], "true points");
    let found = std::fs::read_to_string(folder.path().join("found.csv")).unwrap();
    let widths: Vec<usize> = found.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(widths, [1 + 6 * 68 + 1; 2], "{found}");
}

#[test]
fn a_face_is_found_where_it_is_and_not_beside_it() {
    // The face is some 80 pixels wide: by 25 pixels, boxes still overlap by half, by 60 hardly.
    for (shift, missed) in [(25.0, 0), (60.0, 1)] {
        let folder = tempfile::tempdir().unwrap();
        annotated_portrait(folder.path(), shift);
        failure(folder.path(), &["eval", "--data", "data", "--detect", "--json", "figures.json"], 1);
        let mine = figures_of_mine(folder.path());
        assert_eq!(mine["missed"], missed, "{shift}: {mine}");
        assert_eq!(mine["nme_percent"].is_null(), missed == 1, "{shift}: {mine}");
    }
}

#[test]
fn faces_of_a_picture_are_known_together_and_a_split_does_not_hide_another() {
    let folder = tempfile::tempdir().unwrap();
    annotated_portrait(folder.path(), 0.0);
    let table = folder.path().join("data/points.csv");
    let rows = std::fs::read_to_string(&table).unwrap();
    let [header, row, _] = rows.lines().collect::<Vec<_>>()[..] else { panic!("{rows}") };
    // A face that is not there, in the same picture; and the first face again, in another split.
    let elsewhere: Vec<String> =
        row.split(',').map(|field| field.parse::<f32>().map_or(field.into(), |v| (v / 4.0).to_string())).collect();
    let again = row.replace(",mine,", ",other,");
    std::fs::write(&table, format!("{header}\n{row}\n{}\n{again}\n", elsewhere.join(","))).unwrap();
    let output = wingmark(folder.path(), &["eval", "--data", "data", "--model", "faces", "--json", "figures.json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let figures: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("figures.json")).unwrap()).unwrap();
    let data = &figures["data"];
    assert_eq!(
        (&data["pictures"], &data["all"]["faces"], &data["all"]["found"]),
        (&2.into(), &3.into(), &2.into()),
        "{data}"
    );
}

#[test]
fn eval_refuses_options_that_would_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    annotated_portrait(folder.path(), 0.0);
    let boxes = folder.path().join("boxes");
    std::fs::create_dir_all(boxes.join("images")).unwrap();
    std::fs::copy(PORTRAIT, boxes.join("images/a.jpg")).unwrap();
    std::fs::write(boxes.join("boxes.csv"), "file,x0,y0,x1,y1\na.jpg,180,95,266,186\n").unwrap();
    for (options, expected) in [
        (&["boxes", "--upright"][..], "--upright is for landmarks; boxes is evaluated with the detector alone"),
        (&["boxes", "--detect"], "--detect is for landmarks"),
        (&["boxes", "--fov", "20"], "--fov is for landmarks"),
        (&["boxes", "--split", "mine"], "--split needs a column \"split\""),
        (&["boxes", "--degrade", "blur:1"], "--degrade needs landmarks"),
        (&["boxes", "--model", "nano"], "pictures without faces; boxes has none"),
        (&["data", "--model", "faces", "--upright"], "--upright is for landmarks; data is evaluated"),
        (&["data", "--fov", "20"], "--fov is for head pose; data has no column \"yaw\""),
        // What cannot be written is known before a data set is gone through.
        (&["data", "--json", "nowhere/a.json"], "cannot write nowhere/a.json: No such file"),
        (&["nowhere"], "cannot read nowhere: No such file"),
    ] {
        let arguments: Vec<&str> = ["eval", "--data"].into_iter().chain(options.iter().copied()).collect();
        let message = failure(folder.path(), &arguments, 1);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    failure(folder.path(), &["eval", "--data", "data", "--detect", "--upright"], 2);
}

#[test]
fn results_are_never_written_over_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    annotated_portrait(folder.path(), 0.0);
    let write = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
    ["s.toml", "b.toml", "token", "net.onnx", "a.y4m"].into_iter().for_each(write);
    std::fs::create_dir(folder.path().join("model")).unwrap();
    ["model/model.onnx", "model/card.toml", "model/shape.csv"].into_iter().for_each(write);
    std::os::unix::fs::symlink("data/points.csv", folder.path().join("link.csv")).unwrap();
    for line in [
        "eval --data data --json data/points.csv",
        "eval --data data --json data",
        "eval --data data --predictions link.csv",
        "eval --data data --json data/images/a.jpg",
        "eval --data data --model model --json model/shape.csv",
        "bench --source a.y4m --json a.y4m",
        "bench --board b.toml --json ./b.toml",
        "bench --against net.onnx --json net.onnx",
        "bench --model model --json model/model.onnx",
        "latency --source - --board b.toml --json b.toml",
        "run --settings s.toml --json-summary s.toml",
        "run --settings none --board b.toml --json-summary b.toml",
        "run --settings none --model model --json-summary model/card.toml",
        "run --settings none --serve 8080 --token-file token --json-summary token",
        "run --settings none --publish mqtt://h --publish-password-file token --json-summary token",
        "run --settings none --source data/images --json-summary data/images/a.jpg",
    ] {
        let message = failure(folder.path(), &line.split(' ').collect::<Vec<_>>(), 2);
        assert!(message.contains("give each a file of its own"), "{line}: {message}");
    }
    // Standard output has the tables.
    for line in ["eval --data data --json -", "bench --json -", "compare a.json --html -", "bench --source -"] {
        failure(folder.path(), &line.split(' ').collect::<Vec<_>>(), 2);
    }
    assert!(!folder.path().join("-").exists());
    // Results of an earlier time are written anew.
    let line = "eval --data data --model nano --json data/figures.json";
    for _ in 0..2 {
        let output = wingmark(folder.path(), &line.split(' ').collect::<Vec<_>>());
        // One of its pictures is not there.
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(folder.path().join("data/figures.json").exists());
    }
}

#[test]
fn frames_of_files_are_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.y4m"), "").unwrap();
    for source in ["a.y4m", ".", "clip"] {
        let message = failure(folder.path(), &["run", "--settings", "none", "--live", "--source", source], 2);
        assert!(message.contains("--live is for video from standard input or a pipe"), "{message}");
    }
}

#[test]
fn a_board_is_taken_by_name_or_file_and_its_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = failure(folder.path(), &["run", "--board", "mine.toml"], 1);
    assert!(said.contains("cannot read mine.toml"), "{said}");
    let profile = include_str!("../boards/generic-aarch64.toml");
    std::fs::write(folder.path().join("mine.toml"), profile.replace("threads = 1", "threads = 0")).unwrap();
    let said = failure(folder.path(), &["run", "--board", "mine.toml"], 1);
    assert!(said.contains("mine.toml, line 3, threads is 0; expected 1 to 256"), "{said}");
    let args = ["run", "--source", PORTRAIT, "--screen", "none", "--board", "pi-4"];
    let output = wingmark(folder.path(), &args);
    assert!(text(&output.stdout).starts_with("1 frame, a face in each"), "{}", text(&output.stderr));
}

#[test]
fn the_doctors_exit_code_says_whether_something_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let output = wingmark(folder.path(), &["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let blocks = report["findings"].as_array().unwrap().iter().any(|finding| finding["blocks"] == true);
    assert_eq!(output.status.code(), Some(i32::from(blocks)), "{report}");
    assert!(report["models"].as_array().unwrap().iter().all(|model| model["fault"].is_null()), "{report}");
    let table = text(&wingmark(folder.path(), &["doctor", "--board", "pi-zero-2w"]).stdout);
    assert!(table.starts_with("board     Raspberry Pi Zero 2 W (pi-zero-2w)"), "{table}");
    assert_eq!(table.contains("In the way:"), blocks, "{table}");
}

#[test]
fn the_doctor_checks_one_model_whole_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let small = concat!(env!("CARGO_MANIFEST_DIR"), "/models/small");
    let output = wingmark(folder.path(), &["doctor", "--model", small]);
    let table = text(&output.stdout);
    assert!(output.status.success() && table.starts_with(&format!("{small} is sound\ncard    small of ")), "{table}");
    assert!(table.contains("golden  0 of 69632 values of heat are a step off; landmarks within 0."), "{table}");
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/card.toml"), "name = 1").unwrap();
    let output = wingmark(folder.path(), &["doctor", "--model", "mine", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!((&report["model"], &report["sound"]), (&"mine".into(), &serde_json::Value::Null));
    assert!(report["fault"].as_str().unwrap().starts_with("cannot read mine/model.onnx: "), "{report}");
    failure(folder.path(), &["doctor", "--model", "mine", "--for", "service"], 2);
}

#[test]
fn a_process_that_is_none_is_not_told_to_reload() {
    let folder = tempfile::tempdir().unwrap();
    // More than Linux has.
    let message = failure(folder.path(), &["reload", "--pid", "2147483647"], 1);
    assert!(message.contains("cannot signal process 2147483647: No such process"), "{message}");
    failure(folder.path(), &["reload", "--pid", "0"], 2);
}
