//! A display that is memory, for measuring: it does what a card does without waiting for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::pixels::{PixelBits, PixelWriter};
use super::settings::Rotation;
use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;

/// Holds the last canvas as a card of the kernel's mode setting does, 32 bits a pixel.
#[derive(Default)]
pub struct MemoryScreen {
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

impl MemoryScreen {
    /// Tells how long each picture took, from wherever the screen is moved to.
    pub fn took(&self) -> PresentTime {
        self.took.clone()
    }
}

impl Screen for MemoryScreen {
    fn size(&self) -> Option<Size> {
        None
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let start = Instant::now();
        let size = canvas.size();
        if self.writer.as_ref().is_none_or(|writer| writer.canvas_size() != size) {
            let bits = PixelBits::XRGB8888;
            let writer = PixelWriter::new(size, size.width as usize * bits.bytes, bits, Rotation::Deg0);
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
