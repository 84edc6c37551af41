//! Points for pictures without any, as several models see them in many crops (data distillation;
//! Radosavovic et al., CVPR 2018). What one look gets wrong by chance, the mean of many gets right,
//! and where looks differ, no point is trusted.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use nalgebra::{Point2, Vector2};
use rand::SeedableRng;
use rand::rngs::StdRng;
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::zoo::{self, Choice, Net};
use wingmark::face::{Observer, Options};
use wingmark::model::scheme::IBUG_68;
use wingmark::picture::folder;
use wingmark::picture::frame::Frame;
use wingmark::picture::geometry::Rect;

use crate::augment::{self, Strength, jitter, mirror_rows, mirrored};
use crate::numbers::within;
use crate::task::pictures;

/// How crops differ from look to look.
const STRENGTH: Strength = Strength { rotation_deg: 8.0, scale: 0.08, shift: 0.03, ..augment::NONE };
/// Times a face is looked at anew, from where it was seen before.
const ROUNDS: usize = 2;
const SEED: u64 = 0x1abe1;
/// The first columns, which no table of true points begins with.
const COLUMNS: [&str; 4] = ["file", "split", "spread", "confidence"];

#[derive(Args)]
pub struct Label {
    /// Folder with pictures.
    #[arg(long)]
    pictures: PathBuf,
    /// Folder for points.csv and images/, a link to the pictures.
    #[arg(long)]
    out: PathBuf,
    /// A model by its name or its folder. May be given several times; the first one finds the
    /// faces.
    #[arg(long, required = true)]
    model: Vec<Choice>,
    /// Looks of each model at each face, half of them in a mirror.
    #[arg(long, default_value = "8")]
    looks: NonZeroUsize,
    /// Leaves out faces whose looks differ more: the mean distance of a landmark from its mean, as
    /// a share of the face's side.
    #[arg(long, default_value_t = 0.015, value_parser = within(0.0..=1.0f32))]
    spread: f32,
    /// Leaves out faces whose looks have a lower mean confidence.
    #[arg(long, default_value_t = 0.6, value_parser = within(0.0..=1.0f32))]
    confidence: f32,
}

/// A face as it was seen in several looks.
struct Seen {
    points: Vec<Point2<f32>>,
    /// Mean distance of a look's landmark from the mean of all looks, as a share of the face's
    /// side.
    spread: f32,
    confidence: f32,
}

pub fn run(args: &Label) -> Result<()> {
    let table = args.out.join("points.csv");
    ensure_ours(&table)?;
    let images = args.pictures.canonicalize().with_context(|| format!("cannot read {}", args.pictures.display()))?;
    let files = folder::entries(&images).with_context(|| format!("cannot read {}", images.display()))?;
    ensure!(!files.is_empty(), "there are no pictures in {}", images.display());

    let nets: Vec<Net> = args.model.iter().map(Choice::load).collect::<Result<_, _>>()?;
    let mut observer = Observer::new(&zoo::shipped(zoo::FACES)?.load()?, &nets[0], &Options::unsmoothed())?;
    let mut landmarkers: Vec<Landmarker> =
        nets.iter().map(|net| Ok(Landmarker::new(net, 1)?)).collect::<Result<_>>()?;

    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let link = args.out.join("images");
    match link.canonicalize() {
        Ok(found) => ensure!(found == images, "{} leads to {}; name another --out", link.display(), found.display()),
        Err(_) if link.is_symlink() => {
            let (link, lost) = (link.display(), fs::read_link(&link)?);
            bail!("{link} leads to {}, which is not there; remove {link} or name another --out", lost.display())
        }
        Err(_) => {
            std::os::unix::fs::symlink(&images, &link).with_context(|| format!("cannot make {}", link.display()))?
        }
    }
    // A table that is cut off would be taken for a whole one.
    let new = args.out.join("points.csv.new");
    let mut writer = csv::Writer::from_path(&new).with_context(|| format!("cannot write {}", new.display()))?;
    let columns = COLUMNS.map(String::from).into_iter();
    writer.write_record(columns.chain((0..IBUG_68.landmarks).flat_map(|i| [format!("x{i}"), format!("y{i}")])))?;

    let mut rng = StdRng::seed_from_u64(SEED);
    let (mut pictures, mut faces, mut kept) = (0, 0, 0);
    let bar = ProgressBar::new(files.len() as u64).with_message("looking at faces");
    for path in &files {
        bar.inc(1);
        let (file, frame) = match open(path) {
            Ok(opened) => opened,
            Err(error) => {
                bar.suspend(|| log::warn!("left out: {error}"));
                continue;
            }
        };
        pictures += 1;
        observer.forget();
        let found = observer.observe(&frame)?.faces;
        let largest = found.into_iter().max_by(|a, b| a.bounds.area().total_cmp(&b.bounds.area()));
        if let Some(face) = largest {
            faces += 1;
            let views = Views::of(&frame)?;
            let mut points = face.landmarks.iter().map(|landmark| landmark.at).collect::<Vec<_>>();
            for _ in 1..ROUNDS {
                points = views.look(&mut landmarkers, args.looks.get(), &points, &mut rng)?.points;
            }
            let seen = views.look(&mut landmarkers, args.looks.get(), &points, &mut rng)?;
            if seen.spread <= args.spread && seen.confidence >= args.confidence {
                kept += 1;
                writer.write_record(row(file, &seen))?;
            }
        }
    }
    bar.finish_and_clear();
    ensure!(pictures > 0, "none of the {} files in {} is a picture", files.len(), images.display());
    writer.flush()?;
    fs::rename(&new, &table).with_context(|| format!("cannot replace {}", table.display()))?;
    println!("{}: {kept} faces kept of {faces}, in {pictures} pictures", table.display());
    Ok(())
}

/// Whether a table may be replaced: somebody's own points are not made again.
fn ensure_ours(table: &Path) -> Result<()> {
    if !table.exists() {
        return Ok(());
    }
    let mut reader = csv::Reader::from_path(table).with_context(|| format!("cannot read {}", table.display()))?;
    let headers = reader.byte_headers().with_context(|| format!("cannot read {}", table.display()))?;
    ensure!(
        headers.iter().take(COLUMNS.len()).eq(COLUMNS.map(str::as_bytes)),
        "{} is not of `label`, whose tables begin with {}, and is not replaced; name another --out",
        table.display(),
        COLUMNS.join(",")
    );
    Ok(())
}

/// A picture and its name, as points.csv has it.
fn open(path: &Path) -> Result<(&str, Frame)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("the name of {} is no text", path.display()))?;
    Ok((name, pictures::read(path)?))
}

/// A row of points.csv. The split is the one that is trained on.
fn row(file: &str, seen: &Seen) -> Vec<String> {
    let mut row = vec![file.into(), "train".into(), format!("{:.4}", seen.spread), format!("{:.3}", seen.confidence)];
    row.extend(seen.points.iter().flat_map(|p| [format!("{:.2}", p.x), format!("{:.2}", p.y)]));
    row
}

/// A picture and its mirror image.
struct Views<'a> {
    frame: &'a Frame,
    mirror: Frame,
}

impl<'a> Views<'a> {
    fn of(frame: &'a Frame) -> Result<Self> {
        let mut bytes = frame.bytes().to_vec();
        mirror_rows(&mut bytes, frame.size().width as usize);
        Ok(Views { frame, mirror: Frame::from_rgb(frame.size(), bytes)? })
    }

    /// Each landmarker looks so often at a face whose landmarks are roughly known, every other time
    /// in the mirror.
    fn look(
        &self,
        landmarkers: &mut [Landmarker],
        looks: usize,
        points: &[Point2<f32>],
        rng: &mut StdRng,
    ) -> Result<Seen> {
        let sum = self.frame.size().width as f32 - 1.0;
        let in_mirror = mirrored(points, sum, &IBUG_68);
        let mut all: Vec<Vec<Point2<f32>>> = Vec::with_capacity(landmarkers.len() * looks);
        let mut confidence = 0.0;
        for landmarker in landmarkers {
            for number in 0..looks {
                let turned = number % 2 == 1;
                let (frame, points) = if turned { (&self.mirror, &*in_mirror) } else { (self.frame, points) };
                let crop = jitter(&landmarker.crop_around_points(points), &STRENGTH, rng);
                let look = landmarker.look(frame, &crop, &mut LookTimings::default())?;
                confidence += look.landmarks.iter().map(|l| l.confidence).sum::<f32>() / look.landmarks.len() as f32;
                all.push(if turned { mirrored(&look.points(), sum, &IBUG_68) } else { look.points() });
            }
        }
        let count = all.len() as f32;
        let mean = |i: usize| Point2::from(all.iter().map(|look| look[i].coords).sum::<Vector2<f32>>() / count);
        let points: Vec<Point2<f32>> = (0..IBUG_68.landmarks).map(mean).collect();
        let bounds = Rect::around(points.iter().copied()).expect("a face has points");
        let distances = all.iter().flat_map(|look| look.iter().zip(&points).map(|(a, b)| (a - b).norm())).sum::<f32>();
        let side = bounds.area().sqrt().max(1.0);
        let spread = distances / (count * points.len() as f32 * side);
        Ok(Seen { points, spread, confidence: confidence / count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_is_passed_over_and_a_table_is_whole_or_not_there() {
        let (pictures, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/eileen-collins.jpg");
        let label = |pictures: &Path| {
            run(&Label {
                pictures: pictures.into(),
                out: out.path().into(),
                model: vec![zoo::shipped("nano").unwrap()],
                looks: NonZeroUsize::MIN,
                spread: 1.0,
                confidence: 0.0,
            })
        };
        fs::write(pictures.path().join("zz.txt"), "no picture").unwrap();
        fs::create_dir(pictures.path().join("album")).unwrap();
        let error = label(pictures.path()).unwrap_err().to_string();
        assert!(error.starts_with("none of the 2 files"), "{error}");
        let table = out.path().join("points.csv");
        assert!(!table.exists());

        for name in ["b.jpg", ".hidden.jpg"] {
            fs::copy(assets, pictures.path().join(name)).unwrap();
        }
        label(pictures.path()).unwrap();
        let rows = fs::read_to_string(&table).unwrap();
        assert_eq!(rows.lines().count(), 2, "{rows}");
        assert!(rows.lines().nth(1).unwrap().starts_with("b.jpg,train,"), "{rows}");
        assert!(!out.path().join("points.csv.new").exists());

        label(pictures.path()).unwrap();
        fs::write(&table, "file,split,spread,x0,y0\n").unwrap();
        let error = label(pictures.path()).unwrap_err().to_string();
        assert!(error.contains("points.csv is not of `label`"), "{error}");
        assert_eq!(fs::read_to_string(&table).unwrap(), "file,split,spread,x0,y0\n");

        fs::remove_file(&table).unwrap();
        let moved = out.path().join("moved");
        fs::rename(&pictures, &moved).unwrap();
        let error = label(&moved).unwrap_err().to_string();
        assert!(error.contains("images leads to") && error.contains("which is not there"), "{error}");
    }
}
