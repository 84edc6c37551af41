//! What `wingmark doctor` says of cameras that are not there, each in another way.

use crate::fake::{Fake, jpeg};
use crate::{UNICAM, usb};

/// What stands below "In the way:".
fn in_the_way(said: &str) -> &str {
    let after = said.split("In the way:").nth(1).unwrap_or_default();
    after.split("Good to know:").next().unwrap_or_default()
}

#[test]
fn each_kind_of_camera_is_named_with_what_to_do() {
    let Some(fake) = Fake::new() else { return };
    let (frames, cut) = (fake.face("YUYV", 320, 240), fake.file("cut.jpg", &jpeg()[..3000]));
    let mjpeg = format!("format MJPG\nsize 320x240\ninterval 1/30\nframes {cut}\n");
    for (camera, expected) in [
        (UNICAM.to_owned(), "give --source rpicam, which has rpicam-vid read"),
        ("card vi-output\nformat RG10\nsize 3264x2464\n".into(), "nvarguscamerasrc"),
        ("format YVYU\nsize 640x480\n".into(), "v4l2src device=/dev/video0 ! videoconvert"),
        ("format H264\nsize 1920x1080\n".into(), "let ffmpeg decode it: ffmpeg -v error -f v4l2 -input_format h264"),
        (format!("busy\n{}", usb(&frames)), "/dev/video0 is busy: another program uses it"),
        (
            format!("flags 40\n{}", usb(&frames)),
            "gives frames of which none can be used: its driver flags them as broken",
        ),
        (mjpeg, "gives frames of which none can be used: of a JPEG, it is cut short"),
        (
            "card Dead\nformat YUYV\nsize 320x240\n".into(),
            "(Dead) looks like one, and gave no frame within 3 s; plug it in",
        ),
        (format!("{}streamon-error 28\n", usb(&frames)), "has no room for its frames; other cameras may take its bus"),
        ("card bcm2835-isp\nformat YUYV\nsize 320x240\n".into(), "no camera was found"),
        (format!("hangs\n{}", usb(&frames)), "the driver of /dev/video0 gives no answer within 15 s"),
    ] {
        fake.plug(0, &camera);
        let (code, said) = fake.doctor("");
        assert_eq!(code, 1, "{said}");
        assert!(in_the_way(&said).contains(expected), "{said} lacks {expected}");
    }
}

#[test]
fn a_camera_that_works_is_enough() {
    let Some(fake) = Fake::new() else { return };
    let frames = fake.face("YUYV", 320, 240);
    fake.plug(0, UNICAM);
    fake.plug(1, &usb(&frames));
    fake.plug(2, &usb(&frames).replace("usb-2", "usb-3"));
    let (_, said) = fake.doctor("");
    assert!(!in_the_way(&said).contains("camera"), "{said}");
    assert!(said.contains("/dev/video1 and /dev/video2 are both Webcam"), "{said}");
}
