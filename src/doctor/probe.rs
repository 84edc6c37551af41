//! What only the live machine can answer. All else is read from a [`Tree`](crate::machine::Tree).

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};
use wingmark_kernels::Kernel;

use super::{ModelCheck, OfferedFormat, OfferedSize};
use crate::capture::v4l2::{CameraError, CameraWish, Device, answered, try_out};
use crate::face::zoo;
use crate::machine::{Tree, memory_fault};
use crate::text::files;

pub trait Probe {
    /// Whether this user may read and write a device.
    fn may_open(&self, device: &Path) -> bool;

    /// Whether a device is among this system's files.
    fn is_there(&self, device: &Path) -> bool;

    /// Whether a program can be started.
    fn has_program(&self, name: &str) -> bool;

    /// The number of the group that a device belongs to.
    fn group(&self, device: &Path) -> Option<u32>;

    /// What a video device captures; nothing if it is no camera.
    fn camera_formats(&self, path: &Path) -> Result<Vec<OfferedFormat>, CameraError>;

    /// Has a camera stream until a frame came that can be used; for some seconds at most.
    fn try_camera(&self, path: &Path) -> Result<(), CameraError>;

    /// Free for this user where the program was started.
    fn free_disk_mib(&self) -> Option<u64>;

    /// The models in this program, each loaded once.
    fn models(&self) -> Vec<ModelCheck>;

    /// Why landmarks find too little memory.
    fn memory_fault(&self) -> Option<String>;

    /// Why the int8 kernels cannot be trusted here.
    fn kernel_fault(&self) -> Option<String>;
}

/// This machine.
pub struct ThisMachine;

impl Probe for ThisMachine {
    fn may_open(&self, device: &Path) -> bool {
        access(device, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    fn is_there(&self, device: &Path) -> bool {
        device.exists()
    }

    fn has_program(&self, name: &str) -> bool {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| access(folder.join(name), Access::EXEC_OK).is_ok())
    }

    fn group(&self, device: &Path) -> Option<u32> {
        std::fs::metadata(device).ok().map(|metadata| metadata.gid())
    }

    fn camera_formats(&self, path: &Path) -> Result<Vec<OfferedFormat>, CameraError> {
        let owned_path = path.to_path_buf();
        answered(path, move || offered(&owned_path))
    }

    fn try_camera(&self, path: &Path) -> Result<(), CameraError> {
        try_out(path)
    }

    fn free_disk_mib(&self) -> Option<u64> {
        Some(files::free_bytes(Path::new("."))? / (1024 * 1024))
    }

    fn models(&self) -> Vec<ModelCheck> {
        let check = |shipped: &'static zoo::Shipped| ModelCheck {
            name: shipped.name.into(),
            fault: zoo::Choice::Shipped(shipped).load().err().map(|e| super::with_advice(&e)),
        };
        zoo::SHIPPED.iter().map(check).collect()
    }

    fn memory_fault(&self) -> Option<String> {
        memory_fault(&Tree::here())
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

fn offered(path: &Path) -> Result<Vec<OfferedFormat>, CameraError> {
    let device = match Device::open(path) {
        Err(CameraError::NotACamera(_)) => return Ok(Vec::new()),
        opened => opened?,
    };
    let modes = device.modes(&CameraWish::default());
    let formats = device.fourccs().into_iter().map(|fourcc| {
        let modes = modes.iter().filter(|mode| mode.format.fourcc() == fourcc);
        let sizes = modes.map(|mode| {
            let rate = mode.intervals.iter().map(|interval| interval.rate()).reduce(f64::max);
            OfferedSize { size: mode.size.to_string(), rate }
        });
        OfferedFormat { format: String::from_utf8_lossy(&fourcc).trim().into(), sizes: sizes.collect() }
    });
    let formats: Vec<OfferedFormat> = formats.collect();
    let is_readable = formats.iter().any(OfferedFormat::is_readable);
    if device.is_in_pipeline() && !is_readable { Err(device.pipeline_error()) } else { Ok(formats) }
}
