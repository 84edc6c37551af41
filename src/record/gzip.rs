//! Text that is packed: each block is a member of gzip (RFC 1952) by itself, so that a file which
//! was cut off is read up to its last whole member. Members one after the other are a file of gzip
//! again, which every reader of gzip takes for one text.
//!
//! What comes out of a member whose checksum is not reached or wrong is not to be trusted: zeros at
//! the end of a torn file unpack to text too.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::encode::Encoder;
use super::entry::Entry;
use super::provenance::Provenance;

/// A block holds 1024 entries at most; those take less.
const MOST_BYTES: u64 = 256 << 20;

/// Packs the blocks of a format of text.
pub struct GzipEncoder {
    text: Box<dyn Encoder>,
}

impl GzipEncoder {
    /// Packs what `text` writes.
    pub fn of(text: impl Encoder + 'static) -> Self {
        GzipEncoder { text: Box::new(text) }
    }
}

impl Encoder for GzipEncoder {
    fn describe(&mut self, made_by: &Provenance) {
        self.text.describe(made_by);
    }

    fn add(&mut self, entry: &Entry) {
        self.text.add(entry);
    }

    /// Before it is packed.
    fn block_bytes(&self) -> u64 {
        self.text.block_bytes()
    }

    fn take_block(&mut self) -> Vec<u8> {
        member(&self.text.take_block())
    }

    fn tail(&mut self) -> Vec<u8> {
        match self.text.tail() {
            tail if tail.is_empty() => tail,
            tail => member(&tail),
        }
    }
}

fn member(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes every write")
}

/// Reads the next member, and no byte behind it; `None` at the end, and where it is not whole.
pub(super) fn next_member(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    match GzDecoder::new(file).take(MOST_BYTES + 1).read_to_end(&mut text) {
        Ok(bytes) => Ok(Some(text).filter(|_| bytes as u64 <= MOST_BYTES)),
        Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_one_by_one_up_to_a_torn_one() {
        let packed = [member(b"one\n"), member(b""), member(b"two\n"), member(b"three\n")].concat();
        let texts = |bytes: &[u8]| {
            let mut rest = bytes;
            let mut all = Vec::new();
            while let Some(text) = next_member(&mut rest).unwrap() {
                all.push(String::from_utf8(text).unwrap());
            }
            all
        };
        assert_eq!(texts(&packed), ["one\n", "", "two\n", "three\n"]);
        for cut in 1..30 {
            let mut torn = packed[..packed.len() - cut].to_vec();
            let whole = if cut <= member(b"three\n").len() { 3 } else { 2 };
            assert_eq!(texts(&torn).len(), whole, "{cut} bytes less");
            torn.resize(packed.len() + 4096, 0);
            // A member ends with the length of its text, of which the highest bytes are zero.
            let kept = packed.len() - cut;
            let kept = kept + packed[kept..].iter().take_while(|byte| **byte == 0).count();
            assert_eq!(texts(&torn).len(), texts(&packed[..kept]).len(), "{cut} bytes less, and zeros");
        }
        assert_eq!(texts(b""), [""; 0]);
        assert_eq!(texts(b"no gzip"), [""; 0]);
    }
}
