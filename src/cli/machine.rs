//! Options of the commands that look at a machine and its devices.

use std::path::PathBuf;

use clap::Args;

use super::named::{NamedFiles, Role};
use super::shared::{BoardArgs, CameraArgs, ScreenArgs, count, result_file};
use crate::capture::SourceChoice;
use crate::doctor::Purpose;
use crate::face::zoo;
use crate::screen::ScreenChoice;

/// Show a test card. boards/TESTCARD.md says which setting is wrong by what the card shows.
#[derive(Debug, Args)]
pub struct TestcardArgs {
    #[command(flatten)]
    pub screen: ScreenArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// Stop after so many seconds; without it, at Ctrl-C.
    #[arg(long, value_name = "N", value_parser = count::<u64>)]
    pub seconds: Option<u64>,
}

/// Measure the latency from a picture handed to a screen to the camera frame that shows it.
///
/// Point the camera at the screen and keep both still. The screen flips between black and white at
/// varying times. A minute gives about 80 flips.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// The camera, such as /dev/video0; or, as - for standard input, live video from one.
    #[arg(long, value_name = "PATH|-")]
    pub source: SourceChoice,

    #[command(flatten)]
    pub camera: CameraArgs,

    #[command(flatten)]
    pub screen: ScreenArgs,

    #[command(flatten)]
    pub board: BoardArgs,

    /// How often the screen changes, 10 times at least.
    #[arg(long, value_name = "N", default_value = "100", value_parser = flips)]
    pub flips: u16,

    /// Write the figures to a JSON file too.
    #[arg(long, value_name = "FILE", value_parser = result_file())]
    pub json: Option<PathBuf>,
}

fn flips(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|flips| *flips >= 10).ok_or("expected a whole number from 10 to 65535")
}

impl LatencyArgs {
    pub(super) fn files(&self) -> NamedFiles {
        NamedFiles::default()
            .and("--source", Role::Read, self.source.path())
            .and("--board", Role::Read, self.board.file())
            .and("--screen", Role::Pictures, self.screen.screen.as_ref().and_then(ScreenChoice::folder))
            .and("--json", Role::Result, &self.json)
    }
}

/// Look at this machine and say what is in the way of landmarks, and what to do about it.
///
/// It looks at board, CPU, clock, heat, memory, cameras, screens, permissions, models and disk, and
/// at what the settings file or the service's unit has a run use. The exit code is 1 when something
/// is in the way.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub board: BoardArgs,

    /// The purpose: run (camera, display and permissions of this user), service (the systemd unit)
    /// or bench (no camera, no display). The exit code is 1 when something is in the way of it.
    #[arg(long = "for", value_name = "PURPOSE", default_value = "run")]
    pub purpose: Purpose,

    /// Check only this model, and all of it: its card, its hash and its golden sample. The exit
    /// code is 1 when it is not to be used.
    #[arg(long, value_name = "NAME|DIR", conflicts_with_all = ["board", "purpose"])]
    pub model: Option<zoo::Choice>,

    /// Write everything as one JSON object instead of as a table.
    #[arg(long)]
    pub json: bool,
}
