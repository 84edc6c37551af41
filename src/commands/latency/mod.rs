//! `wingmark latency`: how long a picture takes from this program over a screen and a camera back
//! to it.

mod delays;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::{Outcome, check_writable, results, write_json};
use crate::board::Board;
use crate::capture::{Captured, Source};
use crate::cli::LatencyArgs;
use crate::picture::frame::{Frame, Size};
use crate::pipeline::service::Signals;
use crate::report::Quantiles;
use crate::screen::{Canvas, Screen};
use delays::{Cells, Delays, Flip, Sight, Spot, delays};

/// The screen keeps a colour this long at least, and as long as this again at most. Longer delays
/// are not found.
const HOLD: Duration = Duration::from_millis(500);
/// Before the camera's exposure has settled on a colour.
const SETTLE: Duration = Duration::from_secs(2);
/// A camera that gives no frame for this long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of screens that take any size.
const SIZE: Size = Size { width: 640, height: 480 };
/// Steps of this share of a whole fill it more evenly than chance does: the golden ratio's.
const GOLDEN: f64 = 0.618_033_988_749_895;

pub fn run(args: &LatencyArgs) -> anyhow::Result<Outcome> {
    let signals = Signals::catch(|| 0)?;
    args.json.as_deref().map_or(Ok(()), check_writable)?;
    let board = Board::choose(args.board.board.as_ref())?;
    if let Some(words) = args.screen.screen.as_ref().unwrap_or(&board.screen).overwritten() {
        bail!(words);
    }
    let mut source = args.source.open(true, args.camera.wish(&board.camera))?;
    let settings = args.screen.settings(&board.screen_settings);
    let screen = args.screen.open(&board, &settings)?.context("no screen to flip; --screen names one")?;
    let flips = u32::from(args.flips);
    // From now on a signal leaves the screen as it was found.
    signals.opened();
    let clock = MonotonicClock { started: Instant::now(), signals };
    let found = ScreenAndCamera::new(screen, source.as_mut(), &clock).measure(flips)?;
    let seen = Quantiles::of(&found.seen).filter(|_| found.missed < flips as usize / 2);
    let Some(seen) = seen else {
        bail!(
            "{} of {flips} flips were not seen within {HOLD:?}; hold the camera still and shield it from other light",
            found.missed
        )
    };
    if let Some(path) = &args.json {
        let figures = serde_json::json!({ "flips": flips, "missed": found.missed, "delay": seen });
        write_json(path, &figures)?;
    }
    let mut out = results();
    writeln!(out, "{flips} flips, {} not seen", found.missed)?;
    writeln!(
        out,
        "From a picture handed to the screen to a frame in hand that shows it: smallest {:.1} ms, median {:.1} ms, p90 {:.1} ms, p99 {:.1} ms",
        seen.min_us / 1e3,
        seen.median_us / 1e3,
        seen.p90_us / 1e3,
        seen.p99_us / 1e3
    )?;
    writeln!(out, "`wingmark bench` gives the time of a frame in between, which comes on top")?;
    Ok(Outcome::Done)
}

trait Clock {
    fn now(&self) -> Duration;
    fn sleep(&self, duration: Duration);
    /// Whether there is no more time.
    fn is_stopped(&self) -> bool;
}

struct MonotonicClock {
    started: Instant,
    signals: Signals,
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn is_stopped(&self) -> bool {
        self.signals.stop()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A screen and the camera that looks at it.
struct ScreenAndCamera<'a> {
    screen: Box<dyn Screen>,
    source: &'a mut dyn Source,
    clock: &'a dyn Clock,
    canvas: Canvas,
    frame: Frame,
}

impl<'a> ScreenAndCamera<'a> {
    fn new(screen: Box<dyn Screen>, source: &'a mut dyn Source, clock: &'a dyn Clock) -> Self {
        let canvas = Canvas::new(screen.size().unwrap_or(SIZE));
        ScreenAndCamera { screen, source, clock, canvas, frame: Frame::default() }
    }

    fn measure(&mut self, number: u32) -> anyhow::Result<Delays> {
        let white = self.settled(true)?;
        let (black, period) = self.settled_with_period()?;
        let spot = Spot::find(&black, &white)?;
        let (mut flips, mut sights) = (Vec::new(), Vec::new());
        for i in 0..number {
            let phase = (f64::from(i) * GOLDEN).fract();
            let until = self.clock.now() + HOLD.mul_f64(1.0 + phase);
            while self.clock.now() < until {
                sights.push(self.sight(&spot)?);
            }
            // Frames come at their own time; a flip must not always come right after one.
            self.clock.sleep(period.mul_f64(phase));
            let to_white = i % 2 == 0;
            flips.push(Flip { at: self.clock.now(), to_white });
            self.show(to_white)?;
        }
        let until = self.clock.now() + HOLD;
        while self.clock.now() < until {
            sights.push(self.sight(&spot)?);
        }
        Ok(delays(&flips, &sights))
    }

    fn sight(&mut self, spot: &Spot) -> anyhow::Result<Sight> {
        let cells = self.capture()?;
        Ok(Sight { at: self.clock.now(), brightness: spot.brightness(&cells) })
    }

    /// What the camera sees when the screen has had a colour for a while.
    fn settled(&mut self, white: bool) -> anyhow::Result<Cells> {
        self.show(white)?;
        let until = self.clock.now() + SETTLE;
        loop {
            let cells = self.capture()?;
            if self.clock.now() >= until {
                return Ok(cells);
            }
        }
    }

    /// The same for black, and the time from frame to frame.
    fn settled_with_period(&mut self) -> anyhow::Result<(Cells, Duration)> {
        self.settled(false)?;
        const FRAMES: u32 = 10;
        let start = self.clock.now();
        for _ in 1..FRAMES {
            self.capture()?;
        }
        let cells = self.capture()?;
        Ok((cells, (self.clock.now() - start) / FRAMES))
    }

    fn capture(&mut self) -> anyhow::Result<Cells> {
        let until = self.clock.now() + PATIENCE;
        let mut standing = None;
        while self.clock.now() < until {
            ensure!(!self.clock.is_stopped(), "it was stopped before all flips were seen");
            match self.source.capture_into(&mut self.frame)? {
                Captured::Frame => return Ok(Cells::of(&self.frame)),
                Captured::End => bail!("the source ended; expected a camera that looks at the screen"),
                Captured::Waiting(status) => standing = Some(status),
                Captured::Damaged | Captured::Nothing => {}
            }
        }
        let why = standing.map_or("the camera gives none".into(), |status| status.to_string());
        bail!("no frame within {} s: {why}", PATIENCE.as_secs())
    }

    fn show(&mut self, white: bool) -> anyhow::Result<()> {
        self.canvas.rgb_mut().fill(if white { 255 } else { 0 });
        self.canvas.sequence += 1;
        Ok(self.screen.present(&self.canvas)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::capture::CaptureError;
    use crate::screen::ScreenError;

    const PERIOD: Duration = Duration::from_micros(33_333);
    const EXPOSURE: Duration = Duration::from_millis(10);
    /// From the first row's exposure to the last one's.
    const ROLL: Duration = Duration::from_millis(16);
    const ROWS: u32 = 48;

    /// A room without a clock of its own: time passes when the camera waits.
    #[derive(Debug, Default)]
    struct Room {
        now: Duration,
        /// From when on the screen shone with which brightness.
        shone: Vec<(Duration, u8)>,
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Room>>);

    impl Clock for Shared {
        fn now(&self) -> Duration {
            self.0.lock().unwrap().now
        }

        fn sleep(&self, duration: Duration) {
            self.0.lock().unwrap().now += duration;
        }

        fn is_stopped(&self) -> bool {
            false
        }
    }

    /// Shines `delay` after it is told.
    struct SlowScreen(Shared, Duration);

    impl Screen for SlowScreen {
        fn size(&self) -> Option<Size> {
            None
        }

        fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
            let mut room = self.0.0.lock().unwrap();
            let from = room.now + self.1;
            room.shone.push((from, canvas.rgb()[0]));
            Ok(())
        }
    }

    /// Exposes row after row, and gives the frame when the last row is done. Its noise is of 20
    /// steps.
    struct RollingCamera(Shared, u32);

    impl RollingCamera {
        /// Light on a row exposed from `start` on, 0 to 255.
        fn light(room: &Room, start: Duration) -> f64 {
            const STEPS: u32 = 20;
            let at = |step| start + EXPOSURE * step / STEPS;
            let shining =
                |at| room.shone.iter().rev().find(|(from, _)| *from <= at).map_or(0.0, |(_, v)| f64::from(*v));
            (0..STEPS).map(|step| shining(at(step))).sum::<f64>() / f64::from(STEPS)
        }
    }

    impl Source for RollingCamera {
        fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
            let mut room = self.0.0.lock().unwrap();
            let done = |sequence| PERIOD * sequence + ROLL + EXPOSURE;
            while done(self.1) <= room.now {
                self.1 += 1;
            }
            room.now = done(self.1);
            let start = PERIOD * self.1;
            let noise = |row: u32, x: u32| f64::from((row * 31 + x * 17 + self.1 * 13) % 21) - 10.0;
            let mut rgb = Vec::new();
            for row in 0..ROWS {
                let light = 40.0 + 0.6 * RollingCamera::light(&room, start + ROLL * row / ROWS);
                rgb.extend((0..64).flat_map(|x| [(light + noise(row, x)) as u8; 3]));
            }
            *frame = Frame::from_rgb(Size { width: 64, height: ROWS }, rgb).unwrap();
            Ok(Captured::Frame)
        }
    }

    /// Delay of the screen, and of the camera from the middle of a frame's exposure to the frame in
    /// hand.
    fn spread(screen_delay: Duration) -> [f64; 3] {
        let room = Shared::default();
        let mut camera = RollingCamera(room.clone(), 0);
        let screen = Box::new(SlowScreen(room.clone(), screen_delay));
        let found = ScreenAndCamera::new(screen, &mut camera, &room).measure(200).unwrap();
        assert_eq!((found.seen.count(), found.missed), (200, 0));
        [0.0, 0.5, 1.0].map(|share| found.seen.quantile(share).as_secs_f64() * 1e3)
    }

    #[test]
    fn delays_are_those_of_screen_and_camera_spread_over_a_period() {
        let camera_ms = (EXPOSURE + ROLL).as_secs_f64() * 1e3 / 2.0;
        let period_ms = PERIOD.as_secs_f64() * 1e3;
        for delay_ms in [5, 40, 200] {
            let [smallest, median, largest] = spread(Duration::from_millis(delay_ms));
            let least = delay_ms as f64 + camera_ms;
            assert!((smallest - least).abs() < 1.5, "{delay_ms}: {smallest} is not {least}");
            assert!((median - least - period_ms / 2.0).abs() < 2.0, "{delay_ms}: {median}");
            assert!((largest - least - period_ms).abs() < 1.5, "{delay_ms}: {largest}");
        }
    }

    #[test]
    fn a_delay_longer_than_a_colour_is_held_is_not_found() {
        let room = Shared::default();
        let mut camera = RollingCamera(room.clone(), 0);
        let screen = Box::new(SlowScreen(room.clone(), Duration::from_millis(1100)));
        let found = ScreenAndCamera::new(screen, &mut camera, &room).measure(20).unwrap();
        assert!(found.missed >= 10, "{found:?}");
    }

    #[test]
    fn a_camera_that_looks_elsewhere_is_told_so() {
        let (room, elsewhere) = (Shared::default(), Shared::default());
        let mut camera = RollingCamera(room.clone(), 0);
        let screen = Box::new(SlowScreen(elsewhere, Duration::ZERO));
        let error = ScreenAndCamera::new(screen, &mut camera, &room).measure(20).unwrap_err();
        assert!(error.to_string().starts_with("the camera does not see the screen"), "{error}");
    }
}
