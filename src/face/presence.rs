//! Is this a face, and are these its landmarks? One answer for every model, from 0 to 1.
//!
//! The heat alone does not tell: a net is as unsure of a blurred face as of a bush. So the answer
//! is that of a perceptron with one hidden layer of tanh units that sees both, how sure the net was
//! (`HEAT` numbers: quantiles of the heat and of the landmarks' distances from the shapes of faces,
//! where the face lies in its crop), what stands where the landmarks are (a small grey patch, cut
//! out as [the mean face](crate::face::shape) was laid over them), and the landmarks as that face
//! has them. Landmarks that are not those of a face lay the patch over something that does not look
//! like one, be it a bush or a face seen the wrong way up. Patch and landmarks are mirrored where
//! the head is turned to its right, so that one side need not be learned apart from the other.
//! `wingmark-trainer presence` fits the numbers in a model's `presence.csv`.

use nalgebra::{Point2, Similarity2, Vector2};
use thiserror::Error;

use crate::face::Landmark;
use crate::face::shape::ShapeFit;
use crate::model::scheme::{IBUG_68, Scheme};
use crate::picture::crop::CropImage;
use crate::picture::exposure::show;
use crate::picture::frame::Frame;
use crate::picture::geometry::Crop;
use crate::text::numbers::{self, TableError};

// Chosen by the table of `trainer/presence.sh` and by `wingmark eval --detect` on held-out faces:
// `docs/decisions/presence.md`.

/// A look with this presence or more shows a face, with its landmarks.
pub const IS_FACE: f32 = 0.5;
/// A face that was not followed before has to have this presence: there are many more places
/// without a face than with one.
pub const IS_NEW_FACE: f32 = 0.9;
/// A look with this presence or more is worth a second one, from where its landmarks are.
pub const MAY_BE_FACE: f32 = 0.05;

/// Side of the patch.
const PATCH_PX: u32 = 16;
/// The patch in the frame of the mean face, whose root mean square radius is 1: from its centre to
/// an edge, and the centre's y. It reaches from the middle of the forehead to below the chin.
const PATCH_REACH: f32 = 1.8;
const PATCH_CENTRE: f32 = -0.2;
/// Where the heat and the distances from the face's shape are read, from the lowest to the highest.
const HEAT_QUANTILES: [f32; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];
const DISTANCE_QUANTILES: [f32; 4] = [0.25, 0.5, 0.75, 0.9];
/// How many numbers tell of the heat.
const HEAT: usize = HEAT_QUANTILES.len() + DISTANCE_QUANTILES.len() + 7;
const PATCH: usize = (PATCH_PX * PATCH_PX) as usize;
/// Numbers that the perceptron reads: of the heat, the patch row by row, then x and y of each
/// landmark.
pub const FEATURES: usize = HEAT + PATCH + 2 * IBUG_68.landmarks;
/// Numbers of the table are no larger.
const LARGEST: f32 = 1e4;

/// What the perceptron reads of one look, in the order that `presence.csv` has.
pub type Features = [f32; FEATURES];

/// The perceptron of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct PresenceModel {
    /// Added to what the units add.
    pub bias: f32,
    pub units: Vec<Unit>,
}

/// A hidden unit, which adds `out * tanh(bias + weights . features)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub out: f32,
    pub bias: f32,
    pub weights: Box<Features>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PresenceError {
    #[error("presence.csv, {0}")]
    Table(#[from] TableError),
    #[error("presence.csv has no row; expected one of the answer's bias, then one for each hidden unit")]
    Empty,
}

impl PresenceModel {
    /// From 0 to 1.
    pub fn of(&self, features: &Features) -> f32 {
        let logit = self.bias + self.units.iter().map(|unit| unit.output(features)).sum::<f32>();
        1.0 / (1.0 + (-logit).exp())
    }

    /// Reads `presence.csv`: a header, a row of which only the bias counts, then a row a hidden
    /// unit: out, bias, e1 ..
    pub fn from_csv(text: &str) -> Result<Self, PresenceError> {
        let mut units = numbers::rows(text, FEATURES + 2, LARGEST)?.into_iter().map(|row| Unit {
            out: row[0],
            bias: row[1],
            weights: Box::new(std::array::from_fn(|i| row[2 + i])),
        });
        let Some(first) = units.next() else { return Err(PresenceError::Empty) };
        Ok(PresenceModel { bias: first.bias, units: units.collect() })
    }

    /// As [`PresenceModel::from_csv`] reads it, with five digits.
    pub fn to_csv(&self) -> String {
        let names = (1..=FEATURES).map(|i| format!(",e{i}")).collect::<String>();
        let row = |out: f32, bias: f32, weights: &[f32]| {
            let weights = weights.iter().map(|&weight| format!(",{}", numbers::rounded(weight))).collect::<String>();
            format!("{},{}{weights}\n", numbers::rounded(out), numbers::rounded(bias))
        };
        let units = self.units.iter().map(|unit| row(unit.out, unit.bias, &*unit.weights)).collect::<String>();
        format!("out,bias{names}\n{}{units}", row(0.0, self.bias, &[0.0; FEATURES]))
    }
}

impl Unit {
    fn output(&self, features: &Features) -> f32 {
        let sum: f32 = self.weights.iter().zip(features).map(|(weight, value)| weight * value).sum();
        self.out * (self.bias + sum).tanh()
    }
}

/// Computes the features of a look.
pub struct FeatureExtractor {
    scheme: &'static Scheme,
    patch: CropImage,
    sorted: Vec<f32>,
    /// The landmarks of the mean face.
    in_face: Vec<Point2<f32>>,
}

impl FeatureExtractor {
    /// For landmarks of a scheme; the first 68 of them count.
    pub fn new(scheme: &'static Scheme) -> Self {
        FeatureExtractor { scheme, patch: CropImage::new(PATCH_PX), sorted: Vec::new(), in_face: Vec::new() }
    }

    /// `landmarks`, as they were decoded, in a map of `cells` a side, and how they `fit` the shapes
    /// of faces; the frame, and where the map lies in it.
    ///
    /// # Panics
    /// When there are not as many landmarks as the scheme has.
    pub fn extract(
        &mut self,
        landmarks: &[Landmark],
        fit: &ShapeFit,
        cells: usize,
        frame: &Frame,
        frame_from_cells: &Similarity2<f32>,
    ) -> Features {
        let side = cells as f32;
        let cells_from_face = fit.face_from_found.inverse();
        let contrast = self.cut(frame, &(frame_from_cells * cells_from_face));
        let heat = self.quantiles(landmarks.iter().map(|l| l.confidence), HEAT_QUANTILES);
        let distances = self.quantiles(fit.distances.iter().copied(), DISTANCE_QUANTILES);
        let spread = landmarks.iter().map(|l| l.covariance.determinant().max(1e-6).ln() / 2.0).sum::<f32>();
        let middle = (cells_from_face * Point2::origin()).coords / side - Vector2::repeat(0.5);
        let place = [
            (fit.deviation + 0.05).ln(),
            spread / landmarks.len() as f32,
            (cells_from_face.scaling() / side).max(1e-3).ln(),
            cells_from_face.isometry.rotation.angle().abs(),
            middle.x.abs(),
            middle.y,
            (contrast + 1.0).ln(),
        ];
        let distances = distances.map(|distance| (distance + 1e-3).ln());
        let mut features = [0.0; FEATURES];
        let (of_heat, others) = features.split_at_mut(HEAT);
        let (of_patch, of_landmarks) = others.split_at_mut(PATCH);
        let all = heat.into_iter().chain(distances).chain(place);
        of_heat.iter_mut().zip(all).for_each(|(feature, value)| *feature = value);
        self.in_face.clear();
        self.in_face.extend(landmarks.iter().map(|landmark| fit.face_from_found * landmark.at));
        let is_mirrored = self.scheme.is_turned_to_its_right(&self.in_face);
        self.put_patch(of_patch, contrast, is_mirrored);
        for (number, feature) in of_landmarks.as_chunks_mut::<2>().0.iter_mut().enumerate().take(landmarks.len()) {
            let of = |number: usize| self.in_face[number];
            *feature = if is_mirrored {
                let mirrored = of(self.scheme.flip[number]);
                [-mirrored.x, mirrored.y]
            } else {
                of(number).into()
            };
        }
        features
    }

    /// The patch, each pixel from its mean, in standard deviations.
    fn put_patch(&self, features: &mut [f32], contrast: f32, is_mirrored: bool) {
        let grey = self.patch.greys();
        let mean = grey.clone().sum::<f32>() / PATCH as f32;
        let patch = grey.map(|value| ((value - mean) / (contrast + 4.0)).clamp(-3.0, 3.0));
        features.iter_mut().zip(patch).for_each(|(feature, value)| *feature = value);
        if is_mirrored {
            features.chunks_exact_mut(PATCH_PX as usize).for_each(<[f32]>::reverse);
        }
    }

    /// Cuts the patch of the mean face, laid over the frame; gives the standard deviation of its
    /// grey.
    fn cut(&mut self, frame: &Frame, frame_from_face: &Similarity2<f32>) -> f32 {
        let side = 2.0 * PATCH_REACH;
        let face_from_patch = Crop::new(Point2::new(0.0, PATCH_CENTRE), side, 0.0, PATCH_PX).frame_from_crop;
        let crop = Crop { frame_from_crop: frame_from_face * face_from_patch, side_px: PATCH_PX };
        show(&mut self.patch, frame, &crop);
        let grey = self.patch.greys();
        let count = PATCH as f32;
        let mean = grey.clone().sum::<f32>() / count;
        (grey.map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
    }

    fn quantiles<const N: usize>(&mut self, values: impl Iterator<Item = f32>, at: [f32; N]) -> [f32; N] {
        self.sorted.clear();
        self.sorted.extend(values);
        self.sorted.sort_unstable_by(f32::total_cmp);
        let last = self.sorted.len() as f32 - 1.0;
        at.map(|share| self.sorted[(share * last).round() as usize])
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix2;

    use super::*;
    use crate::picture::frame::Size;

    fn model() -> PresenceModel {
        let unit = |out: f32, at: usize| {
            let mut weights = Box::new([0.0; FEATURES]);
            weights[at] = 2.0;
            Unit { out, bias: -0.5, weights }
        };
        PresenceModel { bias: 0.25, units: vec![unit(3.0, 0), unit(-1.5, HEAT)] }
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        assert_eq!(PresenceModel::from_csv(&model().to_csv()).unwrap(), model());
    }

    #[test]
    fn the_answer_is_the_logistic_function_of_the_units_sum() {
        let mut features = [0.0; FEATURES];
        (features[0], features[HEAT]) = (0.9, -1.0);
        let logit: f32 = 0.25 + 3.0 * (1.8f32 - 0.5).tanh() - 1.5 * (-2.5f32).tanh();
        assert!((model().of(&features) - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
    }

    #[test]
    fn a_damaged_table_is_refused_in_one_line() {
        let text = model().to_csv();
        let refused = |text: &str| PresenceModel::from_csv(text).unwrap_err().to_string();
        assert!(refused("out,bias\n").starts_with("presence.csv has no row"));
        assert!(refused(&text.replacen("-0.5", "nan", 1)).contains("line 3: \"nan\""));
        let columns = refused(&format!("{text}1,2\n"));
        assert!(columns.contains("line 5: 2 columns; expected 410"), "{columns}");
    }

    #[test]
    fn the_patch_turns_and_grows_with_the_face() {
        // A frame that is bright at the left: so is the patch of an upright face, and its lower
        // edge where the face leans to the right.
        let size = Size { width: 80, height: 80 };
        let bytes = (0..80 * 80).flat_map(|i| [if i % 80 < 40 { 200 } else { 40 }; 3]).collect();
        let frame = Frame::from_rgb(size, bytes).unwrap();
        let landmark = Landmark { at: Point2::new(4.0, 4.0), confidence: 0.5, covariance: Matrix2::identity() };
        let patch_of = |roll: f32| {
            let cells_from_face = Similarity2::new(Vector2::new(4.0, 4.0), roll, 2.0);
            let fit = ShapeFit { face_from_found: cells_from_face.inverse(), distances: vec![0.1; 3], deviation: 1.0 };
            let frame_from_cells = Similarity2::new(Vector2::repeat(3.5), 0.0, 9.0);
            let mut extractor = FeatureExtractor::new(&IBUG_68);
            extractor.extract(&[landmark; 68], &fit, 8, &frame, &frame_from_cells)[HEAT..].to_vec()
        };
        let (upright, leaning) = (patch_of(0.0), patch_of(std::f32::consts::FRAC_PI_2));
        let at = |patch: &[f32], x: usize, y: usize| patch[y * PATCH_PX as usize + x];
        assert!(at(&upright, 2, 8) > 0.8 && at(&upright, 13, 8) < -0.8);
        assert!(at(&leaning, 8, 13) > 0.8 && at(&leaning, 8, 2) < -0.8);
    }

    #[test]
    fn a_mirrored_face_has_the_same_features() {
        let size = Size { width: 81, height: 81 };
        let side = size.width as f32 - 1.0;
        let grey_at = |x: usize, y: usize| ((3 * x + y * y) % 200) as u8;
        let frame_of = |grey: &dyn Fn(usize, usize) -> u8| {
            let bytes = (0..81 * 81).flat_map(|i| [grey(i % 81, i / 81); 3]).collect();
            Frame::from_rgb(size, bytes).unwrap()
        };
        let landmark = |x: f32, y: f32| {
            let covariance = Matrix2::identity();
            Landmark { at: Point2::new(x, y), confidence: 0.5, covariance }
        };
        let landmarks: Vec<Landmark> =
            (0..68).map(|i| landmark(20.0 + 0.6 * i as f32, 20.0 + ((i * 7) % 40) as f32)).collect();
        let mirrored: Vec<Landmark> =
            IBUG_68.flip.iter().map(|&i| landmark(side - landmarks[i].at.x, landmarks[i].at.y)).collect();
        let features_of = |frame: &Frame, landmarks: &[Landmark]| {
            let face_from_found = Similarity2::new(Vector2::new(40.0, 40.0), 0.0, 16.0).inverse();
            let fit = ShapeFit { face_from_found, distances: vec![0.1; 68], deviation: 1.0 };
            FeatureExtractor::new(&IBUG_68).extract(landmarks, &fit, 81, frame, &Similarity2::identity())
        };
        let one = features_of(&frame_of(&grey_at), &landmarks);
        let other = features_of(&frame_of(&|x, y| grey_at(80 - x, y)), &mirrored);
        let apart = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 0.05, "{apart}");
        assert!(one[HEAT + PATCH..].iter().any(|value| value.abs() > 0.5));
    }
}
