//! Sources that other programs give: rpicam-vid, GStreamer, ffmpeg and a server, each played by a
//! stand-in.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::fake::{Fake, Outcome, jpeg};

/// A folder with a program of that name, a shell script, found before all others.
fn stand_in(fake: &Fake, name: &str, script: &str) {
    std::fs::create_dir_all(fake.path("bin")).unwrap();
    let program = fake.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n").as_bytes());
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    fake.environment.borrow_mut().push(("PATH", format!("{}:/usr/bin:/bin", fake.path("bin"))));
}

/// Gives so many frames, ten a second, and ends.
fn some_frames(fake: &Fake, frames: u32) -> String {
    let frame = fake.file("frame.jpg", &jpeg());
    let (called, folder) = (fake.path("called"), fake.path(""));
    format!(
        "echo \"$0 $@\" >> {called}; cd {folder}; i=0; while [ $i -lt {frames} ]; do cat {frame}; sleep 0.1; i=$((i+1)); done"
    )
}

#[test]
fn rpicam_is_started_and_started_again() {
    let fake = Fake::without_camera();
    let script = some_frames(&fake, 4);
    stand_in(&fake, "rpicam-vid", &script);
    let Outcome { code, rows, said } = fake.run("--source rpicam:1 --camera-size 320x240 --camera-rate 10 --frames 6");
    assert_eq!((code, rows.len()), (0, 6), "{said}");
    assert!(
        said.contains("camera rpicam:1 gone: ended (exit status: 0)") && said.contains("frames come again"),
        "{said}"
    );
    let called = std::fs::read_to_string(fake.path("called")).unwrap();
    assert!(called.lines().count() >= 2, "{called}");
    let asked =
        "rpicam-vid --camera 1 --timeout 0 --nopreview --codec mjpeg --width 320 --height 240 --framerate 10 --flush";
    assert!(called.contains(asked), "{called}");
}

#[test]
fn the_older_name_of_rpicam_is_known() {
    let fake = Fake::without_camera();
    let script = some_frames(&fake, 1000);
    stand_in(&fake, "libcamera-vid", &script);
    let Outcome { code, rows, said } = fake.run("--source rpicam --frames 2");
    assert_eq!((code, rows.len()), (0, 2), "{said}");
}

#[test]
fn a_program_that_gives_nothing_fails_the_run_with_what_it_said() {
    let fake = Fake::without_camera();
    stand_in(&fake, "rpicam-vid", "echo starting >&2; echo 'ERROR: no cameras available' >&2; exit 255");
    let Outcome { code, said, .. } = fake.run("--source rpicam");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("ended (exit status: 255): ERROR: no cameras available"), "{said}");
    // What follows an error is of no more use.
    let error = "ERROR: from element /GstPipeline:pipeline0: Cannot identify device";
    stand_in(&fake, "gst-launch-1.0", &format!("echo '{error}' >&2; echo 'Freeing pipeline ...' >&2; exit 1"));
    let Outcome { code, said, .. } = fake.run("--source gst:v4l2src!jpegenc!fdsink");
    assert!(code == 1 && said.contains(error), "{said}");
    // Its last words may be long, and coloured.
    stand_in(&fake, "rpicam-vid", "printf '\\033[31mERROR: bad\\033[0m %050000d\\n' 1 >&2; exit 3");
    let Outcome { code, said, .. } = fake.run("--source rpicam");
    assert!(code == 1 && said.contains("ERROR: bad") && !said.contains('\u{1b}') && said.len() < 600, "{said}");
    let bare = Fake::without_camera();
    bare.environment.borrow_mut().push(("PATH", bare.path("nothing")));
    let Outcome { code, said, .. } = bare.run("--source rpicam");
    assert!(code == 1 && said.contains("is not installed here; on Debian it is in the package rpicam-apps"), "{said}");
}

#[test]
fn a_program_that_writes_something_else_is_said_to() {
    let fake = Fake::without_camera();
    let coded = [&b"\0\0\0\x01\x27\x64\0\x28\xac\x2b"[..], &[0x55; 9000]].concat();
    let deep = "YUV4MPEG2 W64 H64 F30:1 C420p10\n";
    for (bytes, expected) in [
        (&coded[..], "is read by gst-launch-1.0, which writes H.264 or H.265; expected MJPEG or Y4M"),
        (&[&b"<html>"[..], &[b' '; 9000]].concat(), "which writes neither MJPEG nor Y4M: it is a page of HTML"),
        (deep.as_bytes(), "which writes Y4M with \"C420p10\" in its header; expected C420jpeg"),
        (&[0], "which writes neither MJPEG nor Y4M: no JPEG begins in its first 32 MiB"),
    ] {
        let file = fake.file("written", bytes);
        // That nobody reads it any more is no cause.
        let last_words = "echo 'ERROR: Broken pipe' >&2; exit 1";
        stand_in(&fake, "gst-launch-1.0", &format!("cat {file} /dev/zero; {last_words}"));
        let Outcome { code, said, .. } = fake.run("--source gst:videotestsrc!x264enc!fdsink");
        assert!(code == 1 && said.contains(expected), "{said} lacks {expected}");
    }
}

#[test]
fn a_program_ends_with_a_run_that_is_still_opened() {
    let fake = Fake::without_camera();
    let number = fake.path("number");
    // Neither frames, nor an end when it is asked to.
    stand_in(&fake, "rpicam-vid", &format!("trap '' TERM; echo $$ > {number}.new; mv {number}.new {number}; sleep 99"));
    let run = fake.start("--source rpicam");
    while !std::fs::exists(&number).unwrap() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let Outcome { code, said, .. } = run.stop();
    assert_eq!(code, 1, "{said}");
    assert!(ends(&number), "it goes on");
}

#[test]
fn a_program_ends_with_a_run_that_is_killed() {
    let fake = Fake::without_camera();
    let number = fake.path("number");
    let script =
        format!("trap '' TERM; echo $$ > {number}.new; mv {number}.new {number}; while :; do sleep 0.05; done");
    for (name, source) in [("rpicam-vid", "rpicam".to_owned()), ("ffmpeg", fake.file("a.mp4", b"\0\0\0\x20ftypisom"))] {
        let _ = std::fs::remove_file(&number);
        // What asks for ffmpeg's version is answered.
        stand_in(&fake, name, &format!("[ \"$1\" = -version ] && exit; {script}"));
        let run = fake.start(&format!("--source {source}"));
        while !std::fs::exists(&number).unwrap() {
            std::thread::sleep(Duration::from_millis(20));
        }
        run.kill();
        assert!(ends(&number), "{name} goes on");
    }
}

/// Whether the process whose number is in a file ends within some seconds; one that nobody has
/// waited for yet has ended.
fn ends(number: &str) -> bool {
    let about = format!("/proc/{}/stat", std::fs::read_to_string(number).unwrap().trim());
    (0..100).any(|_| {
        let text = std::fs::read_to_string(&about).unwrap_or_default();
        let has_ended = text.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']) || text.is_empty();
        if !has_ended {
            std::thread::sleep(Duration::from_millis(50));
        }
        has_ended
    })
}

#[test]
fn a_pipeline_of_gstreamer_gives_frames_and_is_ended() {
    let fake = Fake::without_camera();
    let (called, stopped) = (fake.path("called"), fake.path("stopped"));
    let frame =
        [&b"YUV4MPEG2 W64 H64 F30:1 C420jpeg\n"[..], &[&b"FRAME\n"[..], &[128; 64 * 96]].concat().repeat(3)].concat();
    let frames = fake.file("frames.y4m", &frame);
    let script = format!(
        "trap 'touch {stopped}; exit 0' TERM; for a in \"$@\"; do echo \"$a\"; done > {called}; cat {frames}; while :; do sleep 0.05; done"
    );
    stand_in(&fake, "gst-launch-1.0", &script);
    let source = "gst:videotestsrc!y4menc!fdsink";
    let run = fake.start(&format!("--source {source}"));
    run.wait_for_rows(1);
    let Outcome { code, said, .. } = run.stop();
    assert_eq!(code, 0, "{said}");
    assert_eq!(std::fs::read_to_string(called).unwrap(), "-q\nvideotestsrc!y4menc!fdsink\n");
    for _ in 0..100 {
        if std::fs::exists(&stopped).unwrap() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the pipeline goes on");
}

#[test]
fn a_film_is_decoded_by_ffmpeg_with_its_times() {
    let fake = Fake::without_camera();
    let y4m =
        [&b"YUV4MPEG2 W64 H64 F25:1 C420jpeg\n"[..], &[&b"FRAME\n"[..], &[128; 64 * 96]].concat().repeat(3)].concat();
    let frames = fake.file("frames.y4m", &y4m);
    // From a thousand seconds on, six digits of seconds tell no frames apart.
    let times = "for t in 0 33367 12345678901; do \
                 echo \"[Parsed_showinfo_1 @ 0x1] n: 0 pts: $t pts_time:12345.7 duration\" >&2; done";
    let script = format!("if [ \"$1\" = -version ]; then echo ffmpeg version 5.1.9; exit; fi; {times}; cat {frames}");
    stand_in(&fake, "ffmpeg", &script);
    let film = fake.file("film.mp4", b"\0\0\0\x20ftypisom and more");
    let Outcome { code, rows, said } = fake.run(&format!("--source {film}"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("film.mp4 is a film (MP4 or QuickTime); ffmpeg decodes it"), "{said}");
    assert_eq!(rows.iter().map(|row| row.time()).collect::<Vec<_>>(), [0.0, 0.033367, 12_345.678_901]);

    stand_in(&fake, "ffmpeg", "[ \"$1\" = -version ] && exit; echo \"film.mp4: Invalid data found\" >&2; exit 1");
    let Outcome { code, said, .. } = fake.run(&format!("--source {film}"));
    assert!(code == 1 && said.contains("failed (exit status: 1): film.mp4: Invalid data found"), "{said}");

    for (says, code, expected) in [
        ("[matroska,webm @ 0x1] [error] File ended prematurely", 1, "lost a part of it: File ended prematurely"),
        ("[h264 @ 0x1] [error] mmco: unref short failure", 0, "ffmpeg met errors in it: mmco: unref short failure"),
    ] {
        stand_in(
            &fake,
            "ffmpeg",
            &format!("[ \"$1\" = -version ] && exit; {times}; cat {frames}; echo \"{says}\" >&2"),
        );
        let found = fake.run(&format!("--source {film}"));
        assert_eq!((found.code, found.rows.len()), (code, 3), "{}", found.said);
        assert!(found.said.contains(expected), "{}", found.said);
    }

    // Frames that end early say less than who wrote them.
    for (bytes, ends, expected) in [
        (8000, "echo '[error] out of memory' >&2; exit 1", "which failed (exit status: 1): out of memory"),
        (8000, "kill -9 $$", "which failed (signal: 9 (SIGKILL)): it says no more"),
        (8000, "echo '[error] partial file' >&2", "which lost a part of it: partial file"),
        (8000, "true", "it ends in the middle of frame 1, after "),
        (33, "echo '[error] out of memory' >&2; exit 1", "which failed (exit status: 1): out of memory"),
    ] {
        let script = format!("[ \"$1\" = -version ] && exit; {times}; head -c {bytes} {frames}; {ends}");
        stand_in(&fake, "ffmpeg", &script);
        let Outcome { code, rows, said } = fake.run(&format!("--source {film}"));
        assert_eq!((code, rows.len()), (1, bytes / 6000), "{said}");
        assert!(said.contains(expected), "{said} lacks {expected}");
    }

    let no_picture = "[ \"$1\" = -version ] && exit; echo \"Stream map '0:v:0' matches no streams.\" >&2; exit 1";
    stand_in(&fake, "ffmpeg", no_picture);
    let Outcome { code, said, .. } = fake.run(&format!("--source {film}"));
    assert!(code == 1 && said.contains("finds no pictures in it, only sound"), "{said}");

    for (program, fault) in
        [("", "WINGMARK_FFMPEG names no program"), ("/nope", "/nope, which WINGMARK_FFMPEG names, was")]
    {
        fake.environment.borrow_mut().push(("WINGMARK_FFMPEG", program.into()));
        let Outcome { code, said, .. } = fake.run(&format!("--source {film}"));
        assert!(code == 1 && said.contains(&format!("film.mp4 is a film (MP4 or QuickTime), and {fault}")), "{said}");
        assert!(said.contains("; unset WINGMARK_FFMPEG, or name the path of an ffmpeg in it"), "{said}");
    }
}

/// Answers requests as the list says, one after the other, and gives the address.
fn server(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = socket.read(&mut request).unwrap();
            assert!(
                request[..read].starts_with(b"GET /stream HTTP/1.0\r\n"),
                "{}",
                String::from_utf8_lossy(&request[..read])
            );
            let _ = socket.write_all(&answer);
        }
    });
    format!("http://{address}/stream")
}

fn multipart(frames: usize) -> Vec<u8> {
    let picture = jpeg();
    let part = [&b"--x\r\nContent-Type: image/jpeg\r\n\r\n"[..], &picture, b"\r\n"].concat();
    [&b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n"[..], &part.repeat(frames)]
        .concat()
}

#[test]
fn mjpeg_is_read_over_http_and_connected_to_again() {
    let fake = Fake::without_camera();
    let chunked = {
        let body = &multipart(3)[70..];
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
        [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: /stream\r\n\r\n".to_vec();
    let url = server(vec![
        redirect,
        multipart(3),
        b"HTTP/1.0 503 Busy\r\n\r\n".to_vec(),
        chunked,
        multipart(3),
        multipart(9),
    ]);
    let run = fake.start(&format!("--source {url}"));
    run.wait_for_rows(3);
    let Outcome { code, rows, said } = run.stop();
    assert_eq!(code, 0, "{said}");
    assert!(rows.iter().all(|row| row.has_face()), "{said}");
    assert!(said.contains("gone: it ended") && said.contains("frames come again"), "{said}");
}

#[test]
fn a_server_that_gives_no_stream_is_said_to() {
    let fake = Fake::without_camera();
    let (picture, head) = (jpeg(), b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n");
    let (single, cut) = ([head, &picture[..]].concat(), [head, &picture[..3000]].concat());
    let one = multipart(1);
    let other = [&multipart(0)[..], &b"--x\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n".repeat(9)].concat();
    for (answer, expected) in [
        (&b"HTTP/1.0 404 Not Found\r\n\r\n"[..], "it answers 404 Not Found"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "it sends text/html; expected MJPEG"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n\0\0\0\x20ftypisom", "is a film (MP4 or QuickTime)"),
        (&single, "it sends one picture and no more; expected a stream"),
        (&one, "it sends one picture and no more; expected a stream"),
        (&other, "its parts are image/png; expected JPEG (image/jpeg)"),
        (&cut, "it ended after damaged frames: of a JPEG, it is cut short"),
        (b"", "it ends the connection without an answer"),
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", "it wants a user and a password: http://USER"),
        (b"HTTP/1.1 302 Found\r\nlocation: /stream\r\n\r\n", "it sends us elsewhere more than 4 times"),
    ] {
        let url = server(vec![answer.to_vec(); 5]);
        let Outcome { code, said, .. } = fake.run(&format!("--source {url}"));
        assert!(code == 1 && said.contains(expected), "{said} lacks {expected}");
    }
    let refused = server(vec![b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n".to_vec()]);
    let Outcome { code, said, .. } = fake.run(&format!("--source {}", refused.replace("//", "//me:secret@")));
    assert!(code == 1 && said.contains("it refuses this user and password") && !said.contains("secret"), "{said}");
    let Outcome { code, said, .. } = fake.run("--source http://127.0.0.1:1/stream");
    assert!(code == 1 && said.contains("cannot connect to 127.0.0.1:1"), "{said}");
}
