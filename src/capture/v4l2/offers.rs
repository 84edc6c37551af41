//! What a camera says that it offers: formats, sizes and intervals, as far as that makes sense and
//! comes to an end.

use std::mem;

use v4l::sys;
use v4l::v4l2::vidioc;

use super::choice::{SizeRange, nearest_interval};
use super::device::{Device, ioctl};
use super::{CameraFormat, CameraWish, Interval, Mode};
use crate::picture::MAX_SIDE_PX;
use crate::picture::frame::Size;

/// No driver has more sizes of a format, or intervals of a size; one that never stops saying so is
/// not listened to for ever.
const MOST: u32 = 64;
/// Nor more formats. vivid has more than 64, those whose planes lie apart last.
const MOST_FORMATS: u32 = 256;

impl Device {
    /// The formats of all kinds that it offers.
    pub fn fourccs(&self) -> Vec<[u8; 4]> {
        let describe = |index| {
            // SAFETY: the structure consists of integers, for which zeros are values.
            let mut format: sys::v4l2_fmtdesc = unsafe { mem::zeroed() };
            format.index = index;
            format.type_ = self.queue().code();
            // SAFETY: VIDIOC_ENUM_FMT is defined with this structure.
            unsafe { ioctl(self.handle(), vidioc::VIDIOC_ENUM_FMT, &mut format) }.ok()?;
            Some(format.pixelformat.to_le_bytes())
        };
        each_once((0..MOST_FORMATS).map_while(describe))
    }

    /// What it offers of the formats that are known here: single sizes, and of ranges the size
    /// nearest to the wish and the largest.
    pub fn modes(&self, wish: &CameraWish) -> Vec<Mode> {
        let mut modes = Vec::new();
        for format in self.fourccs().into_iter().filter_map(CameraFormat::from_fourcc) {
            for size in self.sizes(format, wish) {
                modes.push(Mode { format, size, intervals: self.intervals(format, size, wish) });
            }
        }
        modes
    }

    fn sizes(&self, format: CameraFormat, wish: &CameraWish) -> Vec<Size> {
        let describe = |index| {
            // SAFETY: the structure consists of integers and a union of such structures, for which
            // zeros are values.
            let mut size: sys::v4l2_frmsizeenum = unsafe { mem::zeroed() };
            size.index = index;
            size.pixel_format = u32::from_le_bytes(format.fourcc());
            // SAFETY: VIDIOC_ENUM_FRAMESIZES is defined with this structure.
            unsafe { ioctl(self.handle(), vidioc::VIDIOC_ENUM_FRAMESIZES, &mut size) }.ok()?;
            if size.type_ == sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
                // SAFETY: of this type, the kernel fills this member of the union.
                let found = unsafe { size.__bindgen_anon_1.discrete };
                return Some(vec![Size { width: found.width, height: found.height }]);
            }
            // SAFETY: of the other types, the kernel fills this one.
            let found = unsafe { size.__bindgen_anon_1.stepwise };
            let range = SizeRange {
                min: Size { width: found.min_width, height: found.min_height },
                max: Size { width: found.max_width, height: found.max_height },
                step: Size { width: found.step_width, height: found.step_height },
            };
            Some(vec![range.nearest(wish.size_near()), range.max])
        };
        let mut offers = (0..MOST).map_while(describe).peekable();
        // Drivers that enumerate no sizes may take any.
        if offers.peek().is_none() {
            return vec![wish.size_near()];
        }
        let sides = 1..=MAX_SIDE_PX;
        let is_sound = |size: &Size| sides.contains(&size.width) && sides.contains(&size.height);
        each_once(offers.flatten().filter(is_sound))
    }

    /// Those that a camera can have; of a range, the one nearest to the wish.
    fn intervals(&self, format: CameraFormat, size: Size, wish: &CameraWish) -> Vec<Interval> {
        let describe = |index| {
            // SAFETY: the structure consists of integers and a union of such structures, for which
            // zeros are values.
            let mut interval: sys::v4l2_frmivalenum = unsafe { mem::zeroed() };
            interval.index = index;
            interval.pixel_format = u32::from_le_bytes(format.fourcc());
            (interval.width, interval.height) = (size.width, size.height);
            // SAFETY: VIDIOC_ENUM_FRAMEINTERVALS is defined with this structure.
            unsafe { ioctl(self.handle(), vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut interval) }.ok()?;
            let sound = |f: sys::v4l2_fract| Interval { numerator: f.numerator, denominator: f.denominator };
            if interval.type_ == sys::v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
                // SAFETY: of this type, the kernel fills this member of the union.
                return Some(sound(unsafe { interval.__bindgen_anon_1.discrete }));
            }
            // SAFETY: of the other types, the kernel fills this one.
            let range = unsafe { interval.__bindgen_anon_1.stepwise };
            Some(nearest_interval(sound(range.min), sound(range.max), wish.rate_near()))
        };
        each_once((0..MOST).map_while(describe).filter(|interval| interval.is_sound()))
    }
}

fn each_once<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}
