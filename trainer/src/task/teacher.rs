//! A larger net whose heatmaps a smaller one learns beside the true points (Hinton, Vinyals, Dean,
//! "Distilling the knowledge in a neural network", 2015; of heatmaps: Zhang, Zhu, Ye, "Fast human
//! pose estimation", CVPR 2019).

use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use nalgebra::DMatrix;
use wingmark::face::zoo::Choice;
use wingmark::model::heatmaps::Heatmaps;
use wingmark::model::scheme::IBUG_68;
use wingmark::model::{Model, Session};
use wingmark::picture::crop::CropImage;
use wingmark::picture::geometry::Crop;

use crate::command;
use crate::presets::Preset;

/// What the teacher's maps count in a target; the true points count the rest.
const SHARE: f32 = 0.5;

pub struct Teacher {
    model: Model,
    /// Of threads that do not look at anything just now.
    idle: Mutex<Vec<Session>>,
    /// `[cell of the pupil, cell of the teacher]`, the same for rows and columns.
    reading: DMatrix<f32>,
}

impl Teacher {
    /// # Errors
    /// When the model is not one of a preset, or cannot teach `pupil`: its peaks would have to be
    /// drawn narrower.
    pub fn load(choice: &Choice, pupil: &Preset) -> Result<Teacher> {
        let net = choice.load()?;
        let recipe = &net.card.about.recipe;
        let teacher = command::preset(recipe).and_then(|name| Preset::named(&name)).with_context(|| {
            format!(
                "the card of {choice} names no preset that the teacher is of: its recipe is {recipe:?}, expected \
                 \"wingmark-trainer train --preset NAME ..\""
            )
        })?;
        let name = teacher.name;
        let [side, _, channels] = net.model.output_shape();
        ensure!(
            side == teacher.map_side() && channels == IBUG_68.landmarks,
            "the teacher's maps are {side}x{side}x{channels}, expected those of preset {name}"
        );
        let reading = reading([teacher.map_side(), pupil.map_side()], [teacher.sigma, pupil.sigma])
            .with_context(|| format!("{name} cannot teach {}", pupil.name))?;
        Ok(Teacher { model: net.model, idle: Mutex::default(), reading })
    }

    /// The crop that shows the teacher what `crop` shows its pupil.
    pub fn crop(&self, crop: &Crop) -> Crop {
        let (centre, side, roll) = crop.square();
        Crop::new(centre, side, roll, self.model.input_side_px())
    }

    /// Mixes what the teacher sees in `image` into targets `[channel, row, column]` of the
    /// landmarks.
    pub fn teach(&self, image: &CropImage, target: &mut [f32]) {
        let idle = self.idle.lock().expect("no thread panics here").pop();
        let mut session = idle.unwrap_or_else(|| self.model.session());
        let maps = session.infer(image).expect("the picture is of the teacher's size");
        let cells = self.reading.nrows().pow(2);
        for (channel, target) in target.chunks_mut(cells).take(maps.channels).enumerate() {
            let seen = self.read(&maps, channel);
            for (target, seen) in target.iter_mut().zip(&seen) {
                *target += SHARE * (seen.clamp(0.0, 1.0) - *target);
            }
        }
        self.idle.lock().expect("no thread panics here").push(session);
    }

    /// A map of the teacher's as the pupil would give it, `[column, row]`: nalgebra keeps columns
    /// together, as targets keep rows.
    fn read(&self, maps: &Heatmaps<'_>, channel: usize) -> DMatrix<f32> {
        let map = DMatrix::from_fn(maps.columns, maps.rows, |column, row| maps.heat(row, column, channel));
        &self.reading * map * self.reading.transpose()
    }
}

/// Makes one Gaussian of another along an axis, wherever it lies: from a map of `sides[0]` cells
/// and a standard deviation of `sigmas[0]` of them to `sides[1]` and `sigmas[1]`. Each cell is a
/// Gaussian's share of the old ones, as much wider as is wanted.
fn reading(sides: [usize; 2], sigmas: [f32; 2]) -> Result<DMatrix<f32>> {
    let ratio = sides[0] as f32 / sides[1] as f32;
    let had = sigmas[0].powi(2);
    let wanted = (sigmas[1] * ratio).powi(2);
    let wider = wanted - had;
    if ratio == 1.0 && wider == 0.0 {
        return Ok(DMatrix::identity(sides[1], sides[0]));
    }
    // With narrower Gaussians the sum over cells is no longer what the integral would give.
    ensure!(
        wider * had / wanted > 0.25,
        "peaks of {:.2} cells would have to be made of those of {:.2}",
        wanted.sqrt(),
        sigmas[0]
    );
    let height = (wanted / (std::f32::consts::TAU * wider * had)).sqrt();
    Ok(DMatrix::from_fn(sides[1], sides[0], |to, from| {
        let at = (to as f32 + 0.5) * ratio - 0.5;
        let share = height * (-(at - from as f32).powi(2) / (2.0 * wider)).exp();
        // Far from the peak they are subnormal numbers, which take many times as long to multiply.
        if share < 1e-9 { 0.0 } else { share }
    }))
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point2, Vector2};
    use wingmark::face::look::{Landmarker, LookTimings};
    use wingmark::face::zoo;
    use wingmark::picture::geometry::Rect;

    use super::*;
    use crate::targets::gaussian;
    use crate::task::landmarks::decode_maps;
    use crate::task::pictures;

    #[test]
    fn a_teachers_peak_becomes_its_pupils() {
        let reading = reading([48, 32], [1.0, 1.0]).unwrap();
        let (mut fine, mut coarse) = (vec![0.0; 48 * 48], vec![0.0; 32 * 32]);
        for at in [Point2::new(10.0, 11.0), Point2::new(7.3, 20.9), Point2::new(15.5, 4.25)] {
            let at_fine = (at + Vector2::repeat(0.5)) * 1.5 - Vector2::repeat(0.5);
            assert!(gaussian(at_fine, 1.0, 48, &mut fine));
            assert!(gaussian(at, 1.0, 32, &mut coarse));
            let read = &reading * DMatrix::from_row_slice(48, 48, &fine) * reading.transpose();
            let expected = DMatrix::from_row_slice(32, 32, &coarse);
            let off = (read - expected).amax();
            assert!(off < 1e-3, "{off} at {at}");
        }
    }

    #[test]
    fn a_pupil_is_taught_what_the_teacher_sees() {
        let choice = zoo::shipped("base").unwrap();
        let small = Preset::named("small").unwrap();
        let teacher = Teacher::load(&choice, &small).unwrap();
        let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/eileen-collins.jpg");
        let frame = pictures::read(picture.as_ref()).unwrap();
        let crop = Crop::around(&Rect::new(180.0, 95.0, 266.0, 186.0), 1.25, small.input_px as u32);
        let mut image = CropImage::new(teacher.model.input_side_px());
        image.fill(&frame, &teacher.crop(&crop));
        let mut target = vec![0.0; IBUG_68.landmarks * small.map_side().pow(2)];
        teacher.teach(&image, &mut target);

        let mut net = choice.load().unwrap();
        net.shape = None;
        let look = Landmarker::new(&net, 1).unwrap().look(&frame, &teacher.crop(&crop), &mut LookTimings::default());
        let taught = decode_maps(&small, &target);
        for (taught, seen) in taught.iter().zip(look.unwrap().points()) {
            let off = (crop.frame_from_crop * taught - seen).norm();
            assert!(off < 0.8, "{off} picture pixels, of which a cell has 3.6");
        }
        let highest = target.iter().copied().fold(0.0, f32::max);
        assert!((0.4..=0.55).contains(&highest), "{highest}");
    }

    #[test]
    fn a_net_teaches_its_like_and_none_of_finer_maps() {
        assert_eq!(reading([32, 32], [1.0, 1.0]).unwrap(), DMatrix::identity(32, 32));
        assert!(reading([32, 48], [1.0, 1.0]).is_err());
    }
}
