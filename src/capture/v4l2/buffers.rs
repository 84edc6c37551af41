//! Frames from a camera through memory that is shared with its driver.

use std::ffi::c_void;
use std::io;
use std::mem;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use v4l::sys;
use v4l::v4l2::vidioc;

use super::CameraError;
use super::device::{Device, Queue, ioctl};
use super::planes::{Layout, MAX_PLANES};

/// One is read, one is filled, and two wait.
const BUFFERS: u32 = 4;
/// From the C headers: there is something to read.
const POLLIN: i16 = 1;

/// A camera that gives frames, until this is dropped.
pub struct Buffers {
    device: Device,
    layout: Layout,
    /// The planes of each buffer.
    memory: Vec<Vec<Mapping>>,
    /// Why the driver did not take a buffer back. The frame in it was read, so that it is said with
    /// the next one.
    failure: Option<io::Error>,
}

/// A frame in the driver's memory.
pub struct Filled<'a> {
    /// One for formats whose planes lie together.
    pub planes: &'a [&'a [u8]],
    /// Counts from the start of the stream, dropped frames included.
    pub sequence: u32,
    /// When it was captured, by the monotonic clock; `None` where the driver uses another one.
    pub captured_at: Option<Duration>,
    /// The driver says that the bytes are not to be trusted.
    pub is_flagged: bool,
}

/// A buffer as it is described to the driver and by it. `planes` are those of multi-planar cameras.
struct BufferInfo {
    buffer: sys::v4l2_buffer,
    planes: [sys::v4l2_plane; MAX_PLANES],
}

impl Buffers {
    pub(super) fn start(device: Device, layout: Layout) -> Result<Self, CameraError> {
        let mut buffers = Buffers { device, layout, memory: Vec::new(), failure: None };
        let count = buffers.request(BUFFERS).map_err(buffers.device.failed("asking for buffers"))?;
        if count == 0 {
            return Err(CameraError::from_io(buffers.device.path(), "asking for buffers", Errno::BUSY.into()));
        }
        for index in 0..count {
            let mapping = buffers.map(index).map_err(buffers.device.failed("mapping buffers"))?;
            buffers.memory.push(mapping);
            buffers.queue(index).map_err(buffers.device.failed("queueing buffers"))?;
        }
        buffers.switch(vidioc::VIDIOC_STREAMON).map_err(|e| buffers.device.refused_to_start(e))?;
        Ok(buffers)
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads the next frame by `read`, and gives its memory back to the driver; `None` where none
    /// comes within the time.
    pub fn next<T>(&mut self, within: Duration, read: impl FnOnce(Filled) -> T) -> io::Result<Option<T>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let within_ms = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
        match self.device.handle().handle().poll(POLLIN, within_ms) {
            Ok(0) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(None),
            ready => ready?,
        };
        let filled = match self.describe(vidioc::VIDIOC_DQBUF, 0) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            done => done?,
        };
        let Some(memory) = self.memory.get(filled.buffer.index as usize) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the driver gave a buffer that it does not have"));
        };
        let mut planes: [&[u8]; MAX_PLANES] = [&[]; MAX_PLANES];
        for (i, (plane, mapping)) in planes.iter_mut().zip(memory).enumerate() {
            let (start, end) = filled.used(i, self.device.queue());
            let bytes = mapping.bytes();
            *plane = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        }
        let flags = filled.buffer.flags;
        let is_monotonic = flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK == sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let value = read(Filled {
            planes: &planes[..memory.len().min(MAX_PLANES)],
            sequence: filled.buffer.sequence,
            captured_at: if is_monotonic { since_epoch(filled.buffer.timestamp) } else { None },
            is_flagged: flags & sys::V4L2_BUF_FLAG_ERROR != 0,
        });
        self.failure = self.queue(filled.buffer.index).err();
        Ok(Some(value))
    }

    /// Asks for so many buffers, and says how many there are.
    fn request(&self, count: u32) -> io::Result<u32> {
        // SAFETY: the structure consists of integers, for which zeros are values.
        let mut request: sys::v4l2_requestbuffers = unsafe { mem::zeroed() };
        request.count = count;
        request.type_ = self.device.queue().code();
        request.memory = sys::v4l2_memory_V4L2_MEMORY_MMAP;
        // SAFETY: VIDIOC_REQBUFS is defined with this structure.
        unsafe { ioctl(self.device.handle(), vidioc::VIDIOC_REQBUFS, &mut request)? };
        Ok(request.count)
    }

    fn map(&self, index: u32) -> io::Result<Vec<Mapping>> {
        let found = self.describe(vidioc::VIDIOC_QUERYBUF, index)?;
        // SAFETY: the device is open as long as this borrow lives, which is until the end of this
        // function.
        let file = unsafe { BorrowedFd::borrow_raw(self.device.handle().handle().fd()) };
        let parts = match self.device.queue() {
            // SAFETY: for mapped memory the kernel fills this member of the union.
            Queue::Single => vec![(found.buffer.length, unsafe { found.buffer.m.offset })],
            Queue::Multi => {
                let planes = found.planes.iter().take(found.buffer.length as usize);
                // SAFETY: for mapped memory the kernel fills this member of the union.
                planes.map(|plane| (plane.length, unsafe { plane.m.mem_offset })).collect()
            }
        };
        parts.into_iter().map(|(length, offset)| Mapping::new(file, length as usize, u64::from(offset))).collect()
    }

    fn queue(&self, index: u32) -> io::Result<()> {
        self.describe(vidioc::VIDIOC_QBUF, index).map(drop)
    }

    /// Calls the driver about a buffer.
    fn describe(&self, request: vidioc::_IOC_TYPE, index: u32) -> io::Result<BufferInfo> {
        // SAFETY: the structures consist of integers and unions of them and pointers, for which
        // zeros are values.
        let (mut buffer, mut planes) = unsafe { mem::zeroed::<(sys::v4l2_buffer, [sys::v4l2_plane; MAX_PLANES])>() };
        buffer.index = index;
        buffer.type_ = self.device.queue().code();
        buffer.memory = sys::v4l2_memory_V4L2_MEMORY_MMAP;
        if self.device.queue() == Queue::Multi {
            buffer.m.planes = planes.as_mut_ptr();
            buffer.length = MAX_PLANES as u32;
        }
        // SAFETY: VIDIOC_QUERYBUF, VIDIOC_QBUF and VIDIOC_DQBUF are defined with this structure.
        // Mapped memory needs no pointers but that to the planes, which live longer than the call
        // and are as many as it says.
        unsafe { ioctl(self.device.handle(), request, &mut buffer)? };
        Ok(BufferInfo { buffer, planes })
    }

    /// Starts or stops frames.
    fn switch(&self, request: vidioc::_IOC_TYPE) -> io::Result<()> {
        let mut kind = self.device.queue().code() as i32;
        // SAFETY: VIDIOC_STREAMON and VIDIOC_STREAMOFF are defined with an int.
        unsafe { ioctl(self.device.handle(), request, &mut kind) }
    }
}

impl BufferInfo {
    /// From which to which byte of a plane's memory its data lie.
    fn used(&self, plane: usize, queue: Queue) -> (usize, usize) {
        match queue {
            Queue::Single => (0, self.buffer.bytesused as usize),
            Queue::Multi => (self.planes[plane].data_offset as usize, self.planes[plane].bytesused as usize),
        }
    }
}

impl Drop for Buffers {
    /// What fails here fails because the camera is gone, and takes the buffers with it.
    fn drop(&mut self) {
        let _ = self.switch(vidioc::VIDIOC_STREAMOFF);
        self.memory.clear();
        let _ = self.request(0);
    }
}

fn since_epoch(time: sys::timeval) -> Option<Duration> {
    let (seconds, micros) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_usec).ok()?);
    Some(Duration::new(seconds, micros.checked_mul(1000)?))
}

/// Memory that is shared with the driver.
struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the memory belongs to this value alone, and no thread is tied to it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: BorrowedFd, length: usize, offset: u64) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address that nothing else uses.
        let start =
            unsafe { rustix::mm::mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, offset)? };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, length })
    }

    /// The driver writes here only while the buffer is queued, which it is not while this is
    /// called.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is of this length, readable, and lives as long as this value.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and no slice of it outlives it.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
    }
}
