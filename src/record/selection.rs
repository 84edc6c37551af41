//! Which observations are recorded, where not all are: for logs of weeks.

use std::str::FromStr;
use std::time::Duration;

use super::limits;
use crate::face::Observation;

/// An empty room, or one in which nothing changes, is recorded this often.
const QUIET: Duration = Duration::from_secs(60);

/// How close together records may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// One observation in so many.
    Frames(u32),
    /// The first observation in each interval of so long.
    Interval(Duration),
}

impl Default for Every {
    fn default() -> Self {
        Every::Frames(1)
    }
}

impl FromStr for Every {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected a number of frames, such as 10, or a time, such as 500ms, 1s or 5m";
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().filter(|&frames| frames > 0).map(Every::Frames).ok_or(wrong);
        }
        limits::interval(text).map(Every::Interval).map_err(|_| wrong)
    }
}

/// What has to be seen for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum When {
    /// Anything or nothing.
    #[default]
    Always,
    /// A face; without one, once a minute.
    Face,
    /// Another set of faces than in the last record; else once a minute.
    Change,
}

/// What is to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    pub every: Every,
    pub when: When,
}

/// Chooses among consecutive observations. One with an event is always recorded, and so is the
/// first one without the faces of the record before it.
#[derive(Debug, Default)]
pub struct Selector {
    selection: Selection,
    /// Observations that were passed over since the last record.
    passed_over: u32,
    /// Frames that were dropped before those.
    dropped: u32,
    /// When the last record was, in time since the source's start.
    last: Option<Duration>,
    /// Whose faces the last record has.
    ids: Vec<u32>,
}

impl Selector {
    pub fn new(selection: Selection) -> Self {
        Selector { selection, ..Selector::default() }
    }

    /// Chooses otherwise from now on.
    pub fn select(&mut self, selection: Selection) {
        self.selection = selection;
    }

    /// Whether it is recorded; then it says how many frames were dropped since the last record.
    pub fn takes(&mut self, seen: &mut Observation) -> bool {
        let takes = self.is_wanted(seen);
        self.dropped = self.dropped.saturating_add(seen.dropped);
        if takes {
            self.passed_over = 0;
            seen.dropped = std::mem::take(&mut self.dropped);
            self.last = Some(seen.captured_at);
            self.ids.clear();
            self.ids.extend(seen.faces.iter().map(|face| face.id));
        } else {
            self.passed_over += 1;
        }
        takes
    }

    fn is_wanted(&self, seen: &Observation) -> bool {
        // A source that begins again begins its time again, too.
        let Some(last) = self.last.filter(|last| *last <= seen.captured_at) else { return true };
        if !seen.events.is_empty() {
            return true;
        }
        let same_faces = self.ids.iter().copied().eq(seen.faces.iter().map(|face| face.id));
        let is_quiet = match self.selection.when {
            When::Always => false,
            When::Face => seen.faces.is_empty() && same_faces,
            When::Change => same_faces,
        };
        if is_quiet {
            return seen.captured_at - last >= QUIET;
        }
        if self.selection.when != When::Always && !same_faces {
            return true;
        }
        match self.selection.every {
            Every::Frames(frames) => self.passed_over + 1 >= frames,
            // On a grid of whole intervals, so that frames that come unevenly make no fewer
            // records.
            Every::Interval(interval) => number_of(seen.captured_at, interval) > number_of(last, interval),
        }
    }
}

/// Of the interval in which a time lies.
fn number_of(time: Duration, interval: Duration) -> u128 {
    time.as_nanos() / interval.as_nanos().max(1)
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;
    use crate::face::Face;
    use crate::face::measure::{Event, EventKind, Measures};
    use crate::picture::geometry::{Crop, Rect};

    /// Numbers of the recorded ones of 200 frames, 40 ms apart. `faces` gives the ids in a frame.
    fn recorded(selection: Selection, faces: impl Fn(u32) -> Vec<u32>, event_at: Option<u32>) -> Vec<u32> {
        let mut selector = Selector::new(selection);
        let seen = |i: u32| Observation {
            captured_at: Duration::from_millis(40) * i,
            faces: faces(i).into_iter().map(face).collect(),
            events: event_at.filter(|&at| at == i).map(|_| event()).into_iter().collect(),
            ..Observation::default()
        };
        (0..200).filter(|&i| selector.takes(&mut seen(i))).collect()
    }

    #[test]
    fn what_was_dropped_before_a_frame_that_is_passed_over_is_in_the_next_record() {
        let mut selector = Selector::new(every("3"));
        let seen = |dropped| Observation { dropped, ..Observation::default() };
        let taken = [1, 2, 0, 4, 8, 0, 0].map(|dropped| {
            let mut seen = seen(dropped);
            selector.takes(&mut seen).then_some(seen.dropped)
        });
        assert_eq!(taken, [Some(1), None, None, Some(6), None, None, Some(8)]);
    }

    fn every(text: &str) -> Selection {
        Selection { every: text.parse().unwrap(), when: When::Always }
    }

    #[test]
    fn one_in_so_many_frames_or_intervals() {
        assert_eq!(recorded(Selection::default(), |_| vec![], None).len(), 200);
        assert_eq!(recorded(every("50"), |_| vec![1], None), [0, 50, 100, 150]);
        assert_eq!(recorded(every("2s"), |_| vec![1], None), [0, 50, 100, 150]);
        // 30 ms are less than a frame, and 100 ms are two frames and a half.
        assert_eq!(recorded(every("30ms"), |_| vec![1], None).len(), 200);
        assert_eq!(recorded(every("100ms"), |_| vec![1], None)[..5], [0, 3, 5, 8, 10]);
    }

    #[test]
    fn what_happens_is_recorded_between_the_others() {
        assert_eq!(recorded(every("100"), |_| vec![1], Some(30)), [0, 30, 130]);
    }

    #[test]
    fn an_empty_room_is_recorded_once_a_minute() {
        let when = |when| Selection { when, ..Selection::default() };
        let come_and_gone = |i| if (20..25).contains(&i) { vec![1] } else { vec![] };
        assert_eq!(recorded(when(When::Face), come_and_gone, None), [0, 20, 21, 22, 23, 24, 25]);
        assert_eq!(recorded(when(When::Change), come_and_gone, None), [0, 20, 25]);
        let other_after = |i| vec![if i < 70 { 1 } else { 2 }];
        assert_eq!(recorded(when(When::Change), other_after, None), [0, 70]);
        let mut selector = Selector::new(when(When::Face));
        let at = |s| Observation { captured_at: Duration::from_secs(s), ..Observation::default() };
        let recorded: Vec<u64> = (0..200).filter(|&s| selector.takes(&mut at(s))).collect();
        assert_eq!(recorded, [0, 60, 120, 180]);
    }

    #[test]
    fn a_source_that_begins_again_is_recorded() {
        let mut selector = Selector::new(every("1h"));
        let at = |s| Observation { captured_at: Duration::from_secs(s), ..Observation::default() };
        let taken: Vec<bool> = [5, 9, 0, 1].map(|s| selector.takes(&mut at(s))).into();
        assert_eq!(taken, [true, false, true, false]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["0", "", "-1", "1x", "none", "1.5"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
    }

    fn face(id: u32) -> Face {
        Face {
            id,
            bounds: Rect::new(0.0, 0.0, 1.0, 1.0),
            crop: Crop::new(Point2::origin(), 1.0, 0.0, 1),
            landmarks: Vec::new(),
            presence: 1.0,
            guessed: Vec::new(),
            measures: Measures::default(),
        }
    }

    fn event() -> Event {
        Event { face: 1, kind: EventKind::Blink, at: Duration::ZERO, lasted: Duration::ZERO }
    }
}
