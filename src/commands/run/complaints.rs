//! What is said of pictures of a stream that cannot be read: the first of each kind at once, and
//! then how many are like it, once a minute and at the end. A camera that writes JPEGs of 12 bits
//! writes thirty of them a second.

use std::mem::{Discriminant, discriminant};
use std::time::Instant;

use crate::capture::{CaptureError, JpegError, MjpegError};
use crate::doctor::with_advice;
use crate::text::message::counted;
use crate::text::seldom::OnceAMinute;

/// The kinds of trouble with pictures so far.
#[derive(Debug, Default)]
pub struct Complaints {
    kinds: Vec<Kind>,
}

/// Pictures of one stream with one kind of fault.
#[derive(Debug)]
struct Kind {
    stream: String,
    fault: Discriminant<JpegError>,
    /// Of the last one.
    cause: String,
    /// Since something was said of them.
    unsaid: usize,
    seldom: OnceAMinute,
}

impl Complaints {
    /// What is to be logged now of an error. What is about no picture of a stream always is.
    pub fn take(&mut self, error: CaptureError, now: Instant) -> Option<String> {
        let said = with_advice(&error);
        let CaptureError::Mjpeg { name, source: MjpegError::Picture { source, .. } } = error else { return Some(said) };
        let fault = discriminant(&source);
        if let Some(known) = self.kinds.iter_mut().find(|kind| kind.fault == fault && kind.stream == name) {
            known.unsaid += 1;
            known.cause = source.to_string();
            return known.seldom.due(now).then(|| known.say()).flatten();
        }
        let mut seldom = OnceAMinute::default();
        seldom.said(now);
        self.kinds.push(Kind { stream: name, fault, cause: source.to_string(), unsaid: 0, seldom });
        Some(said)
    }

    /// What was not said yet.
    pub fn rest(&mut self) -> impl Iterator<Item = String> {
        self.kinds.iter_mut().filter_map(Kind::say)
    }
}

impl Kind {
    fn say(&mut self) -> Option<String> {
        let count = std::mem::take(&mut self.unsaid);
        let more = counted(count, "more picture is broken like that", "more pictures are broken like that");
        (count > 0).then(|| format!("{}: {more}: {}", self.stream, self.cause))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn broken(stream: &str, number: u32, source: JpegError) -> CaptureError {
        CaptureError::Mjpeg { name: stream.into(), source: MjpegError::Picture { number, source } }
    }

    #[test]
    fn a_kind_of_fault_is_said_at_once_then_counted() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let mut said = Vec::new();
        // Two minutes and a half of them, one a second.
        for second in 0..150 {
            let now = start + Duration::from_secs(second);
            said.extend(complaints.take(broken("pipe", second as u32, JpegError::Kind("12 bits")), now));
        }
        said.extend(complaints.take(broken("pipe", 150, JpegError::Cut), start));
        said.extend(complaints.take(broken("other", 0, JpegError::Cut), start));
        said.extend(complaints.rest());
        let causes: Vec<&str> = said.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
        let expected = [
            "picture 0 is broken",
            "60 more pictures are broken like that",
            "60 more pictures are broken like that",
            "picture 150 is broken",
            "picture 0 is broken",
            "29 more pictures are broken like that",
        ];
        assert_eq!(causes, expected, "{said:#?}");
        assert!(said[1].contains("it has 12 bits; expected"), "{}", said[1]);
        assert_eq!(complaints.rest().count(), 0);
    }

    #[test]
    fn what_is_no_picture_of_a_stream_is_always_said() {
        let mut complaints = Complaints::default();
        for _ in 0..3 {
            let error = CaptureError::NotResumable("a pipe".into());
            assert!(complaints.take(error, Instant::now()).is_some());
        }
    }
}
