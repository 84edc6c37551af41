//! Datagrams to one place, whose name may get an address only later.

use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use super::PublishError;

/// After a failure nothing is looked up or bound for so long, and twice as long after each further one ..
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// .. up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub struct Udp {
    name: String,
    host: String,
    port: u16,
    socket: Option<UdpSocket>,
    pause: Duration,
    not_before: Option<Instant>,
}

impl Udp {
    /// `name` is said in messages.
    pub fn new(name: String, host: String, port: u16) -> Self {
        Udp { name, host, port, socket: None, pause: FIRST_PAUSE, not_before: None }
    }

    pub fn send(&mut self, datagram: &[u8]) -> Result<(), PublishError> {
        let sent = self.connected().and_then(|socket| socket.send(datagram));
        match sent {
            Ok(_) => {
                self.pause = FIRST_PAUSE;
                Ok(())
            }
            // Nobody listens there yet, as an earlier datagram came to know; the socket stays good.
            Err(source) if source.kind() == std::io::ErrorKind::ConnectionRefused => Err(self.failed(source)),
            Err(source) => {
                if self.not_before.is_none_or(|at| Instant::now() >= at) {
                    self.socket = None;
                    self.not_before = Some(Instant::now() + self.pause);
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
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
            if self.not_before.is_some_and(|at| Instant::now() < at) {
                return Err(std::io::Error::new(std::io::ErrorKind::NotConnected, "not reached yet; trying again"));
            }
            let nowhere = || std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address");
            let address = (self.host.as_str(), self.port).to_socket_addrs()?.next().ok_or_else(nowhere)?;
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
            socket.connect(address)?;
            self.socket = Some(socket);
        }
        Ok(self.socket.as_ref().expect("just made"))
    }
}
