//! What stands in a file's place where a copy or a download went wrong.

/// What it is that begins so, and what to do; nothing where it may be what its name says.
pub fn of(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let begins = |words: &str| text.get(..words.len()).is_some_and(|head| head.eq_ignore_ascii_case(words.as_bytes()));
    let is_packed =
        [&b"PK\x03\x04"[..], b"7z\xbc\xaf", b"\x1f\x8b\x08", b"\xfd7zXZ"].iter().any(|mark| head.starts_with(mark));
    if begins("version https://git-lfs") {
        Some("a pointer of Git LFS; git lfs pull fetches what it stands for")
    } else if begins("<!doctype html") || begins("<html") {
        Some("a page of HTML, as servers send in place of a file")
    } else if is_packed {
        Some("an archive; unpack it first")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_known_by_their_beginning() {
        for (head, expected) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid"[..], Some("a pointer of Git LFS")),
            (b"\r\n<!DOCTYPE HTML>\n<title>", Some("a page of HTML")),
            (b"PK\x03\x04\x14", Some("an archive")),
            (b"\xff\xd8\xff", None),
            (b"", None),
        ] {
            assert_eq!(of(head).map(|found| found.split(';').next().unwrap().split(',').next().unwrap()), expected);
        }
    }
}
