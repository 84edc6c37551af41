//! `wingmark testcard`: a card that reveals what is wrong with a screen's settings.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use embedded_graphics::Drawable;

use super::{Outcome, results};
use crate::board::Board;
use crate::cli::TestcardArgs;
use crate::picture::frame::Size;
use crate::pipeline::service::Signals;
use crate::screen::{Canvas, ScreenError, TestCard};

/// On a screen that takes any size.
const SIZE: Size = Size { width: 800, height: 480 };
/// The card is shown again and again, so that both buffers of a display have it, and a window its
/// new size.
const INTERVAL: Duration = Duration::from_millis(100);

pub fn run(args: &TestcardArgs) -> anyhow::Result<Outcome> {
    let signals = Signals::catch(|| 0)?;
    let board = Board::choose(args.board.board.as_ref())?;
    let settings = args.screen.settings(&board.screen_settings);
    if let Some(words) = args.screen.screen.as_ref().unwrap_or(&board.screen).overwritten() {
        bail!(words);
    }
    let mut screen = args.screen.open(&board, &settings)?.context("there is no screen to show a card on")?;
    // From now on a signal leaves the screen as it was found.
    signals.opened();
    let started = Instant::now();
    let mut canvas = Canvas::default();
    let size = screen.size();
    writeln!(results(), "{}; boards/TESTCARD.md says what its faults mean", size.unwrap_or(SIZE))?;
    loop {
        canvas.resize(screen.size().unwrap_or(SIZE));
        let Ok(()) = TestCard.draw(&mut canvas);
        match screen.present(&canvas) {
            Err(ScreenError::WindowClosed) => break,
            shown => shown?,
        }
        // A file stays; whatever else is looked at has to be kept on.
        let is_enough = args.seconds.is_some_and(|seconds| started.elapsed() >= Duration::from_secs(seconds));
        if size.is_none() || is_enough || signals.stop() {
            break;
        }
        thread::sleep(INTERVAL);
    }
    Ok(Outcome::Done)
}
