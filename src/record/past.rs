//! What earlier runs recorded in a log, for a run that goes on where one stopped.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::Format;
use super::fields::Fields;
use super::{RecordError, csv, gzip, journal, mcap as ours};
use crate::text::files;

/// What each member of gzip begins with (RFC 1952), by deflate.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Frames and faces of a record have no higher numbers, so that there are numbers to go on with.
const HIGHEST: u32 = u32::MAX / 2;

/// What the files of a log hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// The sources of which there are frames.
    pub sources: HashSet<String>,
    pub last: Option<Mark>,
    /// The highest number of a face.
    pub last_id: u32,
    /// The whole records of the file under way, in bytes; `None` where it cannot be gone on with:
    /// where it holds lines that are no records, nothing of it is cut off.
    pub whole_bytes: Option<u64>,
}

/// The frame recorded last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mark {
    pub source: String,
    pub sequence: u32,
    pub captured_at: Duration,
    /// The first frame of the same source.
    pub first_sequence: u32,
    pub first_captured_at: Duration,
}

impl Past {
    /// Reads the files of the log `path`, the oldest first. Torn records count for nothing.
    pub fn read(path: &Path, fields: Fields) -> Result<Past, RecordError> {
        let format = Format::of(path).ok_or_else(|| RecordError::UnknownFormat(path.into()))?;
        let mut past = Past::default();
        let failed = |source| RecordError::Resume { path: path.into(), source };
        // Archives lie beside the file, not beside a link to it.
        let under_way = files::target(path);
        for file in journal::files(&under_way).map_err(failed)? {
            let is_under_way = file == under_way;
            let whole =
                past.read_file(format, fields, &file).map_err(|source| RecordError::Resume { path: file, source })?;
            past.whole_bytes = whole.filter(|_| is_under_way);
        }
        Ok(past)
    }

    /// Gives the bytes up to the end of the last whole record, where one can be appended there.
    fn read_file(&mut self, format: Format, fields: Fields, path: &PathBuf) -> io::Result<Option<u64>> {
        let mut file = BufReader::new(File::open(path)?);
        let columns = csv::header(fields).join(",");
        match format {
            Format::Csv => self.read_lines(&mut file, Some(columns), csv_frame),
            Format::Jsonl => self.read_lines(&mut file, None, |line| json_frame(line.as_bytes(), fields)),
            Format::Mcap => {
                let bytes = file.get_ref().metadata()?.len();
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.read_mcap(&mut file, bytes, fields).map(|()| None)
            }
            Format::CsvGz => self.read_members(&mut file, Some(columns), csv_frame),
            Format::JsonlGz => self.read_members(&mut file, None, |line| json_frame(line.as_bytes(), fields)),
        }
    }

    fn read_lines(
        &mut self,
        file: &mut impl BufRead,
        mut head: Option<String>,
        frame: impl Fn(&str) -> io::Result<Option<RecordedFrame>>,
    ) -> io::Result<Option<u64>> {
        let mut position = 0;
        let mut line = Vec::new();
        let mut before_frame = None;
        let (has_head, mut has_other_lines) = (head.is_some(), false);
        loop {
            let bytes = read_line(file, &mut line)?;
            let Some(text) = line.strip_suffix(b"\n").map(String::from_utf8_lossy) else { break };
            match head.take() {
                Some(head) if head == text => {}
                Some(_) => return Err(other("columns")),
                None => {
                    let Some(frame) = frame(&text)? else {
                        has_other_lines = true;
                        line.clear();
                        continue;
                    };
                    if self.last.as_ref().is_none_or(|last| last.sequence != frame.sequence) {
                        let new_source = (!self.sources.contains(&frame.source)).then(|| frame.source.clone());
                        before_frame = Some(BeforeFrame { position, last: self.last.clone(), new_source });
                    }
                    self.take(frame)?;
                }
            }
            position += bytes;
            line.clear();
        }
        // A torn row may be another one of the last frame, which is made anew as a whole.
        if has_head
            && !line.is_empty()
            && let Some(before) = before_frame
        {
            (position, self.last) = (before.position, before.last);
            before.new_source.iter().for_each(|source| {
                self.sources.remove(source);
            });
        }
        // A file whose head is not whole is begun anew.
        Ok(Some(position).filter(|whole| !has_other_lines && (*whole > 0 || !has_head)))
    }

    /// Reads the lines of whole members of gzip.
    fn read_members(
        &mut self,
        file: &mut BufReader<File>,
        mut head: Option<String>,
        frame: impl Fn(&str) -> io::Result<Option<RecordedFrame>>,
    ) -> io::Result<Option<u64>> {
        let mut whole = 0;
        while let Some(text) = gzip::next_member(file)? {
            self.read_lines(&mut &text[..], head.take(), &frame)?;
            whole = file.stream_position()?;
        }
        // What is torn is the last member. Where others follow it, or none is whole, nothing is cut
        // off.
        file.seek(SeekFrom::Start(whole + 1))?;
        let others_follow = has_member(file)?;
        Ok(Some(whole).filter(|whole| *whole > 0 && !others_follow))
    }

    /// Reads up to where the file of so many bytes is cut off. No record is longer than the file,
    /// whatever a damaged one says.
    fn read_mcap(&mut self, file: &mut impl Read, bytes: usize, fields: Fields) -> io::Result<()> {
        let options = LinearReaderOptions::default()
            .with_skip_end_magic(true)
            .with_emit_chunks(true)
            .with_record_length_limit(bytes);
        let mut reader = LinearReader::new_with_options(options);
        while let Some(event) = reader.next_event() {
            match event {
                Ok(LinearReadEvent::ReadRequest(wanted)) => {
                    let read = file.read(reader.insert(wanted))?;
                    reader.notify_read(read);
                }
                Ok(LinearReadEvent::Record { data, opcode: mcap::records::op::CHUNK }) => {
                    let Some(records) = ours::unpack(data) else { break };
                    self.read_messages(&records, fields)?;
                }
                Ok(LinearReadEvent::Record { .. }) => {}
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Both topics are objects; those of annotations have no sequence.
    fn read_messages(&mut self, records: &[u8], fields: Fields) -> io::Result<()> {
        for record in mcap::read::LinearReader::sans_magic(records).map_while(Result::ok) {
            if let mcap::records::Record::Message { data, .. } = record
                && let Some(frame) = json_frame(&data, fields)?
            {
                self.take(frame)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: RecordedFrame) -> io::Result<()> {
        let RecordedFrame { sequence, captured_s, source, faces } = frame;
        let highest_id = faces.iter().map(|face| face.id).max().unwrap_or_default();
        for (what, number) in [("frame", sequence), ("face", highest_id)] {
            if number > HIGHEST {
                return Err(too_high(what, number));
            }
        }
        let captured_at = Duration::try_from_secs_f64(captured_s).unwrap_or_default();
        let (first_sequence, first_captured_at) = match &self.last {
            Some(last) if last.source == source => (last.first_sequence, last.first_captured_at),
            _ => (sequence, captured_at),
        };
        self.last_id = self.last_id.max(highest_id);
        if !self.sources.contains(&source) {
            self.sources.insert(source.clone());
        }
        self.last = Some(Mark { source, sequence, captured_at, first_sequence, first_captured_at });
        Ok(())
    }

    /// Whether this frame of a source was recorded.
    pub fn has(&self, source: &str, sequence: u32) -> bool {
        let is_later = |last: &Mark| last.source == source && sequence > last.sequence;
        self.sources.contains(source) && !self.last.as_ref().is_some_and(is_later)
    }
}

/// Where the rows of a frame begin, and what was there before them.
struct BeforeFrame {
    position: u64,
    last: Option<Mark>,
    /// Its source, if it is the first frame of that.
    new_source: Option<String>,
}

/// Reads up to the next line break, and gives how many bytes that are. Of a line that is longer
/// than any record, the middle is left out.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    const LONGEST: usize = 16 << 20;
    let mut bytes = 0;
    loop {
        line.truncate(LONGEST);
        let read = (&mut *file).take(1 << 16).read_until(b'\n', line)?;
        bytes += read as u64;
        if read == 0 || line.ends_with(b"\n") {
            return Ok(bytes);
        }
    }
}

/// Whether the begin of a member of gzip stands anywhere.
fn has_member(file: impl BufRead) -> io::Result<bool> {
    let mut last = [0; GZIP.len()];
    for byte in file.bytes() {
        last.rotate_left(1);
        last[GZIP.len() - 1] = byte?;
        if last == GZIP {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What of a record says which frame it is of.
#[derive(Deserialize)]
struct RecordedFrame {
    sequence: u32,
    captured_s: f64,
    source: String,
    faces: Vec<RecordedFace>,
}

/// Its number, and which keys it has; rows of CSV have columns instead.
#[derive(Default, Deserialize)]
struct RecordedFace {
    id: u32,
    #[serde(default, deserialize_with = "is_there")]
    points: bool,
    #[serde(default, deserialize_with = "is_there")]
    pose: bool,
    #[serde(default, deserialize_with = "is_there")]
    eyes: bool,
    #[serde(default, deserialize_with = "is_there")]
    point_confidence: bool,
    #[serde(default, deserialize_with = "is_there")]
    covariance: bool,
}

/// A key is there, whatever its value is.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl RecordedFace {
    fn fields(&self) -> Fields {
        let RecordedFace { id: _, points, pose, eyes, point_confidence: confidence, covariance } = *self;
        Fields { points, pose, eyes, confidence, covariance }
    }
}

/// A record that has other columns or fields than this run's.
fn other(what: &str) -> io::Error {
    io::Error::other(format!("its {what} are not those that are recorded now"))
}

/// A record after which there are few numbers or none.
fn too_high(what: &str, number: u32) -> io::Error {
    io::Error::other(format!(
        "{what} number {number} is too high to go on after, expected {HIGHEST} at most; record to another file"
    ))
}

/// `None` where it is no record.
fn json_frame(text: &[u8], fields: Fields) -> io::Result<Option<RecordedFrame>> {
    let Ok(frame) = serde_json::from_slice::<RecordedFrame>(text) else { return Ok(None) };
    let are_same = frame.faces.iter().all(|face| face.fields() == fields);
    if are_same { Ok(Some(frame)) } else { Err(other("fields")) }
}

/// A row whose CRC is right.
fn csv_frame(line: &str) -> io::Result<Option<RecordedFrame>> {
    Ok(whole_row(line).map(|csv::RowHead { sequence, face_id, captured_s, source }| {
        let faces = vec![RecordedFace { id: face_id, ..RecordedFace::default() }];
        RecordedFrame { sequence, captured_s, source, faces }
    }))
}

fn whole_row(line: &str) -> Option<csv::RowHead> {
    let (fields, crc) = line.split_at_checked(line.len().checked_sub(8)?)?;
    let is_right = u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(fields.as_bytes());
    is_right.then(|| csv::row_head(line)).flatten()
}
