//! What a connection asks for. `httparse` reads it; this file bounds its size and time.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::text::address::{Address, is_numeric_or_local};

/// A request has its last line within this time, however its bytes trickle.
pub const ASKS_WITHIN: Duration = Duration::from_secs(5);
/// Of the request's line and its headers together.
const MOST_BYTES: usize = 8192;
const MOST_HEADERS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Without what follows a question mark.
    pub path: String,
    /// Only what comes before the answer's body is wanted.
    pub is_head: bool,
    pub accept: Option<String>,
    pub authorization: Option<String>,
    pub host: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It came too slowly.
    Slow,
    TooLong,
    /// It is not HTTP.
    Malformed,
    /// Neither GET nor HEAD.
    Method,
    /// The connection broke, or there never was a request.
    Gone,
}

/// Reads a request whole.
pub fn read(mut stream: &TcpStream) -> Result<Request, Refusal> {
    let deadline = Instant::now() + ASKS_WITHIN;
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::Slow);
        }
        stream.set_read_timeout(Some(left)).map_err(|_| Refusal::Gone)?;
        match stream.read(&mut part) {
            Ok(0) => return Err(Refusal::Gone),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(Refusal::Slow),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Refusal::Gone),
        }
        if let Some(request) = parse(&bytes)? {
            return Ok(request);
        }
    }
}

/// `None` where more has to come.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length > MOST_BYTES => return Err(Refusal::TooLong),
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() > MOST_BYTES => return Err(Refusal::TooLong),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLong),
        Err(_) => return Err(Refusal::Malformed),
    }
    let is_head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Refusal::Method),
    };
    // A proxy names the host before the path, which then goes before the header (RFC 9112).
    let asked = request.path.unwrap_or_default();
    let (named, path) = match asked.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None => ("", asked),
    };
    let path = path.split('?').next().filter(|path| !path.is_empty()).unwrap_or("/").to_string();
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(|value| value.trim().to_string())
    };
    let (accept, authorization) = (header("accept"), header("authorization"));
    let host = if named.is_empty() { header("host") } else { Some(named.into()) };
    Ok(Some(Request { path, is_head, accept, authorization, host }))
}

impl Request {
    /// Whether its `Host` is an address or a name of this machine. A page of another host whose
    /// name was made to resolve to this machine (DNS rebinding) sends that name.
    pub fn is_for_this_machine(&self) -> bool {
        let Some(host) = &self.host else { return false };
        Address::read(host, Some(80)).is_ok_and(|address| is_numeric_or_local(&address.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_whole_and_within_bounds() {
        let whole = b"GET /events?x=1 HTTP/1.1\r\nHost: localhost:8080\r\nauthorization:  Bearer abc \r\n\r\n";
        let request = parse(whole).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.is_head), ("/events", false));
        assert_eq!(request.authorization.as_deref(), Some("Bearer abc"));
        assert!(request.is_for_this_machine());
        for (asked, path, is_ours) in [
            ("http://127.0.0.1:8080/healthz?a", "/healthz", true),
            ("http://localhost", "/", true),
            ("http://evil.example/events", "/events", false),
        ] {
            let request = format!("GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let request = parse(request.as_bytes()).unwrap().unwrap();
            assert_eq!((request.path.as_str(), request.is_for_this_machine()), (path, is_ours), "{asked}");
        }
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), Ok(None), "{end} bytes");
        }
        assert_eq!(parse(b"POST / HTTP/1.1\r\n\r\n"), Err(Refusal::Method));
        assert_eq!(parse(b"\x16\x03\x01\x02\x00\x01"), Err(Refusal::Malformed));
        assert_eq!(parse(b"GET / HTTP/1.1\r\nA b\r\n\r\n"), Err(Refusal::Malformed));
        assert_eq!(parse(format!("GET /{} HTTP/1.1\r\n", "a".repeat(MOST_BYTES)).as_bytes()), Err(Refusal::TooLong));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(parse(many.as_bytes()), Err(Refusal::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_request_or_none(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), end in 0..60usize) {
            let _ = parse(&bytes);
            let whole = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let begun = &whole[..end.min(whole.len())];
            if let Ok(Some(request)) = parse(&[begun, &bytes].concat()) {
                proptest::prop_assert!(request.path.len() <= MOST_BYTES);
                let _ = request.is_for_this_machine();
            }
        }
    }

    #[test]
    fn a_name_of_another_host_is_not_this_machine() {
        let to = |host: Option<&str>| {
            let host = host.map(String::from);
            Request { path: "/".into(), is_head: false, accept: None, authorization: None, host }.is_for_this_machine()
        };
        assert!(["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:80", "192.168.1.2"].iter().all(|h| to(Some(h))));
        assert!(
            ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[x]"].iter().all(|h| !to(Some(h)))
        );
        assert!(!to(None));
    }
}
