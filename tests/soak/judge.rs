//! The rules by which a run is flat.
//!
//! The first fifth of the run is warm-up and does not count.

use std::process::ExitStatus;
use std::time::Duration;

use crate::broker::Heard;
use crate::figures::Figures;
use crate::rows::Found;
use crate::viewer::Got;
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
/// What the last third takes may be this much of what the first third takes.
const RATIO: f64 = 1.5;
/// Differences of less are the machine's.
const LATENCY_FLOOR_MS: f64 = 2.0;
/// So many pictures are in the pipe at most, and on their way through the run, when it stops.
const ON_THEIR_WAY: u64 = 60;
/// A listener's last frame is so near to the run's last one.
const NEAR_THE_END: u64 = 3000;

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

/// Other work on the machine slows down some windows, and what piles up in a run slows down all
/// that come after it. So the quietest quarter of each third is compared: its lower quartile.
fn lower_quartiles(values: &[f64]) -> (f64, f64) {
    let values = after_warm_up(values);
    let third = values.len() / 3;
    let lower_quartile = |part: &[f64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 4).copied().unwrap_or(f64::NAN)
    };
    (lower_quartile(&values[..third]), lower_quartile(&values[values.len() - third..]))
}

/// `windows` are p99 in milliseconds.
pub fn latency(windows: &[f64]) -> Verdict {
    let (first, last) = lower_quartiles(windows);
    Verdict {
        rule: format!(
            "p99 of observing a frame: the last third's is at most {RATIO} times the first's, or {LATENCY_FLOOR_MS} ms \
             more (lower quartiles over windows of 150 frames)"
        ),
        found: format!("{first:.2} ms and {last:.2} ms"),
        holds: last <= first * RATIO || last <= first + LATENCY_FLOOR_MS,
    }
}

/// CPU time knows nothing of waits for a core.
pub fn work(samples: &[Sample]) -> Verdict {
    let a_picture = |pair: &[Sample]| {
        let fed = (pair[1].fed > pair[0].fed).then(|| (pair[1].fed - pair[0].fed) as f64)?;
        Some(pair[1].ran.saturating_sub(pair[0].ran).as_secs_f64() * 1e3 / fed)
    };
    let (first, last) = lower_quartiles(&samples.windows(2).filter_map(a_picture).collect::<Vec<_>>());
    Verdict {
        rule: format!("CPU time of all threads, a picture: the last third's is at most {RATIO} times the first's"),
        found: format!("{first:.2} ms and {last:.2} ms"),
        holds: last <= first * RATIO,
    }
}

/// Every frame has its row, or is in a count of drops.
pub fn accounted(rows: Found, fed: u64, metrics: &str) -> Verdict {
    let figures = Figures(metrics);
    let [observed, dropped, lost] =
        ["frames_total", "dropped_frames_total", "records_lost_total"].map(|f| figures.sum(&format!("wingmark_{f}")));
    let complete = rows.rows == observed && lost == 0 && rows.gaps == 0;
    let all_seen = observed + dropped <= fed + 1 && fed.saturating_sub(observed + dropped) < ON_THEIR_WAY;
    Verdict {
        rule: "every frame is observed or counted as dropped; every observed one has its row; none is lost".into(),
        found: format!("{fed} fed, {observed} observed, {dropped} dropped, {} rows, {lost} lost", rows.rows),
        holds: complete && all_seen && observed > 0,
    }
}

/// Every record and every receiver got each frame, or counts it as lost.
pub fn outlets(metrics: &str) -> Verdict {
    let figures = Figures(metrics);
    let observed = figures.sum("wingmark_frames_total");
    let (mut found, mut holds) = (Vec::new(), true);
    // The last frame may wait before a receiver when the run ends.
    for (done, lost, label, waiting) in
        [("records_written", "records_lost", "file", 0), ("published_sent", "published_lost", "receiver", 1)]
    {
        let lost = figures.by(&format!("wingmark_{lost}_total"), label);
        for (name, done) in figures.by(&format!("wingmark_{done}_total"), label) {
            let lost = lost.get(&name).copied().unwrap_or_default();
            holds &= done > 0 && (observed - waiting..=observed).contains(&(done + lost));
            found.push(format!("{name} {done} + {lost}"));
        }
    }
    Verdict {
        rule: "what each record and receiver got and lost are the observed frames together".into(),
        found: format!("{observed} observed: {}", found.join(", ")),
        holds,
    }
}

/// A listener gets newer frames only, up to the end.
fn listened(who: &str, got: &Got, rows: Found) -> Verdict {
    Verdict {
        rule: format!("{who} gets frames in order, none twice, up to the end"),
        found: format!("{} messages, {} stale, the last one of frame {}", got.messages, got.stale, got.last),
        holds: got.messages > 0 && got.stale == 0 && got.last <= rows.last && rows.last - got.last < NEAR_THE_END,
    }
}

pub fn viewer(got: &Got, rows: Found) -> Verdict {
    listened("the page's viewer", got, rows)
}

pub fn broker(heard: &Heard, rows: Found) -> Verdict {
    let Heard { state, events, available } = heard;
    let verdict = listened("the broker's client", state, rows);
    Verdict {
        rule: format!("{}; then it is offline", verdict.rule),
        found: format!("{}, {events} events, {available}", verdict.found),
        holds: verdict.holds && available == "offline",
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
        let sample = |i| Sample { at: Duration::from_secs(2 * i), memory_kib: memory_kib(i), ..Sample::default() };
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
    fn latency_that_grows_is_found_and_a_busy_machine_is_not() {
        let growing: Vec<f64> = (0..60).map(|i| 10.0 + f64::from(i) * 0.4).collect();
        assert!(!latency(&growing).holds);
        // Half of the windows at the end come while something else is compiled.
        let busy: Vec<f64> = (0..60).map(|i| if i > 45 && i % 2 == 0 { 90.0 } else { 10.0 }).collect();
        assert!(latency(&busy).holds);
        assert!(!latency(&[]).holds);
    }

    #[test]
    fn work_that_grows_is_found() {
        let run = |a_frame_us: fn(u64) -> u64| {
            let mut ran = Duration::ZERO;
            let sample = |i| {
                ran += Duration::from_micros(60 * a_frame_us(i));
                Sample { fed: 60 * i, ran, ..Sample::default() }
            };
            (0..60).map(sample).collect::<Vec<_>>()
        };
        assert!(work(&run(|i| 5000 + i % 3 * 900)).holds);
        assert!(!work(&run(|i| 5000 + i * 200)).holds);
        assert!(!work(&[]).holds);
    }

    const METRICS: &str = "wingmark_frames_total 3\n\
        wingmark_dropped_frames_total{cause=\"busy\"} 1\nwingmark_dropped_frames_total{cause=\"source\"} 0\n\
        wingmark_records_written_total{file=\"run.csv\"} 3\nwingmark_records_lost_total{file=\"run.csv\",cause=\"disk_full\"} 0\n\
        wingmark_published_sent_total{receiver=\"page\"} 1\nwingmark_published_lost_total{receiver=\"page\",cause=\"gave_way\"} 2\n";

    #[test]
    fn a_row_that_is_missing_is_found() {
        let rows = Found { rows: 3, last: 6, gaps: 0 };
        assert!(accounted(rows, 4, METRICS).holds);
        assert!(!accounted(Found { gaps: 1, ..rows }, 4, METRICS).holds);
        assert!(!accounted(Found { rows: 2, ..rows }, 4, METRICS).holds);
        assert!(!accounted(rows, 100, METRICS).holds);
        assert!(!accounted(rows, 4, &METRICS.replace("full\"} 0", "full\"} 1")).holds);
    }

    #[test]
    fn a_loss_that_is_not_counted_is_found() {
        assert!(outlets(METRICS).holds);
        assert!(!outlets(&METRICS.replace("way\"} 2", "way\"} 0")).holds);
        assert!(!outlets(&METRICS.replace("csv\"} 3", "csv\"} 2")).holds);
    }

    #[test]
    fn a_listener_that_is_left_behind_is_found() {
        let rows = Found { rows: 9000, last: 9000, gaps: 0 };
        let state = Got { messages: 50, last: 8999, stale: 0 };
        assert!(viewer(&state, rows).holds);
        assert!(!viewer(&Got { last: 4000, ..state }, rows).holds);
        assert!(!viewer(&Got { stale: 1, ..state }, rows).holds);
        let heard = Heard { state, events: 4, available: "offline".into() };
        assert!(broker(&heard, rows).holds);
        assert!(!broker(&Heard { available: "online".into(), ..heard }, rows).holds);
    }
}
