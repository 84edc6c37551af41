//! Random changes to training pictures.

use nalgebra::{Point2, Vector2};
use rand::Rng;
use rand::rngs::StdRng;
use wingmark::model::scheme::Scheme;
use wingmark::picture::crop::{CropImage, OUTSIDE};
use wingmark::picture::geometry::Crop;

/// How strong the changes are.
#[derive(Debug, Clone, Copy)]
pub struct Strength {
    /// Standard deviation of the rotation, in degrees; cut at three of them.
    pub rotation_deg: f32,
    /// Standard deviation of the logarithm of the scale.
    pub scale: f32,
    /// Standard deviation of the shift, as a share of the crop's side.
    pub shift: f32,
    /// Probability of something in front of the face.
    pub occlusion: f64,
    /// Probability of a turn by any angle up to [`FARTHEST_LEAN_DEG`].
    pub leaning: f64,
    /// Probability of a picture out of focus.
    pub blur: f64,
}

pub const LANDMARKS: Strength =
    Strength { rotation_deg: 18.0, scale: 0.10, shift: 0.04, occlusion: 0.4, leaning: 0.15, blur: 0.35 };

/// Nothing changes.
pub const NONE: Strength =
    Strength { rotation_deg: 0.0, scale: 0.0, shift: 0.0, occlusion: 0.0, leaning: 0.0, blur: 0.0 };

/// Crops as they are when a face is detected or followed.
pub const FOLLOWED: Strength = Strength { rotation_deg: 6.0, scale: 0.08, shift: 0.04, ..NONE };

/// In degrees: a face that was just found may lean as far.
const FARTHEST_LEAN_DEG: f32 = 75.0;
/// Standard deviation of the blur of a picture out of focus, as a share of the crop's side.
const BLUR: std::ops::Range<f32> = 0.004..0.045;

impl Strength {
    /// The same changes, `factor` times as strong.
    pub fn times(&self, factor: f32) -> Strength {
        Strength {
            rotation_deg: self.rotation_deg * factor,
            scale: self.scale * factor,
            shift: self.shift * factor,
            occlusion: (self.occlusion * f64::from(factor)).min(1.0),
            leaning: (self.leaning * f64::from(factor)).min(1.0),
            blur: (self.blur * f64::from(factor)).min(1.0),
        }
    }
}

/// A number of a normal distribution (Box and Muller), cut at three standard deviations.
pub fn normal(rng: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    (radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()).clamp(-3.0, 3.0)
}

/// A crop turned, scaled and shifted at random.
pub fn jitter(crop: &Crop, strength: &Strength, rng: &mut StdRng) -> Crop {
    let (centre, side, roll) = crop.square();
    let shift = Vector2::new(normal(rng), normal(rng)) * strength.shift * side;
    let roll = roll + normal(rng) * strength.rotation_deg.to_radians();
    Crop::new(centre + shift, side * (normal(rng) * strength.scale).exp(), roll, crop.side_px)
}

/// A crop that is sometimes turned far.
pub fn lean(crop: &Crop, strength: &Strength, rng: &mut StdRng) -> Crop {
    if !rng.random_bool(strength.leaning) {
        return *crop;
    }
    let (centre, side, roll) = crop.square();
    let lean = rng.random_range(-FARTHEST_LEAN_DEG..FARTHEST_LEAN_DEG).to_radians();
    Crop::new(centre, side, roll + lean, crop.side_px)
}

/// Mirrors a picture and its points.
pub fn flip(image: &mut CropImage, points: &mut Vec<Point2<f32>>, scheme: &Scheme) {
    mirror(image);
    *points = mirrored(points, image.side_px as f32 - 1.0, scheme);
}

/// Points mirrored left to right, so that x becomes `sum` less x; they change places as the scheme
/// says.
pub fn mirrored(points: &[Point2<f32>], sum: f32, scheme: &Scheme) -> Vec<Point2<f32>> {
    scheme.flip.iter().map(|&i| Point2::new(sum - points[i].x, points[i].y)).collect()
}

/// Mirrors a picture.
pub fn mirror(image: &mut CropImage) {
    mirror_rows(&mut image.rgb, image.side_px as usize);
}

/// Mirrors a picture of three bytes a pixel.
pub fn mirror_rows(rgb: &mut [u8], width_px: usize) {
    for row in rgb.chunks_mut(width_px * 3) {
        row.as_chunks_mut::<3>().0.reverse();
    }
}

/// Changes of light, colour and sharpness, then perhaps something in front of the face.
pub fn degrade(image: &mut CropImage, strength: &Strength, rng: &mut StdRng) {
    recolour(image, rng);
    if rng.random_bool(strength.blur) {
        let share = rng.random_range(BLUR.start.ln()..BLUR.end.ln()).exp();
        blur(image, share * image.side_px as f32);
    }
    if rng.random_bool(0.25) {
        let sigma = rng.random_range(2.0..14.0);
        for value in &mut image.rgb {
            *value = (f32::from(*value) + normal(rng) * sigma) as u8;
        }
    }
    if rng.random_bool(strength.occlusion) {
        occlude(image, rng);
    }
}

/// Gamma, contrast, brightness and a gain for each channel, as one table a channel; sometimes grey.
pub fn recolour(image: &mut CropImage, rng: &mut StdRng) {
    let gamma = (normal(rng) * 0.25).exp();
    let contrast = (normal(rng) * 0.2).exp();
    let brightness = normal(rng) * 18.0;
    let tables: [[u8; 256]; 3] = std::array::from_fn(|_| {
        let gain = (normal(rng) * 0.08).exp();
        std::array::from_fn(|v| {
            let curved = (v as f32 / 255.0).powf(gamma) * 255.0;
            ((curved * gain - 128.0) * contrast + 128.0 + brightness) as u8
        })
    });
    let grey = rng.random_bool(0.15);
    for pixel in image.rgb.as_chunks_mut::<3>().0 {
        if grey {
            let luma = pixel.iter().zip([77, 150, 29]).map(|(&v, w)| u32::from(v) * w).sum::<u32>() >> 8;
            *pixel = [luma as u8; 3];
        }
        for (value, table) in pixel.iter_mut().zip(&tables) {
            *value = table[usize::from(*value)];
        }
    }
}

/// Three means of rows and of columns, which together are nearly a Gaussian of standard deviation
/// `sigma` pixels (Wells, "Efficient synthesis of Gaussian filters by cascaded uniform filters",
/// 1986). The picture goes on beyond its border as it ends there.
fn blur(image: &mut CropImage, sigma: f32) {
    let side = image.side_px as usize;
    // A mean over 2 r + 1 pixels has the variance r (r + 1) / 3.
    let reach = ((0.25 + sigma * sigma).sqrt() - 0.5).round().max(1.0) as usize;
    let mut line = vec![0u32; side];
    for (step, stride) in [(side * 3, 3), (3, side * 3)].into_iter().cycle().take(6) {
        for first in (0..side).flat_map(|i| (0..3).map(move |c| i * step + c)) {
            line.iter_mut().enumerate().for_each(|(i, v)| *v = u32::from(image.rgb[first + i * stride]));
            let at = |i: usize| line[i.saturating_sub(reach).min(side - 1)];
            // `at(i)` is the pixel `reach` before i.
            let mut sum: u32 = (0..=2 * reach).map(at).sum();
            let width = 2 * reach as u32 + 1;
            for i in 0..side {
                image.rgb[first + i * stride] = ((sum + width / 2) / width) as u8;
                sum = sum + at(i + 2 * reach + 1) - at(i);
            }
        }
    }
}

/// Covers a rectangle within the picture, or all beyond a line, with one colour, with noise, with
/// another part of the same picture, or with what a crop shows outside of its frame.
fn occlude(image: &mut CropImage, rng: &mut StdRng) {
    let side = image.side_px as usize;
    let mut extent = |share: std::ops::Range<f32>| (side as f32 * rng.random_range(share)) as usize;
    let (width, height, depth) = (extent(0.1..0.42), extent(0.1..0.42), extent(0.08..0.5));
    let corner =
        |rng: &mut StdRng, width, height| (rng.random_range(0..=side - width), rng.random_range(0..=side - height));
    let (width, height, (x, y)) = match rng.random_range(0..8) {
        0 => (side, depth, (0, 0)),
        1 => (side, depth, (0, side - depth)),
        2 => (depth, side, (0, 0)),
        3 => (depth, side, (side - depth, 0)),
        _ => (width, height, corner(rng, width, height)),
    };
    let (from_x, from_y) = corner(rng, width, height);
    let colour: [u8; 3] = rng.random();
    let kind = rng.random_range(0..4);
    let source = image.rgb.clone();
    for row in 0..height {
        for column in 0..width {
            let from = ((from_y + row) * side + from_x + column) * 3;
            let pixel = match kind {
                0 => colour,
                1 => rng.random(),
                2 => [OUTSIDE; 3],
                _ => [source[from], source[from + 1], source[from + 2]],
            };
            image.rgb[((y + row) * side + x + column) * 3..][..3].copy_from_slice(&pixel);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use wingmark::model::scheme::IBUG_68;

    use super::*;

    #[test]
    fn flipping_twice_is_the_identity() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut image = CropImage::new(16);
        rng.fill(image.rgb.as_mut_slice());
        let mut points: Vec<_> =
            (0..68).map(|_| Point2::new(rng.random::<f32>() * 16.0, rng.random::<f32>() * 16.0)).collect();
        let (image_before, points_before) = (image.clone(), points.clone());
        flip(&mut image, &mut points, &IBUG_68);
        assert_ne!(image, image_before);
        flip(&mut image, &mut points, &IBUG_68);
        assert_eq!(image, image_before);
        for (a, b) in points.iter().zip(&points_before) {
            assert!((a - b).norm() < 1e-4);
        }
    }

    #[test]
    fn a_flipped_point_stays_on_what_it_marked() {
        // One bright pixel, marked as the right outer eye corner.
        let mut image = CropImage::new(16);
        image.rgb[(5 * 16 + 3) * 3] = 255;
        let mut points = vec![Point2::origin(); 68];
        points[36] = Point2::new(3.0, 5.0);
        flip(&mut image, &mut points, &IBUG_68);
        let marked = points[45];
        assert_eq!(marked, Point2::new(12.0, 5.0));
        assert_eq!(image.rgb[(5 * 16 + 12) * 3], 255);
    }

    #[test]
    fn a_blurred_point_becomes_a_gaussian_and_a_plain_picture_stays() {
        let side = 65;
        let mut image = CropImage::new(side);
        image.rgb.fill(77);
        blur(&mut image, 3.0);
        assert!(image.rgb.iter().all(|&v| v == 77));
        image.rgb.fill(0);
        // A bright square of 9 pixels, whose variance along an axis is 80 / 12.
        for (row, column) in (28..37).flat_map(|row| (28..37).map(move |column| (row, column))) {
            image.rgb[(row * 65 + column) * 3] = 255;
        }
        // Three means over 7 pixels have the variance 12.
        blur(&mut image, 12f32.sqrt());
        let sum = |power: i32| -> f32 {
            let at = |i: usize| (i as f32 - 32.0).powi(power) * f32::from(image.rgb[(32 * 65 + i) * 3]);
            (0..65).map(at).sum()
        };
        let variance = sum(2) / sum(0);
        assert!(sum(1).abs() < 1.0 && (variance - 80.0 / 12.0 - 12.0).abs() < 0.5, "{variance}");
    }

    #[test]
    fn the_same_seed_gives_the_same_picture() {
        let run = || {
            let mut rng = StdRng::seed_from_u64(7);
            let mut image = CropImage::new(64);
            for _ in 0..20 {
                degrade(&mut image, &LANDMARKS, &mut rng);
            }
            image
        };
        assert_eq!(run(), run());
    }
}
