//! Whether a machine became slower from one report to the next.

use thiserror::Error;

use super::{Measured, Report, Stage};

/// A time may rise by this share whatever the noise: medians of two runs of one program differ by
/// that much.
pub const FLOOR: f64 = 0.05;
/// And by this many times the noise of the noisier of the two runs.
pub const NOISES: f64 = 2.0;
/// Instruction counts repeat within 0.1 %.
pub const INSTRUCTION_FLOOR: f64 = 0.02;

/// One figure in two reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// `small, 1 thread, avx2: frame`.
    pub figure: String,
    pub before: f64,
    pub after: f64,
    /// The share by which it may rise.
    pub allowed: f64,
}

/// Two reports say nothing about each other.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Incomparable {
    #[error("they are of two machines ({0})")]
    Machines(String),
    #[error("{0} and {1} of its cores could be used")]
    Cores(f64, f64),
    #[error("frames were taken in two ways ({0}; {1})")]
    Methods(String, String),
    #[error("no model was measured with the same number of threads and the same kernels in both")]
    NothingInCommon,
}

impl Change {
    /// By which share of what it was the figure rose; negative where it fell.
    pub fn share(&self) -> f64 {
        self.after / self.before - 1.0
    }

    pub fn is_regression(&self) -> bool {
        self.share() > self.allowed
    }
}

/// `small, 1 thread, avx2: net rose by 12.0 % (5.0 % allowed)`.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = self.share() * 1e2;
        let way = if percent < 0.0 { "fell" } else { "rose" };
        write!(f, "{} {way} by {:.1} % ({:.1} % allowed)", self.figure, percent.abs(), self.allowed * 1e2)
    }
}

/// The medians of frame and net, and instruction counts, of each model that both reports have.
pub fn changes(before: &Report, after: &Report) -> Result<Vec<Change>, Incomparable> {
    if let Some(difference) = before.machine_difference(after) {
        return Err(Incomparable::Machines(difference));
    }
    // Reports of old do not say it.
    if let [Some(a), Some(b)] = [before, after].map(|report| report.machine.cpu.usable_cores)
        && a != b
    {
        return Err(Incomparable::Cores(a, b));
    }
    let method = |report: &Report| {
        format!("{}, {}", report.method.source, if report.method.paced { "paced" } else { "as fast as possible" })
    };
    if method(before) != method(after) {
        return Err(Incomparable::Methods(method(before), method(after)));
    }
    let changes: Vec<Change> = after
        .models
        .iter()
        .filter_map(|b| Some((before.models.iter().find(|a| key(a) == key(b))?, b)))
        .flat_map(|(a, b)| changes_of_model(a, b))
        .collect();
    if changes.is_empty() { Err(Incomparable::NothingInCommon) } else { Ok(changes) }
}

fn key(model: &Measured) -> (&str, usize, &str) {
    (&model.name, model.threads, &model.kernel)
}

fn changes_of_model(before: &Measured, after: &Measured) -> Vec<Change> {
    let noise = [before, after].map(|model| model.noise.map_or(0.0, |noise| noise.share()));
    let time = FLOOR.max(NOISES * noise[0].max(noise[1]));
    let median = |model: &Measured| model.frame.map(|frame| frame.median_us);
    let net = |model: &Measured| model.stages.get(&Stage::Net).map(|net| net.median_us);
    let count = |model: &Measured| model.instructions_a_frame.map(|count| count as f64);
    let threads = if after.threads == 1 { "thread" } else { "threads" };
    let name = format!("{}, {} {threads}, {}", after.name, after.threads, after.kernel);
    [
        ("frame", median(before), median(after), time),
        ("net", net(before), net(after), time),
        ("instructions", count(before), count(after), INSTRUCTION_FLOOR),
    ]
    .into_iter()
    .filter_map(|(figure, before, after, allowed)| {
        Some(Change { figure: format!("{name}: {figure}"), before: before?, after: after?, allowed })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The sample with all its times longer by a share.
    fn slower(share: f64) -> Report {
        let mut report = sample::report();
        let model = &mut report.models[0];
        for timed in model.stages.values_mut().chain(&mut model.frame) {
            for us in [&mut timed.min_us, &mut timed.median_us, &mut timed.p90_us, &mut timed.p99_us] {
                *us *= 1.0 + share;
            }
        }
        report
    }

    fn regressions(before: &Report, after: &Report) -> Vec<String> {
        let changes = changes(before, after).unwrap();
        changes.iter().filter(|change| change.is_regression()).map(Change::to_string).collect()
    }

    #[test]
    fn what_exceeds_floor_and_noise_is_a_regression() {
        // The sample's noise is 1 %.
        assert_eq!(regressions(&sample::report(), &slower(0.04)), [""; 0]);
        assert_eq!(
            regressions(&sample::report(), &slower(0.08)),
            [
                "small, 1 thread, avx2: frame rose by 8.0 % (5.0 % allowed)",
                "small, 1 thread, avx2: net rose by 8.0 % (5.0 % allowed)"
            ]
        );
        assert_eq!(regressions(&slower(0.08), &sample::report()), [""; 0]);
        let mut noisy = sample::report();
        noisy.models[0].noise.as_mut().unwrap().spin.p90_us *= 1.1;
        assert_eq!(regressions(&noisy, &slower(0.08)), [""; 0]);
    }

    #[test]
    fn counts_of_instructions_need_no_allowance_for_noise() {
        let with = |count| {
            let mut report = sample::emulated();
            report.models[0].instructions_a_frame = Some(count);
            report
        };
        assert_eq!(regressions(&with(10_000), &with(10_190)), [""; 0]);
        assert_eq!(
            regressions(&with(10_000), &with(10_210)),
            ["small, 1 thread, sdot: instructions rose by 2.1 % (2.0 % allowed)"]
        );
    }

    #[test]
    fn only_like_is_compared_with_like() {
        let before = sample::report();
        assert_eq!(
            changes(&before, &sample::emulated()),
            Err(Incomparable::Machines("board: bench and emulated".into()))
        );
        let with_cores = |usable_cores| {
            let mut report = sample::report();
            report.machine.cpu.usable_cores = usable_cores;
            report
        };
        let one_core = with_cores(Some(1.0));
        assert_eq!(changes(&one_core, &with_cores(Some(2.0))), Err(Incomparable::Cores(1.0, 2.0)));
        assert!(changes(&one_core, &with_cores(None)).is_ok());
        let mut paced = sample::report();
        paced.method.paced = true;
        assert!(matches!(changes(&before, &paced), Err(Incomparable::Methods(..))));
        let mut threads = sample::report();
        threads.models[0].threads = 2;
        assert_eq!(changes(&before, &threads), Err(Incomparable::NothingInCommon));
    }
}
