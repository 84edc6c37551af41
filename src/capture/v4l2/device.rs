//! A camera's node: what it is, and what it offers.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::sys;
use v4l::v4l2::{self, vidioc};
use v4l::video::Capture;

use super::buffers::Buffers;
use super::choice::{self, SizeRange, nearest_interval};
use super::{CameraError, CameraFormat, CameraWish, Choice, EINVAL, ENOTTY, Interval, Mode};
use crate::picture::frame::Size;

/// No driver has more formats; one that never stops saying so is not listened to for ever.
const MAX_FORMATS: u32 = 64;
/// As long as a driver says how long a frame takes.
const CAN_SET_RATE: u32 = sys::V4L2_CAP_TIMEPERFRAME;

/// What a camera says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub driver: String,
    /// Its name, as `HD Pro Webcam C920`.
    pub card: String,
    /// Where it is plugged in, as `usb-0000:01:00.0-1.3`.
    pub bus: String,
}

/// An open camera.
pub struct Device {
    path: PathBuf,
    handle: v4l::Device,
    description: Description,
}

impl Device {
    /// Opens a node that gives pictures.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let failed = |source| CameraError::from_io(path, "opening", source);
        // The crate panics at a path that has a zero byte, and this does not.
        std::fs::metadata(path).map_err(failed)?;
        let handle = v4l::Device::with_path(path).map_err(failed)?;
        let (description, capabilities) = query(&handle).map_err(|e| match e.raw_os_error() {
            Some(ENOTTY | EINVAL) => CameraError::NotACamera(path.into()),
            _ => failed(e),
        })?;
        check(capabilities, path)?;
        Ok(Device { path: path.into(), handle, description })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    pub(super) fn handle(&self) -> &v4l::Device {
        &self.handle
    }

    pub(super) fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> CameraError {
        move |source| CameraError::from_io(&self.path, doing, source)
    }

    /// The formats of all kinds that it offers.
    pub fn fourccs(&self) -> Vec<[u8; 4]> {
        let describe = |index| {
            // SAFETY: the structure consists of integers, for which zeros are values.
            let mut format: sys::v4l2_fmtdesc = unsafe { mem::zeroed() };
            format.index = index;
            format.type_ = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
            // SAFETY: VIDIOC_ENUM_FMT is defined with this structure.
            unsafe { ioctl(&self.handle, vidioc::VIDIOC_ENUM_FMT, &mut format) }.ok()?;
            Some(format.pixelformat.to_le_bytes())
        };
        (0..MAX_FORMATS).map_while(describe).collect()
    }

    /// What it offers of the formats that are known here: single sizes, and of ranges the size nearest to the wish and
    /// the largest.
    pub fn modes(&self, wish: &CameraWish) -> Vec<Mode> {
        let mut modes = Vec::new();
        for format in self.fourccs().into_iter().filter_map(CameraFormat::from_fourcc) {
            for size in self.sizes(format, wish) {
                let mode = Mode { format, size, intervals: self.intervals(format, size, wish) };
                if !modes.contains(&mode) {
                    modes.push(mode);
                }
            }
        }
        modes
    }

    fn sizes(&self, format: CameraFormat, wish: &CameraWish) -> Vec<Size> {
        // Drivers that enumerate no sizes may take any.
        let Ok(offers) = self.handle.enum_framesizes(fourcc(format)) else { return vec![wish.size_near()] };
        let sizes = offers.into_iter().flat_map(|offer| match offer.size {
            FrameSizeEnum::Discrete(size) => vec![Size { width: size.width, height: size.height }],
            FrameSizeEnum::Stepwise(range) => {
                let max = Size { width: range.max_width, height: range.max_height };
                let min = Size { width: range.min_width, height: range.min_height };
                let step = Size { width: range.step_width, height: range.step_height };
                vec![SizeRange { min, max, step }.nearest(wish.size_near()), max]
            }
        });
        sizes.collect()
    }

    fn intervals(&self, format: CameraFormat, size: Size, wish: &CameraWish) -> Vec<Interval> {
        let Ok(offers) = self.handle.enum_frameintervals(fourcc(format), size.width, size.height) else {
            return Vec::new();
        };
        let interval =
            |fraction: v4l::Fraction| Interval { numerator: fraction.numerator, denominator: fraction.denominator };
        let intervals = offers.into_iter().map(|offer| match offer.interval {
            FrameIntervalEnum::Discrete(fraction) => interval(fraction),
            FrameIntervalEnum::Stepwise(range) => {
                nearest_interval(interval(range.min), interval(range.max), wish.rate_near())
            }
        });
        intervals.collect()
    }

    /// Chooses a mode, sets it and starts frames.
    pub fn start(self, wish: &CameraWish) -> Result<Buffers, CameraError> {
        let modes = self.modes(wish);
        if modes.is_empty() {
            let fourccs = self.fourccs();
            let names: Vec<_> = fourccs.iter().map(|fourcc| String::from_utf8_lossy(fourcc).into_owned()).collect();
            let offers = if names.is_empty() { "no format".into() } else { names.join(", ") };
            return Err(CameraError::NoFormat { path: self.path, offers });
        }
        let Some(choice) = choice::choose(&modes, wish) else {
            let offers = choice::describe(&modes, wish);
            return Err(CameraError::NotOffered { path: self.path, wish: *wish, offers });
        };
        let layout = self.set_format(&choice, wish)?;
        if let Some(interval) = choice.interval {
            self.set_interval(interval);
        }
        log::info!("{}: {} {}", self.path.display(), layout.format, layout.size);
        Buffers::start(self, layout)
    }

    fn set_format(&self, choice: &Choice, wish: &CameraWish) -> Result<Layout, CameraError> {
        // SAFETY: the structure consists of integers, and a union of such structures, for which zeros are values.
        let mut format: sys::v4l2_format = unsafe { mem::zeroed() };
        format.type_ = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
        format.fmt.pix.width = choice.size.width;
        format.fmt.pix.height = choice.size.height;
        format.fmt.pix.pixelformat = u32::from_le_bytes(choice.format.fourcc());
        format.fmt.pix.field = sys::v4l2_field_V4L2_FIELD_NONE;
        // SAFETY: VIDIOC_S_FMT is defined with this structure.
        unsafe { ioctl(&self.handle, vidioc::VIDIOC_S_FMT, &mut format) }.map_err(self.failed("setting the format"))?;
        // SAFETY: for a type of single-plane capture the kernel fills this member of the union.
        let set = unsafe { format.fmt.pix };
        let size = Size { width: set.width, height: set.height };
        let other = |found: String| {
            let asked = format!("{} {}", choice.format, choice.size);
            CameraError::OtherFormat { path: self.path.clone(), asked, found }
        };
        let fourcc = set.pixelformat.to_le_bytes();
        let Some(format) = CameraFormat::from_fourcc(fourcc) else {
            return Err(other(String::from_utf8_lossy(&fourcc).into_owned()));
        };
        // A driver may change what was left to it.
        if wish.format.is_some_and(|wanted| wanted != format) || wish.size.is_some_and(|wanted| wanted != size) {
            return Err(other(format!("{format} {size}")));
        }
        Ok(Layout { format, size, stride_bytes: set.bytesperline })
    }

    /// A driver that cannot has its own rate.
    fn set_interval(&self, interval: Interval) {
        // SAFETY: the structure consists of integers, and a union of such structures, for which zeros are values.
        let mut parameters: sys::v4l2_streamparm = unsafe { mem::zeroed() };
        parameters.type_ = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
        parameters.parm.capture.capability = CAN_SET_RATE;
        parameters.parm.capture.timeperframe.numerator = interval.numerator;
        parameters.parm.capture.timeperframe.denominator = interval.denominator;
        // SAFETY: VIDIOC_S_PARM is defined with this structure.
        if let Err(e) = unsafe { ioctl(&self.handle, vidioc::VIDIOC_S_PARM, &mut parameters) } {
            log::debug!("{}: its rate cannot be set: {e}", self.path.display());
        }
    }
}

/// How a camera's frames lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub format: CameraFormat,
    pub size: Size,
    /// Of the first plane; of no meaning for JPEGs.
    pub stride_bytes: u32,
}

fn fourcc(format: CameraFormat) -> v4l::FourCC {
    v4l::FourCC::new(&format.fourcc())
}

/// Whether a node with these capabilities gives pictures. Those that a media controller has to set up are parts of a pipeline,
/// as the image processor of a Raspberry Pi 5 is.
fn check(capabilities: u32, path: &Path) -> Result<(), CameraError> {
    let can = |capability| capabilities & capability != 0;
    if !can(sys::V4L2_CAP_STREAMING) {
        Err(CameraError::NotACamera(path.into()))
    } else if can(sys::V4L2_CAP_VIDEO_CAPTURE) {
        Ok(())
    } else if can(sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE) && !can(sys::V4L2_CAP_IO_MC) {
        Err(CameraError::MultiPlanar(path.into()))
    } else {
        Err(CameraError::NotACamera(path.into()))
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
        String::from_utf8_lossy(&bytes[..end]).into_owned()
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
        // SAFETY: the pointer is to a value that lives longer than the call, and of the type that the caller vouches for.
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
    fn cameras_are_told_from_other_nodes_by_their_capabilities() {
        let streams = sys::V4L2_CAP_STREAMING;
        let planes = streams | sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        let refusal = |capabilities| check(capabilities, Path::new("/dev/video0")).err();
        assert!(refusal(streams | sys::V4L2_CAP_VIDEO_CAPTURE).is_none());
        assert!(refusal(planes | sys::V4L2_CAP_VIDEO_CAPTURE).is_none());
        assert!(matches!(refusal(planes), Some(CameraError::MultiPlanar(_))));
        for other in [
            planes | sys::V4L2_CAP_IO_MC,
            streams | sys::V4L2_CAP_VIDEO_M2M_MPLANE,
            sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_READWRITE,
            streams | sys::V4L2_CAP_META_CAPTURE,
        ] {
            assert!(matches!(refusal(other), Some(CameraError::NotACamera(_))), "{other:#x}");
        }
    }
}
