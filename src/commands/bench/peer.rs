//! Another net on the same machine, as tract runs it by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::face::zoo::MOST_MODEL_BYTES;
use crate::model::PlainNet;
use crate::report::durations::Latencies;
use crate::report::{Peer, Quantiles};
use crate::text::files;

/// Run before anything is timed.
const WARM_UP_RUNS: usize = 3;
const FEWEST_RUNS: usize = 5;

/// Whether tract can load a file: asked before what takes long.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(about.is_file(), "cannot read {}: it is no file; expected a net in ONNX", path.display());
    load(&read(path)?, path).map(|_| ())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    files::read(path, MOST_MODEL_BYTES).with_context(|| format!("cannot read {}", path.display()))
}

fn load(file: &[u8], path: &Path) -> anyhow::Result<PlainNet> {
    PlainNet::from_onnx(file).with_context(|| path.display().to_string())
}

/// Times the net of an ONNX file for this long.
pub fn measure(path: &Path, seconds: f64) -> anyhow::Result<Peer> {
    let name = path.display();
    let file = read(path)?;
    let start = Instant::now();
    let net = load(&file, path)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let run = || net.run().with_context(|| format!("{name}"));
    for _ in 0..WARM_UP_RUNS {
        run()?;
    }
    let mut times = Latencies::default();
    let begun = Instant::now();
    while times.count() < FEWEST_RUNS || begun.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    let net_times = Quantiles::of(&times).expect("it ran");
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Peer { name: stem, input: net.input_shape().to_vec(), load_ms, net: net_times })
}
