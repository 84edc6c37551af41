//! Brightens what a net sees of dark pictures: it was trained on well-lit ones.
//!
//! The arithmetic is integer, so that every machine gives the same bytes.

use crate::picture::crop::{CropImage, OUTSIDE};
use crate::picture::frame::Frame;
use crate::picture::geometry::Crop;

// Set by hand; `wingmark eval --data 300w --split common --degrade dark:N` measures what comes of
// them.

/// Darker than this on average, in steps of 8 bits, a picture is brightened to it.
const DARK: u64 = 64;
/// More would show little but the noise of the camera.
const MAX_GAIN: u64 = 16;

/// Fills the picture with what a net is shown of `frame`: what lies in `crop`, brightened where it
/// is dark.
///
/// # Panics
/// When `crop.side_px` is another than this picture's.
pub fn show(image: &mut CropImage, frame: &Frame, crop: &Crop) {
    image.fill(frame, crop);
    brighten(image);
}

/// Multiplies a dark picture's bytes by one gain; what lies outside the frame does not count and
/// stays.
pub fn brighten(image: &mut CropImage) {
    let pixels = image.rgb.as_chunks_mut::<3>().0;
    let (mut sum, mut count) = (0, 0);
    for pixel in pixels.iter().filter(|pixel| **pixel != [OUTSIDE; 3]) {
        sum += pixel.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        count += 3;
    }
    if sum >= DARK * count {
        return;
    }
    let gain = (DARK * count * 256 / sum.max(1)).min(MAX_GAIN * 256);
    let table: [u8; 256] = std::array::from_fn(|byte| ((byte as u64 * gain + 128) / 256).min(255) as u8);
    for pixel in pixels.iter_mut().filter(|pixel| **pixel != [OUTSIDE; 3]) {
        *pixel = pixel.map(|byte| table[usize::from(byte)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::frame::Size;

    fn brightened(bytes: &[u8]) -> Vec<u8> {
        let mut image = CropImage { side_px: 2, rgb: bytes.to_vec() };
        brighten(&mut image);
        image.rgb
    }

    #[test]
    fn a_dark_picture_reaches_the_mean_and_keeps_what_is_outside() {
        let dark = [10, 20, 30, 40, 10, 10, 128, 128, 128, 128, 128, 128];
        // A mean of 20 becomes one of 64.
        assert_eq!(brightened(&dark), [32, 64, 96, 128, 32, 32, 128, 128, 128, 128, 128, 128]);
    }

    #[test]
    fn what_is_shown_of_a_dark_frame_is_brightened() {
        let size = Size { width: 2, height: 2 };
        let frame = Frame::from_rgb(size, vec![16; 12]).unwrap();
        let mut image = CropImage::new(2);
        show(&mut image, &frame, &Crop::of_frame(size, 2));
        assert_eq!(image.rgb, [64; 12]);
    }

    #[test]
    fn a_bright_picture_stays() {
        let bright = [0, 0, 0, 200, 200, 200, 0, 0, 0, 128, 128, 128];
        assert_eq!(brightened(&bright), bright);
    }

    #[test]
    fn black_and_grey_pictures_stay() {
        assert_eq!(brightened(&[0; 12]), [0; 12]);
        assert_eq!(brightened(&[128; 12]), [128; 12]);
    }

    #[test]
    fn nothing_is_multiplied_by_more_than_sixteen() {
        assert_eq!(brightened(&[1; 12]), [16; 12]);
    }
}
