//! `wingmark eval`: how good a model is on annotated pictures.

mod faces;
mod heads;
mod landmarks;
mod predictions;

use indicatif::{ProgressBar, ProgressStyle};

use super::Outcome;
use crate::cli::EvalArgs;
use crate::dataset::boxes;

pub fn run(args: &EvalArgs) -> anyhow::Result<Outcome> {
    let detector =
        args.model.as_ref().map(|model| model.load()).transpose()?.is_some_and(|net| net.card.task.is_faces());
    if detector || boxes::are_in(&args.data) { faces::run(args) } else { landmarks::run(args) }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(pictures: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}, {per_sec}, {eta} left");
    ProgressBar::new(pictures as u64).with_style(style.expect("the template is sound"))
}

fn outcome(unreadable: usize) -> Outcome {
    if unreadable == 0 { Outcome::Done } else { Outcome::Incomplete }
}
