//! Whether a JPEG has the restart markers that it says it has (ITU-T T.81, B.2.1). A decoder that
//! misses one goes on in silence, with the wrong pixels.

use super::{START_OF_SCAN, scan_start, segments_before_scan};

const RESTART_INTERVAL: u8 = 0xdd;
pub(super) const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
/// Frame headers of baseline and extended pictures, whose components may come in one scan.
const SEQUENTIAL: [u8; 2] = [0xc0, 0xc1];

/// The restart markers of a JPEG that says that it has some.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    /// Where they are.
    pub at: Vec<usize>,
    /// Whether one is in another one's place.
    pub is_disordered: bool,
    /// Whether there are fewer than the picture has to have.
    are_too_few: bool,
}

impl Restarts {
    pub fn of(jpeg: &[u8]) -> Self {
        let interval = segments_before_scan(jpeg).filter(|segment| segment.code == RESTART_INTERVAL).last();
        match interval.map(|segment| segment.bytes) {
            Some(&[high, low]) if [high, low] != [0, 0] => {
                Restarts::at_intervals(jpeg, usize::from(u16::from_be_bytes([high, low])))
            }
            _ => Restarts::default(),
        }
    }

    fn at_intervals(jpeg: &[u8], interval: usize) -> Self {
        let start = scan_start(jpeg);
        let mut restarts = Restarts::default();
        let (mut scans, mut next) = (0, *RESTARTS.start());
        for (at, pair) in jpeg[start..].windows(2).enumerate().filter(|(_, pair)| pair[0] == 0xff) {
            if pair[1] == START_OF_SCAN {
                (scans, next) = (scans + 1, *RESTARTS.start());
            } else if RESTARTS.contains(&pair[1]) {
                restarts.at.push(start + at);
                restarts.is_disordered |= pair[1] != next;
                next = if pair[1] == *RESTARTS.end() { *RESTARTS.start() } else { pair[1] + 1 };
            }
        }
        let units = if scans == 1 { units_of_one_scan(jpeg) } else { None };
        restarts.are_too_few = units.is_some_and(|units| restarts.at.len() + 1 < units.div_ceil(interval));
        restarts
    }

    pub fn are_missing(&self) -> bool {
        self.is_disordered || self.are_too_few
    }
}

/// The minimum coded units of a picture that has one scan.
fn units_of_one_scan(jpeg: &[u8]) -> Option<usize> {
    let header = segments_before_scan(jpeg).find(|segment| SEQUENTIAL.contains(&segment.code))?;
    let [_, height_high, height_low, width_high, width_low, count, components @ ..] = header.bytes else { return None };
    let side = |high: &u8, low: &u8| usize::from(u16::from_be_bytes([*high, *low]));
    // A scan of one component has its blocks alone, however it is sampled.
    let components = components.chunks_exact(3).take(if *count == 1 { 0 } else { usize::from(*count) });
    let (across, down) =
        components.fold((1, 1), |(across, down), part| (across.max(part[1] >> 4), down.max(part[1] & 15)));
    let units = |side: usize, samples: u8| side.div_ceil(8 * usize::from(samples));
    Some(units(side(width_high, width_low), across) * units(side(height_high, height_low), down))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::with_thumbnail;

    /// A grey picture of so many blocks in a row, each with a restart marker behind it but those in
    /// `left_out`. Huffman tables are the usual ones.
    fn jpeg(blocks: u16, left_out: &[u16]) -> Vec<u8> {
        let [high, low] = (8 * blocks).to_be_bytes();
        let mut jpeg = [&b"\xff\xd8\xff\xdb\0\x43\0"[..], &[1; 64]].concat();
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, high, low, 1, 1, 0x11, 0]);
        jpeg.extend(b"\xff\xdd\0\x04\0\x01\xff\xda\0\x08\x01\x01\0\0\x3f\0");
        for block in 0..blocks {
            // No change of brightness (00), the end of the block (1010), and ones.
            jpeg.push(0b0010_1011);
            if block + 1 < blocks && !left_out.contains(&block) {
                jpeg.extend([0xff, RESTARTS.start() + (block % 8) as u8]);
            }
        }
        jpeg.extend(b"\xff\xd9");
        jpeg
    }

    #[test]
    fn a_missing_restart_marker_is_noticed() {
        let are_missing = |jpeg: &[u8]| Restarts::of(jpeg).are_missing();
        let whole = jpeg(20, &[]);
        assert!(!are_missing(&whole));
        assert_eq!(Restarts::of(&whole).at.len(), 19);
        assert!(!are_missing(&with_thumbnail(&whole, &jpeg(20, &[3]))));
        let all: Vec<u16> = (0..20).collect();
        for left_out in [&[0][..], &[18], &[3, 4], &all, &[0, 1, 2, 3, 4, 5, 6, 7]] {
            assert!(are_missing(&jpeg(20, left_out)), "{left_out:?}");
        }
        assert!(!are_missing(&crate::picture::jpeg::tests::busy_jpeg(40, 24)));
    }

    #[test]
    fn a_picture_without_one_is_shown_and_said_to_be_damaged() {
        use crate::picture::FRAME_BOUNDS;
        use crate::picture::frame::Frame;
        use crate::picture::jpeg::{Flaw, JpegError, decode_into};
        let mut frame = Frame::default();
        let mut flaw = |left_out: &[u16]| decode_into(&jpeg(20, left_out), &mut frame, FRAME_BOUNDS);
        assert_eq!((flaw(&[]).unwrap(), flaw(&[5]).unwrap()), (None, Some(Flaw::BrokenScan)));
        // Without the last one a decoder passes over all that follows.
        assert!(matches!(flaw(&[18]), Err(JpegError::Cut)));
        flaw(&[5]).unwrap();
        assert_eq!(frame.size().width, 160);
    }
}
