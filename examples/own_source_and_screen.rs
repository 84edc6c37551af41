//! A source and a screen of one's own: `cargo run --example own_source_and_screen`. The source
//! slides over the built-in picture; the screen prints how bright what it shows is.

use std::time::Duration;

use wingmark::capture::{CaptureError, Captured, Source};
use wingmark::face::Observer;
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::{Frame, PixelFormat, Size};
use wingmark::screen::{Canvas, Screen, ScreenError, ScreenSettings, View};

/// Windows of a picture, each `STEP` pixels further to the right.
struct Sliding {
    picture: Frame,
    next: u32,
}

const WINDOW: Size = Size { width: 320, height: 320 };
const STEP: u32 = 8;

impl Source for Sliding {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let left = self.next * STEP;
        if left + WINDOW.width > self.picture.size().width {
            return Ok(Captured::End);
        }
        let rows = self.picture.bytes().chunks(self.picture.stride_bytes() as usize).take(WINDOW.height as usize);
        frame.fill::<CaptureError>(PixelFormat::Rgb24, WINDOW, WINDOW.width * 3, |bytes| {
            bytes.clear();
            bytes.extend(rows.flat_map(|row| &row[(left * 3) as usize..][..(WINDOW.width * 3) as usize]));
            Ok(())
        })?;
        frame.stamp(self.next, Duration::from_millis(33) * self.next);
        self.next += 1;
        Ok(Captured::Frame)
    }
}

struct Brightness;

impl Screen for Brightness {
    fn size(&self) -> Option<Size> {
        Some(Size { width: 160, height: 120 })
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let sum: u64 = canvas.rgb().iter().map(|&byte| u64::from(byte)).sum();
        println!("{}: mean {}", canvas.size(), sum / canvas.rgb().len() as u64);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut source = Sliding { picture: built_in_picture(), next: 0 };
    let mut observer = Observer::builder().build()?;
    let mut view = View::new(Box::new(Brightness), observer.scheme(), &ScreenSettings::default());
    let mut frame = Frame::default();
    while source.capture_into(&mut frame)? == Captured::Frame {
        let seen = observer.observe(&frame)?;
        view.show(&frame, &seen, &format!("{} face", seen.faces.len()))?;
    }
    Ok(())
}
