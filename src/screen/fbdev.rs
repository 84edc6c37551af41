//! A framebuffer device (/dev/fb*): memory that is shown as it is written.

use std::ffi::c_ulong;
use std::fs::{File, OpenOptions};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::path::Path;
use std::{mem, ptr, slice};

use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::pixels::{BitField, PixelBits, PixelWriter};
use super::settings::Rotation;
use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;

/// What it showed before is shown again when this is dropped.
pub struct FbScreen {
    memory: Memory,
    /// Of the first visible pixel in the memory.
    start: usize,
    writer: PixelWriter,
    is_of_drm: bool,
    before: Vec<u8>,
}

impl FbScreen {
    pub fn open(path: &Path, rotation: Rotation) -> Result<Self, ScreenError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| ScreenError::opening(path, "video", e))?;
        let info = Info::of(&file).map_err(|e| match e {
            Errno::NOTTY | Errno::INVAL => ScreenError::Unsupported {
                path: path.into(),
                found: "no picture memory".into(),
                expected: "a framebuffer device, such as /dev/fb0".into(),
            },
            _ => ScreenError::Device { path: path.into(), task: "describe its memory", source: e.into() },
        })?;
        FbScreen::over(&file, &info, path, rotation)
    }

    /// Whether a DRM card stands behind it, which shows it only while nobody else uses the card.
    pub fn is_of_drm(&self) -> bool {
        self.is_of_drm
    }

    fn over(file: &File, info: &Info, path: &Path, rotation: Rotation) -> Result<Self, ScreenError> {
        let layout = info.layout().map_err(|(found, expected)| ScreenError::Unsupported {
            path: path.into(),
            found,
            expected,
        })?;
        let memory = Memory::map(file, info.fixed.memory_bytes as usize);
        let memory =
            memory.map_err(|e| ScreenError::Device { path: path.into(), task: "map its memory", source: e.into() })?;
        let writer = PixelWriter::new(layout.size, layout.pitch_bytes, layout.bits, rotation);
        let before = memory[layout.start..][..writer.memory_bytes()].to_vec();
        // The kernel's name for such a framebuffer is the card's driver and "drmfb".
        let is_of_drm = info.fixed.id.windows(5).any(|part| part == b"drmfb");
        Ok(FbScreen { memory, start: layout.start, writer, is_of_drm, before })
    }
}

impl Screen for FbScreen {
    fn size(&self) -> Option<Size> {
        Some(self.writer.canvas_size())
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.writer.write(canvas, &mut self.memory[self.start..]);
        Ok(())
    }
}

impl Drop for FbScreen {
    fn drop(&mut self) {
        self.memory[self.start..][..self.before.len()].copy_from_slice(&self.before);
    }
}

/// The visible part of a framebuffer's memory.
#[derive(Debug, PartialEq, Eq)]
struct PixelLayout {
    start: usize,
    size: Size,
    pitch_bytes: usize,
    bits: PixelBits,
}

struct Info {
    fixed: FixedInfo,
    variable: VariableInfo,
}

impl Info {
    fn of(file: &File) -> Result<Self, Errno> {
        const FBIOGET_VSCREENINFO: Opcode = 0x4600;
        const FBIOGET_FSCREENINFO: Opcode = 0x4602;
        // SAFETY: the kernel fills the structure that belongs to each request, and all bits in them
        // may have any value.
        unsafe {
            Ok(Info {
                fixed: ioctl(file, Getter::<FBIOGET_FSCREENINFO, FixedInfo>::new())?,
                variable: ioctl(file, Getter::<FBIOGET_VSCREENINFO, VariableInfo>::new())?,
            })
        }
    }

    /// Checks that the memory holds a picture of a known kind; otherwise says what was found and
    /// what was expected.
    fn layout(&self) -> Result<PixelLayout, (String, String)> {
        const PACKED_PIXELS: u32 = 0;
        const TRUECOLOR: u32 = 2;
        const DIRECTCOLOR: u32 = 4;
        let (fixed, variable) = (&self.fixed, &self.variable);
        let colours = [variable.red, variable.green, variable.blue];
        let is_rgb = fixed.kind == PACKED_PIXELS && [TRUECOLOR, DIRECTCOLOR].contains(&fixed.visual);
        let is_inside = |field: &FieldInfo| {
            (1..=16).contains(&field.length) && field.offset.saturating_add(field.length) <= variable.bits_per_pixel
        };
        if !is_rgb || ![16, 24, 32].contains(&variable.bits_per_pixel) || !colours.iter().all(is_inside) {
            let VariableInfo { bits_per_pixel, red, green, blue, .. } = variable;
            return Err((
                format!(
                    "{bits_per_pixel} bits a pixel (red {red}, green {green}, blue {blue}, visual {})",
                    fixed.visual
                ),
                "16, 24 or 32 bits with red, green and blue in them".into(),
            ));
        }
        let pixel_bytes = variable.bits_per_pixel as usize / 8;
        let (width, height) = (variable.width_px as usize, variable.height_px as usize);
        let pitch_bytes = fixed.pitch_bytes as usize;
        let row_bytes = width as u128 * pixel_bytes as u128;
        if width == 0 || height == 0 || u128::from(fixed.pitch_bytes) < row_bytes {
            return Err((
                format!("{width}x{height} pixels in rows of {pitch_bytes} bytes"),
                format!("a picture, in rows of {row_bytes} bytes at least"),
            ));
        }
        // What a driver says may be nonsense, and more than an address.
        let [x, y, rows] = [variable.x_offset, variable.y_offset, variable.height_px - 1].map(u128::from);
        let pitch = u128::from(fixed.pitch_bytes);
        let start = y * pitch + x * pixel_bytes as u128;
        let end = start + rows * pitch + row_bytes;
        if end > fixed.memory_bytes.into() {
            return Err((
                format!("{} bytes of memory", fixed.memory_bytes),
                format!("{end} at least for {width}x{height}"),
            ));
        }
        let [red, green, blue] = colours.map(|field| BitField { offset: field.offset, length: field.length });
        Ok(PixelLayout {
            start: start as usize,
            size: Size { width: variable.width_px, height: variable.height_px },
            pitch_bytes,
            bits: PixelBits { bytes: pixel_bytes, red, green, blue },
        })
    }
}

/// `struct fb_fix_screeninfo` of linux/fb.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct FixedInfo {
    id: [u8; 16],
    memory_start: c_ulong,
    memory_bytes: u32,
    kind: u32,
    auxiliary_kind: u32,
    visual: u32,
    steps: [u16; 3],
    pitch_bytes: u32,
    registers_start: c_ulong,
    registers_bytes: u32,
    accelerator: u32,
    capabilities: u16,
    reserved: [u16; 2],
}

/// `struct fb_var_screeninfo` of linux/fb.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct VariableInfo {
    width_px: u32,
    height_px: u32,
    virtual_width_px: u32,
    virtual_height_px: u32,
    x_offset: u32,
    y_offset: u32,
    bits_per_pixel: u32,
    grayscale: u32,
    red: FieldInfo,
    green: FieldInfo,
    blue: FieldInfo,
    transparency: FieldInfo,
    /// Timings and the like.
    others: [u32; 20],
}

/// `struct fb_bitfield` of linux/fb.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct FieldInfo {
    offset: u32,
    length: u32,
    is_msb_right: u32,
}

/// `8@16`.
impl std::fmt::Display for FieldInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.length, self.offset)
    }
}

const _: () = assert!(mem::size_of::<VariableInfo>() == 160);
const _: () = assert!(mem::size_of::<FixedInfo>() == if mem::size_of::<c_ulong>() == 8 { 80 } else { 68 });

/// A file's memory, shared with whoever else maps it.
struct Memory {
    start: *mut u8,
    bytes: usize,
}

impl Memory {
    fn map(file: impl AsFd, bytes: usize) -> rustix::io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so that nothing of ours is replaced.
        let start = unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, file, 0) }?;
        Ok(Memory { start: start.cast(), bytes })
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: all of it is mapped until this is dropped, and nothing else in this program
        // refers to it.
        unsafe { slice::from_raw_parts(self.start, self.bytes) }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; the exclusive borrow is that of the only owner.
        unsafe { slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: what was mapped at the start is unmapped once, and no slice of it is left.
        let unmapped = unsafe { munmap(self.start.cast(), self.bytes) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

// SAFETY: the memory belongs to the process, not to the thread that mapped it.
unsafe impl Send for Memory {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const PATH: &str = "/dev/fb7";

    fn field(offset: u32, length: u32) -> FieldInfo {
        FieldInfo { offset, length, ..FieldInfo::default() }
    }

    /// 3 x 2 pixels of RGB565 in rows of 10 bytes, the second of two pages shown.
    fn info() -> Info {
        Info {
            fixed: FixedInfo { memory_bytes: 40, visual: 2, pitch_bytes: 10, ..FixedInfo::default() },
            variable: VariableInfo {
                width_px: 3,
                height_px: 2,
                y_offset: 2,
                bits_per_pixel: 16,
                red: field(11, 5),
                green: field(5, 6),
                blue: field(0, 5),
                ..VariableInfo::default()
            },
        }
    }

    fn canvas() -> Canvas {
        let mut canvas = Canvas::new(Size { width: 3, height: 2 });
        canvas.rgb_mut().copy_from_slice(&[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 8, 4, 8]);
        canvas
    }

    /// A file stands for the device's memory, filled with 0xee.
    fn shown(info: &Info) -> (Vec<u8>, Vec<u8>) {
        let file = tempfile::tempfile().unwrap();
        let bytes = info.fixed.memory_bytes as usize;
        file.write_all_at(&vec![0xee; bytes], 0).unwrap();
        let read = || {
            let mut memory = vec![0; bytes];
            file.read_exact_at(&mut memory, 0).unwrap();
            memory
        };
        let mut screen = FbScreen::over(&file, info, Path::new(PATH), Rotation::Deg0).unwrap();
        screen.present(&canvas()).unwrap();
        let while_open = read();
        drop(screen);
        (while_open, read())
    }

    #[test]
    fn rgb565_goes_to_the_page_that_is_shown_and_is_taken_back_at_the_end() {
        let (while_open, after) = shown(&info());
        let mut expected = vec![0xee; 40];
        expected[20..26].copy_from_slice(&[0x00, 0xf8, 0xe0, 0x07, 0x1f, 0x00]);
        expected[30..36].copy_from_slice(&[0xff, 0xff, 0x00, 0x00, 0x21, 0x08]);
        assert_eq!(while_open, expected);
        assert_eq!(after, [0xee; 40]);
    }

    #[test]
    fn a_pitch_that_is_no_multiple_of_a_pixel_is_kept() {
        let mut info = info();
        info.fixed.pitch_bytes = 11;
        info.fixed.memory_bytes = 11;
        info.variable = VariableInfo { y_offset: 0, height_px: 2, ..info.variable };
        info.fixed.memory_bytes = 11 + 6;
        let (while_open, _) = shown(&info);
        assert_eq!(while_open[6..11], [0xee; 5]);
        assert_eq!(while_open[11..13], [0xff, 0xff]);
    }

    #[test]
    fn pixels_of_three_and_four_bytes_follow_their_bit_fields() {
        let mut info = info();
        info.variable = VariableInfo {
            y_offset: 0,
            bits_per_pixel: 24,
            red: field(0, 8),
            green: field(8, 8),
            blue: field(16, 8),
            ..info.variable
        };
        info.fixed.pitch_bytes = 9;
        let (while_open, _) = shown(&info);
        assert_eq!(while_open[..9], [255, 0, 0, 0, 255, 0, 0, 0, 255]);
        info.variable = VariableInfo { bits_per_pixel: 32, red: field(16, 8), blue: field(0, 8), ..info.variable };
        info.fixed.pitch_bytes = 12;
        let (while_open, _) = shown(&info);
        // The byte of no colour may be opacity.
        assert_eq!(while_open[..12], [0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 255]);
    }

    #[test]
    fn what_is_no_picture_of_a_known_kind_is_described() {
        let refused = |change: fn(&mut Info)| {
            let mut info = info();
            change(&mut info);
            let file = tempfile::tempfile().unwrap();
            let Err(error) = FbScreen::over(&file, &info, Path::new(PATH), Rotation::Deg0) else { panic!("opened") };
            error.to_string()
        };
        for (change, expected) in [
            (
                (|info| info.variable.bits_per_pixel = 8) as fn(&mut Info),
                "/dev/fb7 has 8 bits a pixel (red 5@11, green 6@5, blue 5@0, visual 2); expected 16, 24 or 32 bits",
            ),
            (|info| info.fixed.visual = 3, "visual 3); expected"),
            (|info| info.variable.red.offset = u32::MAX, "expected 16, 24 or 32 bits with red, green and blue in them"),
            (|info| info.variable.green.length = 0, "green 0@5"),
            (
                |info| info.fixed.pitch_bytes = 5,
                "/dev/fb7 has 3x2 pixels in rows of 5 bytes; expected a picture, in rows of 6 bytes at least",
            ),
            (|info| info.variable.height_px = 0, "has 3x0 pixels"),
            (|info| info.fixed.memory_bytes = 35, "/dev/fb7 has 35 bytes of memory; expected 36 at least for 3x2"),
        ] {
            let error = refused(change);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_framebuffer_of_a_drm_card_is_known_by_its_name() {
        for (name, expected) in [(b"virtio_gpudrmfb\0", true), (b"fb_st7789v\0\0\0\0\0\0", false)] {
            let mut info = info();
            info.fixed.id = *name;
            let file = tempfile::tempfile().unwrap();
            file.set_len(40).unwrap();
            let screen = FbScreen::over(&file, &info, Path::new(PATH), Rotation::Deg0).unwrap();
            assert_eq!(screen.is_of_drm(), expected);
        }
    }

    #[test]
    fn a_file_is_no_framebuffer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(error) = FbScreen::open(file.path(), Rotation::Deg0) else { panic!("opened") };
        let error = error.to_string();
        assert!(error.ends_with("has no picture memory; expected a framebuffer device, such as /dev/fb0"), "{error}");
    }
}
