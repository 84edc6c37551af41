//! What only the machine itself can answer; everything else is read from a [`Tree`](crate::machine::Tree).

use std::io;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::video::Capture;
use wingmark_kernels::Kernel;

use super::{CameraFormat, CameraSize, ModelCheck};
use crate::frame::Size;
use crate::zoo;

pub trait Probe {
    /// Whether this user may read and write a device.
    fn may_open(&self, device: &Path) -> bool;

    /// What a video device captures; nothing if it is no camera.
    fn camera_formats(&self, device: &Path) -> io::Result<Vec<CameraFormat>>;

    /// Free for this user where the program was started.
    fn free_disk_mib(&self) -> Option<u64>;

    /// The models in this program, each loaded once.
    fn models(&self) -> Vec<ModelCheck>;

    /// Why the int8 kernels cannot be trusted here.
    fn kernel_fault(&self) -> Option<String>;
}

/// This machine.
pub struct ThisMachine;

impl Probe for ThisMachine {
    fn may_open(&self, device: &Path) -> bool {
        access(device, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    fn camera_formats(&self, device: &Path) -> io::Result<Vec<CameraFormat>> {
        let device = v4l::Device::with_path(device)?;
        // A device that captures nothing has no list of formats.
        let formats = device.enum_formats().unwrap_or_default().into_iter().map(|format| {
            let sizes = device.enum_framesizes(format.fourcc).unwrap_or_default();
            let sizes = sizes.into_iter().map(|found| {
                let (size, most) = match found.size {
                    FrameSizeEnum::Discrete(size) => (Size { width: size.width, height: size.height }, None),
                    FrameSizeEnum::Stepwise(range) => (
                        Size { width: range.min_width, height: range.min_height },
                        Some(Size { width: range.max_width, height: range.max_height }),
                    ),
                };
                let Size { width, height } = most.unwrap_or(size);
                let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
                let shortest = intervals.into_iter().map(|found| match found.interval {
                    FrameIntervalEnum::Discrete(interval) => interval,
                    FrameIntervalEnum::Stepwise(range) => range.min,
                });
                let rate =
                    shortest.map(|time| f64::from(time.denominator) / f64::from(time.numerator)).reduce(f64::max);
                CameraSize { size: size.to_string(), most: most.map(|size| size.to_string()), rate }
            });
            CameraFormat { format: String::from_utf8_lossy(&format.fourcc.repr).trim().into(), sizes: sizes.collect() }
        });
        Ok(formats.collect())
    }

    fn free_disk_mib(&self) -> Option<u64> {
        let disk = statvfs(".").ok()?;
        Some(disk.f_bavail * disk.f_frsize / (1024 * 1024))
    }

    fn models(&self) -> Vec<ModelCheck> {
        let check = |shipped: &'static zoo::Shipped| ModelCheck {
            name: shipped.name.into(),
            fault: zoo::Choice::Shipped(shipped).load().err().map(|e| e.to_string()),
        };
        zoo::SHIPPED.iter().map(check).collect()
    }

    fn kernel_fault(&self) -> Option<String> {
        match Kernel::from_environment() {
            Err(e) => Some(e.to_string()),
            Ok(kernel) if !kernel.passes_self_test() => {
                Some(format!("the kernels {} fail their self-test", kernel.name()))
            }
            Ok(_) => None,
        }
    }
}
