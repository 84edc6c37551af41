//! What a run came to.

use crate::capture::CaptureError;
use crate::face::Observation;
use crate::record::metrics::Drops;
use crate::report::durations::Latencies;
use crate::text::message::counted;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Totals {
    pub frames: usize,
    pub with_a_face: usize,
    /// Pictures that could not be read.
    pub unreadable: usize,
    /// Videos of which more than single pictures could not be read: a part, or all.
    pub videos_not_whole: usize,
    pub damaged: usize,
    /// How often the source came back after it was gone.
    pub reconnects: u64,
    drops: Drops,
    pub screen_failures: usize,
    /// Threads that panicked.
    pub panicked: usize,
    /// What was to be read is nothing that holds frames.
    pub is_no_source: bool,
    /// Files that earlier runs recorded.
    pub recorded_files: usize,
    pub latencies: Latencies,
}

impl Totals {
    pub fn count(&mut self, seen: &Observation) {
        self.frames += 1;
        self.drops.count(seen.dropped.into());
        self.with_a_face += usize::from(!seen.faces.is_empty());
        self.latencies.push(seen.timings.total);
    }

    pub fn count_damaged(&mut self) {
        self.damaged += 1;
        self.drops.count_damaged();
    }

    pub fn count_unread(&mut self, error: &CaptureError) {
        self.is_no_source |= matches!(error, CaptureError::UnknownKind { .. });
        *if error.is_of_a_picture() { &mut self.unreadable } else { &mut self.videos_not_whole } += 1;
        self.drops.count_unreadable();
    }

    /// Frames that the source gave and that were not observed, but for those that it gave damaged.
    pub fn dropped(&self) -> u64 {
        self.drops.undamaged()
    }

    /// Whether all there is to say was said in one error, as of a pipe without a byte.
    pub fn found_nothing(&self) -> bool {
        self.is_no_source && self.frames == 0 && self.unread() == 1
    }

    /// How often something could not be read.
    pub fn unread(&self) -> usize {
        self.unreadable + self.videos_not_whole
    }

    /// What makes a run incomplete. Damaged frames do not: cameras give them now and then.
    pub fn failures(&self) -> usize {
        self.unread() + self.screen_failures + self.panicked
    }

    pub fn summary(&self) -> String {
        let frames = counted(self.frames, "frame", "frames");
        let faces = match self.with_a_face {
            _ if self.frames == 0 => String::new(),
            0 => ", no face found".into(),
            all if all == self.frames => ", a face in each".into(),
            some => format!(", a face in {some}"),
        };
        let some = |count: usize, text: String| if count == 0 { String::new() } else { text };
        let unreadable =
            some(self.unreadable, format!("; {} not readable", counted(self.unreadable, "picture", "pictures")));
        let videos = counted(self.videos_not_whole, "video", "videos");
        let videos = some(self.videos_not_whole, format!("; {videos} not read whole"));
        let panicked = some(self.panicked, format!("; {} panicked", counted(self.panicked, "thread", "threads")));
        let dropped = self.dropped();
        let dropped = some(dropped as usize, format!("; {dropped} dropped"));
        let damaged = some(self.damaged, format!("; {} damaged", self.damaged));
        let times = counted(self.reconnects, "time", "times");
        let reconnects = some(self.reconnects as usize, format!("; gone and back {times}"));
        let files = counted(self.recorded_files, "file was", "files were");
        let recorded = some(self.recorded_files, format!("; {files} recorded earlier"));
        let observing = some(self.frames, format!("; observing one: {}", self.latencies));
        format!("{frames}{faces}{unreadable}{videos}{dropped}{damaged}{reconnects}{panicked}{recorded}{observing}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{JpegError, MjpegError};

    fn broken_picture() -> CaptureError {
        let source = MjpegError::Picture { number: 0, source: JpegError::Cut };
        CaptureError::Mjpeg { name: "film.mjpeg".into(), source }
    }

    #[test]
    fn damaged_and_unreadable_frames_are_counted_once() {
        let mut totals = Totals::default();
        for dropped in [0, 6] {
            totals.count(&Observation { dropped, ..Observation::default() });
            totals.count_damaged();
            totals.count_damaged();
            totals.count_unread(&broken_picture());
        }
        let summary = totals.summary();
        let expected = "2 frames, no face found; 2 pictures not readable; 3 dropped; 4 damaged; ";
        assert!(summary.starts_with(expected), "{summary}");
    }

    #[test]
    fn what_is_known_early_counts_for_the_frame_that_it_is_about() {
        let mut totals = Totals::default();
        totals.count_unread(&broken_picture());
        for dropped in [0, 1, 1] {
            totals.count(&Observation { dropped, ..Observation::default() });
        }
        assert_eq!(totals.dropped(), 1);
    }

    #[test]
    fn a_source_that_was_gone_is_counted() {
        let totals = Totals { damaged: 2, reconnects: 1, ..Totals::default() };
        assert_eq!(totals.summary(), "0 frames; 2 damaged; gone and back 1 time");
    }

    #[test]
    fn a_run_without_a_frame_has_no_figures_of_frames() {
        let mut totals = Totals::default();
        totals.count_unread(&broken_picture());
        assert_eq!(totals.summary(), "0 frames; 1 picture not readable");
    }

    #[test]
    fn a_video_that_was_not_read_whole_is_no_picture() {
        let mut totals = Totals { frames: 3, ..Totals::default() };
        let lost = CaptureError::Program { name: "a.mp4".into(), program: "ffmpeg".into(), problem: "failed".into() };
        let unknown = CaptureError::UnknownKind { name: "b.mp4".into(), hint: String::new() };
        [lost, unknown, broken_picture()].iter().for_each(|error| totals.count_unread(error));
        let expected = "3 frames, no face found; 1 picture not readable; 2 videos not read whole; observing";
        assert!(totals.summary().starts_with(expected) && totals.failures() == 3, "{}", totals.summary());
    }
}
