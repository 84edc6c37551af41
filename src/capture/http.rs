//! MJPEG over HTTP, in the clear, as cameras and `mjpg-streamer` serve it.
//!
//! One request and its answer need no client library: what they have cannot time out while a body
//! without an end is read.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::piped::{Piped, Upstream};
use super::returning::{Lost, Opener, Returning};
use super::{CaptureError, Origin};
use crate::text::message::without_passwords;
use crate::text::percent;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A server that says nothing for so long is gone.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// No server sends a longer head.
const MAX_HEAD_BYTES: u64 = 16 << 10;
const MAX_REDIRECTS: usize = 4;
/// Parts of the types of what is no stream; some servers call those by none, or by `octet-stream`.
const OTHER_KINDS: [&str; 6] = ["text/", "json", "xml", "javascript", "audio/", "/pdf"];
const PLAYLISTS: [&str; 2] = ["mpegurl", "dash+xml"];

/// Why a server gives no frames.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum HttpError {
    #[error(
        "expected http://HOST/PATH, or http://USER:PASSWORD@HOST:PORT/PATH, with %40 for @, %2F for / in a password"
    )]
    Url,
    #[error("of user and password, each % has to be followed by a code; it is itself written %25")]
    Login,
    #[error("{host} is not known: {source}")]
    Unknown { host: String, source: io::Error },
    #[error("cannot connect to {host}: {source}")]
    Connect { host: String, source: io::Error },
    #[error("it gave no answer: {0}")]
    Read(#[from] io::Error),
    #[error("its answer is no HTTP")]
    NoHttp,
    #[error("it ends the connection without an answer")]
    NoAnswer,
    #[error("it answers {0}")]
    Status(String),
    #[error("it wants a password by {0}; only basic authentication is known; let another program fetch the stream")]
    OtherPassword(String),
    #[error("it sends us elsewhere more than {MAX_REDIRECTS} times")]
    Circle,
    #[error("it wants a user and a password: http://USER:PASSWORD@HOST/PATH (sent in the clear)")]
    NoPassword,
    #[error("it sends one picture ({0}); expected a stream of them, MJPEG (multipart/x-mixed-replace)")]
    OnePicture(String),
    #[error("it sends {0}; expected MJPEG (multipart/x-mixed-replace)")]
    Kind(String),
    #[error(
        "it sends a list of films ({0}), which ffmpeg reads: ffmpeg -v error -i URL -pix_fmt yuv420p -f yuv4mpegpipe -"
    )]
    Playlist(String),
    #[error("it sends us elsewhere, to {0}, which is not read; give http:// alone, or let another program fetch it")]
    Elsewhere(String),
}

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Name and port.
    host: String,
    path: String,
    /// `USER:PASSWORD`.
    user: Option<String>,
}

impl FromStr for HttpUrl {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let rest = text.strip_prefix("http://").ok_or(HttpError::Url)?;
        // What names a place within a page is not the server's business.
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(percent::decoded(user).ok_or(HttpError::Login)?), host),
            None => (None, authority),
        };
        let is_bare = host.ends_with(']') || !host.contains(':');
        let host = if is_bare { format!("{host}:80") } else { host.to_owned() };
        let (name, port) = host.rsplit_once(':').ok_or(HttpError::Url)?;
        let is_sound = |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if name.is_empty() || port.parse::<u16>().is_err() || !is_sound(text) {
            return Err(HttpError::Url);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(HttpUrl { host, path, user })
    }
}

/// Without user and password.
impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.host.strip_suffix(":80").unwrap_or(&self.host), self.path)
    }
}

impl HttpUrl {
    /// Connects, and again whenever the connection ends, until the source is dropped.
    pub fn open(&self) -> Result<Returning<HttpUrl>, CaptureError> {
        let failed = |problem| CaptureError::Http { url: self.to_string(), problem };
        let mut stream = self.connect().map_err(|e| failed(e.to_string()))?;
        stream.wait_for_first(READ_WITHIN).map_err(|Lost(reason)| {
            // The error has the address already.
            failed(reason.strip_prefix(&format!("{self} ")).map_or_else(|| reason.clone(), |rest| format!("it {rest}")))
        })?;
        Ok(Returning::new(format!("camera {self}"), self.clone(), stream))
    }

    fn connect(&self) -> Result<Piped<Connection>, HttpError> {
        let mut url = self.clone();
        for _ in 0..=MAX_REDIRECTS {
            let socket = url.send_request()?;
            let connection = Connection(socket.try_clone()?);
            match answer(BufReader::new(socket))? {
                Answer::Body(body) => {
                    return Ok(Piped::start(connection, Box::new(body), self.to_string(), |e| e.to_string())?);
                }
                Answer::Redirect(to) => url = url.redirected(&to)?,
            }
        }
        Err(HttpError::Circle)
    }

    fn send_request(&self) -> Result<TcpStream, HttpError> {
        let host = self.host.clone();
        let addresses = self.host.to_socket_addrs().map_err(|source| HttpError::Unknown { host, source })?;
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
                Ok(mut socket) => {
                    socket.set_read_timeout(Some(READ_WITHIN))?;
                    socket.set_write_timeout(Some(READ_WITHIN))?;
                    socket.write_all(self.request().as_bytes())?;
                    return Ok(socket);
                }
                Err(e) => failure = e,
            }
        }
        Err(HttpError::Connect { host: self.host.clone(), source: failure })
    }

    /// By HTTP 1.0, which knows no chunks; servers that send them all the same are understood.
    fn request(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("Authorization: Basic {}\r\n", base64(user.as_bytes())));
        format!(
            "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: wingmark/{}\r\nAccept: multipart/x-mixed-replace, image/jpeg, */*\r\n\
             Connection: close\r\n{}\r\n",
            self.path,
            self.host.strip_suffix(":80").unwrap_or(&self.host),
            env!("CARGO_PKG_VERSION"),
            user.unwrap_or_default()
        )
    }

    fn redirected(&self, to: &str) -> Result<HttpUrl, HttpError> {
        let absolute = match to.split_once("://") {
            Some((protocol, rest)) if protocol.eq_ignore_ascii_case("http") => format!("http://{rest}"),
            Some(_) => to.into(),
            None if to.starts_with("//") => format!("http:{to}"),
            None if to.starts_with('/') => format!("http://{}{to}", self.host),
            // Beside the address that was asked for.
            None => {
                let asked = self.path.split('?').next().unwrap_or_default();
                let folder = &asked[..asked.rfind('/').map_or(0, |at| at + 1)];
                format!("http://{}{folder}{to}", self.host)
            }
        };
        let found: HttpUrl = absolute.parse().map_err(|_| HttpError::Elsewhere(without_passwords(to)))?;
        // A password is for the server that it was given for.
        let user = found.user.clone().or_else(|| self.user.clone().filter(|_| found.host == self.host));
        Ok(HttpUrl { user, ..found })
    }
}

impl Opener for HttpUrl {
    type Stream = Piped<Connection>;

    fn open(&mut self) -> Result<Piped<Connection>, Lost> {
        self.connect().map_err(|e| Lost(e.to_string()))
    }

    fn origin(&self) -> Origin {
        Origin { name: self.to_string(), ..Origin::default() }
    }
}

/// A connection that is open until this is dropped.
pub struct Connection(TcpStream);

impl Upstream for Connection {
    fn why_ended(&mut self) -> Option<String> {
        None
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What fails here fails because the connection is closed.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A read that took too long is an error of another kind on each system.
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, format!("it says nothing for {} s", READ_WITHIN.as_secs()))
        }
        _ => error,
    }
}

/// What a server answers.
#[derive(Debug)]
pub enum Answer<R> {
    Body(Body<R>),
    /// To another address.
    Redirect(String),
}

/// A reader that gives nothing from a moment on: a server that sends its head byte by byte would be
/// waited for as long as it likes.
struct Until<R>(R, Instant);

impl<R: BufRead> Read for Until<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let read = bytes.len().min(into.len());
        into[..read].copy_from_slice(&bytes[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Until<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if Instant::now() >= self.1 {
            return Err(io::Error::other("its head takes too long"));
        }
        self.0.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.0.consume(bytes);
    }
}

/// Reads the head of an answer.
pub fn answer<R: BufRead>(reader: R) -> Result<Answer<R>, HttpError> {
    answer_within(reader, READ_WITHIN)
}

fn answer_within<R: BufRead>(mut reader: R, within: Duration) -> Result<Answer<R>, HttpError> {
    let mut head = Vec::new();
    let mut limited = Until(&mut reader, Instant::now() + within).take(MAX_HEAD_BYTES);
    loop {
        let before = head.len();
        limited.read_until(b'\n', &mut head).map_err(in_words)?;
        match &head[before..] {
            b"\r\n" | b"\n" if before > 0 => break,
            [.., b'\n'] => {}
            [] if before == 0 => return Err(HttpError::NoAnswer),
            _ => return Err(HttpError::NoHttp),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let status = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or(HttpError::NoHttp)?;
    let (_, status) = status.split_once(' ').ok_or(HttpError::NoHttp)?;
    let fields: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
    let field =
        |wanted: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value);
    match status.trim().get(..3) {
        Some("200") => {}
        Some("301" | "302" | "303" | "307" | "308") => {
            return field("Location").map(|to| Answer::Redirect(to.into())).ok_or(HttpError::NoHttp);
        }
        Some("401") => {
            let way = field("WWW-Authenticate").and_then(|way| way.split_whitespace().next()).unwrap_or("Basic");
            let is_known = way.eq_ignore_ascii_case("basic");
            return Err(if is_known { HttpError::NoPassword } else { HttpError::OtherPassword(way.into()) });
        }
        _ => return Err(HttpError::Status(status.trim().into())),
    }
    let kind = field("Content-Type").unwrap_or_default();
    // A stream has no length.
    if kind.to_ascii_lowercase().starts_with("image/") && field("Content-Length").is_some() {
        return Err(HttpError::OnePicture(kind.into()));
    }
    let is = |names: &[&str]| names.iter().any(|name| kind.to_ascii_lowercase().contains(name));
    if is(&PLAYLISTS) {
        return Err(HttpError::Playlist(kind.into()));
    }
    if is(&OTHER_KINDS) {
        return Err(HttpError::Kind(kind.into()));
    }
    let is_chunked = field("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    Ok(Answer::Body(Body { reader, chunk: is_chunked.then_some(0), has_begun: false }))
}

/// What follows the head, without the lines between its chunks.
#[derive(Debug)]
pub struct Body<R> {
    reader: R,
    /// What is left of the present chunk; `None` where there are none.
    chunk: Option<u64>,
    has_begun: bool,
}

impl<R: BufRead> Body<R> {
    /// The length of the next chunk; 0 for the last one.
    fn next_chunk(&mut self) -> io::Result<u64> {
        let mut line = Vec::new();
        // The line end behind the chunk before.
        for _ in 0..=usize::from(self.has_begun) {
            line.clear();
            (&mut self.reader).take(MAX_HEAD_BYTES).read_until(b'\n', &mut line).map_err(in_words)?;
        }
        self.has_begun = true;
        let text = String::from_utf8_lossy(&line);
        let digits = text.split(';').next().unwrap_or_default().trim();
        if digits.is_empty() {
            return Ok(0);
        }
        u64::from_str_radix(digits, 16).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a chunk has no length"))
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(mut left) = self.chunk else { return self.reader.read(into).map_err(in_words) };
        if left == 0 && !into.is_empty() {
            left = self.next_chunk()?;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let read = self.reader.read(&mut into[..most]).map_err(in_words)?;
        self.chunk = Some(left - read as u64);
        Ok(read)
    }
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().enumerate().fold(0_u32, |bits, (i, byte)| bits | u32::from(*byte) << (16 - 8 * i));
        let digit = move |i: usize| {
            let is_there = i <= three.len();
            if is_there { char::from(DIGITS[(bits >> (18 - 6 * i)) as usize & 63]) } else { '=' }
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let parts = |text: &str| text.parse::<HttpUrl>().map(|url| (url.host, url.path, url.user)).ok();
        let known = |host: &str, path: &str, user: Option<&str>| Some((host.into(), path.into(), user.map(Into::into)));
        assert_eq!(parts("http://cam"), known("cam:80", "/", None));
        assert_eq!(parts("http://cam/stream?a=b:c@d"), known("cam:80", "/stream?a=b:c@d", None));
        assert_eq!(parts("http://cam?action=stream"), known("cam:80", "/?action=stream", None));
        assert_eq!(parts("http://me:a@b@10.0.0.2:8080/x"), known("10.0.0.2:8080", "/x", Some("me:a@b")));
        assert_eq!(parts("http://[::1]:81/x"), known("[::1]:81", "/x", None));
        assert_eq!(parts("http://me:p%40%2Fss@cam/x#top"), known("cam:80", "/x", Some("me:p@/ss")));
        assert_eq!(parts("http://cam#top"), known("cam:80", "/", None));
        for wrong in [
            "http://me:100%@cam/",
            "https://cam/",
            "http://",
            "http://:80/",
            "http://cam:x/",
            "http://cam/a b",
            "http://cam/\r\nX: y",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        assert_eq!("http://me:secret@cam/x".parse::<HttpUrl>().unwrap().to_string(), "http://cam/x");
    }

    #[test]
    fn a_password_is_sent_to_its_server_alone() {
        let url: HttpUrl = "http://Aladdin:open sesame@cam/x".replace(' ', "_").parse().unwrap();
        assert!(
            url.request().contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuX3Nlc2FtZQ==\r\n"),
            "{}",
            url.request()
        );
        assert!(url.redirected("/y").unwrap().user.is_some());
        assert!(url.redirected("http://cam:80/y").unwrap().user.is_some());
        assert!(url.redirected("http://other/y").unwrap().user.is_none());
        assert!(url.redirected("https://cam/y").is_err());
        assert_eq!([&b""[..], b"a", b"ab", b"abc"].map(base64), ["", "YQ==", "YWI=", "YWJj"]);
    }

    #[test]
    fn a_server_may_send_us_anywhere_by_http() {
        let url: HttpUrl = "http://cam:81/a/b?c=/d".parse().unwrap();
        let to = |location: &str| url.redirected(location).map(|url| url.to_string()).ok();
        for (location, expected) in [
            ("/y", "http://cam:81/y"),
            ("y?z", "http://cam:81/a/y?z"),
            ("//other/y", "http://other/y"),
            ("HTTP://other:82/y", "http://other:82/y"),
        ] {
            assert_eq!(to(location).as_deref(), Some(expected), "{location}");
        }
        for refused in ["https://cam/y", "rtsp://cam/y", "/a b"] {
            assert_eq!(to(refused), None, "{refused}");
        }
    }

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
        let chunks =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(body(chunks), Ok(b"abc0123456789".to_vec()));
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
            (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "it sends text/html"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", "it sends application/json; expected"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegURL\r\n\r\n#EXTM3U",
                "it sends a list of films (application/vnd.apple.mpegURL), which ffmpeg reads",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n",
                "it sends one picture (image/jpeg)",
            ),
            (b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", "to /there"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", "a chunk has no length"),
        ] {
            let error = body(bytes).unwrap_err();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
        assert!(body(&endless).is_err());
    }
}
