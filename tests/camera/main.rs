//! Runs of the program on cameras that are not there (README.md).

mod doctor;
mod fake;
mod programs;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fake::{Fake, Outcome};

/// A camera in a socket that gives these frames.
fn usb(frames: &str) -> String {
    format!("card Webcam\nbus usb-2\nformat YUYV\nsize 320x240\ninterval 1/30\nframes {frames}\n")
}

const UNICAM: &str =
    "card unicam\ncapabilities 25200001\nformat YUYV\nsizes 16 16376 16 16376 1 1\nstreamon-error 22\n";

#[test]
fn the_first_camera_that_gives_frames_is_taken() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    for (name, first) in [
        ("media controller", UNICAM.to_owned()),
        ("raw Bayer", "card vi-output\nformat RG10\nsize 3264x2464\n".into()),
        ("H.264", "format H264\nsize 1920x1080\n".into()),
        ("busy", format!("busy\n{}", usb(&frames))),
        ("metadata", "capabilities 04800000\n".into()),
        ("silent", "format YUYV\nsize 320x240\n".into()),
        ("hangs", format!("hangs\n{}", usb(&frames))),
        ("hangs at once", format!("hangs opened\n{}", usb(&frames))),
        ("processor", format!("card bcm2835-isp\nformat YUYV\nsize 320x240\nframes {frames}\n")),
    ] {
        fake.plug(0, &first);
        fake.plug(2, &usb(&frames));
        let Outcome { code, rows, said } = fake.run("--frames 3");
        assert_eq!((code, rows.len()), (0, 3), "{name}: {said}");
        let is_expected = ["media controller", "metadata", "processor"].contains(&name);
        assert!(is_expected || said.contains("passed over"), "{name}: {said}");
    }
}

#[test]
fn cameras_that_give_nothing_say_what_to_do() {
    let Some(fake) = Fake::new() else { return };
    for (camera, expected) in [
        (UNICAM, "give --source rpicam, which has rpicam-vid read"),
        ("card vi-output\nformat RG10\nsize 3264x2464\n", "nvarguscamerasrc"),
        ("format H264\nsize 1920x1080\n", "let ffmpeg decode it"),
        ("card rkisp\nformat YUYV\nsize 320x240\n", "no camera was found: /dev/video0 (rkisp) looks like one"),
        ("card rkisp\nformat YUYV\nsize 320x240\n", "it is named: --source /dev/video0"),
        ("format Y10 \nsize 320x240\nformat Z16 \nsize 320x240\n", "grey of more than 8 bits, or packed, is not read"),
        ("card bcm2835-isp\nformat YUYV\nsize 320x240\n", "no camera was found"),
    ] {
        fake.plug(0, camera);
        let Outcome { code, said, .. } = fake.run("--frames 3");
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(expected), "{said} lacks {expected}");
    }
}

#[test]
fn every_format_gives_the_same_points() {
    let Some(fake) = Fake::new() else { return };
    let mut points: Vec<Vec<f64>> = Vec::new();
    for (format, planes) in
        [("YUYV", 0), ("UYVY", 0), ("NV12", 0), ("YU12", 0), ("YUYV", 1), ("NV12", 1), ("NM12", 2), ("YM12", 3)]
    {
        let frames = fake.face(format, 320, 240);
        fake.plug(0, &format!("planes {planes}\nformat {format}\nsize 320x240\ninterval 1/30\nframes {frames}\n"));
        let Outcome { code, rows, said } = fake.run("--frames 1");
        assert_eq!((code, rows.len()), (0, 1), "{format} in {planes} planes: {said}");
        points.push(rows[0].points());
    }
    for other in &points[1..] {
        let off = points[0].iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 0.5, "points differ by {off} px");
    }
}

#[test]
fn a_camera_whose_frames_cannot_be_used_says_so() {
    let Some(fake) = Fake::new() else { return };
    let (frames, short) = (fake.face("YUYV", 320, 240), fake.file("short", &[16; 1000]));
    let cut = fake.file("cut.jpg", &fake::jpeg()[..3000]);
    let mjpeg = |frames: &str| format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {frames}\n");
    for (camera, expected) in [
        (format!("flags 40\n{}", usb(&frames)), "its driver flags them as broken"),
        (usb(&short), "1000 bytes are too few"),
        (format!("pitch 9000\n{}", usb(&frames)), "with a stride of 9000"),
        (mjpeg(&cut), "it is cut short"),
        (format!("empty-every 1\n{}", mjpeg(&cut)), "they have no bytes"),
    ] {
        fake.plug(0, &camera);
        let metrics = fake.path("metrics.prom");
        let Outcome { code, rows, said } = fake.run_for(8, &format!("--metrics {metrics}"));
        assert_eq!((code, rows.len()), (1, 0), "{said}");
        let notice = "camera /dev/video0 gives only damaged frames: ";
        assert!(said.contains(notice) && said.contains(expected), "{said} lacks {expected}");
        let summary = said.lines().find(|line| line.starts_with("0 frames")).expect("a summary").to_owned();
        assert!(summary.ends_with(" damaged"), "{summary}");
        let metrics = std::fs::read_to_string(metrics).unwrap();
        for line in ["wingmark_camera_up 0", "wingmark_camera_state{state=\"unusable\"} 1"] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
        }
    }
}

#[test]
fn a_rate_that_is_not_held_is_said_to_be_another() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    let camera = format!("format YUYV\nsize 320x240\nframes {frames}\n");
    for (driver, expected) in [
        ("interval 1/30\nmakes-interval 1/15\n", "/dev/video0 gives 15 fps where 30 was asked for"),
        ("makes-interval 1/15\n", "/dev/video0 gives 15 fps where 30 was asked for"),
        ("has-no-rate\n", "/dev/video0 has a rate that cannot be set, where 30 fps was asked for"),
        ("makes-interval 1001/30000\n", ""),
    ] {
        fake.plug(0, &format!("{camera}{driver}"));
        let Outcome { code, rows, said } = fake.run("--source /dev/video0 --camera-rate 30 --frames 2");
        assert_eq!((code, rows.len()), (0, 2), "{driver}: {said}");
        assert!(said.contains(expected) && said.contains("where 30") != expected.is_empty(), "{driver}: {said}");
    }
}

#[test]
fn fields_are_woven_by_the_driver_or_refused() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    // 4 is woven, 5 one below the other, 7 one after the other.
    for (fields, expected) in [("5 4", ""), ("5 5", "one below the other"), ("7 7", "one after the other")] {
        fake.plug(0, &format!("fields {fields}\n{}", usb(&frames)));
        let Outcome { code, rows, said } = fake.run("--source /dev/video0 --frames 2");
        let is_read = expected.is_empty();
        assert_eq!((code == 0, rows.len() == 2), (is_read, is_read), "{fields}: {said}");
        assert!(said.contains(expected), "{fields}: {said}");
    }
}

#[test]
fn a_jpeg_of_another_size_than_was_set_is_said_to_be_one() {
    let Some(fake) = Fake::new() else { return };
    let whole = fake.file("whole.jpg", &fake::jpeg());
    fake.plug(0, &format!("format MJPG\nsize 640x480\ninterval 1/30\nframes {whole}\n"));
    let Outcome { code, rows, said } = fake.run("--source /dev/video0 --camera-size 640x480 --frames 3");
    assert_eq!((code, rows.len()), (0, 3), "{said}");
    assert_eq!(said.matches("has 320x240 where 640x480 was set").count(), 1, "{said}");
}

#[test]
fn another_format_is_tried_where_frames_cannot_be_used() {
    let Some(fake) = Fake::new() else { return };
    let (short, whole) = (fake.file("short", &[16; 1000]), fake.file("whole.jpg", &fake::jpeg()));
    fake.plug(0, &format!("{}format MJPG\nsize 320x240\ninterval 1/30\nframes {whole}\n", usb(&short)));
    let Outcome { code, rows, said } = fake.run("--source /dev/video0 --frames 3");
    assert_eq!((code, rows.len()), (0, 3), "{said}");
    assert!(said.contains("trying another format than YUYV") && said.contains("frames come again"), "{said}");
}

#[test]
fn formats_that_are_tried_again_and_again_are_said_once() {
    let Some(fake) = Fake::new() else { return };
    let short = fake.file("short", &[16; 1000]);
    fake.plug(0, &format!("{}format MJPG\nsize 320x240\ninterval 1/30\nframes {short}\n", usb(&short)));
    // Each is tried twice in this time.
    let Outcome { code, said, .. } = fake.run_for(18, "--source /dev/video0");
    assert_eq!(code, 1, "{said}");
    assert_eq!(said.matches("trying another format than YUYV").count(), 1, "{said}");
    assert!(said.lines().count() <= 4, "{said}");
}

/// A format that the bus has no room for, or in which nothing comes, is no reason to do without the
/// camera.
#[test]
fn another_format_is_tried_where_the_first_does_not_start() {
    let Some(fake) = Fake::new() else { return };
    let (frames, whole) = (fake.face("YUYV", 320, 240), fake.file("whole.jpg", &fake::jpeg()));
    let mjpeg = format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {whole}\n");
    for (name, raw, expected) in [
        ("no room", format!("{}streamon-error 28\n", usb(&frames)), "has no room for its frames; MJPG is taken"),
        ("silent", "format YUYV\nsize 320x240\ninterval 1/30\n".into(), ""),
    ] {
        fake.plug(0, &format!("{raw}{mjpeg}"));
        let Outcome { code, rows, said } = fake.run("--frames 3");
        assert_eq!((code, rows.len()), (0, 3), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    fake.plug(0, &format!("{}streamon-error 28\n{mjpeg}", usb(&frames)));
    let Outcome { code, said, .. } = fake.run("--source /dev/video0 --camera-format YUYV --frames 3");
    assert!(code == 1 && said.contains("try --camera-format MJPG, a smaller --camera-size"), "{said}");
}

/// What is the same each time that a camera is opened anew is said the first time.
#[test]
fn a_format_that_is_refused_again_and_again_is_said_once() {
    let Some(fake) = Fake::new() else { return };
    let (frames, whole) = (fake.face("YUYV", 320, 240), fake::jpeg());
    let unended = fake.file("unended.jpg", &whole[..whole.len() - 2]);
    let mjpeg = format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {unended}\n");
    let camera = format!("{}streamon-error 28\n{mjpeg}", usb(&frames));
    fake.plug(0, &camera);
    let run = fake.start("--source /dev/video0");
    run.wait_for_rows(2);
    for times in 1..=3 {
        fake.unplug(0);
        std::thread::sleep(Duration::from_millis(500));
        fake.plug(0, &camera);
        run.wait_for_words("frames come again", times);
    }
    let Outcome { code, said, .. } = run.stop();
    assert_eq!(code, 0, "{said}");
    for once in ["has no room for its frames; MJPG is taken", "has no end marker"] {
        assert_eq!(said.matches(once).count(), 1, "{once}: {said}");
    }
    assert!(said.contains("; gone and back 3 times"), "{said}");
}

/// Nothing but what was set for the whole pipeline starts.
#[test]
fn a_pipeline_that_a_media_controller_has_set_up_is_taken_as_it_is() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("UYVY", 320, 240);
    let set_up = format!(
        "card rkisp1_mainpath\ncapabilities 24000001\nset-up 320x240 UYVY\n\
         format YUYV\nsizes 32 4416 16 3312 8 8\nformat UYVY\nsizes 32 4416 16 3312 8 8\nframes {frames}\n"
    );
    fake.plug(0, &set_up);
    for source in ["", "--source /dev/video0"] {
        let Outcome { code, rows, said } = fake.run(&format!("{source} --frames 3"));
        assert_eq!((code, rows.len()), (0, 3), "{said}");
        assert!(rows.iter().all(|row| row.has_face()), "{said}");
    }
    let Outcome { code, said, .. } = fake.run("--source /dev/video0 --camera-size 640x480");
    assert!(code == 1 && said.contains("part of a pipeline that a media controller sets up"), "{said}");
}

#[test]
fn a_camera_without_a_size_that_can_be_used_is_said_to() {
    let Some(fake) = Fake::new() else { return };
    for (camera, expected) in [
        ("format YUYV\nsize 65535x65535\n", "offers YUYV, but in no size of 1x1 to 4096x4096"),
        (
            "format YUYV\nsize 65535x65535\n",
            "v4l2src device=/dev/video0 ! decodebin ! videoscale ! video/x-raw,width=1280",
        ),
        // As of a driver that leaves its memory as it was.
        ("format \u{1}\u{2}A \nsize 640x480\n", "offers \\x01\\x02A"),
    ] {
        fake.plug(0, camera);
        let Outcome { code, said, .. } = fake.run("--source /dev/video0");
        assert!(code == 1 && said.contains(expected) && said.trim_end().lines().count() == 1, "{said:?}");
    }
}

#[test]
fn a_driver_that_sets_a_size_that_no_frame_has_is_refused() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.file("grey", &[16; 1000]);
    for made in ["5000x3000", "0x0"] {
        fake.plug(0, &format!("format GREY\nsize 640x480\nframes {frames}\nmakes-size {made}\n"));
        let Outcome { code, said, .. } = fake.run("--source /dev/video0");
        let expected = format!("gave GREY {made}, beyond 1x1 to 4096x4096, when GREY 640x480 was set");
        assert!(code == 1 && said.contains(&expected) && said.trim_end().lines().count() == 1, "{said:?}");
    }
}

#[test]
fn good_frames_among_bad_ones_are_used() {
    let Some(fake) = Fake::new() else { return };
    let (whole, cut) = (fake::jpeg(), &fake::jpeg()[..3000]);
    let turns: Vec<&[u8]> = (0..64).map(|i| if i % 8 == 7 { &whole[..] } else { cut }).collect();
    let frames = fake.folder("turns", &turns);
    fake.plug(0, &format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {frames}\n"));
    let Outcome { code, rows, said } = fake.run("--frames 3");
    assert_eq!((code, rows.len()), (0, 3), "{said}");
    assert!(rows.iter().all(|row| row.number() % 8 == rows[0].number() % 8), "{said}");
}

#[test]
fn time_rises_and_numbers_count_whatever_the_driver_says() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    for stamps in ["monotonic", "wall", "zero", "same", "back", "none"] {
        fake.plug(0, &format!("stamps {stamps}\nsame-number\n{}", usb(&frames)));
        let Outcome { code, rows, said } = fake.run("--frames 5");
        assert_eq!((code, rows.len()), (0, 5), "{stamps}: {said}");
        assert!(rows.is_sorted_by(|a, b| a.time() < b.time() && a.number() < b.number()), "{stamps}");
        assert!(rows[0].time() < 20.0 && rows[4].time() > rows[0].time(), "{stamps}: {}", rows[4].time());
    }
}

#[test]
fn lists_without_an_end_are_cut_off_and_nonsense_is_not_shown() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    fake.plug(0, &format!("endless\n{}", usb(&frames)));
    let Outcome { code, rows, said } = fake.run("--frames 3");
    assert_eq!((code, rows.len()), (0, 3), "{said}");
    fake.plug(0, &format!("{}interval 0/1\ninterval 1/0\n", usb(&frames)));
    let Outcome { code, said, .. } = fake.run("--source /dev/video0 --camera-rate 90 --frames 3");
    assert!(code == 1 && said.contains("it offers 30 fps"), "{said}");
}

#[test]
fn a_signal_is_heeded_while_a_camera_is_opened() {
    let Some(fake) = Fake::new() else { return };
    fake.plug(0, &format!("hangs\n{}", usb("/nowhere")));
    let start = Instant::now();
    let Outcome { code, said, .. } = fake.run_for(5, "--source /dev/video0");
    assert!(code == 1 && said.starts_with("0 frames"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn a_camera_whose_driver_hangs_holds_up_no_other() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    fake.plug(0, "card Other\nhangs opened\n");
    fake.plug(1, &usb(&frames));
    let start = Instant::now();
    let run = fake.start("--source /dev/video1");
    run.wait_for_rows(3);
    fake.unplug(1);
    run.wait_for_words("gone", 1);
    let before = run.rows();
    fake.plug(1, &usb(&frames));
    run.wait_for_rows(before + 3);
    let Outcome { code, said, .. } = run.stop();
    assert_eq!(code, 0, "{said}");
    // Its driver answers after a minute.
    assert!(start.elapsed() < Duration::from_secs(50), "{said}");
}

#[test]
fn the_other_camera_of_the_same_make_is_never_taken() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    let camera =
        |bus: &str| format!("card Webcam\nbus {bus}\nformat YUYV\nsize 320x240\ninterval 1/30\nframes {frames}\n");
    fake.plug(0, &camera("usb-1"));
    fake.plug(1, &camera("usb-2"));
    let link: PathBuf = fake.link("usb-Maker_Webcam_SN0001-video-index0", 0);
    let run = fake.start("--source /dev/video0");
    run.wait_for_rows(3);
    // Both have the same serial number, so that udev's link leads to the other one now.
    fake.unplug(0);
    std::fs::remove_file(&link).unwrap();
    fake.link("usb-Maker_Webcam_SN0001-video-index0", 1);
    std::thread::sleep(Duration::from_millis(500));
    let before = run.rows();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(run.rows(), before, "rows of another camera");
    // The same one comes back, at another node.
    fake.plug(7, &camera("usb-1"));
    run.wait_for_rows(before + 3);
    assert_eq!(run.stop().code, 0);
}

/// Who made each file of a JSONL record, and how many of its rows are of frames so wide.
fn files_by_width(fake: &Fake, width: u64) -> Vec<(serde_json::Value, usize, usize)> {
    let files = std::fs::read_dir(fake.path("log")).unwrap().map(|entry| entry.unwrap().path());
    // The file under way comes last.
    let files: BTreeSet<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    let file = |path: PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wide = rows.iter().filter(|row| row["width"] == width).count();
        (rows[0]["made_by"].clone(), wide, rows.len() - wide)
    };
    files.into_iter().map(file).collect()
}

#[test]
fn rows_say_which_camera_they_are_of_when_it_comes_back_otherwise_too() {
    let Some(fake) = Fake::new() else { return };
    let camera = |card: &str, width, height| {
        let frames = fake.face("YUYV", width, height);
        format!("card {card}\nbus usb-1\nformat YUYV\nsize {width}x{height}\ninterval 1/30\nframes {frames}\n")
    };
    fake.plug(0, &camera("Webcam", 320, 240));
    let (log, metrics) = (fake.path("log/faces.jsonl"), fake.path("metrics.prom"));
    let run = fake.start(&format!("--source /dev/video0 --record {log} --metrics {metrics} --metrics-every 100ms"));
    run.wait_for_rows(3);
    for (camera, times) in [(camera("Webcam", 320, 240), 1), (camera("Webcam", 640, 480), 2)] {
        fake.unplug(0);
        std::thread::sleep(Duration::from_secs(1));
        fake.plug(0, &camera);
        run.wait_for_words("frames come again", times);
    }
    // Said before the first of them is observed.
    run.wait_for_words("frames come from Webcam", 1);
    let Outcome { code, said, .. } = run.stop();
    assert_eq!(code, 0, "{said}");
    // The first time it was the same camera.
    let files = files_by_width(&fake, 640);
    let [(small, 0, 3..), (large, 1.., 0)] = &files[..] else { panic!("{files:?}\n{said}") };
    assert_eq!((&small["camera_size"], &large["camera_size"]), (&"320x240".into(), &"640x480".into()));
    let info = std::fs::read_to_string(&metrics).unwrap();
    assert!(info.contains("camera_size=\"640x480\"") && !info.contains("320x240"), "{info}");
}

#[test]
fn jpegs_are_shown_as_cameras_write_them() {
    let Some(fake) = Fake::new() else { return };
    let whole = fake::jpeg();
    let data = &whole[..whole.len() - 2];
    let twice = [&whole[..2], &whole].concat();
    let mut broken = whole.clone();
    broken[whole.len() * 9 / 10..][..2].copy_from_slice(b"\xff\x3f");
    // By Exif: a quarter turn.
    let turned = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let turned = [&whole[..2], turned, &whole[2..]].concat();
    for (name, frame, warning) in [
        ("whole", whole.clone(), ""),
        ("no end", data.to_vec(), "has no end marker"),
        ("zeros", [data, b"\0\0"].concat(), "has no end marker"),
        ("started twice", twice, ""),
        ("turned", turned, "says that it is turned (Exif), which is not heeded"),
        ("broken scan", broken, "is damaged within its data"),
    ] {
        let frames = fake.file("frame.jpg", &frame);
        fake.plug(0, &format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {frames}\n"));
        let Outcome { code, rows, said } = fake.run("--frames 3");
        assert_eq!((code, rows.len()), (0, 3), "{name}: {said}");
        assert!(rows.iter().all(|row| row.has_face()), "{name}: {said}");
        assert_eq!(said.matches("said once").count(), usize::from(!warning.is_empty()), "{name}: {said}");
        assert!(said.contains(warning), "{name}: {said}");
    }
}
