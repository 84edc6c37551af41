//! What a stream of bytes is, told by what it begins with.

use super::y4m;
use crate::picture::{HEIF_BRANDS, jpeg};
use crate::text::stand_in;

/// So many bytes tell every kind.
pub const HEAD_BYTES: usize = 200;
/// Where the first packets of an MPEG transport stream begin: by itself, and with four bytes before
/// each packet, as camcorders and discs write it (.mts, .m2ts).
const PACKETS: [[usize; 2]; 2] = [[0, 188], [4, 196]];
const PACKET_START: u8 = 0x47;
/// What films of these kinds are called in messages.
pub const MP4: &str = "MP4 or QuickTime";
pub const H26X: &str = "H.264 or H.265";
pub const TRANSPORT: &str = "an MPEG transport stream";
/// What the first part of a film of MP4 or QuickTime may be called (ISO 14496-12, and Apple's
/// format before it).
const ATOMS: [&[u8]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];

/// What a stream of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    Y4m,
    /// JPEGs, of which the first one may have begun earlier, and with lines of text before each.
    Mjpeg,
    /// Video that another program has to decode.
    Film(&'static str),
    /// A picture of a kind that is not read, or PNG, which is read from a file alone.
    Picture(&'static str),
    /// What stands in the place of a film.
    Other(&'static str),
    Empty,
}

impl StreamKind {
    /// Whether bytes of an unknown kind are MJPEG shows only when a JPEG begins in them.
    pub fn of(head: &[u8]) -> StreamKind {
        let has = |at: usize, text: &[u8]| head.get(at..at + text.len()) == Some(text);
        let is_h26x = |start: usize| head.get(start).is_some_and(|unit| unit & 0x80 == 0);
        if head.is_empty() {
            StreamKind::Empty
        } else if has(0, y4m::MAGIC) {
            StreamKind::Y4m
        } else if has(0, &jpeg::START) {
            StreamKind::Mjpeg
        } else if has(4, b"ftyp") && [b"avif", b"avis"].iter().any(|brand| has(8, *brand)) {
            StreamKind::Picture("AVIF")
        } else if has(4, b"ftyp") && HEIF_BRANDS.iter().any(|brand| has(8, *brand)) {
            StreamKind::Picture("HEIC")
        } else if ATOMS.iter().any(|atom| has(4, atom)) {
            StreamKind::Film(MP4)
        } else if has(0, b"\x1a\x45\xdf\xa3") {
            StreamKind::Film("Matroska or WebM")
        } else if has(0, b"RIFF") && has(8, b"AVI ") {
            StreamKind::Film("AVI")
        } else if [0xba, 0xb3, 0xb0].iter().any(|code| has(0, &[0, 0, 1, *code])) {
            StreamKind::Film("MPEG")
        } else if (has(0, b"\0\0\0\x01") && is_h26x(4)) || (has(0, b"\0\0\x01") && is_h26x(3)) {
            StreamKind::Film(H26X)
        } else if has(0, b"FLV\x01") {
            StreamKind::Film("Flash video")
        } else if has(0, b"OggS") {
            StreamKind::Film("Ogg")
        } else if has(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") {
            StreamKind::Film("Windows Media")
        } else if PACKETS.iter().any(|packets| packets.iter().all(|at| has(*at, &[PACKET_START]))) {
            StreamKind::Film(TRANSPORT)
        } else if has(0, b"DKIF") {
            StreamKind::Film("IVF")
        } else if has(0, b"\x06\x0e\x2b\x34") {
            StreamKind::Film("MXF")
        } else if has(0, b"\x1f\x07\0") {
            StreamKind::Film("DV")
        } else if has(0, b"GIF8") {
            StreamKind::Film("GIF")
        } else if has(0, b"RIFF") && has(8, b"WEBP") {
            StreamKind::Picture("WebP")
        } else if has(0, b"\x89PNG") {
            StreamKind::Picture("PNG")
        } else if has(0, b"BM") && has(6, &[0; 4]) {
            StreamKind::Picture("BMP")
        } else if has(0, b"II*\0") || has(0, b"MM\0*") {
            StreamKind::Picture("TIFF")
        } else if let Some(other) = stand_in::of(head) {
            StreamKind::Other(other)
        } else if has(4, b"jP  ") {
            StreamKind::Picture("JPEG 2000")
        } else if has(4, b"JXL ") || has(0, b"\xff\x0a") {
            StreamKind::Picture("JPEG XL")
        } else {
            StreamKind::Mjpeg
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_told_from_streams() {
        for (head, expected) in [
            (&b""[..], StreamKind::Empty),
            (b"YUV4MPEG2 W2", StreamKind::Y4m),
            (b"\xff\xd8\xff\xe0", StreamKind::Mjpeg),
            (b"\r\n\xff\xd8\xff", StreamKind::Mjpeg),
            (b"--boundary\r\nContent-Type: image/jpeg", StreamKind::Mjpeg),
            (b"HTTP/1.0 200 OK\r\n", StreamKind::Mjpeg),
            (b"\0\0\0\x20ftypisom", StreamKind::Film("MP4 or QuickTime")),
            (b"RIFF\0\0\0\0AVI LIST", StreamKind::Film("AVI")),
            (b"RIFF\0\0\0\0WEBPVP8 ", StreamKind::Picture("WebP")),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", StreamKind::Picture("HEIC")),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", StreamKind::Picture("AVIF")),
            (b"\x89PNG\r\n\x1a\n", StreamKind::Picture("PNG")),
            (b"BM\x36\x10\x0e\0\0\0\0\0\x36", StreamKind::Picture("BMP")),
            (b"BMore than text", StreamKind::Mjpeg),
            (b"II*\0\x08", StreamKind::Picture("TIFF")),
            (b"MM\0*\0", StreamKind::Picture("TIFF")),
            (b"\0\0\0\x0cjP  \r\n", StreamKind::Picture("JPEG 2000")),
            (b"\0\0\0\x0cJXL \r\n", StreamKind::Picture("JPEG XL")),
            (b"\xff\x0a\xfa", StreamKind::Picture("JPEG XL")),
            (b"\x1a\x45\xdf\xa3\x01", StreamKind::Film("Matroska or WebM")),
            (b"\0\0\0\x01\x27\x64\0\x28", StreamKind::Film("H.264 or H.265")),
            (b"\0\0\x01\x67", StreamKind::Film("H.264 or H.265")),
            (b"\0\0\0\x08wide\0\0", StreamKind::Film("MP4 or QuickTime")),
            (b"\0\0\x01\xb0\x01", StreamKind::Film("MPEG")),
            (b"DKIF\0\0\x20\0VP80", StreamKind::Film("IVF")),
            (b"\x06\x0e\x2b\x34\x02", StreamKind::Film("MXF")),
            (b"\x1f\x07\0\xbf", StreamKind::Film("DV")),
            (&[0; 64], StreamKind::Mjpeg),
            (b"<!DOCTYPE html>", StreamKind::Other("a page of HTML, as servers send in place of a file")),
        ] {
            assert_eq!(StreamKind::of(head), expected, "{head:x?}");
        }
        for [first, second] in PACKETS {
            let mut packets = vec![0; HEAD_BYTES];
            (packets[first], packets[second]) = (PACKET_START, PACKET_START);
            assert_eq!(StreamKind::of(&packets), StreamKind::Film("an MPEG transport stream"));
            assert_eq!(StreamKind::of(&packets[..100]), StreamKind::Mjpeg);
        }
    }
}
