//! Pictures for the page. A thread of their own scales them down and packs them as JPEG, at most
//! ten a second, and only while somebody looks.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::Builder;
use std::time::{Duration, Instant};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::newest::Newest;
use crate::picture::frame::{Frame, Size};
use crate::picture::pixels::{PixelReader, Pixels};
use crate::threads;

const EVERY: Duration = Duration::from_millis(100);
const WIDEST_PX: usize = 640;
const QUALITY: u8 = 75;

/// The newest frame as a JPEG, packed on a thread of its own.
#[derive(Default)]
pub struct Video {
    state: Mutex<State>,
    changed: Condvar,
    pictures: Newest<Vec<u8>>,
}

#[derive(Default)]
struct State {
    frame: Frame,
    /// Whether the frame waits to be packed.
    is_full: bool,
    taken_at: Option<Instant>,
    closed: bool,
}

impl Video {
    /// Starts the thread.
    pub fn start() -> io::Result<Arc<Self>> {
        let video = Arc::<Video>::default();
        let packs = Arc::clone(&video);
        let work = move || {
            // However it ends: who looks is not left waiting.
            let packs = ClosesPictures(packs);
            packs.0.pack_all();
        };
        threads::start_beside(Builder::new().name("video".into()), "the page shows no pictures any more", work)?;
        Ok(video)
    }

    /// Takes a copy where somebody looks and the one before is packed; never waits for that.
    pub fn offer(&self, frame: &Frame) {
        if !self.pictures.has_viewers() {
            return;
        }
        let mut state = self.lock();
        if state.is_full || state.taken_at.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        state.frame.clone_from(frame);
        (state.is_full, state.taken_at) = (true, Some(Instant::now()));
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn pictures(&self) -> &Newest<Vec<u8>> {
        &self.pictures
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.pictures.close();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding a frame")
    }

    fn pack_all(&self) {
        let mut frame = Frame::default();
        loop {
            let mut state = self.lock();
            while !state.is_full && !state.closed {
                state = self.changed.wait(state).expect("nobody panics while holding a frame");
            }
            if state.closed {
                return;
            }
            std::mem::swap(&mut state.frame, &mut frame);
            state.is_full = false;
            drop(state);
            if let Some(jpeg) = pack(&frame) {
                self.pictures.put(jpeg);
            }
        }
    }
}

/// Sends its viewers home when it is dropped.
struct ClosesPictures(Arc<Video>);

impl Drop for ClosesPictures {
    fn drop(&mut self) {
        self.0.pictures.close();
    }
}

/// A JPEG; `None` where it cannot be made.
fn pack(frame: &Frame) -> Option<Vec<u8>> {
    let (size, rgb) = frame.read_pixels(Shrunk);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&rgb, size.width, size.height, ExtendedColorType::Rgb8)
        .ok()?;
    Some(jpeg)
}

/// The mean of each square of pixels, as large as makes the picture at most [`WIDEST_PX`] wide.
struct Shrunk;

impl PixelReader for Shrunk {
    type Output = (Size, Vec<u8>);

    fn read(self, size: Size, pixels: impl Pixels) -> (Size, Vec<u8>) {
        let (width, height) = (size.width as usize, size.height as usize);
        let side = width.div_ceil(WIDEST_PX).min(height.max(1));
        let (columns, rows) = (width / side, height / side);
        let mut bytes = Vec::with_capacity(columns * rows * 3);
        for row in 0..rows {
            for column in 0..columns {
                let mut sums = [0usize; 3];
                for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                    let pixel = pixels.at(column * side + x, row * side + y);
                    sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += usize::from(value));
                }
                bytes.extend(sums.map(|sum| (sum / (side * side)) as u8));
            }
        }
        (Size { width: columns as u32, height: rows as u32 }, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::built_in_picture;

    #[test]
    fn a_picture_is_packed_small_enough() {
        let frame = built_in_picture();
        let picture = image::load_from_memory(&pack(&frame).unwrap()).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (frame.size().width, frame.size().height));
        let (width, height) = (1500, 40);
        let wide = Frame::from_rgb(Size { width, height }, vec![200; (width * height * 3) as usize]).unwrap();
        let picture = image::load_from_memory(&pack(&wide).unwrap()).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (500, 13));
        assert!(picture.pixels().all(|pixel| pixel.0.iter().all(|value| value.abs_diff(200) < 4)));
        // A frame that nobody filled is one black pixel.
        assert_eq!(
            image::load_from_memory(&pack(&Frame::default()).unwrap()).unwrap().into_rgb8().dimensions(),
            (1, 1)
        );
    }

    #[test]
    fn nobody_looks_and_nothing_is_copied() {
        let video = Video::default();
        video.offer(&built_in_picture());
        assert!(!video.lock().is_full);
        let _viewer = video.pictures.viewer();
        video.offer(&built_in_picture());
        assert!(video.lock().is_full);
    }
}
