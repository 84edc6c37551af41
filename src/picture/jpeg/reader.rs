//! What a decoder takes of a JPEG. It says nothing of bytes that it passes over, which are left
//! where damage made two blocks of one.

use std::cell::Cell;

use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

use super::restarts::RESTARTS;

/// The decoder takes data of a scan by so many bytes at once, or one by one.
const PIECE_BYTES: usize = 4;
/// Some cameras leave up to 29 bytes that mean nothing before a marker, of pictures that are whole.
const MAX_EXTRA_BYTES: usize = 32;

/// Which bytes of the scans a decoder took.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Where the last of them ends; 0 before the first one.
    end: Cell<usize>,
    /// Whether data before a restart marker were passed over.
    has_gap: Cell<bool>,
}

impl Taken {
    /// The headers end: what was taken is not of a scan.
    pub fn begin(&self) {
        self.end.set(0);
        self.has_gap.set(false);
    }

    pub fn end(&self) -> usize {
        self.end.get()
    }

    /// Whether there were data that were not taken. `bytes` are those read, to the end of the last
    /// scan.
    pub fn left_data(&self, bytes: &[u8]) -> bool {
        self.has_gap.get() || bytes.get(self.end()..).is_some_and(are_data)
    }

    #[inline(always)]
    fn note(&self, bytes: &[u8], from: usize, to: usize) {
        let end = self.end.replace(to);
        if end != 0 && end < from {
            self.note_gap(&bytes[end..from]);
        }
    }

    #[cold]
    fn note_gap(&self, gap: &[u8]) {
        let marker = gap.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff));
        let data = marker.filter(|at| RESTARTS.contains(&gap[at + 1])).map(|at| &gap[..at]);
        if data.is_some_and(are_data) {
            self.has_gap.set(true);
        }
    }
}

/// Whether these are more than padding and a few bytes that mean nothing.
fn are_data(bytes: &[u8]) -> bool {
    bytes.windows(2).filter(|pair| pair[0] != pair[1] && !pair.contains(&0xff)).count() > MAX_EXTRA_BYTES
}

/// The bytes of a JPEG for a decoder.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    taken: &'a Taken,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], taken: &'a Taken) -> Self {
        Reader { bytes, at: 0, taken }
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl ZByteReaderTrait for Reader<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        let Some(byte) = self.bytes.get(self.at) else { return 0 };
        self.taken.note(self.bytes, self.at, self.at + 1);
        self.at += 1;
        *byte
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, into: &mut [u8]) -> Result<(), ZByteIoError> {
        self.peek_exact_bytes(into)?;
        if into.len() == PIECE_BYTES {
            self.taken.note(self.bytes, self.at, self.at + PIECE_BYTES);
        }
        self.at += into.len();
        Ok(())
    }

    fn read_bytes(&mut self, into: &mut [u8]) -> Result<usize, ZByteIoError> {
        let length = self.peek_bytes(into)?;
        self.at += length;
        Ok(length)
    }

    fn peek_bytes(&mut self, into: &mut [u8]) -> Result<usize, ZByteIoError> {
        let length = into.len().min(self.rest().len());
        into[..length].copy_from_slice(&self.rest()[..length]);
        Ok(length)
    }

    #[inline(always)]
    fn peek_exact_bytes(&mut self, into: &mut [u8]) -> Result<(), ZByteIoError> {
        let Some(bytes) = self.rest().get(..into.len()) else {
            return Err(ZByteIoError::NotEnoughBytes(self.rest().len(), into.len()));
        };
        into.copy_from_slice(bytes);
        Ok(())
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let at = match from {
            ZSeekFrom::Start(at) => usize::try_from(at).ok(),
            ZSeekFrom::End(by) => isize::try_from(by).ok().and_then(|by| self.bytes.len().checked_add_signed(by)),
            ZSeekFrom::Current(by) => isize::try_from(by).ok().and_then(|by| self.at.checked_add_signed(by)),
        };
        self.at = at.ok_or(ZByteIoError::SeekError("before the first byte or too far"))?;
        Ok(self.at as u64)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.at >= self.bytes.len())
    }

    #[inline(always)]
    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.at as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        sink.extend_from_slice(rest);
        self.at += rest.len();
        Ok(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{END, Flaw, JpegError, START_OF_SCAN, at_start_of, decode_into, restarts::Restarts, segments};
    use super::MAX_EXTRA_BYTES;
    use crate::picture::FRAME_BOUNDS;
    use crate::picture::frame::Frame;

    macro_rules! jpegs {
        ($($name:literal),* $(,)?) => {
            [$(($name, include_bytes!(concat!("../../../tests/jpegs/", $name, ".jpg")))),*]
        };
    }

    /// One photograph, as several encoders write it.
    const PICTURES: [(&str, &[u8]); 12] = jpegs![
        "ffmpeg-420",
        "ffmpeg-422",
        "ffmpeg-444",
        "ffmpeg-restarts",
        "libjpeg-420",
        "libjpeg-422",
        "libjpeg-444",
        "libjpeg-grey",
        "libjpeg-many-restarts",
        "libjpeg-own-tables",
        "libjpeg-progressive",
        "libjpeg-restarts",
    ];

    fn picture(name: &str) -> &'static [u8] {
        PICTURES.iter().find(|(other, _)| *other == name).unwrap().1
    }

    fn decoded(jpeg: &[u8]) -> Result<(Vec<u8>, Option<Flaw>), JpegError> {
        let mut frame = Frame::default();
        let flaw = at_start_of(jpeg).and_then(|jpeg| decode_into(jpeg, &mut frame, FRAME_BOUNDS))?;
        Ok((frame.into_bytes(), flaw))
    }

    /// The JPEG up to the data of its first scan, and what follows up to its end marker.
    fn parts(jpeg: &[u8]) -> (&[u8], &[u8]) {
        let scan = segments(jpeg).find(|segment| segment.code == START_OF_SCAN).unwrap();
        jpeg[..jpeg.len() - END.len()].split_at(scan.at + 4 + scan.bytes.len())
    }

    fn with_data(head: &[u8], data: &[u8]) -> Vec<u8> {
        [head, data, &END].concat()
    }

    /// Bytes without a marker among them.
    fn rubbish(length: usize) -> Vec<u8> {
        (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0xfe).collect()
    }

    #[test]
    fn pictures_of_several_encoders_are_sound_also_with_padding() {
        for (name, whole) in PICTURES {
            let (pixels, flaw) = decoded(whole).unwrap();
            assert_eq!(flaw, None, "{name}");
            let (head, data) = parts(whole);
            for extra in [vec![0; 500], vec![0xff; 500], vec![0xa5; 500], rubbish(MAX_EXTRA_BYTES)] {
                let padded = decoded(&with_data(head, &[data, &extra].concat())).unwrap();
                assert!(padded == (pixels.clone(), None), "{name}, {:x?} and so on: {:?}", &extra[..4], padded.1);
            }
        }
    }

    #[test]
    fn extra_bytes_before_restart_markers_are_no_damage() {
        for name in ["ffmpeg-restarts", "libjpeg-restarts", "libjpeg-many-restarts"] {
            let whole = picture(name);
            let mut extra = whole.to_vec();
            for &at in Restarts::of(whole).at.iter().rev() {
                extra.splice(at..at, rubbish(MAX_EXTRA_BYTES));
            }
            assert!(decoded(&extra).unwrap() == (decoded(whole).unwrap().0, None), "{name}");
        }
    }

    #[test]
    fn data_that_end_early_are_cut_with_an_end_marker_too() {
        // A progressive one that ends with one of its scans is a whole one, with less in it.
        for (name, whole) in PICTURES.into_iter().filter(|(name, _)| *name != "libjpeg-progressive") {
            let (head, data) = parts(whole);
            for twentieth in 0..20 {
                let cut = decoded(&with_data(head, &data[..data.len() * twentieth / 20]));
                assert!(matches!(cut, Err(JpegError::Cut)), "{name} at {twentieth}/20: {:?}", cut.map(|cut| cut.1));
            }
        }
    }

    #[test]
    fn what_is_lost_in_the_middle_shows_and_what_is_overwritten_nearly_always() {
        let (mut tries, mut passed) = (0, Vec::new());
        for (name, whole) in PICTURES {
            let (head, data) = parts(whole);
            let length = data.len() / 5;
            for tenth in 1..8 {
                let (before, rest) = data.split_at(data.len() * tenth / 10);
                let passes = |instead: &[u8]| {
                    let damaged = decoded(&with_data(head, &[before, instead, &rest[length..]].concat()));
                    matches!(damaged, Ok((_, None)))
                };
                assert!(!passes(&[]), "{name} at {tenth}/10");
                for (what, instead) in [("zeros", vec![0; length]), ("rubbish", rubbish(length))] {
                    tries += 1;
                    if passes(&instead) {
                        passed.push(format!("{name} at {tenth}/10: {what}"));
                    }
                }
            }
        }
        // By chance, a small picture has as many pixels as before.
        assert!(passed.len() * 10 < tries, "{} of {tries}: {passed:#?}", passed.len());
    }

    #[test]
    fn data_that_are_left_are_damage() {
        for (name, whole) in PICTURES {
            let mut lower = whole.to_vec();
            let height = segments(whole).find(|segment| (0xc0..=0xc2).contains(&segment.code)).unwrap().at + 6;
            lower[height] -= 16;
            assert_eq!(decoded(&lower).unwrap().1, Some(Flaw::BrokenScan), "{name}");
        }
    }

    #[test]
    fn damage_between_two_restart_markers_leaves_what_follows() {
        for name in ["ffmpeg-restarts", "libjpeg-restarts"] {
            let whole = picture(name);
            let pixels = decoded(whole).unwrap().0;
            let at = Restarts::of(whole).at[1] - 100;
            for (what, instead) in [("lost", vec![]), ("more", rubbish(500))] {
                let damaged = [&whole[..at], &instead, &whole[at + 60..]].concat();
                let (found, flaw) = decoded(&damaged).unwrap();
                assert_eq!(flaw, Some(Flaw::BrokenScan), "{name}: {what}");
                let last_rows = pixels.len() * 3 / 5;
                assert!(found[last_rows..] == pixels[last_rows..] && found != pixels, "{name}: {what}");
            }
        }
    }
}
