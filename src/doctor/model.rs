//! One model, checked whole.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::face::golden::{self, Agreement, Farthest};
use crate::face::zoo::Choice;
use crate::model::card::{ModelCard, Task};

use super::advice::with_advice;

/// What became of a model's card, hash, shapes and golden sample. `Display` gives it as a table,
/// serde as JSON.
#[derive(Debug, Serialize)]
pub struct ModelReport {
    /// The name or the folder, as it was given.
    pub model: String,
    /// Why it is not to be used.
    pub fault: Option<String>,
    /// `None` where there is a fault.
    pub sound: Option<Sound>,
}

/// What a model is that is sound.
#[derive(Debug, Serialize)]
pub struct Sound {
    pub name: String,
    pub date: String,
    pub sha256: String,
    /// SHA-256 over its card, its tables and `model.onnx`.
    pub digest: String,
    /// What it finds, and in what.
    pub finds: String,
    /// With the golden sample; `None` of a shipped model, which was checked when it was built.
    pub golden: Option<Agreement>,
}

impl ModelReport {
    pub fn of(choice: &Choice) -> ModelReport {
        let checked = choice.read().map_err(golden::CheckError::from).and_then(|files| {
            let (net, golden) = golden::checked(&files)?;
            Ok(Sound::of(net.card, files.digest(), golden))
        });
        let (fault, sound) = match checked {
            Ok(sound) => (None, Some(sound)),
            Err(e) => (Some(with_advice(&e)), None),
        };
        ModelReport { model: choice.to_string(), fault, sound }
    }

    pub fn is_sound(&self) -> bool {
        self.fault.is_none()
    }
}

impl Sound {
    fn of(card: ModelCard, digest: String, golden: Option<Agreement>) -> Sound {
        let what = match card.task {
            Task::Landmarks { scheme, .. } => format!("{} landmarks", scheme.landmarks),
            Task::Faces { .. } => "faces".into(),
        };
        let finds = format!("{what} in {0} x {0} px", card.input_px);
        Sound { name: card.name, date: card.date, sha256: card.sha256, digest, finds, golden }
    }
}

impl Display for ModelReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(fault) = &self.fault {
            return writeln!(f, "{} is faulty: {fault}", self.model);
        }
        writeln!(f, "{} is sound", self.model)?;
        let Some(Sound { name, date, sha256, digest, finds, golden }) = &self.sound else { return Ok(()) };
        writeln!(f, "card    {name} of {date}: {finds}\nhash    {sha256}\ndigest  {digest}")?;
        match golden {
            None => writeln!(f, "golden  none in this program; its tests have one"),
            Some(Agreement { heats, a_step_off, farthest }) => {
                write!(f, "golden  {a_step_off} of {heats} values of heat are a step off")?;
                match farthest {
                    Farthest::Landmark(px) => writeln!(f, "; landmarks within {px:.3} px"),
                    Farthest::Box(px) => writeln!(f, "; boxes within {px:.3} px"),
                }
            }
        }
    }
}
