//! `wingmark doctor`: what this machine has, and what is in the way.

use std::io::Write;

use super::{Outcome, results};
use crate::board::Board;
use crate::cli::DoctorArgs;
use crate::doctor::{Report, ThisMachine};
use crate::machine::{Program, Tree};

pub fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    let board = Board::choose(args.board.board.as_ref())?;
    let report = Report::of(&Tree::here(), Program::this(), &board, &ThisMachine, args.purpose);
    let mut out = results();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.is_clear() { Outcome::Done } else { Outcome::Incomplete })
}
