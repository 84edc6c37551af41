//! `wingmark eval`: how good a model is on annotated pictures.

mod faces;
mod heads;
mod landmarks;
mod predictions;

use std::io::Write;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, check_writable, counted, results};
use crate::cli::EvalArgs;
use crate::dataset::boxes;
use crate::face::zoo::Choice;

pub fn run(args: &EvalArgs) -> anyhow::Result<Outcome> {
    [&args.json, &args.predictions].into_iter().flatten().try_for_each(|file| check_writable(file))?;
    let named = args.model.as_ref().map(Choice::load).transpose()?;
    let detects = named.as_ref().is_some_and(|net| net.card.task.is_faces());
    if detects || boxes::are_in(&args.data) { faces::run(args, named) } else { landmarks::run(args, named) }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(pictures: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}, {per_sec}, {eta} left");
    ProgressBar::new(pictures as u64).with_style(style.expect("the template is sound"))
}

/// Why a data set gives no figure.
fn nothing_to_measure(data: &Path, faults: usize) -> String {
    let data = data.display();
    match faults {
        0 => format!("{data} has no face: its annotations name none"),
        faults => {
            format!("{data} has no face that can be measured: {} cannot be read", counted(faults, "item", "items"))
        }
    }
}

/// Says how many faces a data set lists twice.
fn say_repeated(faces: usize) -> std::io::Result<()> {
    if faces > 0 {
        writeln!(results(), "{} twice, counted once", counted(faces, "face is listed", "faces are listed"))?;
    }
    Ok(())
}

fn outcome(unreadable: usize) -> Outcome {
    if unreadable == 0 { Outcome::Done } else { Outcome::Incomplete }
}
