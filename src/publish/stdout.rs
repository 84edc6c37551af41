//! `--record -`: a line of JSON a frame on standard output, as soon as it is seen.

use std::io::{ErrorKind, Write};

use super::{PublishError, Receiver};
use crate::record::entry::Entry;
use crate::record::jsonl;

/// A line of JSON a frame on standard output.
#[derive(Default)]
pub struct Stdout {
    line: Vec<u8>,
}

impl Receiver for Stdout {
    fn deliver(&mut self, entry: &Entry) -> Result<(), PublishError> {
        self.line.clear();
        jsonl::write_object(&mut self.line, entry);
        self.line.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&self.line).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => PublishError::StdoutClosed,
            _ => PublishError::Stdout(error),
        })
    }
}
