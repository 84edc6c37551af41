//! Values that a report may hold, so that tables and charts need not check again.

use std::ops::RangeInclusive;

use super::{Measured, Peer, Quantiles, Report, Stage};

const LARGEST: f64 = 1e12;
const LONGEST_TEXT: usize = 1000;
const THREADS: RangeInclusive<usize> = 1..=1024;

/// A value that no measurement gives.
pub(super) struct Wrong {
    pub key: String,
    pub found: String,
    pub expected: String,
}

type Checked = Result<(), Wrong>;

pub(super) fn first_wrong(report: &Report) -> Option<Wrong> {
    whole(report).err()
}

fn whole(report: &Report) -> Checked {
    text("wingmark", &report.wingmark)?;
    text("taken", &report.taken)?;
    text("board", &report.board)?;
    text("machine.model", report.machine.model.as_deref().unwrap_or_default())?;
    text("machine.cpu.name", report.machine.cpu.name.as_deref().unwrap_or_default())?;
    text("machine.architecture", &report.machine.architecture)?;
    text("machine.cpu.features", &report.machine.cpu.features.join(" "))?;
    text("method.source", &report.method.source)?;
    number("method.seconds", report.method.seconds)?;
    for (i, model) in report.models.iter().enumerate() {
        measured(&format!("models[{i}]"), model)?;
    }
    for (i, other) in report.peers.iter().enumerate() {
        peer(&format!("peers[{i}]"), other)?;
    }
    report.warnings.iter().enumerate().try_for_each(|(i, warning)| text(&format!("warnings[{i}]"), warning))
}

fn measured(at: &str, model: &Measured) -> Checked {
    text(&format!("{at}.name"), &model.name)?;
    text(&format!("{at}.kernel"), &model.kernel)?;
    number(&format!("{at}.gmac"), model.gmac)?;
    if !THREADS.contains(&model.threads) {
        let (found, expected) = (model.threads.to_string(), format!("{} to {}", THREADS.start(), THREADS.end()));
        return Err(Wrong { key: format!("{at}.threads"), found, expected });
    }
    if let Some(accuracy) = &model.accuracy {
        text(&format!("{at}.accuracy.data"), &accuracy.data)?;
        text(&format!("{at}.accuracy.split"), &accuracy.split)?;
        number(&format!("{at}.accuracy.nme_percent"), accuracy.nme_percent)?;
    }
    for (stage, timed) in &model.stages {
        let check = if *stage == Stage::Net { work } else { quantiles };
        check(&format!("{at}.stages.{}", stage.name()), timed)?;
    }
    if let Some(frame) = &model.frame {
        work(&format!("{at}.frame"), frame)?;
    }
    if let Some(noise) = &model.noise {
        quantiles(&format!("{at}.noise.empty"), &noise.empty)?;
        work(&format!("{at}.noise.spin"), &noise.spin)?;
        number(&format!("{at}.noise.waited_share"), noise.waited_share.unwrap_or_default())?;
    }
    for (key, value) in
        [("first_landmarks_ms", model.first_landmarks_ms), ("allocations_a_frame", model.allocations_a_frame)]
    {
        value.map_or(Ok(()), |value| number(&format!("{at}.{key}"), value))?;
    }
    for (i, energy) in model.energy.iter().enumerate() {
        text(&format!("{at}.energy[{i}].meter"), &energy.meter)?;
        // A battery that is charged meanwhile takes more than it gives.
        number(&format!("{at}.energy[{i}].joules"), energy.joules.abs())?;
        number(&format!("{at}.energy[{i}].seconds"), energy.seconds)?;
    }
    match model.instructions_a_frame {
        Some(0) => {
            Err(Wrong { key: format!("{at}.instructions_a_frame"), found: "0".into(), expected: "at least 1".into() })
        }
        _ => Ok(()),
    }
}

fn peer(at: &str, peer: &Peer) -> Checked {
    text(&format!("{at}.name"), &peer.name)?;
    number(&format!("{at}.load_ms"), peer.load_ms)?;
    work(&format!("{at}.net"), &peer.net)
}

/// Times of something that cannot be done in none.
fn work(at: &str, timed: &Quantiles) -> Checked {
    quantiles(at, timed)?;
    if timed.min_us > 0.0 {
        Ok(())
    } else {
        Err(Wrong { key: format!("{at}.min_us"), found: "0".into(), expected: "more than 0".into() })
    }
}

fn quantiles(at: &str, timed: &Quantiles) -> Checked {
    let Quantiles { count, min_us, median_us, p90_us, p99_us } = *timed;
    if count == 0 {
        return Err(Wrong { key: format!("{at}.count"), found: "0".into(), expected: "at least 1".into() });
    }
    for (key, value) in [("min_us", min_us), ("median_us", median_us), ("p90_us", p90_us), ("p99_us", p99_us)] {
        number(&format!("{at}.{key}"), value)?;
    }
    if min_us <= median_us && median_us <= p90_us && p90_us <= p99_us {
        Ok(())
    } else {
        Err(Wrong { key: at.into(), found: "not in order".into(), expected: "min, median, p90, p99 to rise".into() })
    }
}

fn number(key: &str, value: f64) -> Checked {
    if (0.0..=LARGEST).contains(&value) {
        Ok(())
    } else {
        Err(Wrong { key: key.into(), found: in_words(value), expected: format!("0 to {LARGEST:e}") })
    }
}

/// Without hundreds of digits.
fn in_words(value: f64) -> String {
    if value.abs() > LARGEST { format!("{value:e}") } else { value.to_string() }
}

fn text(key: &str, value: &str) -> Checked {
    if value.len() <= LONGEST_TEXT && !value.chars().any(char::is_control) {
        Ok(())
    } else {
        let shown: String = value.chars().take(40).collect();
        Err(Wrong {
            key: key.into(),
            found: format!("{shown:?}"),
            expected: format!("a line of at most {LONGEST_TEXT} bytes"),
        })
    }
}
