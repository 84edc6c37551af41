//! Says how a live source stands: at once when that is new, and again each minute while no frames
//! come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::capture::Status;
use crate::text::message::counted;
use crate::text::seldom::OnceAMinute;

/// A pipe whose writer gives nothing blocks, so that its source says nothing either.
const QUIET_AFTER: Duration = Duration::from_secs(10);

/// Times without frames that are said within [`WINDOW`]; those of a source that comes and goes
/// more often are counted.
const SAID_AT_MOST: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
/// What is said of one time without frames, besides the reminders: a reason may have a number in
/// it that is another one each time.
const REASONS_AT_MOST: usize = 6;

/// Follows the statuses of a source.
#[derive(Debug, Default)]
pub struct StatusWatch {
    /// Nobody writes the source meanwhile.
    is_file: bool,
    status: Status,
    /// Since when no frames come.
    since: Option<Instant>,
    reminders: OnceAMinute,
    /// When times without frames began of which something was said, the latest ones.
    outages: VecDeque<Instant>,
    /// Whether something was said of this one.
    was_announced: bool,
    /// Those of which nothing was said, since something was said.
    unsaid: u64,
    /// What was said of this time without frames.
    said: Vec<Status>,
    /// Whether the source was gone since frames came last.
    was_gone: bool,
    reconnects: u64,
    /// When the last frame came, or was waited for first.
    last_frame: Option<Instant>,
    quiet_was_said: bool,
}

impl StatusWatch {
    /// Of a source that is a file or a folder, or one that somebody writes.
    pub fn new(is_file: bool) -> Self {
        StatusWatch { is_file, ..StatusWatch::default() }
    }

    /// A frame came.
    pub fn frame(&mut self, now: Instant) {
        (self.last_frame, self.quiet_was_said) = (Some(now), false);
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    /// How often the source came back after it was gone.
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Takes note of a change. What is given back is to be logged.
    pub fn change(&mut self, status: Status, now: Instant) -> Option<String> {
        self.status = status;
        match &self.status {
            Status::Live => {
                self.frame(now);
                let since = self.since.take()?;
                self.said.clear();
                self.reconnects += u64::from(std::mem::take(&mut self.was_gone));
                if !std::mem::take(&mut self.was_announced) {
                    self.unsaid += 1;
                    return None;
                }
                return Some(format!(
                    "frames come again, after {:.1} s",
                    now.saturating_duration_since(since).as_secs_f32()
                ));
            }
            Status::Gone { .. } | Status::Returning { .. } => self.was_gone = true,
            Status::Stalled { .. } | Status::Unusable { .. } => {}
        }
        if self.since.is_none() {
            self.since = Some(now);
            self.was_announced = self.may_announce(now);
        }
        if !self.was_announced {
            return None;
        }
        // A camera may come and go for hours.
        if self.said.len() >= REASONS_AT_MOST || self.said.iter().any(|said| said.is_like(&self.status)) {
            return None;
        }
        self.said.push(self.status.clone());
        self.reminders.said(now);
        let unsaid = self.take_unsaid();
        Some(format!("{}{unsaid}", self.status))
    }

    /// Whether not too much was said of times without frames that are over.
    fn may_announce(&mut self, now: Instant) -> bool {
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
        if self.outages.len() >= SAID_AT_MOST && !self.outages.front().is_some_and(is_over) {
            return false;
        }
        self.outages.push_back(now);
        if self.outages.len() > SAID_AT_MOST {
            self.outages.pop_front();
        }
        true
    }

    fn take_unsaid(&mut self) -> String {
        match std::mem::take(&mut self.unsaid) {
            0 => String::new(),
            unsaid => format!("; frames stopped {} since", counted(unsaid, "more time", "more times")),
        }
    }

    /// What is to be logged again, if anything.
    pub fn reminder(&mut self, now: Instant) -> Option<String> {
        let Some(since) = self.since else { return self.quiet(now) };
        let lasted = now.saturating_duration_since(since);
        if !self.reminders.due(now) {
            return None;
        }
        self.was_announced = true;
        let unsaid = self.take_unsaid();
        Some(format!("{}{unsaid}; no frames for {} s", self.status, lasted.as_secs()))
    }

    /// What was counted and not said when the run ends.
    pub fn rest(&mut self, now: Instant) -> Option<String> {
        let lasts = self.since.filter(|_| !self.was_announced).map(|since| now.saturating_duration_since(since));
        let unsaid = std::mem::take(&mut self.unsaid);
        let times = counted(unsaid, "more time", "more times");
        match (lasts, unsaid) {
            (None, 0) => None,
            (None, _) => Some(format!("frames stopped {times} before the end")),
            (Some(lasts), 0) => Some(format!("{}; no frames for {} s", self.status, lasts.as_secs())),
            (Some(lasts), _) => {
                Some(format!("{}; no frames for {} s; frames stopped {times} before", self.status, lasts.as_secs()))
            }
        }
    }

    /// Of a source that says nothing for long.
    fn quiet(&mut self, now: Instant) -> Option<String> {
        let since = now.saturating_duration_since(*self.last_frame.get_or_insert(now));
        if self.quiet_was_said || since < QUIET_AFTER {
            return None;
        }
        self.quiet_was_said = true;
        let why = match self.is_file {
            true => "the disk, or ffmpeg where it is a film, has given none yet",
            false => "whoever writes the source gives none",
        };
        Some(format!("no frame for {} s; {why}, and one is waited for", since.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(reason: &str) -> Status {
        Status::Gone { name: "camera".into(), reason: reason.into() }
    }

    #[test]
    fn a_source_that_says_nothing_is_said_to_once() {
        let start = Instant::now();
        let mut watch = StatusWatch::default();
        let mut said = |seconds| watch.reminder(start + Duration::from_secs(seconds));
        assert_eq!((said(0), said(9)), (None, None));
        assert!(said(10).unwrap().starts_with("no frame for 10 s; "));
        assert_eq!(said(100), None);
        watch.frame(start + Duration::from_secs(101));
        assert!(watch.reminder(start + Duration::from_secs(120)).unwrap().starts_with("no frame for 19 s"));
    }

    #[test]
    fn nobody_is_said_to_write_a_film() {
        let start = Instant::now();
        for (is_file, expected) in
            [(true, "or ffmpeg where it is a film, has given none yet"), (false, "whoever writes")]
        {
            let mut watch = StatusWatch::new(is_file);
            assert_eq!(watch.reminder(start), None);
            let said = watch.reminder(start + QUIET_AFTER).unwrap();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn trouble_is_said_once_and_then_each_minute() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = StatusWatch::default();
        assert_eq!(watch.change(Status::Live, start), None);
        watch.frame(after(95));
        assert_eq!(watch.reminder(after(100)), None);
        assert_eq!(watch.change(gone("unplugged"), start).unwrap(), "camera gone: unplugged; looking for it");
        let news =
            [gone("not found"), gone("unplugged"), gone("not found")].map(|status| watch.change(status, after(1)));
        assert_eq!(news, [Some("camera gone: not found; looking for it".into()), None, None]);
        assert_eq!(watch.reminder(after(60)), None);
        let reminder = "camera gone: not found; looking for it; no frames for 61 s";
        assert_eq!(watch.reminder(after(61)).unwrap(), reminder);
        assert_eq!(watch.reminder(after(100)), None);
        assert_eq!(watch.change(Status::Live, after(121)).unwrap(), "frames come again, after 121.0 s");
        assert_eq!(watch.reminder(after(130)), None);
    }

    #[test]
    fn a_camera_that_comes_and_goes_without_frames_is_said_to_once() {
        let now = Instant::now();
        let mut watch = StatusWatch::default();
        let round = [gone("a"), Status::Returning { name: "camera".into() }];
        let said = |watch: &mut StatusWatch| round.iter().filter_map(|s| watch.change(s.clone(), now)).count();
        assert_eq!((said(&mut watch), said(&mut watch)), (2, 0));
        assert!(watch.change(Status::Live, now).is_some());
        assert_eq!(said(&mut watch), 2);
        let reasons = (0..100).filter_map(|number| watch.change(gone(&format!("picture {number} is broken")), now));
        assert_eq!(reasons.count(), REASONS_AT_MOST - 2);
    }

    #[test]
    fn a_source_that_comes_and_goes_is_said_to_three_times_a_minute() {
        let start = Instant::now();
        let mut watch = StatusWatch::default();
        let mut said = Vec::new();
        // Ten minutes, in which it goes each second.
        for second in 0..595 {
            let at = start + Duration::from_secs(second);
            said.extend(watch.change(gone("it ended"), at));
            said.extend(watch.change(Status::Live, at + Duration::from_millis(300)));
        }
        assert!((50..=64).contains(&said.len()), "{} lines", said.len());
        assert_eq!(said[6], "camera gone: it ended; looking for it; frames stopped 57 more times since");
        assert_eq!(watch.reconnects(), 595);
        // The end says what was not said yet.
        let times = |line: &String| line.split("stopped ").nth(1)?.split(' ').next()?.parse::<usize>().ok();
        let again = said.iter().filter(|line| line.starts_with("frames come again")).count();
        let counted: usize = said.iter().filter_map(times).sum();
        let rest = watch.rest(start).unwrap();
        assert_eq!(again + counted + times(&rest).unwrap(), 595, "{rest}");
        assert_eq!(watch.rest(start), None);
        // A long one is said, after a minute at the latest.
        let at = |seconds: u64| start + Duration::from_secs(597 + seconds);
        assert_eq!(watch.change(gone("unplugged"), at(0)), None);
        assert!(watch.reminder(at(60)).is_some_and(|said| said.contains("no frames for 60 s")));
        assert!(watch.change(Status::Live, at(61)).is_some());
    }

    #[test]
    fn an_end_without_frames_is_said_if_it_was_not() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = StatusWatch::default();
        for second in 0..5 {
            watch.change(gone("it ended"), at(second));
            watch.change(Status::Live, at(second));
        }
        watch.change(gone("unplugged"), at(5));
        let expected = "camera gone: unplugged; looking for it; no frames for 4 s; frames stopped 2 more times before";
        assert_eq!(watch.rest(at(9)).unwrap(), expected);
        let mut watch = StatusWatch::default();
        watch.change(gone("unplugged"), start);
        assert_eq!(watch.rest(at(9)), None);
    }

    #[test]
    fn a_return_counts_and_a_pause_does_not() {
        let now = Instant::now();
        let mut watch = StatusWatch::default();
        let stalled = Status::Stalled { name: "camera".into(), since: Duration::from_secs(2) };
        let returning = Status::Returning { name: "camera".into() };
        for (statuses, reconnects) in [
            (vec![stalled.clone(), Status::Live], 0),
            (vec![gone("a"), returning.clone(), Status::Live], 1),
            (vec![stalled, gone("b"), gone("c"), returning.clone(), gone("d"), returning, Status::Live], 2),
        ] {
            for status in statuses {
                watch.change(status, now);
            }
            assert_eq!(watch.reconnects(), reconnects);
        }
    }
}
