//! `--record -`: a line of JSON a frame on standard output, at once. The first line has `made_by`,
//! and so has the first one of another model.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{PublishError, Receiver, Way};
use crate::record::entry::Entry;
use crate::record::fields::Fields;
use crate::record::jsonl;
use crate::record::provenance::Provenance;

/// A line of JSON a frame on standard output.
#[derive(Default)]
pub struct Stdout {
    line: Vec<u8>,
    /// What the next line says.
    made_by: Option<Arc<Provenance>>,
    /// Whether half a line went out last.
    is_torn: bool,
}

/// A pipe takes a long line piece by piece. Of one that was begun the rest is waited for so long
/// at the end of a run: half of it is no JSON.
const WHOLE_LINE_WITHIN: Duration = Duration::from_secs(5);

impl Receiver for Stdout {
    fn last_frame_within(&self) -> Duration {
        WHOLE_LINE_WITHIN
    }

    fn describe(&mut self, made_by: Arc<Provenance>) {
        self.made_by = Some(made_by);
    }

    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        self.line.clear();
        jsonl::write_object(&mut self.line, entry, Fields::ALL, self.made_by.as_deref());
        self.line.push(b'\n');
        // Rust's own standard output keeps what it could not write, and would write it later.
        let write = |text: &[u8]| loop {
            match rustix::io::write(io::stdout(), text) {
                // Another program has set it not to block.
                Err(Errno::AGAIN) => poll(&mut [PollFd::new(&io::stdout(), PollFlags::OUT)], None).map(drop)?,
                written => return Ok(written?),
            }
        };
        write_line(&self.line, &mut self.is_torn, write).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => PublishError::StdoutClosed,
            _ => PublishError::Stdout(error),
        })?;
        self.made_by = None;
        Ok(Way::Works)
    }
}

/// Writes a line, and before it the end of one that is torn.
fn write_line(line: &[u8], is_torn: &mut bool, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
    if *is_torn {
        write_all(b"\n", &mut write).map_err(|(_, error)| error)?;
        *is_torn = false;
    }
    write_all(line, &mut write).map_err(|(written, error)| {
        *is_torn = written > 0;
        error
    })
}

/// An error comes with how many bytes were written before it.
fn write_all(text: &[u8], write: &mut impl FnMut(&[u8]) -> io::Result<usize>) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < text.len() {
        match write(&text[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_torn_is_ended_before_the_next_one() {
        let (mut out, mut is_torn) = (Vec::new(), false);
        let mut room = 6;
        let mut lines = |more: usize| {
            room += more;
            write_line(b"line\n", &mut is_torn, |text| {
                let bytes = text.len().min(room).min(3);
                room -= bytes;
                out.extend(&text[..bytes]);
                if bytes == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(bytes) }
            })
            .is_ok()
        };
        let went = [0, 0, 0, 1, 4, 9].map(&mut lines);
        assert_eq!((went, &*out), ([true, false, false, false, false, true], &b"line\nl\nline\nline\n"[..]));
    }
}
