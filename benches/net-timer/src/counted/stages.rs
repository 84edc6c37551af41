//! The stages of whole frames one by one. Each comes several times; the last counts.

use std::time::Duration;

use anyhow::Result;
use wingmark::face::detect::Detector;
use wingmark::face::look::{Landmarker, LookTimings};
use wingmark::face::scene::SceneWatch;
use wingmark::face::{Observation, Observer, Options, zoo};
use wingmark::model::scheme::IBUG_68;
use wingmark::overlay::Figures;
use wingmark::picture::crop::CropImage;
use wingmark::picture::exposure::show;
use wingmark::picture::frame::{Frame, Size};
use wingmark::record::Format;
use wingmark::record::entry::Entry;
use wingmark::record::fields::Fields;
use wingmark::screen::{Canvas, MemoryScreen, Screen, ScreenError, ScreenSettings, View};

use super::scene;
use super::{begin, done};

/// Landmarks are found by this net: the one in which the work around it weighs most.
const NET: &str = "nano";
const ROUNDS: u32 = 3;
/// Frames until a face is followed as it will be; the next search is later.
const FRAMES: u32 = 10;
const PANEL: Size = Size { width: 240, height: 240 };

pub fn run(format: scene::Format) -> Result<()> {
    let frame = scene::frame(format)?;
    let seen = observe(frame.clone())?;
    parts(&frame, &seen)?;
    present(&frame, &seen, Box::new(MemoryScreen::default()), ["overlay-640x480", "present-640x480-xrgb8888"])?;
    present(&frame, &seen, Box::new(MemoryScreen::rgb565(PANEL)), ["overlay-240x240", "present-240x240-rgb565"])?;
    record(&seen);
    Ok(())
}

/// Frames in which one face is followed.
fn observe(mut frame: Frame) -> Result<Observation> {
    let (faces, landmarks) = (zoo::shipped(zoo::FACES)?.load()?, zoo::shipped(NET)?.load()?);
    let mut observer = Observer::new(&faces, &landmarks, &Options::default())?;
    let mut seen = Observation::default();
    for sequence in 0..FRAMES {
        frame.stamp(sequence, Duration::from_millis(33) * sequence);
        begin();
        seen = observer.observe(&frame)?;
        if sequence + ROUNDS >= FRAMES {
            done("observe");
        }
    }
    anyhow::ensure!(seen.faces.len() == 1, "{} faces are followed; expected one", seen.faces.len());
    Ok(seen)
}

/// What an Observer does with a frame.
fn parts(frame: &Frame, seen: &Observation) -> Result<()> {
    let (faces, landmarks) = (zoo::shipped(zoo::FACES)?.load()?, zoo::shipped(NET)?.load()?);
    let crop = seen.faces[0].crop;
    let mut scene = SceneWatch::default();
    let mut detector = Detector::new(&faces, 1)?;
    let mut landmarker = Landmarker::new(&landmarks, 1)?;
    let mut image = CropImage::new(crop.side_px);
    let mut session = landmarks.model.session();
    begin();
    for _ in 0..ROUNDS {
        scene.watch(frame, Duration::ZERO);
        done("scene");
        detector.begin(frame, 0);
        done("sample-whole");
        detector.begin(frame, 1);
        done("sample-square");
        show(&mut image, frame, &crop);
        done("crop");
        session.infer(&image)?;
        done("net");
        landmarker.look(frame, &crop, &mut LookTimings::default())?;
        done("look");
    }
    Ok(())
}

/// A screen that tells drawing from presenting.
struct Marked {
    screen: Box<dyn Screen>,
    stages: [&'static str; 2],
}

impl Screen for Marked {
    fn size(&self) -> Option<Size> {
        self.screen.size()
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        done(self.stages[0]);
        let presented = self.screen.present(canvas);
        done(self.stages[1]);
        presented
    }
}

fn present(frame: &Frame, seen: &Observation, screen: Box<dyn Screen>, stages: [&'static str; 2]) -> Result<()> {
    let settings = ScreenSettings::default();
    let mut view = View::new(Box::new(Marked { screen, stages }), &IBUG_68, &settings);
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        let figures = figures.count(seen);
        begin();
        view.show(frame, seen, figures)?;
    }
    Ok(())
}

fn record(seen: &Observation) {
    let mut csv = Format::Csv.encoder(Fields::ALL);
    let entry = Entry::now(seen.clone());
    // With room for the rows, as in a run's later blocks.
    csv.add(&entry);
    begin();
    for _ in 0..ROUNDS {
        csv.add(&entry);
        done("record");
    }
}
