//! Model cards: what a net reads and gives, where it comes from and how good it is.
//! `models/<name>/card.toml`, beside the net's `model.onnx`.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::model::scheme::Scheme;
use crate::text::message::in_one_line;

/// Side of the largest picture that a net may read.
pub(super) const MAX_INPUT_PX: u32 = 4096;
/// Channels of a face detector's output: heat, width, height, cosine and sine of the roll.
pub const FACE_CHANNELS: usize = 5;

/// A card's `heat.scale` may be off by this share of it: a person may have written it shorter.
const ROUNDED: f32 = 1e-3;
/// A card's `gmac` may be off by this share of it and by [`GMAC_STEP`] together.
const GMAC_ROUNDED: f64 = 0.01;
/// Half of the last of three places.
const GMAC_STEP: f64 = 0.0005;

/// A card whose values are within their ranges; [`ModelCard::from_toml`] lets no other through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The net's.
    pub name: String,
    /// Side of the square picture that the net reads.
    pub input_px: u32,
    /// Input pixels for each heatmap cell, along one side.
    pub stride: u32,
    /// SHA-256 of `model.onnx`, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Multiply-adds for one picture, in thousand millions.
    pub gmac: f64,
    /// How many numbers were trained.
    pub parameters: u64,
    /// When it was exported, as 2026-11-24.
    pub date: String,
    /// What it finds.
    pub task: Task,
    /// What a byte of its heatmaps means.
    pub heat: Quantisation,
    /// Where it comes from.
    pub about: About,
    /// How far it is off, on which data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy: Vec<Accuracy>,
}

/// What the net's channels mean, and what the runtime has to know to use them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Task {
    /// One heatmap a landmark of one face.
    Landmarks {
        /// Which landmark each map is.
        #[serde(with = "scheme_name")]
        scheme: &'static Scheme,
        /// Side of the crop, as a multiple of the longer side of the landmarks' box.
        crop_margin: f32,
        /// From heat to the covariance of the error. Without it, the covariance of the heat stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calibration: Option<Calibration>,
        /// Which landmarks are hidden. Without it, what covers a face is not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visibility: Option<Visibility>,
        /// How it draws eyes. Without it, as ours do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        eyes: Option<EyeRatios>,
    },
    /// Five maps of a whole picture: heat at the centres of faces; width and height of the box of a
    /// face's landmarks; cosine and sine of its roll. A size `v` means
    /// `smallest_px * 2^(v * octaves)` pixels of the net's input; a cosine or sine `v` means
    /// `2 v - 1`.
    Faces {
        /// Side of the smallest face, in pixels of the net's picture.
        smallest_px: f32,
        /// From the smallest face to the largest; an octave is a factor of two.
        octaves: f32,
        /// Heat below which a peak is no face.
        score: f32,
    },
}

impl Task {
    /// Whether the net finds faces, and not their landmarks.
    pub fn is_faces(&self) -> bool {
        matches!(self, Task::Faces { .. })
    }
}

/// From the heat around a landmark to the covariance of its error: the formula is in
/// `face/calibration.rs`. It has no unit: the error's unit is that of the heat's covariance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Of the power law.
    pub exponent: f32,
    /// As `exponent`, of the mean confidence of all landmarks of the face.
    #[serde(default)]
    pub face_exponent: f32,
    /// Degrees of freedom, more than 2.
    pub tails: f32,
    /// For each landmark, in the scheme's order.
    pub spread: Vec<f32>,
}

/// From the heat of the landmarks to what hides them: the formula is in `face/visibility.rs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visibility {
    /// What the logarithm of the landmark's own confidence counts.
    pub own: f32,
    /// What that of the landmarks near it counts.
    pub near: f32,
    /// What that of the face counts.
    pub face: f32,
    /// For each landmark, in the scheme's order.
    pub bias: Vec<f32>,
}

/// Heights over widths of eyes as the net draws them: it takes closed eyes for half open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EyeRatios {
    /// Of most people's closed eyes.
    pub closed: f32,
    /// Of most people's open eyes.
    pub open: f32,
}

/// A stored value `q` of the output stands for `(q - zero_point) * scale`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
    /// Heat a step.
    pub scale: f32,
    /// The byte that stands for no heat.
    pub zero_point: u8,
}

/// Free text for those who wonder whether they may use the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Names of data sets.
    pub trained_on: String,
    /// Of the weights.
    pub licence: String,
    /// What else a user should know.
    #[serde(default)]
    pub notes: String,
    /// The command that trained it; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recipe: String,
}

/// One measured figure, with what is needed to measure it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The data set's name.
    pub data: String,
    /// The part of it that was measured.
    pub split: String,
    /// What is measured: `nme_percent`, `recall_percent`.
    pub measure: String,
    /// What errors are divided by: `inter-ocular`. Absent where the measure needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normaliser: Option<String>,
    /// Where the boxes come from: `true points`, `detector`; or the IoU that makes a hit.
    #[serde(rename = "box")]
    pub boxes: String,
    /// Of the float net before quantisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub float: Option<f64>,
    /// Of the file beside this card.
    pub int8: f64,
    /// The command that gives these figures.
    pub command: String,
}

/// What is wrong with a card, or with the net that it describes.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum CardError {
    #[error("{}", in_one_line(.0.message()))]
    Toml(#[from] toml::de::Error),
    #[error("{key} is {found}; expected {expected}")]
    OutOfRange { key: &'static str, found: String, expected: String },
    #[error("model.onnx has the SHA-256 {found}, its card says {expected}; the file is cut short or another model's")]
    OtherFile { found: String, expected: String },
    #[error("the net gives {found} and reads {input_px} px, its card says {expected} and {card_px} px")]
    OtherShape { found: Shape, input_px: u32, expected: Shape, card_px: u32 },
    #[error(
        "heat is scale {} and zero_point {}, the net gives scale {} and zero_point {}; write the net's",
        card.scale, card.zero_point, found.scale, found.zero_point
    )]
    OtherHeat { card: Quantisation, found: Quantisation },
    #[error("gmac is {card}, the net takes {found:.3}; write the net's")]
    OtherWork { card: f64, found: f64 },
    #[error("{name} finds {found}; expected a model that finds {expected}")]
    OtherTask { name: String, found: &'static str, expected: &'static str },
}

/// Rows, columns, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape(pub [usize; 3]);

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape([rows, columns, channels]) = self;
        write!(f, "{channels} maps of {columns}x{rows}")
    }
}

impl ModelCard {
    /// Reads and checks the text of a `card.toml`.
    pub fn from_toml(text: &str) -> Result<ModelCard, CardError> {
        let card: ModelCard = toml::from_str(text)?;
        card.check()?;
        Ok(card)
    }

    /// The text of a `card.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a card is made of tables, text and numbers")
    }

    /// SHA-256 as cards write it.
    pub fn sha256_of(model: &[u8]) -> String {
        Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Refuses a file that is not the one this card describes.
    pub fn check_file(&self, model: &[u8]) -> Result<(), CardError> {
        let found = ModelCard::sha256_of(model);
        if found == self.sha256 { Ok(()) } else { Err(CardError::OtherFile { found, expected: self.sha256.clone() }) }
    }

    /// Refuses a net that reads or gives something else than this card says.
    pub fn check_shape(&self, input_px: u32, output: [usize; 3]) -> Result<(), CardError> {
        let (found, expected) = (Shape(output), Shape(self.output_shape()));
        if found == expected && input_px == self.input_px {
            Ok(())
        } else {
            Err(CardError::OtherShape { found, input_px, expected, card_px: self.input_px })
        }
    }

    /// Refuses a net whose heatmaps are stored otherwise than this card says.
    pub fn check_heat(&self, found: Quantisation) -> Result<(), CardError> {
        let card = self.heat;
        let is_equal = (card.scale - found.scale).abs() <= found.scale * ROUNDED && card.zero_point == found.zero_point;
        if is_equal { Ok(()) } else { Err(CardError::OtherHeat { card, found }) }
    }

    /// Refuses a net that takes other work than this card says, counted in multiply-adds a picture.
    pub fn check_work(&self, macs: u64) -> Result<(), CardError> {
        let found = macs as f64 / 1e9;
        let is_near = (self.gmac - found).abs() <= found * GMAC_ROUNDED + GMAC_STEP;
        if is_near { Ok(()) } else { Err(CardError::OtherWork { card: self.gmac, found }) }
    }

    /// Rows, columns and channels of the heatmaps.
    pub fn output_shape(&self) -> [usize; 3] {
        let cells = (self.input_px / self.stride) as usize;
        let channels = match self.task {
            Task::Landmarks { scheme, .. } => scheme.landmarks,
            Task::Faces { .. } => FACE_CHANNELS,
        };
        [cells, cells, channels]
    }

    fn check(&self) -> Result<(), CardError> {
        number("input_px", self.input_px.into(), 16.0..=MAX_INPUT_PX.into())?;
        if self.stride == 0 || !self.input_px.is_multiple_of(self.stride) {
            let found = self.stride.to_string();
            return Err(CardError::OutOfRange { key: "stride", found, expected: "a divisor of input_px".into() });
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            let found = format!("{:?}", self.sha256);
            return Err(CardError::OutOfRange {
                key: "sha256",
                found,
                expected: "64 lower-case hexadecimal digits".into(),
            });
        }
        number("heat.scale", self.heat.scale.into(), 1e-6..=1.0)?;
        match self.task {
            Task::Landmarks { scheme, crop_margin, ref calibration, ref visibility, ref eyes } => {
                number("task.landmarks.crop_margin", crop_margin.into(), 1.0..=4.0)?;
                calibration.as_ref().map_or(Ok(()), |calibration| calibration.check(scheme))?;
                visibility.as_ref().map_or(Ok(()), |visibility| visibility.check(scheme))?;
                eyes.as_ref().map_or(Ok(()), EyeRatios::check)
            }
            Task::Faces { smallest_px, octaves, score } => {
                number("task.faces.smallest_px", smallest_px.into(), 1.0..=1024.0)?;
                number("task.faces.octaves", octaves.into(), 0.5..=12.0)?;
                number("task.faces.score", score.into(), 0.0..=1.0)
            }
        }
    }
}

impl Calibration {
    fn check(&self, scheme: &Scheme) -> Result<(), CardError> {
        let Calibration { exponent, face_exponent, tails, spread } = self;
        number("task.landmarks.calibration.exponent", (*exponent).into(), 0.0..=10.0)?;
        number("task.landmarks.calibration.face_exponent", (*face_exponent).into(), 0.0..=10.0)?;
        number("task.landmarks.calibration.tails", (*tails).into(), 2.01..=1000.0)?;
        let key = "task.landmarks.calibration.spread";
        spread.iter().try_for_each(|spread| number(key, (*spread).into(), 1e-6..=1e3))?;
        one_a_landmark(key, spread, scheme)
    }
}

/// Those of `nano`, by `tests/accuracy/eyes.py` (2026-11-30).
impl Default for EyeRatios {
    fn default() -> Self {
        EyeRatios { closed: 0.21, open: 0.33 }
    }
}

impl EyeRatios {
    fn check(&self) -> Result<(), CardError> {
        number("task.landmarks.eyes.open", self.open.into(), 0.1..=1.0)?;
        if (0.0..=0.9 * self.open).contains(&self.closed) {
            return Ok(());
        }
        let found = self.closed.to_string();
        Err(CardError::OutOfRange { key: "task.landmarks.eyes.closed", found, expected: "0 to 0.9 of open".into() })
    }
}

impl Visibility {
    fn check(&self, scheme: &Scheme) -> Result<(), CardError> {
        let within = |key, value: f32| number(key, value.into(), -100.0..=100.0);
        within("task.landmarks.visibility.own", self.own)?;
        within("task.landmarks.visibility.near", self.near)?;
        within("task.landmarks.visibility.face", self.face)?;
        let key = "task.landmarks.visibility.bias";
        self.bias.iter().try_for_each(|bias| within(key, *bias))?;
        one_a_landmark(key, &self.bias, scheme)
    }
}

fn number(key: &'static str, value: f64, range: RangeInclusive<f64>) -> Result<(), CardError> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(CardError::OutOfRange { key, found: value.to_string(), expected })
}

fn one_a_landmark(key: &'static str, numbers: &[f32], scheme: &Scheme) -> Result<(), CardError> {
    if numbers.len() == scheme.landmarks {
        return Ok(());
    }
    let found = format!("{} numbers", numbers.len());
    Err(CardError::OutOfRange { key, found, expected: "one number for each landmark of the scheme".into() })
}

/// A scheme is written as its name.
mod scheme_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::scheme::Scheme;

    pub fn serialize<S: Serializer>(scheme: &'static Scheme, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(scheme.name)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Scheme, D::Error> {
        let name = String::deserialize(deserializer)?;
        Scheme::named(&name).ok_or_else(|| {
            let known: Vec<&str> = Scheme::ALL.iter().map(|s| s.name).collect();
            D::Error::custom(format!("scheme {name:?} is not known; known: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scheme::IBUG_68;

    fn card() -> ModelCard {
        ModelCard {
            name: "small".into(),
            input_px: 128,
            stride: 4,
            sha256: ModelCard::sha256_of(b"net"),
            gmac: 0.29,
            parameters: 1_000_000,
            date: "2026-11-24".into(),
            task: Task::Landmarks {
                scheme: &IBUG_68,
                crop_margin: 1.25,
                calibration: Some(Calibration {
                    exponent: 2.5,
                    face_exponent: 1.5,
                    tails: 5.0,
                    spread: vec![0.0625; 68],
                }),
                visibility: Some(Visibility { own: -3.5, near: -9.75, face: 12.0, bias: vec![-3.25; 68] }),
                eyes: Some(EyeRatios { closed: 0.25, open: 0.375 }),
            },
            heat: Quantisation { scale: 0.005, zero_point: 25 },
            about: About {
                trained_on: "300-W".into(),
                licence: "research".into(),
                notes: "Two\nlines.".into(),
                recipe: String::new(),
            },
            accuracy: vec![Accuracy {
                data: "300-W".into(),
                split: "common".into(),
                measure: "nme_percent".into(),
                normaliser: Some("inter-ocular".into()),
                boxes: "true points".into(),
                float: None,
                int8: 3.5,
                command: "wingmark eval".into(),
            }],
        }
    }

    #[test]
    fn a_card_is_read_as_it_was_written() {
        let faces = ModelCard { task: Task::Faces { smallest_px: 6.0, octaves: 5.0, score: 0.3 }, ..card() };
        for card in [card(), faces] {
            assert_eq!(ModelCard::from_toml(&card.to_toml()).unwrap(), card, "{}", card.to_toml());
        }
    }

    #[test]
    fn a_wrong_card_is_refused_in_one_line() {
        let error = |from: &str, to: &str| {
            let text = card().to_toml();
            assert!(text.contains(from), "{text}");
            ModelCard::from_toml(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert_eq!(error("stride = 4", "stride = 5"), "stride is 5; expected a divisor of input_px");
        assert_eq!(error("stride = 4", "stride = 0"), "stride is 0; expected a divisor of input_px");
        assert_eq!(
            error("crop_margin = 1.25", "crop_margin = nan"),
            "task.landmarks.crop_margin is NaN; expected 1 to 4"
        );
        assert_eq!(error("tails = 5.0", "tails = 2.0"), "task.landmarks.calibration.tails is 2; expected 2.01 to 1000");
        assert_eq!(
            error("spread = [0.0625, ", "spread = ["),
            "task.landmarks.calibration.spread is 67 numbers; expected one number for each landmark of the scheme"
        );
        assert_eq!(error("open = 0.375", "open = 0.0"), "task.landmarks.eyes.open is 0; expected 0.1 to 1");
        assert_eq!(
            error("closed = 0.25", "closed = 0.375"),
            "task.landmarks.eyes.closed is 0.375; expected 0 to 0.9 of open"
        );
        assert_eq!(error("own = -3.5", "own = nan"), "task.landmarks.visibility.own is NaN; expected -100 to 100");
        assert_eq!(
            error("bias = [-3.25, ", "bias = ["),
            "task.landmarks.visibility.bias is 67 numbers; expected one number for each landmark of the scheme"
        );
        assert_eq!(error("\"ibug68\"", "\"ibug5\""), "scheme \"ibug5\" is not known; known: ibug68");
        assert!(error("stride = 4", "strides = 4").starts_with("unknown field `strides`"));
        let of_hands = card().to_toml().replace("task.landmarks", "task.hands");
        assert!(ModelCard::from_toml(&of_hands).unwrap_err().to_string().starts_with("unknown variant `hands`"));
    }

    #[test]
    fn another_file_and_another_shape_are_refused() {
        card().check_file(b"net").unwrap();
        assert!(card().check_file(b"ne").unwrap_err().to_string().contains("cut short"));
        card().check_shape(128, [32, 32, 68]).unwrap();
        assert_eq!(
            card().check_shape(128, [32, 32, 5]).unwrap_err().to_string(),
            "the net gives 5 maps of 32x32 and reads 128 px, its card says 68 maps of 32x32 and 128 px"
        );
    }

    #[test]
    fn other_heat_and_other_work_are_refused() {
        card().check_heat(Quantisation { scale: 0.005001, zero_point: 25 }).unwrap();
        for found in [Quantisation { scale: 0.0051, zero_point: 25 }, Quantisation { scale: 0.005, zero_point: 24 }] {
            let message = card().check_heat(found).unwrap_err().to_string();
            assert!(
                message.starts_with("heat is scale 0.005 and zero_point 25, the net gives scale 0.005"),
                "{message}"
            );
        }
        card().check_work(290_400_000).unwrap();
        let message = card().check_work(97_000_000).unwrap_err().to_string();
        assert_eq!(message, "gmac is 0.29, the net takes 0.097; write the net's");
        let nan = ModelCard { gmac: f64::NAN, ..card() };
        assert!(nan.check_work(97_000_000).is_err());
    }
}
