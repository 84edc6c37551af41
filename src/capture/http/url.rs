//! Where a stream is, and how it is asked for.

use std::str::FromStr;

use base64ct::{Base64, Encoding};

use super::error::HttpError;
use crate::text::address::{Address, AddressError};
use crate::text::message::without_passwords;
use crate::text::percent;

const USUAL_PORT: u16 = 80;

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    pub(super) address: Address,
    path: String,
    /// `USER:PASSWORD`.
    pub(super) user: Option<String>,
}

impl FromStr for HttpUrl {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let whole = text.strip_prefix("http://").ok_or(HttpError::Url)?;
        // What names a place within a page is not the server's business.
        let rest = whole.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(percent::decoded(user).ok_or(HttpError::Login)?), host),
            None => (None, authority),
        };
        let address = Address::read(host, Some(USUAL_PORT)).map_err(|e| match e {
            // Where a password ends the host early, what follows it has the @.
            AddressError::Port if user.is_none() && whole.contains('@') => HttpError::Password,
            e => e.into(),
        })?;
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(HttpError::Url);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(HttpUrl { address, path, user })
    }
}

/// Without user and password, which may stand in the query, too.
impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.address.without_port(USUAL_PORT), without_passwords(&self.path))
    }
}

impl HttpUrl {
    /// With a place for user and password where it has them, which nobody may read in a message.
    pub(super) fn for_a_command(&self) -> String {
        let login = if self.user.is_some() { "http://USER:PASSWORD@" } else { "http://" };
        self.to_string().replacen("http://", login, 1)
    }

    /// By HTTP 1.0, which knows no chunks; servers that send them all the same are understood.
    pub(super) fn request(&self) -> String {
        let user = self.user.as_ref().map(|user| {
            let colon = if user.contains(':') { "" } else { ":" };
            format!("Authorization: Basic {}\r\n", Base64::encode_string(format!("{user}{colon}").as_bytes()))
        });
        format!(
            "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: wingmark/{}\r\nAccept: multipart/x-mixed-replace, image/jpeg, */*\r\n\
             Connection: close\r\n{}\r\n",
            self.path,
            self.address.without_port(USUAL_PORT),
            env!("CARGO_PKG_VERSION"),
            user.unwrap_or_default()
        )
    }

    /// The address that a server sends us to.
    pub(super) fn redirected(&self, to: &str) -> Result<HttpUrl, HttpError> {
        // An address may stand in a query, too.
        let is_protocol = |(name, _): &(&str, &str)| name.bytes().all(|b| b.is_ascii_alphanumeric());
        let asked = self.path.split('?').next().unwrap_or_default();
        let absolute = match to.split_once("://").filter(is_protocol) {
            Some((protocol, rest)) if protocol.eq_ignore_ascii_case("http") => format!("http://{rest}"),
            Some(_) => to.into(),
            None if to.starts_with("//") => format!("http:{to}"),
            None if to.starts_with('/') => format!("http://{}{to}", self.address),
            None if to.starts_with('?') => format!("http://{}{asked}{to}", self.address),
            // Beside the address that was asked for.
            None => {
                let folder = &asked[..asked.rfind('/').map_or(0, |at| at + 1)];
                format!("http://{}{folder}{to}", self.address)
            }
        };
        let found: HttpUrl = absolute.parse().map_err(|_| HttpError::Elsewhere(without_passwords(to)))?;
        // A password is for the server that it was given for.
        let user = found.user.clone().or_else(|| self.user.clone().filter(|_| found.address == self.address));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let parts = |text: &str| text.parse::<HttpUrl>().map(|url| (url.address.to_string(), url.path, url.user)).ok();
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
            "http://cam:0/",
            "http://[::1/",
            "http://cam]/",
            "http://cam/a b",
            "http://cam/\r\nX: y",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        let error = "http://::1/x".parse::<HttpUrl>().unwrap_err().to_string();
        assert!(error.contains("an IPv6 address stands in brackets"), "{error}");
        for cut in ["http://me:p#ss@cam/x", "http://me:p/ss@cam/x", "http://me:p?ss@cam/x"] {
            let error = cut.parse::<HttpUrl>().unwrap_err().to_string();
            assert_eq!(error, "in a password, # is written %23, / %2F and ? %3F");
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
}
