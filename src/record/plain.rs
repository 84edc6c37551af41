//! One file, written at once and without the care of a [`super::log::Log`]: for a result that can
//! be made again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Format;
use super::encode::Encoder;
use super::entry::Entry;
use super::fields::Fields;
use super::{RecordError, Recorder};
use crate::face::Observation;

/// A file without guarantees, for who writes it in one go.
pub struct PlainFile {
    path: PathBuf,
    file: File,
    encoder: Box<dyn Encoder>,
}

impl PlainFile {
    /// Starts a file, whose extension names the format; one that is there already is overwritten.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let format = Format::of(path).ok_or_else(|| RecordError::UnknownFormat(path.into()))?;
        let file = File::create(path).map_err(|source| RecordError::Write { path: path.into(), source })?;
        Ok(PlainFile { path: path.into(), file, encoder: format.encoder(Fields::ALL) })
    }

    /// Completes the file.
    pub fn finish(mut self) -> Result<(), RecordError> {
        let tail = self.encoder.tail();
        self.write(&tail)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        self.file.write_all(bytes).map_err(|source| RecordError::Write { path: self.path.clone(), source })
    }
}

impl Recorder for PlainFile {
    fn record(&mut self, seen: &Observation) -> Result<(), RecordError> {
        self.encoder.add(&Entry::now(seen.clone()));
        let block = self.encoder.take_block();
        self.write(&block)
    }
}
