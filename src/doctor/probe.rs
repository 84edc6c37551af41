//! What only the live machine can answer. All else is read from a [`Tree`](crate::machine::Tree).

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};
use wingmark_kernels::Kernel;

use super::{ModelCheck, OfferedFormat, OfferedSize};
use crate::capture::v4l2::{CameraError, CameraWish, Device, answered, try_out};
use crate::capture::{CaptureError, Captured, HttpUrl, Pace, Replay, Resume, Source};
use crate::face::{LandmarkNet, zoo};
use crate::machine::{Tree, memory_fault};
use crate::picture::frame::Frame;
use crate::screen::{PngFolder, window_fault};
use crate::text::files;

pub trait Probe {
    /// Whether this user may read and write a device.
    fn may_open(&self, device: &Path) -> bool;

    /// Whether a device is among this system's files.
    fn is_there(&self, device: &Path) -> bool;

    /// Whether a program can be started, by its name or by its path.
    fn has_program(&self, name: &str) -> bool;

    /// Opens a file, or a folder of files, as a run does, and has the first frame of a file.
    fn try_file(&self, path: &Path) -> Result<(), CaptureError>;

    /// Connects to a camera on the network, and waits for a frame as long as a run does.
    fn try_stream(&self, url: &HttpUrl) -> Result<(), CaptureError>;

    /// The number of the group that a device belongs to.
    fn group(&self, device: &Path) -> Option<u32>;

    /// What a video device captures; nothing if it is no camera.
    fn camera_formats(&self, path: &Path) -> Result<Vec<OfferedFormat>, CameraError>;

    /// Has a camera stream until a frame came that can be used; for some seconds at most.
    fn try_camera(&self, path: &Path) -> Result<(), CameraError>;

    /// Free for this user where a folder lies, or will lie when it is made.
    fn free_disk_mib(&self, folder: &Path) -> Option<u64>;

    /// Why no files can be written to a folder, which is made for them if it is not there.
    fn folder_fault(&self, folder: &Path) -> Option<String>;

    /// Why there can be no window.
    fn window_fault(&self) -> Option<String>;

    /// The models in this program, each loaded once.
    fn models(&self) -> Vec<ModelCheck>;

    /// Why a run cannot take a model.
    fn model_fault(&self, model: &zoo::Choice) -> Option<String>;

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
        let is_program = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
        if name.contains('/') {
            return is_program(Path::new(name));
        }
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| is_program(&folder.join(name)))
    }

    fn try_file(&self, path: &Path) -> Result<(), CaptureError> {
        let mut files = Replay::open(path, Pace::default(), &Resume::default())?;
        // A file of a folder that cannot be read costs its turn alone.
        if path.is_file() {
            files.capture_into(&mut Frame::default())?;
        }
        Ok(())
    }

    fn try_stream(&self, url: &HttpUrl) -> Result<(), CaptureError> {
        match url.open()?.capture_into(&mut Frame::default())? {
            Captured::Frame | Captured::Damaged => Ok(()),
            _ => Err(CaptureError::Http { url: url.to_string(), problem: "it answers, and gives no frame".into() }),
        }
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

    fn free_disk_mib(&self, folder: &Path) -> Option<u64> {
        let above = folder.ancestors().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
        Some(above.into_iter().find_map(files::free_bytes)? / (1024 * 1024))
    }

    fn folder_fault(&self, folder: &Path) -> Option<String> {
        PngFolder::check(folder).err().map(|e| super::with_advice(&e))
    }

    fn window_fault(&self) -> Option<String> {
        window_fault().map(|e| super::with_advice(&e))
    }

    fn models(&self) -> Vec<ModelCheck> {
        let check = |shipped: &'static zoo::Shipped| ModelCheck {
            name: shipped.name.into(),
            fault: zoo::Choice::Shipped(shipped).load().err().map(|e| super::with_advice(&e)),
        };
        zoo::SHIPPED.iter().map(check).collect()
    }

    fn model_fault(&self, model: &zoo::Choice) -> Option<String> {
        let checked = model.load().map_err(|e| super::with_advice(&e));
        checked.and_then(|net| LandmarkNet::new(&net, 1).map_err(|e| super::with_advice(&e))).err()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::capture::film;

    #[test]
    fn a_model_that_a_run_refuses_is_at_fault() {
        let fault = |name: &str| ThisMachine.model_fault(&name.parse().unwrap()).unwrap_or_default();
        assert_eq!(fault("nano"), "");
        assert!(fault("/nowhere").starts_with("cannot read /nowhere/card.toml"), "{}", fault("/nowhere"));
        assert!(fault("faces").starts_with("faces finds faces; expected a model that finds landmarks"));
    }

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        assert_eq!(ThisMachine.folder_fault(&inside), None);
        assert!(!folder.path().join("a").exists() && folder.path().exists());
        assert!(ThisMachine.folder_fault(Path::new("/proc/x")).unwrap().starts_with("cannot write /proc/x"));
        let is_told = |folder: &Path| ThisMachine.free_disk_mib(folder).is_some();
        assert!(is_told(&inside) && is_told(Path::new("")) && is_told(Path::new("not/there")));
        // procfs has no room at all.
        assert_eq!(ThisMachine.free_disk_mib(Path::new("/proc/x/y")), Some(0));
    }

    #[test]
    fn a_program_is_found_by_its_path_too() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ffmpeg");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let is_found = || ThisMachine.has_program(program.to_str().unwrap());
        assert!(!is_found() && !ThisMachine.has_program("") && !ThisMachine.has_program("/usr/bin"));
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_found() && ThisMachine.has_program("sh") && !ThisMachine.has_program("./sh"));
    }

    #[test]
    fn a_file_is_what_it_holds_and_not_what_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let tried = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            ThisMachine.try_file(&path)
        };
        assert!(tried("film.mp4", b"YUV4MPEG2 W2 H1 Cmono XCOLORRANGE=FULL\nFRAME\n12").is_ok());
        let has_decoder = ThisMachine.has_program(&film::decoder());
        let cut = tried("recording", b"\0\0\0\x20ftypisom").unwrap_err();
        assert_eq!(matches!(cut, CaptureError::Program { .. }), has_decoder, "{cut}");
        let page = tried("film.mkv", b"<!DOCTYPE html>").unwrap_err().to_string();
        assert!(page.contains("a page of HTML"), "{page}");
        assert!(matches!(ThisMachine.try_file(&folder.path().join("none")), Err(CaptureError::NotThere(_))));
    }
}
