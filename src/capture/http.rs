//! MJPEG over HTTP, in the clear, as cameras and `mjpg-streamer` serve it.
//!
//! One request and its answer need no client library: what they have cannot time out while a body
//! without an end is read.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use thiserror::Error;

use super::piped::{Piped, Upstream};
use super::returning::{Lost, Opener, Returning};
use super::{CaptureError, FlawWatch, Origin};
use crate::text::message::without_passwords;
use crate::text::percent;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A server that says nothing for so long is gone.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// After what may be one picture alone, the next one is waited for so long.
const NEXT_WITHIN: Duration = Duration::from_secs(1);
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
    #[error("it refuses this user and password")]
    WrongPassword,
    #[error("it sends us elsewhere more than {MAX_REDIRECTS} times")]
    Circle,
    #[error("it sends us elsewhere and does not say where; give the address of the stream itself")]
    Nowhere,
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

/// Without user and password, which may stand in the query, too.
impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.strip_suffix(":80").unwrap_or(&self.host);
        write!(f, "http://{host}{}", without_passwords(&self.path))
    }
}

impl HttpUrl {
    /// Connects, and again whenever the connection ends, until the source is dropped.
    pub fn open(&self) -> Result<Returning<Connecting>, CaptureError> {
        let failed = |problem| CaptureError::Http { url: self.to_string(), problem };
        let opener = Connecting { url: self.clone(), flaws: FlawWatch::default() };
        let (mut stream, picture) = opener.connect().map_err(|e| failed(e.to_string()))?;
        stream.wait_for_first(READ_WITHIN).map_err(|Lost(reason)| failed(reason))?;
        if let Some(picture) = picture
            && stream.ends_with_first(NEXT_WITHIN)
        {
            return Err(failed(HttpError::OnePicture(picture).to_string()));
        }
        Ok(Returning::new(format!("camera {self}"), opener, stream))
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
        let user = self.user.as_ref().map(|user| {
            let colon = if user.contains(':') { "" } else { ":" };
            format!("Authorization: Basic {}\r\n", Base64::encode_string(format!("{user}{colon}").as_bytes()))
        });
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
        // An address may stand in a query, too.
        let is_protocol = |(name, _): &(&str, &str)| name.bytes().all(|b| b.is_ascii_alphanumeric());
        let asked = self.path.split('?').next().unwrap_or_default();
        let absolute = match to.split_once("://").filter(is_protocol) {
            Some((protocol, rest)) if protocol.eq_ignore_ascii_case("http") => format!("http://{rest}"),
            Some(_) => to.into(),
            None if to.starts_with("//") => format!("http:{to}"),
            None if to.starts_with('/') => format!("http://{}{to}", self.host),
            None if to.starts_with('?') => format!("http://{}{asked}{to}", self.host),
            // Beside the address that was asked for.
            None => {
                let folder = &asked[..asked.rfind('/').map_or(0, |at| at + 1)];
                format!("http://{}{folder}{to}", self.host)
            }
        };
        let found: HttpUrl = absolute.parse().map_err(|_| HttpError::Elsewhere(without_passwords(to)))?;
        // A password is for the server that it was given for.
        let user = found.user.clone().or_else(|| self.user.clone().filter(|_| found.host == self.host));
        Ok(HttpUrl { user, path: without_dots(&found.path), ..found })
    }
}

/// A path whose segments `.` and `..` are gone to where they lead (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What is named is a folder.
                kept.extend(segments.peek().is_none().then_some(""));
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// Connects again and again.
pub struct Connecting {
    url: HttpUrl,
    flaws: FlawWatch,
}

impl Connecting {
    /// The stream, and its type where that is a picture's.
    fn connect(&self) -> Result<(Piped<Connection>, Option<String>), HttpError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let socket = url.send_request()?;
            let connection = Connection(socket.try_clone()?);
            match answer(BufReader::new(socket)) {
                Ok(Answer::Body(mut body)) => {
                    let (name, flaws) = (self.url.to_string(), self.flaws.clone());
                    let picture = body.picture.take();
                    return Ok((Piped::start(connection, Box::new(body), name, why_ended, flaws)?, picture));
                }
                Ok(Answer::Redirect(to)) => url = url.redirected(&to)?,
                Err(HttpError::NoPassword) if url.user.is_some() => return Err(HttpError::WrongPassword),
                Err(e) => return Err(e),
            }
        }
        Err(HttpError::Circle)
    }
}

impl Opener for Connecting {
    type Stream = Piped<Connection>;

    fn open(&mut self) -> Result<Piped<Connection>, Lost> {
        self.connect().map(|(stream, _)| stream).map_err(|e| Lost(e.to_string()))
    }

    fn origin(&self) -> Origin {
        Origin { name: self.url.to_string(), ..Origin::default() }
    }
}

/// Why a stream is over, without its address, which messages have already.
fn why_ended(error: CaptureError) -> String {
    match &error {
        CaptureError::Read { source, .. } => source.to_string(),
        CaptureError::Mjpeg { source, .. } => source.to_string(),
        CaptureError::Y4m { source, .. } => source.to_string(),
        CaptureError::UnknownKind { name, .. } | CaptureError::Film { name, .. } => {
            error.to_string().replacen(name, "it", 1)
        }
        _ => error.to_string(),
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

/// Reads the head of an answer. Those that a server sends before it, as `100 Continue`, are passed
/// over.
pub fn answer<R: BufRead>(reader: R) -> Result<Answer<R>, HttpError> {
    answer_within(reader, READ_WITHIN)
}

fn answer_within<R: BufRead>(mut reader: R, within: Duration) -> Result<Answer<R>, HttpError> {
    let mut limited = Until(&mut reader, Instant::now() + within).take(MAX_HEAD_BYTES);
    loop {
        let head = Head::read(&mut limited)?;
        if !head.is_interim() {
            return head.answer(reader);
        }
    }
}

/// Status and fields of an answer.
struct Head {
    /// From its number on, as `404 Not Found`.
    status: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> Result<Head, HttpError> {
        let mut head = Vec::new();
        loop {
            let before = head.len();
            reader.read_until(b'\n', &mut head).map_err(in_words)?;
            match &head[before..] {
                b"\r\n" | b"\n" if before > 0 => break,
                [.., b'\n'] => {}
                [] if before == 0 => return Err(HttpError::NoAnswer),
                _ => return Err(HttpError::NoHttp),
            }
        }
        Head::of(&String::from_utf8_lossy(&head))
    }

    fn of(text: &str) -> Result<Head, HttpError> {
        let mut lines = text.lines();
        let status = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or(HttpError::NoHttp)?;
        let (_, status) = status.split_once(' ').ok_or(HttpError::NoHttp)?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            // A line that begins with a blank goes on with the one before (RFC 9112, 5.2).
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                *value = format!("{value} {line}").trim().into();
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().into(), value.trim().into()));
            }
        }
        Ok(Head { status: status.trim().into(), fields })
    }

    /// Another head follows this one, on the same connection. 101 is none of these: what follows it
    /// is another protocol.
    fn is_interim(&self) -> bool {
        self.status.starts_with('1') && !self.status.starts_with("101")
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

    fn answer<R>(&self, reader: R) -> Result<Answer<R>, HttpError> {
        match self.status.get(..3) {
            Some("200") => {}
            Some("301" | "302" | "303" | "307" | "308") => {
                let to = self.first("Location").filter(|to| !to.is_empty());
                return to.map(|to| Answer::Redirect(to.into())).ok_or(HttpError::Nowhere);
            }
            Some("401") => return Err(self.wants_password()),
            _ => return Err(HttpError::Status(self.status.clone())),
        }
        // Its parameters may be any text, such as a stream's boundary.
        let kind = self.first("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let lower = kind.to_ascii_lowercase();
        let is_picture = lower.starts_with("image/");
        // A stream has no length.
        if is_picture && self.first("Content-Length").is_some() {
            return Err(HttpError::OnePicture(kind.into()));
        }
        let is = |names: &[&str]| !lower.starts_with("multipart/") && names.iter().any(|name| lower.contains(name));
        if is(&PLAYLISTS) {
            return Err(HttpError::Playlist(kind.into()));
        }
        if is(&OTHER_KINDS) {
            return Err(HttpError::Kind(kind.into()));
        }
        let is_chunked = self.first("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let next = if is_chunked { Next::Length { is_first: true } } else { Next::Rest };
        Ok(Answer::Body(Body { reader, next, picture: is_picture.then(|| kind.into()) }))
    }
}

/// What follows the head, without the lines between its chunks.
#[derive(Debug)]
pub struct Body<R> {
    reader: R,
    next: Next,
    /// Its type, where that is a picture's: it may be one alone.
    picture: Option<String>,
}

/// What the reader of a body stands before.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// All that comes until the connection ends.
    Rest,
    /// The line that says how long a chunk is; behind a chunk, its line end is before it.
    Length { is_first: bool },
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The end, whatever stands behind the last chunk.
    End,
}

impl<R: BufRead> Body<R> {
    /// The length of the next chunk; 0 for the last one.
    fn length(&mut self, is_first: bool) -> io::Result<u64> {
        let mut line = Vec::new();
        for _ in 0..=usize::from(!is_first) {
            line.clear();
            (&mut self.reader).take(MAX_HEAD_BYTES).read_until(b'\n', &mut line).map_err(in_words)?;
        }
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
        if into.is_empty() {
            return Ok(0);
        }
        if let Next::Length { is_first } = self.next {
            let length = self.length(is_first)?;
            self.next = if length == 0 { Next::End } else { Next::Chunk(length) };
        }
        match self.next {
            Next::Chunk(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
                let read = self.reader.read(&mut into[..most]).map_err(in_words)?;
                let left = left - read as u64;
                self.next = if left == 0 { Next::Length { is_first: false } } else { Next::Chunk(left) };
                Ok(read)
            }
            Next::Rest => self.reader.read(into).map_err(in_words),
            Next::Length { .. } | Next::End => Ok(0),
        }
    }
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
        let shown = |text: &str| text.parse::<HttpUrl>().unwrap().to_string();
        assert_eq!(shown("http://me:secret@cam/x"), "http://cam/x");
        assert_eq!(shown("http://cam/x?user=me&pwd=secret&n=1"), "http://cam/x?user=me&pwd=***&n=1");
        let request = |text: &str| text.parse::<HttpUrl>().unwrap().request();
        assert!(request("http://cam/x?pwd=secret").starts_with("GET /x?pwd=secret HTTP/1.0\r\n"));
        assert!(request("http://me@cam/x").contains("Basic bWU6\r\n"));
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
            ("../y", "http://cam:81/y"),
            ("../../../y/./z", "http://cam:81/y/z"),
            (".", "http://cam:81/a/"),
            ("/y/../z?a=../b", "http://cam:81/z?a=../b"),
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
        assert!(error.contains("without an answer") || error.contains("no HTTP"), "{error}");
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
                "it sends one picture (image/jpeg)",
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
