//! Runs a net for benches/compare.py: `net_timer FILE.onnx THREADS`. Each line of standard input is
//! a number of frames; the answer is a line with the microseconds of each.

use std::io::{BufRead, stdin};
use std::time::Instant;

use anyhow::{Context, Result};
use wingmark::model::Model;
use wingmark::picture::crop::CropImage;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = std::fs::read(arguments.next().context("net_timer FILE.onnx THREADS")?)?;
    let threads: usize = arguments.next().context("net_timer FILE.onnx THREADS")?.parse()?;
    let started = Instant::now();
    let model = Model::from_onnx(&file)?;
    let loaded = started.elapsed();
    let mut session = model.session_with_threads(threads);
    let mut picture = CropImage::new(model.input_side_px());
    for (i, byte) in picture.rgb.iter_mut().enumerate() {
        *byte = (i * 31 % 251) as u8;
    }
    let gmac = model.macs().map_or(0.0, |macs| macs as f64 / 1e9);
    println!("{} {:.3} {gmac}", model.kernel_name().replace(' ', "-"), loaded.as_secs_f64() * 1e3);
    for line in stdin().lock().lines() {
        let frames: usize = line?.trim().parse()?;
        let mut micros = Vec::with_capacity(frames);
        for _ in 0..frames {
            let started = Instant::now();
            session.infer(&picture)?;
            micros.push(format!("{:.1}", started.elapsed().as_secs_f64() * 1e6));
        }
        println!("{}", micros.join(" "));
    }
    Ok(())
}
