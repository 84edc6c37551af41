//! TLS, by `rustls`. The broker has to show a certificate of an authority that this machine trusts:
//! its own ones, or those of the file that `SSL_CERT_FILE` names.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::error::SessionError;

pub struct Tls {
    connection: ClientConnection,
    stream: TcpStream,
}

impl Tls {
    /// Shakes hands over a stream with time-outs; returns when each side knows the other.
    pub fn open(mut stream: TcpStream, host: &str) -> Result<Tls, SessionError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::NoAddress)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls_error)?
            .with_root_certificates(authorities()?)
            .with_no_client_auth();
        let mut connection = ClientConnection::new(Arc::new(config), name).map_err(tls_error)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(of_handshake)?;
        }
        Ok(Tls { connection, stream })
    }

    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(bytes)?;
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    /// As [`Transport::receive`](super::transport::Transport::receive).
    pub fn receive(&mut self, into: &mut BytesMut) -> io::Result<bool> {
        if self.connection.read_tls(&mut self.stream)? == 0 {
            return Ok(false);
        }
        let state = self.connection.process_new_packets().map_err(io::Error::other)?;
        let from = into.len();
        into.resize(from + state.plaintext_bytes_to_read(), 0);
        self.connection.reader().read_exact(&mut into[from..])?;
        Ok(true)
    }
}

/// The certificates that this machine trusts.
fn authorities() -> Result<RootCertStore, SessionError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let cause = found.errors.first().map_or_else(|| "none is installed".into(), ToString::to_string);
        return Err(SessionError::NoAuthorities(cause));
    }
    Ok(roots)
}

/// `rustls` puts its errors into those of the stream.
fn of_handshake(error: io::Error) -> SessionError {
    match error.downcast::<rustls::Error>() {
        Ok(error) => tls_error(error),
        Err(error) => match SessionError::of(error) {
            SessionError::Ended => SessionError::SpeaksNoTls,
            error => error,
        },
    }
}

fn tls_error(error: rustls::Error) -> SessionError {
    match error {
        rustls::Error::InvalidCertificate(cause) => SessionError::Certificate(cause.to_string()),
        rustls::Error::InvalidMessage(_) => SessionError::SpeaksNoTls,
        error => SessionError::Tls(error.to_string()),
    }
}
