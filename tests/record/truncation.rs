//! A file cut off at any byte, or ending in zeros from there on, gives back the records before it.

use wingmark::record::Format;
use wingmark::record::fields::Fields;

use crate::read_back::frames;
use crate::sample::entries;

/// A file of two blocks with three frames each, and the lengths up to the end of each block.
fn file(format: Format) -> (Vec<u8>, [usize; 2]) {
    let mut encoder = format.encoder(Fields::ALL);
    let mut bytes = Vec::new();
    let ends = [0, 3].map(|first| {
        entries(6)[first..][..3].iter().for_each(|entry| encoder.add(entry));
        bytes.extend(encoder.take_block());
        bytes.len()
    });
    bytes.extend(encoder.tail());
    (bytes, ends)
}

#[test]
fn every_format_reads_back_whole_records_up_to_any_cut() {
    for format in Format::ALL {
        let (bytes, ends) = file(format);
        for length in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= length).count() as u32 * 3;
            let found = frames(format, &bytes[..length]);
            // The lines of a block are whole one after the other, a chunk only all at once. Of a
            // frame with two faces, the row of the first is whole by itself.
            assert!(found.len() as u32 >= whole, "{format:?} cut to {length}: {found:?}");
            assert!(found.iter().copied().eq(0..found.len() as u32), "{format:?} cut to {length}: {found:?}");
            let mut zeros = bytes[..length].to_vec();
            zeros.resize(bytes.len().next_multiple_of(4096), 0);
            // A member ends with the length of its text, of which the highest bytes are zero.
            let kept = length + bytes[length..].iter().take_while(|byte| **byte == 0).count();
            let expected = if kept == length { found } else { frames(format, &bytes[..kept]) };
            assert_eq!(frames(format, &zeros), expected, "{format:?} zero from {length}");
        }
        assert_eq!(frames(format, &bytes).len(), 6);
    }
}

#[test]
fn zeros_within_a_block_cost_only_what_they_touch() {
    for format in Format::ALL {
        let (bytes, [first, second]) = file(format);
        for start in (first..second).step_by(97) {
            let mut holed = bytes.clone();
            holed[start..(start + 512).min(second)].fill(0);
            assert_eq!(frames(format, &holed)[..3], [0, 1, 2], "{format:?}, hole at {start}");
        }
    }
}
