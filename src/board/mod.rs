//! Boards as data: what is known of one before it is started. `boards/<slug>.toml`.
//!
//! The profiles are part of the program. The one that fits is found by the device tree, else by the
//! architecture; `--board` takes another one, or a file, and the rest of the command line overrides
//! what it says.

mod place;
mod profile;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

pub use place::ProfileLine;

use crate::capture::v4l2::CameraFormat;
use crate::face::pose::FieldOfView;
use crate::face::zoo;
use crate::machine::Machine;
use crate::picture::frame::Size;
use crate::screen::{ScreenChoice, ScreenSettings};
use crate::text::files;
use crate::text::message::in_one_line;
use profile::{Invalid, RawBoard};

/// A profile whose values are all possible.
#[derive(Debug, Clone)]
pub struct Board {
    /// The file's name without its extension: `pi-4`.
    pub slug: String,
    pub name: String,
    /// What to build for it: `aarch64-unknown-linux-gnu`.
    pub target: String,
    /// Where all boards of this kind have as many.
    pub cores: Option<usize>,
    /// Threads that share a frame, 1 at least.
    pub threads: usize,
    pub camera: CameraProfile,
    pub screen: ScreenChoice,
    pub screen_settings: ScreenSettings,
    pub model: zoo::Choice,
    /// For its users, a sentence or two each.
    pub notes: Vec<String>,
    recognise: Recognise,
}

/// What to ask of a camera; absent where any will do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraProfile {
    pub device: Option<PathBuf>,
    pub format: Option<CameraFormat>,
    pub size: Option<Size>,
    /// Frames a second.
    pub rate: Option<u32>,
    pub fov: Option<FieldOfView>,
}

/// How a board is told from others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Recognise {
    /// Begin of the device tree's model.
    model: Option<String>,
    /// Entries of the device tree's list.
    compatible: Vec<String>,
    /// For machines of which no more is known.
    architecture: Option<String>,
}

impl Recognise {
    /// Whether a machine is one of these; a profile that names none may be for any.
    fn fits(&self, machine: &Machine) -> bool {
        let Recognise { model, compatible, architecture } = self;
        let by_model =
            || model.as_ref().is_some_and(|start| machine.model.as_ref().is_some_and(|model| model.starts_with(start)));
        let by_list = || machine.compatible.iter().any(|name| compatible.contains(name));
        let by_architecture = || architecture.as_ref() == Some(&machine.architecture);
        let names_none = model.is_none() && compatible.is_empty() && architecture.is_none();
        names_none || by_model() || by_list() || by_architecture()
    }

    /// What it asks for, and what a machine has of that kind.
    fn beside(&self, machine: &Machine) -> (String, String) {
        let architecture = || machine.architecture.clone();
        let model = || machine.model.clone().unwrap_or_else(architecture);
        match self {
            Recognise { model: Some(wanted), .. } => (wanted.clone(), model()),
            Recognise { compatible, .. } if !compatible.is_empty() => {
                let here = machine.compatible.first().cloned();
                (compatible.join(" or "), here.unwrap_or_else(model))
            }
            Recognise { architecture: wanted, .. } => {
                (format!("the architecture {}", wanted.as_deref().unwrap_or_default()), architecture())
            }
        }
    }
}

/// Which profile.
#[derive(Debug, Clone)]
pub enum BoardChoice {
    Shipped(&'static Shipped),
    File(PathBuf),
}

/// A profile in this program.
#[derive(Debug)]
pub struct Shipped {
    pub slug: &'static str,
    text: &'static str,
}

macro_rules! shipped {
    ($($slug:literal),*) => {
        /// The profiles in this program.
        pub const SHIPPED: &[Shipped] =
            &[$(Shipped { slug: $slug, text: include_str!(concat!("../../boards/", $slug, ".toml")) }),*];
    };
}

shipped![
    "pi-zero-2w",
    "pi-3",
    "pi-4",
    "pi-5",
    "jetson-nano",
    "jetson-orin-nano",
    "generic-aarch64",
    "generic-armv7",
    "generic-x86-64"
];

#[derive(Debug, Error)]
pub enum BoardError {
    #[error("board {wanted:?} is not known; expected one of {known}, or a file that ends in .toml")]
    Unknown { wanted: String, known: String },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{place}: {}", in_words(problem.message()))]
    Toml { place: ProfileLine, problem: Box<toml::de::Error> },
    #[error("{place} is {found}; expected {expected}")]
    Value { place: ProfileLine, found: String, expected: String },
    #[error("no profile fits a machine of architecture {0}")]
    NoneFits(String),
}

/// What is wrong with a value, without the names of Rust's types.
fn in_words(message: &str) -> String {
    let message = in_one_line(message);
    let starts = ["invalid value: ", "invalid type: ", "unknown variant "];
    let of_a_value = |_: &(&str, &str)| starts.iter().any(|start| message.starts_with(start));
    let Some((found, expected)) = message.rsplit_once(", expected ").filter(of_a_value) else { return message };
    let whole = |most: u64| format!("a whole number of 0 to {most}");
    let expected = match expected {
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "u64" | "usize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        other => other.into(),
    };
    let found = match found.split_once(": ") {
        Some((_, value)) => format!("found {value}"),
        None => found.replacen("variant", "value", 1),
    };
    format!("{found}; expected {expected}")
}

/// A shipped profile's name; or a file, which ends in `.toml`.
impl FromStr for BoardChoice {
    type Err = BoardError;

    fn from_str(text: &str) -> Result<Self, BoardError> {
        if Path::new(text).extension().is_some_and(|extension| extension == "toml") {
            return Ok(BoardChoice::File(text.into()));
        }
        SHIPPED.iter().find(|shipped| shipped.slug == text).map(BoardChoice::Shipped).ok_or_else(|| {
            let known: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.slug).collect();
            BoardError::Unknown { wanted: text.into(), known: known.join(", ") }
        })
    }
}

impl BoardChoice {
    /// Where it is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            BoardChoice::Shipped(_) => None,
            BoardChoice::File(path) => Some(path),
        }
    }

    fn load(&self) -> Result<Board, BoardError> {
        match self {
            BoardChoice::Shipped(shipped) => shipped.load(),
            BoardChoice::File(path) => {
                let text = files::read_text(path);
                let text = text.map_err(|source| BoardError::Read { path: path.clone(), source })?;
                Board::from_toml(&path.display().to_string(), &text)
            }
        }
    }
}

impl Shipped {
    pub fn load(&self) -> Result<Board, BoardError> {
        Board::from_toml(&format!("boards/{}.toml", self.slug), self.text)
    }
}

impl Board {
    /// The one chosen, or else the one that this machine is.
    pub fn choose(choice: Option<&BoardChoice>) -> Result<Board, BoardError> {
        match choice {
            Some(choice) => choice.load(),
            None => Board::recognise(&Machine::here()),
        }
    }

    /// Why this profile, with these numbers of threads, may not be what that machine needs; one
    /// clear line each.
    pub fn doubts(&self, machine: &Machine, threads: &[usize]) -> Vec<String> {
        let mut found = Vec::new();
        if !self.recognise.fits(machine) {
            let (wanted, here) = self.recognise.beside(machine);
            found.push(format!("the profile {} is for {wanted}, and this is {here}", self.slug));
        }
        let usable = machine.cpu.usable();
        if let Some(most) = threads.iter().max().filter(|most| **most as f64 > usable.ceil()) {
            found.push(format!(
                "{most} threads share a frame, and this process may use {}: more threads than cores wait for each other",
                if usable == 1.0 { "1 core".into() } else { format!("{usable} cores") },
            ));
        }
        found
    }

    /// The profile that fits best: by the device tree's list, whose first entry says most, then by
    /// its model, then by the architecture.
    pub fn recognise(machine: &Machine) -> Result<Board, BoardError> {
        let boards = SHIPPED.iter().map(Shipped::load).collect::<Result<Vec<Board>, BoardError>>()?;
        let by_list = || {
            let position =
                |board: &Board| machine.compatible.iter().position(|name| board.recognise.compatible.contains(name));
            let fitting = boards.iter().filter_map(|board| Some((position(board)?, board)));
            fitting.min_by_key(|(position, _)| *position).map(|(_, board)| board)
        };
        let fits = |wanted: &Option<String>, found: &str| wanted.as_ref().is_some_and(|start| found.starts_with(start));
        let by_model = || {
            let model = machine.model.as_ref()?;
            boards.iter().find(|board| fits(&board.recognise.model, model))
        };
        let by_architecture = || {
            let wanted = Some(&machine.architecture);
            boards.iter().find(|board| board.recognise.architecture.as_ref() == wanted)
        };
        let board = by_list().or_else(by_model).or_else(by_architecture);
        board.cloned().ok_or_else(|| BoardError::NoneFits(machine.architecture.clone()))
    }

    /// Reads a profile; `file` is what messages call it.
    pub fn from_toml(file: &str, text: &str) -> Result<Board, BoardError> {
        let raw: RawBoard = toml::from_str(text).map_err(|source| {
            let range = source.span().unwrap_or(0..text.len());
            BoardError::Toml { place: ProfileLine::at(file, text, range), problem: Box::new(source) }
        })?;
        let slug = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        raw.check(&slug).map_err(|Invalid { key, found, expected }| BoardError::Value {
            place: ProfileLine::of(file, text, &key),
            found,
            expected,
        })
    }
}
