//! MJPEG over HTTP, in the clear, as cameras and `mjpg-streamer` serve it.
//!
//! One request and its answer need no client library: what they have cannot time out while a body
//! without an end is read.

mod answer;
mod body;
mod error;
mod url;

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::piped::{Piped, Upstream};
use super::returning::{Lost, Opener, Returning};
use super::{CaptureError, FlawWatch, Origin};
use crate::text::address::Address;

pub use answer::{Answer, answer};
pub use body::Body;
pub use error::HttpError;
pub use url::HttpUrl;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A server that says nothing for so long is gone.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// After the first picture, which may be the only one, the next one is waited for so long.
const NEXT_WITHIN: Duration = Duration::from_secs(1);
/// No server sends a longer head.
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 100;
const MAX_REDIRECTS: usize = 4;

impl HttpUrl {
    /// Connects, and again whenever the connection ends, until the source is dropped.
    pub fn open(&self) -> Result<Returning<Connecting>, CaptureError> {
        let failed = |problem| CaptureError::Http { url: self.to_string(), problem };
        let opener = Connecting { url: self.clone(), flaws: FlawWatch::default() };
        let mut stream = opener.connect().map_err(|e| failed(e.to_string()))?;
        stream.wait_for_first(READ_WITHIN).map_err(|Lost(reason)| failed(reason))?;
        if stream.ends_with_first(NEXT_WITHIN) {
            return Err(failed(HttpError::OnePicture.to_string()));
        }
        Ok(Returning::new(format!("camera {self}"), opener, stream))
    }

    fn send_request(&self) -> Result<TcpStream, HttpError> {
        let Address { host, port } = &self.address;
        let unknown = |source| HttpError::Unknown { host: self.address.to_string(), source };
        let addresses = (host.as_str(), *port).to_socket_addrs().map_err(unknown)?;
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
        Err(HttpError::Connect { host: self.address.to_string(), source: failure })
    }
}

/// Connects again and again.
pub struct Connecting {
    url: HttpUrl,
    flaws: FlawWatch,
}

impl Connecting {
    fn connect(&self) -> Result<Piped<Connection>, HttpError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let socket = url.send_request()?;
            let connection = Connection(socket.try_clone()?);
            match answer(BufReader::new(socket)) {
                Ok(Answer::Body(body)) => {
                    let (name, flaws) = (self.url.for_a_command(), self.flaws.clone());
                    return Ok(Piped::start(connection, Box::new(body), name, why_ended, flaws)?);
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
        self.connect().map_err(|e| Lost(e.to_string()))
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
