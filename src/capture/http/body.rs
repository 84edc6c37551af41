//! What follows the head of an answer.

use std::io::{self, BufRead, Read};

use super::{MAX_HEAD_BYTES, in_words};

/// A stream, without the lines between its chunks.
#[derive(Debug)]
pub struct Body<R> {
    reader: R,
    next: Next,
}

/// What the reader of a body stands before.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// All that comes until the connection ends.
    Rest,
    /// The line that says how long a chunk is; behind a chunk, its line end is before it.
    Length { is_first: bool },
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The end, whatever stands behind the last chunk.
    End,
}

impl<R: BufRead> Body<R> {
    pub(super) fn new(reader: R, is_chunked: bool) -> Self {
        let next = if is_chunked { Next::Length { is_first: true } } else { Next::Rest };
        Body { reader, next }
    }

    /// The length of the next chunk; 0 for the last one, and where the connection ends.
    fn length(&mut self, is_first: bool) -> io::Result<u64> {
        let mut line = Vec::new();
        for _ in 0..=usize::from(!is_first) {
            line.clear();
            (&mut self.reader).take(MAX_HEAD_BYTES as u64).read_until(b'\n', &mut line).map_err(in_words)?;
        }
        match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, length))) => Ok(length),
            Ok(httparse::Status::Partial) if line.len() < MAX_HEAD_BYTES => Ok(0),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk has no length")),
        }
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if let Next::Length { is_first } = self.next {
            let length = self.length(is_first)?;
            self.next = if length == 0 { Next::End } else { Next::Chunk(length) };
        }
        match self.next {
            Next::Chunk(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
                let read = self.reader.read(&mut into[..most]).map_err(in_words)?;
                let left = left - read as u64;
                self.next = if left == 0 { Next::Length { is_first: false } } else { Next::Chunk(left) };
                Ok(read)
            }
            Next::Rest => self.reader.read(into).map_err(in_words),
            Next::Length { .. } | Next::End => Ok(0),
        }
    }
}
