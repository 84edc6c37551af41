//! A camera's frames, decompressed where they are compressed.

use std::time::Duration;

use super::buffers::{Buffers, Filled};
use super::identity::Identity;
use super::start::{Started, start};
use super::{CameraError, CameraFormat, CameraWish, Description};
use crate::capture::returning::{Arrival, FrameStream, Lost, Opener};
use crate::capture::{Fault, Flaw, FlawWatch, Origin};
use crate::picture::FRAME_BOUNDS;
use crate::picture::frame::Frame;
use crate::picture::jpeg;

/// Opens a camera by V4L2.
pub struct V4l2 {
    identity: Identity,
    wish: CameraWish,
    /// How frames come now.
    origin: Origin,
    /// The format that they come in, and those whose frames could not be used.
    format: CameraFormat,
    tried: Vec<CameraFormat>,
    /// Those of which it was said: all have their turn again and again.
    said: Vec<CameraFormat>,
    /// Why its best mode was refused when it was opened last, which is said when that is new.
    refused: Option<String>,
    flaws: FlawWatch,
}

impl V4l2 {
    pub fn new(identity: Identity, wish: CameraWish, stream: &V4l2Stream) -> Self {
        let (origin, format, flaws) = (stream.origin(), stream.format(), stream.flaws.clone());
        let mut camera =
            V4l2 { identity, wish, origin, format, tried: Vec::new(), said: Vec::new(), refused: None, flaws };
        camera.say_refused(stream);
        camera
    }

    fn say_refused(&mut self, stream: &V4l2Stream) {
        if let Some(refused) = &stream.refused
            && self.refused != stream.refused
        {
            log::warn!("{refused}");
        }
        self.refused.clone_from(&stream.refused);
    }

    fn open_once(&mut self) -> Result<V4l2Stream, CameraError> {
        let mut opened = start(self.identity.find()?, &self.wish, &self.tried);
        if let Err(CameraError::NotOffered { .. }) = &opened
            && !self.tried.is_empty()
        {
            // It has no more formats; another try with each does no harm.
            self.tried.clear();
            opened = start(self.identity.find()?, &self.wish, &self.tried);
        }
        let stream = V4l2Stream::new(opened?, self.flaws.clone());
        self.say_refused(&stream);
        (self.origin, self.format) = (stream.origin(), stream.format());
        Ok(stream)
    }
}

impl Opener for V4l2 {
    type Stream = V4l2Stream;

    fn open(&mut self) -> Result<V4l2Stream, Lost> {
        self.open_once().map_err(|e| Lost(e.reason()))
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn lost(&mut self) {
        self.identity.look_about();
    }

    /// Another format, where none was asked for.
    fn try_other(&mut self) -> bool {
        if self.wish.format.is_some() || self.tried.contains(&self.format) {
            return false;
        }
        let Ok(device) = self.identity.find() else { return false };
        // What is set there, a media controller has set up.
        if device.is_in_pipeline() {
            return false;
        }
        self.tried.push(self.format);
        let formats = device.fourccs().into_iter().filter_map(CameraFormat::from_fourcc);
        let other = formats.into_iter().find(|format| !self.tried.contains(format));
        if other.is_some() && !self.said.contains(&self.format) {
            self.said.push(self.format);
            log::warn!("{}: trying another format than {}", self.identity.path().display(), self.format);
        }
        other.is_some()
    }
}

/// Copies frames out of a driver's memory, once, since that may be slow to read.
pub struct V4l2Stream {
    buffers: Buffers,
    /// Why it is not in the best mode.
    refused: Option<String>,
    /// A frame before it is decompressed.
    jpeg: Vec<u8>,
    /// Whether none was decompressed yet.
    is_first: bool,
    flaws: FlawWatch,
}

impl V4l2Stream {
    pub fn new(Started { buffers, refused }: Started, flaws: FlawWatch) -> Self {
        let device = buffers.device();
        flaws.say(device.other_rate().map(|other| Flaw::Rate(other.into())), || device.path().display().to_string());
        V4l2Stream { buffers, refused, jpeg: Vec::new(), is_first: true, flaws }
    }

    pub fn format(&self) -> CameraFormat {
        self.buffers.layout().format
    }

    fn origin(&self) -> Origin {
        let (device, layout) = (self.buffers.device(), self.buffers.layout());
        let Description { card, bus, .. } = device.description().clone();
        Origin {
            name: card,
            link: Some(bus),
            format: Some(layout.format),
            size: Some(layout.size),
            rate: device.rate(),
        }
    }

    fn decompress(&mut self, frame: &mut Frame) -> Result<(), Fault> {
        if self.jpeg.is_empty() {
            return Err(Fault::Empty);
        }
        let jpeg = jpeg::at_start_of(&self.jpeg)?;
        let flaw = jpeg::decode_into(jpeg, frame, FRAME_BOUNDS)?;
        let name = || format!("a picture of {}", self.buffers.device().path().display());
        self.flaws.say(flaw.map(Flaw::Jpeg), name);
        let turned = std::mem::take(&mut self.is_first) && jpeg::is_turned(jpeg);
        self.flaws.say(turned.then_some(Flaw::Turned), name);
        let (set, found) = (self.buffers.layout().size, frame.size());
        self.flaws.say((found != set).then_some(Flaw::Size { found, set }), name);
        Ok(())
    }
}

impl FrameStream for V4l2Stream {
    fn next_into(&mut self, frame: &mut Frame, within: Duration) -> Result<Option<Arrival>, Lost> {
        let layout = *self.buffers.layout();
        let is_compressed = layout.pixels().is_none();
        let jpeg = &mut self.jpeg;
        let mut copied = Ok(());
        let arrived = self.buffers.next(within, |Filled { planes, sequence, captured_at, is_flagged }| {
            if is_compressed {
                jpeg.clear();
                jpeg.extend_from_slice(planes.first().copied().unwrap_or_default());
            } else {
                copied = layout.copy_into(planes, frame);
            }
            Arrival { sequence, captured_at, fault: is_flagged.then_some(Fault::Flagged) }
        });
        let failed = |e| CameraError::from_io(self.buffers.device().path(), "taking a frame", e);
        let Some(mut arrival) = arrived.map_err(|e| Lost(failed(e).reason()))? else { return Ok(None) };
        let sound = if is_compressed { self.decompress(frame) } else { copied.map_err(Fault::from) };
        arrival.fault = arrival.fault.or(sound.err());
        Ok(Some(arrival))
    }
}
