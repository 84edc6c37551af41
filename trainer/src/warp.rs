//! Faces of other shapes: a crop is stretched here and squeezed there, smoothly, and its landmarks with it.

use nalgebra::{Matrix2, Point2, Vector2};
use rand::Rng;
use rand::rngs::StdRng;
use wingmark::convert::CropImage;
use wingmark::geometry::Crop;

use crate::augment::{Strength, normal};
use crate::task::landmarks::cut;
use crate::task::pictures::Face;

/// Places that are pushed aside.
const PUSHES: usize = 6;
/// Their radius, as a share of the crop's side.
const RADIUS: std::ops::Range<f32> = 0.12..0.35;
/// Pixels of the crop that is warped, for a pixel of the warped one, along a side: resampling shall not blur.
const FINER: u32 = 2;
/// Of the fixed point that finds a landmark; each halves the rest at least.
const ITERATIONS: usize = 16;
/// The most that neighbouring pixels' displacements may differ, in pixels; beyond 1, pictures fold.
const MOST_STRAIN: f32 = 0.5;

/// Where a warped crop takes its pixels from: the point `p` of the warped crop shows what lies at `p + d(p)` of the plain one, with
/// `d` a stretch along one axis and a squeeze across it, and Gaussian pushes. In pixels.
pub struct Warp {
    middle: Point2<f32>,
    stretch: Matrix2<f32>,
    pushes: [Push; PUSHES],
}

struct Push {
    centre: Point2<f32>,
    radius: f32,
    by: Vector2<f32>,
}

impl Warp {
    pub fn random(strength: &Strength, side_px: u32, rng: &mut StdRng) -> Warp {
        let side = side_px as f32;
        let mut strain = || normal(rng) * strength.strain;
        let (along, across) = (strain(), strain());
        let mut warp = Warp {
            middle: Point2::from(Vector2::repeat((side - 1.0) / 2.0)),
            stretch: Matrix2::new(along, across, across, -along),
            pushes: std::array::from_fn(|_| {
                let radius = rng.random_range(RADIUS) * side;
                let centre = Point2::new(rng.random::<f32>(), rng.random::<f32>()) * side;
                Push { centre, radius, by: Vector2::new(normal(rng), normal(rng)) * strength.strain * radius }
            }),
        };
        let strain = warp.most_strain();
        if strain > MOST_STRAIN {
            let factor = MOST_STRAIN / strain;
            warp.stretch *= factor;
            warp.pushes.iter_mut().for_each(|push| push.by *= factor);
        }
        warp
    }

    /// A bound of how much `d` changes in a pixel: that of each part, summed. A Gaussian's slope is steepest a radius from its
    /// centre.
    fn most_strain(&self) -> f32 {
        let steepest = (-0.5f32).exp();
        let pushes: f32 = self.pushes.iter().map(|push| push.by.norm() / push.radius * steepest).sum();
        Vector2::new(self.stretch.m11, self.stretch.m12).norm() + pushes
    }

    fn displacement(&self, at: Point2<f32>) -> Vector2<f32> {
        let mut sum = self.stretch * (at - self.middle);
        for push in &self.pushes {
            let distance = (at - push.centre).norm_squared() / (2.0 * push.radius * push.radius);
            sum += push.by * (-distance).exp();
        }
        sum
    }

    /// Where the warped crop shows what lies at `plain` of the plain one.
    fn warped(&self, plain: Point2<f32>) -> Point2<f32> {
        (0..ITERATIONS).fold(plain, |at, _| plain - self.displacement(at))
    }

    /// What a crop shows of a face, warped, and where the landmarks lie in it.
    pub fn cut(&self, face: &Face, crop: &Crop) -> (CropImage, Vec<Point2<f32>>) {
        let (fine, _) = cut(face, &finer(crop));
        let mut image = CropImage::new(crop.side_px);
        let side = crop.side_px as usize;
        for (index, pixel) in image.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let at = Point2::new((index % side) as f32, (index / side) as f32);
            *pixel = sample(&fine, at + self.displacement(at));
        }
        let crop_from_frame = crop.crop_from_frame();
        (image, face.points.iter().map(|p| self.warped(crop_from_frame * p)).collect())
    }
}

/// The same crop with `FINER` pixels for each.
fn finer(crop: &Crop) -> Crop {
    let map = crop.frame_from_crop;
    let middle = map * Point2::from(Vector2::repeat((crop.side_px as f32 - 1.0) / 2.0));
    let side = map.scaling() * crop.side_px as f32;
    Crop::new(middle, side, map.isometry.rotation.angle(), crop.side_px * FINER)
}

/// The colour at a point of the coarser crop, between the four nearest pixels of the finer one; beyond the border, the border's.
fn sample(fine: &CropImage, at: Point2<f32>) -> [u8; 3] {
    let last = fine.side_px as f32 - 1.0;
    let place = |v: f32| {
        let fine = ((v + 0.5) * FINER as f32 - 0.5).clamp(0.0, last);
        let low = fine.floor().min(last - 1.0);
        (low as usize, fine - low)
    };
    let ((x, right), (y, down)) = (place(at.x), place(at.y));
    let pixel = |x: usize, y: usize| &fine.rgb[(y * fine.side_px as usize + x) * 3..][..3];
    let corners = [pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1)];
    let shares = [(1.0 - right) * (1.0 - down), right * (1.0 - down), (1.0 - right) * down, right * down];
    std::array::from_fn(|c| {
        let sum: f32 = corners.iter().zip(shares).map(|(corner, share)| f32::from(corner[c]) * share).sum();
        sum.round() as u8
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng;
    use wingmark::frame::{Frame, Size};

    use super::*;
    use crate::augment::LANDMARKS;

    /// A picture with a blob of light at each of the points.
    fn blobs(points: &[Point2<f32>]) -> Face {
        let size = Size { width: 200, height: 200 };
        let mut rgb = vec![0; 200 * 200 * 3];
        for (i, value) in rgb.iter_mut().enumerate() {
            let at = Point2::new((i / 3 % 200) as f32, (i / 600) as f32);
            let light: f32 = points.iter().map(|p| (-(p - at).norm_squared() / 18.0).exp()).sum();
            *value = (255.0 * light.min(1.0)) as u8;
        }
        Face { file: "a.png".into(), frame: Arc::new(Frame::from_rgb(size, rgb).unwrap()), points: points.to_vec() }
    }

    #[test]
    fn landmarks_stay_on_what_they_mark() {
        let face = blobs(&[60.0, 100.0, 140.0].map(|x| [70.0, 130.0].map(|y| Point2::new(x, y))).concat());
        let crop = Crop::new(Point2::new(100.0, 100.0), 180.0, 0.2, 96);
        let (_, plain) = cut(&face, &crop);
        let mut rng = StdRng::seed_from_u64(1);
        let mut moved = 0.0f32;
        for _ in 0..30 {
            let (image, points) = Warp::random(&LANDMARKS, 96, &mut rng).cut(&face, &crop);
            for (point, plain) in points.iter().zip(&plain) {
                moved = moved.max((point - plain).norm());
                let (mut mass, mut sum) = (0.0, Vector2::zeros());
                for (i, pixel) in image.rgb.as_chunks::<3>().0.iter().enumerate() {
                    let at = Point2::new((i % 96) as f32, (i / 96) as f32);
                    if (at - point).norm() < 7.0 {
                        mass += f32::from(pixel[0]);
                        sum += (at - point) * f32::from(pixel[0]);
                    }
                }
                assert!((sum / mass).norm() < 0.5, "a blob lies {} px beside its landmark", (sum / mass).norm());
            }
        }
        assert!(moved > 5.0, "no landmark moved by more than {moved} px");
    }

    #[test]
    fn without_strain_a_crop_is_what_cut_gives_but_for_rounding() {
        let face = blobs(&[Point2::new(90.0, 110.0)]);
        let crop = Crop::new(Point2::new(100.0, 100.0), 192.0, 0.0, 96);
        let strength = Strength { strain: 0.0, ..LANDMARKS };
        let (image, points) = Warp::random(&strength, 96, &mut StdRng::seed_from_u64(1)).cut(&face, &crop);
        let (plain, plain_points) = cut(&face, &crop);
        assert_eq!(points, plain_points);
        let most = image.rgb.iter().zip(&plain.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most <= Some(2), "{most:?}");
    }
}
