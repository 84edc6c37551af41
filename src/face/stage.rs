//! What is done with a frame, in order. Records, metrics, overlay and reports take their names and
//! times from here.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A step on a frame's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Waiting for the camera, or making the frame from a file or the clip. Not part of the frame's
    /// time.
    Capture,
    /// Finding faces in the whole frame: when none is followed, and now and then.
    Detect,
    /// Cutting what the net reads.
    Crop,
    /// Running the landmark net.
    Net,
    /// Heatmaps to points.
    Decode,
    /// Who is who, smoothing, head pose, eyes and mouth.
    Track,
    /// Drawing the frame with its landmarks.
    Overlay,
    /// Handing the picture over to the screen.
    Present,
    /// Handing the landmarks to the log.
    Record,
    /// Handing them to those who send them off the board.
    Publish,
}

impl Stage {
    /// All stages in the order in which they run.
    pub const ALL: [Stage; 10] = [
        Stage::Capture,
        Stage::Detect,
        Stage::Crop,
        Stage::Net,
        Stage::Decode,
        Stage::Track,
        Stage::Overlay,
        Stage::Present,
        Stage::Record,
        Stage::Publish,
    ];

    /// As records, metrics and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Capture => "capture",
            Stage::Detect => "detect",
            Stage::Crop => "crop",
            Stage::Net => "net",
            Stage::Decode => "decode",
            Stage::Track => "track",
            Stage::Overlay => "overlay",
            Stage::Present => "present",
            Stage::Record => "record",
            Stage::Publish => "publish",
        }
    }
}

/// How long the stages of [`Observer::observe`](crate::face::Observer::observe) took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// [`Stage::Detect`].
    pub detect: Duration,
    /// [`Stage::Crop`].
    pub crop: Duration,
    /// [`Stage::Net`].
    pub net: Duration,
    /// [`Stage::Decode`].
    pub decode: Duration,
    /// [`Stage::Track`].
    pub track: Duration,
    /// The whole of `observe`.
    pub total: Duration,
}

impl Timings {
    /// The stages within the Observer.
    const STAGES: [Stage; 5] = [Stage::Detect, Stage::Crop, Stage::Net, Stage::Decode, Stage::Track];
    /// Names of [`Timings::all`]: the stages, then the whole.
    pub const NAMES: [&'static str; 6] = {
        let mut names = ["total"; 6];
        let mut i = 0;
        while i < Timings::STAGES.len() {
            names[i] = Timings::STAGES[i].name();
            i += 1;
        }
        names
    };

    /// The time of a stage; none for those outside the Observer.
    pub fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Detect => self.detect,
            Stage::Crop => self.crop,
            Stage::Net => self.net,
            Stage::Decode => self.decode,
            Stage::Track => self.track,
            Stage::Capture | Stage::Overlay | Stage::Present | Stage::Record | Stage::Publish => Duration::ZERO,
        }
    }

    /// The times of the stages, then the whole, in the order of [`Timings::NAMES`].
    pub fn all(&self) -> [Duration; 6] {
        let mut all = [self.total; 6];
        for (time, stage) in all.iter_mut().zip(Timings::STAGES) {
            *time = self.of(stage);
        }
        all
    }
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Timings) {
        self.detect += other.detect;
        self.crop += other.crop;
        self.net += other.net;
        self.decode += other.decode;
        self.track += other.track;
        self.total += other.total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_stand_in_one_order() {
        let ms = Duration::from_millis;
        let timings = Timings { detect: ms(1), crop: ms(2), net: ms(3), decode: ms(4), track: ms(5), total: ms(6) };
        assert_eq!(Timings::NAMES, ["detect", "crop", "net", "decode", "track", "total"]);
        assert_eq!(timings.all().map(|time| time.as_millis()), [1, 2, 3, 4, 5, 6]);
        let mut twice = timings;
        twice += timings;
        assert_eq!(twice.all(), timings.all().map(|time| time * 2));
    }

    #[test]
    fn stages_are_written_as_they_are_named() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
    }
}
