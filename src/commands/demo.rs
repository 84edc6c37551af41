//! `wingmark demo`: the built-in picture through everything, with nothing but this binary.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, bail};
use nalgebra::{Point2, Vector2};

use super::{Outcome, counted, results};
use crate::capture::{Captured, Clip, Source};
use crate::cli::DemoArgs;
use crate::face::{Face, Observer, Options, zoo};
use crate::overlay::Figures;
use crate::picture::built_in_picture;
use crate::picture::frame::Frame;
use crate::record::{PlainFile, Recorder};
use crate::report::durations::Latencies;
use crate::screen::{PngFolder, ScreenSettings, View};

/// One period of the clip's motion.
const FRAMES: u32 = 120;
/// Every frame of this many becomes a picture.
const FRAMES_A_PICTURE: u32 = 30;

/// Parts of a face as runs of the 68 points. Right and left are the subject's.
const PARTS: [(&str, Range<usize>); 5] =
    [("right eye", 36..42), ("left eye", 42..48), ("tip of the nose", 30..31), ("mouth", 48..60), ("chin", 8..9)];

pub fn run(args: &DemoArgs) -> anyhow::Result<Outcome> {
    let table = args.out.join("landmarks.csv");
    let there =
        || PngFolder::first_there(&args.out).or_else(|| table.symlink_metadata().is_ok().then(|| table.clone()));
    if args.out != Path::new(DemoArgs::FOLDER)
        && let Some(there) = there()
    {
        bail!("{} is there already; name another folder with --out", there.display());
    }
    let faces = zoo::shipped(zoo::FACES)?.load()?;
    let landmarks = zoo::shipped(zoo::DEFAULT_LANDMARKS)?.load()?;
    let mut observer = Observer::new(&faces, &landmarks, &Options::default())?;
    let folder = PngFolder::create(&args.out)?;
    let first_picture = PngFolder::path(&args.out, 0);
    let mut view = View::new(Box::new(folder), observer.scheme(), &ScreenSettings::default());
    let mut recorder = PlainFile::create(&table)?;
    let mut clip = Clip::of(built_in_picture());
    let mut frame = Frame::default();
    let mut figures = Figures::default();
    let (mut latencies, mut with_a_face, mut first) = (Latencies::default(), 0, None);
    while frame.sequence() + 1 < FRAMES && clip.capture_into(&mut frame)? == Captured::Frame {
        let seen = observer.observe(&frame)?;
        recorder.record(&seen)?;
        let figures = figures.count(&seen);
        if frame.sequence().is_multiple_of(FRAMES_A_PICTURE) {
            view.show(&frame, &seen, figures)?;
        }
        latencies.push(seen.timings.total);
        with_a_face += usize::from(!seen.faces.is_empty());
        first = first.or(seen.faces.into_iter().next());
    }
    recorder.finish()?;
    let face = first.context("no face found in the built-in picture")?;

    let mut out = results();
    writeln!(out, "The built-in picture, {} px: a face with confidence {:.2}", frame.size(), face.presence)?;
    for (name, points) in PARTS {
        let at = middle(&face, points);
        writeln!(out, "  {name:<16}{:>6.1} {:>6.1}", at.x, at.y)?;
    }
    writeln!(out, "Moved about for {}: followed in {with_a_face}", counted(FRAMES as usize, "frame", "frames"))?;
    writeln!(out, "Time to observe a frame: {latencies}")?;
    writeln!(out, "Pictures with the overlay: {} and on; points: {}", first_picture.display(), table.display())?;
    Ok(Outcome::Done)
}

/// The mean of some of a face's points.
fn middle(face: &Face, points: Range<usize>) -> Point2<f32> {
    let number = points.len() as f32;
    Point2::from(face.landmarks[points].iter().map(|landmark| landmark.at.coords).sum::<Vector2<f32>>() / number)
}
