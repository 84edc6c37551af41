//! What a stream of bytes is, told by what it begins with.

use super::y4m;
use crate::picture::jpeg;

/// So many bytes tell every kind.
pub const HEAD_BYTES: usize = 200;
/// Where the first packets of an MPEG transport stream begin: by itself, and with four bytes before
/// each packet, as camcorders and discs write it (.mts, .m2ts).
const PACKETS: [[usize; 2]; 2] = [[0, 188], [4, 196]];
const PACKET_START: u8 = 0x47;
/// What the first part of a film of MP4 or QuickTime may be called (ISO 14496-12, and Apple's
/// format before it).
const ATOMS: [&[u8]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
/// What pictures of HEIF say that they are.
const HEIF_BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Y4m,
    /// JPEGs, of which the first one may have begun earlier, and with lines of text before each.
    Mjpeg,
    /// Video that another program has to decode.
    Film(&'static str),
    /// A picture that is none of ours, or one that is read from a file alone: PNG.
    Picture(&'static str),
    Empty,
}

impl Kind {
    /// Whether bytes of an unknown kind are MJPEG shows only when a JPEG begins in them.
    pub fn of(head: &[u8]) -> Kind {
        let has = |at: usize, text: &[u8]| head.get(at..at + text.len()) == Some(text);
        let is_h26x = |start: usize| head.get(start).is_some_and(|unit| unit & 0x80 == 0);
        if head.is_empty() {
            Kind::Empty
        } else if has(0, y4m::MAGIC) {
            Kind::Y4m
        } else if has(0, &jpeg::START) {
            Kind::Mjpeg
        } else if has(4, b"ftyp") && [b"avif", b"avis"].iter().any(|brand| has(8, *brand)) {
            Kind::Picture("AVIF")
        } else if has(4, b"ftyp") && HEIF_BRANDS.iter().any(|brand| has(8, brand)) {
            Kind::Picture("HEIC")
        } else if ATOMS.iter().any(|atom| has(4, atom)) {
            Kind::Film("MP4 or QuickTime")
        } else if has(0, b"\x1a\x45\xdf\xa3") {
            Kind::Film("Matroska or WebM")
        } else if has(0, b"RIFF") && has(8, b"AVI ") {
            Kind::Film("AVI")
        } else if [0xba, 0xb3, 0xb0].iter().any(|code| has(0, &[0, 0, 1, *code])) {
            Kind::Film("MPEG")
        } else if (has(0, b"\0\0\0\x01") && is_h26x(4)) || (has(0, b"\0\0\x01") && is_h26x(3)) {
            Kind::Film("H.264 or H.265")
        } else if has(0, b"FLV\x01") {
            Kind::Film("Flash video")
        } else if has(0, b"OggS") {
            Kind::Film("Ogg")
        } else if has(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") {
            Kind::Film("Windows Media")
        } else if PACKETS.iter().any(|packets| packets.iter().all(|at| has(*at, &[PACKET_START]))) {
            Kind::Film("an MPEG transport stream")
        } else if has(0, b"DKIF") {
            Kind::Film("IVF")
        } else if has(0, b"\x06\x0e\x2b\x34") {
            Kind::Film("MXF")
        } else if has(0, b"\x1f\x07\0") {
            Kind::Film("DV")
        } else if has(0, b"GIF8") {
            Kind::Film("GIF")
        } else if has(0, b"RIFF") && has(8, b"WEBP") {
            Kind::Picture("WebP")
        } else if has(0, b"\x89PNG") {
            Kind::Picture("PNG")
        } else if has(0, b"BM") && has(6, &[0; 4]) {
            Kind::Picture("BMP")
        } else if has(0, b"II*\0") || has(0, b"MM\0*") {
            Kind::Picture("TIFF")
        } else if has(4, b"jP  ") {
            Kind::Picture("JPEG 2000")
        } else if has(4, b"JXL ") || has(0, b"\xff\x0a") {
            Kind::Picture("JPEG XL")
        } else {
            Kind::Mjpeg
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_told_from_streams() {
        for (head, expected) in [
            (&b""[..], Kind::Empty),
            (b"YUV4MPEG2 W2", Kind::Y4m),
            (b"\xff\xd8\xff\xe0", Kind::Mjpeg),
            (b"\r\n\xff\xd8\xff", Kind::Mjpeg),
            (b"--boundary\r\nContent-Type: image/jpeg", Kind::Mjpeg),
            (b"HTTP/1.0 200 OK\r\n", Kind::Mjpeg),
            (b"\0\0\0\x20ftypisom", Kind::Film("MP4 or QuickTime")),
            (b"RIFF\0\0\0\0AVI LIST", Kind::Film("AVI")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Picture("WebP")),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Kind::Picture("HEIC")),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", Kind::Picture("AVIF")),
            (b"\x89PNG\r\n\x1a\n", Kind::Picture("PNG")),
            (b"BM\x36\x10\x0e\0\0\0\0\0\x36", Kind::Picture("BMP")),
            (b"BMore than text", Kind::Mjpeg),
            (b"II*\0\x08", Kind::Picture("TIFF")),
            (b"MM\0*\0", Kind::Picture("TIFF")),
            (b"\0\0\0\x0cjP  \r\n", Kind::Picture("JPEG 2000")),
            (b"\0\0\0\x0cJXL \r\n", Kind::Picture("JPEG XL")),
            (b"\xff\x0a\xfa", Kind::Picture("JPEG XL")),
            (b"\x1a\x45\xdf\xa3\x01", Kind::Film("Matroska or WebM")),
            (b"\0\0\0\x01\x27\x64\0\x28", Kind::Film("H.264 or H.265")),
            (b"\0\0\x01\x67", Kind::Film("H.264 or H.265")),
            (b"\0\0\0\x08wide\0\0", Kind::Film("MP4 or QuickTime")),
            (b"\0\0\x01\xb0\x01", Kind::Film("MPEG")),
            (b"DKIF\0\0\x20\0VP80", Kind::Film("IVF")),
            (b"\x06\x0e\x2b\x34\x02", Kind::Film("MXF")),
            (b"\x1f\x07\0\xbf", Kind::Film("DV")),
        ] {
            assert_eq!(Kind::of(head), expected, "{head:x?}");
        }
        for [first, second] in PACKETS {
            let mut packets = vec![0; HEAD_BYTES];
            (packets[first], packets[second]) = (PACKET_START, PACKET_START);
            assert_eq!(Kind::of(&packets), Kind::Film("an MPEG transport stream"));
            assert_eq!(Kind::of(&packets[..100]), Kind::Mjpeg);
        }
    }
}
