//! What the program adds to errors of the library: which of its options helps.

use std::error::Error;
use std::io;

use rustix::io::Errno;

use crate::board::BoardError;
use crate::capture::v4l2::CameraFormat;
use crate::capture::{CameraError, CaptureError, OtherWay};
use crate::face::zoo::LoadError;
use crate::publish::PublishError;
use crate::record::RecordError;
use crate::report::ReportError;
use crate::screen::ScreenError;

/// An error and its causes, the first line of each, and what to do. What the text already says is
/// not said again.
pub fn with_advice(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut advice = on(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        if !text.contains(first) {
            text = format!("{text}: {first}");
        }
        advice = advice.or_else(|| on(error));
        cause = error.source();
    }
    match advice {
        Some(advice) => format!("{text}; {advice}"),
        None => text,
    }
}

/// What helps against an error, if an option or a command does.
fn on(error: &(dyn Error + 'static)) -> Option<String> {
    None.or_else(|| error.downcast_ref().and_then(on_capture))
        .or_else(|| error.downcast_ref().and_then(on_camera))
        .or_else(|| error.downcast_ref().and_then(on_board))
        .or_else(|| error.downcast_ref().and_then(on_screen))
        .or_else(|| error.downcast_ref().and_then(on_record))
        .or_else(|| error.downcast_ref().and_then(on_report))
        .or_else(|| error.downcast_ref().and_then(on_model))
        .or_else(|| error.downcast_ref().and_then(on_publish))
}

fn on_publish(error: &PublishError) -> Option<String> {
    match error {
        #[cfg(feature = "page")]
        PublishError::NoToken(_) => Some("give --token-file with it".into()),
        _ => None,
    }
}

fn on_model(error: &LoadError) -> Option<String> {
    matches!(error, LoadError::Read { .. }).then(|| "expected a folder with model.onnx and card.toml".into())
}

fn on_capture(error: &CaptureError) -> Option<String> {
    match error {
        CaptureError::Camera(error) => on_camera(error),
        CaptureError::NotResumable(_) => Some("leave --resume out".into()),
        _ => None,
    }
}

fn on_camera(error: &CameraError) -> Option<String> {
    match error {
        CameraError::None => {
            Some("give --source PATH for pictures and video, or try `wingmark demo`, which needs no camera".into())
        }
        CameraError::InPipeline { way, .. } | CameraError::NoFormat { way, .. } | CameraError::NoSize { way, .. } => {
            Some(in_words(way))
        }
        // Another program that reads one of them helps more than another cable.
        CameraError::NoneWorks(errors) => {
            let has_way = |error: &&CameraError| {
                use CameraError::{InPipeline, NoFormat, NoSize};
                matches!(error, InPipeline { .. } | NoFormat { .. } | NoSize { .. })
            };
            errors.iter().filter(has_way).chain(errors).find_map(on_camera)
        }
        CameraError::Silent { path, .. } => Some(format!(
            "plug it in anew, or into another port without a hub; one that starts slowly is waited for where it is named: \
             --source {}",
            path.display()
        )),
        CameraError::NoAnswer { .. } => Some("plug it in anew, or into another port without a hub".into()),
        CameraError::Refused { format, refusal, offers_mjpeg, .. } => {
            Some(on_refusal(refusal, *offers_mjpeg && *format != CameraFormat::Mjpeg))
        }
        CameraError::Fields { .. } => {
            Some("have its driver weave them, or use another camera; fields apart are not read".into())
        }
        CameraError::Damaged { .. } => Some(
            "try another --camera-format, a smaller --camera-size, another cable, or another port without a hub".into(),
        ),
        _ => None,
    }
}

/// What helps where a driver refuses a mode that it offers, by the system's reason.
fn on_refusal(refusal: &io::Error, may_take_mjpeg: bool) -> String {
    let mjpeg = if may_take_mjpeg { "--camera-format MJPG, " } else { "" };
    match Errno::from_io_error(refusal) {
        Some(Errno::NOSPC | Errno::PROTO | Errno::IO) => format!(
            "other cameras may take its bus: try {mjpeg}a smaller --camera-size, a lower --camera-rate, or another port"
        ),
        Some(Errno::NOMEM) => format!(
            "there is too little memory for its frames, on boards of what the kernel sets aside (CMA): try {mjpeg}a smaller \
             --camera-size, or cma=128M on the kernel's command line"
        ),
        _ => format!("try {mjpeg}another --camera-format or --camera-size"),
    }
}

fn in_words(way: &OtherWay) -> String {
    match way {
        OtherWay::Ffmpeg { path, format } => format!(
            "let ffmpeg decode it: ffmpeg -v error -f v4l2 -input_format {format} -i {} -f yuv4mpegpipe - | wingmark run \
             --source - --live",
            path.display()
        ),
        OtherWay::Rpicam => {
            "give --source rpicam, which has rpicam-vid read the ribbon camera of a Raspberry Pi".into()
        }
        OtherWay::Nvargus => "give --source gst:\"nvarguscamerasrc ! nvvidconv ! video/x-raw,format=I420 ! y4menc ! \
                              fdsink\", which has GStreamer read the ribbon camera of a Jetson"
            .into(),
        OtherWay::V4l2src(path) => format!(
            "give --source gst:\"v4l2src device={} ! videoconvert ! y4menc ! fdsink\", which has GStreamer convert it",
            path.display()
        ),
        OtherWay::Videoscale(path) => format!(
            "give --source gst:\"v4l2src device={} ! decodebin ! videoscale ! video/x-raw,width=1280 ! videoconvert ! y4menc \
             ! fdsink\", which has GStreamer make it smaller",
            path.display()
        ),
        OtherWay::Libcamera => "give --source gst:\"libcamerasrc ! videoconvert ! y4menc ! fdsink\" (or rpicam, on a \
                                Raspberry Pi), which has another program read it"
            .into(),
        OtherWay::DeepGrey => {
            "grey of more than 8 bits, or packed, is not read; another node of this camera may give pictures".into()
        }
    }
}

fn on_board(error: &BoardError) -> Option<String> {
    matches!(error, BoardError::NoneFits(_)).then(|| "give --board with a profile for it".into())
}

fn on_screen(error: &ScreenError) -> Option<String> {
    match error {
        ScreenError::Taken(_) if cfg!(feature = "window") => Some("or show a window there: --screen window".into()),
        _ => None,
    }
}

fn on_record(error: &RecordError) -> Option<String> {
    matches!(error, RecordError::Resume { .. }).then(|| "name another file, or leave --resume out".into())
}

fn on_report(error: &ReportError) -> Option<String> {
    use ReportError::{NoSchema, NotJson, OtherSchema, Truncated};
    matches!(error, Truncated(_) | NotJson { .. } | NoSchema(_) | OtherSchema { .. })
        .then(|| "`wingmark bench --json FILE` writes one".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame::Size;

    #[test]
    fn an_error_says_what_is_wrong_and_the_option_that_helps() {
        let said = |error: CaptureError| with_advice(anyhow::Error::from(error).as_ref());
        assert_eq!(
            said(CameraError::None.into()),
            "no camera was found (no /dev/video* gives pictures); give --source PATH for pictures and video, or try \
             `wingmark demo`, which needs no camera"
        );
        let unicam =
            || CameraError::InPipeline { path: "/dev/video0".into(), card: "unicam".into(), way: OtherWay::Rpicam };
        for error in [unicam(), CameraError::NoneWorks(vec![CameraError::Busy("/dev/video1".into()), unicam()])] {
            let text = said(error.into());
            assert!(text.contains("; give --source rpicam, which"), "{text}");
        }
        let refused = |errno: Errno, offers_mjpeg: bool| {
            let (path, size) = ("/dev/video0".into(), Size { width: 640, height: 480 });
            let (format, doing) = (CameraFormat::Yuyv, "starting the camera");
            said(CameraError::Refused { path, format, size, doing, refusal: errno.into(), offers_mjpeg }.into())
        };
        for (text, expected) in [
            (refused(Errno::NOSPC, true), "may take its bus: try --camera-format MJPG, a smaller --camera-size"),
            (refused(Errno::PROTO, false), "may take its bus: try a smaller --camera-size"),
            (refused(Errno::NOMEM, false), "(CMA): try a smaller --camera-size, or cma=128M"),
            (refused(Errno::INVAL, false), "; try another --camera-format or --camera-size"),
        ] {
            assert!(text.contains(expected), "{text} lacks {expected}");
        }
        let of_screen = |error: ScreenError| with_advice(anyhow::Error::from(error).as_ref());
        let taken = of_screen(ScreenError::Taken("/dev/dri/card0".into()));
        assert_eq!(taken.contains("--screen window"), cfg!(feature = "window"), "{taken}");
        assert_eq!(of_screen(ScreenError::WindowNotBuilt).matches("window").count(), 2);
        assert_eq!(said(CameraError::Unplugged { path: "/dev/video0".into() }.into()), "/dev/video0 was unplugged");
    }

    #[test]
    fn causes_are_said_once_each_and_their_advice_is_found() {
        use anyhow::Context;
        let cause = ReportError::Truncated("a.json".into());
        let error = Err::<(), _>(cause).context("cannot compare").unwrap_err();
        assert_eq!(
            with_advice(error.as_ref()),
            "cannot compare: a.json is cut short; expected a whole report; `wingmark bench --json FILE` writes one"
        );
    }
}
