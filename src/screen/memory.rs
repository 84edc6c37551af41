//! A display that is memory, for measuring: it does what a card does without waiting for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::pixels::{PixelBits, PixelWriter};
use super::settings::Rotation;
use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;

/// Holds the last canvas as the memory of a display does.
pub struct MemoryScreen {
    /// `None`: that of each canvas.
    size: Option<Size>,
    bits: PixelBits,
    writer: Option<PixelWriter>,
    memory: Vec<u8>,
    took: PresentTime,
}

/// How long a [`MemoryScreen`] took for the last canvas.
#[derive(Debug, Clone, Default)]
pub struct PresentTime(Arc<AtomicU64>);

impl PresentTime {
    /// Time that the last picture took.
    pub fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// As a card of the kernel's mode setting, 32 bits a pixel.
impl Default for MemoryScreen {
    fn default() -> Self {
        MemoryScreen::new(None, PixelBits::XRGB8888)
    }
}

impl MemoryScreen {
    fn new(size: Option<Size>, bits: PixelBits) -> Self {
        MemoryScreen { size, bits, writer: None, memory: Vec::new(), took: PresentTime::default() }
    }

    /// As the framebuffer of a small panel, 16 bits a pixel.
    pub fn rgb565(size: Size) -> Self {
        MemoryScreen::new(Some(size), PixelBits::RGB565)
    }

    /// Tells how long each picture took, from wherever the screen is moved to.
    pub fn took(&self) -> PresentTime {
        self.took.clone()
    }
}

impl Screen for MemoryScreen {
    fn size(&self) -> Option<Size> {
        self.size
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let start = Instant::now();
        let size = canvas.size();
        if self.writer.as_ref().is_none_or(|writer| writer.canvas_size() != size) {
            let pitch_bytes = size.width as usize * self.bits.bytes;
            let writer = PixelWriter::new(size, pitch_bytes, self.bits, Rotation::Deg0);
            self.memory.resize(writer.memory_bytes(), 0);
            self.writer = Some(writer);
        }
        if let Some(writer) = &self.writer {
            writer.write(canvas, &mut self.memory);
        }
        self.took.0.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(())
    }
}
