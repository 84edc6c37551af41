//! `wingmark run`: every frame of a source through the observer, to screen and recorders.

use std::io::Write;

use embedded_graphics::Drawable;
use log::error;

use super::{Outcome, counted};
use crate::capture::Captured;
use crate::cli::RunArgs;
use crate::frame::Frame;
use crate::latency::Latencies;
use crate::observe::Observation;
use crate::overlay::Overlay;
use crate::plan::RunPlan;
use crate::scheme::Scheme;
use crate::screen::{Canvas, Screen};

pub fn run(args: &RunArgs) -> anyhow::Result<Outcome> {
    let mut plan = RunPlan::open(args)?;
    let scheme = plan.observer.scheme();
    let mut tally = Tally::default();
    let mut frame = Frame::default();
    let mut canvas = Canvas::default();
    while plan.frames.is_none_or(|limit| tally.frames + tally.unreadable < limit as usize) {
        match plan.source.capture_into(&mut frame) {
            Ok(Captured::Frame) => {}
            Ok(Captured::End) => break,
            Err(e) => {
                error!("{e}");
                tally.unreadable += 1;
                continue;
            }
        }
        let seen = plan.observer.observe(&frame)?;
        for recorder in &mut plan.recorders {
            recorder.record(&seen)?;
        }
        if let Some(screen) = &mut plan.screen {
            show(&frame, &seen, scheme, &mut canvas, screen.as_mut())?;
        }
        tally.count(&seen);
    }
    writeln!(std::io::stdout(), "{}", tally.summary())?;
    Ok(if tally.unreadable == 0 { Outcome::Done } else { Outcome::Incomplete })
}

/// Presents a frame with what was seen in it.
pub fn show(
    frame: &Frame,
    seen: &Observation,
    scheme: &Scheme,
    canvas: &mut Canvas,
    screen: &mut dyn Screen,
) -> anyhow::Result<()> {
    let faces = counted(seen.faces.len(), "face", "faces");
    let figures = format!("frame {}  {faces}  {:.1} ms", seen.sequence, seen.timings.total.as_secs_f64() * 1e3);
    canvas.show(frame);
    let Ok(()) = Overlay { scheme, seen, ellipses: false, figures: &figures }.draw(canvas);
    Ok(screen.present(canvas)?)
}

/// What a run came to.
#[derive(Debug, Default)]
struct Tally {
    frames: usize,
    with_a_face: usize,
    unreadable: usize,
    latencies: Latencies,
}

impl Tally {
    fn count(&mut self, seen: &Observation) {
        self.frames += 1;
        self.with_a_face += usize::from(!seen.faces.is_empty());
        self.latencies.push(seen.timings.total);
    }

    fn summary(&self) -> String {
        let frames = counted(self.frames, "frame", "frames");
        let faces = match self.with_a_face {
            0 => "no face found".into(),
            all if all == self.frames => "a face in each".into(),
            some => format!("a face in {some}"),
        };
        let unreadable = match self.unreadable {
            0 => String::new(),
            some => format!("; {} not readable", counted(some, "picture", "pictures")),
        };
        format!("{frames}, {faces}{unreadable}; observing one: {}", self.latencies)
    }
}
