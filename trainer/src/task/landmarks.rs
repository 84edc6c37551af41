//! Landmarks of a face whose box is roughly known.

use nalgebra::Point2;
use rand::Rng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use wingmark::face::decode::decode;
use wingmark::model::heatmaps::Heatmaps;
use wingmark::model::scheme::{IBUG_68, Scheme};
use wingmark::picture::crop::CropImage;
use wingmark::picture::exposure::{brighten, show};
use wingmark::picture::geometry::{Crop, Rect, crop_from_cells};

use super::pictures::{Face, Faces};
use super::sets::has_closed_eyes;
use super::teacher::Teacher;
use super::{Example, Task};
use crate::augment::{self, Strength};
use crate::loss::{Loss, weight_map};
use crate::presets::Preset;
use crate::targets;

/// Faces that lean more than this are turned upright first, in radians. Following turns them by any
/// lean, and evaluation by none: nets learn to see both.
const LEANING: f32 = 0.8;

/// Which parts of the method are on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Method {
    pub loss: Loss,
    pub weight_map: bool,
    pub boundary: bool,
}

pub struct Landmarks {
    scheme: &'static Scheme,
    preset: Preset,
    method: Method,
    strength: Strength,
    teacher: Option<Teacher>,
    train: Vec<Face>,
    /// The training face that each example of an epoch shows.
    order: Vec<usize>,
    held_out: Vec<Example>,
    /// Of the held-out examples, in crop pixels.
    truth: Vec<Truth>,
}

/// Where the landmarks of a face are, in crop pixels, and what each counts.
struct Truth {
    points: Vec<Point2<f32>>,
    weights: Vec<f32>,
}

impl Truth {
    /// The mean distance of `found`, each point as it counts, as a share of the root of the box's
    /// area: the eyes' distance, which is usual, is next to nothing in profiles.
    fn error(&self, found: &[Point2<f32>]) -> f64 {
        let bounds = Rect::around(self.points.iter().copied()).expect("a face has points");
        let distances = self.points.iter().zip(found).zip(&self.weights).map(|((a, b), w)| w * (a - b).norm());
        let counted: f32 = self.weights.iter().sum();
        f64::from(distances.sum::<f32>() / counted / bounds.area().sqrt())
    }
}

impl Landmarks {
    pub fn new(preset: Preset, method: Method, strength: Strength, teacher: Option<Teacher>, faces: Faces) -> Self {
        let (scheme, train) = (&IBUG_68, faces.train);
        let order = train.iter().enumerate().flat_map(|(i, face)| std::iter::repeat_n(i, face.times)).collect();
        let (held_out, truth) = (Vec::new(), Vec::new());
        let mut task = Landmarks { scheme, preset, method, strength, teacher, train, order, held_out, truth };
        for face in faces.held_out {
            let (image, points) = shown(&face, &upright_crop(&face, preset.margin, preset.input_px));
            let truth = Truth { points, weights: face.weights };
            task.held_out.push(task.example_of(image, &truth, None));
            task.truth.push(truth);
        }
        task
    }

    /// `seen` is what the teacher is shown of the face, if there is one.
    fn example_of(&self, image: CropImage, truth: &Truth, seen: Option<(&Teacher, CropImage)>) -> Example {
        let side = self.preset.map_side();
        let cells_from_crop = crop_from_cells(self.preset.stride() as f32).inverse();
        let points: Vec<Point2<f32>> = truth.points.iter().map(|p| cells_from_crop * p).collect();
        let count = side * side * self.channels();
        let (mut target, mut weights) = (vec![0.0; count], vec![1.0; count]);
        let mut maps = target.chunks_mut(side * side);
        for (&point, map) in points.iter().zip(&mut maps) {
            targets::gaussian(point, self.preset.sigma, side, map);
        }
        if let Some(map) = maps.next() {
            targets::boundary(&points, self.scheme, side, map);
        }
        if let Some((teacher, seen)) = seen {
            teacher.teach(&seen, &mut target);
        }
        if self.method.weight_map {
            for (map, weights) in target.chunks(side * side).zip(weights.chunks_mut(side * side)) {
                weight_map(map, side, weights);
            }
        }
        // The boundary runs through all points, so it counts what the least of them does.
        let least = truth.weights.iter().copied().fold(1.0, f32::min);
        for (map, counts) in weights.chunks_mut(side * side).zip(truth.weights.iter().copied().chain([least])) {
            map.iter_mut().for_each(|weight| *weight *= counts);
        }
        Example { image, target, weights }
    }
}

/// The crop around known landmarks that training begins with and tables are fitted to: turned where
/// the face leans far.
pub fn upright_crop(face: &Face, margin: f32, side_px: usize) -> Crop {
    let [right, left] = IBUG_68.outer_eye_corners;
    let eyes = face.points[left] - face.points[right];
    let lean = eyes.y.atan2(eyes.x);
    let roll = if lean.abs() > LEANING { lean } else { 0.0 };
    Crop::around_points(&face.points, roll, margin, side_px as u32).expect("a face has points")
}

/// What a net is shown of a crop, and where the landmarks lie in it.
pub fn shown(face: &Face, crop: &Crop) -> (CropImage, Vec<Point2<f32>>) {
    let mut image = CropImage::new(crop.side_px);
    show(&mut image, &face.frame, crop);
    (image, points_in(face, crop))
}

fn points_in(face: &Face, crop: &Crop) -> Vec<Point2<f32>> {
    let crop_from_frame = crop.crop_from_frame();
    face.points.iter().map(|p| crop_from_frame * p).collect()
}

impl Task for Landmarks {
    fn channels(&self) -> usize {
        self.scheme.landmarks + usize::from(self.method.boundary)
    }

    fn points(&self) -> usize {
        self.scheme.landmarks
    }

    fn losses(&self) -> Vec<Loss> {
        vec![self.method.loss; self.channels()]
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn example(&self, index: usize, rng: &mut StdRng) -> Example {
        let face = &self.train[self.order[index]];
        let crop = upright_crop(face, self.preset.margin, self.preset.input_px);
        let crop = augment::jitter(&augment::lean(&crop, &self.strength, rng), &self.strength, rng);
        // What light and lens do comes before the picture is brightened, as in a camera.
        let (mut image, mut points) = (CropImage::new(crop.side_px), points_in(face, &crop));
        image.fill(&face.frame, &crop);
        // The teacher sees the face as the picture has it, its pupil a degraded one. Closed eyes it
        // takes for half open ones: there it does not teach.
        let teacher = self.teacher.as_ref().filter(|_| !has_closed_eyes(&face.points));
        let mut seen = teacher.map(|teacher| (teacher, shown(face, &teacher.crop(&crop)).0));
        let mut weights = face.weights.clone();
        if rng.random() {
            augment::flip(&mut image, &mut points, self.scheme);
            weights = self.scheme.flip.iter().map(|&i| weights[i]).collect();
            if let Some((_, seen)) = &mut seen {
                augment::mirror(seen);
            }
        }
        augment::degrade(&mut image, &self.strength, rng);
        brighten(&mut image);
        self.example_of(image, &Truth { points, weights }, seen)
    }

    fn held_out(&self) -> &[Example] {
        &self.held_out
    }

    fn judge(&self, maps: &[Vec<f32>]) -> (&'static str, f64) {
        let errors: Vec<f64> =
            maps.iter().zip(&self.truth).map(|(maps, truth)| truth.error(&decode_maps(&self.preset, maps))).collect();
        ("error, % of the box", 100.0 * errors.iter().sum::<f64>() / errors.len() as f64)
    }
}

/// Decodes the landmarks of maps `[channel, row, column]`; points in crop pixels.
pub fn decode_maps(preset: &Preset, maps: &[f32]) -> Vec<Point2<f32>> {
    let (side, channels) = (preset.map_side(), IBUG_68.landmarks);
    let cells: Vec<f32> =
        (0..side * side).flat_map(|cell| (0..channels).map(move |c| maps[c * side * side + cell])).collect();
    let crop_from_cells = crop_from_cells(preset.stride() as f32);
    let found = decode(&Heatmaps::packed(&cells, [side, side, channels], 1.0, 0.0));
    found.iter().map(|landmark| crop_from_cells * landmark.at).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng;
    use wingmark::face::look::{Landmarker, LookTimings};
    use wingmark::face::zoo;
    use wingmark::picture::frame::Frame;

    use super::*;
    use crate::dots;
    use crate::task::pictures;

    const METHOD: Method = Method { loss: Loss::AdaptiveWing, weight_map: false, boundary: false };

    fn task(strength: Strength, teacher: Option<Teacher>, face: Face) -> Landmarks {
        let faces = Faces { train: vec![face.clone()], held_out: vec![face] };
        Landmarks::new(Preset::named("small").unwrap(), METHOD, strength, teacher, faces)
    }

    #[test]
    fn targets_lie_on_what_they_mark_in_the_mirror_too() {
        let strength = Strength { occlusion: 0.0, blur: 0.0, ..augment::LANDMARKS };
        let (face, preset) = (dots::face(), Preset::named("small").unwrap());
        let cells = preset.map_side().pow(2);
        let task = task(strength, None, face.clone());
        let mut seen = [0, 0];
        for seed in 0..40 {
            let Example { image, target, weights } = task.example(0, &mut StdRng::seed_from_u64(seed));
            let points = decode_maps(&preset, &target);
            let is_shown = |i: &usize| target[i * cells..][..cells].iter().any(|&heat| heat > 0.7);
            let shown: Vec<usize> = (0..68).filter(is_shown).collect();
            // Some are shown in grey, or nearly.
            let colours: Vec<[bool; 3]> = shown.iter().map(|&i| dots::colour_at(&image, points[i])).collect();
            if colours.iter().filter(|colour| [[false; 3], [true; 3]].contains(colour)).count() * 2 > shown.len() {
                continue;
            }
            let of = |i: usize, is_mirrored: bool| if is_mirrored { IBUG_68.flip[i] } else { i };
            let sided = *shown.iter().find(|&&i| IBUG_68.flip[i] != i).unwrap();
            let is_mirrored = dots::colour_at(&image, points[sided]) == dots::colour(of(sided, true));
            seen[usize::from(is_mirrored)] += 1;
            let right = shown.iter().zip(&colours).filter(|&(&i, &colour)| colour == dots::colour(of(i, is_mirrored)));
            assert!(right.count() * 10 > shown.len() * 9, "{colours:?}, seed {seed}");
            for i in 0..68 {
                let counts = face.weights[of(i, is_mirrored)];
                assert!(weights[i * cells..][..cells].iter().all(|&weight| weight == counts), "{i}, seed {seed}");
            }
        }
        assert!(seen.iter().all(|&times| times > 8), "{seen:?}");
    }

    #[test]
    fn a_net_is_shown_dark_faces_as_bright_as_the_runtime_shows_them() {
        let mut face = dots::face();
        face.frame = Arc::new(Frame::from_rgb(face.frame.size(), vec![20; face.frame.bytes().len()]).unwrap());
        let task = task(augment::NONE, None, face);
        let mean = |image: &CropImage| image.greys().sum::<f32>() / image.side_px.pow(2) as f32;
        assert!(mean(&task.held_out()[0].image) > 60.0);
        let bright = (0..20).filter(|&seed| mean(&task.example(0, &mut StdRng::seed_from_u64(seed)).image) > 60.0);
        // Some of the random changes leave no light at all.
        assert!(bright.count() > 7);
    }

    #[test]
    fn a_teacher_sees_the_face_as_its_pupil_does_in_the_mirror_too() {
        let (choice, small) = (zoo::shipped("base").unwrap(), Preset::named("small").unwrap());
        let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/eileen-collins.jpg");
        let frame = pictures::read(picture.as_ref()).unwrap();
        let mut landmarker = Landmarker::new(&choice.load().unwrap(), 1).unwrap();
        let crop = landmarker.crop_around(&Rect::new(180.0, 95.0, 266.0, 186.0), 0.0);
        let points = landmarker.look(&frame, &crop, &mut LookTimings::default()).unwrap().points();
        let face = Face { frame: Arc::new(frame), points, ..dots::face() };
        let task = task(augment::NONE, Some(Teacher::load(&choice, &small).unwrap()), face);
        for seed in 0..8 {
            let example = task.example(0, &mut StdRng::seed_from_u64(seed));
            let maps = example.target.chunks(small.map_side().pow(2));
            let highest: Vec<f32> = maps.map(|map| map.iter().copied().fold(0.0, f32::max)).collect();
            let mean = highest.iter().sum::<f32>() / highest.len() as f32;
            // Truth and teacher have half of a peak each.
            assert!(mean > 0.85, "{mean}, seed {seed}");
        }
    }
}
