//! Sets of annotated faces that differ in how their points were made, and so in what each point
//! counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, ensure};
use nalgebra::{Matrix2, Point2};
use wingmark::dataset::{self, Sample};
use wingmark::face::Landmark;
use wingmark::face::openness::Ratios;
use wingmark::face::visibility::{RIGHT_BROW_AND_EYE, RIGHT_JAW};
use wingmark::model::scheme::IBUG_68;

/// Another annotation of the same faces, if there is one.
const SECOND_TABLE: &str = "points_reannotated.csv";
/// Where two annotations differ by this share of the root of the face's box, a point counts half.
const DISAGREEMENT: f32 = 0.04;
/// Where the looks of the nets that gave a face its points differ by this share of its side, in the
/// mean, its points count half. Most faces of `label` lie below it.
const SPREAD: f32 = 0.01;
/// From this yaw on, in degrees, the jaw's two schemes part: iBUG's follows the visible edge, the
/// 3D scheme's lies inside the face.
const TURNED_DEG: f32 = 20.0;
/// From this yaw on the far eye and brow are guesses in both.
const PROFILE_DEG: f32 = 60.0;
const GUESSED: f32 = 0.3;
/// From this yaw on a face counts as turned to the side.
const SIDE_DEG: f32 = 45.0;
/// Eyes that are less open than this in the mean count as closed (Soukupova and Cech's ratio).
const CLOSED: f32 = 0.18;
/// The points above a medical mask: brows, the bridge of the nose, eyes.
const ABOVE_A_MASK: [std::ops::Range<usize>; 2] = [17..29, 36..48];

/// A folder with a `train` split, and how its points were made: `DIR[:OPTION[,OPTION]..]`. What is
/// a folder as it stands has no options.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    pub folder: PathBuf,
    /// `3d`: points of the 3D scheme, hidden ones where the head hides them.
    three_d: bool,
    /// `masked`: faces with medical masks, whose points below its edge are guesses.
    masked: bool,
    /// `weight=W`: what each of its points counts, 1 where it is not said.
    weight: f32,
    /// `times=N`: how often an epoch shows each face.
    pub times: usize,
    /// `closed=N`: that many times as often where its eyes are closed.
    closed: usize,
    /// `turned=N`: that many times as often where its head is turned to the side.
    turned: usize,
}

/// A face of a set, and what it counts.
#[derive(Debug)]
pub struct Annotated {
    pub sample: Sample,
    /// What each point counts, from 0 to 1.
    pub weights: Vec<f32>,
    /// How often an epoch shows it.
    pub times: usize,
}

/// Whether both eyes are closed in the mean, by the points alone.
pub fn has_closed_eyes(points: &[Point2<f32>]) -> bool {
    let landmark = |&at| Landmark { at, confidence: 1.0, covariance: Matrix2::identity() };
    let landmarks: Vec<Landmark> = points.iter().map(landmark).collect();
    Ratios::of(&landmarks, None).eyes().is_some_and(|ratio| ratio < CLOSED)
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Set, String> {
        let parts = if Path::new(text).is_dir() { None } else { text.rsplit_once(':') };
        let (folder, options) = parts.unwrap_or((text, ""));
        let mut set =
            Set { folder: folder.into(), three_d: false, masked: false, weight: 1.0, times: 1, closed: 1, turned: 1 };
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let wrong = || {
                format!(
                    "{option:?} of {folder}: expected 3d, masked, weight=W (above 0, at most 1), times=N, closed=N or \
                     turned=N"
                )
            };
            let count = |value: &str| value.parse().ok().filter(|&n| n > 0).ok_or_else(wrong);
            match option.split_once('=') {
                None if option == "3d" => set.three_d = true,
                None if option == "masked" => set.masked = true,
                Some(("weight", value)) => {
                    let weight = value.parse().ok().filter(|weight| (f32::MIN_POSITIVE..=1.0).contains(weight));
                    set.weight = weight.ok_or_else(wrong)?;
                }
                Some(("times", value)) => set.times = count(value)?,
                Some(("closed", value)) => set.closed = count(value)?,
                Some(("turned", value)) => set.turned = count(value)?,
                _ => return Err(wrong()),
            }
        }
        Ok(set)
    }
}

impl Set {
    /// The faces of its `train` split, each with what its points count.
    ///
    /// # Errors
    /// When the folder has no such split, so that no test picture slips in, or a set of the 3D
    /// scheme does not say its heads' yaw.
    pub fn samples(&self) -> Result<Vec<Annotated>> {
        let samples = dataset::open_split(&self.folder, Some("train"))?;
        let table = self.folder.join(SECOND_TABLE);
        let others = if table.is_file() { dataset::open_table(&table)?.samples } else { vec![] };
        let others = second_annotations(&samples, others);
        let unturned = samples.iter().find(|sample| self.three_d && sample.yaw_deg.is_none());
        ensure!(unturned.is_none(), "{} has a face without a yaw, which the 3D scheme needs", self.folder.display());
        Ok(samples
            .into_iter()
            .zip(others)
            .map(|(sample, other)| {
                let mut weights = self.weights(&sample, other.as_deref());
                if let Some(spread) = sample.spread {
                    weights.iter_mut().for_each(|weight| *weight *= 1.0 / (1.0 + (spread / SPREAD).powi(2)));
                }
                let times = self.times_of(&sample);
                Annotated { sample, weights, times }
            })
            .collect())
    }

    /// What it says of how its points were made or what they count, which is nothing to a detector.
    pub fn counts_points(&self) -> bool {
        self.three_d || self.masked || self.weight != 1.0
    }

    /// Whether some of its faces are shown more often than others, by their points.
    pub fn chooses_faces(&self) -> bool {
        self.closed > 1 || self.turned > 1
    }

    /// How often an epoch shows a face.
    pub fn times_of(&self, face: &Sample) -> usize {
        let closed = if has_closed_eyes(&face.points) { self.closed } else { 1 };
        let turned = if face.yaw_deg.is_some_and(|yaw| yaw.abs() > SIDE_DEG) { self.turned } else { 1 };
        self.times * closed * turned
    }

    /// What each point of a face counts, from 0 to 1. `other` is a second annotation of it.
    fn weights(&self, face: &Sample, other: Option<&[Point2<f32>]>) -> Vec<f32> {
        let mut weights = vec![self.weight; IBUG_68.landmarks];
        let mut times = |point: usize, factor: f32| weights[point] *= factor;
        if let Some(other) = other {
            let unit = DISAGREEMENT * face.bounds().area().sqrt();
            for (i, (a, b)) in face.points.iter().zip(other).enumerate() {
                times(i, 1.0 / (1.0 + ((a - b).norm() / unit).powi(2)));
            }
        }
        if let Some(yaw) = face.yaw_deg.filter(|yaw| self.three_d && yaw.abs() > TURNED_DEG) {
            let far = |point: usize| if yaw > 0.0 { point } else { IBUG_68.flip[point] };
            RIGHT_JAW.for_each(|point| times(far(point), 0.0));
            if yaw.abs() > PROFILE_DEG {
                RIGHT_BROW_AND_EYE.into_iter().flatten().for_each(|point| times(far(point), GUESSED));
            }
        }
        if self.masked {
            let seen = |point: &usize| ABOVE_A_MASK.iter().any(|range| range.contains(point));
            (0..IBUG_68.landmarks).filter(|point| !seen(point)).for_each(|point| times(point, 0.0));
        }
        weights
    }
}

/// The second annotation of each sample. A picture may have several faces, and its annotations
/// stand in any order: each is of the sample that it is nearest to.
fn second_annotations(samples: &[Sample], others: Vec<Sample>) -> Vec<Option<Vec<Point2<f32>>>> {
    let mut of_picture: HashMap<&Path, Vec<usize>> = HashMap::new();
    for (place, sample) in samples.iter().enumerate() {
        of_picture.entry(&sample.picture).or_default().push(place);
    }
    let mut found = vec![None; samples.len()];
    for other in others {
        let distance = |&place: &usize| -> f32 {
            samples[place].points.iter().zip(&other.points).map(|(a, b)| (a - b).norm()).sum()
        };
        let places = of_picture.get(other.picture.as_path()).into_iter().flatten().copied();
        if let Some(nearest) = places.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            found[nearest] = Some(other.points);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn set(options: &str) -> Set {
        format!("faces:{options}").parse().unwrap()
    }

    /// A face of 100 px turned by so many degrees.
    fn face(yaw_deg: f32) -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("file,split");
        (0..68).for_each(|i| write!(text, ",x{i},y{i}").unwrap());
        write!(text, ",yaw\na.jpg,train").unwrap();
        (0..68).for_each(|i| write!(text, ",{},{}", i % 2 * 100 + 9, i / 34 * 100 + 9).unwrap());
        write!(text, ",{yaw_deg}").unwrap();
        std::fs::write(folder.path().join("points.csv"), text).unwrap();
        dataset::open_split(folder.path(), Some("train")).unwrap().remove(0)
    }

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let read: Set = "a/b:3d,weight=0.5,times=3,closed=4,turned=2".parse().unwrap();
        let expected =
            Set { folder: "a/b".into(), three_d: true, masked: false, weight: 0.5, times: 3, closed: 4, turned: 2 };
        assert_eq!(read, expected);
        assert_eq!("a/b".parse::<Set>().unwrap().weight, 1.0);
        let folder = tempfile::tempdir().unwrap();
        let with_colon = folder.path().join("a:b");
        std::fs::create_dir(&with_colon).unwrap();
        let named = |options: &str| format!("{}{options}", with_colon.display()).parse::<Set>().unwrap();
        assert_eq!((named("").folder, named(":times=2").folder), (with_colon.clone(), with_colon.clone()));
        for wrong in ["a:4d", "a:weight=0", "a:weight=2", "a:times=0", "a:times", "a:closed=0", "a:turned=x"] {
            let error = wrong.parse::<Set>().unwrap_err();
            assert!(error.contains("of a: expected 3d, masked, weight=W"), "{error}");
        }
    }

    #[test]
    fn the_far_half_of_a_turned_jaw_counts_nothing_in_the_3d_scheme() {
        let none = |weights: &[f32]| (0..68).filter(|&i| weights[i] == 0.0).collect::<Vec<_>>();
        assert!(none(&set("3d").weights(&face(10.0), None)).is_empty());
        assert_eq!(none(&set("3d").weights(&face(40.0), None)), (0..8).collect::<Vec<_>>());
        assert_eq!(none(&set("3d").weights(&face(-40.0), None)), (9..17).collect::<Vec<_>>());
        assert!(none(&set("").weights(&face(40.0), None)).is_empty());
        let profile = set("3d,weight=0.5").weights(&face(-80.0), None);
        assert_eq!((profile[42], profile[36]), (0.5 * GUESSED, 0.5));
    }

    #[test]
    fn a_point_counts_less_the_more_two_annotations_differ() {
        let face = face(0.0);
        let mut other = face.points.clone();
        other[3].x += 4.0;
        other[4].x += 12.0;
        let weights = set("").weights(&face, Some(&other));
        assert_eq!(weights[..3], [1.0; 3]);
        assert!((weights[3] - 0.5).abs() < 1e-3 && (weights[4] - 0.1).abs() < 1e-3, "{weights:?}");
    }

    #[test]
    fn a_labelled_face_counts_less_the_more_its_looks_differ() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("file,split,spread");
        (0..68).for_each(|i| write!(text, ",x{i},y{i}").unwrap());
        for (file, spread) in [("a.jpg", "0"), ("b.jpg", "0.01"), ("c.jpg", "0.02")] {
            write!(text, "\n{file},train,{spread}").unwrap();
            (0..68).for_each(|i| write!(text, ",{},{}", i % 2 * 100 + 9, i / 34 * 100 + 9).unwrap());
        }
        std::fs::write(folder.path().join("points.csv"), &text).unwrap();
        let labelled = Set { folder: folder.path().into(), ..set("") };
        let counted: Vec<f32> = labelled.samples().unwrap().iter().map(|face| face.weights[30]).collect();
        assert_eq!(counted, [1.0, 0.5, 0.2]);

        // As spreadsheets save it; where no spread is said, the face counts whole.
        std::fs::write(folder.path().join("points.csv"), text.replace(",0.01", ",").replace(',', ";")).unwrap();
        let counted: Vec<f32> = labelled.samples().unwrap().iter().map(|face| face.weights[30]).collect();
        assert_eq!(counted, [1.0, 1.0, 0.2]);
    }

    #[test]
    fn a_second_annotation_is_of_the_nearest_face_of_its_picture() {
        let beside = |face: &Sample, x: f32| {
            let points = face.points.iter().map(|point| Point2::new(point.x + x, point.y)).collect();
            Sample { points, ..face.clone() }
        };
        let first = face(0.0);
        let faces = [first.clone(), beside(&first, 300.0), Sample { picture: "b.jpg".into(), ..first.clone() }];
        let others = vec![beside(&first, 290.0), beside(&first, 5.0)];
        let found = second_annotations(&faces, others.clone());
        assert_eq!(found, [Some(others[1].points.clone()), Some(others[0].points.clone()), None]);
        assert_eq!(second_annotations(&faces, others[..1].to_vec())[0], None);
    }

    #[test]
    fn a_face_is_shown_more_often_where_its_eyes_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("file,split");
        (0..68).for_each(|i| write!(text, ",x{i},y{i}").unwrap());
        for (file, lid) in [("open.jpg", 3), ("closed.jpg", 1)] {
            write!(text, "\n{file},train").unwrap();
            for i in 0..68 {
                // Of an eye, corners 20 apart and lids above and below the line between them.
                let (x, y) = match i {
                    36..48 => ([9, 15, 23, 29, 23, 15][i % 6], [9, 9 - lid, 9 - lid, 9, 9 + lid, 9 + lid][i % 6]),
                    _ => (i as i32, 50),
                };
                write!(text, ",{x},{y}").unwrap();
            }
        }
        std::fs::write(folder.path().join("points.csv"), text).unwrap();
        let eyes = Set { folder: folder.path().into(), ..set("times=2,closed=4") };
        let times: Vec<usize> = eyes.samples().unwrap().iter().map(|face| face.times).collect();
        assert_eq!(times, [2, 8]);
    }

    #[test]
    fn a_face_is_shown_more_often_where_it_is_turned_to_the_side() {
        let often = set("times=2,turned=3");
        assert_eq!([-60.0, -30.0, 0.0, 50.0].map(|yaw| often.times_of(&face(yaw))), [6, 2, 2, 6]);
    }

    #[test]
    fn below_a_mask_no_point_counts() {
        let weights = set("masked").weights(&face(0.0), None);
        assert!([8, 30, 33, 48, 66].iter().all(|&i| weights[i] == 0.0));
        assert!([17, 27, 28, 36, 47].iter().all(|&i| weights[i] == 1.0));
    }
}
