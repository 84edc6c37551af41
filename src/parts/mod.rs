//! The parts of a run, from the command line: opened and checked, so that what follows need not
//! check again. All that is read is opened before anything is written, so that a mistake changes
//! nothing.

mod inputs;
mod outputs;
mod password;
mod remarks;

pub use self::inputs::Inputs;
pub use self::outputs::Outputs;
pub use self::remarks::of_room;
use crate::board::{self, Board};
use crate::capture::CameraWish;
use crate::capture::v4l2::Aim;
use crate::cli::{CameraArgs, FollowArgs, LogArgs, ScreenArgs};
use crate::face::Options;
use crate::record::selection::Selection;
use crate::screen::{Screen, ScreenChoice, ScreenError, ScreenSettings};

impl CameraArgs {
    /// What the command line asks for has to be had; what the board's profile says is aimed at.
    pub fn wish(&self, profile: &board::CameraProfile) -> CameraWish {
        let any = Aim::default();
        let aim = Aim {
            format: profile.format,
            size: profile.size.unwrap_or(any.size),
            rate: profile.rate.map_or(any.rate, f64::from),
        };
        CameraWish { format: self.format, size: self.size, rate: self.rate, aim }
    }
}

impl FollowArgs {
    /// Of an Observer on that board.
    pub fn options(&self, board: &Board) -> Options {
        let fov = self.fov.or(board.camera.fov).unwrap_or_default();
        Options { threads: board.threads, smoothing: self.smoothing, most_faces: self.faces, fov }
    }
}

impl ScreenArgs {
    /// What the board's profile says, changed by what the command line says.
    pub fn settings(&self, profile: &ScreenSettings) -> ScreenSettings {
        ScreenSettings { rotation: self.rotate.unwrap_or(profile.rotation), ..profile.clone() }
    }

    /// The command line's, or else the board's profile's.
    pub fn choice<'a>(&'a self, board: &'a Board) -> &'a ScreenChoice {
        self.screen.as_ref().unwrap_or(&board.screen)
    }

    /// `None` where nothing is to be shown, or nothing can be.
    pub fn open(&self, board: &Board, settings: &ScreenSettings) -> Result<Option<Box<dyn Screen>>, ScreenError> {
        self.choice(board).open(settings)
    }
}

impl LogArgs {
    /// Which frames are recorded.
    pub fn selection(&self) -> Selection {
        Selection { every: self.record_every.unwrap_or_default(), when: self.record_when.unwrap_or_default() }
    }
}
