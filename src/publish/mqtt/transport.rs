//! The bytes of a connection to a broker, in the clear or by TLS.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Duration;

use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::error::SessionError;
#[cfg(feature = "tls")]
use super::tls::Tls;

/// A broker answers, and takes what is sent, within this time.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

pub enum Transport {
    Clear(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<Tls>),
}

impl Transport {
    pub fn open(host: &str, port: u16, tls: bool) -> Result<Transport, SessionError> {
        let stream = connect(host, port)?;
        if !tls {
            return Ok(Transport::Clear(stream));
        }
        #[cfg(feature = "tls")]
        return Tls::open(stream, host).map(Box::new).map(Transport::Tls);
        #[cfg(not(feature = "tls"))]
        return Err(SessionError::NoTls);
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Transport::Clear(stream) => stream.write_all(bytes),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.write_all(bytes),
        }
    }

    /// Whether something came that [`Transport::receive`] takes without waiting.
    pub fn is_readable(&self) -> io::Result<bool> {
        let socket = match self {
            Transport::Clear(stream) => stream.as_fd(),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.socket().as_fd(),
        };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::IN)], Some(&at_once))? > 0)
    }

    /// Waits until something comes, and appends what of it is for us: nothing where TLS has only
    /// spoken of itself. False at the connection's end.
    pub fn receive(&mut self, into: &mut BytesMut) -> io::Result<bool> {
        match self {
            Transport::Clear(stream) => {
                let mut part = [0; 4096];
                let count = stream.read(&mut part)?;
                into.extend_from_slice(&part[..count]);
                Ok(count > 0)
            }
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.receive(into),
        }
    }
}

/// To the first of the host's addresses that answers.
fn connect(host: &str, port: u16) -> Result<TcpStream, SessionError> {
    let mut last = SessionError::NoAddress;
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, ANSWERS_WITHIN) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
                stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
                return Ok(stream);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
