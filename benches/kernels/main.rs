//! How fast the kernels are, and how near to what the instruction set can do:
//! `cargo bench -p wingmark-kernel-benches`.
//!
//! The peak is measured first, by a loop of the same multiplications on registers only (peak.rs).
//! Criterion prints multiply-accumulates a second as elements; the share is that of the fastest
//! sample in the peak.

mod net;
mod peak;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wingmark_kernels::{Graph, Kernel, Program, Tensor};

fn kernels(criterion: &mut Criterion) {
    let cases: [(&str, (Graph, Tensor)); 5] = [
        ("3x3, 64 channels, 32x32", net::convolution(32, 64, 3)),
        ("3x3, 128 channels, 8x8", net::convolution(8, 128, 3)),
        ("1x1, 64 channels, 32x32", net::convolution(32, 64, 1)),
        ("3x3, 3 channels, 64x64", net::convolution(64, 3, 3)),
        ("a net like small", net::small()),
    ];
    for kernel in Kernel::supported() {
        let peak = peak::macs_a_second(kernel.name());
        if let Some(peak) = peak {
            println!("{}: peak {:.1} GMAC/s", kernel.name(), peak / 1e9);
        }
        let mut group = criterion.benchmark_group(kernel.name());
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for (name, (graph, output)) in &cases {
            let program = Program::plan(graph, *output, kernel).expect("a sound graph");
            let mut workspace = program.workspace(1);
            let picture = vec![77; program.input_shape().elements()];
            let mut fastest = f64::INFINITY;
            group.throughput(Throughput::Elements(program.macs()));
            group.bench_function(*name, |bencher| {
                bencher.iter_custom(|frames| {
                    let started = Instant::now();
                    for _ in 0..frames {
                        program.run(&mut workspace, &picture);
                    }
                    let elapsed = started.elapsed();
                    fastest = fastest.min(elapsed.as_secs_f64() / frames as f64);
                    elapsed
                });
            });
            if let Some(peak) = peak {
                println!("{:24}share of the peak: {:.0} %", "", program.macs() as f64 / fastest / peak * 100.0);
            }
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
