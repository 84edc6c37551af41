//! A display of the kernel's mode setting (DRM/KMS): two dumb buffers, of which one is shown while
//! the other is drawn on.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use drm::Device as _;
use drm::buffer::{Buffer as _, DrmFourcc};
use drm::control::connector::State;
use drm::control::dumbbuffer::{DumbBuffer, DumbMapping};
use drm::control::{Device as _, Event, Mode, ModeTypeFlags, PageFlipFlags, connector, crtc, framebuffer};
use log::{debug, warn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};

use super::pixels::{PixelBits, PixelWriter};
use super::settings::Rotation;
use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;

/// A display shows a picture within a sixtieth of a second; one that takes so long is off.
const FLIP_WITHIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The first connected output of a card, in its preferred mode. What it showed before is shown
/// again when this is dropped.
pub struct DrmScreen {
    path: PathBuf,
    card: Card,
    output: Output,
    /// The one at `back` is not shown.
    buffers: [Buffer; 2],
    back: usize,
    state: Shown,
    before: Before,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// What was there before.
    Foreign,
    Ours,
    /// Ours, and the kernel has still to say that the buffers have changed over.
    Flipping,
}

/// A connector, the mode for its display and the CRTC that scans it out.
struct Output {
    connector: connector::Handle,
    crtc: crtc::Handle,
    mode: Mode,
}

/// What a CRTC showed when it was found.
struct Before {
    crtc: crtc::Info,
    connectors: Vec<connector::Handle>,
}

impl DrmScreen {
    pub fn open(path: &Path, rotation: Rotation) -> Result<Self, ScreenError> {
        let card = Card::open(path)?;
        card.become_master(path)?;
        let (output, before) = card.find_output(path)?;
        let buffers = [card.buffer(path, &output.mode, rotation)?, card.buffer(path, &output.mode, rotation)?];
        Ok(DrmScreen { path: path.into(), card, output, buffers, back: 0, state: Shown::Foreign, before })
    }

    fn failed(&self, task: &'static str) -> impl FnOnce(io::Error) -> ScreenError {
        failed(&self.path, task)
    }

    /// Waits until the buffer at `back` is no longer shown.
    fn finish_flip(&mut self) -> Result<(), ScreenError> {
        while self.state == Shown::Flipping {
            let mut ready = [PollFd::new(&self.card, PollFlags::IN)];
            let polled = retry_on_intr(|| poll(&mut ready, Some(&FLIP_WITHIN)));
            if polled.map_err(|e| self.failed("wait for the display")(e.into()))? == 0 {
                return Err(ScreenError::Stuck(self.path.clone()));
            }
            let mut events = self.card.receive_events().map_err(self.failed("say what it shows"))?;
            if events.any(|event| matches!(event, Event::PageFlip(_))) {
                self.state = Shown::Ours;
            }
        }
        Ok(())
    }
}

impl Screen for DrmScreen {
    fn size(&self) -> Option<Size> {
        Some(self.buffers[0].writer.canvas_size())
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.finish_flip()?;
        let Output { connector, crtc, mode } = self.output;
        let back = &mut self.buffers[self.back];
        back.writer.write(canvas, &mut back.memory);
        let framebuffer = back.framebuffer;
        if self.state == Shown::Foreign {
            let shown = self.card.set_crtc(crtc, Some(framebuffer), (0, 0), &[connector], Some(mode));
            shown.map_err(self.failed("set its mode"))?;
            self.state = Shown::Ours;
        } else {
            let flipping = self.card.page_flip(crtc, framebuffer, PageFlipFlags::EVENT, None);
            flipping.map_err(self.failed("change to the next picture"))?;
            self.state = Shown::Flipping;
        }
        self.back = 1 - self.back;
        Ok(())
    }
}

impl Drop for DrmScreen {
    fn drop(&mut self) {
        if let Err(e) = self.finish_flip() {
            warn!("{e}");
        }
        if self.state != Shown::Foreign {
            let Before { crtc, connectors } = &self.before;
            let restored = match crtc.mode() {
                Some(mode) => {
                    self.card.set_crtc(crtc.handle(), crtc.framebuffer(), crtc.position(), connectors, Some(mode))
                }
                None => self.card.set_crtc(crtc.handle(), None, (0, 0), &[], None),
            };
            if let Err(e) = restored {
                warn!("{}", self.failed("show again what it showed before")(e));
            }
        }
        // Closing the card would free them too, but only once all of its descriptors are closed.
        for Buffer { framebuffer, dumb, .. } in &self.buffers {
            let freed = self.card.destroy_framebuffer(*framebuffer).and(self.card.destroy_dumb_buffer(*dumb));
            if let Err(e) = freed {
                debug!("{}", self.failed("free a buffer")(e));
            }
        }
    }
}

fn failed(path: &Path, task: &'static str) -> impl FnOnce(io::Error) -> ScreenError {
    let path = path.into();
    move |source| match source.kind() {
        // Only the card's master may change what is shown.
        io::ErrorKind::PermissionDenied => ScreenError::Taken(path),
        _ => ScreenError::Device { path, task, source },
    }
}

struct Buffer {
    framebuffer: framebuffer::Handle,
    dumb: DumbBuffer,
    memory: DumbMapping<'static>,
    writer: PixelWriter,
}

struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

impl Card {
    fn open(path: &Path) -> Result<Self, ScreenError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        file.map(Card).map_err(|e| ScreenError::opening(path, "video", e))
    }

    /// The first to open a card is its master already; everybody else has to wait until that one is
    /// gone.
    fn become_master(&self, path: &Path) -> Result<(), ScreenError> {
        self.acquire_master_lock().map_err(|e| match Errno::from_io_error(&e) {
            Some(Errno::NOTTY) => ScreenError::Unsupported {
                path: path.into(),
                found: "no modes to set".into(),
                expected: "a card's device, such as /dev/dri/card0".into(),
            },
            _ => ScreenError::Taken(path.into()),
        })
    }

    /// The first connected output, with the CRTC that it has or could have.
    fn find_output(&self, path: &Path) -> Result<(Output, Before), ScreenError> {
        let no_display = |outputs: String| ScreenError::NoDisplay { path: path.into(), outputs };
        let resources = self.resource_handles().map_err(|e| match Errno::from_io_error(&e) {
            Some(Errno::OPNOTSUPP) => no_display("another card, as this one only computes".into()),
            _ => failed(path, "list its outputs")(e),
        })?;
        let describe = |&handle| self.get_connector(handle, true);
        let connectors: Vec<connector::Info> = resources
            .connectors()
            .iter()
            .map(describe)
            .collect::<Result<_, _>>()
            .map_err(failed(path, "describe its outputs"))?;
        let is_connected = |c: &&connector::Info| c.state() == State::Connected && !c.modes().is_empty();
        let Some(connector) = connectors.iter().find(is_connected) else {
            return Err(no_display(connectors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")));
        };
        let is_preferred = |mode: &&Mode| mode.mode_type().contains(ModeTypeFlags::PREFERRED);
        let mode = connector.modes().iter().find(is_preferred).unwrap_or(&connector.modes()[0]);

        let crtc_of = |c: &connector::Info| self.get_encoder(c.current_encoder()?).ok()?.crtc();
        let possible = |&encoder| {
            let encoder = self.get_encoder(encoder).ok()?;
            resources.filter_crtcs(encoder.possible_crtcs()).first().copied()
        };
        let crtc = crtc_of(connector).or_else(|| connector.encoders().iter().find_map(possible));
        let crtc =
            crtc.ok_or_else(|| no_display(format!("an output other than {connector}, which nothing can drive")))?;
        let before = Before {
            crtc: self.get_crtc(crtc).map_err(failed(path, "say what it shows"))?,
            connectors: connectors.iter().filter(|c| crtc_of(c) == Some(crtc)).map(connector::Info::handle).collect(),
        };
        debug!("{}: {connector} {mode:?}", path.display());
        Ok((Output { connector: connector.handle(), crtc, mode: *mode }, before))
    }

    fn buffer(&self, path: &Path, mode: &Mode, rotation: Rotation) -> Result<Buffer, ScreenError> {
        let (width, height) = mode.size();
        let size = Size { width: width.into(), height: height.into() };
        let dumb = self.create_dumb_buffer((size.width, size.height), DrmFourcc::Xrgb8888, 32);
        let mut dumb = dumb.map_err(failed(path, "make a buffer"))?;
        let memory = self.map_dumb_buffer(&mut dumb).map_err(failed(path, "map a buffer"))?;
        // SAFETY: a mapping holds no reference to the description that it was made from. Its memory
        // stays mapped until the mapping itself is dropped, whatever becomes of the buffer.
        let memory = unsafe { mem::transmute::<DumbMapping<'_>, DumbMapping<'static>>(memory) };
        let framebuffer = self.add_framebuffer(&dumb, 24, 32).map_err(failed(path, "show a buffer"))?;
        let writer = PixelWriter::new(size, dumb.pitch() as usize, PixelBits::XRGB8888, rotation);
        Ok(Buffer { framebuffer, dumb, memory, writer })
    }
}
