//! Times of work that is always the same: how far they differ is the machine's noise.

use std::hint::black_box;
use std::time::Instant;

use crate::report::durations::Latencies;
use crate::report::{Noise, Quantiles};

/// Steps of the fixed computation: about a millisecond on a core of 1.5 GHz.
const SPINS: u32 = 300_000;

#[derive(Debug, Default)]
pub struct NoiseMeter {
    empty: Latencies,
    spin: Latencies,
}

impl NoiseMeter {
    /// Times nothing, and the fixed computation, once each.
    pub fn measure(&mut self) {
        let start = Instant::now();
        self.empty.push(start.elapsed());
        let start = Instant::now();
        black_box(spin(black_box(1)));
        self.spin.push(start.elapsed());
    }

    /// With the share of the time that was waited for a core. `None` before the first measurement.
    pub fn noise(&self, waited_share: Option<f64>) -> Option<Noise> {
        Some(Noise { waited_share, empty: Quantiles::of(&self.empty)?, spin: Quantiles::of(&self.spin)? })
    }
}

/// A chain of xorshift steps (Marsaglia 2003), each of which waits for the one before; in
/// registers.
fn spin(seed: u32) -> u32 {
    (0..SPINS).fold(seed, |mut x, _| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^ (x << 5)
    })
}
