//! Nets to run: the ones in this binary, and any in a folder with `model.onnx` and `card.toml`, and
//! perhaps `shape.csv`, `head.csv`, `presence.csv` and `lids.csv`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::face::head::{HeadError, HeadModel};
use crate::face::lids::{LidError, LidModel};
use crate::face::presence::{PresenceError, PresenceModel};
use crate::face::shape::{ShapeError, ShapeModel};
use crate::model::card::{CardError, ModelCard};
use crate::model::{Model, ModelError};
use crate::text::files;

/// A net and its card, which fit each other, the shapes of the faces that it finds, and how it
/// knows a face.
pub struct Net {
    /// What it reads and gives.
    pub card: ModelCard,
    /// The net itself.
    pub model: Model,
    /// How landmarks of faces lie to each other, from `shape.csv`.
    pub shape: Option<ShapeModel>,
    /// What heads look like, for head pose.
    pub head: Option<HeadModel>,
    /// What tells faces from others, from `presence.csv`.
    pub presence: Option<PresenceModel>,
    /// What draws eyes anew, from `lids.csv`.
    pub lids: Option<LidModel>,
}

/// Which net: a shipped one or a folder.
#[derive(Debug, Clone)]
pub enum Choice {
    /// One in this binary.
    Shipped(&'static Shipped),
    /// A folder with `model.onnx` and `card.toml`.
    Folder(PathBuf),
}

impl Choice {
    /// Where it is a folder.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Choice::Shipped(_) => None,
            Choice::Folder(folder) => Some(folder),
        }
    }

    /// Whether it is the shipped one that finds faces, and no landmarks.
    pub fn is_shipped_detector(&self) -> bool {
        matches!(self, Choice::Shipped(shipped) if shipped.name == FACES)
    }
}

/// The files of a net in this binary.
#[derive(Debug)]
pub struct Shipped {
    /// As `--model` and [`shipped`] know it.
    pub name: &'static str,
    card: &'static str,
    model: &'static [u8],
    shape: Option<&'static str>,
    head: Option<&'static str>,
    presence: Option<&'static str>,
    lids: Option<&'static str>,
}

impl Shipped {
    /// What the net says of itself.
    pub fn card(&self) -> Result<ModelCard, CardError> {
        ModelCard::from_toml(self.card)
    }
}

/// A file of a shipped net.
macro_rules! shipped_file {
    ($include:ident, $name:literal, $file:literal) => {
        $include!(concat!("../../models/", $name, "/", $file))
    };
}

/// A shipped net that finds landmarks.
macro_rules! landmarks {
    ($name:literal) => {
        Shipped {
            name: $name,
            card: shipped_file!(include_str, $name, "card.toml"),
            model: shipped_file!(include_bytes, $name, "model.onnx"),
            shape: Some(shipped_file!(include_str, $name, "shape.csv")),
            head: Some(shipped_file!(include_str, $name, "head.csv")),
            presence: Some(shipped_file!(include_str, $name, "presence.csv")),
            lids: Some(shipped_file!(include_str, $name, "lids.csv")),
        }
    };
}

/// The nets in this binary.
pub const SHIPPED: &[Shipped] = &[
    landmarks!("nano"),
    landmarks!("small"),
    #[cfg(feature = "base")]
    landmarks!("base"),
    Shipped {
        name: FACES,
        card: shipped_file!(include_str, "faces", "card.toml"),
        model: shipped_file!(include_bytes, "faces", "model.onnx"),
        shape: None,
        head: None,
        presence: None,
        lids: None,
    },
];

/// The shipped net that finds landmarks unless another one is asked for.
pub const DEFAULT_LANDMARKS: &str = "small";
/// The shapes of faces, in a model's folder.
pub const SHAPE: &str = "shape.csv";
/// What heads look like, in a model's folder.
pub const HEAD: &str = "head.csv";
/// How a net knows a face, in a model's folder.
pub const PRESENCE: &str = "presence.csv";
/// How eyes are drawn anew, in a model's folder.
pub const LIDS: &str = "lids.csv";
/// The shipped net that finds faces.
pub const FACES: &str = "faces";

/// No net is larger, nor a table or a card beside one.
pub const MOST_MODEL_BYTES: u64 = 256 << 20;
const MOST_TEXT_BYTES: u64 = 16 << 20;

/// A name that no shipped net has.
#[derive(Debug, Error)]
#[error("model {wanted:?} is not known; expected one of {known}, or a folder with model.onnx and card.toml")]
pub struct UnknownModel {
    wanted: String,
    known: String,
}

/// Why a net could not be loaded.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum LoadError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("card of model {name}: {source}")]
    Card { name: String, source: CardError },
    #[error("model {name}: {source}")]
    Head { name: String, source: HeadError },
    #[error("model {name}: {source}")]
    Shape { name: String, source: ShapeError },
    #[error("model {name}: {source}")]
    Presence { name: String, source: PresenceError },
    #[error("model {name}: {source}")]
    Lids { name: String, source: LidError },
    #[error("model {name}: {source}")]
    Model { name: String, source: ModelError },
}

/// A shipped net's name; or a folder, which is what has a path separator in it or is there.
impl FromStr for Choice {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        match shipped(text) {
            Err(_) if text.contains(std::path::MAIN_SEPARATOR) || Path::new(text).is_dir() => {
                Ok(Choice::Folder(text.into()))
            }
            found => found,
        }
    }
}

/// As it is written on the command line.
impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Choice::Shipped(shipped) => f.write_str(shipped.name),
            Choice::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// The shipped nets that find landmarks.
pub fn landmark_models() -> impl Iterator<Item = Choice> {
    SHIPPED.iter().map(Choice::Shipped).filter(|choice| !choice.is_shipped_detector())
}

/// The shipped net of that name.
pub fn shipped(name: &str) -> Result<Choice, UnknownModel> {
    SHIPPED.iter().find(|shipped| shipped.name == name).map(Choice::Shipped).ok_or_else(|| {
        let known: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        UnknownModel { wanted: name.into(), known: known.join(", ") }
    })
}

impl Choice {
    /// Reads, checks and optimises the net: some tenths of a second on a small board.
    pub fn load(&self) -> Result<Net, LoadError> {
        self.read()?.net()
    }

    /// Reads the files. A folder that a link names is that of one moment, so that a link which is
    /// set to another folder meanwhile mixes no files.
    pub fn read(&self) -> Result<Files, LoadError> {
        match self {
            Choice::Shipped(shipped) => Ok(Files::of(shipped)),
            Choice::Folder(folder) => Files::in_folder(folder),
        }
    }
}

/// The files of a net, as they are read; nothing is checked yet.
pub struct Files {
    name: String,
    /// Where they are, all links followed; `None` of a shipped net.
    folder: Option<PathBuf>,
    card: Cow<'static, str>,
    model: Cow<'static, [u8]>,
    shape: Option<Cow<'static, str>>,
    head: Option<Cow<'static, str>>,
    presence: Option<Cow<'static, str>>,
    lids: Option<Cow<'static, str>>,
}

impl Files {
    fn of(shipped: &Shipped) -> Files {
        let Shipped { name, card, model, shape, head, presence, lids } = *shipped;
        let [shape, head, presence, lids] = [shape, head, presence, lids].map(|text| text.map(Cow::Borrowed));
        Files { name: name.into(), folder: None, card: card.into(), model: model.into(), shape, head, presence, lids }
    }

    fn in_folder(folder: &Path) -> Result<Files, LoadError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| LoadError::Read { path, source }
        };
        // What is not there is said of the first file.
        let real = folder.canonicalize().unwrap_or_else(|_| folder.into());
        let read = |name: &str, most| files::read(&real.join(name), most).map_err(failed(&folder.join(name)));
        let text = |name: &str| Ok(Cow::Owned(String::from_utf8_lossy(&read(name, MOST_TEXT_BYTES)?).into_owned()));
        // A link that leads nowhere is there too, and is an error.
        let is_there = |name: &str| real.join(name).symlink_metadata().is_ok();
        let if_there = |name: &str| is_there(name).then(|| text(name)).transpose();
        Ok(Files {
            name: folder.display().to_string(),
            card: text("card.toml")?,
            model: read("model.onnx", MOST_MODEL_BYTES)?.into(),
            shape: if_there(SHAPE)?,
            head: if_there(HEAD)?,
            presence: if_there(PRESENCE)?,
            lids: if_there(LIDS)?,
            folder: Some(real),
        })
    }

    /// What messages call the net: its name, or its folder as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where they are, all links followed; `None` of a shipped net.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The bytes of model.onnx.
    pub fn model(&self) -> &[u8] {
        &self.model
    }

    /// SHA-256 over all files, in hexadecimal digits: equal where two nets do the same.
    pub fn digest(&self) -> String {
        let tables = [&self.shape, &self.head, &self.presence, &self.lids].map(Option::as_ref);
        let parts = [Some(&self.card)]
            .into_iter()
            .chain(tables)
            .map(|text| text.map(|text| text.as_bytes()))
            .chain([Some(&*self.model)]);
        let mut digest = Sha256::new();
        for part in parts {
            // With its length, so that no byte can pass from one file to the next.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            digest.update(part.unwrap_or_default());
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks the files against each other and optimises the net.
    pub fn net(&self) -> Result<Net, LoadError> {
        let name = || self.name.clone();
        let in_card = |source| LoadError::Card { name: name(), source };
        let card = ModelCard::from_toml(&self.card).map_err(in_card)?;
        card.check_file(&self.model).map_err(in_card)?;
        let model = Model::from_onnx(&self.model).map_err(|source| LoadError::Model { name: name(), source })?;
        card.check_shape(model.input_side_px(), model.output_shape()).map_err(in_card)?;
        model.heat().map_or(Ok(()), |heat| card.check_heat(heat)).map_err(in_card)?;
        model.macs().map_or(Ok(()), |macs| card.check_work(macs)).map_err(in_card)?;
        let [_, _, landmarks] = model.output_shape();
        let shape = self.shape.as_ref().map(|text| ShapeModel::from_csv(text, landmarks)).transpose();
        let shape = shape.map_err(|source| LoadError::Shape { name: name(), source })?;
        let head = self.head.as_ref().map(|text| HeadModel::from_csv(text, landmarks)).transpose();
        let head = head.map_err(|source| LoadError::Head { name: name(), source })?;
        let presence = self.presence.as_ref().map(|text| PresenceModel::from_csv(text)).transpose();
        let presence = presence.map_err(|source| LoadError::Presence { name: name(), source })?;
        let lids = self.lids.as_ref().map(|text| LidModel::from_csv(text)).transpose();
        let lids = lids.map_err(|source| LoadError::Lids { name: name(), source })?;
        let net = Net { card, model, shape, head, presence, lids };
        net.lacks().for_each(|(file, without)| log::warn!("model {} has no {file}; {without}", self.name));
        Ok(net)
    }
}

impl Net {
    /// Files that a net of landmarks has besides, and what follows where one is not there.
    fn lacks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_landmarks = !self.card.task.is_faces();
        let files = [
            (self.shape.is_none(), SHAPE, "landmarks that it leaves unsure stay where they are"),
            (self.presence.is_none(), PRESENCE, "it knows faces less well, and turns true ones away"),
            (self.head.is_none(), HEAD, "heads have no pose"),
            (self.lids.is_none(), LIDS, "it takes closed eyes for half open"),
        ];
        files.into_iter().filter(move |(lacks, ..)| *lacks && is_landmarks).map(|(_, file, without)| (file, without))
    }
}
