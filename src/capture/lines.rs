//! Lines that other programs say, of a length that is bounded.

use std::io::{BufRead, ErrorKind};

/// What a line has beyond this is passed over.
const MOST_BYTES: usize = 64 << 10;

/// Lines that are not empty, up to the end or to an error. Progress ends its lines by a carriage
/// return alone.
pub fn lines(mut reader: impl BufRead) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        loop {
            let read = match reader.fill_buf() {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                read => read.unwrap_or_default(),
            };
            if read.is_empty() {
                return (!line.is_empty()).then_some(line);
            }
            let end = read.iter().position(|byte| b"\r\n".contains(byte));
            line.extend(read[..end.unwrap_or(read.len())].iter().take(MOST_BYTES - line.len()));
            let used = end.map_or(read.len(), |end| end + 1);
            reader.consume(used);
            if end.is_some() && !line.is_empty() {
                return Some(line);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_either_end_and_long_ones_are_cut() {
        let all = |bytes: &[u8]| lines(bytes).map(|line| String::from_utf8(line).unwrap()).collect::<Vec<_>>();
        assert_eq!(all(b"a\r\nb\n\n 1 %\r 2 %\rc"), ["a", "b", " 1 %", " 2 %", "c"]);
        let long = [&[b'x'; 3 * MOST_BYTES][..], b"\ny"].concat();
        assert_eq!(lines(&long[..]).map(|line| line.len()).collect::<Vec<_>>(), [MOST_BYTES, 1]);
    }
}
