//! `--record -`: a line of JSON a frame on standard output, at once. The first line has `made_by`,
//! and so has the first one of another model.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use super::{PublishError, Receiver};
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

    fn deliver(&mut self, entry: &Entry) -> Result<(), PublishError> {
        self.line.clear();
        jsonl::write_object(&mut self.line, entry, Fields::ALL, self.made_by.as_deref());
        self.line.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&self.line).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => PublishError::StdoutClosed,
            _ => PublishError::Stdout(error),
        })?;
        self.made_by = None;
        Ok(())
    }
}
