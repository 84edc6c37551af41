//! The trait of all formats: entries in, bytes of a file out.

use super::entry::Entry;
use super::provenance::Provenance;

/// Encodes one file. Its head comes with the first block.
pub trait Encoder {
    /// Who makes the entries from here on. The next one says it.
    fn describe(&mut self, made_by: &Provenance);
    /// Adds an entry to the block under way.
    fn add(&mut self, entry: &Entry);
    /// Bytes in the block under way, nearly.
    fn block_bytes(&self) -> u64;
    /// Ends the block under way and takes its bytes: whole records, to be appended to the file as
    /// they are.
    fn take_block(&mut self) -> Vec<u8>;
    /// What stands at the end of a complete file, after the last block.
    fn tail(&mut self) -> Vec<u8> {
        Vec::new()
    }
}
