//! A camera's node: what it is, and how it is made to give frames.

use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use v4l::sys;
use v4l::v4l2::{self, vidioc};

use super::buffers::Buffers;
use super::choice;
use super::planes::{Layout, MAX_PLANES};
use super::{CameraError, CameraFormat, CameraWish, ChosenMode, Interval, OtherWay};
use crate::picture::MAX_SIDE_PX;
use crate::picture::frame::Size;
use crate::text::message::in_one_line;

/// Raw formats that GStreamer converts: other orders of samples, and grey of 16 bits.
const GSTREAMER: [&[u8; 4]; 17] = [
    b"YVYU", b"VYUY", b"YV12", b"NV21", b"NV16", b"NV61", b"422P", b"444P", b"RGBP", b"RGBR", b"RGB4", b"BGR4",
    b"AR24", b"XR24", b"AB24", b"XB24", b"Y16 ",
];

/// Grey of more than 8 bits, packed, or of two pictures at once, and depth, as cameras for infrared
/// and depth give them.
const DEEP_GREYS: [&[u8; 4]; 14] = [
    b"Y10 ", b"Y12 ", b"Y14 ", b"Y10B", b"Y10P", b"Y12P", b"Y14P", b"ip3y", b"Y8I ", b"Y12I", b"Z16 ", b"INZI",
    b"INVI", b"CNF4",
];

/// All devices of V4L2 have this number.
const VIDEO_MAJOR: u32 = 81;
/// What a driver says that takes a time for each frame.
const CAN_SET_RATE: u32 = sys::V4L2_CAP_TIMEPERFRAME;
/// Nodes of image processors and codecs that look like cameras, by what their drivers are called.
const PROCESSORS: [&str; 5] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec", "rpivid"];

/// What a camera says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The driver's name: `uvcvideo`.
    pub driver: String,
    /// Its name, as `HD Pro Webcam C920`.
    pub card: String,
    /// Where it is plugged in, as `usb-0000:01:00.0-1.3`.
    pub bus: String,
}

/// Which of V4L2's two interfaces for frames a camera has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// A frame lies in one piece of memory.
    Single,
    /// In one for each plane.
    Multi,
}

impl Queue {
    /// V4L2's number of the type of its buffers.
    pub(super) fn code(self) -> u32 {
        match self {
            Queue::Single => sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE,
            Queue::Multi => sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
        }
    }
}

/// An open camera.
pub struct Device {
    path: PathBuf,
    handle: v4l::Device,
    description: Description,
    queue: Queue,
    /// Whether it gives frames only where a media controller has set up the pipeline that it is
    /// part of.
    is_in_pipeline: bool,
    /// Frames a second, where that was set.
    rate: Option<f64>,
    /// What is to be said of a rate that is not the one that was asked for.
    other_rate: Option<String>,
}

/// A format that the driver filled in.
struct SetFormat {
    size: Size,
    fourcc: u32,
    stride_bytes: [u32; MAX_PLANES],
    field: u32,
    is_full_range: bool,
}

impl Device {
    /// Opens a node that gives pictures.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let failed = |source| CameraError::from_io(path, "opening", source);
        // The crate panics at a path that has a zero byte, and this does not.
        let about = std::fs::metadata(path).map_err(failed)?;
        // Opening another device may do something: a watchdog of hardware begins to run.
        if rustix::fs::major(about.rdev()) != VIDEO_MAJOR {
            return Err(CameraError::NotACamera(path.into()));
        }
        let handle = v4l::Device::with_path(path).map_err(failed)?;
        let (description, capabilities) = query(&handle).map_err(|e| match Errno::from_io_error(&e) {
            Some(Errno::NOTTY | Errno::INVAL) => CameraError::NotACamera(path.into()),
            _ => failed(e),
        })?;
        let is_processor = PROCESSORS.iter().any(|name| description.driver == *name || description.card == *name);
        let queue = queue(capabilities).filter(|_| !is_processor);
        let queue = queue.ok_or_else(|| CameraError::NotACamera(path.into()))?;
        let is_in_pipeline = capabilities & sys::V4L2_CAP_IO_MC != 0;
        Ok(Device { path: path.into(), handle, description, queue, is_in_pipeline, rate: None, other_rate: None })
    }

    /// As it was opened: `/dev/video0`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the driver says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Frames a second, where they were chosen.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// What is to be said of them, where other ones were asked for.
    pub(super) fn other_rate(&self) -> Option<&str> {
        self.other_rate.as_deref()
    }

    pub(super) fn queue(&self) -> Queue {
        self.queue
    }

    /// Whether a media controller has to set it up before it gives frames.
    pub fn is_in_pipeline(&self) -> bool {
        self.is_in_pipeline
    }

    /// What is said of a node that a media controller would have to set up.
    pub fn pipeline_error(&self) -> CameraError {
        CameraError::InPipeline {
            path: self.path.clone(),
            card: self.description.card.clone(),
            way: self.other_way(&[]),
        }
    }

    /// How else the pictures of a camera that offers these formats can be had.
    fn other_way(&self, fourccs: &[[u8; 4]]) -> OtherWay {
        let Description { driver, card, .. } = &self.description;
        let is_one_of = |names: &[&str]| names.iter().any(|name| driver.contains(name) || card.contains(name));
        let compressed = [(b"H264", "h264"), (b"HEVC", "hevc"), (b"VP80", "vp8")];
        if let Some((_, format)) = compressed.into_iter().find(|(fourcc, _)| fourccs.contains(fourcc)) {
            OtherWay::Ffmpeg { path: self.path.clone(), format }
        } else if is_one_of(&["unicam", "rp1-cfe"]) {
            OtherWay::Rpicam
        } else if is_one_of(&["tegra", "vi-output"]) {
            OtherWay::Nvargus
        } else if fourccs.iter().any(|fourcc| GSTREAMER.contains(&fourcc)) {
            OtherWay::V4l2src(self.path.clone())
        } else if !fourccs.is_empty() && fourccs.iter().all(|fourcc| DEEP_GREYS.contains(&fourcc)) {
            OtherWay::DeepGrey
        } else {
            OtherWay::Libcamera
        }
    }

    pub(super) fn handle(&self) -> &v4l::Device {
        &self.handle
    }

    pub(super) fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> CameraError {
        move |source| CameraError::from_io(&self.path, doing, source)
    }

    /// What it means that frames could not be started.
    pub(super) fn refused_to_start(&self, error: io::Error) -> CameraError {
        match Errno::from_io_error(&error) {
            Some(Errno::BUSY | Errno::NODEV) => self.failed("starting the camera")(error),
            _ if self.is_in_pipeline => self.pipeline_error(),
            _ => self.failed("starting the camera")(error),
        }
    }

    /// Chooses a mode of a format that is not one of `tried`, sets it and starts frames.
    pub(super) fn start(mut self, wish: &CameraWish, tried: &[CameraFormat]) -> Result<Buffers, CameraError> {
        let wish = &if self.is_in_pipeline { self.as_set_up(*wish) } else { *wish };
        let mut modes = self.modes(wish);
        if modes.is_empty() {
            let fourccs = self.fourccs();
            let names: Vec<String> = fourccs.iter().map(|fourcc| fourcc.escape_ascii().to_string()).collect();
            let offers = if names.is_empty() { "no format".into() } else { names.join(", ") };
            let is_known = fourccs.iter().any(|fourcc| CameraFormat::from_fourcc(*fourcc).is_some());
            let way = match self.other_way(&fourccs) {
                way if !is_known || matches!(way, OtherWay::Rpicam | OtherWay::Nvargus) => way,
                _ => OtherWay::Videoscale(self.path.clone()),
            };
            return Err(match is_known {
                true => CameraError::NoSize { offers, way, path: self.path },
                false => CameraError::NoFormat { offers, way, path: self.path },
            });
        }
        let offers_mjpeg = modes.iter().any(|mode| mode.format == CameraFormat::Mjpeg);
        modes.retain(|mode| !tried.contains(&mode.format));
        let Some(choice) = choice::choose(&modes, wish) else {
            let offers = choice::describe(&modes, wish);
            return Err(CameraError::NotOffered { path: self.path, wish: *wish, offers });
        };
        let refused = |error: CameraError| error.in_mode(&choice, offers_mjpeg);
        let layout = self.set_format(&choice, wish).map_err(refused)?;
        // Drivers that list no intervals may take one.
        let interval = choice.interval.or_else(|| wish.rate.map(Interval::of_rate));
        self.rate = interval.and_then(|interval| self.set_interval(interval));
        self.other_rate = wish.rate.and_then(|asked| other_rate(asked, self.rate));
        log::debug!("{}: {} {}", self.path.display(), layout.format, layout.size);
        Buffers::start(self, layout).map_err(refused)
    }

    /// The wish for a node whose pipeline a media controller may have set up: what is set there is
    /// aimed at, since any other format and size is refused.
    fn as_set_up(&self, mut wish: CameraWish) -> CameraWish {
        // SAFETY: the structure consists of integers, and a union of such structures, for which
        // zeros are values.
        let mut format: sys::v4l2_format = unsafe { mem::zeroed() };
        format.type_ = self.queue.code();
        // SAFETY: VIDIOC_G_FMT is defined with this structure.
        if unsafe { ioctl(&self.handle, vidioc::VIDIOC_G_FMT, &mut format) }.is_ok() {
            let SetFormat { size, fourcc, .. } = self.read_format(&format);
            // Nothing is set up where a side is 0.
            if size.width > 0 && size.height > 0 {
                wish.aim.size = size;
                wish.aim.format = CameraFormat::from_fourcc(fourcc.to_le_bytes()).or(wish.aim.format);
            }
        }
        wish
    }

    fn set_format(&self, choice: &ChosenMode, wish: &CameraWish) -> Result<Layout, CameraError> {
        let mut set = self.ask_for(choice, sys::v4l2_field_V4L2_FIELD_NONE)?;
        if fields_apart(set.field).is_some() {
            // What gives no whole frames of itself may weave them where it is asked to.
            set = self.ask_for(choice, sys::v4l2_field_V4L2_FIELD_INTERLACED)?;
        }
        if let Some(order) = fields_apart(set.field) {
            return Err(CameraError::Fields { path: self.path.clone(), order });
        }
        let SetFormat { size, fourcc, stride_bytes, is_full_range, .. } = set;
        let other = |found: String| {
            let asked = format!("{} {}", choice.format, choice.size);
            CameraError::OtherFormat { path: self.path.clone(), asked, found }
        };
        let fourcc = fourcc.to_le_bytes();
        let Some(format) = CameraFormat::from_fourcc(fourcc) else {
            return Err(other(fourcc.escape_ascii().to_string()));
        };
        if ![size.width, size.height].iter().all(|side| (1..=MAX_SIDE_PX).contains(side)) {
            return Err(other(format!("{format} {size}, beyond 1x1 to {MAX_SIDE_PX}x{MAX_SIDE_PX},")));
        }
        // A driver may change what was left to it.
        if wish.format.is_some_and(|wanted| !format.is(wanted)) || wish.size.is_some_and(|wanted| wanted != size) {
            return Err(other(format!("{format} {size}")));
        }
        Ok(Layout { format, size, stride_bytes, is_full_range })
    }

    /// Sets a format with the lines of its frames in this order, and says what came of it.
    fn ask_for(&self, choice: &ChosenMode, field: u32) -> Result<SetFormat, CameraError> {
        // SAFETY: the structure consists of integers, and a union of such structures, for which
        // zeros are values.
        let mut format: sys::v4l2_format = unsafe { mem::zeroed() };
        format.type_ = self.queue.code();
        let fourcc = u32::from_le_bytes(choice.format.fourcc());
        let Size { width, height } = choice.size;
        match self.queue {
            Queue::Single => {
                (format.fmt.pix.width, format.fmt.pix.height) = (width, height);
                format.fmt.pix.pixelformat = fourcc;
                format.fmt.pix.field = field;
            }
            Queue::Multi => {
                (format.fmt.pix_mp.width, format.fmt.pix_mp.height) = (width, height);
                format.fmt.pix_mp.pixelformat = fourcc;
                format.fmt.pix_mp.field = field;
            }
        }
        // SAFETY: VIDIOC_S_FMT is defined with this structure.
        unsafe { ioctl(&self.handle, vidioc::VIDIOC_S_FMT, &mut format) }.map_err(self.failed("setting the format"))?;
        Ok(self.read_format(&format))
    }

    fn read_format(&self, format: &sys::v4l2_format) -> SetFormat {
        let mut stride_bytes = [0; MAX_PLANES];
        match self.queue {
            Queue::Single => {
                // SAFETY: for this type of buffers the kernel fills this member of the union.
                let set = unsafe { format.fmt.pix };
                stride_bytes[0] = set.bytesperline;
                SetFormat {
                    size: Size { width: set.width, height: set.height },
                    fourcc: set.pixelformat,
                    stride_bytes,
                    field: set.field,
                    is_full_range: is_full_range(set.quantization, set.colorspace),
                }
            }
            Queue::Multi => {
                // SAFETY: for this type of buffers the kernel fills this member of the union.
                let set = unsafe { format.fmt.pix_mp };
                let planes = set.plane_fmt;
                for (stride, plane) in stride_bytes.iter_mut().zip(planes) {
                    *stride = plane.bytesperline;
                }
                SetFormat {
                    size: Size { width: set.width, height: set.height },
                    fourcc: set.pixelformat,
                    stride_bytes,
                    field: set.field,
                    is_full_range: is_full_range(set.quantization.into(), set.colorspace),
                }
            }
        }
    }

    /// Gives the rate that the driver made of it; one that cannot has its own.
    fn set_interval(&self, interval: Interval) -> Option<f64> {
        // SAFETY: the structure consists of integers, and a union of such structures, for which
        // zeros are values.
        let mut parameters: sys::v4l2_streamparm = unsafe { mem::zeroed() };
        parameters.type_ = self.queue.code();
        parameters.parm.capture.capability = CAN_SET_RATE;
        parameters.parm.capture.timeperframe.numerator = interval.numerator;
        parameters.parm.capture.timeperframe.denominator = interval.denominator;
        // SAFETY: VIDIOC_S_PARM is defined with this structure.
        if let Err(e) = unsafe { ioctl(&self.handle, vidioc::VIDIOC_S_PARM, &mut parameters) } {
            log::debug!("{}: its rate cannot be set: {e}", self.path.display());
            return None;
        }
        // SAFETY: for this type of buffers the kernel fills this member of the union.
        let set = unsafe { parameters.parm.capture.timeperframe };
        let set = Interval { numerator: set.numerator, denominator: set.denominator };
        set.is_sound().then(|| set.rate())
    }
}

/// What is said of a rate that is not the one that was asked for; `None` where it is.
fn other_rate(asked: f64, got: Option<f64>) -> Option<String> {
    match got {
        Some(got) if choice::is_same_rate(got, asked) => None,
        Some(got) => Some(format!("gives {} fps where {asked} was asked for", (got * 100.0).round() / 100.0)),
        None => Some(format!("has a rate that cannot be set, where {asked} fps was asked for")),
    }
}

/// How the two fields of a frame come, where that is not as one picture.
fn fields_apart(field: u32) -> Option<&'static str> {
    match field {
        sys::v4l2_field_V4L2_FIELD_SEQ_TB | sys::v4l2_field_V4L2_FIELD_SEQ_BT => Some("one below the other"),
        sys::v4l2_field_V4L2_FIELD_ALTERNATE => Some("one after the other"),
        _ => None,
    }
}

/// Whether samples use 0 to 255. Where the driver does not say, those of this colour space do.
fn is_full_range(quantization: u32, colorspace: u32) -> bool {
    match quantization {
        sys::v4l2_quantization_V4L2_QUANTIZATION_DEFAULT => colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_JPEG,
        other => other == sys::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE,
    }
}

/// How a node with these capabilities gives pictures, if it does.
fn queue(capabilities: u32) -> Option<Queue> {
    let can = |capability| capabilities & capability != 0;
    if !can(sys::V4L2_CAP_STREAMING) {
        None
    } else if can(sys::V4L2_CAP_VIDEO_CAPTURE) {
        Some(Queue::Single)
    } else {
        can(sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE).then_some(Queue::Multi)
    }
}

fn query(handle: &v4l::Device) -> io::Result<(Description, u32)> {
    // SAFETY: the structure consists of integers, for which zeros are values.
    let mut found: sys::v4l2_capability = unsafe { mem::zeroed() };
    // SAFETY: VIDIOC_QUERYCAP is defined with this structure.
    unsafe { ioctl(handle, vidioc::VIDIOC_QUERYCAP, &mut found)? };
    // The crate's own query panics at a name that is cut within a character.
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        in_one_line(&String::from_utf8_lossy(&bytes[..end]))
    };
    let description = Description { driver: text(&found.driver), card: text(&found.card), bus: text(&found.bus_info) };
    let has_own = found.capabilities & sys::V4L2_CAP_DEVICE_CAPS != 0;
    Ok((description, if has_own { found.device_caps } else { found.capabilities }))
}

/// Calls the driver, again where a signal came in between.
///
/// # Safety
/// `request` has to be defined with the structure `T`, and what pointers in it say has to be so.
pub(super) unsafe fn ioctl<T>(handle: &v4l::Device, request: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
    loop {
        // SAFETY: the pointer is to a value that lives longer than the call, and of the type that
        // the caller vouches for.
        match unsafe { v4l2::ioctl(handle.handle().fd(), request, (&raw mut *argument).cast()) } {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_not_the_one_asked_for_is_said() {
        assert_eq!((other_rate(30.0, Some(29.97)), other_rate(0.5, Some(0.5))), (None, None));
        assert_eq!(other_rate(30.0, Some(15.0)).unwrap(), "gives 15 fps where 30 was asked for");
        assert_eq!(other_rate(30.0, None).unwrap(), "has a rate that cannot be set, where 30 fps was asked for");
    }

    #[test]
    fn cameras_are_told_from_other_nodes_by_their_capabilities() {
        let streams = sys::V4L2_CAP_STREAMING;
        let planes = streams | sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        assert_eq!(queue(streams | sys::V4L2_CAP_VIDEO_CAPTURE), Some(Queue::Single));
        assert_eq!(queue(planes | sys::V4L2_CAP_VIDEO_CAPTURE), Some(Queue::Single));
        assert_eq!(queue(planes), Some(Queue::Multi));
        assert_eq!(queue(planes | sys::V4L2_CAP_IO_MC), Some(Queue::Multi));
        for other in [
            streams | sys::V4L2_CAP_VIDEO_M2M_MPLANE,
            sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_READWRITE,
            streams | sys::V4L2_CAP_META_CAPTURE,
        ] {
            assert_eq!(queue(other), None, "{other:#x}");
        }
    }
}
