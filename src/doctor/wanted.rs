//! What the purpose needs of the machine.

use std::path::{Path, PathBuf};

use super::Purpose;
use super::devices::named;
use crate::board::Board;
use crate::capture::SourceChoice;
use crate::face::zoo;
use crate::machine::Tree;
use crate::screen::ScreenChoice;

/// What a run would use, or bench, as its command line, its settings and the board's profile say.
pub struct Wanted<'a> {
    pub purpose: Purpose,
    pub board: &'a Board,
    /// `None` where it is the first camera that gives frames.
    pub source: Option<SourceChoice>,
    pub screen: ScreenChoice,
    pub model: zoo::Choice,
    /// Where it writes; the current folder where there is none.
    pub folders: Vec<PathBuf>,
    /// Each file and each folder of pictures that it writes.
    pub written: Vec<PathBuf>,
    /// Files with a password or a token.
    pub secrets: Vec<PathBuf>,
    /// What it does by the network, each as option and value.
    pub network: Vec<String>,
}

impl Wanted<'_> {
    /// What it is by the profile alone.
    pub fn by(board: &Board, purpose: Purpose) -> Wanted<'_> {
        let is_bench = purpose == Purpose::Bench;
        Wanted {
            purpose,
            board,
            source: if is_bench {
                Some(SourceChoice::Clip)
            } else {
                board.camera.device.clone().map(SourceChoice::Path)
            },
            screen: if is_bench { ScreenChoice::None } else { board.screen.clone() },
            model: board.model.clone(),
            folders: if is_bench { vec![std::env::temp_dir()] } else { Vec::new() },
            written: Vec::new(),
            secrets: Vec::new(),
            network: Vec::new(),
        }
    }

    /// Source and screen are not looked at: what they would be cannot be told.
    pub fn leave_devices(&mut self) {
        (self.source, self.screen) = (Some(SourceChoice::Clip), ScreenChoice::None);
    }

    /// Whether a camera is its source, or may be.
    pub(super) fn reads(&self, camera: &Path, tree: &Tree) -> bool {
        match &self.source {
            None => true,
            Some(source) => source.device().is_some_and(|device| named(device, tree) == camera),
        }
    }

    /// Whether a display at this node is its screen, or may be.
    pub(super) fn shows_on(&self, display: &Path, tree: &Tree) -> bool {
        match &self.screen {
            ScreenChoice::Auto => true,
            ScreenChoice::Drm(Some(path)) | ScreenChoice::Framebuffer(Some(path)) => named(path, tree) == display,
            ScreenChoice::Drm(None) => display.starts_with("/dev/dri"),
            ScreenChoice::Framebuffer(None) => display.to_string_lossy().starts_with("/dev/fb"),
            ScreenChoice::Spi | ScreenChoice::Window | ScreenChoice::Png(_) | ScreenChoice::None => false,
        }
    }

    /// Whether it may show something on the profile's panel.
    pub(super) fn shows_on_panel(&self) -> bool {
        matches!(self.screen, ScreenChoice::Auto | ScreenChoice::Spi)
    }
}
