//! Finds the first camera that gives pictures: many nodes look like a camera and are none.

use std::path::Path;
use std::time::{Duration, Instant};

use super::answer::{answered, open_answering};
use super::identity::nodes;
use super::start::start;
use super::stream::V4l2Stream;
use super::{CameraError, CameraWish, Device, Identity};
use crate::capture::fault::{Fault, FlawWatch};
use crate::capture::returning::{Arrival, FrameStream};
use crate::picture::frame::Frame;

/// How long a camera's first frame may take.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(3);
/// How long after it a sound one may take.
const SOUND_FRAME_WITHIN: Duration = Duration::from_secs(1);

/// What came of a trial.
enum Trial {
    Sound(V4l2Stream),
    /// Frames come, and none of them can be used. What ails the latest.
    Damaged(V4l2Stream, Fault),
    Silent,
}

/// The first camera that gives sound frames. Where none does, the first that gives damaged ones:
/// they may become better.
///
/// Nodes that a media controller has to set up are tried last: most of them give frames to
/// libcamera alone.
pub fn first(wish: &CameraWish) -> Result<(Identity, V4l2Stream), CameraError> {
    let mut passed_over = Vec::new();
    let mut devices = Vec::new();
    for path in nodes() {
        match open_answering(&path) {
            Ok(device) => devices.push(device),
            Err(CameraError::NotACamera(path)) => log::info!("{} is passed over: it gives no pictures", path.display()),
            Err(e) => passed_over.push(e),
        }
    }
    devices.sort_by_key(Device::is_in_pipeline);
    for device in devices.iter().filter(|device| device.is_in_pipeline()) {
        log::info!("{} is tried last: a media controller would have to set it up", device.path().display());
    }
    let mut damaged = None;
    for device in devices {
        let identity = Identity::of(&device);
        let wish = *wish;
        match answered(identity.path(), move || try_formats(device, &wish)) {
            Ok(Trial::Sound(stream)) => {
                say(&passed_over);
                return Ok((identity, stream));
            }
            Ok(Trial::Damaged(stream, _)) => damaged = damaged.or(Some((identity, stream))),
            Ok(Trial::Silent) => passed_over.push(CameraError::Silent {
                path: identity.path().into(),
                card: identity.card().into(),
                within: FIRST_FRAME_WITHIN,
            }),
            Err(e) => passed_over.push(e),
        }
    }
    if let Some(found) = damaged {
        say(&passed_over);
        return Ok(found);
    }
    match passed_over.len() {
        0 => Err(CameraError::None),
        1 => Err(passed_over.remove(0)),
        _ => Err(CameraError::NoneWorks(passed_over)),
    }
}

/// Has a camera stream until a frame came that can be used; the error says why there is none.
pub fn try_out(path: &Path) -> Result<(), CameraError> {
    let owned_path = path.to_path_buf();
    let (card, tried) = answered(path, move || {
        let device = Device::open(&owned_path)?;
        let card = device.description().card.clone();
        Ok((card, try_formats(device, &CameraWish::default())?))
    })?;
    match tried {
        Trial::Sound(_) => Ok(()),
        Trial::Damaged(_, fault) => Err(CameraError::Damaged { path: path.into(), card, fault }),
        Trial::Silent => Err(CameraError::Silent { path: path.into(), card, within: FIRST_FRAME_WITHIN }),
    }
}

fn say(passed_over: &[CameraError]) {
    for error in passed_over {
        log::warn!("passed over: {error}");
    }
}

/// Tries the best format, and where nothing comes, the next best one: other cameras may have left
/// no room on the bus for raw frames, and compressed ones need a tenth of it. In a media
/// controller's pipeline any other format is refused, and would stay set.
fn try_formats(device: Device, wish: &CameraWish) -> Result<Trial, CameraError> {
    let (path, is_in_pipeline) = (device.path().to_path_buf(), device.is_in_pipeline());
    let stream = V4l2Stream::new(start(device, wish, &[])?, FlawWatch::default());
    let silent = stream.format();
    match trial(stream) {
        Trial::Silent if wish.format.is_none() && !is_in_pipeline => {}
        tried => return Ok(tried),
    }
    let Ok(other) = Device::open(&path).and_then(|device| start(device, wish, &[silent])) else {
        return Ok(Trial::Silent);
    };
    log::info!("{}: no frame comes in {silent}; trying {}", path.display(), other.buffers.layout().format);
    Ok(trial(V4l2Stream::new(other, FlawWatch::default())))
}

fn trial(mut stream: V4l2Stream) -> Trial {
    let start = Instant::now();
    let mut frame = Frame::default();
    let mut damaged: Option<(Instant, Fault)> = None;
    loop {
        match stream.next_into(&mut frame, Duration::from_millis(50)) {
            Ok(Some(Arrival { fault: None, .. })) => return Trial::Sound(stream),
            Ok(Some(Arrival { fault: Some(fault), .. })) => {
                let first_at = damaged.map_or_else(Instant::now, |(at, _)| at);
                damaged = Some((first_at, fault));
            }
            Ok(None) => {}
            Err(_) => return Trial::Silent,
        }
        match damaged {
            Some((at, fault)) if at.elapsed() >= SOUND_FRAME_WITHIN => return Trial::Damaged(stream, fault),
            None if start.elapsed() >= FIRST_FRAME_WITHIN => return Trial::Silent,
            _ => {}
        }
    }
}
