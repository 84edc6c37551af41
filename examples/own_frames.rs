//! Frames of one's own, of any format with any stride: `cargo run --example own_frames`.

use std::time::Duration;

use wingmark::face::Observer;
use wingmark::picture::built_in_picture;
use wingmark::picture::frame::{Frame, PixelFormat};

/// Rows of a grey camera begin at multiples of this.
const ALIGNMENT: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let picture = built_in_picture();
    let (width, height) = (picture.size().width as usize, picture.size().height as usize);
    let stride = width.next_multiple_of(ALIGNMENT) + ALIGNMENT;
    let mut grey = vec![0; stride * height];
    for (row, rgb) in grey.chunks_mut(stride).zip(picture.to_rgb().chunks(width * 3)) {
        for (pixel, rgb) in row.iter_mut().zip(rgb.chunks(3)) {
            *pixel = (rgb.iter().map(|&channel| u32::from(channel)).sum::<u32>() / 3) as u8;
        }
    }

    let mut observer = Observer::builder().build()?;
    for sequence in 0..3 {
        let mut frame = Frame::new(PixelFormat::Grey, picture.size(), stride as u32, grey.clone())?;
        // Smoothing goes by the time, and what was dropped by the number.
        frame.stamp(sequence, Duration::from_millis(33) * sequence);
        let seen = observer.observe(&frame)?;
        println!("frame {sequence}: {} face, {:?}", seen.faces.len(), seen.timings.total);
    }
    Ok(())
}
