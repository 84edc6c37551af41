//! Datagrams to one place, whose name may get an address only later.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use super::PublishError;
use super::backoff::Backoff;

pub struct Udp {
    name: String,
    host: String,
    port: u16,
    socket: Option<UdpSocket>,
    backoff: Backoff,
}

impl Udp {
    /// `name` is said in messages.
    pub fn new(name: String, host: String, port: u16) -> Self {
        Udp { name, host, port, socket: None, backoff: Backoff::default() }
    }

    pub fn send(&mut self, datagram: &[u8]) -> Result<(), PublishError> {
        let sent = self.connected().and_then(|socket| socket.send(datagram));
        match sent {
            Ok(_) => {
                self.backoff.worked();
                Ok(())
            }
            // An earlier datagram met nobody there. The socket stays good, and this one goes out.
            Err(source) if source.kind() == std::io::ErrorKind::ConnectionRefused => {
                let _ = self.connected().and_then(|socket| socket.send(datagram));
                Err(self.failed(source))
            }
            Err(source) => {
                if self.backoff.is_over() {
                    self.socket = None;
                    self.backoff.failed();
                }
                Err(self.failed(source))
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> PublishError {
        PublishError::Send { target: self.name.clone(), source }
    }

    fn connected(&mut self) -> std::io::Result<&UdpSocket> {
        if self.socket.is_none() {
            if !self.backoff.is_over() {
                return Err(std::io::Error::new(std::io::ErrorKind::NotConnected, "not reached yet; trying again"));
            }
            let nowhere = || std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address");
            // Programs that listen to datagrams mostly do so on IPv4; `localhost` is both.
            let addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
            let address = addresses.min_by_key(SocketAddr::is_ipv6).ok_or_else(nowhere)?;
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
            socket.set_broadcast(true)?;
            socket.connect(address)?;
            self.socket = Some(socket);
        }
        Ok(self.socket.as_ref().expect("just made"))
    }
}
