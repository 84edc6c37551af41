//! Where a JPEG ends.

use super::{END, END_OF_IMAGE, START, START_OF_IMAGE, START_OF_SCAN, TEMPORARY};

/// How far a JPEG reaches into bytes that begin with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes, the last ones of which are its end marker.
    Whole(usize),
    /// So many bytes: it has no end marker, and the next picture begins there.
    Followed(usize),
    /// Farther than all of them, or to their end without an end marker.
    Unfinished,
    /// Where a marker should be there is none. The next picture begins at this byte at the
    /// earliest.
    Broken(usize),
}

/// Follows a JPEG's marker segments to its end-of-image marker, so that the thumbnails in its APP
/// segments, which are JPEGs themselves, are passed over. Goes on where it was when more bytes are
/// there.
///
/// In the data of a scan only what can be there counts as a marker: bytes that were damaged on
/// their way look like others.
#[derive(Debug, Default)]
pub struct Walker {
    at: usize,
    /// Where the segment before [`Self::at`] begins.
    segment: usize,
    /// Whether a scan has begun.
    has_scan: bool,
    /// Whether [`Self::at`] is in the data that follow a start-of-scan segment.
    in_scan: bool,
}

impl Walker {
    /// `bytes` are those of the call before, and more.
    pub fn walk(&mut self, bytes: &[u8]) -> Extent {
        loop {
            let Some(rest) = bytes.get(self.at..) else { return Extent::Unfinished };
            let end = if self.in_scan { self.pass_data(rest) } else { self.pass_segment(bytes, rest) };
            if let Some(extent) = end {
                return extent;
            }
        }
    }

    /// Goes on in the data of a scan, to the next byte that may begin a marker or over it.
    fn pass_data(&mut self, rest: &[u8]) -> Option<Extent> {
        let next = rest.iter().position(|&byte| byte == 0xff).unwrap_or(rest.len());
        self.at += next;
        match rest[next..] {
            [] | [_] => return Some(Extent::Unfinished),
            [_, 0xff, ..] => self.at += 1,
            [_, END_OF_IMAGE, ..] => return Some(Extent::Whole(self.at + 2)),
            [_, START_OF_IMAGE] => return Some(Extent::Unfinished),
            [_, START_OF_IMAGE, third, ..] if third == START[2] => return Some(Extent::Followed(self.at)),
            // Tables, and further scans of a progressive JPEG: where they end, there has to be a
            // marker again.
            [_, code @ (0xc4 | START_OF_SCAN..=0xdd | 0xe0..=0xef | 0xfe), ref length @ ..] => {
                let [high, low, ..] = *length else { return Some(Extent::Unfinished) };
                let end = 2 + usize::from(u16::from_be_bytes([high, low]));
                // The data of a scan are no marker, and begin at once.
                let is_scan = code == START_OF_SCAN && (8..=14).contains(&end);
                match rest[next..].get(end) {
                    // An end within it shows that it is damage; without one, what it is shows with
                    // more bytes.
                    None if !rest[next..].windows(2).any(|marker| marker == END) => return Some(Extent::Unfinished),
                    None => self.at += 2,
                    Some(&byte) if is_scan || (end > 3 && byte == 0xff) => {
                        self.at += end;
                        self.in_scan = is_scan;
                    }
                    Some(_) => self.at += 2,
                }
            }
            // A stuffed byte of data, a restart marker between two runs of them, or damage.
            _ => self.at += 2,
        }
        None
    }

    /// Goes over a marker and its segment.
    fn pass_segment(&mut self, bytes: &[u8], rest: &[u8]) -> Option<Extent> {
        match *rest {
            [] | [0xff] => return Some(Extent::Unfinished),
            [0xff, 0xff, ..] => self.at += 1,
            // Some cameras begin twice.
            [0xff, START_OF_IMAGE, ..] if self.segment == 0 => self.at += 2,
            [0xff, ..] if self.at == 0 => return Some(Extent::Broken(0)),
            [0xff, END_OF_IMAGE, ..] => return Some(Extent::Whole(self.at + 2)),
            [0xff, TEMPORARY | 0xd0..=0xd7, ..] => self.at += 2,
            [0xff, code @ (0x02..=0xcf | START_OF_SCAN..=0xfe), high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length < 2 {
                    return self.broken(bytes);
                }
                self.segment = self.at;
                self.at += 2 + length;
                self.in_scan = code == START_OF_SCAN;
                self.has_scan |= self.in_scan;
            }
            [0xff, 0x02..=0xcf | START_OF_SCAN..=0xfe, ..] => return Some(Extent::Unfinished),
            _ => return self.broken(bytes),
        }
        None
    }

    /// There is no marker where one should be. Behind a scan's start that is damage within its
    /// data.
    fn broken(&mut self, bytes: &[u8]) -> Option<Extent> {
        if self.has_scan {
            self.in_scan = true;
            return None;
        }
        // The segment before says that it is so long, and was cut maybe. What an Exif segment holds
        // may be a thumbnail.
        let has_thumbnail = bytes.get(self.segment + 1) == Some(&0xe1);
        let is_next = bytes[self.at..].starts_with(&START);
        Some(Extent::Broken(if is_next || has_thumbnail || self.segment == 0 { self.at } else { self.segment }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::{jpeg, with_thumbnail};

    fn extent(bytes: &[u8]) -> Extent {
        Walker::default().walk(bytes)
    }

    #[test]
    fn a_jpeg_ends_where_it_ends_and_not_in_its_thumbnail() {
        let picture = with_thumbnail(&jpeg(40, 30, 120), &jpeg(8, 8, 90));
        let followed = [&picture[..], &jpeg(8, 8, 1)].concat();
        assert_eq!(extent(&followed), Extent::Whole(picture.len()));
    }

    #[test]
    fn the_end_is_found_however_the_bytes_arrive() {
        let picture = with_thumbnail(&jpeg(40, 30, 120), &jpeg(8, 8, 90));
        let mut walker = Walker::default();
        for end in 0..picture.len() {
            assert_eq!(walker.walk(&picture[..end]), Extent::Unfinished, "at {end} of {}", picture.len());
        }
        assert_eq!(walker.walk(&picture), Extent::Whole(picture.len()));
    }

    #[test]
    fn a_picture_without_an_end_reaches_to_the_next_one() {
        let picture = jpeg(40, 30, 120);
        let endless = &picture[..picture.len() - 2];
        assert_eq!(extent(endless), Extent::Unfinished);
        for between in [&b""[..], b"\0\0", b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n"] {
            let stream = [endless, between, &picture].concat();
            assert_eq!(extent(&stream), Extent::Followed(endless.len() + between.len()));
        }
    }

    #[test]
    fn a_start_may_come_twice() {
        let picture = [&[0xff, START_OF_IMAGE], &jpeg(8, 8, 3)[..]].concat();
        assert_eq!(extent(&picture), Extent::Whole(picture.len()));
    }

    #[test]
    fn damage_in_a_scan_is_no_end_of_it() {
        let picture = jpeg(64, 64, 120);
        for damage in [[0xff, 0x3f], [0xff, 0xc0], [0xff, 0xc4], [0xff, 0xda], [0xff, 0xe1], [0xff, 0x01]] {
            let mut damaged = picture.clone();
            damaged[picture.len() - 20..][..2].copy_from_slice(&damage);
            damaged.extend(&picture);
            assert_eq!(extent(&damaged), Extent::Whole(picture.len()), "{damage:x?}");
        }
    }

    #[test]
    fn what_is_no_marker_is_found() {
        let picture = jpeg(8, 8, 3);
        assert_eq!(extent(b"\xff\xd9"), Extent::Broken(0));
        assert_eq!(extent(b"hello"), Extent::Broken(0));
        // A JPEG that was cut within its segments, with the next one after it.
        let first_length = 4 + usize::from(u16::from_be_bytes([picture[4], picture[5]]));
        let cut = [&picture[..first_length], &picture].concat();
        assert_eq!(extent(&cut), Extent::Broken(first_length));
        // The second segment is cut, and takes bytes of the next JPEG.
        let cut = [&picture[..first_length + 10], &picture].concat();
        assert_eq!(extent(&cut), Extent::Broken(first_length));
    }
}
