//! Which parts of a face are recorded.

use std::str::FromStr;

/// Parts of a face that a record may leave out. What is not named here is always there: the face's
/// id, box and confidence, events, and what is said of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// Where the landmarks are.
    pub points: bool,
    /// The head's turns and place, with their covariance.
    pub pose: bool,
    /// How far eyes and mouth are open, and PERCLOS.
    pub eyes: bool,
    /// Of each landmark.
    pub confidence: bool,
    /// Of each landmark's error.
    pub covariance: bool,
}

impl Fields {
    /// Everything.
    pub const ALL: Fields = Fields { points: true, pose: true, eyes: true, confidence: true, covariance: true };
    /// Nothing that can be left out.
    pub const NONE: Fields = Fields { points: false, pose: false, eyes: false, confidence: false, covariance: false };
}

impl Default for Fields {
    fn default() -> Self {
        Fields::ALL
    }
}

/// Names with commas between them, or `none`.
impl FromStr for Fields {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = Fields::NONE;
        for name in text.split(',').filter(|_| text != "none") {
            *match name.trim() {
                "points" => &mut fields.points,
                "pose" => &mut fields.pose,
                "eyes" => &mut fields.eyes,
                "confidence" => &mut fields.confidence,
                "covariance" => &mut fields.covariance,
                _ => {
                    return Err(
                        "expected points, pose, eyes, confidence, covariance, with commas between them, or none",
                    );
                }
            } = true;
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_names_with_commas() {
        assert_eq!("points,pose,eyes,confidence,covariance".parse(), Ok(Fields::ALL));
        assert_eq!("none".parse(), Ok(Fields::NONE));
        assert_eq!("eyes, pose".parse(), Ok(Fields { eyes: true, pose: true, ..Fields::NONE }));
        for wrong in ["", "point", "pose,", "none,pose", "all"] {
            assert!(wrong.parse::<Fields>().is_err(), "{wrong}");
        }
    }
}
