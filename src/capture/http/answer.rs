//! What a server answers, up to where its stream begins. `httparse` reads it; this file bounds its
//! size and its time, and says what is no stream.

use std::io::{self, BufRead};
use std::time::{Duration, Instant};

use super::body::Body;
use super::error::HttpError;
use super::{MAX_FIELDS, MAX_HEAD_BYTES, READ_WITHIN, in_words};
use crate::text::message::in_one_line;

/// Parts of the types of what is no stream; some servers call those by none, or by `octet-stream`.
const OTHER_KINDS: [&str; 6] = ["text/", "json", "xml", "javascript", "audio/", "/pdf"];
const PLAYLISTS: [&str; 2] = ["mpegurl", "dash+xml"];

/// What a server answers.
#[derive(Debug)]
pub enum Answer<R> {
    Body(Body<R>),
    /// To another address.
    Redirect(String),
}

/// Reads the head of an answer. Those that a server sends before it, as `100 Continue`, are passed
/// over.
pub fn answer<R: BufRead>(reader: R) -> Result<Answer<R>, HttpError> {
    answer_within(reader, READ_WITHIN)
}

fn answer_within<R: BufRead>(mut reader: R, within: Duration) -> Result<Answer<R>, HttpError> {
    let deadline = Instant::now() + within;
    let mut left = MAX_HEAD_BYTES;
    loop {
        let (head, length) = Head::read(&mut reader, deadline, left)?;
        if !head.is_interim() {
            return head.answer(reader);
        }
        left -= length;
    }
}

/// Status and fields of an answer.
struct Head {
    code: u16,
    reason: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// It and its length, of so many bytes at most. What follows it stays in the reader.
    fn read(reader: &mut impl BufRead, deadline: Instant, most: usize) -> Result<(Head, usize), HttpError> {
        let mut bytes = Vec::new();
        loop {
            // A server that sends it byte by byte would be waited for as long as it likes.
            if Instant::now() >= deadline {
                return Err(io::Error::other("its head takes too long").into());
            }
            let more = match reader.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                more => more.map_err(in_words)?,
            };
            let before = bytes.len();
            match (more.is_empty(), before) {
                (true, 0) => return Err(HttpError::NoAnswer),
                (true, _) => return Err(HttpError::NoHttp),
                (false, _) => bytes.extend_from_slice(&more[..more.len().min(most - before)]),
            }
            match Head::of(&bytes)? {
                Some((head, length)) => {
                    reader.consume(length - before);
                    return Ok((head, length));
                }
                None if bytes.len() == most => return Err(HttpError::LongHead),
                None => reader.consume(bytes.len() - before),
            }
        }
    }

    /// `None` where more has to come.
    fn of(bytes: &[u8]) -> Result<Option<(Head, usize)>, HttpError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        // As careless as servers are.
        let mut parser = httparse::ParserConfig::default();
        parser
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .ignore_invalid_headers_in_responses(true);
        let length = match parser.parse_response(&mut response, bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HttpError::LongHead),
            Err(_) => return Err(HttpError::NoHttp),
        };
        // A value that goes on in the next line has its line end in it.
        let value = |field: &httparse::Header<'_>| in_one_line(&String::from_utf8_lossy(field.value));
        let fields = response.headers.iter().map(|field| (field.name.to_owned(), value(field))).collect();
        let (code, reason) = (response.code.unwrap_or_default(), response.reason.unwrap_or_default().to_owned());
        Ok(Some((Head { code, reason, fields }, length)))
    }

    /// Another head follows this one, on the same connection. 101 is none of these: what follows it
    /// is another protocol.
    fn is_interim(&self) -> bool {
        (100..200).contains(&self.code) && self.code != 101
    }

    /// All that stand under this name.
    fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str())
    }

    fn first<'a>(&'a self, wanted: &'a str) -> Option<&'a str> {
        self.all(wanted).next()
    }

    /// What the server wants where it wants a password.
    fn wants_password(&self) -> HttpError {
        let ways: Vec<&str> = self.all("WWW-Authenticate").filter_map(|way| way.split_whitespace().next()).collect();
        match ways.first() {
            Some(way) if !ways.iter().any(|way| way.eq_ignore_ascii_case("basic")) => {
                HttpError::OtherPassword((*way).into())
            }
            _ => HttpError::NoPassword,
        }
    }

    /// Whether the body comes in chunks; that it is packed is an error.
    fn is_chunked(&self) -> Result<bool, HttpError> {
        let transfer: Vec<&str> = self.codings("Transfer-Encoding").collect();
        let is_chunks = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
        let packed = transfer.iter().copied().find(|coding| !is_chunks(coding));
        match packed.or_else(|| self.codings("Content-Encoding").next()) {
            Some(coding) => Err(HttpError::Packed(coding.into())),
            None => Ok(!transfer.is_empty()),
        }
    }

    /// The codings in the lists of this name, but for the one that changes nothing.
    fn codings<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let codings = self.all(name).flat_map(|list| list.split(','));
        let names = codings.map(|coding| coding.split(';').next().unwrap_or_default().trim());
        names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
    }

    fn answer<R: BufRead>(&self, reader: R) -> Result<Answer<R>, HttpError> {
        match self.code {
            200 => {}
            301 | 302 | 303 | 307 | 308 => {
                let to = self.first("Location").filter(|to| !to.is_empty());
                return to.map(|to| Answer::Redirect(to.into())).ok_or(HttpError::Nowhere);
            }
            401 => return Err(self.wants_password()),
            code => return Err(HttpError::Status(format!("{code} {}", self.reason).trim_end().into())),
        }
        // Its parameters may be any text, such as a stream's boundary.
        let kind = self.first("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let lower = kind.to_ascii_lowercase();
        // A stream has no length.
        if lower.starts_with("image/") && self.first("Content-Length").is_some() {
            return Err(HttpError::OnePicture);
        }
        let is = |names: &[&str]| !lower.starts_with("multipart/") && names.iter().any(|name| lower.contains(name));
        if is(&PLAYLISTS) {
            return Err(HttpError::Playlist(kind.into()));
        }
        if is(&OTHER_KINDS) {
            return Err(HttpError::Kind(kind.into()));
        }
        Ok(Answer::Body(Body::new(reader, self.is_chunked()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn body(answer_bytes: &[u8]) -> Result<Vec<u8>, String> {
        match answer(answer_bytes).map_err(|e| e.to_string())? {
            Answer::Redirect(to) => Err(format!("to {to}")),
            Answer::Body(mut body) => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
                Ok(bytes)
            }
        }
    }

    #[test]
    fn answers_are_read_whole_or_in_chunks() {
        assert_eq!(
            body(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff"),
            Ok(b"\xff\xd8\xff".to_vec())
        );
        assert_eq!(body(b"HTTP/1.1 200\nA: b\n\nbody"), Ok(b"body".to_vec()));
        for boundary in ["json", "text/xml", "\"--image/;audio/\""] {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: Multipart/x-mixed-replace; boundary={boundary}\r\n\r\n");
            assert_eq!(body(head.as_bytes()), Ok(Vec::new()), "{boundary}");
        }
        let chunks =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(body(chunks), Ok(b"abc0123456789".to_vec()));
    }

    #[test]
    fn what_is_packed_is_refused_and_not_garbled() {
        let with = |fields: &str| body(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nab\r\n0\r\n\r\n").as_bytes());
        for chunked in [
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: , chunked ;x=y\r\nContent-Encoding: Identity",
        ] {
            assert_eq!(with(chunked), Ok(b"ab".to_vec()), "{chunked}");
        }
        assert_eq!(with("Transfer-Encoding: identity"), Ok(b"2\r\nab\r\n0\r\n\r\n".to_vec()));
        for packed in ["Transfer-Encoding: gzip, chunked", "Content-Encoding: gzip", "Transfer-Encoding: chunked, gzip"]
        {
            let expected = "it packs what it sends (gzip); expected a stream as it is; let another program fetch it";
            assert_eq!(with(packed).unwrap_err(), expected, "{packed}");
        }
    }

    #[test]
    fn heads_are_read_however_servers_write_them() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                        HTTP/1.1 200 OK\r\n\r\nbody";
        assert_eq!(body(interim), Ok(b"body".to_vec()));
        let folded = b"HTTP/1.1 200 OK\r\ncontent-type: multipart/x-mixed-replace;\r\n\tboundary=x\r\n\
                       TRANSFER-ENCODING :\r\n chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        assert_eq!(body(folded), Ok(b"ab".to_vec()));
        let folded = body(b"HTTP/1.1 200 OK\r\nContent-Type:\r\n text/html\r\n\r\n").unwrap_err();
        assert!(folded.contains("it sends text/html"), "{folded}");
        // Heads without an end are one.
        let error = body(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).unwrap_err();
        assert!(error.contains("has more than 16384 bytes or 100 fields"), "{error}");
        let error =
            body(format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1)).as_bytes()).unwrap_err();
        assert!(error.contains("has more than 16384 bytes or 100 fields"), "{error}");
    }

    #[test]
    fn what_stands_behind_the_last_chunk_is_no_chunk() {
        let bytes =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 12\r\n\r\nHTTP/1.1 400";
        let Ok(Answer::Body(mut body)) = answer(&bytes[..]) else { panic!("there is a body") };
        let mut buffer = [0; 9];
        let read = [(); 4].map(|()| body.read(&mut buffer).unwrap());
        assert_eq!(read, [1, 0, 0, 0]);
    }

    #[test]
    fn a_server_that_says_nothing_is_said_to() {
        #[derive(Debug)]
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
        let head = BufReader::new(Silent);
        assert_eq!(answer(head).unwrap_err().to_string(), "it gave no answer: it says nothing for 10 s");
        let body = BufReader::new((&b"HTTP/1.0 200 OK\r\n\r\n"[..]).chain(Silent));
        let Ok(Answer::Body(mut body)) = answer(body) else { panic!("there is a body") };
        assert_eq!(body.read(&mut [0; 9]).unwrap_err().to_string(), "it says nothing for 10 s");
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_waited_for_no_longer_than_one_that_does_not_come() {
        #[derive(Debug)]
        struct Slow;
        impl Read for Slow {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                std::thread::sleep(Duration::from_millis(1));
                into[0] = b'x';
                Ok(1)
            }
        }
        let slow = BufReader::new((&b"HTTP/1.0 200 OK\r\nX: "[..]).chain(Slow));
        let error = answer_within(slow, Duration::from_millis(20)).unwrap_err().to_string();
        assert_eq!(error, "it gave no answer: its head takes too long");
    }

    #[test]
    fn other_answers_say_what_is_wrong() {
        for (bytes, expected) in [
            (&b""[..], "it ends the connection without an answer"),
            (b"HTTP/1.1 200", "no HTTP"),
            (b"RTSP/1.0 200 OK\r\n\r\n", "no HTTP"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "it answers 404 Not Found"),
            (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", "http://USER:PASSWORD@HOST/PATH"),
            (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x\r\n\r\n", "it wants a password by Digest"),
            (
                b"HTTP/1.1 401 No\r\nwww-authenticate: Digest realm=x\r\nwww-authenticate: basic realm=x\r\n\r\n",
                "it wants a user and a password",
            ),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "it answers 101 Switching Protocols"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "it sends text/html"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", "it sends application/json; expected"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegURL\r\n\r\n#EXTM3U",
                "it sends a list of films (application/vnd.apple.mpegURL), which ffmpeg reads",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n",
                "it sends one picture and no more; expected a stream",
            ),
            (b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", "to /there"),
            (b"HTTP/1.1 302 Found\r\n\r\n", "it sends us elsewhere and does not say where"),
            (b"HTTP/1.1 302 Found\r\nLocation: \r\n\r\n", "it sends us elsewhere and does not say where"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", "a chunk has no length"),
        ] {
            let error = body(bytes).unwrap_err();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
        assert!(body(&endless).is_err());
    }
}
