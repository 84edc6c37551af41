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
    let (sum, count) = light(&image.rgb);
    if sum >= DARK * count {
        return;
    }
    let gain = (DARK * count * 256 / sum.max(1)).min(MAX_GAIN * 256);
    let table: [u8; 256] = std::array::from_fn(|byte| ((byte as u64 * gain + 128) / 256).min(255) as u8);
    let pixels = image.rgb.as_chunks_mut::<3>().0;
    for pixel in pixels.iter_mut().filter(|pixel| **pixel != [OUTSIDE; 3]) {
        *pixel = pixel.map(|byte| table[usize::from(byte)]);
    }
}

/// The sum and the number of the bytes of all pixels that are not [`OUTSIDE`].
fn light(rgb: &[u8]) -> (u64, u64) {
    const OUTSIDE_SUM: u32 = 3 * OUTSIDE as u32;
    // Sixteen pixels at once, without branches: the compiler makes vectors of it.
    let (chunks, rest) = rgb.as_chunks::<48>();
    let mut last = [OUTSIDE; 48];
    last[..rest.len()].copy_from_slice(rest);
    let is_first: [u8; 46] = std::array::from_fn(|byte| u8::from(byte % 3 == 0));
    let (mut sum, mut inside) = (0, 0);
    for chunk in chunks.iter().chain([&last]) {
        let is = |byte: usize| u8::from(chunk[byte] == OUTSIDE);
        let outside: u8 = (0..46).map(|byte| is_first[byte] & is(byte) & is(byte + 1) & is(byte + 2)).sum();
        let bytes: u32 = chunk.iter().map(|&byte| u32::from(byte)).sum();
        sum += u64::from(bytes - OUTSIDE_SUM * u32::from(outside));
        inside += u64::from(16 - outside);
    }
    (sum, inside * 3)
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
    fn light_is_that_of_each_pixel_by_itself() {
        let mut noise = 1u32;
        let mut byte = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [OUTSIDE, OUTSIDE, OUTSIDE, (noise >> 16) as u8][(noise >> 30) as usize]
        };
        for pixels in 0..100 {
            let rgb = Vec::from_iter((0..pixels * 3).map(|_| byte()));
            let inside = rgb.as_chunks::<3>().0.iter().filter(|pixel| **pixel != [OUTSIDE; 3]).flatten();
            let expected = (inside.clone().map(|&byte| u64::from(byte)).sum(), inside.count() as u64);
            assert_eq!(light(&rgb), expected);
        }
    }

    #[test]
    fn nothing_is_multiplied_by_more_than_sixteen() {
        assert_eq!(brightened(&[1; 12]), [16; 12]);
    }
}
