//! What threads give on cores that this machine does not have: a net's chunks, counted one by one,
//! played on simulated cores with the price of sharing.

use std::io::stdin;

use anyhow::{Context, Result, bail, ensure};

use super::net::open;
use super::simulate::{Core, Costs, frame};
use super::{begin, done};

/// What sharing costs on Linux: two microseconds a futex that is woken, some tens until the thread
/// runs; a cache line goes from core to core in 0.1 to 0.2 microseconds.
const COSTS: Costs = Costs { call: 6.0, wake: 50.0, claim: 0.15, see: 0.3 };

/// What another program that takes a core keeps it for: Linux's time slice.
const SLICE_MICROS: f64 = 3_000.0;

/// Speed of a little core beside a big one.
const LITTLE: f64 = 0.4;

const MOST_THREADS: usize = 4;

/// For each step, how long its chunks take, in microseconds.
type Steps = Vec<Vec<f64>>;

/// Counts each chunk of each step, as one to [`MOST_THREADS`] threads cut them: the number of
/// threads, and that of the step.
pub fn run_chunks(file: &str) -> Result<()> {
    let (_, mut session, picture) = open(file)?;
    for threads in 1..=MOST_THREADS {
        begin();
        let is_quantised =
            session.run_chunks(&picture, threads, |chunk| done(format_args!("{threads} {}", chunk.step)));
        ensure!(is_quantised, "{file} is not quantised");
    }
    Ok(())
}

/// Prints the end of a line of tests/arm/memory.csv: bytes in which one to [`MOST_THREADS`] threads
/// hold a frame.
pub fn memory(file: &str) -> Result<()> {
    let (model, ..) = open(file)?;
    let bytes = (1..=MOST_THREADS).map(|threads| model.session_bytes(threads).map(|bytes| bytes.to_string()));
    let bytes: Vec<_> = bytes.collect::<Option<_>>().with_context(|| format!("{file} is not quantised"))?;
    println!("{}", bytes.join(","));
    Ok(())
}

/// Reads these lines, each with the chunk's instructions behind it, and takes so many of them a
/// microsecond. Prints the end of a line of tests/arm/threads.csv: steps, chunks for four threads,
/// milliseconds on one core, and how many times as fast the others are.
pub fn play(instructions_a_micro: f64) -> Result<()> {
    println!("{}", gains(&read(instructions_a_micro)?));
    Ok(())
}

/// The steps as cut for one to [`MOST_THREADS`] threads.
fn read(instructions_a_micro: f64) -> Result<[Steps; MOST_THREADS]> {
    let mut cut: [Steps; MOST_THREADS] = Default::default();
    for line in stdin().lines() {
        let line = line?;
        let numbers: Vec<usize> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [threads, step, instructions] = numbers[..] else { bail!("{line}: expected three numbers") };
        ensure!((1..=MOST_THREADS).contains(&threads), "{line}: expected 1 to {MOST_THREADS} threads");
        let steps = &mut cut[threads - 1];
        steps.resize(steps.len().max(step + 1), Vec::new());
        steps[step].push(instructions as f64 / instructions_a_micro);
    }
    ensure!(cut.iter().all(|steps| !steps.is_empty()), "there are no chunks for some number of threads");
    Ok(cut)
}

fn gains([one, two, three, four]: &[Steps; MOST_THREADS]) -> String {
    let alone = frame(one, &[Core::PLAIN], COSTS);
    let cores = [Core::PLAIN; MOST_THREADS];
    let whole = frame(four, &cores, COSTS);
    let with_last = |last: Core| [Core::PLAIN, Core::PLAIN, Core::PLAIN, last];
    let little = Core { speed: LITTLE, ..Core::PLAIN };
    // Late by a fifth of the frame.
    let late = with_last(Core { late: whole / 5.0, ..Core::PLAIN });
    let never = with_last(Core { late: f64::INFINITY, ..Core::PLAIN });
    // Anywhere in the frame, the mean.
    let at = |i: usize| whole * (i as f64 + 0.5) / 50.0;
    let gone = |i| with_last(Core { away: (at(i), at(i) + SLICE_MICROS), ..Core::PLAIN });
    let taken = (0..50).map(|i| frame(four, &gone(i), COSTS)).sum::<f64>() / 50.0;
    let times = [
        frame(two, &cores[..2], COSTS),
        frame(three, &cores[..3], COSTS),
        whole,
        frame(four, &late, COSTS),
        frame(four, &never, COSTS),
        frame(four, &[Core::PLAIN, Core::PLAIN, little, little], COSTS),
        taken,
    ];
    let gains: String = times.iter().map(|time| format!(",{:.2}", alone / time)).collect();
    let chunks: usize = four.iter().map(Vec::len).sum();
    format!("{},{chunks},{:.2}{gains}", four.len(), alone / 1e3)
}
