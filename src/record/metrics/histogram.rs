//! Durations counted by how long they are.

use std::time::Duration;

/// Upper ends of the buckets, in seconds.
const ENDS_S: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

#[derive(Debug, Default)]
pub struct Histogram {
    /// Not cumulative; the last one holds what is slower than all buckets.
    buckets: [u64; ENDS_S.len() + 1],
    sum_s: f64,
}

impl Histogram {
    pub fn push(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.buckets[ENDS_S.partition_point(|&end| end < seconds)] += 1;
        self.sum_s += seconds;
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Seconds altogether.
    pub fn sum_s(&self) -> f64 {
        self.sum_s
    }

    /// The upper end of each bucket, and how many durations do not exceed it.
    pub fn cumulative(&self) -> impl Iterator<Item = (String, u64)> {
        let ends = ENDS_S.iter().map(f64::to_string).chain(["+Inf".into()]);
        ends.zip(self.buckets).scan(0, |below, (end, bucket)| {
            *below += bucket;
            Some((end, *below))
        })
    }
}
