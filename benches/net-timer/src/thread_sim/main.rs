//! What threads would give on cores that this machine does not have:
//!
//!     cargo run --release -p wingmark-net-timer --bin thread_sim -- [--slower FACTOR] FILE.onnx..
//!
//! Times each chunk of each step, cut as so many threads cut it, on one core of this machine, and
//! plays the frame on one to four simulated ones. FACTOR stretches the chunks to those of a slower
//! machine and leaves the price of sharing, which was measured where a chunk is shortest. Run it on
//! a machine with nothing else to do; it takes the shortest of many frames.

mod simulate;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use simulate::{Core, Costs, frame};
use wingmark::model::Model;
use wingmark::picture::crop::CropImage;

/// What sharing costs on Linux: two microseconds a futex that is woken, some tens until the thread
/// runs; a cache line goes from core to core in 0.1 to 0.2 microseconds.
const COSTS: Costs = Costs { call: 6.0, wake: 50.0, claim: 0.15, see: 0.3 };

const FRAMES: usize = 200;

/// What another program that takes a core keeps it for: Linux's time slice.
const SLICE_MICROS: f64 = 3_000.0;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let mut factor = 1.0;
    if arguments.next_if(|argument| argument == "--slower").is_some() {
        factor = arguments.next().and_then(|text| text.parse().ok()).context("--slower FACTOR")?;
    }
    let files: Vec<String> = arguments.collect();
    if files.is_empty() {
        bail!("thread_sim [--slower FACTOR] FILE.onnx..");
    }
    println!(
        "| net | steps | chunks | one core, ms | 2 | 3 | 4 | 4, one late | 4, one never comes | 2 + 2 of 0.4 | 4, one taken away |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for file in files {
        row(&file, factor)?;
    }
    Ok(())
}

/// One net's line of the table.
fn row(file: &str, factor: f64) -> Result<()> {
    let model = Model::from_onnx(&std::fs::read(file).with_context(|| file.to_owned())?)?;
    let timed = |threads| steps(&model, threads, factor).with_context(|| format!("{file} is not quantised"));
    let alone = frame(&timed(1)?, &[Core::PLAIN], COSTS);
    let (two, three, four) = (timed(2)?, timed(3)?, timed(4)?);
    let cores = [Core::PLAIN; 4];
    let with_last = |last: Core| [Core::PLAIN, Core::PLAIN, Core::PLAIN, last];
    let little = Core { speed: 0.4, ..Core::PLAIN };
    let whole = frame(&four, &cores, COSTS);
    // Late by a fifth of the frame.
    let late = with_last(Core { late: whole / 5.0, ..Core::PLAIN });
    let never = with_last(Core { late: f64::INFINITY, ..Core::PLAIN });
    // Anywhere in the frame, the mean.
    let taken = |steps: &[Vec<f64>]| {
        let at = |i: usize| whole * (i as f64 + 0.5) / 50.0;
        let gone = |i| with_last(Core { away: (at(i), at(i) + SLICE_MICROS), ..Core::PLAIN });
        (0..50).map(|i| frame(steps, &gone(i), COSTS)).sum::<f64>() / 50.0
    };
    let name = file.trim_end_matches("/model.onnx").rsplit('/').next().unwrap_or(file);
    println!(
        "| {name} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        four.len(),
        four.iter().map(Vec::len).sum::<usize>(),
        alone / 1e3,
        alone / frame(&two, &cores[..2], COSTS),
        alone / frame(&three, &cores[..3], COSTS),
        alone / whole,
        alone / frame(&four, &late, COSTS),
        alone / frame(&four, &never, COSTS),
        alone / frame(&four, &[Core::PLAIN, Core::PLAIN, little, little], COSTS),
        alone / taken(&four),
    );
    Ok(())
}

/// The shortest time of each chunk, in microseconds.
fn steps(model: &Model, threads: usize, factor: f64) -> Option<Vec<Vec<f64>>> {
    let mut session = model.session();
    let mut picture = CropImage::new(model.input_side_px());
    for (i, byte) in picture.rgb.iter_mut().enumerate() {
        *byte = (i * 31 % 251) as u8;
    }
    let mut shortest = session.time_chunks(&picture, threads)?;
    for _ in 1..FRAMES {
        let times = session.time_chunks(&picture, threads)?;
        for (shortest, time) in shortest.iter_mut().flatten().zip(times.into_iter().flatten()) {
            *shortest = time.min(*shortest);
        }
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 * factor;
    Some(shortest.into_iter().map(|chunks| chunks.into_iter().map(micros).collect()).collect())
}
