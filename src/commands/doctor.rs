//! `wingmark doctor`: what this machine has, and what is in the way.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use super::{Outcome, results, settings};
use crate::board::Board;
use crate::cli::DoctorArgs;
use crate::doctor::{Diagnosis, Finding, ModelReport, Purpose, ThisMachine};
use crate::machine::{Program, Tree};

pub fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    if let Some(choice) = &args.model {
        let report = ModelReport::of(choice);
        return write(&report, args.json, report.is_sound());
    }
    let board = Board::choose(args.board.board.as_ref())?;
    let mut report = Diagnosis::of(&Tree::here(), Program::this(), &board, &ThisMachine, args.purpose);
    report.findings.extend(settings::fault().map(|fault| Finding {
        blocks: args.purpose != Purpose::Bench,
        found: fault.to_string(),
        remedy: Some("mend that line; docs/using.md says what may stand there".into()),
    }));
    write(&report, args.json, report.is_clear())
}

fn write(report: &(impl Display + Serialize), as_json: bool, is_well: bool) -> anyhow::Result<Outcome> {
    let mut out = results();
    if as_json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if is_well { Outcome::Done } else { Outcome::Incomplete })
}
