//! The rules by which a run is flat.
//!
//! The first fifth of the run is warm-up and does not count.

use std::process::ExitStatus;
use std::time::Duration;

use crate::latency::Row;
use crate::watch::Sample;

/// One rule and what the run came to.
#[derive(Debug)]
pub struct Verdict {
    pub rule: String,
    pub found: String,
    pub holds: bool,
}

/// Growth of the memory, by a line fitted through the samples: a mebibyte at most from the warm-up
/// to the end.
const GROWTH_KIB: f64 = 1024.0;
/// The p99 of the last third may be this much of the first third's.
const LATENCY_RATIO: f64 = 1.5;
/// Differences of less are the machine's.
const LATENCY_FLOOR_MS: f64 = 2.0;

fn after_warm_up<T>(all: &[T]) -> &[T] {
    &all[all.len() / 5..]
}

pub fn memory(samples: &[Sample]) -> Verdict {
    let points: Vec<(f64, f64)> =
        after_warm_up(samples).iter().map(|s| (s.at.as_secs_f64(), s.memory_kib as f64)).collect();
    let span_s = points.last().map_or(0.0, |last| last.0) - points.first().map_or(0.0, |first| first.0);
    let growth = slope(&points) * span_s;
    let largest = points.iter().fold(0.0, |largest: f64, point| largest.max(point.1));
    Verdict {
        rule: format!("resident memory grows by {GROWTH_KIB} KiB at most (line fitted through the samples)"),
        found: format!("{growth:+.0} KiB in {:.1} min; {:.1} MiB at most", span_s / 60.0, largest / 1024.0),
        holds: growth <= GROWTH_KIB,
    }
}

/// The slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let (over, under) = points
        .iter()
        .fold((0.0, 0.0), |(over, under), (x, y)| (over + (x - mean_x) * (y - mean_y), under + (x - mean_x).powi(2)));
    over / under
}

pub fn steady(what: &str, counts: impl Iterator<Item = u64>) -> Verdict {
    let counts: Vec<u64> = counts.collect();
    let (first, last) = after_warm_up(&counts).split_at(after_warm_up(&counts).len() / 2);
    let most = |half: &[u64]| half.iter().max().copied().unwrap_or_default();
    Verdict {
        rule: format!("{what}: the second half has no more than the first"),
        found: format!("{} and {} at most", most(first), most(last)),
        holds: most(last) <= most(first),
    }
}

/// `windows` are p99 in milliseconds.
pub fn latency(windows: &[f64]) -> Verdict {
    let windows = after_warm_up(windows);
    let third = windows.len() / 3;
    let median = |part: &[f64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let (first, last) = (median(&windows[..third]), median(&windows[windows.len() - third..]));
    Verdict {
        rule: format!(
            "p99 of observing a frame: the last third's is at most {LATENCY_RATIO} times the first's, or \
             {LATENCY_FLOOR_MS} ms more (medians over windows of 5 s)"
        ),
        found: format!("{first:.2} ms and {last:.2} ms"),
        holds: last <= first * LATENCY_RATIO || last <= first + LATENCY_FLOOR_MS,
    }
}

/// Every frame has its row, or is in a count of drops.
pub fn accounted(rows: &[Row], fed: u64, metrics: &str) -> Verdict {
    // The sum over all labels of a family.
    let metric = |family: &str| -> u64 {
        let rests = metrics.lines().filter_map(|line| line.strip_prefix(family));
        let samples = rests.filter(|rest| rest.starts_with([' ', '{'])).map(|rest| rest.rsplit(' ').next());
        let values: Vec<u64> = samples.map(|value| value.unwrap_or_default().parse().unwrap()).collect();
        assert!(!values.is_empty(), "no {family} in\n{metrics}");
        values.iter().sum()
    };
    let (observed, dropped) = (metric("wingmark_frames_total"), metric("wingmark_dropped_frames_total"));
    let lost = metric("wingmark_records_lost_total");
    let in_order = rows.windows(2).all(|pair| pair[1].frame == pair[0].frame + 1 + pair[1].dropped);
    let complete = rows.len() as u64 == observed && lost == 0 && in_order;
    // Some were in the pipe when it stopped.
    let all_seen = observed + dropped <= fed && fed - observed - dropped < 60;
    Verdict {
        rule: "every frame is observed or counted as dropped; every observed one has its row; none is lost".into(),
        found: format!("{fed} fed, {observed} observed, {dropped} dropped, {} rows, {lost} lost", rows.len()),
        holds: complete && all_seen && observed > 0,
    }
}

pub fn stopped(status: ExitStatus, within: Duration) -> Verdict {
    Verdict {
        rule: "SIGTERM ends it within 1 s with exit code 0".into(),
        found: format!("{status} after {:.2} s", within.as_secs_f64()),
        holds: status.success() && within < Duration::from_secs(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory_kib: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample =
            |i| Sample { at: Duration::from_secs(2 * i), memory_kib: memory_kib(i), descriptors: 9, threads: 4 };
        (0..60).map(sample).collect()
    }

    #[test]
    fn a_leak_is_found_and_noise_is_none() {
        // Warm-up, then a wave of 2 MiB.
        let flat = memory(&samples(|i| 50_000 + (i * 9000).min(90_000) + i % 7 * 300));
        assert!(flat.holds, "{flat:?}");
        // A kibibyte for each of thirty frames a second.
        let leaking = memory(&samples(|i| 50_000 + i * 60));
        assert!(!leaking.holds, "{leaking:?}");
    }

    #[test]
    fn a_descriptor_that_stays_open_is_found() {
        assert!(steady("fds", (0..60).map(|i| 9 + i % 2)).holds);
        assert!(!steady("fds", (0..60).map(|i| 9 + i / 40)).holds);
    }

    #[test]
    fn latency_that_grows_is_found_and_one_slow_window_is_not() {
        let growing: Vec<f64> = (0..60).map(|i| 10.0 + f64::from(i) * 0.4).collect();
        assert!(!latency(&growing).holds);
        let hiccup: Vec<f64> = (0..60).map(|i| if i == 55 { 90.0 } else { 10.0 }).collect();
        assert!(latency(&hiccup).holds);
        assert!(!latency(&[]).holds);
    }

    #[test]
    fn a_row_that_is_missing_is_found() {
        let row = |frame| Row { frame, dropped: u64::from(frame == 5), at_s: 0.0, total_us: 1 };
        let metrics = "wingmark_frames_total 3\nwingmark_dropped_frames_total{cause=\"busy\"} 1\n\
            wingmark_dropped_frames_total{cause=\"source\"} 0\n\
            wingmark_records_lost_total{file=\"run.csv\",cause=\"disk_full\"} 0\n\
            wingmark_records_lost_total{file=\"run.mcap\",cause=\"disk_full\"} 0\n";
        assert!(accounted(&[3, 5, 6].map(row), 4, metrics).holds);
        assert!(!accounted(&[3, 6, 7].map(row), 4, metrics).holds);
        assert!(!accounted(&[3, 5].map(row), 4, metrics).holds);
        assert!(!accounted(&[3, 5, 6].map(row), 100, metrics).holds);
        assert!(!accounted(&[3, 5, 6].map(row), 4, &metrics.replacen("full\"} 0", "full\"} 1", 1)).holds);
    }
}
